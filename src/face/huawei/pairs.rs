//! Operations on pairs: create, list, detail, description, delete, and batches of new ones.

use super::{CLOUD, ONCE, Turn, by_id, is_name, scope};
use crate::dialect::Kind;
use crate::dialect::huawei::{Answer, Code, Failed, Flaw, Keypair, NewKeypair, Page, PageInfo, Protection, RSA_BITS};
use crate::error::Reason;
use crate::model::{
    Description, EncryptionChoice, EncryptionMode, Filter, KeyPair, KeyPairId, KeyPairName, KeyPairState, Labels,
    PrivateKeyState, Scope, Through, UserId,
};
use crate::secret::SecretText;
use crate::service::command::{By, Create, Delete, ImportPrivate, ImportPublic, Key, List, NewPair, Places, Update};
use crate::sshkey::{Algorithm, KeyFormat, KeySpec, PublicKey};

impl Turn<'_> {
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
                let (public, comment) = self.read_public(&line).await?;
                let command = ImportPublic { new, public, comment, places: Places::default(), manner: ONCE };
                let pair = self.service.import_public(self.call.clone(), command).await;
                self.shown(pair.map_err(|error| self.refused(error))?)
            }
            (Some(line), Some(protection)) => self.import_both(new, &line, protection).await,
        }
    }

    fn new_pair(&self, asked: &NewKeypair) -> Result<NewPair, Flaw> {
        let account = self.account;
        self.check_user(&asked.user_id, &account.user_id, asked.scope)?;
        Ok(NewPair {
            project: account.project.clone(),
            name: KeyPairName::parse("keypair.name", &asked.name)?,
            description: Description::default(),
            labels: Labels::default(),
            user_id: if asked.user_id.is_empty() { account.user_id.clone() } else { asked.user_id.clone() },
            through: Some(Through {
                cloud: CLOUD,
                region: account.region.clone(),
                cloud_project_id: 0,
                scope: asked.scope,
            }),
        })
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
        let least = self.service.projects().rules(&new.project).keys.min_rsa_bits;
        let bits = RSA_BITS.into_iter().find(|bits| *bits >= least);
        let bits = bits.ok_or_else(|| Flaw::parameter("keypair", "cannot be made: the project's keys must be larger"))?;
        let command = Create {
            new,
            spec: KeySpec::Rsa(bits),
            forget_private: protection.is_none(),
            encryption: protection.map_or(EncryptionChoice::Unsaid, |protection| protection.encryption),
            format: KeyFormat::Pkcs1,
            passphrase: None,
            omit_private_key: false,
            places: Places::default(),
            generated_by: None,
            manner: ONCE,
        };
        let made = self.service.create(self.call.clone(), command).await;
        let (pair, private) = made.map_err(|error| self.refused(error))?;
        Ok(Keypair { private_key: private.map(|private| private.text), ..self.shown(pair)? })
    }

    async fn import_both(&self, new: NewPair, line: &str, protection: Protection) -> Result<Keypair, Flaw> {
        let (public, _) = self.read_public(line).await?;
        let private = protection.private_key.ok_or(Code::Parameter)?; // the dialect has seen to it
        let (key, comment) = self.read_private(&private).await?;
        if *key.public() != public {
            return Err(self.action.refused(Kind::KeyMismatch));
        }
        // ImportPrivate would add to a pair of that name. One that is made between this look and that call is of the
        // same key, or refused: all that was asked for holds then too.
        let name = Key { project: new.project.clone(), by: By::Name(new.name.clone()) };
        match self.service.pair(&name).await {
            Err(error) if error.reason == Reason::KeyPairNotFound => {}
            Err(error) => return Err(self.refused(error)),
            Ok(_) => return Err(Flaw::parameter("keypair.name", "is the name of another pair")),
        }
        let encryption = protection.encryption;
        let (must_exist, places) = (false, Places::default());
        let command = ImportPrivate { new, key, comment, encryption, must_exist, places, manner: ONCE };
        let pair = self.service.import_private(self.call.clone(), command).await;
        self.shown(pair.map_err(|error| self.refused(error))?)
    }

    async fn read_public(&self, line: &str) -> Result<(PublicKey, String), Flaw> {
        let read = self.service.read_public(&self.call, Some(&self.account.project), line).await;
        let (public, comment) = read.map_err(|error| self.refused(error))??;
        let is_taken = match public.algorithm() {
            Algorithm::Rsa => RSA_BITS.contains(&public.bits()),
            Algorithm::SkEd25519 | Algorithm::SkEcdsa => false,
            Algorithm::Ed25519 | Algorithm::Ecdsa | Algorithm::Dsa => true,
        };
        if !is_taken {
            let must = "must be ssh-rsa of 2048, 3072 or 4096 bits, ssh-ed25519, ecdsa-sha2-nistp256, -384 or -521";
            return Err(Flaw::parameter("keypair.public_key", must));
        }
        Ok((public, comment))
    }

    pub(super) async fn read_private(&self, text: &SecretText) -> Result<(crate::sshkey::PrivateKey, String), Flaw> {
        let read = self.service.read_private(&self.call, Some(&self.account.project), text, None).await;
        Ok(read.map_err(|error| self.refused(error))??)
    }

    /// In the order in which they were made. A marker is the id of the last pair of the page before: that pair may be
    /// gone by now. Its name is taken too.
    pub(super) async fn list(&self, page: Page) -> Result<Answer, Flaw> {
        let mut after = match &page.marker {
            Some(marker) => Some(self.position(marker).await?),
            None => None,
        };
        let (limit, mut found) = (usize::try_from(page.limit).unwrap_or(usize::MAX), Vec::new());
        for _ in 0..SCANS {
            // One more than the page holds tells whether there is a next one.
            let (pairs, looked_at) = self.scan(after, limit + 1 - found.len()).await?;
            found.extend(pairs);
            after = looked_at;
            if after.is_none() || found.len() > limit {
                break;
            }
        }
        let is_more = found.len() > limit;
        found.truncate(limit);
        let last = if is_more { found.last().map(|pair| pair.id) } else { after };
        let page_info = PageInfo {
            next_marker: last.map(|id| id.to_string()),
            previous_marker: page.marker,
            current_count: i64::try_from(found.len()).unwrap_or(i64::MAX),
        };
        Ok(Answer::Listed(found.iter().map(|pair| keypair(pair)).collect(), page_info))
    }

    /// Pairs that can be shown here, and up to where was looked; `None`: to the end. A damaged row does not fail a page.
    async fn scan(
        &self,
        after: Option<KeyPairId>,
        page_size: usize,
    ) -> Result<(Vec<Box<KeyPair>>, Option<KeyPairId>), Flaw> {
        let filter = Filter { state: Some(KeyPairState::Active), ..Filter::default() };
        let mut command = List {
            project: self.account.project.clone(),
            filter,
            page_size: page_size.min(1000),
            page_token: String::new(),
            digest: [0; 32],
        };
        if let Some(after) = after {
            command.page_token = self.service.page_token(&command, after);
        }
        let listing = self.service.list(&command).await.map_err(|error| self.refused(error))?;
        let pairs = listing.items.into_iter().filter_map(Result::ok).filter(|pair| is_name(pair.name.as_str()));
        Ok((pairs.collect(), listing.next))
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
        self.service.update(self.call.clone(), command).await.map_err(|error| self.refused(error))?;
        Ok(Answer::Done)
    }

    /// A pair that is being deleted can be deleted again: that goes on where a cloud had refused.
    pub(super) async fn delete(&self, name: &str) -> Result<Answer, Flaw> {
        let command = Delete {
            key: self.key(name)?,
            etag: String::new(),
            allow_missing: false,
            purge: false,
            abandon_placements: false,
            repeat: None,
            validate_only: false,
        };
        self.service.delete(self.call.clone(), command).await.map_err(|error| self.refused(error))?;
        Ok(Answer::Deleted)
    }

    /// A pair that was made; what only validates answers none, and is not asked for here.
    fn shown(&self, pair: Option<KeyPair>) -> Result<Keypair, Flaw> {
        pair.as_ref().map(keypair).ok_or_else(|| self.action.refused(Kind::Internal))
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

/// How often one answer looks for pairs where few can be shown; then it is a short page.
const SCANS: usize = 8;
