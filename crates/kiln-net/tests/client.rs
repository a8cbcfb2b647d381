//! The client against a server that behaves, and against ones that do not.
#![expect(clippy::unwrap_used, reason = "a set-up that fails fails the test")]

use std::future::Future;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kiln_net::{
    Client, Condition, DownloadSink, Fetched, Job, NetError, NetSettings, Outcome, Rejection,
    Source,
};
use kiln_types::{Classify as _, ErrorClass};

mod server;
use server::{Answer, Request, Server};

const FILE: &[u8] = b"0123456789abcdefghij";
const PATH: &str = "pool/main/l/libstdc++/x_1.0~rc1_amd64.deb";

fn settings() -> NetSettings {
    NetSettings {
        // Long, so that a busy machine does not fail the tests; the stalling one has its own.
        connect_timeout: Duration::from_secs(20),
        stall_timeout: Duration::from_secs(20),
        retries: 2,
        backoff: Duration::from_millis(1),
        longest_pause: Duration::from_millis(20),
        ..NetSettings::default()
    }
}

fn client() -> Client {
    Client::new(settings()).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A sink that accepts only `FILE`.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    restarts: usize,
    accepted: bool,
    full: bool,
}

impl DownloadSink for Kept {
    fn resume_at(&mut self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.bytes.clear();
        self.restarts += 1;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.full {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Rejection> {
        if self.bytes == FILE {
            self.accepted = true;
            Ok(())
        } else {
            Err(Rejection::Content("wrong digest".to_owned()))
        }
    }
}

/// Downloads `FILE` and returns what the progress added up to.
fn download_with(
    client: &Client,
    mirrors: &[String],
    sink: &mut Kept,
) -> (Result<Source, NetError>, u64) {
    let seen = Mutex::new(0);
    let progress = |bytes| *seen.lock().unwrap() += bytes;
    let result = run(client.download(
        mirrors,
        PATH,
        Some(FILE.len() as u64),
        1_000,
        sink,
        &progress,
    ));
    (result, seen.into_inner().unwrap())
}

fn download(mirrors: &[String]) -> Result<(Source, Kept), NetError> {
    let mut sink = Kept::default();
    let (result, seen) = download_with(&client(), mirrors, &mut sink);
    let source = result?;
    assert!(sink.accepted);
    assert_eq!(seen, FILE.len() as u64, "progress");
    Ok((source, sink))
}

fn honest() -> Server {
    Server::start(|request, _| Answer::file(request, FILE))
}

fn outcomes(error: &NetError) -> Vec<Outcome> {
    error
        .attempts()
        .iter()
        .map(|attempt| attempt.outcome.clone())
        .collect()
}

#[test]
fn a_file_comes_whole() {
    let server = honest();
    let (source, _) = download(&[server.url()]).unwrap();
    assert_eq!(
        source,
        Source {
            mirror: Some(0),
            url: format!("{}/{PATH}", server.url())
        }
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].target, format!("/debian/{PATH}"));
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    assert!(
        requests[0]
            .header("user-agent")
            .unwrap()
            .starts_with("kiln/")
    );
    assert_eq!(requests[0].header("authorization"), None);
}

#[test]
fn small_files_with_conditions() {
    let server = Server::start(|request, _| match request.header("if-none-match") {
        Some("\"1\"") => Answer::new(304, b""),
        _ if request.header("if-modified-since").is_some() => Answer::new(304, b""),
        _ => Answer::new(200, FILE)
            .header("ETag", "\"1\"")
            .header("Last-Modified", "Tue, 24 Nov 2026 03:00:00 GMT"),
    });
    let mirrors = [server.url()];
    let get = |limit, condition: Option<&Condition>| {
        run(client().get_small(&mirrors, "dists/trixie/InRelease", limit, condition))
    };
    let document = get(20, None).unwrap().document().unwrap();
    assert_eq!(
        (document.bytes.as_slice(), document.etag.as_deref()),
        (FILE, Some("\"1\""))
    );
    let condition = Condition {
        etag: Some(("\"1\"".to_owned(), document.from.url.clone())),
        last_modified: None,
    };
    assert_eq!(
        get(20, Some(&condition)).unwrap(),
        Fetched::Unchanged(document.from)
    );
    // An ETag of another server means nothing here.
    let condition = Condition {
        etag: Some(("\"1\"".to_owned(), "http://other/".to_owned())),
        last_modified: None,
    };
    assert!(get(20, Some(&condition)).unwrap().document().is_some());
    let condition = Condition {
        etag: None,
        last_modified: document.last_modified,
    };
    assert!(get(20, Some(&condition)).unwrap().document().is_none());
    assert_eq!(
        outcomes(&get(19, None).unwrap_err()),
        [Outcome::TooLong { limit: 19 }]
    );
}

#[test]
fn not_modified_without_a_condition_is_no_answer() {
    let server = Server::start(|_, _| Answer::new(304, b""));
    let error = run(client().get_small(&[server.url()], "x", 10, None)).unwrap_err();
    assert_eq!(outcomes(&error), [Outcome::Status(304)]);
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let server = Server::start(|request, number| match number {
        0 => Answer::file(request, FILE).cut(7),
        _ => Answer::file(request, FILE),
    });
    let (_, sink) = download(&[server.url()]).unwrap();
    assert_eq!(sink.restarts, 0);
    let starts: Vec<_> = server.requests().iter().map(Request::start).collect();
    assert_eq!(starts, [None, Some(7)]);
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let server = Server::start(|_, number| match number {
        0 => Answer::new(200, FILE).cut(7),
        _ => Answer::new(200, FILE),
    });
    let (_, sink) = download(&[server.url()]).unwrap();
    assert_eq!(sink.restarts, 1);
}

#[test]
fn what_an_earlier_run_left() {
    let server = honest();
    let mirrors = [server.url()];
    for (left, requests, restarts) in [
        (&FILE[..5], 1, 0),   // goes on
        (FILE, 0, 0),         // whole and right
        (b"XX234", 2, 1),     // wrong: goes on, is rejected, begins anew
        (&[b'x'; 20], 1, 1),  // whole and wrong
        (&[b'x'; 500], 1, 1), // longer than the file
    ] {
        let before = server.requests().len();
        let mut sink = Kept {
            bytes: left.to_vec(),
            ..Kept::default()
        };
        let (result, seen) = download_with(&client(), &mirrors, &mut sink);
        let source = result.unwrap();
        assert_eq!(source.mirror, if requests == 0 { None } else { Some(0) });
        assert_eq!(sink.bytes, FILE);
        assert_eq!(
            (server.requests().len() - before, sink.restarts),
            (requests, restarts),
            "{left:?}"
        );
        assert_eq!(seen, 20);
    }
}

#[test]
fn wrong_range_answers() {
    for answer in [
        |_: &Request| Answer::new(206, &FILE[3..]).header("Content-Range", "bytes 3-19/20"),
        |_: &Request| Answer::new(206, &FILE[5..]),
        |_: &Request| Answer::new(206, &FILE[5..]).header("Content-Range", "bytes 5-4/20"),
        |_: &Request| Answer::new(206, &FILE[5..]).header("Content-Range", "lines 5-19/20"),
        |_: &Request| Answer::new(416, b""),
    ] {
        let server = Server::start(move |request, number| match number {
            0 => answer(request),
            _ => Answer::file(request, FILE),
        });
        let mut sink = Kept {
            bytes: FILE[..5].to_vec(),
            ..Kept::default()
        };
        let (result, seen) = download_with(&client(), &[server.url()], &mut sink);
        result.unwrap();
        assert_eq!((sink.bytes.as_slice(), sink.restarts, seen), (FILE, 1, 20));
        let starts: Vec<_> = server.requests().iter().map(Request::start).collect();
        assert_eq!(starts, [Some(5), None]);
    }
    let server =
        Server::start(|_, _| Answer::new(206, FILE).header("Content-Range", "bytes 0-19/20"));
    assert_eq!(
        outcomes(&download(&[server.url()]).err().unwrap()),
        [Outcome::WrongRange]
    );
}

#[test]
fn the_next_mirror_is_asked_when_one_has_another_file() {
    let good = honest();
    for (name, bad, expected) in [
        ("not found", Answer::new(404, b""), Outcome::NotFound),
        ("gone", Answer::new(410, b""), Outcome::NotFound),
        ("forbidden", Answer::new(403, b""), Outcome::Status(403)),
        (
            "shorter",
            Answer::new(200, &FILE[1..]),
            Outcome::WrongSize {
                expected: 20,
                found: 19,
            },
        ),
        (
            "too-long body",
            Answer::new(200, &[0; 999]),
            Outcome::WrongSize {
                expected: 20,
                found: 999,
            },
        ),
        (
            "other content",
            Answer::new(200, &[b'x'; 20]),
            Outcome::Rejected("wrong digest".to_owned()),
        ),
    ] {
        let server = Server::start(move |_, _| bad.clone());
        let (source, _) = download(&[server.url(), good.url()]).unwrap();
        assert_eq!(source.mirror, Some(1), "{name}");
        assert_eq!(server.requests().len(), 1, "{name}: asked again");
        let error = download(&[server.url()]).err().unwrap();
        assert_eq!(outcomes(&error), std::slice::from_ref(&expected), "{name}");
        assert_eq!(
            error.is_not_found(),
            expected == Outcome::NotFound,
            "{name}"
        );
        let lie = matches!(expected, Outcome::WrongSize { .. } | Outcome::Rejected(_));
        assert_eq!(
            error.class(),
            if lie {
                ErrorClass::Integrity
            } else {
                ErrorClass::Network
            },
            "{name}"
        );
    }
}

#[test]
fn lying_content_length() {
    // Says twenty, sends nine, and again: the rest never comes.
    let server = Server::start(|_, _| Answer::new(200, FILE).cut(9));
    let error = download(&[server.url()]).err().unwrap();
    assert_eq!(
        outcomes(&error),
        vec![
            Outcome::Cut {
                received: 9,
                expected: Some(20)
            };
            3
        ]
    );
    assert!(
        error
            .to_string()
            .contains("ended after 9 bytes of 20 (3 times)"),
        "{error}"
    );
}

#[test]
fn endless_body_without_a_length() {
    // Chunked, and longer than it may be.
    let server = Server::start(|_, _| {
        let mut answer = Answer::new(200, b"").header("Transfer-Encoding", "chunked");
        answer.body = b"40\r\n"
            .iter()
            .chain(&[b'x'; 64])
            .chain(b"\r\n")
            .copied()
            .collect::<Vec<_>>()
            .repeat(100);
        answer
    });
    let error = run(client().get_small(&[server.url()], "x", 1_000, None)).unwrap_err();
    assert_eq!(outcomes(&error), [Outcome::TooLong { limit: 1_000 }]);
}

#[test]
fn errors_that_pass() {
    for status in [500, 502, 503, 429, 408] {
        let server = Server::start(move |request, number| match number {
            0 => Answer::new(status, b"").header("Retry-After", 3_600),
            _ => Answer::file(request, FILE),
        });
        download(&[server.url()]).unwrap();
        assert_eq!(server.requests().len(), 2, "{status}");
    }
    let server = Server::start(|_, _| Answer::new(503, b""));
    let error = download(&[server.url()]).err().unwrap();
    assert_eq!(outcomes(&error), vec![Outcome::Status(503); 3]);
    assert!(!error.is_not_found());
    assert_eq!(error.class(), ErrorClass::Network);
}

#[test]
fn other_mirrors_are_asked_before_one_is_asked_again() {
    let bad = Server::start(|_, _| Answer::new(500, b""));
    let good = honest();
    let (source, _) = download(&[bad.url(), good.url()]).unwrap();
    assert_eq!((source.mirror, bad.requests().len()), (Some(1), 1));
}

#[test]
fn stalling_server() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(PATH);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, FILE).unwrap();
    let patience = Duration::from_millis(30);
    let impatient = Client::new(NetSettings {
        stall_timeout: patience,
        connect_timeout: patience,
        retries: 0,
        ..settings()
    })
    .unwrap();
    for sent in [0, 7] {
        let server = Server::start(move |request, _| {
            let mut answer = Answer::file(request, FILE).cut(sent);
            answer.stall = true;
            answer
        });
        let mirrors = [server.url(), format!("file:{}", directory.path().display())];
        let mut sink = Kept::default();
        let (result, _) = download_with(&impatient, &mirrors, &mut sink);
        assert_eq!(result.unwrap().mirror, Some(1));
        assert_eq!(
            (sink.bytes.as_slice(), sink.restarts),
            (FILE, 0),
            "what came was kept"
        );
        let error = download_with(&impatient, &mirrors[..1], &mut Kept::default())
            .0
            .unwrap_err();
        assert!(
            matches!(outcomes(&error)[..], [Outcome::Stalled(_)]),
            "{error}"
        );
    }
}

