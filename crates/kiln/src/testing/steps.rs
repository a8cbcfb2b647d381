//! Tests with the image running: start it, ask it, restart it, and see it end.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kiln_types::{HttpStep, StopStep, TcpStep, TestPlan, TestStep, TextExpectation};

use super::client::{Container, Engine};
use super::{Subject, holds, judge, shorten};

/// The longest answer that is looked at.
const MOST: u64 = 1 << 20;
/// How long a single answer may take.
const ANSWER: Duration = Duration::from_secs(20);
/// How long an image may take to end.
const END: u32 = 20;

/// A started image.
struct Running<'a> {
    engine: &'a Engine,
    container: Container<'a>,
    patience: Duration,
    stop_signal: &'a str,
}

/// Starts the image and does the steps.
pub(super) fn run(
    subject: &Subject<'_>,
    test: &TestPlan,
    arguments: Option<&[String]>,
    steps: &[TestStep],
    mounts: &[String],
) -> Result<(), String> {
    let engine = subject.engine;
    let container = engine.reserve();
    let mut words = vec![
        "run".to_owned(),
        "--detach".to_owned(),
        "--name".to_owned(),
        container.name().to_owned(),
    ];
    let mut ports: Vec<u16> = steps.iter().filter_map(port_of).collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() {
        words.extend(["--network".to_owned(), "none".to_owned()]);
    } else if engine.host_network() {
        words.extend(["--network".to_owned(), "host".to_owned()]);
    } else {
        for port in &ports {
            words.extend(["--publish".to_owned(), format!("127.0.0.1::{port}")]);
        }
    }
    words.extend(subject.flags(test));
    words.extend_from_slice(mounts);
    words.push(subject.reference.to_owned());
    let cmd = arguments.unwrap_or(&subject.plan.config.cmd);
    words.extend_from_slice(cmd);
    let running = Running {
        engine,
        container,
        patience: subject.patience(test),
        stop_signal: subject
            .plan
            .config
            .stop_signal
            .as_deref()
            .unwrap_or("SIGTERM"),
    };
    match engine.within(&words, running.patience)? {
        Some(started) if started.code == 0 => {}
        Some(failed) => return Err(format!("it does not start: {}", failed.stderr.trim())),
        None => return Err("the engine does not start it".to_owned()),
    }
    for (number, step) in steps.iter().enumerate() {
        running.step(step).map_err(|reason| {
            if steps.len() > 1 {
                format!("step {}: {reason}", number + 1)
            } else {
                reason
            }
        })?;
    }
    match steps.last() {
        Some(TestStep::Stop(_)) => Ok(()),
        _ => running.stop(None),
    }
}

/// The port that a step asks.
fn port_of(step: &TestStep) -> Option<u16> {
    match step {
        TestStep::Http(http) => Some(address(&http.url).0),
        TestStep::Tcp(tcp) => Some(tcp.port),
        _ => None,
    }
}

/// Port and path of a URL whose form was checked.
fn address(url: &str) -> (u16, &str) {
    let rest = url.strip_prefix("http://localhost").unwrap_or(url);
    let from = rest.find('/').unwrap_or(rest.len());
    let (port, path) = rest.split_at(from);
    let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
    (port.unwrap_or(80), if path.is_empty() { "/" } else { path })
}

