//! HTTP and local mirrors: bytes by path, from the first mirror that gives them whole.
//!
//! A [`Client`] is asked for a path below any of several mirrors (`http:`, `https:`, `file:`). It
//! tries each in turn, then, after a pause that doubles, those again whose failure may pass.
//! What comes is bounded in size and in silence, and goes into a [`DownloadSink`] that may already
//! hold the beginning and that has the last word: content that it rejects is fetched again from
//! another mirror.
//!
//! # Invariants
//! - No environment, no clock, no randomness: proxies and limits are [`NetSettings`]; jitter comes
//!   from a hash of the path. (The platform's CA certificates are the exception; rustls finds them.)
//! - Content is passed on as it came: nothing is decompressed (RFC 9110, 8.4).
//! - At most five redirects, never from `https` to `http`.
//! - Credentials of a mirror's URL are sent as basic authentication and never printed.
//! - A path from an index never leaves its mirror: `..` and their like are refused.
//! - An error names every address that was tried, and what happened there.

mod client;
mod error;
mod http;
mod local;
mod mirror;
mod parallel;
mod rounds;
mod settings;
mod sink;

pub use client::{Client, Condition, Document, Fetched, Job, Received, Source};
pub use error::{Attempt, NetError, Outcome};
pub use mirror::{Mirror, MirrorError, redacted};
pub use parallel::in_parallel;
pub use settings::NetSettings;
pub use sink::{DownloadSink, Rejection};
