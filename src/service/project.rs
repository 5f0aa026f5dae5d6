//! What projects may do and what they hold.

use std::collections::BTreeMap;

use super::Inner;
use crate::error::{Error, Reason, Result, Violation};
use crate::model::{EncryptionChoice, EncryptionMode, ProjectId};
use crate::sshkey::KeyRules;
use crate::store::{Note, Noted};

/// What a project holds and may hold.
pub struct Holding {
    /// Live pairs.
    pub key_pairs: u64,
    /// The most it may hold.
    pub quota: u64,
}

/// The rules of all projects.
pub struct Projects {
    /// Where a project has no rules of its own.
    pub default: ProjectRules,
    /// Projects with rules of their own.
    pub own: BTreeMap<String, ProjectRules>,
}

/// The rules of one project.
#[derive(Clone, Debug)]
pub struct ProjectRules {
    /// The most live pairs it may hold.
    pub key_pairs: u64,
    /// What it may ask for; the first is its default.
    pub encryption: Vec<EncryptionMode>,
    /// Which keys it may bring; an RSA key that it asks for is not smaller either.
    pub keys: KeyRules,
}

impl Projects {
    /// The rules of a project.
    pub fn rules(&self, project: &ProjectId) -> &ProjectRules {
        self.own.get(project.as_str()).unwrap_or(&self.default)
    }

    /// The rules of a project; of one whose id does not parse, those of all.
    pub fn rules_or_default(&self, project: Option<&ProjectId>) -> &ProjectRules {
        project.map_or(&self.default, |project| self.rules(project))
    }
}

impl ProjectRules {
    /// What is meant: the project's default, where the caller said nothing.
    pub fn meant(&self, choice: EncryptionChoice) -> Result<EncryptionChoice, Violation> {
        match (choice, self.encryption.first()) {
            (EncryptionChoice::Unsaid, Some(EncryptionMode::Kms)) => {
                let message = "this project's default is KMS: name the key here";
                Err(Violation::new("encryption.kms_key_name", Reason::KmsKeyRequired, message))
            }
            (EncryptionChoice::Unsaid, _) => Ok(EncryptionChoice::Default),
            (said, _) => Ok(said),
        }
    }

    /// What is meant, and its mode; refused where the project may not use it.
    pub(super) fn encryption(&self, choice: EncryptionChoice) -> Result<(EncryptionMode, EncryptionChoice)> {
        let choice = self.meant(choice).map_err(|violation| Error::violations(vec![violation]))?;
        let mode = match choice {
            EncryptionChoice::Kms(_) => EncryptionMode::Kms,
            _ => EncryptionMode::Default,
        };
        if !self.encryption.contains(&mode) {
            let message = format!("this project may not use encryption '{}'", mode.as_str());
            return Err(Error::new(Reason::EncryptionNotAllowed, message));
        }
        Ok((mode, choice))
    }
}

pub(super) async fn run(s: &Inner, project: &ProjectId) -> Result<Holding> {
    let quota = s.parts.projects.rules(project).key_pairs;
    Ok(Holding { key_pairs: count(s, project).await?, quota })
}

/// Refuses when the project is full, as the commit does.
pub(super) async fn check_quota(s: &Inner, project: &ProjectId) -> Result<()> {
    let quota = s.parts.projects.rules(project).key_pairs;
    if count(s, project).await? < quota {
        return Ok(());
    }
    Err(Error::new(Reason::QuotaExceeded, format!("the project holds its {quota} key pairs: delete some"))
        .with_resource("keypairs.v1.Project", project.as_str()))
}

/// How many live pairs all projects hold.
pub(super) async fn total(s: &Inner) -> Result<u64> {
    match s.parts.store.note(Note::Total).await? {
        Noted::Count(count) => Ok(count),
        Noted::Request(_) => Err(Error::internal("the store answered a count note with something else")),
    }
}

async fn count(s: &Inner, project: &ProjectId) -> Result<u64> {
    match s.parts.store.note(Note::Count(project)).await? {
        Noted::Count(count) => Ok(count),
        Noted::Request(_) => Err(Error::internal("the store answered a count note with something else")),
    }
}
