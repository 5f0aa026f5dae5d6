//! Operations on pairs: create, list, detail, description, delete, and batches of new ones.

use super::{Desk, by_id, is_name, refused, scope};
use crate::dialect::Kind;
use crate::dialect::huawei::{Answer, Code, Failed, Flaw, Keypair, NewKeypair, Page, PageInfo, Protection, RSA_BITS};
use crate::error::Reason;
use crate::face::pairs::Making;
use crate::model::{Description, EncryptionMode, KeyPair, KeyPairId, KeyPairName, PrivateKeyState, Scope, UserId};
use crate::secret::SecretText;
use crate::service::command::{By, Delete, NewPair, Update};
use crate::sshkey::{Algorithm, KeySpec, PrivateKey, PublicKey};

impl Desk<'_> {
    pub(super) async fn create(&self, new: NewKeypair) -> Result<Answer, Flaw> {
        self.make(new).await.map(Answer::Made)
    }

    pub(super) async fn batch_import(&self, pairs: Vec<NewKeypair>) -> Answer {
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for new in pairs {
            let keypair_name = new.name.clone();
            match self.make(new).await {
                Ok(pair) => made.push(pair),
                Err(flaw) => {
                    let failed_reason = format!("{}: {}", flaw.code, flaw.message);
                    failed.push(Failed { keypair_name, failed_reason });
                }
            }
        }
        Answer::Imported(made, failed)
    }

    /// Makes a pair, or takes in its public half, or both halves.
    async fn make(&self, asked: NewKeypair) -> Result<Keypair, Flaw> {
        let new = self.new_pair(&asked)?;
        match (asked.public_key, asked.protection) {
            (None, protection) => self.generate(new, protection).await,
            (Some(line), None) => {
                let read = self.read_public(&line).await?;
                let pair = self.face.import_public(&self.call, self.account, new, read).await;
                Ok(keypair(&pair.map_err(|error| self.refused(error))?))
            }
            (Some(line), Some(protection)) => self.import_both(new, &line, protection).await,
        }
    }

    fn new_pair(&self, asked: &NewKeypair) -> Result<NewPair, Flaw> {
        self.check_user(&asked.user_id, &self.account.user_id, asked.scope)?;
        let name = KeyPairName::parse("keypair.name", &asked.name)?;
        let mut new = self.account.new_pair(name, Description::default());
        if !asked.user_id.is_empty() {
            new.user_id = asked.user_id.clone();
        }
        if let Some(through) = &mut new.through {
            through.scope = asked.scope;
        }
        Ok(new)
    }

    /// Of a user that is not the owner nothing is known here; pairs of the whole account may be anybody's.
    pub(super) fn check_user(&self, asked: &UserId, owner: &UserId, scope: Scope) -> Result<(), Flaw> {
        match asked.is_empty() || asked == owner || scope == Scope::Account {
            true => Ok(()),
            false => Err(self.action.refused(Kind::UserUnknown)),
        }
    }

    /// RSA 2048, or the least that the project allows. Without protection the private half is in the answer and nowhere
    /// else.
    async fn generate(&self, new: NewPair, protection: Option<Protection>) -> Result<Keypair, Flaw> {
        let least = self.face.service().projects().rules(&new.project).keys.min_rsa_bits;
        let bits = RSA_BITS.into_iter().find(|bits| *bits >= least);
        let bits = bits.ok_or_else(|| Flaw::parameter("keypair", "cannot be made: the project wants larger keys"))?;
        let mut making = Making { spec: KeySpec::Rsa(bits), forget_private: true, ..Making::default() };
        if let Some(protection) = protection {
            (making.encryption, making.forget_private) = (protection.encryption, false);
        }
        let made = self.face.create(&self.call, self.account, new, making).await;
        let (pair, private) = made.map_err(|error| self.refused(error))?;
        Ok(Keypair { private_key: Some(private), ..keypair(&pair) })
    }

    async fn import_both(&self, new: NewPair, line: &str, protection: Protection) -> Result<Keypair, Flaw> {
        let (public, _) = self.read_public(line).await?;
        let private = protection.private_key.ok_or(Code::Parameter)?; // the dialect has seen to it
        let read = self.read_private(&private).await?;
        if *read.0.public() != public {
            return Err(self.action.refused(Kind::KeyMismatch));
        }
        // What follows would add to a pair of that name. One that is made between this look and that is of the same key,
        // or refused: all that was asked for holds then too.
        match self.face.service().pair(&self.account.key(By::Name(new.name.clone()))).await {
            Err(error) if error.reason == Reason::KeyPairNotFound => {}
            Err(error) => return Err(self.refused(error)),
            Ok(_) => return Err(Flaw::parameter("keypair.name", "is the name of another pair")),
        }
        let how = (protection.encryption, false);
        let pair = self.face.import_private(&self.call, self.account, new, read, how).await;
        Ok(keypair(&pair.map_err(|error| self.refused(error))?))
    }

    async fn read_public(&self, line: &str) -> Result<(PublicKey, String), Flaw> {
        let read = self.face.service().read_public(&self.call, Some(&self.account.project), line).await;
        let (public, comment) = read.map_err(|error| self.refused(error))?.map_err(refused::of_key)?;
        let is_taken = match public.algorithm() {
            Algorithm::Rsa => RSA_BITS.contains(&public.bits()),
            Algorithm::SkEd25519 | Algorithm::SkEcdsa => false,
            Algorithm::Ed25519 | Algorithm::Ecdsa | Algorithm::Dsa => true,
        };
        if !is_taken {
            let must = "must be ssh-ed25519, ecdsa-sha2-nistp256, -384 or -521, or ssh-rsa of 2048, 3072 or 4096 bits";
            return Err(Flaw::parameter("keypair.public_key", must));
        }
        Ok((public, comment))
    }

    pub(super) async fn read_private(&self, text: &SecretText) -> Result<(PrivateKey, String), Flaw> {
        let read = self.face.service().read_private(&self.call, Some(&self.account.project), text, None).await;
        read.map_err(|error| self.refused(error))?.map_err(refused::of_key)
    }

    /// In the order in which they were made. A marker is the id of the last pair of the page before: that pair may be
    /// gone by now. Its name is taken too.
    pub(super) async fn list(&self, page: Page) -> Result<Answer, Flaw> {
        let after = match &page.marker {
            Some(marker) => Some(self.position(marker).await?),
            None => None,
        };
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        // One more than the page holds tells whether there is a next one.
        let found = self.face.active(self.account, after, limit.saturating_add(1), |pair| is_name(pair.name.as_str()));
        let mut found = found.await.map_err(|error| self.refused(error))?;
        let is_more = found.len() > limit;
        found.truncate(limit);
        let page_info = PageInfo {
            next_marker: found.last().filter(|_| is_more).map(|last| last.id.to_string()),
            previous_marker: page.marker,
            current_count: i64::try_from(found.len()).unwrap_or(i64::MAX),
        };
        Ok(Answer::Listed(found.iter().map(keypair).collect(), page_info))
    }

    async fn position(&self, marker: &str) -> Result<KeyPairId, Flaw> {
        if let Some(id) = KeyPairId::parse(marker) {
            return Ok(id);
        }
        // An empty page would look like the end of the list.
        let unknown = |_| Flaw::parameter("marker", "must be next_marker of the page before, or the name of a pair");
        self.pair(marker).await.map(|pair| pair.id).map_err(unknown)
    }

    pub(super) async fn detail(&self, name: &str) -> Result<Answer, Flaw> {
        Ok(Answer::Detail(keypair(&self.pair(name).await?)))
    }

    pub(super) async fn describe(&self, name: &str, description: &str) -> Result<Answer, Flaw> {
        let description = Description::parse("keypair.description", description)?;
        let command = Update {
            key: by_id(self.pair(name).await?),
            name: None,
            description: Some(description),
            labels: None,
            user_id: None,
            etag: String::new(),
            repeat: None,
        };
        let updated = self.face.service().update(self.call.clone(), command).await;
        updated.map(|_| Answer::Done).map_err(|error| self.refused(error))
    }

    /// A pair that is being deleted can be deleted again: that goes on where a cloud had refused.
    pub(super) async fn delete(&self, name: &str) -> Result<Answer, Flaw> {
        let command = Delete {
            key: self.account.key(self.by_name(name)?),
            etag: String::new(),
            allow_missing: false,
            purge: false,
            abandon_placements: false,
            repeat: None,
            validate_only: false,
        };
        let deleted = self.face.service().delete(self.call.clone(), command).await;
        deleted.map(|_| Answer::Deleted).map_err(|error| self.refused(error))
    }
}

/// A pair as it is told here, without its private half.
fn keypair(pair: &KeyPair) -> Keypair {
    let public_key = pair.public.line(pair.line_comment());
    let kms_key = pair.sealed_by.as_ref().filter(|by| by.mode == EncryptionMode::Kms);
    Keypair {
        name: pair.name.to_string(),
        id: number(pair.id),
        scope: if scope(pair) == Scope::Account { "domain" } else { "user" }.to_owned(),
        private_key: None,
        fingerprint: pair.public.fingerprint_md5(),
        is_key_protection: pair.private_key_state == PrivateKeyState::Stored,
        deleted: false,
        description: pair.description.as_str().to_owned(),
        user_id: pair.user_id.as_str().to_owned(),
        create_time: pair.create_time,
        update_time: pair.update_time,
        key_id: kms_key.map(|by| by.key_id.clone()).unwrap_or_default(),
        algorithm: public_key.split(' ').next().unwrap_or_default().to_owned(),
        public_key,
    }
}

/// The second half of our id is random (RFC 9562): a number of its own for each pair, and always the same.
fn number(id: KeyPairId) -> i64 {
    let [.., a, b, c, d, e, f, g, h] = *id.as_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h]) & i64::MAX
}
