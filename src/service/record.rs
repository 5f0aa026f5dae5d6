//! Steps that several use cases share: a new record, sealing, opening, giving out.

use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::call::Call;
use super::command::NewPair;
use super::pool::Work;
use crate::clock::random;
use crate::envelope::{Identity, KeyCode, inspect};
use crate::error::{Class, Error, Reason, Result, Violation};
use crate::kms::KekRef;
use crate::model::{
    EncryptionChoice, EncryptionMode, KeyPair, KeyPairId, KeyPairState, Maker, Origin, PrivateKeyState, SealedBy,
    ShortId,
};
use crate::secret::SecretText;
use crate::sshkey::{Fault, KeyFormat, PrivateKey, PublicKey};

/// A private half on its way out.
pub struct PrivateText {
    /// The file.
    pub text: SecretText,
    /// Its format.
    pub format: KeyFormat,
}

/// A new pair, ACTIVE, without a private half.
pub(super) fn new_pair(s: &Inner, new: &NewPair, public: PublicKey, comment: &str, origin: Origin) -> KeyPair {
    let now = s.parts.clock.now();
    KeyPair {
        id: s.ids.next(now, random(&*s.parts.entropy)),
        project: new.project.clone(),
        name: new.name.clone(),
        description: new.description.clone(),
        labels: new.labels.clone(),
        user_id: new.user_id.clone(),
        public,
        comment: comment.to_owned(),
        private_key_state: PrivateKeyState::None,
        sealed_by: None,
        origin,
        maker: Maker::Here,
        state: KeyPairState::Active,
        create_time: now,
        update_time: now,
        deleted: None,
        revision: 1,
        short_id: ShortId::from_random(random(&*s.parts.entropy)),
        generation: 0,
        placements: Vec::new(),
        journal: None,
        through: new.through.clone(),
    }
}

/// The next revision of a pair.
pub(super) fn changed(s: &Inner, pair: &KeyPair) -> KeyPair {
    KeyPair { revision: pair.revision + 1, update_time: s.parts.clock.now(), ..pair.clone() }
}

/// The key that a choice means. What is wrong with the choice is told as a violation of its fields.
pub(super) async fn resolve(s: &Inner, choice: &EncryptionChoice) -> Result<KekRef> {
    s.parts.envelope.resolve(choice).await.map_err(|error| match error.reason.class() {
        Class::InvalidArgument => {
            let violations = vec![Violation::new("encryption.kms_key_id", error.reason, error.message.clone())];
            Error { violations, ..error }
        }
        _ => error,
    })
}

/// Seals a private half for a pair, under a new DEK, and notes in the pair what sealed it.
pub(super) async fn seal(
    s: &Inner,
    pair: &mut KeyPair,
    key: &PrivateKey,
    mode: EncryptionMode,
    kek: &KekRef,
) -> Result<Vec<u8>> {
    pair.generation += 1;
    pair.private_key_state = PrivateKeyState::Stored;
    pair.sealed_by = Some(SealedBy {
        mode,
        backend: kek.backend.clone(),
        key_name: kek.name.clone(),
        key_id: kek.id.clone(),
        key_version: kek.version.clone(),
    });
    s.parts.envelope.seal(&key.to_compact(), &identity(pair, mode)?, kek).await
}

/// Opens the private half of a pair; its public half is computed anew and must be the pair's.
pub(super) async fn open(s: &Inner, pair: &KeyPair, envelope: &[u8]) -> Result<PrivateKey> {
    let Some(sealed_by) = &pair.sealed_by else { return Err(no_private_key(pair)) };
    let opened = s.parts.envelope.open(envelope, &identity(pair, sealed_by.mode)?).await;
    // What a back end says of a key that the row does not name is no answer: the envelope was changed.
    let compact = match opened {
        Err(_) if !names_key(envelope, sealed_by) => return Err(corrupt(pair.id, "its key is not the record's")),
        opened => opened?,
    };
    PrivateKey::from_compact(&pair.public, compact.expose()).ok_or_else(|| corrupt(pair.id, "opened to another key"))
}

