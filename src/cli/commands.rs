//! The client commands: each sends one request (`list`: one a page) and prints the answer.

use std::path::Path;

use super::args::{
    Clear, ClientCommand, Create, Delete, Export, Format, Get, ImportPrivate, ImportPublic, List, Tenant, Undelete,
    Update,
};
use super::client::{Client, Grpc};
use super::failure::Failure;
use super::input::{public_text, secret_line, secret_text};
use super::keyfile::{KeyOut, KeyPlace};
use super::output::{Output, OutputFormat, say};
use crate::grpc::pb;
use crate::secret::SecretText;

/// A server and a place for its answers.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) output: Output,
}

impl Session {
    /// Does what was typed.
    pub(super) async fn run(&self, command: ClientCommand) -> Result<(), Failure> {
        refuse_twice(command.labels())?;
        match command {
            ClientCommand::Create(args) => self.create(*args).await,
            ClientCommand::ImportPublic(args) => self.import_public(*args).await,
            ClientCommand::ImportPrivate(args) => self.import_private(*args).await,
            ClientCommand::Get(args) => self.show(args).await,
            ClientCommand::List(args) => self.list(*args).await,
            ClientCommand::Update(args) => self.update(*args).await,
            ClientCommand::Delete(args) => self.delete(args).await,
            ClientCommand::Undelete(args) => self.undelete(args).await,
            ClientCommand::Export(args) => self.export(args).await,
            ClientCommand::Clear(args) => self.clear(args).await,
            ClientCommand::Place(args) => self.place_at(*args).await,
            ClientCommand::Withdraw(args) => self.withdraw(args).await,
            ClientCommand::Inspect(args) => self.inspect(args).await,
            ClientCommand::Adopt(args) => self.adopt(args).await,
            ClientCommand::Project(args) => self.project(args).await,
        }
    }

    async fn create(&self, args: Create) -> Result<(), Failure> {
        let passphrase = new_passphrase(&args.format)?;
        let wanted = !args.omit_private_key && !args.described.validate_only;
        let place = if wanted { Some(self.place(&args.key_out, &args.described.name)?) } else { None };
        let request = args.into_request(passphrase);
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.create(request).await;
        let mut answer = self.client.change(&id, request, call).await?;
        let key = SecretText::new(std::mem::take(&mut answer.private_key));
        let print = || self.output.key_pair("CreateResponse", &answer, answer.key_pair.as_ref());
        match place {
            Some(place) => hand_out(place, &key, print),
            None => print(),
        }
    }

