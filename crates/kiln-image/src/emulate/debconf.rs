//! debconf's databases in `/var/cache/debconf` (debconf-devel(7)): the templates and questions of
//! packages, with the answers that their scripts come to on a fresh root when nobody is asked.
//!
//! Templates are read from the packages. A package's templates are loaded when one of its scripts
//! talks to debconf, under its name; scripts that run when it is there already use the name with
//! the architecture where packages of several may stand side by side. Answers are declared in
//! [`answers`].

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Control, MultiArch, SynthesisedFile};

use super::output::Output;
use super::{EmulateError, Emulator, Tree, locales, pam, ucf};

/// More templates than this in one package are an attack.
const MAX_TEMPLATES: usize = 10_000;

/// Stands for what scripts tell debconf.
pub(super) struct Debconf;

impl Emulator for Debconf {
    fn name(&self) -> &'static str {
        "debconf"
    }

    fn summary(&self) -> &'static str {
        "fills debconf's databases with the questions of packages and their default answers"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("ca-certificates", "config"),
            ("debconf", "config"),
            ("debconf", "postinst"),
            ("fontconfig-config", "config"),
            ("iproute2", "config"),
            ("postgresql-common", "config"),
            ("tzdata", "config"),
        ]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["debconf"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("debconf") {
            return Ok(output.finish());
        }
        let mut templates: BTreeMap<String, Fields> = BTreeMap::new();
        let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for control in tree.packages() {
            let mut names = owner_names(control);
            // ucf speaks to debconf when another package's script hands it a file.
            if control.name == "ucf" && ucf::is_handed_files(tree) {
                names.insert(control.name.clone());
            }
            let Some(text) = control
                .members
                .get("templates")
                .filter(|_| !names.is_empty())
            else {
                continue;
            };
            for (name, fields) in parse(&String::from_utf8_lossy(text)) {
                templates.insert(name.clone(), fields);
                owners
                    .entry(name)
                    .or_default()
                    .extend(names.iter().cloned());
            }
        }
        let answers = answers(tree)?;
        let (mut config, mut text) = (String::new(), String::new());
        for (name, fields) in &templates {
            text.push_str(&format!("Name: {name}\n"));
            for (field, value) in fields {
                text.push_str(&format!("{}: {}\n", capitalised(field), escaped(value)));
            }
            text.push_str(&format!("Owners: {name}\n\n"));

            config.push_str(&format!("Name: {name}\nTemplate: {name}\n"));
            let answer = answers.get(name.as_str());
            if let Some(value) = answer.and_then(|answer| answer.value.as_deref()) {
                config.push_str(&format!("Value: {value}\n"));
            }
            let owners: Vec<&str> = owners
                .get(name)
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            config.push_str(&format!("Owners: {}\n", owners.join(", ")));
            if let Some(answer) = answer.filter(|answer| !answer.variables.is_empty()) {
                config.push_str("Variables:\n");
                for (name, value) in &answer.variables {
                    config.push_str(&format!(" {name} = {value}\n"));
                }
            }
            config.push('\n');
        }
        output.file("var/cache/debconf/templates.dat", 0o644, text)?;
        output.file("var/cache/debconf/config.dat", 0o644, config)?;
        output.file("var/cache/debconf/passwords.dat", 0o600, "")?;
        // Where templates are unpacked for scripts that run before their package is there.
        output.directory("var/cache/debconf/tmp.ci", 0o755)?;
        Ok(output.finish())
    }
}

/// What PostgreSQL's packages share, which speaks to debconf for them.
const SHARED: &str = "postgresql-common/maintscripts-functions";

/// Packages whose scripts would speak to debconf, but not on a fresh root.
const SILENT: [&str; 1] = ["dash"];

