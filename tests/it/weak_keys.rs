//! What a project's rules, the operator's list and other keys make of a key, over the wire on a real server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crypto_bigint::{BoxedUint, ConcatenatingMul};
use keypairs::grpc::pb;
use keypairs::grpc::pb::key_pairs_client::KeyPairsClient;
use keypairs::sshkey::{KeyFormat, KeySpec, PrivateKey};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::callers::scrape;
use crate::refusal::Refusal;
use crate::server::{Place, wait_until};
use crate::sshkey::craft::{E, N, P, Q, Rsa, rsa_line};
use crate::sshkey::private_table::inverse;
use crate::sshkey::{encode, make, run};

#[tokio::test(flavor = "multi_thread")]
async fn listed_keys_are_refused_whatever_the_list_looks_like() {
    let place = Place::new();
    let keys: Vec<PrivateKey> = (0..6).map(|_| make(KeySpec::Ed25519)).collect();
    let lists = tempfile::tempdir().unwrap();
    let (list, debian, table) = ("list", "debian", "table").into_paths(lists.path());
    let prints = run("ssh-keygen", &["-l", "-f", "/dev/stdin"], &keys[0].public().line("a b"));
    let hex: String = keys[1].public().sha256().iter().map(|byte| format!("{byte:02x}")).collect();
    let lines = [
        "# a published list".to_owned(),
        String::new(),
        String::from_utf8(prints).unwrap().trim().to_owned(),
        hex,
        keys[2].public().line("a comment"),
        format!("MD5:{}", keys[3].public().fingerprint_md5()),
        // Of a kind that would be refused anyway.
        "ssh-dss AAAAB3NzaC1kc3MAAAABAw== x".to_owned(),
    ];
    fs::write(&list, lines.join("\n")).unwrap();
    let md5 = keys[4].public().fingerprint_md5().replace(':', "");
    fs::write(&debian, format!("# lower 80 bits\n{}\n", &md5[12..])).unwrap();

    let refused = build(&[&list, &debian], &table, &[]);
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("debian:2: ") && told.contains("--debian"), "{told}");
    assert!(!Path::new(&table).exists(), "nothing is left of a table that was refused");
    let built = build(&[&list, &debian], &table, &["--debian"]);
    assert!(built.status.success() && String::from_utf8_lossy(&built.stdout).starts_with("6 keys in "), "{built:?}");

    place.configure(&format!("[policy]\ncompromised_keys_file = {table:?}\n"));
    let server = place.serve();
    let mut client = server.client().await;
    for (number, key) in keys[..5].iter().enumerate() {
        let public = import_public(&mut client, "default", "web", &key.public().line("")).await.unwrap_err();
        assert_refused(&public, "COMPROMISED_KEY", "public_key");
        let private = import_private(&mut client, "default", "web", key).await.unwrap_err();
        assert_refused(&private, "COMPROMISED_KEY", "private_key");
        assert!(!server.log().iter().any(|line| line.contains("PRIVATE KEY")), "key {number} is in the log");
    }
    import_private(&mut client, "default", "web", &keys[5]).await.unwrap();
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_list_keeps_the_service_from_starting() {
    let place = Place::new();
    let lists = tempfile::tempdir().unwrap();
    let (list, _, table) = ("list", "", "table").into_paths(lists.path());
    let lines: Vec<String> = (0..3).map(|_| make(KeySpec::Ed25519).public().fingerprint_sha256()).collect();
    fs::write(&list, lines.join("\n")).unwrap();
    assert!(build(&[&list], &table, &[]).status.success());
    assert_eq!(build(&[&list], &table, &[]).status.code(), Some(74), "a table that is there is not written over");
    place.configure(&format!("[policy]\ncompromised_keys_file = {table:?}\n"));
    let sound = fs::read(&table).unwrap();
    let swapped = sealed([&sound[..12], &sound[28..44], &sound[12..28], &sound[44..60]].concat());
    let twice = sealed([&sound[..12], &sound[12..28], &sound[12..28], &sound[44..60]].concat());
    let cut = sealed(sound[..59].to_vec());
    let mut flipped = sound.clone();
    flipped[20] ^= 1;
    for (what, bytes, told) in [
        ("out of order", swapped, "not in order"),
        ("an entry twice", twice, "not in order"),
        ("a bit flipped", flipped, "checksum"),
        ("cut off", sound[..50].to_vec(), "checksum"),
        ("cut off and sealed anew", cut, "fewer entries"),
        ("another file", b"SHA256:abc, which is no table but a list of lines".to_vec(), "no table"),
        ("empty", Vec::new(), "too short"),
    ] {
        fs::write(&table, bytes).unwrap();
        let checked = place.command(&["config", "check"]).output().unwrap();
        assert_eq!(checked.status.code(), Some(65), "{what}: config check {checked:?}");
        let ended = place.try_serve(Duration::from_secs(60)).err().unwrap_or_else(|| panic!("{what}: it serves"));
        assert_eq!(ended.code, Some(65), "{what}: {ended:?}");
        // Read before anything is made: who only has to mend a path finds no keyring that must be kept.
        assert!(!place.data().exists(), "{what}: something was made");
        assert!(ended.log.contains(told) && ended.log.contains("compromised build"), "{what}: {}", ended.log);
    }
    fs::write(&table, sound).unwrap();
    assert!(place.command(&["config", "check"]).output().unwrap().status.success());
    assert!(place.serve().stop().success());
}

