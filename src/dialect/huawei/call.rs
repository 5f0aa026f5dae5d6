//! The operations as values: which request each of them is, and back.

use http::Method;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::action::Action;
use super::body::{Around, Association, AssociationsWritten, KeypairWritten, NewKeypair, PrivateHalf, Server};
use super::check::{AssociationRead, AssociationsRead, KeypairRead, name, read, read_list, required};
use super::code::{Code, Flaw};
use super::route::Route;
use super::{BATCH, DESCRIPTION};
use crate::dialect::json::to_bytes;
use crate::dialect::{Request, decode_form, encode};
use crate::secret::SecretBytes;

/// A request for one of the operations. One that was read keeps the rules of the cloud's pages.
pub struct Call {
    /// The project of the path, as it stands there; empty for [`Operation::Projects`], which has none.
    pub project_id: String,
    /// What is asked.
    pub operation: Operation,
}

/// What is asked.
pub enum Operation {
    /// Makes a pair, or registers a public half.
    Create(NewKeypair),
    /// Lists pairs.
    List(Page),
    /// Shows the pair of this name.
    Detail(String),
    /// Changes a description.
    Describe {
        /// The pair.
        name: String,
        /// Its new description; empty: none.
        description: String,
    },
    /// Deletes the pair of this name.
    Delete(String),
    /// Gives a private half into the cloud's keeping.
    ImportPrivate(PrivateHalf),
    /// Gives back the private half of the pair of this name.
    ExportPrivate(String),
    /// Takes the private half of the pair of this name out of the cloud's keeping.
    ClearPrivate(String),
    /// Makes and registers pairs, 1 to 10.
    BatchImport(Vec<NewKeypair>),
    /// Gives back private halves, 1 to 10.
    BatchExport(Vec<String>),
    /// Puts a pair on an instance.
    Associate(Association),
    /// Puts a pair on instances, 1 to 10.
    BatchAssociate(Vec<Association>),
    /// Takes the pair off an instance.
    Disassociate(Server),
    /// Shows the task of this id.
    Task(String),
    /// Lists tasks that run.
    RunningTasks(Window),
    /// Lists tasks that failed.
    FailedTasks(Window),
    /// Forgets all failed tasks.
    ClearFailedTasks,
    /// Forgets the failed task of this id.
    DeleteFailedTask(String),
    /// IAM's: the projects of the account; those of this name, the name of a region.
    Projects(Option<String>),
}

/// A page of pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many pairs, 1 to 1000.
    pub limit: u32,
    /// The `next_marker` of the page before.
    pub marker: Option<String>,
}

/// A page of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many tasks, 1 to 1000.
    pub limit: u32,
    /// How many are left out first.
    pub offset: u32,
}

impl Call {
    /// Reads a request. Whose it is, and whether its signature holds, was found out before.
    pub fn read(request: &Request) -> Result<Self, Flaw> {
        Route::of(request).ok_or(Code::ApiUnknown)?.call(request)
    }