/// The names under which a package's scripts speak to debconf; none where they do not.
fn owner_names(control: &Control) -> BTreeSet<String> {
    if SILENT.contains(&control.name.as_str()) {
        return BTreeSet::new();
    }
    let speaks = |script: &str| {
        control.members.get(script).is_some_and(|content| {
            String::from_utf8_lossy(content)
                .lines()
                .map(str::trim_start)
                .any(|line| {
                    !line.starts_with('#') && line.to_ascii_lowercase().contains("confmodule")
                        || line.contains(SHARED)
                })
        })
    };
    let mut names = BTreeSet::new();
    if speaks("preinst") {
        names.insert(control.name.clone());
    }
    if speaks("config") || speaks("postinst") {
        names.insert(match control.multi_arch {
            MultiArch::Same => format!("{}:{}", control.name, control.architecture),
            _ => control.name.clone(),
        });
    }
    names
}

/// The fields of a template by name in lower case; the long text of a field is one of its own.
type Fields = BTreeMap<String, String>;

/// Reads a file of templates, as `Debconf::Template` does: paragraphs of fields; lines that begin
/// with a blank are the long text of the field above, joined into paragraphs unless they begin with
/// two.
fn parse(text: &str) -> Vec<(String, Fields)> {
    let mut templates = Vec::new();
    for block in text.split("\n\n").take(MAX_TEMPLATES) {
        let mut fields = Fields::new();
        let mut current: Option<String> = None;
        let mut long = String::new();
        for line in block.trim_matches('\n').split('\n') {
            if let Some(rest) = line.strip_prefix([' ', '\t']) {
                continue_text(&mut long, rest);
            } else if let Some((field, value)) = line.split_once(':') {
                finish(&mut fields, current.take(), &mut long);
                let field = field.to_ascii_lowercase();
                let value = value.strip_prefix([' ', '\t']).unwrap_or(value);
                fields.insert(field.clone(), value.trim_end().to_owned());
                current = Some(field);
            }
        }
        finish(&mut fields, current, &mut long);
        if let Some(name) = fields.remove("template") {
            templates.push((name, fields));
        }
    }
    templates
}

/// A line below a field, without its first blank.
fn continue_text(long: &mut String, rest: &str) {
    let follows_text = !long.is_empty() && !long.ends_with(['\n', ' ']);
    if rest == "." {
        long.push_str("\n\n");
    } else if rest.starts_with([' ', '\t']) {
        if follows_text {
            long.push('\n');
        }
        long.push_str(rest.trim_end());
        long.push('\n');
    } else {
        if follows_text {
            long.push(' ');
        }
        long.push_str(rest.trim_end());
    }
}

fn finish(fields: &mut Fields, current: Option<String>, long: &mut String) {
    let text = std::mem::take(long);
    let text = text.trim_end_matches('\n');
    if let Some(field) = current.filter(|_| !text.is_empty()) {
        fields.insert(format!("extended_{field}"), text.to_owned());
    }
}

fn escaped(value: &str) -> String {
    value.replace('\n', "\\n")
}