/// The table is no secret, and the service may run as another user than who builds it.
#[test]
fn a_table_is_for_all_to_read_and_is_renewed_only_when_told_so() {
    let lists = tempfile::tempdir().unwrap();
    let (list, _, table) = ("list", "", "table").into_paths(lists.path());
    let of = |count: usize| {
        let keys = (0..count).map(|_| make(KeySpec::Ed25519).public().fingerprint_sha256());
        fs::write(&list, keys.collect::<Vec<_>>().join("\n")).unwrap();
    };
    let mode = || fs::metadata(&table).unwrap().permissions().mode() & 0o777;
    let told = |built: &Output| String::from_utf8_lossy(&[&built.stdout[..], &built.stderr].concat()).into_owned();
    of(1);
    let built = build(&[&list], &table, &[]);
    assert!(built.status.success() && told(&built).starts_with("1 key in "), "{built:?}");
    assert_eq!(mode(), 0o644);
    let first = fs::read(&table).unwrap();
    of(2);
    let refused = build(&[&list], &table, &[]);
    assert_eq!(refused.status.code(), Some(74));
    assert!(told(&refused).contains("--force"), "{}", told(&refused));
    assert_eq!(fs::read(&table).unwrap(), first);
    let built = build(&[&list], &table, &["--force"]);
    assert!(built.status.success() && told(&built).starts_with("2 keys in "), "{built:?}");
    assert_eq!((mode(), fs::read(&table).unwrap() == first), (0o644, false));
    let left = fs::read_dir(lists.path()).unwrap().count();
    assert_eq!(left, 2, "list and table, and nothing beside them");
}

/// Refused where it is the caller's own project; anywhere else it is nobody's business but the operator's.
#[tokio::test(flavor = "multi_thread")]
async fn a_prime_shared_with_a_stored_key() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.client().await;
    let (first, second) = (rsa_key(), rsa_key());
    import_public(&mut client, "one", "old", &line(&first)).await.unwrap();
    import_public(&mut client, "one", "other", &make(KeySpec::Ed25519).public().line("")).await.unwrap();
    let mixed = mixed(&first, &second);

    let status = import_public(&mut client, "one", "new", &line(&mixed)).await.unwrap_err();
    assert_refused(&status, "RSA_SHARED_FACTOR", "public_key");
    assert_eq!(Refusal::of(&status).facts["existing_name"], "old");
    let status = import_text(&mut client, "one", "new", mixed.file().text()).await.unwrap_err();
    assert_refused(&status, "RSA_SHARED_FACTOR", "private_key");
    // The same modulus under another exponent has both primes in common.
    let status = import_public(&mut client, "one", "new", &rsa_line(&first.0[N], &[1, 0, 3])).await.unwrap_err();
    assert_refused(&status, "RSA_SHARED_FACTOR", "public_key");
    // The very same key is the same pair, and the private half of it joins it.
    let status = import_public(&mut client, "one", "new", &line(&first)).await.unwrap_err();
    assert_eq!((status.code(), Refusal::of(&status).reason.as_str()), (Code::AlreadyExists, "PUBLIC_KEY_EXISTS"));
    import_text(&mut client, "one", "old", first.file().text()).await.unwrap();
    assert!(!server.log().iter().any(|line| line.contains("share a prime")), "nothing of that is stored");

    let id = import_public(&mut client, "two", "new", &line(&mixed)).await.unwrap();
    import_public(&mut client, "three", "same", &line(&mixed)).await.unwrap();
    import_public(&mut client, "three", "innocent", &line(&rsa_key())).await.unwrap();
    let alarms = || server.log().into_iter().filter(|line| line.contains("share a prime")).collect::<Vec<_>>();
    wait_until("both pairs of that key raise the alarm", || alarms().len() >= 2);
    let told = alarms().join("\n");
    assert!(told.contains(&id) && told.contains("\"project\":\"two\"") && told.contains("\"old_project\":\"one\""));
    assert!(scrape(server.metrics_address()).contains("rsa_shared_primes_total 2\n"), "{told}");
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_says_how_small_a_key_may_be() {
    let place = Place::new();
    let own = "[projects.old]\nmin_rsa_exponent = 3\n[projects.strict]\nmin_rsa_bits = 3072\n";
    place.configure(&format!("[policy]\nmin_rsa_exponent = 17\n{own}"));
    let server = place.serve();
    let mut client = server.client().await;
    let of = |exponent: &str| {
        let option = format!("rsa_keygen_pubexp:{exponent}");
        let options = ["-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", &option];
        let file = run("openssl", &[&["genpkey", "-algorithm", "RSA"][..], &options].concat(), "");
        String::from_utf8(file).unwrap()
    };
    for (exponent, old, default) in [("3", true, false), ("17", true, true), ("35", true, true), ("65537", true, true)]
    {
        let (file, name) = (of(exponent), format!("e{exponent}"));
        for (project, taken) in [("old", old), ("default", default)] {
            let done = import_text(&mut client, project, &name, file.clone()).await;
            match taken {
                true => drop(done.unwrap()),
                false => assert_refused(&done.unwrap_err(), "RSA_BAD_EXPONENT", "private_key"),
            }
        }
        let status = import_text(&mut client, "strict", "web", file).await.unwrap_err();
        let reason = if exponent == "3" { ["RSA_BAD_EXPONENT", "WEAK_RSA_SIZE"] } else { ["WEAK_RSA_SIZE"; 2] };
        assert!(reason.contains(&Refusal::of(&status).reason.as_str()), "{status:?}");
    }
    assert!(server.stop().success());
}

