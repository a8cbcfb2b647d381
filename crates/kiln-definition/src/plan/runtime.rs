//! What the container engine is told, and the tests of the built image.

use std::collections::BTreeMap;

use kiln_types::{Accounts, RuntimeConfig};

use super::evaluation::Evaluation;
use crate::format::rules;
use crate::model::*;
use crate::span::Spanned;

impl<'a> Evaluation<'a> {
    pub(super) fn config(&mut self, accounts: &Accounts) -> RuntimeConfig {
        let (uid, gid) = accounts.run_as.unwrap_or((0, 0));
        let about = &self.definition.about;
        let mut described = BTreeMap::new();
        for (name, value) in [
            ("org.opencontainers.image.title", &about.title),
            ("org.opencontainers.image.description", &about.summary),
            ("org.opencontainers.image.url", &about.upstream),
            ("org.opencontainers.image.licenses", &about.license),
        ] {
            if let Some(value) = value {
                described.insert(name.to_owned(), self.text(value));
            }
        }
        let mut config = RuntimeConfig {
            user: format!("{uid}:{gid}"),
            entrypoint: self.command("entrypoint", |layer| layer.entrypoint.as_ref()),
            cmd: self.command("cmd", |layer| layer.cmd.as_ref()),
            work_dir: "/".to_owned(),
            stop_signal: self
                .last("stop-signal", |layer| layer.stop_signal.as_ref())
                .map(|signal| signal.value.clone()),
            labels: described.clone(),
            annotations: described,
            ..RuntimeConfig::default()
        };
        if let Some(work_dir) = self.last("work-dir", |layer| layer.work_dir.as_ref()) {
            config.work_dir = self.word(work_dir, &rules::PATH);
        }
        for layer in self.layers {
            for (pairs, map) in [
                (&layer.environment, &mut config.environment),
                (&layer.labels, &mut config.labels),
                (&layer.annotations, &mut config.annotations),
            ] {
                for pair in pairs {
                    map.insert(
                        pair.name.value.clone(),
                        self.scope.apply(&pair.value, self.diagnostics),
                    );
                }
            }
            for port in &layer.ports {
                let port = self.word(port, &rules::PORT);
                config.ports.insert(if port.contains('/') {
                    port
                } else {
                    format!("{port}/tcp")
                });
            }
            for volume in &layer.volumes {
                let volume = self.word(volume, &rules::PATH);
                config.volumes.insert(volume);
            }
        }
        config
    }

    pub(super) fn command(
        &mut self,
        setting: &str,
        get: impl Fn(&'a Settings) -> Option<&'a Spanned<Vec<Spanned<String>>>>,
    ) -> Vec<String> {
        self.last(setting, get).map_or(Vec::new(), |words| {
            words.value.iter().map(|word| self.text(word)).collect()
        })
    }
}
