//! How single words are spelled: a rule for each kind of word.

use kiln_types::{ImageName, PackageName, Platform, Timestamp};

use crate::shape::Rule;

fn bounded(text: &str, most: usize, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= most
        && bytes.first().is_some_and(|byte| first(*byte))
        && bytes.iter().all(|byte| rest(*byte))
}

pub(crate) static IMAGE_NAME: Rule = Rule {
    what: "an image name",
    form: "lower-case letters, digits and single `.`, `_`, `-` or `/` between them",
    pattern: "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*$",
    holds: |text| ImageName::new(text).is_ok(),
    substituted: false,
};
pub(crate) static PACKAGE_NAME: Rule = Rule {
    what: "a package name",
    form: "letters, digits and `+ - . _ :`, beginning with a letter or digit",
    pattern: "^[A-Za-z0-9][A-Za-z0-9+._:-]*$",
    holds: |text| PackageName::new(text).is_ok(),
    substituted: false,
};
pub(crate) static LINE: Rule = Rule {
    what: "one line of text",
    form: "one line of 1 to 1024 characters",
    pattern: "^[^\\u0000-\\u001f\\u007f]{1,1024}$",
    holds: |text| {
        (1..=1024).contains(&text.chars().count())
            && !text.chars().any(|letter| letter.is_ascii_control())
    },
    substituted: true,
};
pub(crate) static URL: Rule = Rule {
    what: "an address",
    form: "an address that begins with `https://` or `http://`",
    pattern: "^https?://[^\\s\\u0000-\\u001f]+$",
    holds: |text| {
        text.strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .is_some_and(|rest| {
                !rest.is_empty()
                    && !rest
                        .chars()
                        .any(|letter| letter.is_whitespace() || letter.is_control())
            })
    },
    substituted: true,
};
pub(crate) static CATEGORY: Rule = Rule {
    what: "a category",
    form: "lower-case letters, digits and `-`",
    pattern: "^[a-z][a-z0-9-]{0,31}$",
    holds: |text| {
        bounded(
            text,
            32,
            |byte| byte.is_ascii_lowercase(),
            |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-',
        )
    },
    substituted: false,
};
pub(crate) static VARIANT: Rule = Rule {
    what: "the name of a variant",
    ..copy(&CATEGORY)
};
pub(crate) static CHECK: Rule = Rule {
    what: "the name of a check",
    ..copy(&CATEGORY)
};
pub(crate) static EMULATOR: Rule = Rule {
    what: "the name of an emulator",
    ..copy(&CATEGORY)
};
pub(crate) static DISTRIBUTION: Rule = Rule {
    what: "the id of a distribution",
    ..copy(&CATEGORY)
};
pub(crate) static DATE: Rule = Rule {
    what: "a date",
    form: "a date of the form `2028-08-09`",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    holds: |text| text.len() == 10 && text.parse::<Timestamp>().is_ok(),
    substituted: false,
};
pub(crate) static VERSION_LINE: Rule = Rule {
    what: "the name of a version line",
    form: "letters, digits and `. _ -`, at most 64, such as `\"1.26\"`",
    pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    holds: |text| {
        bounded(
            text,
            64,
            |byte| byte.is_ascii_alphanumeric(),
            |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte),
        )
    },
    substituted: false,
};
pub(crate) static TAG: Rule = Rule {
    what: "a tag",
    form: "letters, digits and `. _ -`, at most 128",
    pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
    holds: |text| {
        bounded(
            text,
            128,
            |byte| byte.is_ascii_alphanumeric() || byte == b'_',
            |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte),
        )
    },
    substituted: true,
};
pub(crate) static VAR_NAME: Rule = Rule {
    what: "the name of a variable",
    form: "letters, digits, `_` and `-`, beginning with a letter",
    pattern: "^[A-Za-z][A-Za-z0-9_-]{0,63}$",
    holds: |text| {
        bounded(
            text,
            64,
            |byte| byte.is_ascii_alphabetic(),
            |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
        )
    },
    substituted: false,
};
pub(crate) static ENVIRONMENT_NAME: Rule = Rule {
    what: "the name of an environment variable",
    form: "letters, digits and `_ . -`, not beginning with a digit",
    pattern: "^[A-Za-z_][A-Za-z0-9_.-]{0,255}$",
    holds: |text| {
        bounded(
            text,
            256,
            |byte| byte.is_ascii_alphabetic() || byte == b'_',
            |byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte),
        )
    },
    substituted: false,
};
/// A variable that start steps can name: what a template can hold.
pub(crate) static START_NAME: Rule = Rule {
    what: "the name of an environment variable",
    form: "letters, digits and `_`, not beginning with a digit",
    pattern: "^[A-Za-z_][A-Za-z0-9_]{0,255}$",
    holds: |text| {
        bounded(
            text,
            256,
            |byte| byte.is_ascii_alphabetic() || byte == b'_',
            |byte| byte.is_ascii_alphanumeric() || byte == b'_',
        )
    },
    substituted: false,
};
pub(crate) static START_CONDITION: Rule = Rule {
    what: "a condition",
    form: "`NAME`, `!NAME`, `NAME=value`, `NAME!=value`, `/path` or `!/path`",
    pattern: "^(!?[A-Za-z_][A-Za-z0-9_]{0,255}|[A-Za-z_][A-Za-z0-9_]{0,255}!?=.*|!?(/|\\$\\{).*)$",
    holds: |text| {
        !text.chars().any(char::is_control) && kiln_script::Condition::parse(text).is_some()
    },
    substituted: false,
};
pub(crate) static START_LAST: Rule = Rule {
    what: "the name of a file",
    form: "letters, digits, `.`, `_` and `-`, at most 100, not beginning with `.` or `-`",
    pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$",
    holds: |text| {
        bounded(
            text,
            100,
            |byte| byte.is_ascii_alphanumeric() || byte == b'_',
            |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte),
        )
    },
    substituted: false,
};
pub(crate) static LABEL_NAME: Rule = Rule {
    what: "the name of a label",
    form: "letters, digits and `. _ - /`",
    pattern: "^[A-Za-z0-9][A-Za-z0-9._/-]{0,255}$",
    holds: |text| {
        bounded(
            text,
            256,
            |byte| byte.is_ascii_alphanumeric(),
            |byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte),
        )
    },
    substituted: false,
};
pub(crate) static ACCOUNT_NAME: Rule = Rule {
    what: "the name of a user or group",
    form: "lower-case letters, digits, `_` and `-`, at most 32, not beginning with a digit",
    pattern: "^[a-z_][a-z0-9_-]{0,31}$",
    holds: |text| {
        bounded(
            text,
            32,
            |byte| byte.is_ascii_lowercase() || byte == b'_',
            |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte),
        )
    },
    substituted: false,
};
pub(crate) static ACCOUNT_FIELD: Rule = Rule {
    what: "a field of the passwd file",
    form: "text without `:` and line breaks",
    pattern: "^[^:\\u0000-\\u001f\\u007f]*$",
    holds: |text| {
        text.len() <= 256
            && !text
                .chars()
                .any(|letter| letter == ':' || letter.is_control())
    },
    substituted: false,
};
pub(crate) static OWNER: Rule = Rule {
    what: "an owner",
    form: "`user`, `user:group`, or numbers in their place",
    pattern: "^[a-z0-9_][a-z0-9_-]*(:[a-z0-9_][a-z0-9_-]*)?$",
    holds: |text| {
        let (user, group) = text
            .split_once(':')
            .map_or((text, None), |(user, group)| (user, Some(group)));
        let part = |text: &str| (ACCOUNT_NAME.holds)(text) || text.parse::<u32>().is_ok();
        part(user) && group.is_none_or(part)
    },
    substituted: false,
};
pub(crate) static PATH: Rule = Rule {
    what: "an absolute path",
    form: "a path that begins with `/`, without `..`",
    pattern: "^/[^\\u0000-\\u001f\\u007f]*$",
    holds: |text| text.starts_with('/') && kiln_types::RelativePath::new(text).is_ok(),
    substituted: true,
};
pub(crate) static SOURCE: Rule = Rule {
    what: "a file beside the definition",
    form: "a path relative to the definition, without `..`",
    pattern: "^[^/\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$",
    holds: |text| {
        !text.is_empty()
            && !text.starts_with('/')
            && !text.contains('\\')
            && kiln_types::RelativePath::new(text).is_ok_and(|path| !path.is_root())
    },
    substituted: true,
};
pub(crate) static TARGET: Rule = Rule {
    what: "the target of a link",
    form: "a path",
    pattern: "^[^\\u0000-\\u001f\\u007f]{1,4095}$",
    holds: |text| (1..=4095).contains(&text.len()) && !text.chars().any(char::is_control),
    substituted: true,
};
pub(crate) static PORT: Rule = Rule {
    what: "a port",
    form: "a number from 1 to 65535, `/tcp` or `/udp` behind it",
    pattern: "^[1-9][0-9]{0,4}(/(tcp|udp|sctp))?$",
    holds: |text| {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        matches!(protocol, "tcp" | "udp" | "sctp")
            && !number.starts_with(['0', '+'])
            && number.parse::<u16>().is_ok_and(|number| number > 0)
    },
    substituted: true,
};
pub(crate) static SIGNAL: Rule = Rule {
    what: "a signal",
    form: "a name such as `SIGTERM`",
    pattern: "^SIG[A-Z0-9]+([+-][0-9]+)?$",
    holds: |text| {
        text.strip_prefix("SIG").is_some_and(|name| {
            bounded(
                name,
                16,
                |byte| byte.is_ascii_uppercase(),
                |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"+-".contains(&byte),
            )
        })
    },
    substituted: false,
};
pub(crate) static CUT: Rule = Rule {
    what: "a pattern over paths",
    form: "a pattern that begins with `/` (`!/` to keep), with `*` within a part and `**` across parts",
    pattern: "^!?/[^\\u0000-\\u001f\\u007f]*$",
    holds: |text| {
        text.strip_prefix('!').unwrap_or(text).starts_with('/')
            && text.len() <= 1024
            && !text.chars().any(char::is_control)
    },
    substituted: false,
};
/// A pattern over paths that only names.
pub(crate) static FILE_PATTERN: Rule = Rule {
    what: "a pattern over paths",
    form: "a pattern that begins with `/` or `**`, with `*` within a part and `**` across parts",
    pattern: "^(/|\\*\\*)[^\\u0000-\\u001f\\u007f]*$",
    holds: |text| {
        (text.starts_with('/') || text.starts_with("**"))
            && text.len() <= 1024
            && !text.chars().any(char::is_control)
    },
    substituted: true,
};
/// A pattern over paths, or a name.
pub(crate) static KEPT: Rule = Rule {
    what: "a name, a path or a pattern over paths",
    form: "a name such as `redis-cli`, or a pattern that begins with `/` or `**`, with `*` within a part and `**` across parts",
    pattern: "^((/|\\*\\*)[^\\u0000-\\u001f\\u007f]*|[^/*?\\u0000-\\u0020\\u007f]+)$",
    holds: |text| {
        let control = text.len() > 1024 || text.chars().any(char::is_control);
        let name = !text.is_empty() && !text.contains(['/', '*', '?', ' ']);
        !control && (text.starts_with('/') || text.starts_with("**") || name)
    },
    substituted: true,
};
pub(crate) static LANGUAGE_NAME: Rule = Rule {
    what: "the name of a language",
    ..copy(&CATEGORY)
};
pub(crate) static PLATFORM: Rule = Rule {
    what: "a platform that kiln builds for",
    form: "`linux/amd64` or `linux/arm64`",
    pattern: "^(linux/)?(amd64|arm64|x86_64|aarch64)$|^(linux/)?arm64/v8$",
    holds: |text| text.parse::<Platform>().is_ok(),
    substituted: false,
};
pub(crate) static PACKAGE: Rule = Rule {
    what: "a package entry",
    form: "`name`, `name=version`, `name (>= version)`, `name/suite` or `!name`",
    pattern: "^(![A-Za-z0-9][A-Za-z0-9+._:-]*|[A-Za-z0-9][A-Za-z0-9+._:-]*(=[^\\s/]+|\\s*\\((<<|<=|=|>=|>>)\\s*[^\\s)]+\\))?(/[A-Za-z0-9._-]+)?)$",
    holds: |text| crate::entry::package(text).is_ok(),
    substituted: true,
};
pub(crate) static REPOSITORY: Rule = Rule {
    what: "a repository",
    form: "`deb [options] URL SUITE COMPONENT…`, or `distribution` for those of the distribution",
    pattern: "^(distribution|deb\\s.+)$",
    holds: |text| text == "distribution" || crate::entry::repository(text).is_ok(),
    substituted: true,
};
pub(crate) static REPOSITORY_URL: Rule = Rule {
    what: "the address of a repository",
    form: "an address that begins with `https://`, `http://` or `file:/`",
    pattern: "^(https?://|file:/)[^\\s]+$",
    holds: crate::entry::repository_url,
    substituted: true,
};
pub(crate) static ARCHIVE: Rule = Rule {
    what: "the name of an archive",
    form: "lower-case letters, digits and `. _ -`",
    pattern: "^[a-z0-9][a-z0-9._-]{0,63}$",
    holds: |text| {
        bounded(
            text,
            64,
            |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte),
        )
    },
    substituted: false,
};
pub(crate) static SUITE: Rule = Rule {
    what: "a suite or component",
    form: "letters, digits and `. _ - /`",
    pattern: "^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$",
    holds: crate::entry::suite,
    substituted: true,
};
pub(crate) static TEST_URL: Rule = Rule {
    what: "the address of a test",
    form: "an address that begins with `http://localhost`",
    pattern: "^http://localhost(:[0-9]+)?(/[^\\s]*)?$",
    holds: |text| {
        (URL.holds)(text)
            && text.strip_prefix("http://localhost").is_some_and(|rest| {
                match rest.strip_prefix(':') {
                    Some(rest) => {
                        let port = rest.split('/').next().unwrap_or_default();
                        port.parse::<u16>().is_ok_and(|port| port > 0)
                    }
                    None => rest.is_empty() || rest.starts_with('/'),
                }
            })
    },
    substituted: true,
};
pub(crate) static METHOD: Rule = Rule {
    what: "an HTTP method",
    form: "upper-case letters, such as `POST`",
    pattern: "^[A-Z]{1,16}$",
    holds: |text| {
        bounded(
            text,
            16,
            |byte| byte.is_ascii_uppercase(),
            |byte| byte.is_ascii_uppercase(),
        )
    },
    substituted: false,
};
pub(crate) static EXPRESSION: Rule = Rule {
    what: "a regular expression",
    form: "a regular expression of at most 4096 bytes",
    pattern: "^[\\s\\S]{1,4096}$",
    holds: |text| (1..=4096).contains(&text.len()) && regex_lite::Regex::new(text).is_ok(),
    substituted: true,
};
pub(crate) static RUN_AS: Rule = Rule {
    what: "a user to run as",
    form: "a user's name, a uid, or `uid:gid`",
    ..copy(&OWNER)
};

/// The same rule, to be given another name.
const fn copy(rule: &Rule) -> Rule {
    Rule {
        what: rule.what,
        form: rule.form,
        pattern: rule.pattern,
        holds: rule.holds,
        substituted: rule.substituted,
    }
}
