//! The server serves, and fails as it is told to.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use kiln_testkit::{Server, ServerFault};

/// The whole answer, as far as it comes.
fn get(server: &Server, target: &str, headers: &str) -> String {
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn served() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("pool")).unwrap();
    fs::write(folder.path().join("pool/a+b~1.deb"), "0123456789").unwrap();
    let server = Server::serve(folder.path()).unwrap();
    (folder, server)
}

#[test]
fn files_ranges_and_proxy_requests_are_answered() {
    let (_folder, server) = served();
    let whole = get(&server, "/pool/a+b~1.deb", "");
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n") && whole.ends_with("\r\n\r\n0123456789"));
    for (target, headers, code, end) in [
        ("/pool/a%2Bb%7e1.deb", "", "200", "0123456789"),
        ("http://elsewhere/pool/a+b~1.deb", "", "200", "0123456789"),
        ("/pool/a+b~1.deb", "Range: bytes=4-\r\n", "206", "456789"),
        ("/pool/a+b~1.deb", "Range: bytes=4-5\r\n", "206", "\n45"),
        ("/pool/a+b~1.deb", "Range: bytes=10-\r\n", "416", ""),
        (
            "/pool/a+b~1.deb",
            "Range: bytes=4-\r\nIf-Range: \"old\"\r\n",
            "200",
            "0123456789",
        ),
        ("/pool/nothing", "", "404", ""),
        ("/../etc/passwd", "", "404", ""),
    ] {
        let answer = get(&server, target, headers);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {code} ")),
            "{target} {headers}: {answer}"
        );
        assert!(answer.ends_with(end), "{target} {headers}: {answer}");
    }
    assert_eq!(server.count("a+b"), 6);
    assert_eq!(server.requests()[3].header("range"), Some("bytes=4-"));
}

#[test]
fn faults_happen_as_often_as_asked_for() {
    let (_folder, server) = served();
    let target = "/pool/a+b~1.deb";
    server.fault_times("pool", ServerFault::Status(500), 2);
    for code in ["500", "500", "200"] {
        assert!(get(&server, target, "").starts_with(&format!("HTTP/1.1 {code} ")));
    }
    for (fault, end) in [
        (ServerFault::Truncate(3), "\r\n\r\n012"),
        (ServerFault::WrongBytes, "\r\n\r\n0123446789"),
        (ServerFault::Slow(1_000), "\r\n\r\n0123456789"),
        (
            ServerFault::Redirect("http://x/".to_owned()),
            "close\r\n\r\n",
        ),
    ] {
        server.heal();
        server.fault("pool", fault.clone());
        let answer = get(&server, target, "");
        assert!(answer.ends_with(end), "{fault:?}: {answer}");
    }
    server.heal();
    server.fault("pool", ServerFault::Close);
    assert_eq!(get(&server, target, ""), "");
    server.heal();
    server.fault("pool", ServerFault::NoRanges);
    assert!(get(&server, target, "Range: bytes=4-\r\n").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_stalled_answer_ends_with_the_server() {
    let (_folder, server) = served();
    server.fault("pool", ServerFault::Stall(3));
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /pool/a+b~1.deb HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut byte = [0_u8; 1];
    while !answer.ends_with(b"012") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1);
        answer.push(byte[0]);
    }
    drop(server);
    assert_eq!(stream.read(&mut byte).unwrap_or(0), 0, "nothing more came");
}
