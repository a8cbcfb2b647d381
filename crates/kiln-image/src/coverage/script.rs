//! A maintainer script taken apart: what debhelper added, and what remains.
//!
//! debhelper(7) puts its sections between two comments that name the tool. What remains is brought
//! into a form that does not change when only comments, blanks or the architecture do: its digest
//! names what a person has read. Nothing of a script is ever run or evaluated.

use std::collections::BTreeSet;

use kiln_types::Digest;

/// What debhelper writes around a section (`dh_installdeb(1)`, `#DEBHELPER#`).
const BEGIN: &str = "# Automatically added by ";
const END: &str = "# End automatically added section";

/// How Debian names the same machine in paths (`dpkg-architecture -q DEB_HOST_MULTIARCH`).
const TRIPLETS: [(&str, &str); 2] = [
    ("amd64", "x86_64-linux-gnu"),
    ("arm64", "aarch64-linux-gnu"),
];

/// A script, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// The tools that added sections, without their versions; sorted.
    pub(super) tools: BTreeSet<String>,
    /// What remains, in the form whose digest is reviewed.
    pub(super) rest: String,
    /// Whether what remains can do nothing: only options, argument checks and empty cases.
    pub(super) inert: bool,
}

impl Script {
    /// Takes a script apart. One for another interpreter than a POSIX shell is taken whole.
    pub(super) fn parse(content: &[u8], architecture: &str) -> Self {
        let text = String::from_utf8_lossy(content);
        if !is_shell(&text) {
            return Self {
                tools: BTreeSet::new(),
                rest: without_architecture(&text, architecture),
                inert: text.trim().is_empty(),
            };
        }
        let mut tools = BTreeSet::new();
        let mut rest = String::new();
        let mut inside = false;
        // The word that ends the here-document that is being read: its lines are data.
        let mut document: Option<HereDocument> = None;
        for line in text.lines().skip(1) {
            if let Some(open) = &document {
                if !inside {
                    rest.push_str(line);
                    rest.push('\n');
                }
                if open.ends_with(line) {
                    document = None;
                }
                continue;
            }
            let trimmed = line.trim();
            if let Some(tool) = trimmed.strip_prefix(BEGIN) {
                let name = tool.split(['/', ' ']).next().unwrap_or_default();
                tools.insert(name.chars().take(64).collect());
                inside = true;
                continue;
            }
            if inside && trimmed == END {
                inside = false;
                continue;
            }
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            document = HereDocument::begun_by(trimmed);
            if !inside {
                rest.push_str(trimmed);
                rest.push('\n');
            }
        }
        let inert = !inside && rest.lines().all(is_inert);
        Self {
            tools,
            rest: without_architecture(&rest, architecture),
            inert,
        }
    }

    /// The name of what remains: the first half of its SHA-256.
    pub(super) fn digest(&self) -> String {
        Digest::of(self.rest.as_bytes())
            .hex()
            .chars()
            .take(32)
            .collect()
    }
}

fn is_shell(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let Some(interpreter) = first.strip_prefix("#!") else {
        return false;
    };
    let program = interpreter.split_whitespace().next().unwrap_or_default();
    matches!(program.rsplit('/').next(), Some("sh" | "dash" | "bash"))
}

/// The same text on every architecture, where it names its own.
fn without_architecture(text: &str, architecture: &str) -> String {
    match TRIPLETS.iter().find(|(name, _)| *name == architecture) {
        Some((name, triplet)) => text.replace(triplet, "TRIPLET").replace(name, "ARCH"),
        None => text.to_owned(),
    }
}

/// A here-document (POSIX shell, 2.7.4).
struct HereDocument {
    word: String,
    /// `<<-`: tabs before the last line go.
    tabs: bool,
}

impl HereDocument {
    fn begun_by(line: &str) -> Option<Self> {
        let (_, after) = line.split_once("<<")?;
        // `<<<` is bash's here-string, `$((1<<2))` a shift.
        let (tabs, after) = match after.strip_prefix('-') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let after = after.trim_start().trim_start_matches(['\'', '"', '\\']);
        let word: String = after
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
            .collect();
        let is_word = word
            .chars()
            .next()
            .is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
        is_word.then_some(Self { word, tabs })
    }

    fn ends_with(&self, line: &str) -> bool {
        let line = if self.tabs {
            line.trim_start_matches('\t')
        } else {
            line
        };
        line == self.word
    }
}