#[test]
fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = download(&[mirror]).err().unwrap();
    assert!(
        outcomes(&error)
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Connect(_))),
        "{error}"
    );
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn redirects() {
    let target = honest();
    let to = target.url();
    let once = Server::start(move |request, _| {
        Answer::new(302, b"").header(
            "Location",
            format!("{}{}", to, request.target.trim_start_matches("/debian")),
        )
    });
    download(&[once.url()]).unwrap();

    let looping =
        Server::start(|request, _| Answer::new(301, b"").header("Location", &request.target));
    let error = download(&[looping.url()]).err().unwrap();
    assert!(
        matches!(&outcomes(&error)[..], [Outcome::Redirect(reason)] if reason.contains('5')),
        "{error}"
    );
    assert_eq!(looping.requests().len(), 6);

    let elsewhere =
        Server::start(|_, _| Answer::new(302, b"").header("Location", "file:///etc/passwd"));
    let error = download(&[elsewhere.url()]).err().unwrap();
    assert!(!error.is_not_found(), "{error}");
    assert_eq!(error.class(), ErrorClass::Network);
}

#[test]
fn credentials_are_sent_to_their_mirror_and_never_shown() {
    let other = Server::start(|_, _| Answer::new(404, b""));
    let to = other.url().replace("127.0.0.1", "localhost");
    let server = Server::start(move |request, _| match request.header("authorization") {
        // "kiln:s3cret"
        Some("Basic a2lsbjpzM2NyZXQ=") => Answer::new(302, b"").header("Location", &to),
        _ => Answer::new(401, b""),
    });
    let mirror = server.url().replace("http://", "http://kiln:s3cret@");
    let error = download(&[mirror]).err().unwrap();
    assert!(error.is_not_found(), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert_eq!(
        other.requests()[0].header("authorization"),
        None,
        "given away by a redirect"
    );
}

#[test]
fn proxies() {
    let proxy = honest();
    let settings = NetSettings {
        http_proxy: Some(format!("http://user:s3cret@{}", proxy.address())),
        no_proxy: Some("127.0.0.1,internal.example".to_owned()),
        ..settings()
    };
    assert!(!format!("{settings:?}").contains("s3cret"));
    let client = Client::new(settings).unwrap();
    let mut sink = Kept::default();
    download_with(
        &client,
        &["http://mirror.invalid/debian".to_owned()],
        &mut sink,
    )
    .0
    .unwrap();
    let request = &proxy.requests()[0];
    assert_eq!(
        request.target,
        format!("http://mirror.invalid/debian/{PATH}")
    );
    assert_eq!(
        request.header("proxy-authorization"),
        Some("Basic dXNlcjpzM2NyZXQ=")
    );

    let direct = honest();
    download_with(&client, &[direct.url()], &mut Kept::default())
        .0
        .unwrap();
    assert_eq!((direct.requests().len(), proxy.requests().len()), (1, 1));
}

#[test]
fn settings_that_cannot_be() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let broken = directory.path().join("broken.pem");
    std::fs::write(
        &broken,
        "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    for bad in [
        NetSettings {
            ca_file: Some(directory.path().join("missing.pem")),
            ..settings()
        },
        NetSettings {
            ca_file: Some(empty),
            ..settings()
        },
        NetSettings {
            ca_file: Some(broken),
            ..settings()
        },
        NetSettings {
            https_proxy: Some("http://user:s3cret@ho st:1".to_owned()),
            ..settings()
        },
    ] {
        let error = Client::new(bad).unwrap_err();
        assert!(matches!(error, NetError::Setting { .. }), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert_eq!(error.class(), ErrorClass::User);
    }
}

#[test]
fn local_mirrors() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("mirror");
    std::fs::create_dir_all(root.join("pool")).unwrap();
    std::fs::write(root.join("pool/a.deb"), FILE).unwrap();
    std::fs::write(directory.path().join("secret"), FILE).unwrap();
    let mirrors = [
        format!("file:{}", root.display()),
        format!("file://{}", root.display()),
    ];
    for mirror in &mirrors {
        let get = |path: &str, limit| {
            run(client().get_small(std::slice::from_ref(mirror), path, limit, None))
        };
        let document = get("./pool/a.deb", 20).unwrap().document().unwrap();
        assert_eq!(
            (document.bytes.as_slice(), document.from.mirror),
            (FILE, Some(0))
        );
        assert!(get("pool/b.deb", 20).unwrap_err().is_not_found());
        assert!(get("pool/a.deb/x", 20).unwrap_err().is_not_found());
        assert_eq!(
            outcomes(&get("pool/a.deb", 19).unwrap_err()),
            [Outcome::TooLong { limit: 19 }]
        );
        assert!(matches!(
            outcomes(&get("pool", 20).unwrap_err())[..],
            [Outcome::Failed(_)]
        ));
        for path in ["../secret", "pool/../../secret", "/etc/passwd"] {
            assert!(
                matches!(get(path, 20).unwrap_err(), NetError::Mirror(_)),
                "{path}"
            );
        }
    }
    let mut sink = Kept {
        bytes: FILE[..5].to_vec(),
        ..Kept::default()
    };
    run(client().download(
        &mirrors[..1],
        "pool/a.deb",
        Some(20),
        20,
        &mut sink,
        &|_| {},
    ))
    .unwrap();
    assert_eq!((sink.bytes.as_slice(), sink.restarts), (FILE, 0));
}

