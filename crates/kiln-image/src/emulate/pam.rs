//! `/etc/pam.d/common-*` as `pam-auth-update` (libpam-runtime, pam 1.7) makes them of the profiles
//! in `/usr/share/pam-configs`, with its memory in `/var/lib/pam`; and the empty files that
//! libpam-modules makes.
//!
//! On a fresh root nothing was changed by hand, so every profile that is on by default is used and
//! nothing has to be merged.

use std::collections::BTreeMap;

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

const PROFILES: &str = "usr/share/pam-configs";
const TEMPLATES: &str = "usr/share/pam";
const KINDS: [&str; 5] = [
    "auth",
    "account",
    "password",
    "session",
    "session-noninteractive",
];
/// The lines of a template between which modules stand.
const PRIMARY: &str = "# here are the per-package modules (the \"Primary\" block)";
const FALLBACK: &str = "# here's the fallback if no module succeeds";
const ADDITIONAL: &str = "# and here are more per-package modules (the \"Additional\" block)";
const END: &str = "# end of pam-auth-update config";
/// What stands in a stack without a primary module, so that jumps land.
const PERMIT: &str = "[default=1]\t\t\tpam_permit.so";

/// Stands for `pam-auth-update`.
pub(super) struct Pam;

impl Emulator for Pam {
    fn name(&self) -> &'static str {
        "pam"
    }

    fn summary(&self) -> &'static str {
        "composes /etc/pam.d/common-* of the profiles that packages bring"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("libpam-modules", "postinst"),
            ("libpam-runtime", "postinst"),
        ]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["libpam-runtime", "libpam-modules"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if tree.has_package("libpam-modules") {
            for (path, mode) in [("etc/security/opasswd", 0o600), ("etc/environment", 0o644)] {
                if !output.exists(path) {
                    output.file(path, mode, "")?;
                }
            }
        }
        if !tree.has_package("libpam-runtime") {
            return Ok(output.finish());
        }
        let profiles = profiles(tree)?;
        let enabled = enabled(&profiles);
        for kind in KINDS {
            let path = format!("etc/pam.d/common-{kind}");
            let Some(template) = tree.read(&format!("{TEMPLATES}/common-{kind}"))? else {
                continue;
            };
            let template = String::from_utf8_lossy(&template);
            if let Some(text) = compose(&template, kind, &enabled)
                && !output.exists(&path)
            {
                output.file(&path, 0o644, text)?;
                output.file(
                    &format!("var/lib/pam/{kind}"),
                    0o644,
                    memory(kind, &enabled),
                )?;
            }
        }
        let seen: String = profiles
            .iter()
            .map(|profile| format!("{}\n", profile.name))
            .collect();
        output.file("var/lib/pam/seen", 0o644, seen)?;
        Ok(output.finish())
    }
}

/// A profile: its file's name and its fields.
pub(super) struct Profile {
    pub(super) name: String,
    fields: BTreeMap<String, String>,
}

impl Profile {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn priority(&self) -> i64 {
        self.field("Priority").trim().parse().unwrap_or(0)
    }

    /// Whether it has modules of this kind in the block.
    fn is_in(&self, kind: &str, block: &str) -> bool {
        self.field(&format!("{kind}-Type")).trim() == block
    }

    /// Its lines; the first profile of a block may have others.
    fn lines(&self, kind: &str, position: usize) -> &str {
        let initial = self.field(&format!("{kind}-Initial"));
        if position == 0 && !initial.is_empty() {
            initial
        } else {
            self.field(kind)
        }
    }
}

/// All profiles, those of high priority first.
pub(super) fn profiles(tree: &dyn Tree) -> Result<Vec<Profile>, EmulateError> {
    let mut profiles = Vec::new();
    for entry in tree.below(PROFILES) {
        let name = entry.path.file_name();
        if name.ends_with('~') || (name.starts_with('#') && name.ends_with('#')) {
            continue;
        }
        if let Some(content) = tree.read(entry.path.as_str())? {
            profiles.push(parse(name, &String::from_utf8_lossy(&content)));
        }
    }
    profiles
        .sort_by(|left, right| (right.priority(), &right.name).cmp(&(left.priority(), &left.name)));
    Ok(profiles)
}