/// Whether a line of a script does nothing but choose between cases, check arguments and end.
fn is_inert(line: &str) -> bool {
    let line = line.trim();
    let plain = line.trim_end_matches(";;").trim_end();
    if matches!(
        plain,
        "" | ":" | "true" | "esac" | "exit" | "exit 0" | "exit 1"
    ) {
        return true;
    }
    if let Some(options) = plain.strip_prefix("set ") {
        return options
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || matches!(letter, '-' | '+' | ' '));
    }
    if let Some(word) = plain
        .strip_prefix("case ")
        .and_then(|rest| rest.strip_suffix(" in"))
    {
        return matches!(word.trim(), "\"$1\"" | "$1" | "\"${1}\"" | "${1}");
    }
    if let Some((patterns, after)) = plain.split_once(')') {
        let is_pattern = |letter: char| {
            letter.is_ascii_alphanumeric() || matches!(letter, '|' | '*' | '-' | ' ' | '"' | '\'')
        };
        let patterns = patterns.trim_start().trim_start_matches('(');
        return !patterns.is_empty()
            && patterns.chars().all(is_pattern)
            && matches!(after.trim(), "" | ":" | "exit 0" | "true");
    }
    says(plain)
}

/// A message to standard error, with nothing that would run a command or write a file.
fn says(line: &str) -> bool {
    let Some(message) = line.strip_prefix("echo ") else {
        return false;
    };
    let message = message
        .trim_end_matches(";;")
        .replace("1>&2", "")
        .replace(">&2", "")
        .replace("\\`", "")
        .replace("\\$", "");
    !message.contains(['`', '>', '<', '|', ';', '&', '(', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_debhelper_added_is_taken_out() {
        let script = Script::parse(
            b"#!/bin/sh\nset -e\n\n# a comment\ncase \"$1\" in\n  configure)\n  ;;\n  *)\n    echo \"postinst \
              called with unknown argument \\`$1'\" >&2\n    exit 1\n  ;;\nesac\n# Automatically added by \
              dh_python3\nif which py3compile; then\n\tpy3compile -p x\nfi\n# End automatically added section\n\
              # Automatically added by dh_installdeb/13.24.2\ndpkg-maintscript-helper x\n# End automatically added \
              section\nexit 0\n",
            "amd64",
        );
        let tools: Vec<_> = script.tools.iter().map(String::as_str).collect();
        assert_eq!(tools, ["dh_installdeb", "dh_python3"]);
        assert!(script.inert, "{}", script.rest);
    }

    #[test]
    fn whatever_could_act_is_not_inert() {
        for line in [
            "rm -f /etc/x",
            "echo `rm x` >&2",
            "echo x > /etc/x",
            "echo $(touch x) >&2",
            "case \"$(touch x)\" in",
            "configure) touch x ;;",
            ". /usr/share/debconf/confmodule",
            "set -- $(touch x)",
            "exit $?",
        ] {
            let text = format!("#!/bin/sh\nset -e\n{line}\n");
            assert!(!Script::parse(text.as_bytes(), "amd64").inert, "{line}");
        }
        let open = b"#!/bin/sh\n# Automatically added by dh_x\ntouch x\n";
        assert!(!Script::parse(open, "amd64").inert, "a section without end");
        assert!(!Script::parse(b"#!/usr/bin/perl\nunlink 'x';\n", "all").inert);
    }

    #[test]
    fn the_digest_is_of_what_acts() {
        let digest =
            |text: &str, architecture| Script::parse(text.as_bytes(), architecture).digest();
        let one = "#!/bin/sh\n# comment\nset -e\n  touch /usr/lib/x86_64-linux-gnu/x-amd64\n\n";
        let other = "#!/bin/sh -e\nset -e\ntouch /usr/lib/aarch64-linux-gnu/x-arm64\n";
        assert_eq!(digest(one, "amd64"), digest(other, "arm64"));
        assert_ne!(digest(one, "amd64"), digest(one, "arm64"));
        assert_ne!(
            digest("#!/bin/sh\ncat <<EOF\n# one\nEOF\n", "all"),
            digest("#!/bin/sh\ncat <<EOF\n# two\nEOF\n", "all"),
            "a comment in a here-document is data"
        );
        assert_eq!(
            digest("#!/bin/sh\ncat <<-'EOF'\n\tx\n\tEOF\n# c\n", "all"),
            digest("#!/bin/sh\ncat <<-'EOF'\n\tx\n\tEOF\n", "all"),
            "after it, it is a comment again"
        );
    }
}
