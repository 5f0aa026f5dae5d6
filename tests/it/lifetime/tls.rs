//! TLS, with and without client certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use keypairs::grpc::pb::key_pairs_client::KeyPairsClient;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::server::{Place, Server};
use crate::wire::{self, Client};

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_are_asked_for_as_configured() {
    let (trusted, foreign) = (Authority::new(), Authority::new());
    let good = trusted.sign("client");
    let bad = foreign.sign("client");
    // Mode, and whether a call without a certificate, with a foreign one, and with a good one succeeds.
    let table = [("off", [true, true, true]), ("optional", [true, false, true]), ("required", [false, false, true])];
    for (mode, wanted) in table {
        let place = Place::new();
        let server = serve(&place, &trusted, &format!("client_auth = \"{mode}\""));
        for (who, (identity, wanted)) in [None, Some(&bad), Some(&good)].into_iter().zip(wanted).enumerate() {
            let name = format!("pair-{who}");
            let outcome = match client(&server, &trusted, identity).await {
                Ok(mut client) => client.create(wire::create(&name)).await.map(drop).map_err(|e| e.to_string()),
                Err(error) => Err(error.to_string()),
            };
            assert_eq!(outcome.is_ok(), wanted, "{mode}, caller {who}: {outcome:?}");
        }
        assert!(client(&server, &foreign, None).await.is_err(), "a server of another authority is believed");
        let plain = Endpoint::from_shared(format!("http://{}", server.address())).unwrap().connect().await;
        if let Ok(channel) = plain {
            let refused = KeyPairsClient::new(channel).get(wire::get("pair-2")).await;
            assert!(refused.is_err(), "plaintext was taken on a TLS port");
        }
        assert!(server.stop().success());
    }
}

/// Callers are told apart by their certificates: the request ids of one are not those of another.
#[tokio::test(flavor = "multi_thread")]
async fn request_ids_belong_to_a_certificate() {
    let trusted = Authority::new();
    let place = Place::new();
    let server = serve(&place, &trusted, "client_auth = \"required\"");
    let identities = [trusted.sign("one"), trusted.sign("other")];
    let mut ids = Vec::new();
    for (number, identity) in identities.iter().enumerate() {
        let mut client = client(&server, &trusted, Some(identity)).await.unwrap();
        for _ in 0..2 {
            let mut request = wire::create(&format!("pair-{number}"));
            request.request_id = "00000000-0000-4000-8000-000000000001".into();
            ids.push(client.create(request).await.unwrap().into_inner().key_pair.as_ref().unwrap().id.clone());
        }
    }
    assert_eq!((&ids[0], &ids[2]), (&ids[1], &ids[3]));
    assert_ne!(ids[0], ids[2]);
    assert!(server.stop().success());
}

/// What `config check` calls good, `serve` takes; and nothing is made by a start that is refused.
#[test]
fn tls_files_that_do_not_fit_are_refused_by_the_check_as_by_the_server() {
    let (one, other) = (Authority::new(), Authority::new());
    let (cert, key) = one.sign("localhost");
    let (_, foreign) = other.sign("localhost");
    let junk = || "junk\n".to_owned();
    let damaged = |pem: &str| {
        let (head, body) = pem.split_once('\n').unwrap();
        format!("{head}\nAAAA{body}")
    };
    let good = || (cert.clone(), key.clone(), one.certificate.clone());
    let pair = "do not go together";
    let table = [
        (good(), None),
        ((cert.clone(), foreign, one.certificate.clone()), Some(pair)),
        ((junk(), key.clone(), one.certificate.clone()), Some("server.tls.cert_file")),
        ((key.clone(), key.clone(), one.certificate.clone()), Some("\"CERTIFICATE\"")),
        ((cert.clone(), junk(), one.certificate.clone()), Some("server.tls.key_file")),
        ((cert.clone(), cert.clone(), one.certificate.clone()), Some("\"PRIVATE KEY\"")),
        ((cert.clone(), damaged(&key), one.certificate.clone()), Some(pair)),
        ((damaged(&cert), key.clone(), one.certificate.clone()), Some(pair)),
        ((cert.clone(), key.clone(), String::new()), Some("server.tls.client_ca_file")),
        ((cert.clone(), key.clone(), damaged(&one.certificate)), Some(pair)),
    ];
    for (number, ((cert, key, ca), refused)) in table.into_iter().enumerate() {
        let place = Place::new();
        configure_with(&place, (&cert, &key), &ca, "");
        let checked = place.command(&["config", "check"]).output().unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        let Some(words) = refused else {
            assert!(checked.status.success(), "{number}: {said}");
            assert!(place.serve().stop().success());
            continue;
        };
        assert!(checked.status.code() == Some(2) && said.contains(words), "{number}: {said}");
        let ended = place.try_serve(std::time::Duration::from_secs(60)).err().expect("it started");
        assert!(ended.code == Some(2) && ended.log.contains(words), "{number}: {}", ended.log);
        assert!(!place.data().exists(), "{number}: a refused start made something");
    }
}

