//! Private keys that are looked for afterwards: in every file the service wrote, in what it logged at TRACE, in what it
//! refused with, and in its metrics. Not one window of their secret numbers may be there.

mod scanner;
mod secrets;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use keypairs::grpc::pb;
use keypairs::sshkey::{Curve, KeyFormat, KeySpec};
use prost::Message;
use tonic::Status;

use crate::lifecycle::files;
use crate::server::{Place, Server, reason};
use crate::wire::{self, Client};
use scanner::Scanner;
use secrets::Canary;

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_anywhere_it_does_not_belong() {
    let place = Place::new();
    place.configure("[quota]\nkey_pairs_per_project = 2000\n[limits]\nrsa_queue_wait_seconds = 600\n");
    let server = place.serve_at_level("trace");
    let mut cage = Cage { client: server.client().await, canaries: Vec::new(), seen: Seen::default() };
    cage.make(CREATED).await;
    cage.bring(IMPORTED).await;
    cage.ask_wrongly().await;
    cage.export_and_end().await;
    let backup = place.data().with_file_name("backup");
    let command = place.command(&["store", "backup"]).arg(&backup).output().unwrap();
    assert!(command.status.success());
    cage.seen.put("metrics", metrics(&server).into_bytes());
    let log = server.log().join("\n");
    server.kill(); // what is on the disk is what a crash leaves
    let again = place.serve_at_level("trace");
    cage.client = again.client().await;
    cage.export_and_end().await;
    let log_again = again.log().join("\n");
    again.kill();

    let Cage { canaries, mut seen, .. } = cage;
    assert_eq!(canaries.len(), CREATED + IMPORTED);
    assert!(log.contains("\"level\":\"TRACE\"") && log.contains("\"h2"), "the log is of everything");
    for (what, log) in [("log", log), ("log after the crash", log_again)] {
        pieces(log.as_bytes()).into_iter().for_each(|piece| seen.put(what, piece));
    }
    seen.put("backup", std::fs::read(&backup).unwrap());
    for file in files(&place.data()) {
        // In pieces that overlap, so that two threads share the work.
        for piece in pieces(&std::fs::read(&file).unwrap()) {
            seen.put(&file.display().to_string(), piece);
        }
    }
    let began = Instant::now();
    let scanner = Scanner::of(canaries.iter().flat_map(Canary::secrets));
    let findings = scan_all(&scanner, &seen);
    println!(
        "canary: {} keys and passphrases, {} windows, looked for in {} places with {} bytes, in {:.1?}",
        canaries.len(),
        scanner.len(),
        seen.0.len(),
        seen.0.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(),
        began.elapsed()
    );
    assert!(findings.is_empty(), "{findings:?}");
    proves_itself(&scanner, &canaries, &mut seen);
}

fn pieces(bytes: &[u8]) -> Vec<Vec<u8>> {
    let starts = (0..bytes.len()).step_by(1 << 20);
    starts.map(|from| bytes[from..(from + (1 << 20) + 200).min(bytes.len())].to_vec()).collect()
}

/// On both cores: this is most of the test's time.
fn scan_all<'s>(scanner: &Scanner, Seen(places): &'s Seen) -> Vec<(&'s str, (&'static str, String))> {
    let next = AtomicUsize::new(0);
    let scan = || {
        let mut found = Vec::new();
        while let Some((what, bytes)) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(scanner.scan(bytes).into_iter().map(|hit| (what.as_str(), hit)));
        }
        found
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(scan), scope.spawn(scan)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// One window, planted in any form into any of the places, is found.
fn proves_itself(scanner: &Scanner, canaries: &[Canary], seen: &mut Seen) {
    let (mut planted, places) = (0, seen.0.len());
    for (number, canary) in canaries.iter().enumerate().step_by(37) {
        for (form, text) in canary.forms(number) {
            let (what, bytes) = &mut seen.0[(number + planted) % places];
            let at = bytes.len() / 2;
            let dirty = [&bytes[..at.min(5000)], b" ", &text, b" ", &bytes[at..(at + 5000).min(bytes.len())]].concat();
            assert!(!scanner.scan(&dirty).is_empty(), "{form} of canary {number} was not found in {what}");
            planted += 1;
        }
    }
    println!("canary: {planted} planted pieces, all found");
    assert!(planted > 200);
}

/// The canaries, and everything that the service let out which may hold no secret.
struct Cage {
    client: Client,
    canaries: Vec<Canary>,
    seen: Seen,
}

#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn put(&mut self, what: &str, bytes: Vec<u8>) {
        self.0.push((what.to_owned(), bytes));
    }

    /// An error with everything in it; it must be one.
    fn error<T>(&mut self, what: &str, answer: Result<T, Status>) {
        let status = answer.err().unwrap_or_else(|| panic!("{what} was taken"));
        assert!(!reason(&status).is_empty(), "{what}: {status}");
        let metadata = format!("{:?}", status.metadata());
        let text = format!("{status:?} {} {metadata}", status.message());
        self.put(what, [text.as_bytes(), b" ", status.details()].concat());
    }
}

