//! Text becomes a script. Strict: what is not said in the format is an error, with its line.

use std::fmt;

use crate::condition::{Condition, is_name};
use crate::{Action, Case, FORMAT, GateCommand, Script, Step, Streams};

/// The largest script in bytes.
const LARGEST: usize = 4 << 20;
/// The most lines.
const MOST_LINES: usize = 20_000;
/// How deep blocks stand in each other.
const DEEPEST: usize = 16;

/// A line that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ScriptError {}

type Result<T> = std::result::Result<T, ScriptError>;

struct Lines<'a> {
    lines: std::str::Split<'a, char>,
    number: usize,
}

impl Lines<'_> {
    fn error<T>(&self, reason: impl Into<String>) -> Result<T> {
        Err(ScriptError {
            line: self.number,
            reason: reason.into(),
        })
    }

    fn next(&mut self) -> Result<Option<Vec<String>>> {
        let Some(line) = self.lines.next() else {
            return Ok(None);
        };
        self.number += 1;
        if self.number > MOST_LINES {
            return self.error(format!("there are more than {MOST_LINES} lines"));
        }
        match words(line) {
            Ok(words) => Ok(Some(words)),
            Err(reason) => self.error(reason),
        }
    }
}

pub(crate) fn script(text: &str) -> Result<Script> {
    let whole = |line: usize, reason: &str| {
        Err(ScriptError {
            line,
            reason: reason.to_owned(),
        })
    };
    if text.len() > LARGEST {
        return whole(0, "the script is too large");
    }
    let Some(body) = text.strip_suffix('\n') else {
        return whole(0, "the last line does not end");
    };
    let mut lines = Lines {
        lines: body.split('\n'),
        number: 0,
    };
    match lines.next()?.as_deref() {
        Some([name, version]) if name == "kiln-start" && *version == FORMAT.to_string() => {}
        _ => return lines.error(format!("the first line is not `kiln-start {FORMAT}`")),
    }
    let mut script = Script::default();
    let mut pending = lines.next()?;
    if let Some([word, program]) = pending.as_deref() {
        if word == "program" {
            script.program = Some(program.clone());
            pending = lines.next()?;
        }
    }
    while let Some(words) = pending.take_if(|words| words[0] == "gate") {
        script.gate.push(gate(&lines, words)?);
        pending = lines.next()?;
    }
    let (steps, ended) = steps(&mut lines, pending, 0)?;
    if ended {
        return lines.error("`end` without a block");
    }
    script.steps = steps;
    Ok(script)
}

fn gate(lines: &Lines<'_>, words: Vec<String>) -> Result<GateCommand> {
    let mut words = words.into_iter().skip(1);
    let (Some(letters), Some(text)) = (words.next(), words.next()) else {
        return lines.error("`gate` has no command");
    };
    let arguments: Vec<String> = words.collect();
    if arguments.is_empty() {
        return lines.error("`gate` has no program");
    }
    let mut streams = Streams::default();
    let mut rest = match letters.strip_prefix('-') {
        Some(rest) => rest,
        None => return lines.error("the streams do not begin with `-`"),
    };
    for (letter, field) in [
        ('i', &mut streams.input_null),
        ('o', &mut streams.output_null),
        ('e', &mut streams.error_null),
        ('b', &mut streams.error_to_output),
    ] {
        if let Some(behind) = rest.strip_prefix(letter) {
            (*field, rest) = (true, behind);
        }
    }
    if !rest.is_empty() {
        return lines.error("the streams are not known");
    }
    Ok(GateCommand {
        text,
        streams,
        arguments,
    })
}