impl Running<'_> {
    fn step(&self, step: &TestStep) -> Result<(), String> {
        let name = self.container.name();
        match step {
            TestStep::Http(http) => self.until(|| self.http(http)),
            TestStep::Tcp(tcp) => self.until(|| self.tcp(tcp)),
            TestStep::Log(text) => self.until(|| holds("the log", &self.log(), text)),
            TestStep::Run {
                command,
                expectation,
            } => self.until(|| {
                let mut words = vec!["exec".to_owned(), name.to_owned()];
                words.extend_from_slice(command);
                match self.engine.within(&words, self.patience)? {
                    // What is not running refuses everything: that proves nothing.
                    Some(done) if self.is_running() => judge(expectation, &done),
                    Some(done) => Err(done.stderr.trim().to_owned()),
                    None => Err("the command did not end in time".to_owned()),
                }
            }),
            TestStep::Restart => {
                self.stop(None)?;
                self.engine.succeed(&["start", name]).map(|_| ())
            }
            TestStep::Stop(stop) => self.stop(Some(stop)),
        }
    }

    /// Tries until it holds, the container is gone, or patience ends.
    fn until(&self, attempt: impl Fn() -> Result<(), String>) -> Result<(), String> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            let Err(reason) = attempt() else {
                return Ok(());
            };
            let running = self.is_running();
            if !running || started.elapsed() > self.patience {
                let state = if running {
                    format!("not within {} s", self.patience.as_secs())
                } else {
                    "the container has ended".to_owned()
                };
                let log = self.log();
                return Err(format!(
                    "{reason} ({state}); its log:\n{}",
                    shorten(log.trim())
                ));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    fn inspect(&self, what: &str) -> Result<String, String> {
        let words = ["inspect", "--format", what, self.container.name()];
        let answer = self.engine.succeed(&words)?;
        Ok(answer.stdout.trim().to_owned())
    }

    fn is_running(&self) -> bool {
        self.inspect("{{.State.Running}}")
            .is_ok_and(|answer| answer == "true")
    }

    fn log(&self) -> String {
        self.engine
            .succeed(&["logs", self.container.name()])
            .map(|done| format!("{}{}", done.stdout, done.stderr))
            .unwrap_or_default()
    }

    fn connect(&self, port: u16) -> Result<TcpStream, String> {
        let place = if self.engine.host_network() {
            format!("127.0.0.1:{port}")
        } else {
            // The engine chooses the port anew at each start.
            let port = format!("{port}/tcp");
            let answer = self
                .engine
                .succeed(&["port", self.container.name(), &port])?;
            answer.stdout.lines().next().unwrap_or_default().to_owned()
        };
        let told = |error: std::io::Error| format!("no answer on port {port}: {error}");
        let stream = TcpStream::connect(&place).map_err(told)?;
        stream.set_read_timeout(Some(ANSWER)).map_err(told)?;
        Ok(stream)
    }

    fn http(&self, http: &HttpStep) -> Result<(), String> {
        let (port, path) = address(&http.url);
        let mut stream = self.connect(port)?;
        let told = |error: std::io::Error| format!("no answer to the request: {error}");
        stream
            .write_all(request(http, port, path).as_bytes())
            .map_err(told)?;
        let mut bytes = Vec::new();
        stream.take(MOST).read_to_end(&mut bytes).map_err(told)?;
        let answer = Answer::read(&bytes).ok_or_else(|| "the answer is not HTTP".to_owned())?;
        answer.judge(http)
    }

    fn tcp(&self, tcp: &TcpStep) -> Result<(), String> {
        let mut stream = self.connect(tcp.port)?;
        if let Some(send) = &tcp.send {
            stream
                .write_all(send.as_bytes())
                .map_err(|error| format!("cannot send: {error}"))?;
        }
        converse(&mut stream, &tcp.text)
    }

    /// Ends the container; by its stop signal, within its time, and cleanly unless told otherwise.
    fn stop(&self, stop: Option<&StopStep>) -> Result<(), String> {
        let name = self.container.name();
        let seconds = stop.and_then(|stop| stop.within).unwrap_or(END);
        let signal = stop.and_then(|stop| stop.signal.as_deref());
        if !self.is_running() {
            let log = self.log();
            return Err(format!(
                "it has ended before it was stopped; its log:\n{}",
                shorten(log.trim())
            ));
        }
        match signal {
            None => {
                self.engine
                    .succeed(&["stop", "-t", &seconds.to_string(), name])?;
            }
            Some(signal) => {
                self.engine.succeed(&["kill", "--signal", signal, name])?;
                let words = ["wait".to_owned(), name.to_owned()];
                let limit = Duration::from_secs(seconds.into());
                if self.engine.within(&words, limit)?.is_none() {
                    return Err(format!(
                        "{signal} does not end it within {seconds} s; its log:\n{}",
                        shorten(self.log().trim())
                    ));
                }
            }
        }
        let code = self.inspect("{{.State.ExitCode}}")?;
        let signal = signal.unwrap_or(self.stop_signal);
        let fits = match stop.and_then(|stop| stop.code) {
            Some(wanted) => code == wanted.to_string(),
            // Programs that do not catch the signal are ended by it, which is as good.
            None => {
                code == "0"
                    || number_of(signal).is_some_and(|number| code == (128 + number).to_string())
            }
        };
        if fits {
            return Ok(());
        }
        let reason = if code == "137" {
            format!("{signal} does not end it within {seconds} s")
        } else {
            format!("after {signal} it ended with {code}")
        };
        Err(format!(
            "{reason}; its log:\n{}",
            shorten(self.log().trim())
        ))
    }
}

/// The numbers of the signals that stop programs, on both architectures.
fn number_of(signal: &str) -> Option<i32> {
    Some(match signal {
        "SIGHUP" => 1,
        "SIGINT" => 2,
        "SIGQUIT" => 3,
        "SIGUSR1" => 10,
        "SIGUSR2" => 12,
        "SIGTERM" => 15,
        "SIGWINCH" => 28,
        _ => return None,
    })
}

