//! The client: settings checked once, connections made when they are needed.

use std::io::Read as _;
use std::sync::{Arc, OnceLock};

use reqwest::{Certificate, NoProxy, Proxy, Url, redirect};
use tokio::sync::Semaphore;

use crate::error::{NetError, Outcome};
use crate::mirror::redacted;
use crate::rounds::{self, Wanted};
use crate::sink::MemorySink;
use crate::{DownloadSink, NetSettings, in_parallel};

const MOST_REDIRECTS: usize = 5;
const LARGEST_CA_FILE: u64 = 16 << 20;

/// Fetches files from mirrors. Cheap to clone; made once, as its connections are kept.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: NetSettings,
    proxies: Vec<Proxy>,
    authorities: Vec<Certificate>,
    /// One permit for each transfer that may go on.
    transfers: Semaphore,
    /// Made at the first use: reading the system's CA certificates takes milliseconds that a build
    /// without downloads should not pay.
    engines: OnceLock<Engines>,
}

#[derive(Debug)]
struct Engines {
    /// With the system's CA certificates, where there are any.
    secure: Result<reqwest::Client, String>,
    /// For `http:` on a machine without CA certificates.
    plain: Result<reqwest::Client, String>,
}

/// Where a file came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The place in the list of mirrors; `None` where nothing had to be fetched, because the sink
    /// held everything.
    pub mirror: Option<usize>,
    /// The address, without user and password; empty where nothing had to be fetched.
    pub url: String,
}

/// What is known of a file from an earlier fetch, to spare fetching it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The `ETag` of that time, and the address ([`Source::url`]) that gave it: other servers do
    /// not know it.
    pub etag: Option<(String, String)>,
    /// The `Last-Modified` of that time.
    pub last_modified: Option<String>,
}

/// A small file, and what the server said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The content.
    pub bytes: Vec<u8>,
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
    /// Where it came from.
    pub from: Source,
}

/// The answer to a conditional question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The file as it is now.
    New(Document),
    /// The file is as it was.
    Unchanged(Source),
}

impl Fetched {
    /// The document; `None` where it is as it was.
    #[must_use]
    pub fn document(self) -> Option<Document> {
        match self {
            Self::New(document) => Some(document),
            Self::Unchanged(_) => None,
        }
    }
}

/// What a conditional download gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Whether the file is as it was, so that nothing came.
    pub unchanged: bool,
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
    /// Where it came from.
    pub from: Source,
}

