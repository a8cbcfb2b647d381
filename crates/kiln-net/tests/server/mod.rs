//! A web server of a hundred lines: one thread a connection, one request a connection, and answers
//! that break every rule when told to.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A request, as far as the tests look at it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET /path`: the path, or the whole URL when asked as a proxy.
    pub(crate) target: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte asked for.
    pub(crate) fn start(&self) -> Option<usize> {
        self.header("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Without this the length of the body is told.
    pub(crate) told_length: Option<usize>,
    /// After the body: wait for the client to go, rather than close.
    pub(crate) stall: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: &[u8]) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_vec(),
            told_length: None,
            stall: false,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// The file as an honest server gives it, with ranges.
    pub(crate) fn file(request: &Request, content: &[u8]) -> Self {
        match request.start() {
            None => Self::new(200, content),
            Some(start) if start < content.len() => {
                let last = content.len() - 1;
                Self::new(206, &content[start..]).header(
                    "Content-Range",
                    format!("bytes {start}-{last}/{}", content.len()),
                )
            }
            Some(_) => Self::new(416, b""),
        }
    }

    /// The same answer, of which only so many bytes are sent.
    pub(crate) fn cut(mut self, length: usize) -> Self {
        self.told_length = Some(self.body.len());
        self.body.truncate(length);
        self
    }
}

/// The server; it ends when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server that answers with what `answer` makes of the request and its number (from 0).
    pub(crate) fn start(
        answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let (log, stop, answer) = (requests.clone(), ended.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (log, answer) = (log.clone(), answer.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read_request(&mut stream) else {
                        return;
                    };
                    let number = {
                        let mut log: std::sync::MutexGuard<'_, Vec<Request>> = log.lock().unwrap();
                        log.push(request.clone());
                        log.len() - 1
                    };
                    // The client may be gone already; that is its right.
                    let _ = send(&mut stream, &answer(&request, number));
                });
            }
        });
        Self {
            address,
            requests,
            ended,
        }
    }

    /// The root of this server as a mirror.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/debian", self.address)
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Some(Request { target, headers })
}

fn send(stream: &mut TcpStream, answer: &Answer) -> std::io::Result<()> {
    let length = answer.told_length.unwrap_or(answer.body.len());
    let mut head = format!(
        "HTTP/1.1 {} Whatever\r\nConnection: close\r\n",
        answer.status
    );
    let chunked = answer
        .headers
        .iter()
        .any(|(name, _)| name == "Transfer-Encoding");
    if answer.status != 304 && !chunked {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&answer.body)?;
    stream.flush()?;
    if answer.stall {
        let _ = stream.read(&mut [0; 16]);
    }
    Ok(())
}