impl Cage {
    /// Has the service make them; every tenth comes back with a passphrase, every seventh not at all.
    async fn make(&mut self, count: usize) {
        for number in 0..count {
            let (key_type, bits) = match number {
                0..2 => (pb::KeyType::Rsa, 2048),
                2 => (pb::KeyType::Rsa, 3072),
                3..40 => (pb::KeyType::Ecdsa, [256, 384, 521][number % 3]),
                _ => (pb::KeyType::Ed25519, 0),
            };
            let mut request = wire::create_typed(&format!("made-{number}"), key_type, bits);
            let passphrase = passphrase(number).filter(|_| number >= 40);
            request.passphrase = passphrase.clone().unwrap_or_default();
            request.omit_private_key = number % 7 == 3;
            let again = request.clone();
            let mut answer = self.client.create(request).await.unwrap().into_inner();
            let id = answer.key_pair.as_ref().unwrap().id.clone();
            let text = match answer.private_key.is_empty() || passphrase.is_some() {
                true => self.exported(&id).await,
                false => std::mem::take(&mut answer.private_key),
            };
            self.canaries.push(Canary::of(&id, &text, passphrase));
            if number % 20 == 0 {
                let answer = self.client.create(again).await;
                self.seen.error("create: name taken", answer);
            }
        }
    }

    /// Brings keys made here, in every format; each tenth first in a request that must be refused.
    async fn bring(&mut self, count: usize) {
        for number in 0..count {
            let (spec, format) = match number {
                0 => (KeySpec::Rsa(2048), KeyFormat::Pkcs1),
                1 => (KeySpec::Rsa(2048), KeyFormat::Pkcs8),
                2 => (KeySpec::Rsa(3072), KeyFormat::OpenSsh),
                3..40 => (KeySpec::Ecdsa([Curve::P256, Curve::P384, Curve::P521][number % 3]), EC[number % 2]),
                _ => (KeySpec::Ed25519, [KeyFormat::OpenSsh, KeyFormat::Pkcs8, KeyFormat::Ppk][number % 3]),
            };
            let text = secrets::make(spec, format);
            let name = format!("brought-{number}");
            // Some come encrypted, in whatever format takes that, and first with a wrong passphrase.
            let lock = passphrase(number + 1).filter(|_| number % 70 == 69);
            if let Some(lock) = lock {
                self.bring_locked(&name, &text, lock).await;
                continue;
            }
            if number % 10 < 2 {
                self.bring_wrongly(&name, &text, passphrase(10).unwrap()).await;
            }
            let request = wire::import(&name, &text);
            let answer = self.client.import_private(request).await.unwrap().into_inner();
            let pair = answer.key_pair.unwrap();
            self.seen.put("import answer", pair.encode_to_vec());
            self.canaries.push(Canary::of(&pair.id, &text, passphrase(10)));
            if number % 10 == 2 {
                let answer = self.client.import_private(wire::import(&name, &text)).await;
                self.seen.error("import: there already", answer);
                let answer = self.client.import_private(wire::import("another-name", &text)).await;
                self.seen.error("import: key known", answer);
            }
        }
    }

    async fn bring_locked(&mut self, name: &str, text: &str, lock: String) {
        let format = [KeyFormat::OpenSsh, KeyFormat::Pkcs8, KeyFormat::Ppk][self.canaries.len() % 3];
        let file = secrets::locked(text, format, &lock);
        let mut request = wire::import(name, &file);
        self.seen.error("no passphrase", self.client.import_private(request.clone()).await);
        request.passphrase = format!("wrong{lock}");
        self.seen.error("wrong passphrase", self.client.import_private(request.clone()).await);
        request.passphrase.clone_from(&lock);
        let pair = self.client.import_private(request).await.unwrap().into_inner().key_pair.unwrap();
        self.seen.put("import answer", pair.encode_to_vec());
        self.canaries.push(Canary::of(&pair.id, text, Some(lock)));
    }

    /// The right key in a wrong request.
    async fn bring_wrongly(&mut self, name: &str, text: &str, passphrase: String) {
        let lines: Vec<&str> = text.lines().collect();
        let cut = lines[..lines.len() - 1].join("\n");
        let swapped = text.replacen('A', "B", 3);
        let doubled = format!("{text}{text}");
        for (what, private_key) in [("cut", cut), ("changed", swapped), ("twice", doubled)] {
            let mut request = wire::import(name, &private_key);
            request.description = "x".repeat(100_000);
            self.seen.error(what, self.client.import_private(request).await);
        }
        let mut request = wire::import(name, text);
        request.passphrase = passphrase;
        self.seen.error("passphrase not wanted", self.client.import_private(request).await);
        let mut request = wire::import("", text);
        request.project_id = "NOT A PROJECT".into();
        request.user_id = "\u{1}".into();
        self.seen.error("wrong fields", self.client.import_private(request).await);
        let mut request = wire::import(name, text);
        request.must_exist = true;
        self.seen.error("must exist", self.client.import_private(request).await);
        let request = wire::import("made-50", text);
        self.seen.error("mismatch", self.client.import_private(request).await);
    }