/// A request of HTTP/1.0, so that the answer comes in one piece.
fn request(http: &HttpStep, port: u16, path: &str) -> String {
    let method = http.method.as_deref().unwrap_or("GET");
    let mut text = format!("{method} {path} HTTP/1.0\r\n");
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    fields.insert("Host".to_owned(), format!("localhost:{port}"));
    if let Some(body) = &http.body {
        fields.insert("Content-Length".to_owned(), body.len().to_string());
    }
    for (name, value) in &http.headers {
        fields.retain(|known, _| !known.eq_ignore_ascii_case(name));
        fields.insert(name.clone(), value.clone());
    }
    for (name, value) in &fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(http.body.as_deref().unwrap_or_default());
    text
}

/// Reads until everything expected has come.
fn converse(stream: &mut impl std::io::Read, expected: &TextExpectation) -> Result<(), String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        let verdict = holds("the answer", &text, expected);
        if verdict.is_ok() || bytes.len() as u64 > MOST {
            return verdict;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => {
                return verdict
                    .map_err(|reason| format!("{reason}; it was:\n{}", shorten(text.trim())));
            }
            Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// An answer of HTTP.
struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let first = lines.next()?;
        let status = first
            .strip_prefix("HTTP/")?
            .split_whitespace()
            .nth(1)?
            .parse()
            .ok()?;
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self {
            status,
            fields,
            body: body.to_owned(),
        })
    }

    fn judge(&self, http: &HttpStep) -> Result<(), String> {
        let wanted = http.status.unwrap_or(200);
        if self.status != wanted {
            return Err(format!("the status is {} instead of {wanted}", self.status));
        }
        for (name, part) in &http.response_headers {
            let holds = self
                .fields
                .iter()
                .any(|(known, value)| known.eq_ignore_ascii_case(name) && value.contains(part));
            if !holds {
                return Err(format!("`{part}` is not in the header field `{name}`"));
            }
        }
        holds("the body", &self.body, &http.text)
            .map_err(|reason| format!("{reason}; it was:\n{}", shorten(self.body.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_port_and_a_path() {
        assert_eq!(address("http://localhost:8080/a?b"), (8080, "/a?b"));
        assert_eq!(address("http://localhost:8080"), (8080, "/"));
        assert_eq!(address("http://localhost/x"), (80, "/x"));
    }

    #[test]
    fn requests_say_what_the_test_says() {
        let http = HttpStep {
            method: Some("POST".to_owned()),
            body: Some("ä".to_owned()),
            headers: BTreeMap::from([("host".to_owned(), "other".to_owned())]),
            ..HttpStep::default()
        };
        assert_eq!(
            request(&http, 80, "/x"),
            "POST /x HTTP/1.0\r\nContent-Length: 2\r\nhost: other\r\n\r\nä"
        );
    }

    #[test]
    fn answers_are_judged_by_status_fields_and_body() {
        let answer = Answer::read(b"HTTP/1.1 201 Created\r\nX-A: one two\r\n\r\nbody").unwrap();
        let mut http = HttpStep {
            status: Some(201),
            response_headers: BTreeMap::from([("x-a".to_owned(), "two".to_owned())]),
            ..HttpStep::default()
        };
        http.text.matches.push("^body$".to_owned());
        assert!(answer.judge(&http).is_ok());
        http.response_headers
            .insert("X-B".to_owned(), String::new());
        assert!(answer.judge(&http).is_err(), "a field is missing");
        http.response_headers.clear();
        http.text.contains.push("other".to_owned());
        assert!(answer.judge(&http).is_err(), "the body");
        http.status = None;
        assert!(
            answer
                .judge(&http)
                .unwrap_err()
                .contains("201 instead of 200")
        );
        for bad in [b"" as &[u8], b"garbage\r\n\r\n", b"HTTP/1.1\r\n\r\n"] {
            assert!(Answer::read(bad).is_none());
        }
    }

    #[test]
    fn conversations_end_when_everything_has_come_or_nothing_comes() {
        let expected = TextExpectation {
            contains: vec!["+PONG".to_owned()],
            matches: Vec::new(),
        };
        assert!(converse(&mut b"+PONG\r\n".as_slice(), &expected).is_ok());
        let reason = converse(&mut b"-ERR\r\n".as_slice(), &expected).unwrap_err();
        assert!(reason.contains("-ERR"), "{reason}");
    }
}
