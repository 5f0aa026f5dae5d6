//! A server's life: how it starts and is reached, how it stops under load, and what callers who go away leave behind.

mod stopping;
mod tls;

use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::time::Duration;

use keypairs::grpc::pb;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::server::{Place, Server};
use crate::wire::{self, Client, held, list_all, made};

/// The warning named the address of the configuration, which with port 0 nobody can reach.
#[test]
fn the_warning_of_openness_names_the_address_in_use() {
    let server = Place::new().serve();
    let log = server.log();
    let warning = log.iter().find(|line| line.contains("no [auth]")).unwrap();
    assert!(warning.contains(&format!("\"address\":\"{}\"", server.address())), "{warning}");
}

/// Whoever goes away in the middle of a create leaves a whole pair or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_nobody_waits_for_is_whole_or_nothing() {
    let place = Place::new();
    place.configure("[quota]\nkey_pairs_per_project = 100000\n");
    let server = place.serve();
    let client = server.client().await;
    let rounds = wire::rounds(300, 3000);
    let (mut tasks, mut done) = (Vec::new(), 0);
    for number in 0..rounds {
        let mut client = client.clone();
        tasks.push(tokio::spawn(async move {
            let name = format!("pair-{number}");
            let wait = Duration::from_micros(500 + 400 * (number as u64 % 100));
            let mut request = match number % 20 {
                0 => tonic::Request::new(wire::create_typed(&name, pb::KeyType::Rsa, 2048)),
                _ => tonic::Request::new(wire::create(&name)),
            };
            // The server is told the deadline; or the caller just goes, and the stream is reset.
            if number % 2 == 0 {
                request.set_timeout(wait);
            }
            matches!(tokio::time::timeout(wait, client.create(request)).await, Ok(Ok(_)))
        }));
        if tasks.len() == 16 {
            for task in tasks.drain(..) {
                done += usize::from(task.await.unwrap());
            }
        }
    }
    for task in tasks {
        done += usize::from(task.await.unwrap());
    }
    // What was begun goes on: a graceful stop waits for it.
    assert!(server.stop().success());
    let (clean, told) = place.verify();
    assert!(clean, "{told}");
    let server = place.serve();
    let mut client = server.client().await;
    let pairs = list_all(&mut client, true).await;
    assert_eq!(held(&mut client).await as usize, pairs.len());
    for pair in &pairs {
        let answer = client.export_private(wire::export(&pair.name)).await.unwrap().into_inner();
        assert_eq!(answer.key_pair.as_ref(), Some(pair));
    }
    println!("lifetime: of {rounds} creates {done} were waited for, {} pairs are there", pairs.len());
    assert!(pairs.len() >= done && done > 0 && done < rounds, "everybody went away, or nobody");
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_default_port_for_metrics_is_no_reason_not_to_start() {
    // Whoever has it, it is taken.
    let _taken = TcpListener::bind("127.0.0.1:9464");
    let place = Place::new();
    let mut command = place.serve_command("info");
    command.env_remove("KEYPAIRS__METRICS__LISTEN");
    let server = Server::start(command);
    assert!(server.log().iter().any(|line| line.contains("WARN") && line.contains("without metrics")));
    assert_eq!(server.listener("metrics"), None);
    made(&mut server.client().await, wire::create("web")).await;
    assert!(server.stop().success());
    // A port that somebody chose is meant.
    place.configure("[metrics]\nlisten = \"127.0.0.1:9464\"\n");
    let mut command = place.serve_command("info");
    command.env_remove("KEYPAIRS__METRICS__LISTEN");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_has_a_port_of_its_own_when_asked() {
    let place = Place::new();
    place.configure("[health]\nlisten = \"127.0.0.1:0\"\n");
    let server = place.serve();
    let own = format!("http://{}", server.listener("health").unwrap());
    let own = tonic::transport::Endpoint::from_shared(own).unwrap().connect().await.unwrap();
    for channel in [own.clone(), server.channel().await] {
        let mut health = HealthClient::new(channel);
        for service in ["", SERVICE] {
            let request = HealthCheckRequest { service: service.into() };
            let answer = health.check(request).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
        }
        let request = HealthCheckRequest { service: "no.such.Service".into() };
        assert_eq!(health.check(request).await.unwrap_err().code(), tonic::Code::NotFound);
    }
    let mut elsewhere = pb::key_pairs_client::KeyPairsClient::new(own);
    let refused = elsewhere.get_project(pb::GetProjectRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented, "the health port serves health alone");
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_reflections_list_the_services() {
    let place = Place::new();
    let server = place.serve();
    for wanted in [SERVICE, "grpc.health.v1.Health"] {
        assert!(listed_by_v1(&server).await.contains(&wanted.to_owned()), "v1: {wanted}");
        assert!(listed_by_v1alpha(&server).await.contains(&wanted.to_owned()), "v1alpha: {wanted}");
    }
    assert!(server.stop().success());
    place.configure("[server]\nreflection = false\n");
    let server = place.serve();
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let refused = client.server_reflection_info(tokio_stream::iter([v1::ServerReflectionRequest::default()])).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::Unimplemented);
    assert!(server.stop().success());
}

#[test]
fn plaintext_beyond_loopback_must_be_meant() {
    for (flags, code) in [(&[][..], 2), (&["--insecure"][..], 2), (&["--insecure-no-auth"][..], 2)] {
        let place = Place::new();
        let mut command = place.command(&["serve", "--listen", "0.0.0.0:0"]);
        let output = command.args(flags).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {told}");
        assert!(told.contains("--insecure"), "{told}");
        assert!(!place.data().exists());
    }
    let place = Place::new();
    let mut command = place.command(&["serve", "--listen", "0.0.0.0:0", "--insecure", "--insecure-no-auth"]);
    command.env("KEYPAIRS__LOG__FORMAT", "json");
    assert!(Server::start(command).stop().success());
}

/// Openness is said aloud at the start, and only what is open.
#[test]
fn what_is_open_is_said_in_the_log() {
    let place = Place::new();
    let warned =
        |server: &Server, words: &str| server.log().iter().any(|line| line.contains("WARN") && line.contains(words));
    let server = place.serve();
    assert!(warned(&server, "no [auth]: everybody"));
    assert!(!warned(&server, "data directory"), "{:#?}", server.log());
    assert!(server.stop().success());
    for (mode, is_open) in [(0o777, true), (0o750, true), (0o701, true), (0o700, false)] {
        std::fs::set_permissions(place.data(), std::fs::Permissions::from_mode(mode)).unwrap();
        let server = place.serve();
        assert_eq!(warned(&server, "others can enter the data directory"), is_open, "{mode:o}");
        assert!(server.stop().success());
    }
}

/// The operator's socket: for this user alone, however long the directory's path is.
#[tokio::test(flavor = "multi_thread")]
async fn the_operators_socket() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100)).join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    for place in [Place::new(), Place::at(&deep)] {
        let server = place.serve();
        let socket = std::fs::metadata(place.data().join("admin.sock")).unwrap();
        assert!(socket.file_type().is_socket());
        assert_eq!(socket.permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::metadata(place.data()).unwrap().permissions().mode() & 0o7777, 0o700);
        let status = place.command(&["keyring", "status"]).output().unwrap();
        assert!(status.status.success() && String::from_utf8_lossy(&status.stdout).contains("default"));
        server.kill();
        // What a crash left behind is nobody's: the next server takes its place.
        assert!(place.data().join("admin.sock").exists());
        let server = place.serve();
        assert!(place.command(&["keyring", "status"]).output().unwrap().status.success());
        assert!(server.stop().success());
        assert!(place.command(&["keyring", "status"]).output().unwrap().status.success(), "without a server");
    }
}