    /// Secrets in fields that are none: what callers do by mistake.
    async fn ask_wrongly(&mut self) {
        for number in (0..self.canaries.len()).step_by(29) {
            let text = self.canaries[number].text.clone();
            let mut request = pb::ImportPublicRequest { public_key: text.clone(), ..Default::default() };
            self.seen.error("as public key", self.client.import_public(request.clone()).await);
            request.name.clone_from(&text);
            request.description = text.repeat(20);
            request.project_id.clone_from(&text);
            request.user_id.clone_from(&text);
            request.request_id.clone_from(&text);
            request.labels.insert(text.clone(), text.clone());
            request.placements = vec![pb::PlacementSpec { provider: text.clone(), ..Default::default() }];
            self.seen.error("as every field", self.client.import_public(request).await);
            let mut request = wire::create(&text);
            request.generated_by.clone_from(&text);
            request.encryption =
                Some(pb::Encryption { kms_key_name: text.clone(), kms_key_id: text.clone(), ..Default::default() });
            self.seen.error("as names of a create", self.client.create(request).await);
            let filter = pb::ListFilter { fingerprint: text.clone(), ..Default::default() };
            let request = pb::ListRequest { page_token: text.clone(), filter: Some(filter), ..Default::default() };
            self.seen.error("as a page token", self.client.list(request).await);
            let mut request = wire::rename(&self.canaries[number].id, &text);
            request.etag.clone_from(&text);
            request.update_mask = Some(prost_types::FieldMask { paths: vec![text.clone()] });
            self.seen.error("as an update", self.client.update(request).await);
            self.seen.error("as a name", self.client.get(wire::get(&text)).await);
            self.seen.error("as an id", self.client.get(wire::get_id(&text)).await);
            let mut request = wire::delete("made-41");
            request.etag.clone_from(&text);
            self.seen.error("as an etag", self.client.delete(request).await);
            let mut request = wire::export("made-41");
            request.reason = text.repeat(50);
            self.seen.error("as a reason", self.client.export_private(request).await);
        }
    }

    /// Exports in every way, refused ones too; what is deleted or cleared; all lists.
    async fn export_and_end(&mut self) {
        for number in (45..self.canaries.len()).step_by(41) {
            let id = self.canaries[number].id.clone();
            let mut request = wire::export_id(&id);
            request.passphrase = self.canaries[number].passphrase.clone().unwrap_or_default();
            let _ = self.client.export_private(request).await;
            let mut request = wire::export_id(&id);
            request.set_format(pb::PrivateKeyFormat::Sec1);
            request.passphrase = passphrase(10).unwrap();
            self.seen.error("export: does not fit", self.client.export_private(request).await);
        }
        for number in [60, 61, 62] {
            let id = self.canaries[number].id.clone();
            let key = Some(pb::delete_request::Key::Id(id.clone()));
            let _ = self.client.delete(pb::DeleteRequest { key, ..Default::default() }).await;
            self.seen.error("export: deleted", self.client.export_private(wire::export_id(&id)).await);
            let id = self.canaries[number + 100].id.clone();
            let key = Some(pb::clear_private_request::Key::Id(id.clone()));
            let _ = self.client.clear_private(pb::ClearPrivateRequest { key, ..Default::default() }).await;
            self.seen.error("export: cleared", self.client.export_private(wire::export_id(&id)).await);
        }
        for pair in wire::list_all(&mut self.client, true).await {
            self.seen.put("list", pair.encode_to_vec());
        }
    }

    async fn exported(&mut self, id: &str) -> String {
        let mut answer = self.client.export_private(wire::export_id(id)).await.unwrap().into_inner();
        std::mem::take(&mut answer.private_key)
    }
}

fn metrics(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.metrics_address()).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.metrics_address());
    stream.write_all(request.as_bytes()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.contains("keypairs_"), "{page}");
    page
}

/// A passphrase of its own for each tenth: its key derivation is slow by purpose.
fn passphrase(number: usize) -> Option<String> {
    number
        .is_multiple_of(10)
        .then(|| format!("Canary{number:04}PassphraseThatNobodyElseSays{:08x}", number * 2_654_435_761))
}

const EC: [KeyFormat; 2] = [KeyFormat::Sec1, KeyFormat::Pkcs8];
const CREATED: usize = 500;
const IMPORTED: usize = 500;
