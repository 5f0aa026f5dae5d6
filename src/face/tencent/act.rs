//! The actions that make, change and delete.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use super::Desk;
use super::shown::{key_id, key_pair, short_id};
use crate::dialect::Kind;
use crate::dialect::tencent::{Answer, Code, Flaw, Tag};
use crate::error::{Error, Violation};
use crate::model::{
    Description, EncryptionChoice, KeyPair, KeyPairName, KeyPairState, Labels, ProviderKind, Scope, Through,
};
use crate::service::command::{By, Create, Delete, ImportPublic, Key, Manner, NewPair, Places, Update};
use crate::sshkey::{Algorithm, KeyFormat, KeySpec};

/// Name, ProjectId and tags of a pair to be made.
type New<'a> = (&'a str, i64, Vec<Tag>);

impl Desk<'_> {
    pub(super) async fn create(&self, new: New<'_>) -> Result<Answer, Flaw> {
        let command = Create {
            new: self.new_pair(new).await?,
            spec: KeySpec::Rsa(BITS),
            encryption: EncryptionChoice::Unsaid,
            format: KeyFormat::Pkcs1,
            passphrase: None,
            omit_private_key: false,
            forget_private: false,
            places: Places::default(),
            generated_by: None,
            manner: MANNER,
        };
        let (pair, private) = self.told(self.face.service().create(self.call.clone(), command).await)?;
        let Some(pair) = pair else { return Err(Code::InternalError.into()) }; // only a validation makes none
        let mut shown = key_pair(&pair);
        shown.private_key = private.map(|private| private.text);
        Ok(Answer::KeyPair(shown))
    }

    pub(super) async fn import(&self, new: New<'_>, public_key: &str) -> Result<Answer, Flaw> {
        let new = self.new_pair(new).await?;
        let read = self.face.service().read_public(&self.call, Some(&self.account.project), public_key).await;
        let (public, comment) = self.told(read)?.map_err(|violation| self.unfit(Kind::KeyInvalid, &violation))?;
        if public.algorithm() != Algorithm::Rsa {
            return Err(Code::InvalidPublicKeyMalformed.into());
        }
        let command = ImportPublic { new, public, comment, places: Places::default(), manner: MANNER };
        let made = self.told(self.face.service().import_public(self.call.clone(), command).await)?;
        made.map(|pair| Answer::KeyId(key_id(&pair))).ok_or_else(|| Code::InternalError.into())
    }

    /// What a pair to be made is called and belongs to, once there is room for it.
    async fn new_pair(&self, (name, cloud_project_id, tags): New<'_>) -> Result<NewPair, Flaw> {
        let account = self.account;
        if !account.cloud_project_ids.contains(&cloud_project_id) {
            return Err(Code::InvalidProjectIdNotFound.into());
        }
        let labels: BTreeMap<_, _> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let through = Through {
            cloud: ProviderKind::Tencent,
            region: account.region.clone(),
            cloud_project_id,
            scope: Scope::Unsaid,
        };
        self.check_tags(&labels).await?;
        self.check_quota().await?;
        Ok(NewPair {
            project: account.project.clone(),
            name: KeyPairName::parse("KeyName", name).map_err(|violation| self.unfit(Kind::NameInvalid, &violation))?,
            description: Description::default(),
            labels: Labels::parse("Tags", labels).map_err(|faults| self.unfit_all(&faults))?,
            user_id: account.user_id.clone(),
            through: Some(through),
        })
    }

    /// Whether every tag may be on one pair more.
    async fn check_tags(&self, tags: &BTreeMap<String, String>) -> Result<(), Flaw> {
        let Some(limit) = self.account.resources_per_tag.filter(|_| !tags.is_empty()) else { return Ok(()) };
        let mut counts = vec![0; tags.len()];
        self.each(|pair| {
            for (count, (key, value)) in counts.iter_mut().zip(tags) {
                *count += u32::from(pair.labels.as_map().get(key) == Some(value));
            }
        })
        .await?;
        if counts.iter().any(|count| *count >= limit) {
            Err(Code::LimitExceededTagResourceQuota.into())
        } else {
            Ok(())
        }
    }

    /// Whether the account may hold one pair more.
    async fn check_quota(&self) -> Result<(), Flaw> {
        let Some(quota) = self.account.quota else { return Ok(()) };
        let mut count = 0;
        self.each(|pair| {
            let is_counted =
                |through: &Through| through.cloud == ProviderKind::Tencent && through.region == self.account.region;
            count += u32::from(pair.through.as_ref().is_some_and(is_counted));
        })
        .await?;
        if count >= quota { Err(Code::InvalidKeyPairLimitExceeded.into()) } else { Ok(()) }
    }

    pub(super) async fn modify(
        &self,
        key_id: &str,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<Answer, Flaw> {
        let key = self.found(key_id).await?;
        let name = name.map(|name| KeyPairName::parse("KeyName", name)).transpose();
        let description = description.map(|text| Description::parse("Description", text)).transpose();
        let command = Update {
            key,
            name: name.map_err(|violation| self.unfit(Kind::NameInvalid, &violation))?,
            description: description.map_err(|violation| self.unfit(Kind::DescriptionInvalid, &violation))?,
            labels: None,
            user_id: None,
            etag: String::new(),
            repeat: None,
        };
        self.told(self.face.service().update(self.call.clone(), command).await)?;
        Ok(Answer::Nothing)
    }

    /// All of them, or none where one is not there. What a cloud refuses to let go of leaves that pair alone.
    pub(super) async fn delete(&self, key_ids: &[String]) -> Result<Answer, Flaw> {
        let mut keys = Vec::new();
        for key_id in key_ids.iter().collect::<BTreeSet<_>>() {
            keys.push(self.found(key_id).await?);
        }
        let deletes = keys.into_iter().map(|key| self.face.service().delete(self.call.clone(), deletion(key)));
        let done: Vec<_> = stream::iter(deletes).buffered(AT_ONCE).collect().await;
        // Another request may have been quicker: what is gone is gone.
        let failed = done.into_iter().filter_map(Result::err).find(|error| !is_gone(error));
        failed.map_or(Ok(Answer::Nothing), |error| Err(self.flaw(&error)))
    }

    /// The pair of an id, where it is shown.
    async fn found(&self, key_id: &str) -> Result<Key, Flaw> {
        let pair = self.pair(key_id).await?.ok_or(Code::InvalidKeyPairIdNotFound)?;
        Ok(Key { project: pair.project, by: By::Id(pair.id) })
    }

    /// The same, or nothing.
    pub(super) async fn pair(&self, key_id: &str) -> Result<Option<KeyPair>, Flaw> {
        let Some(short_id) = short_id(key_id) else { return Ok(None) };
        let key = Key { project: self.account.project.clone(), by: By::ShortId(short_id) };
        match self.face.service().pair(&key).await {
            Ok(pair) => Ok(Some(pair).filter(|pair| pair.state == KeyPairState::Active)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(self.flaw(&error)),
        }
    }

    fn unfit_all(&self, faults: &[Violation]) -> Flaw {
        faults.first().map_or_else(|| Code::InternalError.into(), |first| self.unfit(Kind::ParameterInvalid, first))
    }
}

fn deletion(key: Key) -> Delete {
    Delete {
        key,
        etag: String::new(),
        allow_missing: false,
        purge: false,
        abandon_placements: false,
        repeat: None,
        validate_only: false,
    }
}

fn is_gone(error: &Error) -> bool {
    matches!(error.reason, crate::error::Reason::KeyPairNotFound | crate::error::Reason::KeyPairDeleted)
}

const MANNER: Manner = Manner { ensure: false, repeat: None, validate_only: false };
/// What the cloud makes.
const BITS: u16 = 2048;
/// How many pairs of one request are deleted at a time.
const AT_ONCE: usize = 8;
