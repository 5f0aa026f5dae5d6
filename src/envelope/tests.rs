//! Envelopes that no call makes yet: with two wraps, and with numbers at their limits.

use super::*;
use crate::clock::OsEntropy;
use crate::kms::{CallId, Context};
use crate::model::{KeyPairId, Maker, ProjectId};
use async_trait::async_trait;

/// A back end whose wrap is the DEK itself, so that a test can see what is done with it.
struct Glass(Option<Reason>);

#[async_trait]
impl Kms for Glass {
    async fn resolve(&self, _: Wanted<'_>) -> Result<KekRef> {
        Ok(kek("1"))
    }

    async fn wrap(&self, _: &KekRef, dek: &SecretBytes, context: &Context, _: CallId) -> Result<Vec<u8>> {
        Ok([dek.expose(), context].concat())
    }

    async fn unwrap(&self, kek: &KekRef, wrapped: &[u8], context: &Context, _: CallId) -> Result<SecretBytes> {
        let refused = |reason| Err(Error::new(reason, "refused"));
        match self.0 {
            Some(reason) if kek.version == "1" => return refused(reason),
            _ if kek.version == "gone" => return refused(Reason::KmsKeyDisabled),
            _ => {}
        }
        match wrapped.split_last_chunk::<32>() {
            Some((dek, bound)) if bound == context => Ok(SecretBytes::copied(dek)),
            _ => refused(Reason::RecordCorrupt),
        }
    }

    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

fn kek(version: &str) -> KekRef {
    KekRef { backend: KEYRING.into(), name: "k".into(), id: "k".into(), version: version.into() }
}

fn over(glass: Glass) -> Envelope {
    Envelope::new(vec![(KEYRING.into(), Arc::new(glass))], Arc::new(OsEntropy))
}

fn identity() -> Identity {
    Identity {
        id: KeyPairId::from_bytes([1; 16]),
        project: ProjectId::parse("", "acme").unwrap(),
        maker: Maker::Here,
        mode: EncryptionMode::Kms,
        key_code: KeyCode::Rsa,
        fingerprint: [2; 32],
        generation: 1,
        created: 0,
    }
}

/// An envelope with a wrap under each version, all of the same DEK.
async fn sealed(versions: &[&str], dek: &SecretBytes, wrapped: &SecretBytes) -> Vec<u8> {
    let salt = [3; 32];
    let keys = Keys::of(dek, &salt);
    let bound = wrap_context(&identity(), &keys.commitment, "k").unwrap();
    let wrapped = Glass(None).wrap(&kek("1"), wrapped, &bound, [0; 16]).await.unwrap();
    let wraps = versions.iter().map(|version| Wrap { kek: kek(version), call: [0; 16], wrapped: wrapped.clone() });
    let header =
        Header { identity: identity(), wraps: wraps.collect(), salt, commitment: keys.commitment, nonce: [4; 12] };
    write(&header, &SecretBytes::copied(b"secret"), &keys).unwrap()
}

fn dek(byte: u8) -> SecretBytes {
    SecretBytes::new(vec![byte; 32])
}

#[tokio::test]
async fn any_wrap_that_opens_will_do() {
    for versions in [&["1"][..], &["1", "2"], &["gone", "1"], &["gone", "gone", "3"], &["2", "gone"]] {
        let envelope = sealed(versions, &dek(5), &dek(5)).await;
        assert_eq!(over(Glass(None)).open(&envelope, &identity()).await.unwrap().expose(), b"secret");
    }
    for wrong in [&[][..], &["1", "2", "3", "4"]] {
        let wraps: Vec<_> = wrong.iter().map(|v| Wrap { kek: kek(v), call: [0; 16], wrapped: vec![1] }).collect();
        assert!(header::write_wraps(&wraps).is_err());
    }
}

#[tokio::test]
async fn of_several_refusals_the_one_that_may_pass_is_told() {
    let envelope = sealed(&["gone", "1"], &dek(5), &dek(5)).await;
    for (reason, told) in
        [(Reason::KmsUnavailable, Reason::KmsUnavailable), (Reason::KmsKeyNotFound, Reason::KmsKeyDisabled)]
    {
        let refused = over(Glass(Some(reason))).open(&envelope, &identity()).await;
        assert_eq!(refused.err().unwrap().reason, told);
    }
}

#[tokio::test]
async fn a_dek_that_did_not_seal_is_refused() {
    for wrong in [dek(6), SecretBytes::new(vec![5; 31]), SecretBytes::new(vec![5; 33]), SecretBytes::new(vec![])] {
        let envelope = sealed(&["1"], &dek(5), &wrong).await;
        let refused = over(Glass(None)).open(&envelope, &identity()).await;
        assert_eq!(refused.err().unwrap().reason, Reason::RecordCorrupt);
    }
}

#[tokio::test]
async fn the_limits_of_the_header_hold() {
    let long = |len: usize| "x".repeat(len);
    let wrap = |name: String, version: String, id: String, wrapped: usize| {
        let kek = KekRef { backend: KEYRING.into(), name, id, version };
        header::write_wraps(&[Wrap { kek, call: [0; 16], wrapped: vec![1; wrapped] }])
    };
    assert!(wrap(long(255), long(64), long(255), 4096).is_ok());
    for (name, version, id, wrapped) in [
        (256, 1, 1, 1),
        (1, 65, 1, 1),
        (1, 1, 256, 1),
        (1, 1, 1, 4097),
        (0, 1, 1, 1),
        (1, 0, 1, 1),
        (1, 1, 0, 1),
        (1, 1, 1, 0),
    ] {
        assert!(wrap(long(name), long(version), long(id), wrapped).is_err());
    }
    let strange = KekRef { backend: "strange".into(), ..kek("1") };
    assert!(header::write_wraps(&[Wrap { kek: strange, call: [0; 16], wrapped: vec![1] }]).is_err());
}
