//! The corpus of key files as rows, each in a project of its own: a project takes one key once, and may be wrong about
//! ten passphrases a minute.

use keypairs::error::Reason;
use keypairs::grpc::pb;
use tonic::Code::{FailedPrecondition, InvalidArgument};

use super::rows::ask;
use super::{Ask, Row, Told};
use crate::key_corpus::{Case, cases};

/// One row for each file.
pub fn rows() -> Vec<Row> {
    cases().into_iter().enumerate().map(|(number, case)| row(&project(number, &case), case)).collect()
}

/// The projects that may bring DSA.
pub fn config() -> String {
    let allowed = cases().into_iter().enumerate().filter(|(_, case)| case.rules.dsa);
    allowed
        .map(|(number, case)| format!("[projects.{}]\nallow_key_types = [\"dsa\"]\n", project(number, &case)))
        .collect()
}

fn project(number: usize, case: &Case) -> String {
    format!("{}-{number}", if case.rules.dsa { "dsa" } else { "corpus" })
}

fn row(project: &str, case: Case) -> Row {
    let told = told(&case);
    let refused = matches!(told, Told::Refused(..));
    let what: &'static str = case.file.clone().leak(); // rows live as long as the test
    let ask = if case.is_public { public(project, case, refused) } else { private(project, case) };
    Row(ask.0, what, ask.1, told)
}

fn told(case: &Case) -> Told {
    let Some(reason) = Reason::ALL.iter().find(|reason| reason.as_str() == case.answer) else {
        return Told::Fingerprint(case.answer.clone());
    };
    match reason {
        Reason::PassphraseRequired => Told::Refused(FailedPrecondition, reason.as_str(), Some("passphrase")),
        Reason::PassphraseWrong | Reason::PassphraseUnsupported => {
            Told::Refused(InvalidArgument, reason.as_str(), Some("passphrase"))
        }
        _ if case.is_public => Told::Refused(InvalidArgument, reason.as_str(), Some("public_key")),
        _ => Told::Refused(InvalidArgument, reason.as_str(), Some("private_key")),
    }
}

fn public(project: &str, case: Case, refused: bool) -> (u16, Ask) {
    let secret = (refused && case.answer == Reason::PrivateKeyInPublicField.as_str()).then(|| case.text.clone());
    let mut request = pb::ImportPublicRequest { name: "corpus".into(), public_key: case.text, ..Default::default() };
    request.project_id = project.into();
    let ask = ask("ImportPublic", &request, secret);
    (case.row.unwrap_or(52), Ask { project: project.into(), ..ask })
}

fn private(project: &str, case: Case) -> (u16, Ask) {
    let mut request = pb::ImportPrivateRequest::default();
    (request.project_id, request.name) = (project.into(), "corpus".into());
    request.private_key.clone_from(&case.text);
    request.passphrase = case.passphrase.unwrap_or_default();
    let ask = ask("ImportPrivate", &request, Some(case.text));
    (case.row.unwrap_or(110), Ask { project: project.into(), ..ask })
}
