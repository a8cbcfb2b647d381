//! An HTTP/1.1 server in the test's own process that serves a folder, with faults on demand.
//!
//! It answers `GET` and `HEAD`, ranges (`Range`, `If-Range`) and `ETag`s, and requests in absolute
//! form too, so that it can stand for a proxy. Each connection carries one request.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};

use kiln_types::{Digest, Timestamp};

/// What goes wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFault {
    /// This status, with a short body.
    Status(u16),
    /// A redirect (302) to this URL.
    Redirect(String),
    /// The whole length is promised; after this many bytes of the body the connection ends.
    Truncate(usize),
    /// After this many bytes of the body nothing more comes, until the server is dropped.
    Stall(usize),
    /// The connection is accepted and no answer comes, until the server is dropped.
    Silence,
    /// This many bytes of the body a second.
    Slow(usize),
    /// One bit in the middle of the body is flipped.
    WrongBytes,
    /// The connection ends before the answer.
    Close,
    /// The answer is not HTTP.
    Garbage,
    /// No `ETag`: only the file's date (`Last-Modified`, `If-Modified-Since`).
    DateOnly,
    /// Ranges are ignored: the whole file comes with status 200.
    NoRanges,
    /// A body without length that does not end.
    Endless,
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD` …
    pub method: String,
    /// The target as it was sent: `/dists/trixie/InRelease`, or a whole URL to a proxy.
    pub target: String,
    /// Header fields, names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// The first value of a header field; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
struct Rule {
    part: String,
    fault: ServerFault,
    left: Option<usize>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    requests: Vec<Request>,
    stopped: bool,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
    stop: Condvar,
}

/// A running server. Dropping it stops it and ends what still hangs.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `folder` on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn serve(folder: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            folder: folder.to_path_buf(),
            state: Mutex::default(),
            stop: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || listen(&listener, &theirs));
        Ok(Self {
            address,
            shared,
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, answers to targets that hold `part` have this fault.
    pub fn fault(&self, part: &str, fault: ServerFault) {
        self.rule(part, fault, None);
    }

    /// The next `times` answers to targets that hold `part` have this fault.
    pub fn fault_times(&self, part: &str, fault: ServerFault, times: usize) {
        self.rule(part, fault, Some(times));
    }

    /// All is well again.
    pub fn heal(&self) {
        self.shared.lock().rules.clear();
    }

    /// The requests that came in, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// How many requests have a target that holds `part`.
    #[must_use]
    pub fn count(&self, part: &str) -> usize {
        let state = self.shared.lock();
        state
            .requests
            .iter()
            .filter(|request| request.target.contains(part))
            .count()
    }

    /// Forgets the requests that came in.
    pub fn forget_requests(&self) {
        self.shared.lock().requests.clear();
    }

    fn rule(&self, part: &str, fault: ServerFault, left: Option<usize>) {
        self.shared.lock().rules.push(Rule {
            part: part.to_owned(),
            fault,
            left,
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.stop.notify_all();
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the server is dropped, or this long.
    fn wait(&self, at_most: Duration) {
        let state = self.lock();
        let _ = self
            .stop
            .wait_timeout_while(state, at_most, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Notes the request; gives the fault for it.
    fn receive(&self, request: &Request) -> Option<ServerFault> {
        let mut state = self.lock();
        state.requests.push(request.clone());
        let rule = state
            .rules
            .iter_mut()
            .find(|rule| rule.left != Some(0) && request.target.contains(&rule.part))?;
        rule.left = rule.left.map(|left| left - 1);
        Some(rule.fault.clone())
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if shared.lock().stopped {
            break;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            // A client that goes away is no fault of the test.
            let _ = answer(&stream, &shared);
            let _ = stream.shutdown(Shutdown::Both);
        }));
        threads.retain(|thread: &JoinHandle<()>| !thread.is_finished());
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn answer(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    // A client that says nothing must not hold up the end of the test.
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let Some(request) = read_request(stream)? else {
        return Ok(());
    };
    let fault = shared.receive(&request);
    let mut out = stream;
    match fault {
        Some(ServerFault::Close) => return Ok(()),
        Some(ServerFault::Garbage) => return out.write_all(b"\x00\xffno HTTP at all\r\n\r\n"),
        Some(ServerFault::Silence) => {
            shared.wait(Duration::MAX);
            return Ok(());
        }
        Some(ServerFault::Status(code)) => {
            return respond(out, code, &[], b"a fault on demand\n", true);
        }
        Some(ServerFault::Redirect(to)) => {
            return respond(out, 302, &[("Location", to)], b"", true);
        }
        Some(ServerFault::Endless) => {
            out.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            while !shared.lock().stopped {
                out.write_all(&[b'x'; 8_192])?;
            }
            return Ok(());
        }
        _ => {}
    }
    let with_body = request.method != "HEAD";
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return respond(out, 405, &[], b"only GET and HEAD\n", with_body);
    }
    let file = find(&shared.folder, &request.target).unwrap_or_default();
    let Ok(mut body) = std::fs::read(&file) else {
        return respond(out, 404, &[], b"no such file\n", with_body);
    };
    let tag = format!(
        "\"{}\"",
        &Digest::of(&body).to_string()["sha256:".len()..][..32]
    );
    let by_date = fault == Some(ServerFault::DateOnly);
    if !by_date && request.header("if-none-match") == Some(&tag) {
        return respond(out, 304, &[("ETag", tag)], b"", false);
    }
    let mut headers = vec![("ETag", tag.clone())];
    if by_date {
        let date = http_date(&file).unwrap_or_default();
        if request.header("if-modified-since") == Some(&date) {
            return respond(out, 304, &[("Last-Modified", date)], b"", false);
        }
        headers = vec![("Last-Modified", date)];
    }
    let mut code = 200;
    if fault != Some(ServerFault::NoRanges) {
        headers.push(("Accept-Ranges", "bytes".to_owned()));
        let current = request
            .header("if-range")
            .is_none_or(|wanted| wanted == tag);
        if let (Some(range), true) = (request.header("range"), current) {
            let whole = body.len();
            let Some((first, last)) = parse_range(range, whole) else {
                let range = format!("bytes */{whole}");
                return respond(out, 416, &[("Content-Range", range)], b"", with_body);
            };
            body = body[first..=last].to_vec();
            headers.push(("Content-Range", format!("bytes {first}-{last}/{whole}")));
            code = 206;
        }
    }
    if fault == Some(ServerFault::WrongBytes) {
        let middle = body.len() / 2;
        if let Some(byte) = body.get_mut(middle) {
            *byte ^= 1;
        }
    }
    head(out, code, &headers, body.len())?;
    if !with_body {
        return Ok(());
    }
    match fault {
        Some(ServerFault::Truncate(after)) => out.write_all(&body[..after.min(body.len())]),
        Some(ServerFault::Stall(after)) => {
            out.write_all(&body[..after.min(body.len())])?;
            out.flush()?;
            shared.wait(Duration::MAX);
            Ok(())
        }
        Some(ServerFault::Slow(rate)) => {
            for chunk in body.chunks(rate.div_ceil(10).max(1)) {
                if shared.lock().stopped {
                    break;
                }
                out.write_all(chunk)?;
                shared.wait(Duration::from_millis(100));
            }
            Ok(())
        }
        _ => out.write_all(&body),
    }
}

fn read_request(mut stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 65_536 {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target)) = (first.next(), first.next()) else {
        return Ok(None);
    };
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Some(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
    }))
}

/// The file that a target names; nothing above the folder.
fn find(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = percent_decoded(path)?;
    let mut file = folder.to_path_buf();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => file.push(part),
        }
    }
    Some(file)
}

/// When a file was written, as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
fn http_date(file: &Path) -> Option<String> {
    let written = std::fs::metadata(file).ok()?.modified().ok()?;
    let since = written.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let text = Timestamp::from_unix(i64::try_from(since).ok()?).to_string();
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<usize>().ok();
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    Some(format!(
        "{}, {:02} {} {} {} GMT",
        days.get(usize::try_from(since / 86_400).ok()? % 7)?,
        number(8..10)?,
        months.get(number(5..7)? - 1)?,
        text.get(..4)?,
        text.get(11..19)?
    ))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            out.push(first);
            rest = after;
        }
    }
    String::from_utf8(out).ok()
}

/// First and last byte of `bytes=A-B`, `bytes=A-` or `bytes=-N`, within `length`.
fn parse_range(text: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", count) => (length.checked_sub(count.parse().ok()?)?, end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last).then_some((first, last))
}

fn respond(
    mut out: &TcpStream,
    code: u16,
    headers: &[(&str, String)],
    body: &[u8],
    with_body: bool,
) -> io::Result<()> {
    head(out, code, headers, body.len())?;
    if with_body {
        out.write_all(body)
    } else {
        Ok(())
    }
}

fn head(
    mut out: &TcpStream,
    code: u16,
    headers: &[(&str, String)],
    length: usize,
) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {code} {}\r\n", reason(code));
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!(
        "Content-Length: {length}\r\nConnection: close\r\n\r\n"
    ));
    out.write_all(text.as_bytes())
}

const fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        304 => "Not Modified",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Answer",
    }
}
