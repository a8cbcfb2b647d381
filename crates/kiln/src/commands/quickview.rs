//! `kiln quickview`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use kiln_inventory::write::own;
use kiln_types::{FileFact, ImageFacts, Inventory, secret};

use crate::context::Context;
use crate::failure::Failure;
use crate::images;
use crate::render;

/// Show on one screen what an image is, how it runs and what an intruder would find in it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln quickview nginx\n  \
    kiln quickview docker-archive:app.tar\n\n\
    Exit codes: 0 done · 1 could not be read · 3 done, but something in the image could not be\n\
    read · 4 the image is not what it claims · 64 usage")]
pub(crate) struct QuickviewArgs {
    /// An image, named as for `kiln sbom`
    image: String,
    /// Of which platform, such as `linux/arm64` [default: this machine's, or the first]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

pub(crate) fn run(context: &Context, args: &QuickviewArgs) -> Result<(), Failure> {
    let inventory = images::inventory(context, &args.image, args.platform.as_deref())?;
    context.answer(&own(&inventory), || text(&inventory))?;
    images::tell_incomplete(context, &inventory)
}

fn text(inventory: &Inventory) -> String {
    let subject = &inventory.subject;
    let mut lines = Lines::default();
    lines.add("image", &subject.name);
    if let Some(digest) = subject.manifest.or(subject.config) {
        lines.add("digest", &digest.to_string());
    }
    if let Some(platform) = &subject.platform {
        lines.add("platform", platform);
    }
    if let Some(created) = subject.created {
        lines.add("made", &created.to_string());
    }
    let distribution = inventory.distribution.as_ref().map(|distribution| {
        let name = distribution.pretty_name.clone();
        name.unwrap_or_else(|| distribution.id.clone())
    });
    lines.add("distribution", distribution.as_deref().unwrap_or("none"));
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for component in &inventory.components {
        *kinds.entry(component.kind.as_str()).or_default() += 1;
    }
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let count = inventory.components.len();
    lines.add("components", &format!("{count} ({})", kinds.join(", ")));
    if !subject.layers.is_empty() {
        let packed: u64 = subject.layers.iter().map(|layer| layer.size).sum();
        let count = subject.layers.len();
        lines.add("layers", &format!("{count}, {}", render::size(packed)));
    }
    if let Some(facts) = &inventory.facts {
        of_facts(&mut lines, facts, subject.config.is_some());
    }
    let read = match inventory.incomplete.len() {
        0 => "everything".to_owned(),
        count => format!("not everything: {count} things could not be read"),
    };
    lines.add("read", &read);
    lines.0
}

fn of_facts(lines: &mut Lines, facts: &ImageFacts, is_configured: bool) {
    lines.add(
        "files",
        &format!("{}, {}", facts.files, render::size(facts.content_bytes)),
    );
    if is_configured {
        let user = match (facts.user.as_str(), facts.is_root) {
            ("", _) => "root (none is set)".to_owned(),
            (user, true) => format!("{user} (root)"),
            (user, false) => user.to_owned(),
        };
        lines.add("user", &user);
        let program = [facts.entrypoint.as_slice(), &facts.command].concat();
        lines.add("program", &secret::shown_command(&program).join(" "));
        lines.list("ports", &facts.ports);
    }
    lines.list("shells", &facts.shells);
    lines.list("package managers", &facts.package_managers);
    lines.list("interpreters", &facts.interpreters);
    lines.files("setuid", &facts.setuid);
    lines.files("setgid", &facts.setgid);
    lines.files("capabilities", &facts.capabilities);
    lines.files("open to all", &facts.world_writable);
    lines.files("secrets", &facts.secrets);
}

/// Names and values, aligned.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: &str) {
        let value = render::printable(value);
        let _ = writeln!(self.0, "{name:<17} {value}");
    }

    fn list(&mut self, name: &str, values: &[String]) {
        const SHOWN: usize = 6;
        let mut shown: Vec<&str> = values.iter().take(SHOWN).map(String::as_str).collect();
        let more = format!("{} more", values.len().saturating_sub(SHOWN));
        if values.len() > SHOWN {
            shown.push(&more);
        }
        let shown = match shown.is_empty() {
            true => "none".to_owned(),
            false => shown.join(", "),
        };
        self.add(name, &shown);
    }

    fn files(&mut self, name: &str, files: &[FileFact]) {
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        self.list(name, &paths);
    }
}
