//! The actions that make, change and delete.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use super::Desk;
use super::shown::{by_key_id, key_id, key_pair};
use crate::dialect::Kind;
use crate::dialect::tencent::{Answer, Code, Flaw, Tag};
use crate::face::fault::kind_of;
use crate::face::pairs::Making;
use crate::model::{Description, KeyPairName, KeyPairState, Labels};
use crate::service::command::{By, Delete, Key, NewPair, Update};
use crate::sshkey::Algorithm;

/// Name, ProjectId and tags of a pair to be made.
type New<'a> = (&'a str, i64, Vec<Tag>);

impl Desk<'_> {
    pub(super) async fn create(&self, new: New<'_>) -> Result<Answer, Flaw> {
        let new = self.new_pair(new).await?;
        let made = self.face.create(&self.call, self.account, new, Making::default()).await;
        let (pair, private) = self.told(made)?;
        let mut shown = key_pair(&pair);
        shown.private_key = Some(private);
        Ok(Answer::KeyPair(shown))
    }

    pub(super) async fn import(&self, new: New<'_>, public_key: &str) -> Result<Answer, Flaw> {
        let new = self.new_pair(new).await?;
        let read = self.face.service().read_public(&self.call, Some(&self.account.project), public_key).await;
        let key = self.told(read)?.map_err(|violation| self.unfit(Kind::KeyInvalid, &violation))?;
        if key.0.algorithm() != Algorithm::Rsa {
            return Err(Code::InvalidPublicKeyMalformed.into());
        }
        let pair = self.told(self.face.import_public(&self.call, self.account, new, key).await)?;
        Ok(Answer::KeyId(key_id(&pair)))
    }

    /// What a pair to be made is called and belongs to.
    async fn new_pair(&self, (name, cloud_project_id, tags): New<'_>) -> Result<NewPair, Flaw> {
        if !self.account.cloud_project_ids.contains(&cloud_project_id) {
            return Err(Code::InvalidProjectIdNotFound.into());
        }
        let labels: BTreeMap<_, _> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let name =
            KeyPairName::parse("KeyName", name).map_err(|violation| self.unfit(Kind::NameInvalid, &violation))?;
        let mut new = self.account.new_pair(name, Description::default());
        new.labels = Labels::parse("TagSpecification", labels).map_err(|faults| self.unfit_tags(&faults))?;
        if let Some(through) = &mut new.through {
            through.cloud_project_id = cloud_project_id;
        }
        self.check_tags(new.labels.as_map()).await?;
        Ok(new)
    }

    /// Whether every tag may be on one pair more. Those that are made at the same moment do not see each other: a cloud's
    /// limit of this kind is no promise.
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

    /// All of them, or none where one is not there. A pair that a cloud does not let go of stays, and is told.
    pub(super) async fn delete(&self, key_ids: &[String]) -> Result<Answer, Flaw> {
        let mut keys = Vec::new();
        for key_id in key_ids.iter().collect::<BTreeSet<_>>() {
            keys.push(self.still_there(key_id).await?);
        }
        let deletes = keys.into_iter().map(|key| self.face.service().delete(self.call.clone(), deletion(key)));
        let done: Vec<_> = stream::iter(deletes).buffered(AT_ONCE).collect().await;
        // What another request was quicker with is gone, as it was to be.
        let failed = done.into_iter().filter_map(Result::err).find(|error| kind_of(error) != Kind::NotFound);
        failed.map_or(Ok(Answer::Nothing), |error| Err(self.flaw(&error)))
    }

    /// The pair of an id.
    async fn found(&self, key_id: &str) -> Result<Key, Flaw> {
        let by = by_key_id(key_id).ok_or(Code::InvalidKeyPairIdNotFound)?;
        let pair = self.told(self.face.one(self.account, by).await)?;
        Ok(self.account.key(By::Id(pair.id)))
    }

    /// The pair of an id that is to be deleted: also one that a cloud did not let go of before, so that it can be tried
    /// again.
    async fn still_there(&self, key_id: &str) -> Result<Key, Flaw> {
        let by = by_key_id(key_id).ok_or(Code::InvalidKeyPairIdNotFound)?;
        let pair = self.told(self.face.service().pair(&self.account.key(by)).await)?;
        match pair.state {
            KeyPairState::Active | KeyPairState::Deleting => Ok(self.account.key(By::Id(pair.id))),
            KeyPairState::Pending | KeyPairState::Deleted => Err(Code::InvalidKeyPairIdNotFound.into()),
        }
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

/// How many pairs of one request are deleted at a time.
const AT_ONCE: usize = 8;
