//! `kiln config`.

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;
use crate::render::Table;

/// Show the settings, and where each came from
#[derive(Debug, Args)]
#[command(
    after_help = "A setting comes from a flag, else from the environment, else from ./kiln.toml, else from\n\
    kiln/config.toml below XDG_CONFIG_HOME (~/.config), else it has its default. Variables:\n\
    KILN_HOME, KILN_JOBS, KILN_OFFLINE, KILN_SNAPSHOT, KILN_MIRRORS, KILN_APT_DIR (apt-sources),\n\
    KILN_HTTP_PROXY, KILN_HTTPS_PROXY, KILN_NO_PROXY, KILN_CA_FILE, KILN_RETRIES,\n\
    KILN_STALL_SECONDS, KILN_PARALLEL, KILN_SYNC, KILN_SCAN_CACHE, KILN_FEEDS,\n\
    KILN_ADVISORY_KEY, KILN_ADVISORY_SOURCE, KILN_ADVISORY_SNAPSHOTS.\n\n\
    Examples:\n  \
    kiln config show\n  \
    KILN_MIRRORS=\"debian=http://mirror.example/debian\" kiln config show"
)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: Option<ConfigCommand>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Every setting with its value and origin (the default)
    Show,
}

pub(crate) fn run(context: &Context, args: &ConfigArgs) -> Result<(), Failure> {
    match args.command {
        None | Some(ConfigCommand::Show) => {}
    }
    let mut json = serde_json::to_value(&context.settings).map_err(anyhow::Error::from)?;
    redact(&mut json);
    context.answer(&json, || {
        let mut table = Table::new(&["setting", "value", "from"]);
        for (name, setting) in json.as_object().into_iter().flatten() {
            let value = match &setting["value"] {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null => "-".to_owned(),
                serde_json::Value::Object(map) if map.is_empty() => "-".to_owned(),
                other => other.to_string(),
            };
            let origin = &setting["origin"];
            let from = match (origin["from"].as_str(), origin["where"].as_str()) {
                (Some("file") | None, Some(place)) => place.to_owned(),
                (Some(from), Some(place)) => format!("{from} {place}"),
                (from, None) => from.unwrap_or_default().to_owned(),
            };
            table.row([name.replace('_', "-"), value, from]);
        }
        table.render(context.painter)
    })
}

/// No password in an output: user and password leave every URL.
fn redact(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = without_password(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(redact),
        serde_json::Value::Object(map) => map.values_mut().for_each(redact),
        _ => {}
    }
}

/// An address without user and password: `https://user:password@host/`, or `user:password@host:port`
/// as proxies are sometimes written.
pub(crate) fn without_password(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    match before.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://***@{host}"),
        None if before.contains(':') => format!("***@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let mut value = serde_json::json!({ "a": ["http://me:secret@mirror/debian"], "b": "x@y", "c": "me:secret@proxy:3128" });
        redact(&mut value);
        assert_eq!(
            value,
            serde_json::json!({ "a": ["http://***@mirror/debian"], "b": "x@y", "c": "***@proxy:3128" })
        );
    }
}