/// Steps up to `end` (true) or the end of the text (false).
fn steps(
    lines: &mut Lines<'_>,
    first: Option<Vec<String>>,
    depth: usize,
) -> Result<(Vec<Step>, bool)> {
    if depth > DEEPEST {
        return lines.error(format!("blocks stand deeper than {DEEPEST}"));
    }
    let mut steps = Vec::new();
    let mut next = first;
    loop {
        let Some(mut words) = next else {
            return Ok((steps, false));
        };
        if words == ["end"] {
            return Ok((steps, true));
        }
        let mut when = Vec::new();
        if words[0] == "when" {
            if words.len() == 1 {
                return lines.error("`when` has no condition");
            }
            for word in &words[1..] {
                match Condition::parse(word) {
                    Some(condition) => when.push(condition),
                    None => return lines.error(format!("`{}` is not a condition", shorten(word))),
                }
            }
            words = statement(lines)?;
        }
        let mut input = None;
        let mut extra = None;
        if let [word, value] = words.as_slice() {
            if word == "input" {
                input = Some(value.clone());
                words = statement(lines)?;
            }
        }
        if let [word, value] = words.as_slice() {
            if word == "words" {
                extra = Some(name(lines, value)?);
                words = statement(lines)?;
            }
        }
        if (input.is_some() || extra.is_some()) && words[0] != "run" {
            return lines.error("`input` and `words` belong to `run`");
        }
        let action = action(lines, words, input, extra, depth)?;
        steps.push(Step { when, action });
        next = lines.next()?;
    }
}

/// The line that must follow another.
fn statement(lines: &mut Lines<'_>) -> Result<Vec<String>> {
    match lines.next()? {
        Some(words) if words[0] != "end" => Ok(words),
        _ => lines.error("a step is missing"),
    }
}

fn block(lines: &mut Lines<'_>, depth: usize) -> Result<Vec<Step>> {
    let first = lines.next()?;
    match steps(lines, first, depth + 1)? {
        (steps, true) => Ok(steps),
        (_, false) => lines.error("a block has no `end`"),
    }
}

fn action(
    lines: &mut Lines<'_>,
    words: Vec<String>,
    input: Option<String>,
    extra: Option<String>,
    depth: usize,
) -> Result<Action> {
    let text = |at: usize| words.get(at).cloned().unwrap_or_default();
    let rest = |at: usize| words.get(at..).unwrap_or_default().to_vec();
    let keyword = words[0].as_str();
    let (least, most) = match keyword {
        "secret" | "unset" | "refuse" | "remove" | "once" | "each" | "user" => (2, 2),
        "default" | "wait-tcp" | "whole" => (3, 3),
        "wait-http" => (4, 4),
        "writable" | "file" | "fill" | "account" => (5, 5),
        "run" => (2, usize::MAX),
        "wait-run" | "serve" => (3, usize::MAX),
        other => return lines.error(format!("`{}` is not a step", shorten(other))),
    };
    if words.len() < least || words.len() > most {
        return lines.error(format!("`{keyword}` has {} words", words.len() - 1));
    }
    Ok(match keyword {
        "default" => Action::Default {
            name: name(lines, &words[1])?,
            value: text(2),
        },
        "secret" => Action::Secret {
            name: name(lines, &words[1])?,
        },
        "unset" => Action::Unset {
            name: name(lines, &words[1])?,
        },
        "refuse" => Action::Refuse { message: text(1) },
        "writable" => Action::Writable {
            path: text(1),
            mode: mode(lines, &words[2])?,
            own: flag(lines, &words[3], "own")?,
            note: text(4),
        },
        "wait-tcp" => Action::WaitTcp {
            address: text(1),
            timeout: number(lines, &words[2])?,
        },
        "wait-http" => Action::WaitHttp {
            url: text(1),
            status: number(lines, &words[2])?,
            timeout: number(lines, &words[3])?,
        },
        "wait-run" => Action::WaitRun {
            timeout: number(lines, &words[1])?,
            command: rest(2),
        },
        "file" => Action::File {
            path: text(1),
            mode: mode(lines, &words[2])?,
            append: flag(lines, &words[3], "append")?,
            content: text(4),
        },
        "remove" => Action::Remove { path: text(1) },
        "fill" => Action::Fill {
            from: text(1),
            to: text(2),
            mode: mode(lines, &words[3])?,
            keep_unknown: flag(lines, &words[4], "keep-unknown")?,
        },
        "run" => Action::Run {
            command: rest(1),
            words: extra,
            input,
        },
        "once" => Action::Once {
            path: text(1),
            steps: block(lines, depth)?,
        },
        "whole" => Action::Whole {
            path: text(1),
            last: file_name(lines, &words[2])?,
            steps: block(lines, depth)?,
        },
        "serve" => Action::Serve {
            signal: number(lines, &words[1])?,
            command: rest(2),
            steps: block(lines, depth)?,
        },
        "each" => Action::Each {
            folder: text(1),
            cases: cases(lines, depth)?,
        },
        "user" => Action::User { name: text(1) },
        _ => Action::Account {
            name: text(1),
            home: text(2),
            folder: text(3),
            library: text(4),
        },
    })
}

