//! Where a request leads, known before its body is read.

use percent_encoding::percent_decode_str;

use super::action::Action;
use crate::dialect::Request;

/// What a request asks for, as its method and its path say.
pub struct Route {
    /// The project of the path, as it is meant; empty for [`Action::KeystoneListProjects`], which has none.
    pub project_id: String,
    /// The operation.
    pub action: Action,
    /// The pair's name, or the task's id, where the path has one. Unchecked.
    pub(super) word: String,
}

impl Route {
    /// `None` when there is no such API.
    pub fn of(request: &Request) -> Option<Self> {
        let path: Vec<String> = request.uri().path().split('/').skip(1).map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let method = request.method().as_str();
        let (project_id, (action, word)) = match (method, path.as_slice()) {
            ("GET", ["v3", "projects"]) => ("", (Action::KeystoneListProjects, "")),
            (method, ["v3", project_id, rest @ ..]) => (*project_id, below_project(method, rest)?),
            _ => return None,
        };
        Some(Self { project_id: project_id.to_owned(), action, word: word.to_owned() })
    }
}

/// A segment of a path as it is meant. What is not UTF-8 is replaced, and fits no name.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// The operation, and the word in the path.
fn below_project<'p>(method: &str, path: &[&'p str]) -> Option<(Action, &'p str)> {
    let found = match (method, path) {
        ("POST", ["keypairs"]) => (Action::CreateKeypair, ""),
        ("GET", ["keypairs"]) => (Action::ListKeypairs, ""),
        ("GET", ["keypairs", pair]) => (Action::ListKeypairDetail, *pair),
        ("PUT", ["keypairs", pair]) => (Action::UpdateKeypairDescription, *pair),
        ("DELETE", ["keypairs", pair]) => (Action::DeleteKeypair, *pair),
        ("DELETE", ["keypairs", pair, "private-key"]) => (Action::ClearPrivateKey, *pair),
        ("POST", ["keypairs", "private-key", "import"]) => (Action::ImportPrivateKey, ""),
        ("POST", ["keypairs", "private-key", "export"]) => (Action::ExportPrivateKey, ""),
        ("POST", ["keypairs", "private-key", "batch-export"]) => (Action::BatchExportPrivateKey, ""),
        ("POST", ["keypairs", "batch-import"]) => (Action::BatchImportKeypair, ""),
        ("POST", ["keypairs", "associate"]) => (Action::AssociateKeypair, ""),
        ("POST", ["keypairs", "batch-associate"]) => (Action::BatchAssociateKeypair, ""),
        ("POST", ["keypairs", "disassociate"]) => (Action::DisassociateKeypair, ""),
        ("GET", ["tasks", id]) => (Action::ListKeypairTask, *id),
        ("GET", ["running-tasks"]) => (Action::ListRunningTask, ""),
        ("GET", ["failed-tasks"]) => (Action::ListFailedTask, ""),
        ("DELETE", ["failed-tasks"]) => (Action::DeleteAllFailedTask, ""),
        ("DELETE", ["failed-tasks", id]) => (Action::DeleteFailedTask, *id),
        _ => return None,
    };
    Some(found)
}