/// `Field: value`, or lines below the field; those of a session also serve sessions that are not
/// interactive, unless the profile says otherwise.
fn parse(name: &str, text: &str) -> Profile {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        match line.split_once(':') {
            Some((field, value))
                if !field.is_empty()
                    && !field.contains(char::is_whitespace)
                    && (value.is_empty() || value.starts_with(char::is_whitespace)) =>
            {
                current = field.strip_suffix("-Final").unwrap_or(field).to_owned();
                fields.insert(current.clone(), value.trim_start().to_owned());
            }
            _ => {
                let line = line.trim();
                let value = fields.entry(current.clone()).or_default();
                if !line.is_empty() {
                    if !value.is_empty() {
                        value.push('\n');
                    }
                    value.push_str(line);
                }
            }
        }
    }
    if fields.get("Session-Interactive-Only").map(String::as_str) != Some("yes") {
        for part in ["", "-Type", "-Initial"] {
            if let Some(value) = fields.get(&format!("Session{part}")).cloned() {
                fields.insert(format!("Session-noninteractive{part}"), value);
            }
        }
    }
    let name = name.to_owned();
    Profile { name, fields }
}

/// Those that are on by default; of two in conflict, the one of higher priority.
pub(super) fn enabled(profiles: &[Profile]) -> Vec<&Profile> {
    let mut enabled: Vec<&Profile> = Vec::new();
    for profile in profiles
        .iter()
        .filter(|profile| profile.field("Default").trim() == "yes")
    {
        let against = |one: &Profile, other: &Profile| {
            one.field("Conflicts")
                .split(", ")
                .any(|name| name.trim() == other.name)
        };
        if !enabled
            .iter()
            .any(|kept| against(kept, profile) || against(profile, kept))
        {
            enabled.push(profile);
        }
    }
    enabled
}

