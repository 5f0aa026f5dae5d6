//! Which key pairs of a project a List wants.

use std::collections::BTreeMap;

use super::{EncryptionMode, KeyPair, KeyPairState, LOCAL, Origin, PrivateKeyState};
use crate::sshkey::Algorithm;

/// Every field that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The name starts with this.
    pub name_prefix: String,
    /// The public half has this fingerprint.
    pub fingerprint: Option<FingerprintFilter>,
    /// The algorithm.
    pub algorithm: Option<Algorithm>,
    /// Has a placement at this provider.
    pub provider: Option<String>,
    /// Whether the private half is here.
    pub private_key_state: Option<PrivateKeyState>,
    /// Has all these labels.
    pub labels: BTreeMap<String, String>,
    /// To whom it belongs.
    pub user_id: Option<String>,
    /// Where it is in its life.
    pub state: Option<KeyPairState>,
    /// How it came here.
    pub origin: Option<Origin>,
    /// What seals the private half.
    pub encryption: Option<EncryptionMode>,
    /// The name of the sealing key.
    pub kms_key_name: Option<String>,
    /// Deleted pairs too.
    pub show_deleted: bool,
}

/// A fingerprint, as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintFilter {
    /// SHA-256 of the blob.
    Sha256([u8; 32]),
    /// MD5 of the blob.
    Md5([u8; 16]),
}

impl Filter {
    /// Whether the List wants this pair.
    pub fn wants(&self, pair: &KeyPair) -> bool {
        let sealed = |test: &dyn Fn(&super::SealedBy) -> bool| pair.sealed_by.as_ref().is_some_and(test);
        (self.show_deleted || pair.is_live())
            && pair.name.as_str().starts_with(&self.name_prefix)
            && self.fingerprint.is_none_or(|wanted| match wanted {
                FingerprintFilter::Sha256(print) => pair.public.sha256() == print,
                FingerprintFilter::Md5(print) => pair.public.md5() == print,
            })
            && self.algorithm.is_none_or(|wanted| pair.public.algorithm() == wanted)
            && self.provider.as_ref().is_none_or(|wanted| {
                wanted == LOCAL || pair.placements.iter().any(|placement| placement.provider.as_str() == wanted)
            })
            && self.private_key_state.is_none_or(|wanted| pair.private_key_state == wanted)
            && self.labels.iter().all(|(key, value)| pair.labels.as_map().get(key) == Some(value))
            && self.user_id.as_ref().is_none_or(|wanted| pair.user_id.as_str() == wanted)
            && self.state.is_none_or(|wanted| pair.state == wanted)
            && self.origin.is_none_or(|wanted| pair.origin == wanted)
            && self.encryption.is_none_or(|wanted| sealed(&|by| by.mode == wanted))
            && self.kms_key_name.as_ref().is_none_or(|wanted| {
                // Of mode default no key name is shown, so none is found.
                sealed(&|by| by.mode == EncryptionMode::Kms && by.key_name == *wanted)
            })
    }
}
