//! The actions as values: written as JSON, read from JSON and from flattened parameters.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::VERSION;
use super::action::Action;
use super::answer::KeyPair;
use super::code::{Code, Flaw};
use super::params::{self, Fields, missing};
use crate::dialect::Request;
use crate::secret::SecretBytes;

/// A request for one of the actions. One that was read keeps the rules of the cloud's pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Makes a pair.
    CreateKeyPair {
        /// Its name.
        key_name: String,
        /// Its project at the cloud; 0 is the default one.
        project_id: i64,
        /// Its tags.
        tags: Vec<Tag>,
    },
    /// Registers a public half.
    ImportKeyPair {
        /// Its name.
        key_name: String,
        /// Its project at the cloud; 0 is the default one.
        project_id: i64,
        /// An OpenSSH line. One that was read begins with `ssh-rsa`; more is not known of it.
        public_key: String,
        /// Its tags.
        tags: Vec<Tag>,
    },
    /// Lists pairs.
    DescribeKeyPairs {
        /// Which.
        wanted: Wanted,
        /// How many are left out first.
        offset: u64,
        /// How many are answered, 1 to 100.
        limit: u64,
    },
    /// Changes what is `Some`; one of both is.
    ModifyKeyPairAttribute {
        /// Which pair.
        key_id: String,
        /// Its new name.
        key_name: Option<String>,
        /// Its new description.
        description: Option<String>,
    },
    /// Deletes pairs.
    DeleteKeyPairs {
        /// Which, 1 to 100.
        key_ids: Vec<String>,
    },
    /// Puts pairs on instances.
    AssociateInstancesKeyPairs(Binding),
    /// Takes pairs off instances.
    DisassociateInstancesKeyPairs(Binding),
}

/// Pairs and instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Instances, 1 to 100.
    pub instance_ids: Vec<String>,
    /// Pairs, 1 to 100.
    pub key_ids: Vec<String>,
    /// Instances that run are stopped.
    pub force_stop: bool,
}

/// A tag of a pair.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key; each once.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// Which pairs are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of the account.
    All,
    /// Those of these ids.
    Ids(Vec<String>),
    /// Those that pass every filter.
    Filters(Vec<Filter>),
}

/// Passes a pair that has one of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `project-id`.
    ProjectId(Vec<i64>),
    /// `key-name`.
    KeyName(Vec<String>),
    /// `tag-key`.
    TagKey(Vec<String>),
    /// `tag-value`.
    TagValue(Vec<String>),
    /// `tag:KEY`: the key, and values of that tag.
    Tag(String, Vec<String>),
}

impl Call {
    /// The action.
    pub fn action(&self) -> Action {
        match self {
            Self::CreateKeyPair { .. } => Action::CreateKeyPair,
            Self::ImportKeyPair { .. } => Action::ImportKeyPair,
            Self::DescribeKeyPairs { .. } => Action::DescribeKeyPairs,
            Self::ModifyKeyPairAttribute { .. } => Action::ModifyKeyPairAttribute,
            Self::DeleteKeyPairs { .. } => Action::DeleteKeyPairs,
            Self::AssociateInstancesKeyPairs(_) => Action::AssociateInstancesKeyPairs,
            Self::DisassociateInstancesKeyPairs(_) => Action::DisassociateInstancesKeyPairs,
        }
    }

    /// The request to `/`, without `Host` and what [`super::sign`] sets. `None` when the region holds what no header
    /// can; an empty one is left out, as the SDK does.
    pub fn request(&self, region: &str) -> Option<Request> {
        let mut headers = HeaderMap::new();
        let mut set = |name, value| drop(headers.insert(HeaderName::from_static(name), value));
        set(CONTENT_TYPE.as_str(), HeaderValue::from_static("application/json"));
        set("x-tc-action", HeaderValue::from_static(self.action().as_str()));
        set("x-tc-version", HeaderValue::from_static(VERSION));
        set("x-tc-language", HeaderValue::from_static("en-US"));
        if !region.is_empty() {
            set("x-tc-region", HeaderValue::from_str(region).ok()?);
        }
        let mut request = Request::new(SecretBytes::new(Value::Object(self.body()).to_string().into_bytes()));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        Some(request)
    }