fn cases(lines: &mut Lines<'_>, depth: usize) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    loop {
        match lines.next()?.as_deref() {
            Some([word]) if word == "end" => return Ok(cases),
            Some([word, suffix]) if word == "case" => {
                let suffix = suffix.clone();
                let steps = block(lines, depth + 1)?;
                cases.push(Case { suffix, steps });
            }
            _ => return lines.error("`each` holds cases only"),
        }
    }
}

fn name(lines: &Lines<'_>, text: &str) -> Result<String> {
    if is_name(text) {
        Ok(text.to_owned())
    } else {
        lines.error(format!("`{}` is not the name of a variable", shorten(text)))
    }
}

fn file_name(lines: &Lines<'_>, text: &str) -> Result<String> {
    if text.is_empty() || text.contains('/') || text == "." || text == ".." {
        return lines.error(format!("`{}` is not the name of a file", shorten(text)));
    }
    Ok(text.to_owned())
}

fn number<T: std::str::FromStr + ToString>(lines: &Lines<'_>, text: &str) -> Result<T> {
    match text.parse::<T>() {
        Ok(number) if number.to_string() == text => Ok(number),
        _ => lines.error(format!("`{}` is not a number", shorten(text))),
    }
}

fn mode(lines: &Lines<'_>, text: &str) -> Result<u32> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 && format!("{mode:04o}") == text => Ok(mode),
        _ => lines.error(format!("`{}` is not a mode", shorten(text))),
    }
}

fn flag(lines: &Lines<'_>, text: &str, name: &str) -> Result<bool> {
    match text {
        "-" => Ok(false),
        word if word == name => Ok(true),
        _ => lines.error(format!("`{}` is neither `-` nor `{name}`", shorten(text))),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The words of a line; at least one.
fn words(line: &str) -> std::result::Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let (word, behind) = match rest.strip_prefix('"') {
            Some(inner) => quoted(inner)?,
            None => bare(rest)?,
        };
        words.push(word);
        if behind.is_empty() {
            return Ok(words);
        }
        rest = behind
            .strip_prefix(' ')
            .ok_or("words are not apart by a space")?;
    }
}

fn bare(text: &str) -> std::result::Result<(String, &str), String> {
    let (word, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
    if word.is_empty() {
        return Err("a word is empty".to_owned());
    }
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if !word.bytes().all(fits) {
        return Err("a word without quotes holds what must be in quotes".to_owned());
    }
    Ok((word.to_owned(), rest))
}

fn quoted(text: &str) -> std::result::Result<(String, &str), String> {
    let mut word = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((word, text.get(at + 1..).unwrap_or_default())),
            '\\' => match letters.next() {
                Some((_, '"')) => word.push('"'),
                Some((_, '\\')) => word.push('\\'),
                Some((_, 'n')) => word.push('\n'),
                Some((_, 't')) => word.push('\t'),
                Some((_, 'r')) => word.push('\r'),
                _ => return Err("`\\` stands before what it cannot".to_owned()),
            },
            other if other.is_control() => return Err("a control character".to_owned()),
            other => word.push(other),
        }
    }
    Err("quotes are not closed".to_owned())
}

#[cfg(test)]
mod tests;
