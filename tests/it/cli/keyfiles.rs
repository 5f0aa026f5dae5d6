//! Where private keys end up, and where they never do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use keypairs::grpc::pb::{CreateRequest, CreateResponse, ExportPrivateResponse, PrivateKeyFormat};
use tempfile::tempdir;
use tonic::{Request, Status};

use super::mock::{Mock, SECRET, Server, answer, code, pair, stderr, stdout};

/// (mode, length) of each file in the directory.
type Listing = Vec<(String, u32, u64)>;

#[test]
fn the_file_is_there_with_mode_0600_before_the_call() {
    let dir = tempdir().unwrap();
    let (server, seen) = creating(dir.path());
    let run = server.keypairs(dir.path(), &["create", "web/eu.1"], b"");
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    assert_eq!(*seen.lock().unwrap(), [vec![("web_eu_1".to_owned(), 0o600, 0)]], "an empty file while the call ran");
    assert_eq!(fs::read_to_string(dir.path().join("web_eu_1")).unwrap(), SECRET);
    assert_eq!(listing(dir.path())[0].1, 0o600);
    assert!(stdout(&run).contains("kp-of-web/eu.1"));
    assert!(!stdout(&run).contains("hunter2") && !stderr(&run).contains("hunter2"));
    assert!(stderr(&run).contains("private key written to web_eu_1"));
}

#[test]
fn a_file_that_exists_is_left_alone_and_nothing_is_sent() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("k"), "mine").unwrap();
    let (server, seen) = creating(dir.path());
    let run = server.keypairs(dir.path(), &["create", "web", "--out", "k"], b"");
    assert_eq!(code(&run), 2);
    assert!(stderr(&run).contains("--force"), "{}", stderr(&run));
    assert!(seen.lock().unwrap().is_empty(), "no call");
    assert_eq!(fs::read_to_string(dir.path().join("k")).unwrap(), "mine");
}

#[test]
fn force_replaces_the_file_only_with_the_whole_key() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("k");
    fs::write(&file, "mine").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let (server, seen) = creating(dir.path());
    let run = server.keypairs(dir.path(), &["create", "web", "--out", "k", "--force"], b"");
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    let during = seen.lock().unwrap().remove(0);
    assert!(during.contains(&("k".to_owned(), 0o644, 4)), "the old file while the call ran: {during:?}");
    assert_eq!(during.iter().filter(|f| f.1 == 0o600 && f.2 == 0).count(), 1, "and a new one beside it: {during:?}");
    assert_eq!(listing(dir.path()), [("k".to_owned(), 0o600, SECRET.len() as u64)]);
}

#[test]
fn a_refused_call_leaves_nothing_behind() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("old"), "mine").unwrap();
    let server = Server::start(Mock {
        create: answer(|_| Err(Status::resource_exhausted("full"))),
        export_private: answer(|_| Err(Status::not_found("gone"))),
        ..Default::default()
    });
    assert_eq!(code(&server.keypairs(dir.path(), &["create", "web"], b"")), 64 + 8);
    assert_eq!(code(&server.keypairs(dir.path(), &["export", "web"], b"")), 64 + 5);
    assert_eq!(code(&server.keypairs(dir.path(), &["export", "web", "--out", "old", "--force"], b"")), 64 + 5);
    assert_eq!(listing(dir.path()).len(), 1);
    assert_eq!(fs::read_to_string(dir.path().join("old")).unwrap(), "mine");
}

#[test]
fn an_answer_without_a_key_leaves_no_file() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock {
        create: answer(|request: Request<CreateRequest>| {
            assert!(request.get_ref().ensure);
            let mut response = CreateResponse::default();
            response.key_pair = pair("web");
            Ok(response)
        }),
        ..Default::default()
    });
    let run = server.keypairs(dir.path(), &["create", "web", "--ensure"], b"");
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    assert!(stderr(&run).contains("no private key in the answer"));
    assert!(listing(dir.path()).is_empty());
}

#[test]
fn omit_and_validate_open_no_file() {
    let dir = tempdir().unwrap();
    let (server, seen) = creating(dir.path());
    for flag in ["--omit-private-key", "--validate-only"] {
        let run = server.keypairs(dir.path(), &["create", "web", flag], b"");
        assert_eq!(code(&run), 0, "{}", stderr(&run));
    }
    assert_eq!(*seen.lock().unwrap(), [vec![], vec![]]);
    assert!(listing(dir.path()).is_empty());
}

