//! Values that look like secrets, and what is shown in their place.
//!
//! Images carry passwords and tokens in their environment, labels and commands. Whoever asks what is
//! in an image, or how two differ, puts the answer into logs and comments, so no output shows them:
//! neither the value nor a digest of it, by which a weak one could be guessed.
//!
//! It goes by the name (`DB_PASSWORD`), by the form of known tokens, by the user in a URL, and by
//! assignments in a longer text. A secret that looks like nothing of that is shown: the inventory
//! cannot know it.

use std::borrow::Cow;
use std::ops::Range;

use crate::ImageFacts;

/// What stands in the place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// Words that make a secret of a name, wherever in it they stand.
const WORDS: [&str; 9] = [
    "ACCESSKEY",
    "APIKEY",
    "CREDENTIAL",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PRIVATEKEY",
    "SECRET",
    "TOKEN",
];
/// Words that do so at the end of a longer name.
const LAST_WORDS: [&str; 6] = ["AUTH", "KEY", "KEYS", "PASS", "PSK", "PWD"];
/// Those of them that do so alone where a value is given to them in a text or behind an option; as
/// variables they are something else (`PWD`).
const SHORT_WORDS: [&str; 3] = ["PASS", "PSK", "PWD"];
/// Words that end in one of these, written in one (`DBPASS`), and what is none.
const RUN_TOGETHER: &str = "PASS";
const NO_SECRETS: [&str; 6] = [
    "BYPASS",
    "COMPASS",
    "ENCOMPASS",
    "OVERPASS",
    "TRESPASS",
    "UNDERPASS",
];
/// Words of a name that counts something, where a number is no secret.
const MEASURES: [&str; 9] = [
    "COUNT", "EXPIRY", "LENGTH", "LIMIT", "MAX", "MIN", "SIZE", "TIMEOUT", "TTL",
];
/// What tokens of a known kind begin with, and how many letters, digits, `-` and `_` follow at least.
const TOKENS: [(&str, usize); 34] = [
    ("AGE-SECRET-KEY-1", 20),
    ("AIza", 30),
    ("AKIA", 16),
    ("ASIA", 16),
    ("SG.", 20),
    ("dckr_oat_", 16),
    ("dckr_pat_", 16),
    ("doo_v1_", 32),
    ("dop_v1_", 32),
    ("eyJ", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("gldt-", 16),
    ("glrt-", 16),
    ("hf_", 30),
    ("hvs.", 20),
    ("npm_", 30),
    ("pypi-AgE", 16),
    ("rk_live_", 16),
    ("rubygems_", 32),
    ("shpat_", 24),
    ("sk-", 20),
    ("sk_live_", 16),
    ("whsec_", 24),
    ("xapp-", 20),
    ("xoxa-", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("ya29.", 20),
];

/// Whether a variable, label or option of this name holds a secret.
#[must_use]
pub fn names_a_secret(name: &str) -> bool {
    let words = words(name);
    let together: String = words
        .concat()
        // What cuts texts into tokens is no secret.
        .replace("TOKENIZ", "");
    if WORDS.iter().any(|word| together.contains(word)) {
        return true;
    }
    let is_public = words
        .iter()
        .any(|word| matches!(word.as_str(), "PUB" | "PUBLIC"));
    let last = words.last().map_or("", |last| {
        last.trim_end_matches(|letter: char| letter.is_ascii_digit())
    });
    let is_one = words.len() > 1 && LAST_WORDS.contains(&last);
    let is_run_together = last.len() > RUN_TOGETHER.len()
        && last.ends_with(RUN_TOGETHER)
        && !NO_SECRETS.contains(&last);
    !is_public && (is_one || is_run_together)
}

/// The same for what stands before a value in a text or a command.
fn asks_for_a_secret(name: &str) -> bool {
    names_a_secret(name)
        || matches!(words(name).as_slice(), [only] if SHORT_WORDS.contains(&only.as_str()))
}

/// What may be shown of the value of a variable, label or option.
#[must_use]
pub fn shown<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    match names_a_secret(name) && !is_plain(name, value) {
        true => Cow::Borrowed(HIDDEN),
        false => shown_text(value),
    }
}

/// What may be shown of a text that has no name.
#[must_use]
pub fn shown_text(text: &str) -> Cow<'_, str> {
    if text.contains("PRIVATE KEY-----") {
        return Cow::Borrowed(HIDDEN);
    }
    let mut secrets = users_of_urls(text);
    secrets.extend(behind_options(text));
    secrets.extend(tokens(text));
    secrets.extend(assigned(text));
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    secrets.sort_by_key(|range| (range.start, range.end));
    let (mut out, mut at) = (String::new(), 0);
    for range in secrets {
        if range.end <= at {
            continue;
        }
        // Where two overlap, they are one.
        if range.start >= at {
            out.push_str(text.get(at..range.start).unwrap_or_default());
            out.push_str(HIDDEN);
        }
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(out)
}

/// What may be shown of the words of a command: also the word behind an option that names a secret
/// is one.
#[must_use]
pub fn shown_command(command: &[String]) -> Vec<String> {
    let mut before = "";
    let mut shown = Vec::with_capacity(command.len());
    for word in command {
        let is_option = word.starts_with('-');
        let asks = is_option && !word.contains(['=', ' ']) && asks_for_a_secret(word);
        let name = std::mem::replace(&mut before, if asks { word } else { "" });
        let is_secret = !name.is_empty() && !is_option && !is_plain(name, word);
        shown.push(match is_secret {
            true => HIDDEN.to_owned(),
            false => shown_text(word).into_owned(),
        });
    }
    shown
}

/// What may be shown of a variable as a configuration holds it: `NAME=value`.
#[must_use]
pub fn shown_variable(variable: &str) -> String {
    match variable.split_once('=') {
        Some((name, value)) => format!("{name}={}", shown(name, value)),
        None => shown_text(variable).into_owned(),
    }
}

impl ImageFacts {
    /// The facts as they may be shown: without what looks like a secret.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut facts = self.clone();
        facts.entrypoint = shown_command(&self.entrypoint);
        facts.command = shown_command(&self.command);
        for variable in &mut facts.environment {
            *variable = shown_variable(variable);
        }
        for (name, value) in &mut facts.labels {
            *value = shown(name, value).into_owned();
        }
        facts
    }
}