    /// The request, unsigned, with path and query only. Refused when a text is too long for a target, or the project id
    /// is none that a header can hold.
    pub fn request(&self) -> Result<Request, http::Error> {
        let operation = &self.operation;
        let method = operation.method();
        let has_body = matches!(method, Method::POST | Method::PUT);
        let content_type = if has_body { "application/json;charset=utf-8" } else { "application/json" };
        let mut request = http::Request::builder().method(method).header(CONTENT_TYPE, content_type);
        let target = match operation {
            Operation::Projects(_) => "/v3/projects".to_owned(),
            _ => {
                request = request.header("x-project-id", &self.project_id);
                format!("/v3/{}/{}", encode(&self.project_id, false), operation.path())
            }
        };
        let query: Vec<_> =
            operation.query().iter().map(|(key, value)| format!("{key}={}", encode(value, false))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        request.uri([&target, mark, &query.join("&")].concat()).body(operation.body())
    }
}

impl Route {
    /// What the request, the one that this is the route of, asks for in full.
    pub fn call(self, request: &Request) -> Result<Call, Flaw> {
        let query = decode_form(request.uri().query().unwrap_or_default());
        let operation = operation(self.action, self.word, &query, request)?;
        Ok(Call { project_id: self.project_id, operation })
    }
}

/// `word`: the pair or the task in the path.
fn operation(action: Action, word: String, query: &[(String, String)], request: &Request) -> Result<Operation, Flaw> {
    Ok(match action {
        Action::CreateKeypair => Operation::Create(NewKeypair::of("keypair", keypair(request)?)?),
        Action::ListKeypairs => Operation::List(Page::of(query)?),
        Action::ListKeypairDetail => Operation::Detail(in_path(word)?),
        Action::UpdateKeypairDescription => {
            Operation::Describe { name: in_path(word)?, description: description(keypair(request)?)? }
        }
        Action::DeleteKeypair => Operation::Delete(in_path(word)?),
        Action::ClearPrivateKey => Operation::ClearPrivate(in_path(word)?),
        Action::ImportPrivateKey => Operation::ImportPrivate(PrivateHalf::of(keypair(request)?)?),
        Action::ExportPrivateKey => Operation::ExportPrivate(name("keypair.name", keypair(request)?.name)?),
        Action::BatchExportPrivateKey => {
            Operation::BatchExport(batch("", read_list(request)?, |field, read: Around<KeypairRead>| {
                name(&format!("{field}keypair.name"), read.keypair.name)
            })?)
        }
        Action::BatchImportKeypair => {
            Operation::BatchImport(batch("", read_list(request)?, |field, read: Around<KeypairRead>| {
                NewKeypair::of(&format!("{field}keypair"), read.keypair)
            })?)
        }
        Action::AssociateKeypair => Operation::Associate(Association::of("", read(request)?)?),
        Action::BatchAssociateKeypair => {
            let read: AssociationsRead = read(request)?;
            Operation::BatchAssociate(batch("batch_keypairs", read.batch_keypairs, Association::of)?)
        }
        Action::DisassociateKeypair => {
            Operation::Disassociate(Server::of("server", read::<AssociationRead>(request)?.server)?)
        }
        Action::ListKeypairTask => Operation::Task(task(word)?),
        Action::ListRunningTask => Operation::RunningTasks(Window::of(query)?),
        Action::ListFailedTask => Operation::FailedTasks(Window::of(query)?),
        Action::DeleteAllFailedTask => Operation::ClearFailedTasks,
        Action::DeleteFailedTask => Operation::DeleteFailedTask(task(word)?),
        Action::KeystoneListProjects => Operation::Projects(value(query, "name")),
    })
}

fn keypair(request: &Request) -> Result<KeypairRead, Flaw> {
    read::<Around<KeypairRead>>(request).map(|around| around.keypair)
}

fn in_path(segment: String) -> Result<String, Flaw> {
    name("keypair_name", Some(segment))
}

fn description(read: KeypairRead) -> Result<String, Flaw> {
    let description = required("keypair.description", read.description)?;
    if description.chars().count() > DESCRIPTION {
        return Err(Flaw::parameter("keypair.description", "must have at most 255 characters"));
    }
    Ok(description)
}

fn batch<R, T>(field: &str, read: Vec<R>, of: impl Fn(&str, R) -> Result<T, Flaw>) -> Result<Vec<T>, Flaw> {
    if read.is_empty() || read.len() > BATCH {
        return Err(Flaw::parameter(if field.is_empty() { "the body" } else { field }, "must hold 1 to 10 items"));
    }
    read.into_iter().enumerate().map(|(at, read)| of(&format!("{field}[{at}]."), read)).collect()
}

fn task(id: String) -> Result<String, Flaw> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if id.is_empty() || id.len() > 64 || !id.chars().all(fits) { Err(Code::TaskInvalid.into()) } else { Ok(id) }
}

impl Page {
    fn of(query: &[(String, String)]) -> Result<Self, Flaw> {
        let limit = limit(query, 50)?;
        Ok(Self { limit, marker: value(query, "marker") })
    }
}

impl Window {
    fn of(query: &[(String, String)]) -> Result<Self, Flaw> {
        let offset = number(query, "offset")?.unwrap_or(0);
        Ok(Self { limit: limit(query, LIMIT)?, offset })
    }
}

/// The pages tell what is the default, and no upper bound: more than ours is answered with less, as pages may be.
fn limit(query: &[(String, String)], default: u32) -> Result<u32, Flaw> {
    match number(query, "limit")? {
        Some(0) => Err(Flaw::parameter("limit", "must be 1 or more")),
        limit => Ok(limit.unwrap_or(default).min(LIMIT)),
    }
}

fn number(query: &[(String, String)], key: &str) -> Result<Option<u32>, Flaw> {
    let number = value(query, key).map(|text| text.parse().map_err(|_| Flaw::parameter(key, "must be a whole number")));
    number.transpose()
}

