//! Asking whether something answers yet.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long one try may take.
const TRY: Duration = Duration::from_secs(2);

/// Whether `host:port` accepts a connection; the error says why not.
pub(crate) fn tcp(address: &str) -> Result<TcpStream, String> {
    let addresses = address
        .to_socket_addrs()
        .map_err(|error| format!("`{address}` has no address: {error}"))?;
    let mut last = "it has no address".to_owned();
    for one in addresses {
        match TcpStream::connect_timeout(&one, TRY) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = format!("{one}: {error}"),
        }
    }
    Err(last)
}

/// The status with which an HTTP server answers.
pub(crate) fn http(url: &str) -> Result<u16, String> {
    let (host, path) = split(url)?;
    let address = if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut stream = tcp(&address)?;
    let text = |error: std::io::Error| error.to_string();
    stream.set_read_timeout(Some(TRY)).map_err(text)?;
    stream.set_write_timeout(Some(TRY)).map_err(text)?;
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: kiln-start\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(text)?;
    // `HTTP/1.1 200`: all that matters stands in the first twelve bytes (RFC 9112, 4).
    let mut line = [0; 12];
    stream.read_exact(&mut line).map_err(text)?;
    status(&line).ok_or_else(|| "the answer is not HTTP".to_owned())
}

fn split(url: &str) -> Result<(&str, &str), String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("`{url}` does not begin with `http://`"))?;
    let sane = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    if host.is_empty() || !sane(rest) {
        return Err(format!("`{url}` is not an address"));
    }
    Ok((host, if path.is_empty() { "/" } else { path }))
}

fn status(line: &[u8; 12]) -> Option<u16> {
    let text = std::str::from_utf8(line).ok()?;
    let (version, code) = text.split_once(' ')?;
    (version.starts_with("HTTP/") && code.len() == 3)
        .then(|| code.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_answers() {
        assert_eq!(split("http://a:1/b/c").unwrap(), ("a:1", "/b/c"));
        assert_eq!(split("http://a").unwrap(), ("a", "/"));
        for url in ["https://a", "http:///x", "http://a/ b", "http://a\r\nX: y/"] {
            assert!(split(url).is_err(), "{url}");
        }
        assert_eq!(status(b"HTTP/1.1 204"), Some(204));
        assert_eq!(status(b"SSH-2.0-x 20"), None);
        assert_eq!(status(b"HTTP/1.1 2x4"), None);
    }

    #[test]
    fn asks_a_server() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let answer = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        assert_eq!(http(&format!("http://{address}/ready")), Ok(503));
        assert!(
            answer
                .join()
                .unwrap()
                .starts_with("GET /ready HTTP/1.0\r\n")
        );
        assert!(http(&format!("http://{address}/")).is_err());
    }
}