#[test]
fn openness_is_told_of_the_key_and_not_of_proven_callers() {
    let trusted = Authority::new();
    let place = Place::new();
    let server = serve(&place, &trusted, "client_auth = \"required\"");
    let warned = |server: &Server, words: &str| server.log().iter().any(|line| line.contains(words));
    assert!(!warned(&server, "no [auth]") && !warned(&server, "TLS key"), "{:#?}", server.log());
    assert!(server.stop().success());
    let key = place.config().with_file_name("key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let server = place.serve();
    assert!(warned(&server, "everybody can read the TLS key"), "{:#?}", server.log());
    assert!(server.stop().success());
}

/// What rustls says is not what helps: the command says what to do.
#[test]
fn the_command_line_says_what_is_wrong_with_tls() {
    let (trusted, foreign) = (Authority::new(), Authority::new());
    let place = Place::new();
    let server = serve(&place, &trusted, "client_auth = \"required\"");
    let write = |name: &str, text: &str| {
        let path = place.config().with_file_name(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = trusted.sign("client");
    let (other_cert, other_key) = foreign.sign("client");
    let [ca, cert, key] = [write("ca", &trusted.certificate), write("cert", &cert), write("key", &key)];
    let [other_ca, other_cert, other_key] =
        [write("ca2", &foreign.certificate), write("cert2", &other_cert), write("key2", &other_key)];
    let junk = write("junk", "junk\n");
    let port = server.address().rsplit(':').next().unwrap();
    let (named, numbered, plain) =
        (format!("https://localhost:{port}"), format!("https://127.0.0.1:{port}"), format!("http://localhost:{port}"));
    let cases: [(&str, &[&str], &str); 9] = [
        (&named, &["--ca", &ca, "--cert", &cert, "--key", &key], ""),
        (&named, &["--ca", &other_ca], "give its CA with --ca"),
        (&named, &["--ca", &junk], "--ca"),
        (&numbered, &["--ca", &ca], "another name"),
        (&named, &["--ca", &ca], "--key"),
        (&named, &["--ca", &ca, "--cert", &cert, "--key", &other_key], "do not belong together"),
        (&named, &["--ca", &ca, "--cert", &key, "--key", &key], "--cert"),
        (&plain, &[], "https://"),
        (&named, &["--ca", &ca, "--cert", &other_cert, "--key", &other_key], "--cert"),
    ];
    for (address, flags, words) in cases {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keypairs"));
        let output = command.args(["list", "--server", address]).args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().unwrap();
        assert!([0, 2, 78].contains(&code), "{flags:?} {code}: {said}");
        assert_eq!(output.status.success(), words.is_empty(), "{flags:?}: {said}");
        assert!(said.contains(words), "{address} {flags:?}: {said}");
        assert!(!said.contains("Error("), "{said}");
    }
    assert!(server.stop().success());
}

/// Who signs certificates.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key, PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

fn serve(place: &Place, authority: &Authority, more: &str) -> Server {
    let (cert, key) = authority.sign("localhost");
    configure(place, &cert, &key, authority, more);
    place.serve()
}

fn configure(place: &Place, cert: &str, key: &str, authority: &Authority, more: &str) {
    configure_with(place, (cert, key), &authority.certificate, more);
}

fn configure_with(place: &Place, (cert, key): (&str, &str), ca: &str, more: &str) {
    let write = |name: &str, text: &str| -> PathBuf {
        let path = place.config().with_file_name(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let ca =
        if more.contains("\"off\"") { String::new() } else { format!("client_ca_file = {:?}\n", write("ca.pem", ca)) };
    place.configure(&format!(
        "[server.tls]\ncert_file = {:?}\nkey_file = {:?}\n{ca}{more}\n",
        write("cert.pem", cert),
        write("key.pem", key),
    ));
}

async fn client(
    server: &Server,
    trusted: &Authority,
    identity: Option<&(String, String)>,
) -> Result<Client, tonic::transport::Error> {
    let ca = Certificate::from_pem(&trusted.certificate);
    let mut tls = ClientTlsConfig::new().ca_certificate(ca).domain_name("localhost");
    if let Some((cert, key)) = identity {
        tls = tls.identity(Identity::from_pem(cert, key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address())).unwrap();
    let channel: Channel = endpoint.tls_config(tls).unwrap().connect().await?;
    Ok(KeyPairsClient::new(channel))
}
