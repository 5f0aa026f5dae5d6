//! Baidu BCC's key-pair API over the use cases.
//!
//! Ids are `k-` and the short id; every ACTIVE pair of the account's project is shown, with the name that it has.
//! Promise: refusals are in the words of Baidu's pages; where those have none for what happened, in the nearest ones,
//! and a taken name, which Baidu does not know, is told as such. It knows no instance, so that a pair can be attached to
//! none.

use async_trait::async_trait;

use super::fault::fault;
use super::pairs::Making;
use super::{Account, Cloud, Face, Told, log_refusal, request_id};
use crate::dialect::baidu::{
    self, Call as Asked, Claim, Code, Keypair, New, Page, is_name, is_new_name, nothing, render, render_page,
};
use crate::dialect::{Kind, Request, Response};
use crate::error::Error;
use crate::model::{Description, KeyPair, KeyPairId, KeyPairName, ProviderKind, ShortId};
use crate::secret::SecretText;
use crate::service::call::{Call, CallId};
use crate::service::command::{By, Delete, NewPair, Update};
use crate::sshkey::Algorithm;

/// Speaks as Baidu BCC.
pub struct Baidu;

#[async_trait]
impl Cloud for Baidu {
    fn kind(&self) -> ProviderKind {
        CLOUD
    }

    async fn answer(&self, face: &Face, request: Request, call: Call) -> Response {
        let id = call.id;
        let mut action = OTHER;
        match outcome(face, request, call, &mut action).await {
            Ok(answer) => answered(answer, action, ""),
            Err(refused) => {
                answered(refused.code.render(refused.message, &request_id(id)), action, refused.code.text())
            }
        }
    }

    fn refuse(&self, kind: Kind, id: CallId) -> Response {
        let code = Code::of_kind(kind);
        answered(code.render(None, &request_id(id)), OTHER, code.text())
    }
}

/// A refusal in Baidu's words, or in ours where it has none.
struct Refused {
    code: Code,
    message: Option<&'static str>,
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self { code, message: None }
    }
}

/// Who asks, how often, what, and what comes of it. `action` is set as soon as it is known.
async fn outcome(
    face: &Face,
    request: Request,
    mut call: Call,
    action: &mut &'static str,
) -> Result<Response, Refused> {
    let account = account(face, &request, &mut call)?;
    let asked = Asked::read(&request);
    drop(request); // what it held of a secret is in `asked` now
    *action = asked.as_ref().map_or(OTHER, action_of);
    if !account.admits(action) {
        return Err(Code::RequestLimitExceeded.into());
    }
    let id = request_id(call.id);
    (Turn { face, account, call, id }).perform(asked?).await
}

/// Whose request it is, by its signature. `call` has its caller then.
fn account<'f>(face: &'f Face, request: &Request, call: &mut Call) -> Result<&'f Account, Code> {
    let claim = Claim::read(request).map_err(|refusal| {
        log_refusal(call, CLOUD, &refusal);
        Code::of_refusal(&refusal)
    })?;
    let found = face.account(CLOUD, claim.access_key());
    let known = found.and_then(|account| Some((account, account.secret_key.as_ref()?)));
    let (account, secret_key) = known.ok_or(Code::InvalidAccessKeyId)?;
    call.caller = account.caller();
    claim.check(request, secret_key, face.clock().now()).map_err(|refusal| {
        log_refusal(call, CLOUD, &refusal);
        Code::of_refusal(&refusal)
    })?;
    Ok(account)
}

/// The operation, for limits and metrics.
fn action_of(asked: &Asked) -> &'static str {
    match asked {
        Asked::Create(_) => "create",
        Asked::Import(..) => "import",
        Asked::List { .. } => "list",
        Asked::Get(_) => "get",
        Asked::Attach(..) => "attach",
        Asked::Detach(..) => "detach",
        Asked::Rename(..) => "rename",
        Asked::Describe(..) => "updateDesc",
        Asked::Delete(_) => "delete",
    }
}

/// A request that may be answered.
struct Turn<'f> {
    face: &'f Face,
    account: &'f Account,
    call: Call,
    /// The request id of the answer.
    id: String,
}

