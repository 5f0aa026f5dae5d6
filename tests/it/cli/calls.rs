//! What is sent, what is printed, and how refusals are told.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keypairs::grpc::pb::{
    CreateRequest, CreateResponse, DeleteResponse, EncryptionType, GetRequest, GetResponse, ImportPrivateRequest,
    ImportPrivateResponse, ImportPublicRequest, ImportPublicResponse, KeyType, ListRequest, ListResponse,
    UpdateRequest, UpdateResponse, get_request,
};
use tempfile::tempdir;
use tonic::{Code, Request, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::mock::{Mock, SECRET, Server, answer, code, pair, stderr, stdout};

#[test]
fn flags_become_fields() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("pass"), "open sesame\r\n").unwrap();
    let server = Server::start(Mock {
        create: answer(|request: Request<CreateRequest>| {
            let told = request.get_ref();
            assert_eq!((told.project_id.as_str(), told.name.as_str(), told.user_id.as_str()), ("p1", "web", "u1"));
            assert_eq!(told.description, "for the web");
            assert_eq!(
                told.labels.iter().collect::<Vec<_>>(),
                [(&"a".into(), &"1=2".into()), (&"b".into(), &"".into())]
            );
            assert_eq!((told.key_type(), told.bits), (KeyType::Rsa, 4096));
            let encryption = told.encryption.as_ref().unwrap();
            assert_eq!((encryption.r#type(), encryption.kms_key_name.as_str()), (EncryptionType::Kms, "kps/a"));
            assert_eq!((told.placements.len(), told.placements[0].provider.as_str()), (1, "t-gz"));
            assert_eq!(told.passphrase, "open sesame");
            assert_eq!(told.request_id, "3b2f0c66-59a5-4f5e-9e6c-0d6a6a3a7f11");
            let mut response = CreateResponse::default();
            response.private_key = SECRET.into();
            Ok(response)
        }),
        ..Default::default()
    });
    let flags = "--project p1 --user-id u1 --label a=1=2 --label b= --type rsa --bits 4096 --encryption kms \
                 --kms-key-name kps/a --placement t-gz,remote-name=x --passphrase-file pass \
                 --request-id 3b2f0c66-59a5-4f5e-9e6c-0d6a6a3a7f11";
    let mut args = vec!["create", "web", "--description", "for the web"];
    args.extend(flags.split_whitespace());
    let run = server.keypairs(dir.path(), &args, b"");
    assert_eq!(code(&run), 0, "{}", stderr(&run));
}

#[test]
fn unavailable_is_tried_once_more_with_the_same_request_id() {
    let dir = tempdir().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = Server::start(Mock {
        update: answer(move |request: Request<UpdateRequest>| {
            let mut log = log.lock().unwrap();
            log.push(request.get_ref().request_id.clone());
            if log.len() == 1 {
                Err(Status::unavailable("later"))
            } else {
                Ok(UpdateResponse { key_pair: pair("web") })
            }
        }),
        delete: answer(|_| Err(Status::unavailable("never"))),
        ..Default::default()
    });
    let run = server.keypairs(dir.path(), &["update", "web", "--description", ""], b"");
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    let ids = seen.lock().unwrap().clone();
    assert_eq!(ids.len(), 2);
    assert!(ids[0] == ids[1] && uuid::Uuid::parse_str(&ids[0]).is_ok(), "{ids:?}");
    let refused = server.keypairs(dir.path(), &["delete", "web"], b"");
    assert_eq!(code(&refused), 64 + 14);
    assert!(stderr(&refused).contains("request id: "), "so that it can be repeated: {}", stderr(&refused));
}

#[test]
fn other_refusals_are_not_repeated() {
    let dir = tempdir().unwrap();
    let calls = Arc::new(Mutex::new(0));
    let count = calls.clone();
    let server = Server::start(Mock {
        delete: answer(move |_| {
            *count.lock().unwrap() += 1;
            Err(Status::failed_precondition("no"))
        }),
        ..Default::default()
    });
    assert_eq!(code(&server.keypairs(dir.path(), &["delete", "web"], b"")), 64 + 9);
    assert_eq!(*calls.lock().unwrap(), 1);
}

#[test]
fn refusals_are_told_on_stderr_in_full() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock {
        get: answer(|_| {
            let facts = [("existing_id".to_owned(), "kp-7".to_owned())];
            let mut details = ErrorDetails::with_error_info("NAME_TOO_LONG", "keypairs.v1", facts);
            details.set_bad_request(vec![FieldViolation::new("placements[1].remote_name", "too\x1b[31m long")]);
            details.set_retry_info(Some(Duration::from_millis(1500)));
            let mut status = Status::with_error_details(Code::InvalidArgument, "name: too long", details);
            status.metadata_mut().insert("x-call-id", "call-7".parse().unwrap());
            Err(status)
        }),
        ..Default::default()
    });
    let run = server.keypairs(dir.path(), &["get", "web", "-o", "json"], b"");
    assert_eq!((code(&run), stdout(&run).as_str()), (64 + 3, ""));
    let told = stderr(&run);
    for words in ["NAME_TOO_LONG", "name: too long", "placements[1].remote_name: too", "kp-7", "1.5 s", "call-7"] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    assert!(!told.contains('\x1b'), "no control characters on a terminal");
}

