//! A gate's command, read from its text when an image is built.

use crate::{GateCommand, Streams};

/// The longest text in bytes.
const LONGEST: usize = 64 << 10;

impl GateCommand {
    /// Reads a command line: words apart by blanks, in `"…"` or `'…'` or bare; then redirections of
    /// the kinds `</dev/null`, `>/dev/null`, `2>/dev/null` and, as the last, `2>&1`. Whatever else a
    /// shell would do something with is an error.
    ///
    /// # Errors
    /// What is in it that the gate cannot do.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        if text.chars().any(|letter| letter.is_control()) {
            return Err("it holds a control character".to_owned());
        }
        let mut streams = Streams::default();
        let mut arguments = Vec::new();
        let mut rest = text.trim_matches(' ');
        while !rest.is_empty() {
            if let Some(behind) = redirection(rest, &mut streams)? {
                rest = behind.trim_start_matches(' ');
                continue;
            }
            if streams != Streams::default() {
                return Err("words stand behind redirections".to_owned());
            }
            let (word, behind) = word(rest)?;
            arguments.push(word);
            rest = behind.trim_start_matches(' ');
        }
        if arguments.is_empty() {
            return Err("it names no program".to_owned());
        }
        Ok(Self {
            text: text.to_owned(),
            streams,
            arguments,
        })
    }
}

/// What is behind a redirection, if one stands here.
fn redirection<'a>(text: &'a str, streams: &mut Streams) -> Result<Option<&'a str>, String> {
    if streams.error_to_output && text.starts_with(['<', '>', '1', '2']) {
        return Err("`2>&1` is not the last redirection".to_owned());
    }
    if let Some(behind) = text.strip_prefix("2>&1") {
        streams.error_to_output = true;
        return Ok(Some(behind));
    }
    let (field, behind) = if let Some(behind) = text.strip_prefix('<') {
        (&mut streams.input_null, behind)
    } else if let Some(behind) = text.strip_prefix("2>") {
        (&mut streams.error_null, behind)
    } else if let Some(behind) = text.strip_prefix('>') {
        (&mut streams.output_null, behind)
    } else {
        return Ok(None);
    };
    let (target, behind) = word(behind.trim_start_matches(' '))?;
    if target != "/dev/null" {
        return Err("the gate redirects to `/dev/null` only".to_owned());
    }
    *field = true;
    Ok(Some(behind))
}

/// The word at the beginning.
fn word(text: &str) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut any = false;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some('"'), '$' | '`' | '\\') | (None, '\\') => {
                return Err(format!("`{letter}` means something to a shell"));
            }
            (Some(_), _) => word.push(letter),
            (None, '"' | '\'') => (quote, any) = (Some(letter), true),
            (None, ' ' | '<' | '>') => {
                let behind = text.get(at..).unwrap_or_default();
                return match any {
                    true => Ok((word, behind)),
                    false => Err("a word is missing".to_owned()),
                };
            }
            (None, _) if "$`;|&(){}[]*?~#!".contains(letter) => {
                return Err(format!("`{letter}` means something to a shell"));
            }
            (None, _) => {
                word.push(letter);
                any = true;
            }
        }
    }
    match (quote, any) {
        (Some(_), _) => Err("a quote is not closed".to_owned()),
        (None, false) => Err("a word is missing".to_owned()),
        (None, true) => Ok((word, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_become_arguments() {
        let command =
            GateCommand::parse("\"/usr/bin/a b\" -x 'c \"d' < \"/dev/null\" > /dev/null 2>&1")
                .unwrap();
        assert_eq!(command.arguments, ["/usr/bin/a b", "-x", "c \"d"]);
        let streams = command.streams;
        assert!(streams.input_null && streams.output_null && streams.error_to_output);
        assert!(!streams.error_null);
        assert_eq!(
            GateCommand::parse("locale -a").unwrap().arguments,
            ["locale", "-a"]
        );
    }

    #[test]
    fn what_a_shell_would_do_something_with_is_refused() {
        for text in [
            "",
            " ",
            "a;b",
            "a | b",
            "a && b",
            "a &",
            "$A",
            "\"$A\"",
            "`b`",
            "a\\ b",
            "a *",
            "a ~",
            "a > /tmp/x",
            "a < x",
            "a >",
            "a >/dev/null b",
            "a 2>&1 >/dev/null",
            "\"a",
            "a\nb",
            ">/dev/null",
        ] {
            assert!(GateCommand::parse(text).is_err(), "{text:?}");
        }
    }
}