/// Whether one of the envelope's wraps is under the key that the row names. One that cannot be read has said so itself.
fn names_key(envelope: &[u8], by: &SealedBy) -> bool {
    let is_it = |kek: &KekRef| {
        kek.backend == by.backend && kek.name == by.key_name && kek.id == by.key_id && kek.version == by.key_version
    };
    inspect(envelope).map_or(true, |header| header.wraps.iter().any(|wrap| is_it(&wrap.kek)))
}

/// Gives a private half out; one with a passphrase on the pool, because its KDF is slow by purpose.
pub(super) async fn give_out(
    s: &Inner,
    call: &Call,
    key: PrivateKey,
    comment: &str,
    format: KeyFormat,
    passphrase: Option<SecretText>,
) -> Result<(PrivateKey, PrivateText)> {
    let Some(passphrase) = passphrase else {
        let text = key.encode(format, None, comment, &*s.parts.entropy).map_err(|fault| refused("format", fault))?;
        return Ok((key, PrivateText { text, format }));
    };
    let (comment, entropy) = (comment.to_owned(), Arc::clone(&s.parts.entropy));
    let job = move || {
        let text = key.encode(format, Some(&passphrase), &comment, &*entropy);
        (key, text)
    };
    let (key, text) = s.parts.pool.run(Work::Derive(format.cost()), call, job).await?;
    Ok((key, PrivateText { text: text.map_err(|fault| refused("format", fault))?, format }))
}

/// Looks and commits, again when somebody else changed the pair in between; with an etag the next look tells so.
pub(super) async fn until_settled<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    for _ in 0..TRIES {
        match attempt().await {
            Err(error) if error.reason == Reason::Conflict => {}
            done => return done,
        }
    }
    Err(Error::new(Reason::Conflict, "the key pair keeps changing: try again"))
}

/// The pair has no private half here.
pub(super) fn no_private_key(pair: &KeyPair) -> Error {
    Error::new(Reason::NoPrivateKey, "the service does not hold the private half of this key pair")
        .with_resource("keypairs.v1.KeyPair", pair.id.to_string())
}

/// There is no such pair, or it is not the caller's to see: one and the same answer.
pub(super) fn not_found() -> Error {
    Error::new(Reason::KeyPairNotFound, "there is no such key pair in this project")
}

/// The row of a pair is damaged.
pub(super) fn corrupt(id: KeyPairId, detail: &str) -> Error {
    Error::new(Reason::RecordCorrupt, format!("the record of {id} is damaged: restore it from a backup"))
        .with_detail(detail)
        .with_resource("keypairs.v1.KeyPair", id.to_string())
}

/// A fault of key text, as a refusal of the field it came in.
pub(super) fn refused(field: &str, fault: Fault) -> Error {
    Error::violations(vec![Violation::new(field, fault.reason, fault.message)])
}

/// What does not fit of a format that came in as `field`: the format, or the passphrase beside it.
pub fn unfit_format(field: &str, fault: Fault) -> Violation {
    let field = if fault.reason == Reason::PassphraseUnsupported { "passphrase" } else { field };
    Violation::new(field, fault.reason, fault.message)
}

/// What a deleted pair's times are, given the retention.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn identity(pair: &KeyPair, mode: EncryptionMode) -> Result<Identity> {
    let no_code = || corrupt(pair.id, "keys of its type have no private half");
    Ok(Identity {
        id: pair.id,
        project: pair.project.clone(),
        maker: pair.maker,
        mode,
        key_code: KeyCode::of(&pair.public).ok_or_else(no_code)?,
        fingerprint: pair.public.sha256(),
        generation: pair.generation,
        created: pair.create_time,
    })
}

/// Every try that fails means that another call succeeded.
const TRIES: usize = 5;
