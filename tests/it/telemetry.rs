//! What the service tells about itself: log lines that machines read, metrics that scrapers read, and no secret.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keypairs::telemetry::{
    Exposition, Heavy, LogFormat, METHODS, Method, Metrics, check_level, logs, serve_metrics, subscriber,
};
use serde_json::Value;

#[test]
fn a_log_line_is_one_json_object() {
    let lines = logged("info", LogFormat::Json, || {
        tracing::info!(call_id = "c1", took_ms = 3, "line one\nline two");
        tracing::debug!("below the level");
    });
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let line: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((line["level"].as_str(), line["target"].as_str()), (Some("INFO"), Some("it::telemetry")));
    assert_eq!((line["message"].as_str(), line["call_id"].as_str()), (Some("line one\nline two"), Some("c1")));
    assert_eq!(line["took_ms"], 3);
    let time = line["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z'), "UTC: {time}");
    time.parse::<jiff::Timestamp>().expect("RFC 3339");
}

#[test]
fn levels_are_set_by_target() {
    let both = || {
        tracing::debug!(target: "keypairs::store", "shown");
        tracing::debug!(target: "keypairs::grpc", "hidden");
    };
    let lines = logged("warn,keypairs::store=debug", LogFormat::Json, both);
    assert!(lines.contains("shown") && !lines.contains("hidden"), "{lines}");
    for good in ["off", "INFO", "warn, h2=off", "keypairs[span]=debug"] {
        check_level(good).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for bad in ["", "inof", "info,", "info,keypairs", "keypairs=loud"] {
        assert!(check_level(bad).is_err(), "{bad:?} was taken");
    }
}

/// A panic's message may hold what the code worked on. The test runs itself again as a child, because the hook is one
/// for the whole process.
#[test]
fn a_panic_is_logged_by_its_place_only() {
    if std::env::var_os("IT_TELEMETRY_CHILD").is_some() {
        logs("info", LogFormat::Auto).unwrap();
        assert!(logs("info", LogFormat::Auto).is_err(), "a second start is told");
        let _ = std::thread::spawn(|| panic!("canary")).join();
        std::process::exit(0);
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "telemetry::a_panic_is_logged_by_its_place_only", "--nocapture"])
        .env("IT_TELEMETRY_CHILD", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(child.stderr).unwrap();
    assert!(child.status.success(), "{stderr}");
    let line: Value = serde_json::from_str(stderr.trim()).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    assert!(line["place"].as_str().unwrap().contains("tests/it/telemetry.rs:"), "{stderr}");
    assert!(!stderr.contains("canary"), "{stderr}");
}

#[test]
fn every_rpc_has_its_own_series() {
    let proto = include_str!("../../proto/keypairs/v1/key_pairs.proto");
    let rpcs: Vec<&str> =
        proto.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split('(').next()).collect();
    assert!(rpcs.len() >= 11);
    for rpc in rpcs {
        assert!(METHODS.contains(&format!("keypairs.v1.KeyPairs/{rpc}").as_str()), "{rpc} is not in METHODS");
    }
    assert_ne!(Method::of("/keypairs.v1.KeyPairs/Get"), Method::of("/anything/else"));
    assert_eq!(Method::of("/keypairs.v1.KeyPairs/Nope"), Method::of("/_OTHER"));
}

#[test]
fn the_text_is_well_formed_and_stable() {
    let metrics = busy();
    for exposition in [Exposition::Prometheus, Exposition::OpenMetrics] {
        let text = metrics.text(exposition);
        let samples = parsed(&text, exposition);
        for (name, labels, value) in [
            ("keypairs_stored", "", 7.0),
            ("keypairs_build_info", "version=\"1.2.3\"", 1.0),
            ("store_commits_total", "", 42.0),
            ("store_commit_groups_total", "", 2.0),
            ("store_commit_group_size_sum", "", 42.0),
            ("store_fsync_duration_seconds_count", "", 2.0),
            ("rsa_queue_depth", "", 1.0),
            ("rsa_generation_duration_seconds_count", "", 1.0),
            ("heavy_queue_depth", "", 3.0),
            ("heavy_work_duration_seconds_count", "work=\"bcrypt\"", 1.0),
            ("heavy_work_duration_seconds_count", "work=\"proof\"", 2.0),
            ("rpc_server_call_duration_seconds_count", &call("keypairs.v1.KeyPairs/Get", "OK"), 2.0),
            ("rpc_server_call_duration_seconds_count", &call("keypairs.v1.KeyPairs/Get", "NOT_FOUND"), 1.0),
            ("rpc_server_call_duration_seconds_count", &call("_OTHER", "UNKNOWN"), 1.0),
            ("face_request_duration_seconds_count", "cloud=\"tencent\",action=\"CreateKeyPair\",code=\"OK\"", 1.0),
        ] {
            let found = samples.iter().find(|(n, l, _)| n == name && l == labels);
            assert_eq!(found.map(|(_, _, v)| *v), Some(value), "{name}{{{labels}}} in\n{text}");
        }
        assert!(!samples.iter().any(|(_, labels, _)| labels.contains("List")), "no series before the first call");
        let names = |text: &str| -> Vec<(String, String)> {
            parsed(text, exposition).into_iter().map(|(name, labels, _)| (name, labels)).collect()
        };
        assert_eq!(names(&text), names(&metrics.text(exposition)), "the order is stable");
        assert_eq!(names(&text), names(&busy().text(exposition)), "and the same in every process");
    }
}

#[test]
fn the_process_is_measured() {
    let text = Metrics::new("0").text(Exposition::Prometheus);
    let value = |wanted: &str| {
        let samples = parsed(&text, Exposition::Prometheus);
        samples.into_iter().find(|(name, _, _)| name == wanted).unwrap_or_else(|| panic!("{wanted}: {text}")).2
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_max_fds") >= value("process_open_fds"));
    assert!(value("process_cpu_seconds_total") >= 0.0);
    let now = jiff::Timestamp::try_from(keypairs_now()).unwrap().as_second();
    let age = now as f64 - value("process_start_time_seconds");
    assert!((-5.0..3600.0).contains(&age), "started {age} s ago");
}

#[test]
fn labels_come_from_closed_lists() {
    let text = busy().text(Exposition::Prometheus);
    let mut keys = BTreeSet::new();
    for (_, labels, _) in parsed(&text, Exposition::Prometheus) {
        keys.extend(labels.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())));
    }
    let known = ["action", "cloud", "code", "le", "rpc_method", "rpc_response_status_code", "version", "work"];
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), known);
}

