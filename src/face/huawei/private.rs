//! Operations on private halves: import, export, clear, and exports by the batch.

use super::{Desk, by_id, scope};
use crate::dialect::huawei::{Answer, Flaw, PrivateHalf};
use crate::model::{Description, Labels, UserId};
use crate::secret::SecretText;
use crate::service::command::{ClearPrivate, ExportPrivate, NewPair};
use crate::sshkey::{Algorithm, KeyFormat};

impl Desk<'_> {
    /// For a pair that is there. What is wrong with the key is told before what is wrong with the pair.
    pub(super) async fn import_private(&self, half: PrivateHalf) -> Result<Answer, Flaw> {
        let read = self.read_private(&half.private_key).await?;
        let pair = self.pair(&half.name).await?;
        let owner = if pair.user_id.is_empty() { &self.account.user_id } else { &pair.user_id };
        self.check_user(&half.user_id, owner, scope(&pair))?;
        let pair = NewPair {
            project: pair.project,
            name: pair.name,
            // Empty ones leave the pair's as they are.
            description: Description::default(),
            labels: Labels::default(),
            user_id: UserId::default(),
            through: None,
        };
        let how = (half.encryption, true);
        let taken = self.face.import_private(&self.call, self.account, pair, read, how).await;
        taken.map_err(|error| self.refused(error))?;
        let user_id = Some(half.user_id.as_str().to_owned()).filter(|user_id| !user_id.is_empty());
        Ok(Answer::Taken { name: half.name, user_id })
    }

    pub(super) async fn export_private(&self, name: String) -> Result<Answer, Flaw> {
        let private = self.private(&name).await?;
        Ok(Answer::Exported(name, private))
    }

    /// All of them, or none.
    pub(super) async fn batch_export(&self, names: Vec<String>) -> Result<Answer, Flaw> {
        let mut halves = Vec::with_capacity(names.len());
        for name in names {
            let private = self.private(&name).await?;
            halves.push((name, private));
        }
        Ok(Answer::Zip(halves))
    }

    /// The private half of the pair of this name. RSA in PKCS#1, as create gives it and as the page of import shows it:
    /// what is exported is what was made, and can be imported again. Others in OpenSSH's format, which import takes
    /// too, and which is the only one for Ed25519 that every ssh reads.
    async fn private(&self, name: &str) -> Result<SecretText, Flaw> {
        let pair = self.pair(name).await?;
        let format = match pair.public.algorithm() {
            Algorithm::Rsa => KeyFormat::Pkcs1,
            _ => KeyFormat::OpenSsh,
        };
        let command = ExportPrivate { key: by_id(pair), format, passphrase: None, reason: String::new() };
        let exported = self.face.service().export_private(self.call.clone(), command).await;
        exported.map(|(_, private)| private.text).map_err(|error| self.refused(error))
    }

    pub(super) async fn clear_private(&self, name: &str) -> Result<Answer, Flaw> {
        let key = by_id(self.pair(name).await?);
        let command = ClearPrivate { key, keep_escrow: false, etag: String::new(), repeat: None };
        let cleared = self.face.service().clear_private(self.call.clone(), command).await;
        cleared.map(|_| Answer::Done).map_err(|error| self.refused(error))
    }
}