/// `Auth` for `auth`: how profiles name their fields.
fn field_of(kind: &str) -> String {
    let mut letters = kind.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A template with the modules of the profiles; `None` where its marks are not all there.
fn compose(template: &str, kind: &str, enabled: &[&Profile]) -> Option<String> {
    let service = kind.strip_suffix("-noninteractive").unwrap_or(kind);
    let mut text = String::new();
    let mut lines = template.lines();
    for (mark, block, until) in [
        (PRIMARY, "Primary", FALLBACK),
        (ADDITIONAL, "Additional", END),
    ] {
        for line in lines.by_ref() {
            text.push_str(line);
            text.push('\n');
            if line.starts_with(mark) {
                break;
            }
        }
        text.push_str(&modules(service, &field_of(kind), block, enabled));
        // What the template has in place of the modules goes.
        let last = lines.by_ref().find(|line| line.starts_with(until))?;
        text.push_str(last);
        text.push('\n');
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    Some(text)
}

fn modules(service: &str, field: &str, block: &str, enabled: &[&Profile]) -> String {
    let lines: Vec<&str> = enabled
        .iter()
        .filter(|profile| profile.is_in(field, block))
        .enumerate()
        .flat_map(|(position, profile)| profile.lines(field, position).lines())
        .filter(|line| !line.is_empty())
        .collect();
    // A jump to the end passes over what is left of the block; in the additional block it must not
    // leave the stack.
    let mut left = lines.len();
    if block == "Additional" {
        left = left.saturating_sub(1);
    } else if lines.is_empty() {
        return format!("{service}\t{PERMIT}\n");
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(&format!("{service}\t{}\n", module_line(line, left)));
        left = left.saturating_sub(1);
    }
    text
}

/// `CONTROL MODULE OPTIONS`, with the count in place of `end`, blanks as they are up to the module
/// and single ones after it.
fn module_line(line: &str, left: usize) -> String {
    let control_end = if line.starts_with('[') {
        line.find(']').map_or(line.len(), |end| end + 1)
    } else {
        line.find(char::is_whitespace).unwrap_or(line.len())
    };
    let (control, rest) = line.split_at(control_end);
    let blanks = rest.len() - rest.trim_start().len();
    let module_end = rest[blanks..]
        .find(char::is_whitespace)
        .map_or(rest.len(), |end| blanks + end);
    let (module, options) = rest.split_at(module_end);
    let options: Vec<&str> = options.split_whitespace().collect();
    format!(
        "{} {}",
        format!("{control}{module}").replace("end", &left.to_string()),
        options.join(" ")
    )
}

/// What `/var/lib/pam` remembers of a stack: each profile and its lines, unchanged.
fn memory(kind: &str, enabled: &[&Profile]) -> String {
    let field = field_of(kind);
    let mut text = String::new();
    for (block, other) in [("Primary", "Additional"), ("Additional", "Primary")] {
        let mut position = 0;
        for profile in enabled {
            let kind = profile.field(&format!("{field}-Type")).trim();
            if kind.is_empty() || kind == other {
                continue;
            }
            let lines = profile.lines(&field, position);
            position += 1;
            if !lines.is_empty() {
                text.push_str(&format!("Module: {}\n{lines}\n", profile.name));
            }
        }
        if block == "Primary" && position == 0 {
            text.push_str(&format!("Module: null\n{PERMIT}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    const TEMPLATE: &[u8] = b"# common\n\
        # here are the per-package modules (the \"Primary\" block)\n$primary\n\
        # here's the fallback if no module succeeds\nauth\trequisite\tpam_deny.so\n\
        # and here are more per-package modules (the \"Additional\" block)\n$additional\n\
        # end of pam-auth-update config\n";

    fn tree() -> MemoryTree {
        MemoryTree::new()
            .package("libpam-runtime")
            .package("libpam-modules")
            .file("usr/share/pam/common-auth", TEMPLATE)
            .file("usr/share/pam/common-session-noninteractive", TEMPLATE)
            .file(
                "usr/share/pam-configs/unix",
                b"Name: Unix\nDefault: yes\nPriority: 256\nAuth-Type: Primary\nAuth:\n\
                  \t[success=end default=ignore]\tpam_unix.so nullok  try_first_pass\nAuth-Initial:\n\
                  \t[success=end default=ignore]\tpam_unix.so nullok\nSession-Type: Additional\n\
                  Session:\n\trequired\tpam_unix.so\n",
            )
            .file(
                "usr/share/pam-configs/token",
                b"Name: Token\nDefault: yes\nPriority: 300\nAuth-Type: Primary\nAuth:\n\
                  \t[success=end default=ignore]\tpam_token.so\n",
            )
            .file(
                "usr/share/pam-configs/home",
                b"Name: Home\nDefault: no\nPriority: 0\nSession-Type: Additional\nSession:\n\
                  \toptional\tpam_home.so\n",
            )
    }

    #[test]
    fn jumps_pass_over_what_is_left_of_the_block() {
        let mut tree = tree();
        tree.run(&Pam);
        assert_eq!(
            tree.text("etc/pam.d/common-auth"),
            "# common\n# here are the per-package modules (the \"Primary\" block)\n\
             auth\t[success=2 default=ignore]\tpam_token.so \n\
             auth\t[success=1 default=ignore]\tpam_unix.so nullok try_first_pass\n\
             # here's the fallback if no module succeeds\nauth\trequisite\tpam_deny.so\n\
             # and here are more per-package modules (the \"Additional\" block)\n\
             # end of pam-auth-update config\n"
        );
        assert_eq!(tree.text("var/lib/pam/seen"), "token\nunix\nhome\n");
        assert_eq!(
            tree.text("var/lib/pam/session-noninteractive"),
            "Module: null\n[default=1]\t\t\tpam_permit.so\nModule: unix\nrequired\tpam_unix.so\n"
        );
        assert_eq!(tree.text("etc/environment"), "");
    }

    #[test]
    fn a_template_without_its_marks_gives_nothing() {
        assert!(compose("# nothing\n", "auth", &[]).is_none());
        assert!(Pam.run(&MemoryTree::new()).unwrap().is_empty());
    }
}