#[tokio::test]
async fn scrapers_get_the_format_they_ask_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve_metrics(listener, Arc::new(busy()), async {
        let _ = stopped.await;
    }));
    let (plain, open, other) = tokio::task::spawn_blocking(move || {
        let open = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2\r\n";
        (fetched(address, "/metrics", ""), fetched(address, "/metrics", open), fetched(address, "/", ""))
    })
    .await
    .unwrap();
    assert!(plain.contains("content-type: text/plain; version=0.0.4") && !plain.contains("# EOF"), "{plain}");
    assert!(plain.contains("# TYPE store_commits_total counter\n"), "{plain}");
    assert!(open.contains("content-type: application/openmetrics-text; version=1.0.0"), "{open}");
    assert!(open.contains("# TYPE store_commits counter\n") && open.ends_with("# EOF\n"), "{open}");
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), server).await.expect("it stops").unwrap().unwrap();
}

/// Metrics with something in each of them.
fn busy() -> Metrics {
    let metrics = Metrics::new("1.2.3");
    let ms = Duration::from_millis;
    let get = Method::of("/keypairs.v1.KeyPairs/Get");
    metrics.call(get, 5, ms(1));
    metrics.call(get, 0, ms(1));
    metrics.call(get, 0, ms(2));
    metrics.call(Method::of("/nobody/knows"), 99, ms(1));
    metrics.key_pairs_stored(7);
    metrics.store_group(40, ms(2));
    metrics.store_group(2, ms(1));
    metrics.rsa_waiting(2);
    metrics.rsa_waiting(-1);
    metrics.heavy_waiting(3);
    metrics.heavy_done(Heavy::Bcrypt, ms(120));
    metrics.heavy_done(Heavy::Proof, ms(6));
    metrics.heavy_done(Heavy::Proof, ms(7));
    metrics.rsa_generated(ms(300));
    metrics.face_request("tencent", "CreateKeyPair", "", ms(2));
    metrics.face_request("baidu", "create", "Keypair.KeypairNameInvalid", ms(1));
    metrics
}

fn call(method: &str, code: &str) -> String {
    format!("rpc_method=\"{method}\",rpc_response_status_code=\"{code}\"")
}

/// Name, labels and value of each sample. Checks that each belongs to the family described above it.
fn parsed(text: &str, exposition: Exposition) -> Vec<(String, String, f64)> {
    let mut samples = Vec::new();
    let mut families = BTreeSet::new();
    let (mut family, mut kind) = ("", "");
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').expect("a help text").0;
            assert!(families.insert(family), "{family} is described twice");
            continue;
        }
        if let Some(of_type) = line.strip_prefix("# TYPE ") {
            let (name, rest) = of_type.split_once(' ').unwrap();
            assert_eq!(name, family);
            kind = rest;
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        let (name, labels) = series.split_once('{').map_or((series, ""), |(n, l)| (n, l.strip_suffix('}').unwrap()));
        let suffixes: &[&str] = match (kind, exposition) {
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            ("counter", Exposition::OpenMetrics) => &["_total"],
            ("counter", Exposition::Prometheus) if family.ends_with("_total") => &[""],
            ("gauge", _) => &[""],
            other => panic!("{other:?} in {line:?}"),
        };
        assert!(suffixes.iter().any(|suffix| name == format!("{family}{suffix}")), "{name} below {family}");
        samples.push((name.to_owned(), labels.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line:?}"))));
    }
    assert_eq!(text.ends_with("# EOF\n"), exposition == Exposition::OpenMetrics);
    samples
}

fn fetched(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub fn logged(level: &str, format: LogFormat, work: impl FnOnce()) -> String {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = subscriber(level, format, move || writer.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[allow(clippy::disallowed_methods)] // compared with what the kernel says
fn keypairs_now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