/// It was told twice: as the message, and as the only violation.
#[test]
fn a_single_violation_is_told_once() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock {
        get: answer(|_| {
            let mut details = ErrorDetails::with_error_info("NAME_TOO_LONG", "keypairs.v1", []);
            details.set_bad_request(vec![FieldViolation::new("name", "must be shorter")]);
            Err(Status::with_error_details(Code::InvalidArgument, "name: must be shorter", details))
        }),
        list: answer(|_| {
            let mut details = ErrorDetails::with_error_info("FILTER_INVALID", "keypairs.v1", []);
            let violations = ["view", "filter"].map(|field| FieldViolation::new(field, "must be else"));
            details.set_bad_request(violations.to_vec());
            let message = "view: must be else (and 1 more, see BadRequest)";
            Err(Status::with_error_details(Code::InvalidArgument, message, details))
        }),
        ..Default::default()
    });
    let one = stderr(&server.keypairs(dir.path(), &["get", "web"], b""));
    assert_eq!(one.matches("must be shorter").count(), 1, "{one}");
    assert!(one.contains("NAME_TOO_LONG (InvalidArgument): name: must be shorter"), "{one}");
    let two = stderr(&server.keypairs(dir.path(), &["list"], b""));
    assert!(two.contains("\n  view: must be else") && two.contains("\n  filter: must be else"), "{two}");
}

/// The server does not know how its caller types what it asks for.
#[test]
fn advice_names_what_is_typed() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("key"), SECRET).unwrap();
    let refused = |code, reason: &'static str, message: &'static str| {
        Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, "keypairs.v1", []))
    };
    let server = Server::start(Mock {
        import_private: answer(move |_| {
            Err(refused(Code::FailedPrecondition, "PASSPHRASE_REQUIRED", "passphrase: the private key is encrypted"))
        }),
        undelete: answer(move |_| Err(refused(Code::InvalidArgument, "ID_INVALID", "id: must be 'kp-' and ..."))),
        ..Default::default()
    });
    for (args, words) in [
        (&["import-private", "web", "key"][..], "--passphrase-file FILE"),
        (&["undelete", "web"], "list --show-deleted"),
    ] {
        let told = stderr(&server.keypairs(dir.path(), args, b""));
        assert!(told.contains(words), "{args:?}: {told}");
    }
}

/// A comment in Latin-1, as PuTTY on old Windows writes it, is no binary form.
#[test]
fn a_putty_file_with_a_comment_in_another_encoding_is_told_the_way_out() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock::default()); // a call would be UNIMPLEMENTED
    let pem = dir.path().join("key");
    let made =
        std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&pem).status();
    assert!(made.unwrap().success());
    let puttygen = |from: &str, to: &str, comment: &[u8]| {
        let mut command = std::process::Command::new("puttygen");
        command.arg(from).arg("-C").arg(std::ffi::OsStr::from_bytes(comment)).args(["-O", "private", "-o", to]);
        assert!(command.current_dir(dir.path()).status().unwrap().success());
    };
    puttygen("key", "latin", b"caf\xe9");
    let run = server.keypairs(dir.path(), &["import-private", "web", "latin"], b"");
    assert_eq!(code(&run), 2);
    assert!(stderr(&run).contains("puttygen FILE -C COMMENT -o NEW"), "{}", stderr(&run));
    // The advice, followed: it is sent.
    puttygen("latin", "new", b"cafe");
    assert_eq!(code(&server.keypairs(dir.path(), &["import-private", "web", "new"], b"")), 64 + 12);
}

/// With KEYPAIRS_SERVER set every line of usage had `--server <URL>`, as if it had been typed.
#[test]
fn usage_does_not_show_what_the_environment_says() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock::default());
    let run = server.keypairs(dir.path(), &["get"], b"");
    assert!(stderr(&run).contains("Usage: keypairs get <NAME|--id <ID>>"), "{}", stderr(&run));
}

