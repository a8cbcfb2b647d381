//! Start steps in containers: what each does, and what the log says where it fails.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use super::Engine;
use super::container::{Container, Image, share};

const PATIENCE: Duration = Duration::from_secs(120);

const DEFINITION: &str = r#"
kiln: 1
name: steps
title: Steps
summary: Start steps to be seen
license: MIT
upstream: https://example.org/
versions:
  "13": {distribution: debian-13, track: base-files, release: 2025-08-09, end-of-life: 2028-08-09}
contents:
  packages: [base-files, coreutils]
paths:
  - {path: /state, type: directory, uid: 65532, gid: 65532, writable: true}
  - {path: /etc/app.template, type: file, content: "host $${HOST_NAME}, colour $${COLOUR:-grey}, token $${TOKEN}\n"}
  - {path: /etc/locked, type: file, content: "x", mode: "0600"}
start:
  - secret: TOKEN
  - writable: /state
    note: Mount a volume there.
  - wait-tcp: "${TCP}"
    timeout: 2
    when: [TCP]
  - wait-http: "${HTTP}"
    status: 204
    timeout: 2
    when: [HTTP]
  - fill: /etc/app.template
    to: /state/app
  - whole: /state
    last: done
    steps:
      - file: "${FOLDER}/done"
        content: ""
    when: [WHOLE]
entrypoint: [/usr/bin/cat, /state/app]
tests:
  - {name: has a program, run: [/usr/bin/cat, --version], contains: cat}
"#;

#[test]
fn steps_do_what_they_say_and_say_what_fails() {
    let Some(engine) = Engine::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let definition = folder.path().join("image.yaml");
    std::fs::write(&definition, DEFINITION).unwrap();
    let image = Image::build(&engine, definition.to_str().unwrap(), "linux/amd64");
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    share(&token);
    let token = format!("{}:/run/token:ro", token.display());

    // Ready at the third time it is asked, and a port that nobody listens on.
    let server = Server::start(&[503, 503, 204]);
    let (tcp, http) = (
        format!("TCP=127.0.0.1:{}", server.port),
        format!("HTTP=http://127.0.0.1:{}/ready", server.port),
    );
    let busy = Server::start(&[503]);
    let never = format!("HTTP=http://127.0.0.1:{}/", busy.port);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("TCP={}", listener.local_addr().unwrap())
    };

    let good = [
        "-e",
        "HOST_NAME=db",
        "-e",
        "TOKEN_FILE=/run/token",
        "-v",
        &token,
    ];
    let read_only = ["--read-only"];
    let table: &[Case<'_>] = &[
        (
            "everything is there",
            &[&good, &["-e", &tcp, "-e", &http, "-e", "COLOUR=blue"]],
            0,
            &["host db, colour blue, token s3cret\n"],
        ),
        ("a default", &[&good], 0, &["colour grey"]),
        (
            "a variable is missing",
            &[&["-e", "TOKEN=x"]],
            1,
            &[
                "step 5 (fill /etc/app.template): `/etc/app.template`: ",
                "HOST_NAME",
            ],
        ),
        (
            "a secret twice",
            &[&good, &["-e", "TOKEN=x"]],
            1,
            &["step 1 (secret TOKEN): both TOKEN and TOKEN_FILE are set (but are exclusive)"],
        ),
        (
            "a secret that is not there",
            &[&["-e", "TOKEN_FILE=/run/none"]],
            1,
            &["step 1 (secret TOKEN): TOKEN_FILE: `/run/none` cannot be read: No such file"],
        ),
        (
            "a secret that it may not read",
            &[&["-e", "TOKEN_FILE=/etc/locked"]],
            1,
            &["TOKEN_FILE: `/etc/locked` cannot be read: Permission denied"],
        ),
        (
            "nothing to write to",
            &[&good, &read_only],
            1,
            &[
                "step 2 (writable /state): `/state` cannot be written: Read-only file system",
                "mount a volume or a tmpfs there",
                "runs as uid 65532 gid 65532",
                "Mount a volume there.",
            ],
        ),
        (
            "a tmpfs to write to",
            &[&good, &read_only, &["--tmpfs", "/state:uid=65532"]],
            0,
            &["host db"],
        ),
        (
            "somebody else's volume",
            &[&good, &["--tmpfs", "/state:uid=7,gid=7"]],
            1,
            &["`/state` belongs to uid 7 gid 7 with mode 0755"],
        ),
        (
            "nobody listens",
            &[&good, &["-e", &closed]],
            1,
            &[
                "step 3 (wait for tcp ${TCP}): no answer within 2 s: 127.0.0.1:",
                "refused",
            ],
        ),
        (
            "nobody has this name",
            &[&good, &["-e", "TCP=no-such-host.invalid:1"]],
            1,
            &["no answer within 2 s: `no-such-host.invalid:1` has no address"],
        ),
        (
            "a server that is never ready",
            &[&good, &["-e", &never]],
            1,
            &[
                "step 4 (wait for ${HTTP}): no answer within 2 s: it answers with status 503, not 204",
            ],
        ),
        (
            "a directory that is neither whole nor empty",
            &[&good, &["-e", "WHOLE=1"]],
            1,
            &[
                "step 6 (whole /state): `/state` is neither whole nor empty: there is `app`, but no `done`",
            ],
        ),
    ];
    for (name, options, code, parts) in table {
        let words = [&[&["--network", "host"] as &[&str]], *options]
            .concat()
            .concat();
        let container = Container::start(&engine, &image, &words);
        let ended = container.wait(PATIENCE);
        let log = container.log();
        assert_eq!(ended, *code, "{name}: {log}");
        for part in *parts {
            assert!(log.contains(part), "{name}: {part} is not in {log}");
        }
    }
    assert_eq!(
        server.asked(),
        3,
        "it was asked until it was ready, and no more"
    );
}

/// What it is about, options of the engine, the exit code, and what the log holds.
type Case<'a> = (&'a str, &'a [&'a [&'a str]], i32, &'a [&'a str]);

/// Answers HTTP with these, one after the other, the last for ever. A connection without a request
/// is no question.
struct Server {
    port: u16,
    asked: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Server {
    fn start(answers: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 1024];
                if !matches!(stream.read(&mut request), Ok(1..)) {
                    continue;
                }
                let number = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let answer = answers[number.min(answers.len() - 1)];
                let _ = write!(stream, "HTTP/1.1 {answer} Answer\r\n\r\n");
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(std::sync::atomic::Ordering::SeqCst)
    }
}
