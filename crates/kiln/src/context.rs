//! What every command works with: settings, time, progress, and the ways to print.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use kiln_pipeline::{
    BlobStore, MirrorSettings, NetSettings, Pipeline, PipelineSettings, StoreOptions, apt_mirrors,
};
use kiln_types::{Architecture, Clock, Diagnostic, Timestamp};
use serde::Serialize;

use crate::cli::Global;
use crate::engine;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::render::{self, Painter};
use crate::settings::{Settings, World};

/// The machine's clock, or the time that `KILN_NOW` names (for tests, and for questions about
/// another day).
#[derive(Debug)]
pub(crate) struct MachineClock(Option<Timestamp>);

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        if let Some(fixed) = self.0 {
            return fixed;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the clock"
        )]
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}

/// What every command works with.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) world: World,
    pub(crate) clock: MachineClock,
    pub(crate) progress: Progress,
    /// For standard output.
    pub(crate) painter: Painter,
    /// For standard error.
    pub(crate) err_painter: Painter,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
    started: Instant,
}

impl Context {
    pub(crate) fn new(global: &Global, world: World, started: Instant) -> anyhow::Result<Self> {
        let settings = Settings::load(global, &world)?;
        let no_color = world
            .environment
            .get("NO_COLOR")
            .is_some_and(|value| !value.is_empty());
        let painter = Painter::new(global.color, no_color, render::stdout_is_terminal());
        let err_painter = Painter::new(global.color, no_color, render::stderr_is_terminal());
        let shown =
            render::stderr_is_terminal() && !global.no_progress && !global.quiet && !global.json;
        let now = world
            .environment
            .get("KILN_NOW")
            .map(|text| text.parse::<Timestamp>())
            .transpose()
            .context("environment variable `KILN_NOW`")?;
        Ok(Self {
            settings,
            clock: MachineClock(now),
            progress: Progress::new(shown, err_painter),
            painter,
            err_painter,
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            world,
            started,
        })
    }

    /// How long the process has been at it.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Opens the store.
    pub(crate) fn store(&self) -> Result<BlobStore, Failure> {
        let options = StoreOptions {
            sync: self.settings.sync.value,
        };
        let store = BlobStore::open_with(&self.settings.home.value, &options)
            .map_err(|error| Failure::from(kiln_pipeline::PipelineError::from(error)))?;
        store.stamp_at(self.clock.now());
        Ok(store)
    }

    /// Settings in the pipeline's words. `snapshot` is that of a lock, when the settings name none;
    /// `folder` is that of the definition.
    pub(crate) fn pipeline_settings(
        &self,
        folder: &Path,
        snapshot: Option<Timestamp>,
    ) -> PipelineSettings {
        let settings = &self.settings;
        PipelineSettings {
            offline: settings.offline.value,
            jobs: settings.jobs.value.max(1),
            parallel: settings.parallel.value.max(1),
            native: engine::native(),
            mirrors: MirrorSettings {
                mirrors: settings.mirrors.value.clone(),
                apt: apt_mirrors(&settings.apt_sources.value),
                snapshot: settings.snapshot.value.or(snapshot),
            },
            net: NetSettings {
                http_proxy: settings.http_proxy.value.clone(),
                https_proxy: settings
                    .https_proxy
                    .value
                    .clone()
                    .or_else(|| settings.http_proxy.value.clone()),
                no_proxy: settings.no_proxy.value.clone(),
                ca_file: settings.ca_file.value.clone(),
                stall_timeout: Duration::from_secs(settings.stall_seconds.value.max(1)),
                retries: settings.retries.value,
                max_parallel: settings.parallel.value.max(1),
                ..NetSettings::default()
            },
            start_programs: start_programs(),
            keyring_folder: folder.to_owned(),
        }
    }

    /// The stages.
    pub(crate) fn pipeline<'a>(
        &'a self,
        store: &'a BlobStore,
        settings: &'a PipelineSettings,
    ) -> Pipeline<'a> {
        Pipeline {
            store,
            settings,
            clock: &self.clock,
            reporter: &self.progress,
        }
    }

    /// Prints data: JSON where asked for, otherwise the text.
    pub(crate) fn answer<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        self.tell_warnings();
        if self.json {
            let mut json = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
            json.push('\n');
            render::print(&json)?;
        } else {
            render::print(&text())?;
        }
        Ok(())
    }

    /// A word to the person on standard error, unless they want quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            render::tell(&format!("{text}\n"));
        }
    }

    /// A word only for those who asked for more.
    pub(crate) fn say_more(&self, text: &str) {
        if self.verbose > 0 {
            self.say(text);
        }
    }

    /// Takes progress away and prints the warnings that came in.
    pub(crate) fn tell_warnings(&self) {
        let warnings = self.progress.finish();
        self.tell_diagnostics(&warnings, &|_| None);
    }

    /// Prints warnings about a text.
    pub(crate) fn tell_diagnostics(
        &self,
        list: &[Diagnostic],
        text_of: &dyn Fn(&str) -> Option<String>,
    ) {
        if !self.quiet && !list.is_empty() {
            render::tell(&render::diagnostics(list, text_of, self.err_painter));
        }
    }
}

/// The start programs that this kiln was built with (`build.rs`).
fn start_programs() -> BTreeMap<Architecture, &'static [u8]> {
    const PROGRAMS: &[(Architecture, &[u8])] =
        include!(concat!(env!("OUT_DIR"), "/start_programs.rs"));
    PROGRAMS.iter().copied().collect()
}
