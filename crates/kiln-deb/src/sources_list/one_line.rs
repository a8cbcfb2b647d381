//! The one-line format: `deb [option=value …] URI suite component…`.

use kiln_types::Diagnostic;

use super::{AptSource, AptSources, Draft, shortened, too_long};

/// Reads a `.list` file. `file` names it in entries and diagnostics.
#[must_use]
pub fn parse_list(file: &str, text: &str) -> AptSources {
    if let Some(refused) = too_long(file, text) {
        return refused;
    }
    let mut found = AptSources::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = without_comment(line);
        if !line.is_empty() {
            let (source, mut diagnostics) = entry(file, number, line);
            found.sources.extend(source);
            found.diagnostics.append(&mut diagnostics);
        }
    }
    found
}

/// Reads a single entry such as `deb [signed-by=/etc/key.asc] https://mirror.example/debian trixie main`.
/// The diagnostics beside an entry are warnings.
///
/// # Errors
/// Everything that is wrong with it, when it is no entry.
pub fn parse_entry(
    file: &str,
    line: u32,
    text: &str,
) -> Result<(AptSource, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut lines = text
        .lines()
        .map(without_comment)
        .filter(|line| !line.is_empty());
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    let mut draft = Draft::new(file, line);
    if second.is_some() {
        draft.error(line, "entry", "more than one line", "one `deb …` line");
        return Err(draft.diagnostics);
    }
    match entry(file, line, first.get(..super::MAX_LENGTH).unwrap_or(first)) {
        (Some(source), diagnostics) => Ok((source, diagnostics)),
        (None, diagnostics) => Err(diagnostics),
    }
}

/// The line up to a `#` that does not stand between `[` and `]`.
fn without_comment(line: &str) -> &str {
    let mut brackets = false;
    let end = line.find(|character| {
        match character {
            '[' => brackets = true,
            ']' => brackets = false,
            _ => {}
        }
        character == '#' && !brackets
    });
    line.get(..end.unwrap_or(line.len()))
        .unwrap_or(line)
        .trim_ascii()
}

fn entry(file: &str, line: u32, text: &str) -> (Option<AptSource>, Vec<Diagnostic>) {
    let mut draft = Draft::new(file, line);
    let (kind, rest) = next_word(text);
    draft.types(line, kind.iter().map(String::as_str));
    let mut rest = rest;
    if let Some(options) = rest.strip_prefix('[') {
        match options.split_once(']') {
            Some((options, after)) => {
                for option in options.split_ascii_whitespace() {
                    read_option(&mut draft, line, option);
                }
                rest = after.trim_ascii_start();
            }
            None => {
                draft.error(line, "option", "the options have no end", "`]`");
                return (None, draft.diagnostics);
            }
        }
    }
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, after) = next_word(rest);
        words.extend(word);
        rest = after;
    }
    let mut words = words.into_iter();
    draft.source.uris.extend(words.next());
    draft.source.suites.extend(words.next());
    draft.source.components.extend(words);
    draft.finish(line, line)
}

/// `name=value`, `name+=value` or `name-=value`; a value may be a list with commas.
fn read_option(draft: &mut Draft<'_>, line: u32, option: &str) {
    let Some((name, value)) = option.split_once('=') else {
        let message = format!("`{}` is not an option", shortened(option));
        draft.error(line, "option", message, "`name=value`");
        return;
    };
    let (name, change) = match (name.strip_suffix('+'), name.strip_suffix('-')) {
        (Some(name), _) => (name, Some('+')),
        (_, Some(name)) => (name, Some('-')),
        _ => (name, None),
    };
    let words = value.split(',').filter(|word| !word.is_empty());
    match name.to_ascii_lowercase().as_str() {
        "arch" if change.is_none() => draft.source.architectures.extend(words.map(str::to_owned)),
        "arch" => {
            let message = "additions to the machine's architectures are not supported";
            draft.error(line, "option", message, "`arch=…` with the whole list");
        }
        "signed-by" => draft.signed_by(line, words),
        "trusted" => draft.source.trusted = draft.boolean(line, "trusted", value),
        "enabled" => draft.source.enabled = draft.boolean(line, "enabled", value),
        _ => draft.other_option(line, name),
    }
}

/// The next word and what follows it. Quotes hold blanks together, and so do brackets within a word
/// (`cdrom:[Debian 13]/`).
fn next_word(text: &str) -> (Option<String>, &str) {
    let text = text.trim_ascii_start();
    let mut word = String::new();
    let (mut quoted, mut brackets) = (false, false);
    let end = text.find(|character: char| {
        match character {
            '"' => quoted = !quoted,
            '[' => brackets = true,
            ']' => brackets = false,
            _ if character.is_ascii_whitespace() && !quoted && !brackets => return true,
            _ => {}
        }
        if character != '"' {
            word.push(character);
        }
        false
    });
    let rest = end
        .and_then(|end| text.get(end..))
        .unwrap_or_default()
        .trim_ascii_start();
    ((!word.is_empty()).then_some(word), rest)
}
