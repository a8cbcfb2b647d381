//! Mirror after mirror, round after round, until one gives the file.
//!
//! In a round every mirror that is still in question is asked once; one whose failure cannot pass
//! (not found, wrong size, wrong content) is out of question. Between rounds there is a pause. A
//! round that brought much does not count, so that a large file comes over a bad line, yet every
//! such round brings it nearer to its limit: the number of rounds is bounded.

use std::io;
use std::time::Duration;

use kiln_types::Digest;

use crate::client::{Client, Condition, Source};
use crate::error::{Attempt, NetError, Outcome};
use crate::mirror::{Mirror, Place};
use crate::sink::{DownloadSink, Rejection};
use crate::{NetSettings, http, local};

/// A round that brought so many bytes does not count.
const MUCH: u64 = 1 << 20;

/// What is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) path: &'a str,
    /// What a server is asked beside it.
    pub(crate) query: Option<&'a str>,
    pub(crate) expected_size: Option<u64>,
    pub(crate) limit: u64,
    pub(crate) condition: Option<&'a Condition>,
}

impl Wanted<'_> {
    /// Refuses a size that a mirror announces.
    pub(crate) fn accepts_size(&self, found: u64) -> Result<(), Failure> {
        match self.expected_size {
            Some(expected) if expected != found => {
                Err(Failure::never(Outcome::WrongSize { expected, found }))
            }
            _ if found > self.limit => Err(Failure::never(Outcome::TooLong { limit: self.limit })),
            _ => Ok(()),
        }
    }

    /// Refuses bytes that come after the end.
    pub(crate) fn accepts_more(&self, found: u64) -> Result<(), Failure> {
        match self.expected_size {
            Some(expected) if found > expected => {
                Err(Failure::spoilt(Outcome::WrongSize { expected, found }))
            }
            _ if found > self.limit => Err(Failure::spoilt(Outcome::TooLong { limit: self.limit })),
            _ => Ok(()),
        }
    }

    /// Refuses an end that comes early.
    pub(crate) fn accepts_end(&self, received: u64) -> Result<(), Failure> {
        match self.expected_size {
            Some(expected) if received < expected => Err(Failure::later(Outcome::Cut {
                received,
                expected: Some(expected),
            })),
            _ => Ok(()),
        }
    }
}

/// What one attempt gave.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) unchanged: bool,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// What all attempts gave.
pub(crate) struct Answer {
    pub(crate) source: Source,
    pub(crate) unchanged: bool,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// A failed attempt, and whether another may succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This mirror may give it after a pause, at least as long as it says.
    Later(Outcome, Option<Duration>),
    /// This mirror may give it at once, from the beginning.
    Afresh(Outcome),
    /// This mirror will not give it; what the sink holds is of no use if the second value says so.
    Never(Outcome, bool),
    /// The sink failed.
    Sink(io::Error),
}

impl Failure {
    pub(crate) const fn later(outcome: Outcome) -> Self {
        Self::Later(outcome, None)
    }

    pub(crate) const fn never(outcome: Outcome) -> Self {
        Self::Never(outcome, false)
    }

    const fn spoilt(outcome: Outcome) -> Self {
        Self::Never(outcome, true)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Sink(error)
    }
}

/// Tells of progress: new bytes beyond the furthest point so far.
pub(crate) struct Meter<'a> {
    furthest: u64,
    report: &'a (dyn Fn(u64) + Sync),
}

impl Meter<'_> {
    pub(crate) fn reached(&mut self, position: u64) {
        if let Some(new) = position.checked_sub(self.furthest).filter(|new| *new > 0) {
            self.furthest = position;
            (self.report)(new);
        }
    }
}

/// Fetches what is wanted from the first mirror that gives it.
pub(crate) async fn fetch(
    client: &Client,
    mirrors: &[String],
    wanted: &Wanted<'_>,
    sink: &mut dyn DownloadSink,
    report: &(dyn Fn(u64) + Sync),
) -> Result<Answer, NetError> {
    let mut places = Vec::new();
    for (index, text) in mirrors.iter().enumerate() {
        let mirror = Mirror::parse(text)?;
        let place = mirror.place_with(wanted.path, wanted.query)?;
        places.push((index, mirror, place));
    }
    if places.is_empty() {
        return Err(NetError::NoMirror {
            path: wanted.path.to_owned(),
        });
    }
    let local = |source| NetError::Local {
        path: wanted.path.to_owned(),
        source,
    };
    let mut meter = Meter {
        furthest: 0,
        report,
    };
    if already_whole(wanted, sink, &mut meter).map_err(local)? {
        let source = Source {
            mirror: None,
            url: String::new(),
        };
        return Ok(Answer {
            source,
            unchanged: false,
            etag: None,
            last_modified: None,
        });
    }
    let settings = client.settings();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut round = 0;
    loop {
        let before = meter.furthest;
        let mut pause = Duration::ZERO;
        let mut still = Vec::with_capacity(places.len());
        for (index, mirror, place) in places {
            match ask(
                client,
                &mirror,
                &place,
                wanted,
                sink,
                &mut meter,
                &mut attempts,
            )
            .await
            {
                Ok(reply) => {
                    let Reply {
                        unchanged,
                        etag,
                        last_modified,
                    } = reply;
                    let source = Source {
                        mirror: Some(index),
                        url: place.to_string(),
                    };
                    return Ok(Answer {
                        source,
                        unchanged,
                        etag,
                        last_modified,
                    });
                }
                Err(Failure::Sink(error)) => return Err(local(error)),
                Err(Failure::Later(_, after)) => {
                    pause = pause.max(after.unwrap_or_default());
                    still.push((index, mirror, place));
                }
                Err(Failure::Afresh(_) | Failure::Never(..)) => {}
            }
        }
        places = still;
        if meter.furthest.saturating_sub(before) < MUCH {
            round += 1;
        }
        if places.is_empty() || round > settings.retries {
            return Err(NetError::Fetch {
                path: wanted.path.to_owned(),
                attempts,
            });
        }
        let pause = pause
            .max(backoff(settings, wanted.path, round))
            .min(settings.longest_pause);
        tokio::time::sleep(pause).await;
    }
}