/// A parameter that is not empty.
fn value(query: &[(String, String)], key: &str) -> Option<String> {
    query.iter().find(|(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.clone())
}

impl Operation {
    /// Its name.
    pub fn action(&self) -> Action {
        match self {
            Self::Create(_) => Action::CreateKeypair,
            Self::List(_) => Action::ListKeypairs,
            Self::Detail(_) => Action::ListKeypairDetail,
            Self::Describe { .. } => Action::UpdateKeypairDescription,
            Self::Delete(_) => Action::DeleteKeypair,
            Self::ImportPrivate(_) => Action::ImportPrivateKey,
            Self::ExportPrivate(_) => Action::ExportPrivateKey,
            Self::ClearPrivate(_) => Action::ClearPrivateKey,
            Self::BatchImport(_) => Action::BatchImportKeypair,
            Self::BatchExport(_) => Action::BatchExportPrivateKey,
            Self::Associate(_) => Action::AssociateKeypair,
            Self::BatchAssociate(_) => Action::BatchAssociateKeypair,
            Self::Disassociate(_) => Action::DisassociateKeypair,
            Self::Task(_) => Action::ListKeypairTask,
            Self::RunningTasks(_) => Action::ListRunningTask,
            Self::FailedTasks(_) => Action::ListFailedTask,
            Self::ClearFailedTasks => Action::DeleteAllFailedTask,
            Self::DeleteFailedTask(_) => Action::DeleteFailedTask,
            Self::Projects(_) => Action::KeystoneListProjects,
        }
    }

    fn method(&self) -> Method {
        match self {
            Self::List(_)
            | Self::Detail(_)
            | Self::Task(_)
            | Self::RunningTasks(_)
            | Self::FailedTasks(_)
            | Self::Projects(_) => Method::GET,
            Self::Delete(_) | Self::ClearPrivate(_) | Self::ClearFailedTasks | Self::DeleteFailedTask(_) => {
                Method::DELETE
            }
            Self::Describe { .. } => Method::PUT,
            _ => Method::POST,
        }
    }

    /// What follows the project.
    fn path(&self) -> String {
        match self {
            Self::Create(_) | Self::List(_) => "keypairs".into(),
            Self::Detail(name) | Self::Delete(name) | Self::Describe { name, .. } => {
                format!("keypairs/{}", encode(name, false))
            }
            Self::ImportPrivate(_) => "keypairs/private-key/import".into(),
            Self::ExportPrivate(_) => "keypairs/private-key/export".into(),
            Self::ClearPrivate(name) => format!("keypairs/{}/private-key", encode(name, false)),
            Self::BatchImport(_) => "keypairs/batch-import".into(),
            Self::BatchExport(_) => "keypairs/private-key/batch-export".into(),
            Self::Associate(_) => "keypairs/associate".into(),
            Self::BatchAssociate(_) => "keypairs/batch-associate".into(),
            Self::Disassociate(_) => "keypairs/disassociate".into(),
            Self::Task(id) => format!("tasks/{}", encode(id, false)),
            Self::RunningTasks(_) => "running-tasks".into(),
            Self::FailedTasks(_) | Self::ClearFailedTasks => "failed-tasks".into(),
            Self::DeleteFailedTask(id) => format!("failed-tasks/{}", encode(id, false)),
            Self::Projects(_) => String::new(),
        }
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::List(Page { limit, marker }) => {
                let marker = marker.iter().map(|marker| ("marker", marker.clone()));
                [("limit", limit.to_string())].into_iter().chain(marker).collect()
            }
            Self::RunningTasks(window) | Self::FailedTasks(window) => {
                vec![("limit", window.limit.to_string()), ("offset", window.offset.to_string())]
            }
            Self::Projects(name) => name.iter().map(|name| ("name", name.clone())).collect(),
            _ => Vec::new(),
        }
    }

    fn body(&self) -> SecretBytes {
        match self {
            Self::Create(new) => around(new.written(), new.room()),
            Self::Describe { description, .. } => around(KeypairWritten::described(description), description.len()),
            Self::ImportPrivate(half) => around(half.written(), half.private_key.expose().len()),
            Self::ExportPrivate(name) => around(KeypairWritten::named(name), 0),
            Self::BatchImport(pairs) => {
                let written: Vec<_> = pairs.iter().map(|new| Around { keypair: new.written() }).collect();
                to_bytes(&written, pairs.iter().map(NewKeypair::room).sum())
            }
            Self::BatchExport(names) => {
                let written = names.iter().map(|name| Around { keypair: KeypairWritten::named(name) });
                to_bytes(&written.collect::<Vec<_>>(), 0)
            }
            Self::Associate(association) => to_bytes(&association.written(), association.server.room()),
            Self::BatchAssociate(all) => {
                let batch_keypairs = all.iter().map(Association::written).collect();
                let room = all.iter().map(|association| association.server.room()).sum();
                to_bytes(&AssociationsWritten { batch_keypairs }, room)
            }
            Self::Disassociate(server) => to_bytes(&server.written(), server.room()),
            _ => SecretBytes::new(Vec::new()),
        }
    }
}

fn around(keypair: impl Serialize, room: usize) -> SecretBytes {
    to_bytes(&Around { keypair }, room)
}

/// The most items of a page, of pairs and of tasks.
const LIMIT: u32 = 1000;
