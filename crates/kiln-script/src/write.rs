//! Scripts become text.

use crate::{Action, Condition, FORMAT, Script, Step, Streams};

pub(crate) fn script(script: &Script) -> String {
    let mut text = format!("kiln-start {FORMAT}\n");
    if let Some(program) = &script.program {
        line(&mut text, &["program", program]);
    }
    for command in &script.gate {
        let streams = streams(command.streams);
        let mut words = vec!["gate", &streams, &command.text];
        words.extend(command.arguments.iter().map(String::as_str));
        line(&mut text, &words);
    }
    steps(&mut text, &script.steps);
    text
}

fn streams(streams: Streams) -> String {
    let mut letters = String::from("-");
    for (there, letter) in [
        (streams.input_null, 'i'),
        (streams.output_null, 'o'),
        (streams.error_null, 'e'),
        (streams.error_to_output, 'b'),
    ] {
        if there {
            letters.push(letter);
        }
    }
    letters
}

fn steps(text: &mut String, steps: &[Step]) {
    for step in steps {
        if !step.when.is_empty() {
            let words: Vec<String> = step.when.iter().map(Condition::to_string).collect();
            let mut all = vec!["when"];
            all.extend(words.iter().map(String::as_str));
            line(text, &all);
        }
        action(text, &step.action);
    }
}

fn with<'a>(first: &[&'a str], rest: &'a [String]) -> Vec<&'a str> {
    let mut words = first.to_vec();
    words.extend(rest.iter().map(String::as_str));
    words
}

fn flag(set: bool, name: &'static str) -> &'static str {
    if set { name } else { "-" }
}

fn action(text: &mut String, action: &Action) {
    match action {
        Action::Default { name, value } => line(text, &["default", name, value]),
        Action::Secret { name } => line(text, &["secret", name]),
        Action::Unset { name } => line(text, &["unset", name]),
        Action::Refuse { message } => line(text, &["refuse", message]),
        Action::Writable {
            path,
            mode,
            own,
            note,
        } => line(
            text,
            &[
                "writable",
                path,
                &format!("{mode:04o}"),
                flag(*own, "own"),
                note,
            ],
        ),
        Action::WaitTcp { address, timeout } => {
            line(text, &["wait-tcp", address, &timeout.to_string()]);
        }
        Action::WaitHttp {
            url,
            status,
            timeout,
        } => line(
            text,
            &["wait-http", url, &status.to_string(), &timeout.to_string()],
        ),
        Action::WaitRun { command, timeout } => {
            line(text, &with(&["wait-run", &timeout.to_string()], command));
        }
        Action::File {
            path,
            mode,
            append,
            content,
        } => line(
            text,
            &[
                "file",
                path,
                &format!("{mode:04o}"),
                flag(*append, "append"),
                content,
            ],
        ),
        Action::Remove { path } => line(text, &["remove", path]),
        Action::Fill {
            from,
            to,
            mode,
            keep_unknown,
        } => line(
            text,
            &[
                "fill",
                from,
                to,
                &format!("{mode:04o}"),
                flag(*keep_unknown, "keep-unknown"),
            ],
        ),
        Action::Run {
            command,
            words,
            input,
        } => {
            if let Some(input) = input {
                line(text, &["input", input]);
            }
            if let Some(words) = words {
                line(text, &["words", words]);
            }
            line(text, &with(&["run"], command));
        }
        Action::Once { path, steps: inner } => {
            line(text, &["once", path]);
            steps(text, inner);
            line(text, &["end"]);
        }
        Action::Whole {
            path,
            last,
            steps: inner,
        } => {
            line(text, &["whole", path, last]);
            steps(text, inner);
            line(text, &["end"]);
        }
        Action::Serve {
            command,
            signal,
            steps: inner,
        } => {
            line(text, &with(&["serve", &signal.to_string()], command));
            steps(text, inner);
            line(text, &["end"]);
        }
        Action::Each { folder, cases } => {
            line(text, &["each", folder]);
            for case in cases {
                line(text, &["case", &case.suffix]);
                steps(text, &case.steps);
                line(text, &["end"]);
            }
            line(text, &["end"]);
        }
        Action::User { name } => line(text, &["user", name]),
        Action::Account {
            name,
            home,
            folder,
            library,
        } => line(text, &["account", name, home, folder, library]),
    }
}

fn line(text: &mut String, words: &[&str]) {
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        push_word(text, word);
    }
    text.push('\n');
}

fn push_word(text: &mut String, word: &str) {
    let bare = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if !word.is_empty() && word.bytes().all(bare) {
        text.push_str(word);
        return;
    }
    text.push('"');
    for letter in word.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
    text.push('"');
}