    fn body(&self) -> Map<String, Value> {
        let body = match self {
            Self::CreateKeyPair { key_name, project_id, tags } => {
                json!({"KeyName": key_name, "ProjectId": project_id, "TagSpecification": specified(tags)})
            }
            Self::ImportKeyPair { key_name, project_id, public_key, tags } => json!({
                "KeyName": key_name,
                "ProjectId": project_id,
                "PublicKey": public_key,
                "TagSpecification": specified(tags),
            }),
            Self::DescribeKeyPairs { wanted, offset, limit } => {
                let (ids, filters) = match wanted {
                    Wanted::All => (None, None),
                    Wanted::Ids(ids) => (Some(ids), None),
                    Wanted::Filters(filters) => (None, Some(filters.iter().map(Filter::body).collect::<Vec<_>>())),
                };
                json!({"KeyIds": ids, "Filters": filters, "Offset": offset, "Limit": limit})
            }
            Self::ModifyKeyPairAttribute { key_id, key_name, description } => {
                json!({"KeyId": key_id, "KeyName": key_name, "Description": description})
            }
            Self::DeleteKeyPairs { key_ids } => json!({"KeyIds": key_ids}),
            Self::AssociateInstancesKeyPairs(binding) | Self::DisassociateInstancesKeyPairs(binding) => json!({
                "InstanceIds": binding.instance_ids,
                "KeyIds": binding.key_ids,
                "ForceStop": binding.force_stop,
            }),
        };
        let Value::Object(mut body) = body else { return Map::new() }; // all of the above are objects
        body.retain(|_, value| !value.is_null());
        body
    }

    /// Reads a request, whatever its signature says: who answers it has looked at that first.
    pub fn read(request: &Request) -> Result<Self, Flaw> {
        Asked::read(request)?.call()
    }
}

/// A request whose action is known, and nothing else yet.
pub struct Asked {
    action: Action,
    fields: Fields,
}

impl Asked {
    /// Reads what a request asks for, whatever its signature says.
    pub fn read(request: &Request) -> Result<Self, Flaw> {
        let (action, fields) = params::read(request)?;
        Ok(Self { action, fields })
    }

    /// The action.
    pub fn action(&self) -> Action {
        self.action
    }

    /// All of it.
    pub fn call(self) -> Result<Call, Flaw> {
        let Self { action, mut fields } = self;
        let call = match action {
            Action::CreateKeyPair => Call::CreateKeyPair {
                key_name: fields.needed("KeyName")?,
                project_id: project_id(&mut fields)?,
                tags: tags(&mut fields)?,
            },
            Action::ImportKeyPair => Call::ImportKeyPair {
                key_name: fields.needed("KeyName")?,
                project_id: project_id(&mut fields)?,
                public_key: fields.needed("PublicKey")?,
                tags: tags(&mut fields)?,
            },
            Action::DescribeKeyPairs => describe(&mut fields)?,
            Action::ModifyKeyPairAttribute => modify(&mut fields)?,
            Action::DeleteKeyPairs => Call::DeleteKeyPairs { key_ids: some(&mut fields, "KeyIds")? },
            Action::AssociateInstancesKeyPairs => Call::AssociateInstancesKeyPairs(binding(&mut fields)?),
            Action::DisassociateInstancesKeyPairs => Call::DisassociateInstancesKeyPairs(binding(&mut fields)?),
        };
        fields.done()?;
        call.checked()
    }
}

fn specified(tags: &[Tag]) -> Option<Value> {
    (!tags.is_empty()).then(|| json!([{"ResourceType": KEY_PAIR, "Tags": tags}]))
}

fn project_id(fields: &mut Fields) -> Result<i64, Flaw> {
    fields.number("ProjectId")?.ok_or_else(|| missing("ProjectId"))
}

fn tags(fields: &mut Fields) -> Result<Vec<Tag>, Flaw> {
    let mut tags = Vec::new();
    for mut specification in fields.levels("TagSpecification")? {
        if specification.needed("ResourceType")? != KEY_PAIR {
            return Err(Flaw::value("The ResourceType of tags must be keypair."));
        }
        for mut tag in specification.levels("Tags")? {
            tags.push(Tag { key: tag.needed("Key")?, value: tag.text("Value")?.unwrap_or_default() });
            tag.done()?;
        }
        specification.done()?;
    }
    Ok(tags)
}

