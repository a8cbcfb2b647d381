//! Progress on standard error: one line, after a quarter of a second, and none in a pipe.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kiln_types::{Diagnostic, Reporter, Stage};

use crate::render::Painter;

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(250);

/// Shows how work goes on, and collects warnings for the end.
pub(crate) struct Progress {
    shown: bool,
    painter: Painter,
    started: Instant,
    bar: Mutex<Option<(Stage, ProgressBar)>>,
    warnings: Mutex<Vec<Diagnostic>>,
}

impl Progress {
    /// Progress that is shown (on a terminal, unless switched off) or not.
    pub(crate) fn new(shown: bool, painter: Painter) -> Self {
        Self {
            shown,
            painter,
            started: Instant::now(),
            bar: Mutex::new(None),
            warnings: Mutex::new(Vec::new()),
        }
    }

    /// Takes the line away and gives the warnings that came in, each once.
    pub(crate) fn finish(&self) -> Vec<Diagnostic> {
        if let Ok(mut bar) = self.bar.lock()
            && let Some((_, bar)) = bar.take()
        {
            bar.finish_and_clear();
        }
        let mut warnings = self
            .warnings
            .lock()
            .map(|mut held| std::mem::take(&mut *held))
            .unwrap_or_default();
        warnings.sort();
        warnings.dedup();
        warnings
    }

    fn bar(&self, total: Option<u64>, bytes: bool) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
        let template = match (total, bytes) {
            (Some(_), true) => "{prefix:>10} {bar:24} {bytes:>10} of {total_bytes} {wide_msg}",
            (Some(_), false) => "{prefix:>10} {bar:24} {pos:>10} of {len} {wide_msg}",
            (None, true) => "{prefix:>10} {spinner} {bytes:>10} {wide_msg}",
            (None, false) => "{prefix:>10} {spinner} {wide_msg}",
        };
        let plain = if self.painter.is_plain() {
            "#>-"
        } else {
            "━╸ "
        };
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style.progress_chars(plain)),
            Err(_) => bar,
        }
    }
}

impl Reporter for Progress {
    fn begin(&self, stage: Stage, total: Option<u64>, unit: &'static str) {
        if !self.shown {
            return;
        }
        if let Ok(mut held) = self.bar.lock() {
            if let Some((_, old)) = held.take() {
                old.finish_and_clear();
            }
            let bar = self.bar(total, unit == "bytes").with_prefix(stage.as_str());
            *held = Some((stage, bar));
        }
    }

    fn advance(&self, stage: Stage, amount: u64, what: &str) {
        if !self.shown {
            return;
        }
        if let Ok(held) = self.bar.lock()
            && let Some((current, bar)) = held.as_ref()
            && *current == stage
            && self.started.elapsed() > PATIENCE
        {
            bar.set_message(what.to_owned());
            bar.inc(amount);
        }
    }

    fn end(&self, stage: Stage) {
        if let Ok(mut held) = self.bar.lock()
            && held.as_ref().is_some_and(|(current, _)| *current == stage)
            && let Some((_, bar)) = held.take()
        {
            bar.finish_and_clear();
        }
    }

    fn warn(&self, diagnostic: &Diagnostic) {
        if let Ok(mut warnings) = self.warnings.lock() {
            warnings.push(diagnostic.clone());
        }
    }
}