/// Old pairs export under the version that sealed them; new ones use the new one, at once and after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn the_keyring_is_rotated_while_serving() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.client().await;
    let (old, old_half) = made(&mut client, wire::create("old")).await;
    assert_eq!(version_of(&old), "1");
    let rotated = place.command(&["keyring", "rotate", "-o", "json"]).output().unwrap();
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let (new, new_half) = made(&mut client, wire::create("new")).await;
    assert_eq!(version_of(&new), "2");
    let halves = [(&old, &old_half), (&new, &new_half)];
    are_served(&mut client, halves).await;
    assert!(server.stop().success());
    let server = place.serve();
    let mut client = server.client().await;
    are_served(&mut client, halves).await;
    assert_eq!(version_of(&made(&mut client, wire::create("newest")).await.0), "2");
    assert!(server.stop().success());
    assert!(place.verify().0);
}

async fn are_served(client: &mut Client, halves: [(&pb::KeyPair, &String); 2]) {
    for (pair, half) in halves {
        let got = client.get(wire::get_id(&pair.id)).await.unwrap().into_inner().key_pair.unwrap();
        assert_eq!(got, *pair);
        let answer = client.export_private(wire::export_id(&pair.id)).await.unwrap().into_inner();
        assert!(answer.private_key == *half, "another private half of {}", pair.name);
    }
}

fn version_of(pair: &pb::KeyPair) -> &str {
    &pair.encryption.as_ref().unwrap().key_version
}

async fn listed_by_v1(server: &Server) -> Vec<String> {
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = v1::ServerReflectionRequest { host: String::new(), message_request };
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list");
    };
    list.service.into_iter().map(|service| service.name).collect()
}

async fn listed_by_v1alpha(server: &Server) -> Vec<String> {
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = v1alpha::ServerReflectionRequest { host: String::new(), message_request };
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list");
    };
    list.service.into_iter().map(|service| service.name).collect()
}

const SERVICE: &str = "keypairs.v1.KeyPairs";