/// The words of a name, in capitals: `dbPassword`, `db-password` and `DB_PASSWORD` are two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if !letter.is_ascii_alphanumeric() || (was_small && letter.is_ascii_uppercase()) {
            words.push(String::new());
        }
        was_small = letter.is_ascii_lowercase();
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(letter.to_ascii_uppercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value is none that could be a secret, whatever its name says.
fn is_plain(name: &str, value: &str) -> bool {
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    let is_place = matches!(last, "DIR" | "FILE" | "PATH") && value.starts_with(['/', '.', '~']);
    // The official images name the keys that their sources are signed with: fingerprints.
    let is_fingerprint = |word: &str| {
        matches!(word.len(), 40 | 64) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_signers = words
        .iter()
        .any(|word| matches!(word.as_str(), "GPG" | "PGP"))
        && value.split_whitespace().all(is_fingerprint);
    is_place
        || is_signers
        || value == HIDDEN
        || (value.bytes().all(|byte| byte.is_ascii_digit())
            && words.iter().any(|word| MEASURES.contains(&word.as_str())))
        || (last == "TOKENS" && value.bytes().all(|byte| byte.is_ascii_digit()))
        || matches!(
            value.to_ascii_lowercase().as_str(),
            "" | "0" | "1" | "false" | "no" | "off" | "on" | "true" | "yes"
        )
        // What is filled in later: `$DB_PASSWORD`, `${DB_PASSWORD}`.
        || value.strip_prefix('$').is_some_and(|rest| {
            let rest = rest.strip_prefix('{').map_or(Some(rest), |rest| rest.strip_suffix('}'));
            rest.is_some_and(|rest| {
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                !rest.is_empty() && rest.bytes().all(is_name)
            })
        })
}

/// The passwords of URLs, or their users where those are all there is: `https://TOKEN@host/`.
fn users_of_urls(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let rest = text.get(start..).unwrap_or_default();
        let end = rest
            .find(|letter: char| {
                letter.is_whitespace() || matches!(letter, '/' | '?' | '#' | '"' | '\'' | '<' | '>')
            })
            .unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        // A password may hold an `@` that nobody encoded.
        let Some((user, _)) = authority.rsplit_once('@') else {
            continue;
        };
        let is_web = text
            .get(..at)
            .is_some_and(|before| before.ends_with("http") || before.ends_with("https"));
        let range = match user.split_once(':') {
            Some((name, password)) if !password.is_empty() => {
                start + name.len() + 1..start + user.len()
            }
            _ if is_web && !user.is_empty() => start..start + user.len(),
            _ => continue,
        };
        found.push(range);
    }
    found
}

fn is_of_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

/// Tokens that are known by what they begin with, and what follows the name of a scheme of HTTP
/// authentication.
fn tokens(text: &str) -> Vec<Range<usize>> {
    const LEAST: usize = 16;
    let length = |rest: &str, is_part: fn(char) -> bool| {
        rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())
    };
    let mut found: Vec<Range<usize>> = Vec::new();
    for (begin, least) in TOKENS {
        // One in another is hidden with it; looking at it again would take the square of the time.
        let mut until = 0;
        for (at, _) in text.match_indices(begin) {
            if at < until {
                continue;
            }
            let before = text.get(..at).unwrap_or_default();
            let rest = text.get(at + begin.len()..).unwrap_or_default();
            if before.ends_with(is_of_token) || length(rest, is_of_token) < least {
                continue;
            }
            // Parts are set apart with points.
            let all = length(rest, |letter| is_of_token(letter) || letter == '.');
            until = at + begin.len() + all;
            found.push(at..until);
        }
    }
    for scheme in ["Basic ", "Bearer ", "basic ", "bearer "] {
        for (at, _) in text.match_indices(scheme) {
            let start = at + scheme.len();
            let rest = text.get(start..).unwrap_or_default();
            let all = length(rest, |letter| {
                is_of_token(letter) || matches!(letter, '.' | '+' | '/' | '=' | '~')
            });
            if all >= LEAST {
                found.push(start..start + all);
            }
        }
    }
    found
}

