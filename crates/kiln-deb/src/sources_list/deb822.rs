//! The deb822 format: paragraphs of `Types`, `URIs`, `Suites`, `Components` and options.

use kiln_types::Diagnostic;

use super::{AptSource, AptSources, Draft, SignedBy, place, too_long};
use crate::control::{Limits, Paragraph, StanzaReader};

/// Reads a `.sources` file. `file` names it in entries and diagnostics. A paragraph that is no
/// paragraph at all ends the reading, because what follows cannot be trusted to begin where it seems.
#[must_use]
pub fn parse_deb822(file: &str, text: &str) -> AptSources {
    if let Some(refused) = too_long(file, text) {
        return refused;
    }
    let mut found = AptSources::default();
    let mut reader = StanzaReader::new(text.as_bytes(), Limits::DOCUMENT);
    loop {
        let paragraph = match reader.next() {
            Ok(None) => return found,
            Ok(Some(stanza)) => Paragraph::of(&stanza),
            Err(error) => Err(error),
        };
        match paragraph {
            Ok(paragraph) => {
                let (source, mut diagnostics) = entry(file, &paragraph);
                found.sources.extend(source);
                found.diagnostics.append(&mut diagnostics);
            }
            Err(error) => {
                let location = place(file, number(error.line));
                let message = error.kind.to_string();
                found
                    .diagnostics
                    .push(Diagnostic::error("sources-list/paragraph", message).at(location));
            }
        }
    }
}

fn number(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

fn entry(file: &str, paragraph: &Paragraph) -> (Option<AptSource>, Vec<Diagnostic>) {
    let first = number(paragraph.line());
    let mut draft = Draft::new(file, first);
    let line_of = |name: &str| paragraph.line_of(name).map_or(first, number);
    for (name, value) in paragraph.fields() {
        let line = line_of(name);
        // Lists may go on over several lines.
        let words = value.split_ascii_whitespace();
        let owned = || words.clone().map(str::to_owned);
        match name.to_ascii_lowercase().as_str() {
            "types" => draft.types(line, words),
            "uris" => draft.source.uris.extend(owned()),
            "suites" => draft.source.suites.extend(owned()),
            "components" => draft.source.components.extend(owned()),
            "architectures" => {
                let names = value
                    .split([' ', '\t', '\n', ','])
                    .filter(|name| !name.is_empty());
                draft.source.architectures.extend(names.map(str::to_owned));
            }
            "architectures-add" | "architectures-remove" => {
                let message = "additions to the machine's architectures are not supported";
                draft.error(
                    line,
                    "option",
                    message,
                    "`Architectures` with the whole list",
                );
            }
            "signed-by" => match inline_key(value) {
                Some(key) => draft.source.signed_by.push(SignedBy::Inline(key)),
                None => draft.signed_by(
                    line,
                    value
                        .split([' ', '\t', '\n', ','])
                        .filter(|word| !word.is_empty()),
                ),
            },
            "trusted" => draft.source.trusted = draft.boolean(line, "Trusted", value),
            "enabled" => draft.source.enabled = draft.boolean(line, "Enabled", value),
            _ => draft.other_option(line, name),
        }
    }
    draft.finish(line_of("URIs"), line_of("Suites"))
}

/// The armoured key in a value: continuation lines without their first blank, ` .` for an empty one.
fn inline_key(value: &str) -> Option<String> {
    if !value
        .trim_ascii_start()
        .starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    {
        return None;
    }
    let mut key = String::with_capacity(value.len());
    for line in value.trim_ascii_start().lines() {
        let line = line.trim_ascii();
        if line != "." {
            key.push_str(line);
        }
        key.push('\n');
    }
    Some(key)
}