#[test]
fn nobody_listens() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock::default());
    let run = server.keypairs(dir.path(), &["get", "web", "--server", "http://127.0.0.1:1"], b"");
    assert_eq!(code(&run), 64 + 14);
    assert!(stderr(&run).contains("refused"), "it says why: {}", stderr(&run));
}

#[test]
fn a_late_answer_is_deadline_exceeded() {
    let dir = tempdir().unwrap();
    let (_hold, held) = std::sync::mpsc::channel::<()>();
    let server = Server::start(Mock {
        get: answer(move |_| {
            let _ = held.recv_timeout(Duration::from_secs(2));
            Ok(GetResponse::default())
        }),
        ..Default::default()
    });
    let run = server.keypairs(dir.path(), &["get", "web", "--timeout", "300ms"], b"");
    assert_eq!(code(&run), 64 + 4, "{}", stderr(&run));
}

#[test]
fn usage_is_2() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock::default());
    let wrong: [&[&str]; 9] = [
        &["get"],
        &["get", "web", "--id", "kp-1"],
        &["update", "web"],
        &["create", "web", "--type", "dsa"],
        &["create", "web", "--label", "novalue"],
        &["create", "web", "--passphrase-file", "missing"],
        &["import-private", "web", "-", "--passphrase-file", "-"],
        &["get", "web", "--server", "ftp://x"],
        &["get", "web", "--ca", "missing"],
    ];
    for args in wrong {
        let run = server.keypairs(dir.path(), args, b"");
        assert_eq!((code(&run), stdout(&run).as_str()), (2, ""), "{args:?}: {}", stderr(&run));
    }
}

#[test]
fn keys_come_from_files_and_stdin() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("key.pub"), "ssh-ed25519 AAAA me\n").unwrap();
    let server = Server::start(Mock {
        import_private: answer(|request: Request<ImportPrivateRequest>| {
            assert_eq!((request.get_ref().private_key.as_str(), request.get_ref().must_exist), (SECRET, true));
            Ok(ImportPrivateResponse { key_pair: pair("web") })
        }),
        import_public: answer(|request: Request<ImportPublicRequest>| {
            assert_eq!(request.get_ref().public_key, "ssh-ed25519 AAAA me\n");
            Ok(ImportPublicResponse { key_pair: pair("web") })
        }),
        ..Default::default()
    });
    let private = server.keypairs(dir.path(), &["import-private", "web", "-", "--must-exist"], SECRET.as_bytes());
    assert_eq!(code(&private), 0, "{}", stderr(&private));
    let public = server.keypairs(dir.path(), &["import-public", "web", "key.pub"], b"");
    assert_eq!(code(&public), 0, "{}", stderr(&public));
    for disguised in [
        &b"-----BEGIN RSA PRIVATE KEY-----\n"[..],
        b"{\"key\":\"-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIJq0yA3Zt5\"}",
        b"MC4CAQAwBQYDK2VwBCIEIJq0yA3Zt5\n",
    ] {
        let swapped = server.keypairs(dir.path(), &["import-public", "web", "-"], disguised);
        assert_eq!(code(&swapped), 2, "a private key never travels as a public one");
    }
}

#[test]
fn a_token_goes_with_every_call() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("token"), "abc.def\n").unwrap();
    let server = Server::start(Mock {
        get: answer(|request: Request<GetRequest>| {
            assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer abc.def");
            assert_eq!(request.get_ref().key, Some(get_request::Key::Id("kp-1".into())));
            Ok(GetResponse { key_pair: pair("web") })
        }),
        ..Default::default()
    });
    let run = server.keypairs(dir.path(), &["get", "--id", "kp-1", "--token-file", "token"], b"");
    assert_eq!(code(&run), 0, "{}", stderr(&run));
}

#[test]
fn output_for_people_and_programs() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock {
        get: answer(|_| Ok(GetResponse { key_pair: pair("web") })),
        delete: answer(|_| Ok(DeleteResponse { key_pair: None })),
        ..Default::default()
    });
    let json = stdout(&server.keypairs(dir.path(), &["get", "web", "-o", "json"], b""));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["keyPair"]["keyType"], "KEY_TYPE_ED25519");
    assert_eq!(value["keyPair"]["createTime"], "2023-11-14T22:13:20Z");
    let yaml = stdout(&server.keypairs(dir.path(), &["get", "web", "-o", "yaml"], b""));
    assert!(yaml.contains("  keyType: KEY_TYPE_ED25519\n"), "{yaml}");
    let table = stdout(&server.keypairs(dir.path(), &["get", "web"], b""));
    assert!(table.lines().any(|line| line.split_whitespace().eq(["type", "ed25519", "256"])), "{table}");
    let missing = server.keypairs(dir.path(), &["delete", "web", "--allow-missing"], b"");
    assert_eq!((code(&missing), stdout(&missing).as_str()), (0, ""));
}

