//! The face of the real program: it listens where it is told, is counted, and ends with the rest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::server::{Place, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_the_face_and_stops_it() {
    let place = Place::new();
    place.configure(
        "[face]\nlisten = \"127.0.0.1:0\"\n[[face.accounts]]\ncloud = \"baidu\"\naccess_key = \"a\"\n\
         secret_key = \"s\"\n",
    );
    let server = place.serve();
    let face = server.listener("face").expect("it says where the face listens");
    let mut idle = TcpStream::connect(&face).unwrap();
    let answer = ask(&mut idle, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("\"requestId\":"), "{answer}");
    let counted = "face_request_duration_seconds_count{cloud=\"_OTHER\",action=\"_OTHER\",code=\"NotFound\"} 1";
    wait_until("it is counted", || {
        let mut metrics = TcpStream::connect(server.metrics_address()).unwrap();
        metrics.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        metrics.read_to_string(&mut text).unwrap();
        text.contains(counted)
    });

    let began = Instant::now();
    let status = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    assert!(status.success() && began.elapsed() < Duration::from_secs(10), "{status} after {:?}", began.elapsed());
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0, "the idle connection was closed");
    assert!(TcpStream::connect(&face).is_err());
}

#[test]
fn a_face_whose_address_is_taken_is_no_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new();
    place.configure(&format!(
        "[face]\nlisten = \"{}\"\n[[face.accounts]]\ncloud = \"baidu\"\naccess_key = \"a\"\nsecret_key = \"s\"\n",
        taken.local_addr().unwrap()
    ));
    let ended = place.try_serve(Duration::from_secs(60)).err().expect("two listeners at one address");
    assert!(ended.code == Some(74) && ended.log.contains("(face)"), "{ended:?}");
}

/// Sends a request and reads what comes first.
fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while !text.ends_with(b"}") {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&text).into_owned()
}