#[test]
fn a_full_disk_ends_the_download_at_once() {
    let server = honest();
    let mut sink = Kept {
        full: true,
        ..Kept::default()
    };
    let error = download_with(&client(), &[server.url(), server.url()], &mut sink)
        .0
        .unwrap_err();
    assert!(matches!(error, NetError::Local { .. }), "{error}");
    assert_eq!(error.class(), ErrorClass::Environment);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn nowhere_to_ask() {
    assert!(matches!(
        download(&[]).err().unwrap(),
        NetError::NoMirror { .. }
    ));
    assert!(matches!(
        download(&["gopher://x/".to_owned()]).err().unwrap(),
        NetError::Mirror(_)
    ));
}

#[test]
fn many_downloads_collect_all_errors() {
    static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|request, _| {
        MOST.fetch_max(AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        AT_ONCE.fetch_sub(1, Ordering::SeqCst);
        if request.target.ends_with('3') {
            Answer::new(404, b"")
        } else {
            Answer::file(request, FILE)
        }
    });
    let client = Client::new(NetSettings {
        max_parallel: 3,
        ..settings()
    })
    .unwrap();
    let mirrors = [server.url()];
    let paths: Vec<String> = (0..20).map(|number| format!("pool/{number}")).collect();
    let jobs = paths.iter().map(|path| Job {
        mirrors: &mirrors,
        path,
        expected_size: Some(20),
        limit: 20,
        sink: Box::new(Kept::default()),
    });
    let seen = Mutex::new(vec![0; 20]);
    let results = run(client.download_all(jobs.collect(), &|job, bytes| {
        seen.lock().unwrap()[job] += bytes
    }));
    assert_eq!(results.len(), 20);
    for (number, result) in results.iter().enumerate() {
        if number % 10 == 3 {
            assert!(result.as_ref().unwrap_err().is_not_found());
        } else {
            assert!(result.as_ref().unwrap().url.ends_with(&paths[number]));
            assert_eq!(seen.lock().unwrap()[number], 20);
        }
    }
    let most = MOST.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} at once");
}

/// The futures may be spawned on a runtime of many threads.
#[test]
fn futures_are_send() {
    fn check<T: Send>(_: &T) {}
    let client = client();
    let mut sink = Kept::default();
    check(&client.download(&[], PATH, None, 1, &mut sink, &|_| {}));
    check(&client.get_small(&[], PATH, 1, None));
}