#[test]
fn a_dash_puts_the_key_and_nothing_else_on_stdout() {
    let dir = tempdir().unwrap();
    let server = exporting();
    let run = server.keypairs(dir.path(), &["export", "web", "--out", "-"], b"");
    assert_eq!((code(&run), stdout(&run).as_str()), (0, SECRET));
    assert!(listing(dir.path()).is_empty());
    let both = server.keypairs(dir.path(), &["export", "web", "--out", "-", "-o", "json"], b"");
    assert_eq!((code(&both), stdout(&both).as_str()), (2, ""));
}

#[test]
fn programs_read_no_private_key() {
    let dir = tempdir().unwrap();
    let server = exporting();
    for format in ["json", "yaml", "table"] {
        let run = server.keypairs(dir.path(), &["export", "web", "--out", format, "-o", format], b"");
        assert_eq!(code(&run), 0, "{}", stderr(&run));
        let printed = stdout(&run);
        assert!(printed.contains("kp-of-web"), "{printed}");
        assert!(!printed.contains("hunter2") && !printed.contains("privateKey:"), "{printed}");
        assert!(!printed.contains("\"privateKey\""), "{printed}");
        assert_eq!(fs::read_to_string(dir.path().join(format)).unwrap(), SECRET);
    }
}

#[test]
fn an_interrupted_call_leaves_no_file() {
    let dir = tempdir().unwrap();
    let (begun, begins) = std::sync::mpsc::channel();
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let server = Server::start(Mock {
        create: answer(move |_| {
            begun.send(()).unwrap();
            let _ = held.recv_timeout(std::time::Duration::from_secs(20));
            Err(Status::aborted("too late"))
        }),
        ..Default::default()
    });
    let path = dir.path().to_owned();
    let program = std::thread::spawn(move || (server.keypairs(&path, &["create", "web"], b""), server));
    begins.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!(listing(dir.path()).len(), 1, "the file is there while the call runs");
    interrupt_who_works_in(dir.path());
    let (run, server) = program.join().unwrap();
    drop((hold, server)); // only now: an answer that comes while the signal is on its way is the call's end
    assert_eq!(code(&run), 130, "{}", stderr(&run));
    assert!(stderr(&run).contains("--request-id"), "{}", stderr(&run));
    assert!(listing(dir.path()).is_empty());
}

/// A server that creates, and what it saw in `dir` meanwhile.
fn creating(dir: &Path) -> (Server, Arc<Mutex<Vec<Listing>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, dir) = (seen.clone(), dir.to_owned());
    let create = answer(move |request: Request<CreateRequest>| {
        log.lock().unwrap().push(listing(&dir));
        let request = request.get_ref();
        let mut response = CreateResponse::default();
        response.key_pair = pair(&request.name);
        if !request.omit_private_key && !request.validate_only {
            response.private_key = SECRET.into();
        }
        Ok(response)
    });
    (Server::start(Mock { create, ..Default::default() }), seen)
}

fn exporting() -> Server {
    let export_private = answer(|_| {
        let mut response = ExportPrivateResponse::default();
        response.private_key = SECRET.into();
        response.set_format(PrivateKeyFormat::Openssh);
        response.key_pair = pair("web");
        Ok(response)
    });
    Server::start(Mock { export_private, ..Default::default() })
}

fn listing(dir: &Path) -> Listing {
    let mut files: Listing = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let found = entry.metadata().unwrap();
            (entry.file_name().into_string().unwrap(), found.permissions().mode() & 0o777, found.len())
        })
        .collect();
    files.sort();
    files
}

/// Sends SIGINT to the one process whose working directory is `dir`: it is the program that the test started.
fn interrupt_who_works_in(dir: &Path) {
    let dir = dir.canonicalize().unwrap();
    let here = |process: &PathBuf| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == dir);
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let process = processes.into_iter().find(here).expect("the program runs");
    let id = process.file_name().unwrap().to_str().unwrap().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), rustix::process::Signal::INT).unwrap();
}