impl Turn<'_> {
    async fn perform(&self, asked: Asked) -> Result<Response, Refused> {
        match asked {
            Asked::Create(new) => self.create(new).await,
            Asked::Import(new, public_key) => self.import(new, public_key).await,
            Asked::List { marker, max_keys, name } => self.list(marker, max_keys.unwrap_or(PAGE), name).await,
            Asked::Get(id) => Ok(render(&self.model(&self.pair(&id).await?, None), &self.id)),
            Asked::Attach(id, instances) | Asked::Detach(id, instances) => {
                self.pair(&id).await?;
                Err(if instances.is_empty() { Code::InappropriateJson } else { Code::InstanceNotExist }.into())
            }
            Asked::Rename(id, name) => self.update(&id, Some(checked(&name, is_new_name)?), None).await,
            Asked::Describe(id, text) => self.update(&id, None, Some(described(&text)?)).await,
            Asked::Delete(id) => self.delete(&id).await,
        }
    }

    async fn create(&self, new: New) -> Result<Response, Refused> {
        let new = self.new_pair(&new)?;
        let made = self.face.create(&self.call, self.account, new, Making::default()).await;
        let (pair, private_key) = made.map_err(|error| self.refused(&error))?;
        Ok(render(&self.model(&pair, Some(private_key)), &self.id))
    }

    async fn import(&self, new: New, public_key: SecretText) -> Result<Response, Refused> {
        let new = self.new_pair(&new)?;
        let read = self.face.service().read_public(&self.call, Some(&self.account.project), public_key.expose()).await;
        let read = read.map_err(|error| self.refused(&error))?.map_err(|_| Code::PublicKeyFormatInvalid)?;
        if !matches!(read.0.algorithm(), Algorithm::Rsa | Algorithm::Dsa | Algorithm::Ecdsa) {
            return Err(Code::PublicKeyFormatInvalid.into());
        }
        let pair = self.face.import_public(&self.call, self.account, new, read).await;
        Ok(render(&self.model(&pair.map_err(|error| self.refused(&error))?, None), &self.id))
    }

    fn new_pair(&self, new: &New) -> Result<NewPair, Code> {
        Ok(self.account.new_pair(checked(&new.name, is_name)?, described(&new.description)?))
    }

    async fn list(&self, marker: Option<String>, most: u32, name: Option<String>) -> Result<Response, Refused> {
        let from = match &marker {
            None => None,
            Some(marker) => Some(self.start(marker).await?),
        };
        let mut pairs = match &name {
            None => self.all(from, most).await?,
            Some(name) => {
                self.named(name).await?.filter(|pair| from.is_none_or(|from| pair.id >= from)).into_iter().collect()
            }
        };
        let next_marker = pairs.get(most as usize).map(key_id);
        pairs.truncate(most as usize);
        let page = Page {
            marker: pairs.first().map(key_id).or(marker).unwrap_or_default(),
            is_truncated: next_marker.is_some(),
            next_marker,
            max_keys: most,
            keypairs: pairs.iter().map(|pair| self.model(pair, None)).collect(),
        };
        Ok(render_page(&page, &self.id))
    }

    /// Where a page begins: at the pair of the marker, or after it, should it be deleted by now. A marker of no pair is
    /// refused: an empty page would be the end of the list.
    async fn start(&self, marker: &str) -> Result<KeyPairId, Refused> {
        let short_id = short_id(marker).ok_or(Code::InvalidHttpRequest)?;
        match self.face.service().pair(&self.account.key(By::ShortId(short_id))).await {
            Ok(pair) => Ok(pair.id),
            Err(error) => match self.refused(&error) {
                Refused { code: Code::KeypairNotExist, .. } => Err(Code::InvalidHttpRequest.into()),
                refused => Err(refused),
            },
        }
    }

    /// The pairs from this one on: one more than fit on the page, whose id leads to the next.
    async fn all(&self, from: Option<KeyPairId>, most: u32) -> Result<Vec<KeyPair>, Refused> {
        let before = from.map(|id| u128::from_be_bytes(*id.as_bytes()).saturating_sub(1).to_be_bytes());
        let after = before.map(KeyPairId::from_bytes);
        let pairs = self.face.active(self.account, after, most as usize + 1, |_| true).await;
        pairs.map_err(|error| self.refused(&error))
    }

    /// The pair of exactly this name. A name that none of our pairs can have is one that no pair has.
    async fn named(&self, name: &str) -> Result<Option<KeyPair>, Refused> {
        let Ok(name) = KeyPairName::parse("name", name) else { return Ok(None) };
        match self.face.one(self.account, By::Name(name)).await {
            Ok(pair) => Ok(Some(pair)),
            Err(error) => match self.refused(&error) {
                Refused { code: Code::KeypairNotExist, .. } => Ok(None),
                refused => Err(refused),
            },
        }
    }

    async fn update(
        &self,
        id: &str,
        name: Option<KeyPairName>,
        description: Option<Description>,
    ) -> Result<Response, Refused> {
        let key = self.account.key(By::Id(self.pair(id).await?.id));
        let (etag, labels, user_id, repeat) = Default::default();
        let command = Update { key, name, description, labels, user_id, etag, repeat };
        self.face.service().update(self.call.clone(), command).await.map_err(|error| self.refused(&error))?;
        Ok(nothing(&self.id))
    }

    /// A pair that a cloud did not let go of is not shown any more; deleting it again goes on.
    async fn delete(&self, id: &str) -> Result<Response, Refused> {
        let key = self.account.key(By::ShortId(short_id(id).ok_or(Code::KeypairNotExist)?));
        let command = Delete {
            key,
            etag: String::new(),
            allow_missing: false,
            purge: false,
            abandon_placements: false,
            repeat: None,
            validate_only: false,
        };
        self.face.service().delete(self.call.clone(), command).await.map_err(|error| self.refused(&error))?;
        Ok(nothing(&self.id))
    }

    /// The pair of an id, where it is shown.
    async fn pair(&self, id: &str) -> Result<KeyPair, Refused> {
        let short_id = short_id(id).ok_or(Code::KeypairNotExist)?;
        self.face.one(self.account, By::ShortId(short_id)).await.map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &Error) -> Refused {
        let kind = fault(&self.call, CLOUD, error);
        Refused { code: Code::of_kind(kind), message: (kind == Kind::NameTaken).then_some(NAME_TAKEN) }
    }

    fn model(&self, pair: &KeyPair, private_key: Option<SecretText>) -> Keypair {
        let made = baidu::time(pair.create_time);
        Keypair {
            keypair_id: key_id(pair),
            name: pair.name.as_str().to_owned(),
            description: pair.description.as_str().to_owned(),
            public_key: pair.public.line(pair.line_comment()),
            region_id: self.account.region.clone(),
            finger_print: pair.public.fingerprint_md5(),
            instance_count: Some(0), // it knows none
            create_time: made.clone(),
            created_time: made,
            private_key,
        }
    }
}