#[test]
fn list_pages_by_itself() {
    let dir = tempdir().unwrap();
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let (server, log) = (paging(sizes.clone()), || std::mem::take(&mut *sizes.lock().unwrap()));

    let one = server.keypairs(dir.path(), &["list", "-o", "json"], b"");
    assert_eq!(listed(&one), ["n0", "n1"]);
    assert_eq!(log(), [0]);
    assert!(stderr(&one).contains("--page-token 2"), "{}", stderr(&one));

    let all = server.keypairs(dir.path(), &["list", "--all", "-o", "json"], b"");
    assert_eq!(listed(&all), ["n0", "n1", "n2", "n3", "n4"]);
    assert_eq!(log(), [1000, 1000, 1000]);
    assert!(stderr(&all).is_empty(), "{}", stderr(&all));

    let three = server.keypairs(dir.path(), &["list", "--limit", "3", "-o", "json"], b"");
    assert_eq!(listed(&three), ["n0", "n1", "n2"]);
    assert_eq!(log(), [3, 1]);

    let table = stdout(&server.keypairs(dir.path(), &["list", "--all"], b""));
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 6, "{table}");
    assert!(lines[0].trim_start().starts_with("NAME") && lines[1].trim_start().starts_with("n0 "), "{table}");
}

/// Five pairs, at most two a page; the page sizes asked for go to `log`.
fn paging(log: Arc<Mutex<Vec<i32>>>) -> Server {
    let list = answer(move |request: Request<ListRequest>| {
        let request = request.get_ref();
        log.lock().unwrap().push(request.page_size);
        let from: usize = request.page_token.parse().unwrap_or(0);
        let size = if request.page_size == 1 { 1 } else { 2 };
        let to = (from + size).min(5);
        Ok(ListResponse {
            key_pairs: (from..to).filter_map(|n| pair(&format!("n{n}"))).collect(),
            next_page_token: if to < 5 { to.to_string() } else { String::new() },
            ..Default::default()
        })
    });
    Server::start(Mock { list, ..Default::default() })
}

fn listed(run: &std::process::Output) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(&stdout(run)).unwrap();
    let name = |pair: &serde_json::Value| pair["name"].as_str().unwrap().to_owned();
    value["keyPairs"].as_array().unwrap().iter().map(name).collect()
}

/// `--state deleted` alone showed nothing, because deleted pairs are not shown unasked: it is asked.
#[test]
fn a_list_of_deleted_pairs_shows_them() {
    let dir = tempdir().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let server = Server::start(Mock {
        list: answer(move |request: Request<ListRequest>| {
            log.lock().unwrap().push(request.get_ref().show_deleted);
            Ok(ListResponse::default())
        }),
        ..Default::default()
    });
    for args in [&["list", "--state", "deleted"][..], &["list", "--state", "active"], &["list", "--show-deleted"]] {
        assert_eq!(code(&server.keypairs(dir.path(), args, b"")), 0);
    }
    assert_eq!(*asked.lock().unwrap(), [true, false, true]);
}

/// The last of two values for one label was taken, silently.
#[test]
fn a_label_that_is_given_twice_is_refused() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("key"), "ssh-ed25519 AAAA\n").unwrap();
    let server = Server::start(Mock::default()); // a call would be UNIMPLEMENTED
    let twice = ["--label", "a=1", "--label", "b=1", "--label", "a=2"];
    let commands: [&[&str]; 5] = [
        &["create", "web"],
        &["import-public", "web", "key"],
        &["import-private", "web", "key"],
        &["update", "web"],
        &["list"],
    ];
    for command in commands {
        let run = server.keypairs(dir.path(), &[command, &twice[..]].concat(), b"");
        assert_eq!(code(&run), 2, "{command:?}: {}", stderr(&run));
        assert!(stderr(&run).contains("--label a=... is given twice"), "{}", stderr(&run));
        assert!(!dir.path().join("web").exists(), "a key file was made");
    }
}

#[test]
fn help_and_the_man_page_tell_the_exit_codes() {
    let dir = tempdir().unwrap();
    let server = Server::start(Mock::default());
    for args in [&["--help"][..], &["man"]] {
        let told = stdout(&server.keypairs(dir.path(), args, b"")).replace('\n', " ");
        for words in ["Exit codes", "1 something here failed", "64 + the gRPC code", "130 interrupted"] {
            assert!(told.contains(words), "{args:?}: {words}");
        }
    }
}