/// Asks one mirror; a second time at once where the first failed for what the sink held.
async fn ask(
    client: &Client,
    mirror: &Mirror,
    place: &Place,
    wanted: &Wanted<'_>,
    sink: &mut dyn DownloadSink,
    meter: &mut Meter<'_>,
    attempts: &mut Vec<Attempt>,
) -> Result<Reply, Failure> {
    let mut afresh = false;
    loop {
        let failure = match transfer(client, mirror, place, wanted, sink, meter).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        let (Failure::Later(outcome, _) | Failure::Afresh(outcome) | Failure::Never(outcome, _)) =
            &failure
        else {
            return Err(failure);
        };
        attempts.push(Attempt {
            url: place.to_string(),
            outcome: outcome.clone(),
        });
        match &failure {
            Failure::Afresh(_) if !afresh => {
                sink.restart()?;
                afresh = true;
            }
            Failure::Afresh(_) | Failure::Never(_, true) => {
                sink.restart()?;
                return Err(failure);
            }
            _ => return Err(failure),
        }
    }
}

/// One attempt, up to and including the sink's own word.
async fn transfer(
    client: &Client,
    mirror: &Mirror,
    place: &Place,
    wanted: &Wanted<'_>,
    sink: &mut dyn DownloadSink,
    meter: &mut Meter<'_>,
) -> Result<Reply, Failure> {
    // Closed never: the semaphore lives as long as the client.
    let _permit = client
        .transfers()
        .acquire()
        .await
        .map_err(io::Error::other)?;
    let mut start = sink.resume_at()?;
    // Left by a run that wanted another size, or complete and yet not taken.
    if start > 0 && (start > wanted.limit || wanted.expected_size.is_some_and(|size| start >= size))
    {
        sink.restart()?;
        start = 0;
    }
    meter.reached(start);
    let reply = match place {
        Place::Web(url) => http::transfer(client, mirror, url, start, wanted, sink, meter).await?,
        Place::File(path) => local::transfer(path, start, wanted, sink, meter).await?,
    };
    if !reply.unchanged {
        match sink.complete() {
            Ok(()) => {}
            Err(Rejection::Local(error)) => return Err(Failure::Sink(error)),
            // What was there before may have been wrong, and this mirror right.
            Err(Rejection::Content(reason)) if start > 0 => {
                return Err(Failure::Afresh(Outcome::Rejected(reason)));
            }
            Err(Rejection::Content(reason)) => {
                return Err(Failure::spoilt(Outcome::Rejected(reason)));
            }
        }
    }
    Ok(reply)
}

/// Whether the sink held everything, and it was right.
fn already_whole(
    wanted: &Wanted<'_>,
    sink: &mut dyn DownloadSink,
    meter: &mut Meter<'_>,
) -> io::Result<bool> {
    let start = sink.resume_at()?;
    if start == 0 || wanted.expected_size != Some(start) {
        return Ok(false);
    }
    match sink.complete() {
        Ok(()) => {
            meter.reached(start);
            Ok(true)
        }
        Err(Rejection::Local(error)) => Err(error),
        Err(Rejection::Content(_)) => {
            sink.restart()?;
            Ok(false)
        }
    }
}

/// The pause before a round (from 1): doubled each time, and up to half as long again, by a hash of
/// the path, so that many downloads do not come back at the same moment.
fn backoff(settings: &NetSettings, path: &str, round: u32) -> Duration {
    let base = settings.backoff.saturating_mul(
        1_u32
            .checked_shl(round.saturating_sub(1))
            .unwrap_or(u32::MAX),
    );
    let digest = Digest::of(format!("{path} {round}").as_bytes());
    let jitter = digest.as_bytes().first().copied().unwrap_or(0);
    base.saturating_add(base.saturating_mul(u32::from(jitter)) / 512)
        .min(settings.longest_pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_and_a_cap() {
        let settings = NetSettings {
            backoff: Duration::from_millis(100),
            ..NetSettings::default()
        };
        for (round, low, high) in [
            (1, 100, 150),
            (2, 200, 300),
            (4, 800, 1_200),
            (40, 30_000, 30_000),
        ] {
            let pause = backoff(&settings, "pool/a.deb", round).as_millis();
            assert!((low..=high).contains(&pause), "round {round}: {pause} ms");
        }
        assert_ne!(backoff(&settings, "a", 1), backoff(&settings, "b", 1));
        assert_eq!(backoff(&settings, "a", 1), backoff(&settings, "a", 1));
    }
}