trait IntoPaths {
    fn into_paths(self, folder: &Path) -> (String, String, String);
}

impl IntoPaths for (&str, &str, &str) {
    fn into_paths(self, folder: &Path) -> (String, String, String) {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        (path(self.0), path(self.1), path(self.2))
    }
}

fn build(lists: &[&String], table: &str, flags: &[&str]) -> Output {
    // The usual mask, whatever that of the tests is.
    let mut command = Command::new("sh");
    command.args(["-c", "umask 022 && exec \"$@\"", "sh"]).arg(crate::server::program());
    command.args(["compromised", "build", "--out", table]).args(lists).args(flags).output().unwrap()
}

/// A table with the checksum that it should have.
fn sealed(body: Vec<u8>) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let sum = Sha256::digest(&body);
    [&body[..], &sum].concat()
}

fn rsa_key() -> Rsa {
    Rsa::of(&make(KeySpec::Rsa(2048)))
}

fn line(key: &Rsa) -> String {
    rsa_line(&key.0[N], &key.0[E])
}

/// A sound key of the larger prime of one and the other of another one.
fn mixed(one: &Rsa, other: &Rsa) -> Rsa {
    let int = |number: &[u8]| BoxedUint::from_be_slice_vartime(number);
    let bytes = |number: BoxedUint| number.to_be_bytes_trimmed_vartime().into_vec();
    let less_one = |number: &[u8]| bytes(int(number).wrapping_sub(BoxedUint::one()));
    let product = |a: &[u8], b: &[u8]| bytes(int(a).concatenating_mul(&int(b)));
    let (p, q) = (one.0[P].clone(), other.0[Q].clone());
    let d = inverse(&one.0[E], &product(&less_one(&p), &less_one(&q)));
    let iqmp = inverse(&q, &p);
    Rsa([product(&p, &q), one.0[E].clone(), d, iqmp, p, q])
}

async fn import_public(
    client: &mut KeyPairsClient<Channel>,
    project: &str,
    name: &str,
    line: &str,
) -> Result<String, Status> {
    let mut request = pb::ImportPublicRequest::default();
    (request.project_id, request.name, request.public_key) = (project.into(), name.into(), line.into());
    Ok(client.import_public(request).await?.into_inner().key_pair.unwrap().id)
}

async fn import_private(
    client: &mut KeyPairsClient<Channel>,
    project: &str,
    name: &str,
    key: &PrivateKey,
) -> Result<String, Status> {
    import_text(client, project, name, encode(key, KeyFormat::OpenSsh, None)).await
}

async fn import_text(
    client: &mut KeyPairsClient<Channel>,
    project: &str,
    name: &str,
    text: String,
) -> Result<String, Status> {
    let mut request = pb::ImportPrivateRequest::default();
    (request.project_id, request.name, request.private_key) = (project.into(), name.into(), text);
    Ok(client.import_private(request).await?.into_inner().key_pair.unwrap().id)
}

fn assert_refused(status: &Status, reason: &str, field: &str) {
    let told = Refusal::of(status);
    assert_eq!((told.code, told.reason.as_str()), (Code::InvalidArgument, reason), "{status:?}");
    assert_eq!(told.violations, [(field.to_owned(), reason.to_owned())]);
}