/// One of many downloads.
pub struct Job<'a> {
    /// Roots of mirrors, most preferred first.
    pub mirrors: &'a [String],
    /// The path below them.
    pub path: &'a str,
    /// The size that the file must have, where known.
    pub expected_size: Option<u64>,
    /// The size that it may have.
    pub limit: u64,
    /// Where it goes.
    pub sink: Box<dyn DownloadSink + 'a>,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("path", &self.path)
            .field("expected_size", &self.expected_size)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Checks the settings and makes a client. No connection is made.
    ///
    /// # Errors
    /// When a proxy's address or the CA file cannot be used.
    pub fn new(settings: NetSettings) -> Result<Self, NetError> {
        let exceptions = settings.no_proxy.as_deref().and_then(NoProxy::from_string);
        let mut proxies = Vec::new();
        if let Some(address) = settings
            .http_proxy
            .as_deref()
            .filter(|address| !address.is_empty())
        {
            let proxy = Proxy::http(address).map_err(|_| bad_proxy("http-proxy", address))?;
            proxies.push(proxy.no_proxy(exceptions.clone()));
        }
        if let Some(address) = settings
            .https_proxy
            .as_deref()
            .filter(|address| !address.is_empty())
        {
            let proxy = Proxy::https(address).map_err(|_| bad_proxy("https-proxy", address))?;
            proxies.push(proxy.no_proxy(exceptions));
        }
        let authorities = match &settings.ca_file {
            Some(path) => authorities(path)?,
            None => Vec::new(),
        };
        let transfers = Semaphore::new(settings.max_parallel.clamp(1, 256));
        let engines = OnceLock::new();
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                proxies,
                authorities,
                transfers,
                engines,
            }),
        })
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &NetSettings {
        &self.inner.settings
    }

    /// Fetches a small file (an index's signature, a `Release`) into memory.
    ///
    /// # Errors
    /// When no mirror gives it within `limit` bytes.
    pub async fn get_small(
        &self,
        mirrors: &[String],
        path: &str,
        limit: u64,
        condition: Option<&Condition>,
    ) -> Result<Fetched, NetError> {
        let mut sink = MemorySink::default();
        let wanted = Wanted {
            path,
            query: None,
            expected_size: None,
            limit,
            condition,
        };
        let answer = rounds::fetch(self, mirrors, &wanted, &mut sink, &|_| {}).await?;
        Ok(if answer.unchanged {
            Fetched::Unchanged(answer.source)
        } else {
            Fetched::New(Document {
                bytes: sink.bytes,
                etag: answer.etag,
                last_modified: answer.last_modified,
                from: answer.source,
            })
        })
    }

    /// Fetches a file into a sink, going on where the sink ends. `progress` hears of new bytes; they
    /// add up to the size of the file, whatever had to be fetched twice.
    ///
    /// # Errors
    /// When no mirror gives it whole and right, or when the sink fails.
    pub async fn download(
        &self,
        mirrors: &[String],
        path: &str,
        expected_size: Option<u64>,
        limit: u64,
        sink: &mut dyn DownloadSink,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Source, NetError> {
        let wanted = Wanted {
            path,
            query: None,
            expected_size,
            limit,
            condition: None,
        };
        Ok(rounds::fetch(self, mirrors, &wanted, sink, progress)
            .await?
            .source)
    }

    /// Fetches a file into a sink, unless it is as it was when the condition was noted. What follows
    /// a `?` in the path is a query.
    ///
    /// # Errors
    /// As [`Client::download`].
    pub async fn download_changed(
        &self,
        mirrors: &[String],
        path: &str,
        condition: Option<&Condition>,
        limit: u64,
        sink: &mut dyn DownloadSink,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Received, NetError> {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let wanted = Wanted {
            path,
            query,
            expected_size: None,
            limit,
            condition,
        };
        let answer = rounds::fetch(self, mirrors, &wanted, sink, progress).await?;
        Ok(Received {
            unchanged: answer.unchanged,
            etag: answer.etag,
            last_modified: answer.last_modified,
            from: answer.source,
        })
    }

    /// Downloads many files, as many at once as the settings say. One that fails does not stop the
    /// others: the results stand in the order of the jobs. A sink is dropped when its job is done.
    /// `progress` hears of a job's place and its new bytes.
    pub async fn download_all(
        &self,
        jobs: Vec<Job<'_>>,
        progress: &(dyn Fn(usize, u64) + Sync),
    ) -> Vec<Result<Source, NetError>> {
        let numbered: Vec<_> = jobs.into_iter().enumerate().collect();
        in_parallel(
            self.inner.settings.max_parallel,
            numbered,
            async |(index, mut job): (usize, Job<'_>)| {
                let report = move |bytes| progress(index, bytes);
                self.download(
                    job.mirrors,
                    job.path,
                    job.expected_size,
                    job.limit,
                    job.sink.as_mut(),
                    &report,
                )
                .await
            },
        )
        .await
    }

    pub(crate) fn transfers(&self) -> &Semaphore {
        &self.inner.transfers
    }

    /// The engine for a scheme.
    pub(crate) fn engine(&self, secure: bool) -> Result<&reqwest::Client, Outcome> {
        let engines = self.inner.engines.get_or_init(|| Engines {
            secure: self.build(true),
            plain: self.build(false),
        });
        match (&engines.secure, &engines.plain) {
            (Ok(client), _) => Ok(client),
            (Err(_), Ok(client)) if !secure => Ok(client),
            (Err(reason), _) => Err(Outcome::Untrusted(reason.clone())),
        }
    }

    fn build(&self, secure: bool) -> Result<reqwest::Client, String> {
        let settings = &self.inner.settings;
        let mut builder = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(settings.max_parallel)
            .referer(false)
            .redirect(redirect::Policy::custom(follow))
            .no_proxy();
        for proxy in &self.inner.proxies {
            builder = builder.proxy(proxy.clone());
        }
        builder = if secure {
            builder.tls_certs_merge(self.inner.authorities.iter().cloned())
        } else {
            builder.tls_certs_only([])
        };
        builder.build().map_err(|error| crate::http::reason(&error))
    }
}

fn bad_proxy(setting: &'static str, address: &str) -> NetError {
    NetError::Setting {
        setting,
        reason: format!("`{}` is not the address of a proxy", redacted(address)),
    }
}

/// The certificates of a PEM file.
fn authorities(path: &std::path::Path) -> Result<Vec<Certificate>, NetError> {
    let error = |reason: String| NetError::Setting {
        setting: "ca-file",
        reason: format!("`{}`: {reason}", path.display()),
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_CA_FILE).read_to_end(&mut bytes))
        .map_err(|source| error(source.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&bytes)
        .map_err(|source| error(crate::http::reason(&source)))?;
    if certificates.is_empty() {
        return Err(error("there is no certificate in it".to_owned()));
    }
    Ok(certificates)
}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    match refusal(attempt.previous(), attempt.url()) {
        Some(reason) => attempt.error(reason),
        None => attempt.follow(),
    }
}

/// Why a redirect is not followed (RFC 9110, 15.4): a few are, and none that gives up encryption.
fn refusal(previous: &[Url], next: &Url) -> Option<String> {
    if previous.len() > MOST_REDIRECTS {
        return Some(format!("more than {MOST_REDIRECTS}"));
    }
    let was_secure = previous.iter().any(|url| url.scheme() == "https");
    if was_secure && next.scheme() != "https" {
        return Some(format!("from `https` to `{}`", next.scheme()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_that_give_up_encryption_are_refused() {
        let urls = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| Url::parse(text).unwrap())
                .collect::<Vec<_>>()
        };
        for (previous, next, refused) in [
            (&["https://a/"][..], "https://b/", false),
            (&["http://a/"], "https://b/", false),
            (&["http://a/"], "http://b/", false),
            (&["https://a/"], "http://a/", true),
            (&["http://a/", "https://a/"], "http://a/", true),
            (&["http://a/"; 5], "http://a/", false),
            (&["http://a/"; 6], "http://a/", true),
        ] {
            assert_eq!(
                refusal(&urls(previous), &Url::parse(next).unwrap()).is_some(),
                refused,
                "{previous:?} {next}"
            );
        }
    }
}