    async fn import_public(&self, args: ImportPublic) -> Result<(), Failure> {
        let public_key = public_text(&args.file)?;
        let request = args.into_request(public_key);
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.import_public(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("ImportPublicResponse", &answer, answer.key_pair.as_ref())
    }

    async fn import_private(&self, args: ImportPrivate) -> Result<(), Failure> {
        let stdin = Some(Path::new("-"));
        if Some(args.file.as_path()) == stdin && args.passphrase_file.as_deref() == stdin {
            return Err(Failure::Usage("the key and its passphrase cannot both come from stdin".to_owned()));
        }
        let private_key = secret_text(&args.file)?;
        let passphrase = passphrase(args.passphrase_file.as_deref())?;
        let request = args.into_request(private_key, passphrase);
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.import_private(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("ImportPrivateResponse", &answer, answer.key_pair.as_ref())
    }

    async fn show(&self, args: Get) -> Result<(), Failure> {
        let call = async |mut grpc: Grpc, request| grpc.get(request).await;
        let answer = self.client.read(args.into_request(), call).await?;
        self.output.key_pair("GetResponse", &answer, answer.key_pair.as_ref())
    }

    async fn list(&self, args: List) -> Result<(), Failure> {
        let wanted = match (args.all, args.limit) {
            (true, _) => Wanted::All,
            (_, Some(limit)) => Wanted::AtMost(usize::try_from(limit).unwrap_or(usize::MAX)),
            _ => Wanted::OnePage,
        };
        let listed = self.pages(args.into_request(), wanted).await?;
        self.output.key_pairs("ListResponse", &listed, &listed.key_pairs)?;
        if !listed.unreadable_ids.is_empty() {
            say(&format!("damaged, not shown: {}", listed.unreadable_ids.join(" ")));
        }
        if !listed.next_page_token.is_empty() {
            say(&format!("there are more: --all, --limit N, or --page-token {}", listed.next_page_token));
        }
        Ok(())
    }

    /// Page after page, as one answer; its token is for what comes after.
    async fn pages(&self, mut request: pb::ListRequest, wanted: Wanted) -> Result<pb::ListResponse, Failure> {
        let typed_size = request.page_size;
        let mut listed = pb::ListResponse::default();
        loop {
            request.page_size = wanted.page_size(typed_size, listed.key_pairs.len());
            let call = async |mut grpc: Grpc, request| grpc.list(request).await;
            let page = self.client.read(request.clone(), call).await?;
            listed.key_pairs.extend(page.key_pairs);
            listed.unreadable_ids.extend(page.unreadable_ids);
            listed.next_page_token = page.next_page_token;
            if listed.next_page_token.is_empty() || wanted.is_done(listed.key_pairs.len()) {
                return Ok(listed);
            }
            if listed.next_page_token == request.page_token {
                return Err(Failure::Local("the server gives the same page again and again".to_owned()));
            }
            request.page_token.clone_from(&listed.next_page_token);
        }
    }

    async fn update(&self, args: Update) -> Result<(), Failure> {
        let request = args.into_request();
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.update(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("UpdateResponse", &answer, answer.key_pair.as_ref())
    }

    async fn delete(&self, args: Delete) -> Result<(), Failure> {
        let request = args.into_request();
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.delete(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("DeleteResponse", &answer, answer.key_pair.as_ref())?;
        if answer.key_pair.is_none() {
            say("there was no such key pair");
        }
        Ok(())
    }

    async fn undelete(&self, args: Undelete) -> Result<(), Failure> {
        let request = args.into_request();
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.undelete(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("UndeleteResponse", &answer, answer.key_pair.as_ref())
    }

    async fn export(&self, args: Export) -> Result<(), Failure> {
        let passphrase = new_passphrase(&args.format)?;
        // One of both is there; clap sees to it.
        let name = args.key.name.as_ref().or(args.key.id.as_ref()).map_or("", String::as_str);
        let place = self.place(&args.key_out, name)?;
        let call = async |mut grpc: Grpc, request| grpc.export_private(request).await;
        let mut answer = self.client.read(args.into_request(passphrase), call).await?;
        let key = SecretText::new(std::mem::take(&mut answer.private_key));
        hand_out(place, &key, || self.output.key_pair("ExportPrivateResponse", &answer, answer.key_pair.as_ref()))
    }

    async fn clear(&self, args: Clear) -> Result<(), Failure> {
        let request = args.into_request();
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.clear_private(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("ClearPrivateResponse", &answer, answer.key_pair.as_ref())
    }

    async fn project(&self, args: Tenant) -> Result<(), Failure> {
        let request = pb::GetProjectRequest { project_id: args.project_id };
        let call = async |mut grpc: Grpc, request| grpc.get_project(request).await;
        self.output.project(&self.client.read(request, call).await?)
    }

    fn place(&self, key_out: &KeyOut, name: &str) -> Result<KeyPlace, Failure> {
        if key_out.is_stdout() && self.output.0 != OutputFormat::Table {
            return Err(Failure::Usage(
                "the private key goes to stdout, so -o json or yaml cannot go there too".to_owned(),
            ));
        }
        key_out.open(name)
    }
}

/// Which of two values was meant, nobody can say.
fn refuse_twice(labels: &[(String, String)]) -> Result<(), Failure> {
    let mut seen = std::collections::BTreeSet::new();
    match labels.iter().find(|(key, _)| !seen.insert(key)) {
        Some((key, _)) => Err(Failure::Usage(format!("--label {key}=... is given twice: give each key once"))),
        None => Ok(()),
    }
}

/// How much of a list.
#[derive(Clone, Copy)]
enum Wanted {
    OnePage,
    All,
    AtMost(usize),
}

impl Wanted {
    /// What was typed, but no more than is still wanted; the server's largest page when nothing was typed.
    fn page_size(self, typed: i32, have: usize) -> i32 {
        let largest = if typed == 0 { 1000 } else { typed };
        match self {
            Self::OnePage => typed,
            Self::All => largest,
            Self::AtMost(limit) => largest.min(i32::try_from(limit.saturating_sub(have)).unwrap_or(i32::MAX)),
        }
    }

    fn is_done(self, have: usize) -> bool {
        match self {
            Self::OnePage => true,
            Self::All => false,
            Self::AtMost(limit) => have >= limit,
        }
    }
}

/// The key first: it must be safe whatever happens to the rest of the answer. On stdout nothing follows it.
fn hand_out(place: KeyPlace, key: &SecretText, print: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    if key.is_empty() {
        drop(place);
        say("no private key in the answer, no file written; export gives it while the service holds it");
        return print();
    }
    if matches!(place, KeyPlace::Stdout) {
        return place.keep(key);
    }
    place.keep(key)?;
    print()
}

fn new_passphrase(format: &Format) -> Result<SecretText, Failure> {
    passphrase(format.passphrase_file.as_deref())
}

fn passphrase(file: Option<&Path>) -> Result<SecretText, Failure> {
    let Some(file) = file else { return Ok(SecretText::new(String::new())) };
    let passphrase = secret_line(file)?;
    if passphrase.is_empty() {
        return Err(Failure::Usage(format!("{}: the passphrase is empty", file.display())));
    }
    Ok(passphrase)
}