fn capitalised(field: &str) -> String {
    let mut letters = field.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// What a question was answered with, and what stands in its texts.
#[derive(Default)]
struct Answer {
    value: Option<String>,
    variables: BTreeMap<&'static str, String>,
}

/// Questions that scripts ask or set on a fresh root, with what comes of it: mostly the default of
/// the template, because nobody is there to answer.
const FIXED: [(&str, &str); 12] = [
    ("ca-certificates/trust_new_crts", "yes"),
    ("debconf/frontend", "Dialog"),
    ("debconf/priority", "high"),
    ("fontconfig/enable_bitmaps", "false"),
    ("fontconfig/hinting_style", "hintslight"),
    ("fontconfig/hinting_type", "Native"),
    // The package ships the link for it, which its script finds.
    ("fontconfig/subpixel_rendering", "Never"),
    ("iproute2/setcaps", "false"),
    ("libpam-runtime/override", "false"),
    ("postgresql-common/ssl", "true"),
    ("tzdata/Areas", "Etc"),
    ("tzdata/Zones/Etc", "UTC"),
];

fn answers(tree: &dyn Tree) -> Result<BTreeMap<&'static str, Answer>, EmulateError> {
    let mut answers: BTreeMap<&'static str, Answer> = BTreeMap::new();
    for (name, value) in FIXED {
        answers.entry(name).or_default().value = Some(value.to_owned());
    }
    // ca-certificates offers every certificate and takes them all.
    if let Some(configuration) = tree.read("etc/ca-certificates.conf")? {
        let configuration = String::from_utf8_lossy(&configuration).into_owned();
        let certificates: Vec<&str> = configuration
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
            .collect();
        let certificates = certificates.join(", ");
        let answer = answers.entry("ca-certificates/enable_crts").or_default();
        answer.value = Some(certificates.clone());
        answer.variables.insert("enable_crts", certificates);
        let answer = answers.entry("ca-certificates/new_crts").or_default();
        answer.variables.insert("new_crts", String::new());
    }
    // locales offers what is in UTF-8, and nobody chooses.
    let supported = locales::supported(tree)?;
    if !supported.is_empty() {
        let offered: Vec<&str> = supported
            .iter()
            .map(String::as_str)
            .filter(|locale| locale.ends_with(" UTF-8") && !locale.starts_with("C."))
            .collect();
        for (name, value, locales) in [
            ("locales/default_environment_locale", "None", String::new()),
            ("locales/locales_to_be_generated", "", offered.join(", ")),
        ] {
            let answer = answers.entry(name).or_default();
            answer.value = Some(value.to_owned());
            answer.variables.insert("locales", locales);
        }
    }
    let profiles = pam::profiles(tree)?;
    if !profiles.is_empty() {
        let join = |names: Vec<&str>| names.join(", ");
        let answer = answers.entry("libpam-runtime/profiles").or_default();
        let enabled = pam::enabled(&profiles);
        answer.value = Some(join(
            enabled
                .iter()
                .map(|profile| profile.name.as_str())
                .collect(),
        ));
        let names = profiles.iter().map(|profile| profile.name.as_str());
        answer
            .variables
            .insert("profile_names", join(names.collect()));
        let titles = profiles.iter().map(|profile| profile.field("Name"));
        answer.variables.insert("profiles", join(titles.collect()));
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    const TEMPLATES: &str = "Template: web/port\nType: string\nDefault: 80\n\
        Description: Which port?\n A first line\n and a second.\n .\n  as it\n  stands\n after\n\
        Description-de.UTF-8: Welcher Port?\n\n\nTemplate: tzdata/Areas\nType: select\nDescription: Area:\n";

    fn tree(script: &str) -> MemoryTree {
        MemoryTree::new()
            .package("debconf")
            .script("web", script, ". /usr/share/debconf/confmodule\n")
            .script("web", "templates", TEMPLATES)
            .script("other", "postinst", "# no confmodule\n")
            .script("other", "templates", "Template: other/x\nType: note\n")
    }

    #[test]
    fn templates_are_stored_field_by_field() {
        let mut tree = tree("postinst");
        tree.run(&Debconf);
        assert_eq!(
            tree.text("var/cache/debconf/templates.dat"),
            "Name: tzdata/Areas\nDescription: Area:\nType: select\nOwners: tzdata/Areas\n\n\
             Name: web/port\nDefault: 80\nDescription: Which port?\n\
             Description-de.utf-8: Welcher Port?\n\
             Extended_description: A first line and a second.\\n\\n as it\\n stands\\nafter\n\
             Type: string\nOwners: web/port\n\n"
        );
        assert_eq!(
            tree.text("var/cache/debconf/config.dat"),
            "Name: tzdata/Areas\nTemplate: tzdata/Areas\nValue: Etc\nOwners: web\n\n\
             Name: web/port\nTemplate: web/port\nOwners: web\n\n"
        );
    }

    #[test]
    fn scripts_decide_whose_a_question_is() {
        for (script, owner) in [("preinst", "web"), ("config", "web:amd64")] {
            let mut tree = tree(script).multi_arch_same("web");
            tree.run(&Debconf);
            let config = tree.text("var/cache/debconf/config.dat");
            assert!(config.contains(&format!("Owners: {owner}\n")), "{config}");
        }
        let mut silent = tree("postrm");
        silent.run(&Debconf);
        assert_eq!(silent.text("var/cache/debconf/config.dat"), "");
        assert!(Debconf.run(&MemoryTree::new()).unwrap().is_empty());
    }
}