/// Words behind options that name a secret, in the text of a shell: `serve --token x`.
fn behind_options(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut before = "";
    let mut at = 0;
    for word in text.split([' ', '\t', '\n']) {
        let start = at;
        at += word.len() + 1;
        if word.is_empty() {
            continue;
        }
        let is_option = word.starts_with('-');
        let asks = is_option && !word.contains('=') && asks_for_a_secret(word);
        let name = std::mem::replace(&mut before, if asks { word } else { "" });
        let bare = word.trim_matches(['"', '\'']);
        if !name.is_empty() && !is_option && !is_plain(name, bare) && !bare.is_empty() {
            let begin = start + (word.len() - word.trim_start_matches(['"', '\'']).len());
            found.push(begin..begin + bare.len());
        }
    }
    found
}

/// Values that a text gives to names of secrets: `Server=db;Password=x`, `?token=x`,
/// `{"password":"x"}`, `--password=x`.
fn assigned(text: &str) -> Vec<Range<usize>> {
    let is_of_name =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    // As in strings of JSON in strings of JSON.
    let around = [' ', '"', '\'', '\\'];
    let mut found = Vec::new();
    let mut until = 0;
    for (at, sign) in text.match_indices(['=', ':']) {
        if at < until {
            continue;
        }
        let before = text.get(..at).unwrap_or_default().trim_end_matches(around);
        let name = before.trim_end_matches(is_of_name).len();
        let name = before.get(name..).unwrap_or_default();
        if !asks_for_a_secret(name) {
            continue;
        }
        let after = text.get(at + 1..).unwrap_or_default();
        // The name of a scheme ends with a colon too.
        if sign == ":" && after.starts_with('/') {
            continue;
        }
        let value = after.trim_start_matches([' ', '\\']);
        let quote = value
            .chars()
            .next()
            .filter(|letter| matches!(letter, '"' | '\''));
        // In strings of JSON that are in strings, the quote at the end has a backslash as well.
        let is_inner = after.trim_start().starts_with('\\');
        let value = value.trim_start_matches(|letter| Some(letter) == quote);
        let end = match quote {
            Some(quote) if is_inner => value.find(quote),
            Some(quote) => {
                let mut is_escaped = false;
                value.find(|letter: char| {
                    let was_escaped = std::mem::replace(&mut is_escaped, false);
                    is_escaped = letter == '\\' && !was_escaped;
                    letter == quote && !was_escaped
                })
            }
            None => value.find(|letter: char| {
                letter.is_whitespace() || matches!(letter, '&' | ';' | ',' | '}' | '"' | '\'')
            }),
        };
        let start = text.len() - value.len();
        let end = start + end.unwrap_or(value.len());
        until = end;
        let is_secret = text
            .get(start..end)
            .is_some_and(|value| !is_plain(name, value));
        if is_secret {
            found.push(start..end);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "PASSWORD",
            "DB_PASSWORD",
            "db.password",
            "dbPassword",
            "MYSQLROOTPASSWORD",
            "POSTGRES_PASSWORD_FILE",
            "SECRET_KEY_BASE",
            "CLIENT-SECRET",
            "NPM_TOKEN",
            "tokens",
            "AWS_ACCESS_KEY_ID",
            "API_KEY",
            "apiKey",
            "ENCRYPTION_KEYS",
            "SSH_PRIVATE_KEY",
            "DB_PASS",
            "DB_PWD",
            "NPM_AUTH",
            "GOOGLE_CREDENTIALS",
            "WIFI_PSK",
            "--admin-password",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "",
            "PATH",
            "PWD",
            "OLDPWD",
            "KEY",
            "key",
            "PASS",
            "TOKENIZERS_PARALLELISM",
            "KEYBOARD",
            "SSH_PUBLIC_KEY",
            "BYPASS",
            "AUTHOR",
            "XAUTHORITY",
            "MONKEY",
            "COMPASS_HOME",
            "org.opencontainers.image.authors",
            "GPG_KEY_SERVER",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn variables() {
        for (variable, expected) in [
            ("DB_PASSWORD=hunter2", "DB_PASSWORD=(hidden)"),
            ("DB_PASSWORD=a=b", "DB_PASSWORD=(hidden)"),
            ("DB_PASSWORD=", "DB_PASSWORD="),
            ("ALLOW_EMPTY_PASSWORD=yes", "ALLOW_EMPTY_PASSWORD=yes"),
            ("DB_PASSWORD=${PASSWORD}", "DB_PASSWORD=${PASSWORD}"),
            ("DB_PASSWORD=$ecret!", "DB_PASSWORD=(hidden)"),
            ("DB_PASSWORD=${a} b", "DB_PASSWORD=(hidden)"),
            (
                "DB_PASSWORD_FILE=/run/secrets/db",
                "DB_PASSWORD_FILE=/run/secrets/db",
            ),
            ("DB_PASSWORD_FILE=hunter2", "DB_PASSWORD_FILE=(hidden)"),
            (
                "GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568",
                "GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568",
            ),
            ("GPG_KEY=hunter2", "GPG_KEY=(hidden)"),
            (
                "SIGNING_KEY=E3FF2839C048B25C084DEBE9B26995E310250568",
                "SIGNING_KEY=(hidden)",
            ),
            ("PATH=/usr/bin:/bin", "PATH=/usr/bin:/bin"),
            ("PWD=/app", "PWD=/app"),
            ("MAX_TOKENS=4096", "MAX_TOKENS=4096"),
            ("PASSWORD_MIN_LENGTH=12", "PASSWORD_MIN_LENGTH=12"),
            ("DBPASS=hunter2", "DBPASS=(hidden)"),
            ("DB_PASS2=hunter2", "DB_PASS2=(hidden)"),
            ("hunter2", "hunter2"),
        ] {
            assert_eq!(shown_variable(variable), expected);
            // What was hidden stays as it is.
            assert_eq!(shown_variable(expected), expected);
        }
    }

    #[test]
    fn texts() {
        let token = "0123456789abcdefghijABCDEFGHIJ012345";
        let at = |text: &str| text.replace('%', token);
        for (text, expected) in [
            (
                "https://me:hunter2@host/x?a=b",
                "https://me:(hidden)@host/x?a=b",
            ),
            (
                "see https://me:hun@ter2@host.",
                "see https://me:(hidden)@host.",
            ),
            ("https://hunter2@host", "https://(hidden)@host"),
            ("postgres://me@host/db", "postgres://me@host/db"),
            (
                "postgres://me:hunter2@host/db",
                "postgres://me:(hidden)@host/db",
            ),
            ("redis://:hunter2@host", "redis://:(hidden)@host"),
            ("ssh://git@host/a.git", "ssh://git@host/a.git"),
            ("https://host/a@b", "https://host/a@b"),
            ("a ghp_% b", "a (hidden) b"),
            ("ghp_short", "ghp_short"),
            ("xghp_%", "xghp_%"),
            ("AKIA0123456789ABCDEF", "(hidden)"),
            ("eyJ%.eyJ%.%", "(hidden)"),
            (
                "Authorization: Bearer %/+=",
                "Authorization: Bearer (hidden)",
            ),
            ("Bearer authentication", "Bearer authentication"),
            (
                "Server=db;Password=hunter2;Timeout=3",
                "Server=db;Password=(hidden);Timeout=3",
            ),
            (
                "https://host/x?token=hunter2&a=b",
                "https://host/x?token=(hidden)&a=b",
            ),
            (
                "{\"password\": \"hunter 2\",\"a\":1}",
                "{\"password\": \"(hidden)\",\"a\":1}",
            ),
            ("--password=hunter2", "--password=(hidden)"),
            ("a --password hunter2 -v", "a --password (hidden) -v"),
            ("a --password 'hunter2'", "a --password '(hidden)'"),
            ("a --token-file /run/x", "a --token-file /run/x"),
            (
                "Server=db;Uid=sa;Pwd=hunter2;",
                "Server=db;Uid=sa;Pwd=(hidden);",
            ),
            (
                r#"{"password":"abc\"hunter2"}"#,
                r#"{"password":"(hidden)"}"#,
            ),
            (
                r#"{\"password\": \"hunter2\"}"#,
                r#"{\"password\": \"(hidden)"}"#,
            ),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII", "(hidden)"),
            ("the key: in the drawer", "the key: in the drawer"),
            ("secret://place", "secret://place"),
            ("password=ghp_%", "password=(hidden)"),
            ("sha256:%", "sha256:%"),
            ("ünïcode: password=ü;ü", "ünïcode: password=(hidden);ü"),
        ] {
            assert_eq!(shown_text(&at(text)), at(expected));
            assert_eq!(shown_text(&at(expected)), at(expected));
        }
    }

    #[test]
    fn commands() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        for (command, expected) in [
            (
                "serve --token hunter2 -p 80",
                "serve --token (hidden) -p 80",
            ),
            ("serve --token --verbose x", "serve --token --verbose x"),
            ("serve --token=hunter2 x", "serve --token=(hidden) x"),
            ("serve --pass hunter2", "serve --pass (hidden)"),
            ("serve --token-file /run/x", "serve --token-file /run/x"),
            ("serve --token (hidden)hunter2", "serve --token (hidden)"),
            ("sh -c db://me:hunter2@host", "sh -c db://me:(hidden)@host"),
        ] {
            assert_eq!(shown_command(&words(command)), words(expected));
        }
    }

    /// In each of these every place would be looked at up to the end.
    #[test]
    fn attack_texts_that_cost_the_square_of_their_length() {
        for part in [
            "password=",
            "password:(hidden)",
            "password:\"",
            "hvs.0123456789abcdefghij.",
            "token://",
            "://me:x@",
            "Bearer 0123456789abcdefghij=",
            "= \"\\",
        ] {
            let text = part.repeat((4 << 20) / part.len());
            let _ = shown("name", &text);
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_around(
            name in ".{0,12}",
            before in "([=:/@?& \"'{}a-zé-]|password|token|https://){0,24}",
            after in "([=:/@?& \"'{}a-zé-]|password|token|https://){0,24}",
        ) {
            let text = format!("{before} password=S3CR3T {after}");
            proptest::prop_assert!(!shown(&name, &text).contains("S3CR3T"));
            let words = shown_command(&[before, "--token".to_owned(), "S3CR3T".to_owned(), after]);
            proptest::prop_assert!(!words.concat().contains("S3CR3T"));
        }
    }
}