/// A name that fits Baidu's grammar and ours.
fn checked(name: &str, fits: fn(&str) -> bool) -> Result<KeyPairName, Code> {
    let name = Some(name).filter(|name| fits(name)).and_then(|name| KeyPairName::parse("name", name).ok());
    name.ok_or(Code::KeypairNameInvalid)
}

fn described(text: &str) -> Result<Description, Code> {
    Description::parse("description", text).map_err(|_| Code::KeypairDescriptionInvalid)
}

/// The id of a pair at the cloud.
fn key_id(pair: &KeyPair) -> String {
    [PREFIX, pair.short_id.as_str()].concat()
}

/// What stands behind the prefix; `None`: it is no id.
fn short_id(id: &str) -> Option<ShortId> {
    id.strip_prefix(PREFIX).and_then(ShortId::parse)
}

fn answered(mut response: Response, action: &'static str, code: &'static str) -> Response {
    response.extensions_mut().insert(Told { action, code });
    response
}

const CLOUD: ProviderKind = ProviderKind::Baidu;
const PREFIX: &str = "k-";
/// How many pairs a page holds, unless the request says less.
const PAGE: u32 = 1000;
/// What asks for no operation, in the metrics.
const OTHER: &str = "_OTHER";
/// Baidu lets names be equal; here they are unique in a project.
const NAME_TAKEN: &str = "Keypair name is invalid. It is taken by another key pair: choose another name.";
