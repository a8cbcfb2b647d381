//! What the person, the machine or a policy decides about the network.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of a [`crate::Client`].
#[derive(Clone, PartialEq, Eq)]
pub struct NetSettings {
    /// The proxy for `http:` mirrors (what `http_proxy` usually holds).
    pub http_proxy: Option<String>,
    /// The proxy for `https:` mirrors (what `https_proxy` usually holds).
    pub https_proxy: Option<String>,
    /// Hosts that are reached without a proxy, separated by commas (what `no_proxy` usually holds).
    pub no_proxy: Option<String>,
    /// CA certificates (PEM) to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a mirror may say nothing, or next to nothing, before it is given up.
    pub stall_timeout: Duration,
    /// How often all mirrors are tried again, after the first time.
    pub retries: u32,
    /// The pause before the first such time; it doubles with each.
    pub backoff: Duration,
    /// The longest pause, whatever a mirror's `Retry-After` says.
    pub longest_pause: Duration,
    /// How many transfers go on at once.
    pub max_parallel: usize,
    /// What kiln calls itself.
    pub user_agent: String,
}

impl Default for NetSettings {
    fn default() -> Self {
        Self {
            http_proxy: None,
            https_proxy: None,
            no_proxy: None,
            ca_file: None,
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(30),
            retries: 3,
            backoff: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            max_parallel: 8,
            user_agent: concat!("kiln/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Without the proxies' values, which may hold passwords.
impl std::fmt::Debug for NetSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetSettings")
            .field("http_proxy", &self.http_proxy.is_some())
            .field("https_proxy", &self.https_proxy.is_some())
            .field("no_proxy", &self.no_proxy)
            .field("ca_file", &self.ca_file)
            .field("connect_timeout", &self.connect_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .field("retries", &self.retries)
            .field("backoff", &self.backoff)
            .field("longest_pause", &self.longest_pause)
            .field("max_parallel", &self.max_parallel)
            .field("user_agent", &self.user_agent)
            .finish()
    }
}