fn describe(fields: &mut Fields) -> Result<Call, Flaw> {
    let ids = fields.texts("KeyIds")?;
    let filters = fields.levels("Filters")?.into_iter().map(Filter::read).collect::<Result<Vec<_>, _>>()?;
    let wanted = match (ids.is_empty(), filters.is_empty()) {
        (true, true) => Wanted::All,
        (false, true) => Wanted::Ids(ids),
        (true, false) => Wanted::Filters(filters),
        (false, false) => {
            return Err(Flaw::new(Code::InvalidParameter, "KeyIds and Filters cannot be specified at the same time."));
        }
    };
    let offset = fields.number("Offset")?.unwrap_or(0);
    let offset = u64::try_from(offset).map_err(|_| Code::InvalidParameterValueOffset)?;
    let limit = fields.number("Limit")?.unwrap_or(20);
    let limit = u64::try_from(limit).map_err(|_| Code::InvalidParameterValueLimit)?;
    Ok(Call::DescribeKeyPairs { wanted, offset, limit })
}

fn modify(fields: &mut Fields) -> Result<Call, Flaw> {
    let key_id = fields.needed("KeyId")?;
    let (key_name, description) = (fields.text("KeyName")?, fields.text("Description")?);
    if key_name.is_none() && description.is_none() {
        return Err(Flaw::because(Code::MissingParameter, "One of `KeyName` and `Description` is needed."));
    }
    Ok(Call::ModifyKeyPairAttribute { key_id, key_name, description })
}

fn binding(fields: &mut Fields) -> Result<Binding, Flaw> {
    let (instance_ids, key_ids) = (some(fields, "InstanceIds")?, some(fields, "KeyIds")?);
    Ok(Binding { instance_ids, key_ids, force_stop: fields.flag("ForceStop")?.unwrap_or(false) })
}

/// A list that must hold something.
fn some(fields: &mut Fields, name: &str) -> Result<Vec<String>, Flaw> {
    let texts = fields.texts(name)?;
    if texts.is_empty() { Err(missing(name)) } else { Ok(texts) }
}

impl Filter {
    fn read(mut fields: Fields) -> Result<Self, Flaw> {
        let (name, values) = (fields.needed("Name")?, fields.texts("Values")?);
        fields.done()?;
        Ok(match name.as_str() {
            "project-id" => {
                let numbers = values.iter().map(|value| value.parse().ok()).collect::<Option<_>>();
                let flaw = || Flaw::new(Code::InvalidFilter, "The values of project-id must be numbers.");
                Self::ProjectId(numbers.ok_or_else(flaw)?)
            }
            "key-name" => Self::KeyName(values),
            "tag-key" => Self::TagKey(values),
            "tag-value" => Self::TagValue(values),
            _ => match name.strip_prefix("tag:").filter(|key| !key.is_empty()) {
                Some(key) => Self::Tag(key.to_owned(), values),
                None => return Err(Code::InvalidFilter.into()),
            },
        })
    }

    fn body(&self) -> Value {
        let texts = |name: &str, values: &[String]| json!({"Name": name, "Values": values});
        match self {
            Self::ProjectId(ids) => texts("project-id", &ids.iter().map(i64::to_string).collect::<Vec<_>>()),
            Self::KeyName(names) => texts("key-name", names),
            Self::TagKey(keys) => texts("tag-key", keys),
            Self::TagValue(values) => texts("tag-value", values),
            Self::Tag(key, values) => texts(&["tag:", key].concat(), values),
        }
    }

    pub(super) fn values(&self) -> usize {
        match self {
            Self::ProjectId(ids) => ids.len(),
            Self::KeyName(texts) | Self::TagKey(texts) | Self::TagValue(texts) | Self::Tag(_, texts) => texts.len(),
        }
    }

    /// Whether a pair passes: one of the values is exactly its own, or that of one of its tags.
    pub fn passes(&self, pair: &KeyPair) -> bool {
        match self {
            Self::ProjectId(ids) => ids.contains(&pair.project_id),
            Self::KeyName(names) => names.contains(&pair.key_name),
            Self::TagKey(keys) => pair.tags.iter().any(|tag| keys.contains(&tag.key)),
            Self::TagValue(values) => pair.tags.iter().any(|tag| values.contains(&tag.value)),
            Self::Tag(key, values) => pair.tags.iter().any(|tag| tag.key == *key && values.contains(&tag.value)),
        }
    }
}

/// The only type of resources whose tags go with a pair.
const KEY_PAIR: &str = "keypair";
