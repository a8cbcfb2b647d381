//! One attempt at a web mirror: one request and its answer (RFC 9110).

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url};
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::error::Outcome;
use crate::mirror::{Mirror, redacted};
use crate::rounds::{Failure, Meter, Reply, Wanted};
use crate::sink::DownloadSink;

/// Fewer bytes than these in a whole stall timeout are as good as none.
const LEAST: u64 = 1_024;
/// Longer header values are not kept.
const LONGEST_VALUE: usize = 1_024;

/// Asks for a file from `start` on, and passes what comes to the sink.
pub(crate) async fn transfer(
    client: &Client,
    mirror: &Mirror,
    url: &Url,
    start: u64,
    wanted: &Wanted<'_>,
    sink: &mut dyn DownloadSink,
    meter: &mut Meter<'_>,
) -> Result<Reply, Failure> {
    let settings = client.settings();
    let engine = client
        .engine(url.scheme() == "https")
        .map_err(Failure::never)?;
    // Packages are compressed already, and are verified as they are: nothing may be recoded.
    let mut request = engine.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    if let Some((user, password)) = mirror.credentials() {
        request = request.basic_auth(user, password);
    }
    if start > 0 {
        request = request.header(RANGE, format!("bytes={start}-"));
    }
    let mut conditional = false;
    if let Some(condition) = wanted.condition {
        if let Some((etag, _)) = condition
            .etag
            .as_ref()
            .filter(|(_, from)| *from == redacted(url.as_str()))
        {
            request = request.header(IF_NONE_MATCH, etag);
            conditional = true;
        } else if let Some(date) = &condition.last_modified {
            request = request.header(IF_MODIFIED_SINCE, date);
            conditional = true;
        }
    }
    // Connecting has a limit of its own, but whoever waits counts from the request on.
    let patience = settings.stall_timeout;
    let response = match timeout(patience, request.send()).await {
        Ok(answer) => answer.map_err(|error| refused(&error, settings.connect_timeout))?,
        Err(_) => return Err(Failure::later(Outcome::Stalled(patience))),
    };
    let reply = Reply {
        unchanged: false,
        etag: value(response.headers(), &ETAG),
        last_modified: value(response.headers(), &LAST_MODIFIED),
    };
    let start = match response.status() {
        StatusCode::OK => {
            if start > 0 {
                sink.restart()?;
            }
            0
        }
        StatusCode::PARTIAL_CONTENT if start > 0 => {
            let (first, total) =
                content_range(response.headers()).ok_or(Failure::Afresh(Outcome::WrongRange))?;
            if first != start {
                return Err(Failure::Afresh(Outcome::WrongRange));
            }
            if let Some(total) = total {
                wanted.accepts_size(total)?;
            }
            start
        }
        StatusCode::PARTIAL_CONTENT => return Err(Failure::never(Outcome::WrongRange)),
        StatusCode::RANGE_NOT_SATISFIABLE if start > 0 => {
            return Err(Failure::Afresh(Outcome::WrongRange));
        }
        StatusCode::NOT_MODIFIED if conditional => {
            return Ok(Reply {
                unchanged: true,
                ..reply
            });
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(Failure::never(Outcome::NotFound)),
        status => {
            let outcome = Outcome::Status(status.as_u16());
            let passing = status.is_server_error()
                || matches!(
                    status,
                    StatusCode::REQUEST_TIMEOUT
                        | StatusCode::TOO_EARLY
                        | StatusCode::TOO_MANY_REQUESTS
                );
            return Err(if passing {
                Failure::Later(outcome, retry_after(response.headers()))
            } else {
                Failure::never(outcome)
            });
        }
    };
    let announced =
        value(response.headers(), &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if let Some(length) = announced {
        wanted.accepts_size(start.saturating_add(length))?;
    }
    body(response, start, settings.stall_timeout, wanted, sink, meter).await?;
    Ok(reply)
}

/// Passes the body to the sink, while enough of it comes.
async fn body(
    mut response: Response,
    start: u64,
    patience: Duration,
    wanted: &Wanted<'_>,
    sink: &mut dyn DownloadSink,
    meter: &mut Meter<'_>,
) -> Result<(), Failure> {
    let mut position = start;
    let (mut since, mut seen) = (Instant::now(), position);
    loop {
        let chunk = match timeout(patience, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return wanted.accepts_end(position),
            Ok(Err(_)) => {
                return Err(Failure::later(Outcome::Cut {
                    received: position,
                    expected: wanted.expected_size,
                }));
            }
            Err(_) => return Err(Failure::later(Outcome::Stalled(patience))),
        };
        let after = position.saturating_add(chunk.len() as u64);
        wanted.accepts_more(after)?;
        sink.write(&chunk)?;
        position = after;
        meter.reached(position);
        if since.elapsed() >= patience {
            if position.saturating_sub(seen) < LEAST {
                return Err(Failure::later(Outcome::Stalled(patience)));
            }
            (since, seen) = (Instant::now(), position);
        }
    }
}

/// Sorts the failure of a request.
fn refused(error: &reqwest::Error, patience: Duration) -> Failure {
    let reason = reason(error);
    if error.is_redirect() {
        Failure::never(Outcome::Redirect(reason))
    } else if reason.contains("certificate") {
        Failure::never(Outcome::Untrusted(reason))
    } else if error.is_timeout() {
        Failure::later(Outcome::Stalled(patience))
    } else if error.is_connect() {
        Failure::later(Outcome::Connect(reason))
    } else {
        Failure::later(Outcome::Failed(reason))
    }
}

/// What is at the bottom of an error, without addresses (which may hold credentials).
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut deepest: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(next) = deepest.and_then(std::error::Error::source) {
        deepest = Some(next);
    }
    match deepest {
        Some(deepest) => deepest.to_string(),
        None if error.is_builder() => "the request could not be made".to_owned(),
        None => "the request failed".to_owned(),
    }
}

fn value(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= LONGEST_VALUE).then(|| text.to_owned())
}

/// `bytes first-last/total` (RFC 9110, 14.4): the first byte, and the total where it is told.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = value(headers, &CONTENT_RANGE)?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse::<u64>().ok()?),
    };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

/// `Retry-After` in seconds. The form with a date would need a clock, and is not read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    value(headers, &RETRY_AFTER)?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}
