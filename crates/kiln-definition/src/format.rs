//! The format of definitions, profiles and distributions: every key there is.

use crate::shape::{Field, Object, Rule, Shape, optional, required};
use kiln_types::{ImageName, PackageName, Platform, Timestamp};

/// The format version this kiln reads.
pub(crate) const FORMAT: i64 = 1;

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
    form: "an address that begins with `http://localhost` or `https://localhost`",
    pattern: "^https?://localhost(:[0-9]+)?(/[^\\s]*)?$",
    holds: |text| {
        (URL.holds)(text)
            && text.split_once("://").is_some_and(|(_, rest)| {
                rest.strip_prefix("localhost")
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
            })
    },
    substituted: true,
};
pub(crate) static RUN_AS: Rule = Rule {
    what: "a user to run as",
    form: "a user's name, a uid, or `uid:gid`",
    ..copy(&OWNER)
};
pub(crate) static OVERRIDE: &[&str] = &["run-as", "work-dir", "entrypoint", "cmd", "stop-signal"];

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

const IDS: Shape = Shape::Integer(0, 4_294_967_294);
const WORDS: Shape = Shape::List(&Shape::Text);
const LINE_OF_TEXT: Shape = Shape::Word(&LINE);
const PLATFORMS: Shape = Shape::List(&Shape::Word(&PLATFORM));
const VARIANTS: Shape = Shape::List(&Shape::Word(&VARIANT));

const ONLY_PLATFORMS: Field = optional(
    "platforms",
    PLATFORMS,
    "the platforms on which this item applies; all unless stated",
);
const ONLY_VARIANTS: Field = optional(
    "variants",
    VARIANTS,
    "the variants in which this item applies; all unless stated",
);

static PACKAGE_ITEM: Object = Object {
    what: "a package entry",
    keys: &[&[
        required(
            "name",
            Shape::Word(&PACKAGE),
            "the package, as `name`, `name=version`, `name (>= version)`, `name/suite` or `!name`",
        ),
        ONLY_PLATFORMS,
        ONLY_VARIANTS,
    ]],
};
static REPOSITORY_ITEM: Object = Object {
    what: "a repository",
    keys: &[&[
        required(
            "name",
            Shape::Word(&ARCHIVE),
            "the archive's name; locks name it, and settings give its mirrors",
        ),
        optional(
            "url",
            Shape::Word(&REPOSITORY_URL),
            "its address; the machine's mirrors for this archive unless stated",
        ),
        optional(
            "suites",
            Shape::List(&Shape::Word(&SUITE)),
            "suites, such as `trixie`",
        ),
        optional(
            "components",
            Shape::List(&Shape::Word(&SUITE)),
            "components, such as `main`",
        ),
        optional(
            "flat",
            Shape::Text,
            "the path of a flat repository below the address, such as `./`",
        ),
        optional(
            "keyrings",
            WORDS,
            "keyrings that may sign it: names of embedded ones, or files beside the definition",
        ),
        optional("trusted", Shape::Boolean, "accept it without any signature"),
        optional(
            "origin",
            LINE_OF_TEXT,
            "the `Origin` that its index must name",
        ),
        optional(
            "label",
            LINE_OF_TEXT,
            "the `Label` that its index must name",
        ),
        optional(
            "priority",
            Shape::Integer(-32768, 32767),
            "its pin priority (apt_preferences(5)); 500 unless stated",
        ),
        ONLY_PLATFORMS,
        ONLY_VARIANTS,
    ]],
};
static CONTENTS: Object = Object {
    what: "`contents`",
    keys: &[&[
        optional(
            "packages",
            Shape::List(&Shape::Either(
                &Shape::Word(&PACKAGE),
                &Shape::Object(&PACKAGE_ITEM),
            )),
            "packages to install, and with `!` in front packages to leave out although others depend on them",
        ),
        optional(
            "repositories",
            Shape::List(&Shape::Either(
                &Shape::Word(&REPOSITORY),
                &Shape::Object(&REPOSITORY_ITEM),
            )),
            "where packages come from, in place of the distribution's repositories",
        ),
        optional(
            "keyring",
            WORDS,
            "keyrings for repositories that name none: names of embedded ones, or files beside the definition",
        ),
        optional(
            "cuts",
            Shape::List(&Shape::Word(&CUT)),
            "files of packages to leave out; a pattern with `!` in front keeps; the last that matches decides",
        ),
    ]],
};
static USER: Object = Object {
    what: "a user",
    keys: &[&[
        required("name", Shape::Word(&ACCOUNT_NAME), "login name"),
        required("uid", IDS, "numeric id"),
        optional("gid", IDS, "primary group; the uid unless stated"),
        optional(
            "home",
            Shape::Word(&PATH),
            "home directory; `/home/NAME` unless stated",
        ),
        optional(
            "shell",
            Shape::Word(&ACCOUNT_FIELD),
            "login shell; `/usr/sbin/nologin` unless stated",
        ),
        optional("comment", Shape::Word(&ACCOUNT_FIELD), "the comment field"),
    ]],
};
static GROUP: Object = Object {
    what: "a group",
    keys: &[&[
        required("name", Shape::Word(&ACCOUNT_NAME), "the group's name"),
        required("gid", IDS, "numeric id"),
        optional(
            "members",
            Shape::List(&Shape::Word(&ACCOUNT_NAME)),
            "names of users",
        ),
    ]],
};
static ACCOUNTS: Object = Object {
    what: "`accounts`",
    keys: &[&[
        optional(
            "root",
            Shape::Boolean,
            "keep the root account in the passwd file",
        ),
        optional(
            "run-as",
            Shape::Either(&Shape::Integer(0, 4_294_967_294), &Shape::Word(&RUN_AS)),
            "who the program runs as",
        ),
        optional("users", Shape::List(&Shape::Object(&USER)), "users to add"),
        optional(
            "groups",
            Shape::List(&Shape::Object(&GROUP)),
            "groups to add; a user's own group is made for it",
        ),
    ]],
};
static PATH_ITEM: Object = Object {
    what: "a path entry",
    keys: &[&[
        required("path", Shape::Word(&PATH), "where it is in the image"),
        required(
            "type",
            Shape::Choice(&[
                "directory",
                "file",
                "emptyfile",
                "symlink",
                "permissions",
                "delete",
            ]),
            "what it is",
        ),
        optional("content", Shape::Text, "the text of a file"),
        optional(
            "source",
            Shape::Word(&SOURCE),
            "a file beside the definition that gives the content",
        ),
        optional("target", Shape::Word(&TARGET), "where a symlink points"),
        optional(
            "owner",
            Shape::Word(&OWNER),
            "owner by name, such as `nginx` or `nginx:adm`; root unless stated",
        ),
        optional("uid", IDS, "owner by number"),
        optional("gid", IDS, "group by number"),
        optional(
            "mode",
            Shape::Mode,
            "permission bits as quoted octal digits",
        ),
        optional(
            "writable",
            Shape::Boolean,
            "must be writable at run time, although the root file system is read-only",
        ),
        optional(
            "recursive",
            Shape::Boolean,
            "apply to everything below (not supported yet)",
        ),
        ONLY_PLATFORMS,
        ONLY_VARIANTS,
    ]],
};
static HTTP: Object = Object {
    what: "`http`",
    keys: &[&[
        required(
            "url",
            Shape::Word(&TEST_URL),
            "the address, with `localhost` for the container",
        ),
        optional(
            "status",
            Shape::Integer(100, 599),
            "the expected status; 200 unless stated",
        ),
        optional("contains", Shape::Text, "a text that the body must hold"),
    ]],
};
static TEST: Object = Object {
    what: "a test",
    keys: &[&[
        required("name", LINE_OF_TEXT, "what holds when it passes"),
        optional("run", WORDS, "a command to run in place of the entrypoint"),
        optional(
            "http",
            Shape::Object(&HTTP),
            "a request to the running image",
        ),
        optional(
            "exit-code",
            Shape::Integer(0, 255),
            "the expected exit code; 0 unless stated",
        ),
        optional("contains", Shape::Text, "a text that the output must hold"),
        optional(
            "must-fail",
            Shape::Boolean,
            "the command must not succeed, nor need it exist",
        ),
        ONLY_PLATFORMS,
        ONLY_VARIANTS,
    ]],
};
static SETTINGS: &[Field] = &[
    optional(
        "contents",
        Shape::Object(&CONTENTS),
        "what goes into the image",
    ),
    optional(
        "accounts",
        Shape::Object(&ACCOUNTS),
        "users, groups and who the program runs as",
    ),
    optional(
        "paths",
        Shape::List(&Shape::Object(&PATH_ITEM)),
        "files, links and directories to add or change, in order",
    ),
    optional(
        "environment",
        Shape::Map(&ENVIRONMENT_NAME, &Shape::Text),
        "environment variables",
    ),
    optional("entrypoint", WORDS, "the program and its fixed arguments"),
    optional("cmd", WORDS, "default arguments, which a user can replace"),
    optional(
        "work-dir",
        Shape::Word(&PATH),
        "where the program starts; `/` unless stated",
    ),
    optional(
        "ports",
        Shape::List(&Shape::Either(
            &Shape::Integer(1, 65535),
            &Shape::Word(&PORT),
        )),
        "ports that the program listens on, such as `8080/tcp`",
    ),
    optional(
        "volumes",
        Shape::List(&Shape::Word(&PATH)),
        "paths that the engine makes volumes of",
    ),
    optional(
        "stop-signal",
        Shape::Word(&SIGNAL),
        "the signal that stops the program; SIGTERM unless stated",
    ),
    optional(
        "labels",
        Shape::Map(&LABEL_NAME, &Shape::Text),
        "labels of the image config",
    ),
    optional(
        "annotations",
        Shape::Map(&LABEL_NAME, &Shape::Text),
        "annotations of manifest and index",
    ),
    optional(
        "tests",
        Shape::List(&Shape::Object(&TEST)),
        "what must hold of the built image",
    ),
];
static VARIANT_ITEM: Object = Object {
    what: "a variant",
    keys: &[SETTINGS],
};
static DATES: &[Field] = &[
    optional("release", Shape::Word(&DATE), "when it was released"),
    optional(
        "end-of-support",
        Shape::Word(&DATE),
        "when its makers stop supporting it",
    ),
    optional(
        "end-of-life",
        Shape::Word(&DATE),
        "when nobody mends it any more",
    ),
];
static DATES_ITEM: Object = Object {
    what: "`dates`",
    keys: &[DATES],
};
static VERSION: Object = Object {
    what: "a version line",
    keys: &[
        &[
            required(
                "distribution",
                Shape::Word(&DISTRIBUTION),
                "the distribution it is built from, such as `debian-13`",
            ),
            optional(
                "track",
                Shape::Word(&PACKAGE_NAME),
                "the package whose version names the tags",
            ),
            optional(
                "vars",
                Shape::Map(&VAR_NAME, &Shape::Text),
                "values for `${name}` in this line",
            ),
        ],
        DATES,
    ],
};
const FORMAT_FIELD: Field = required(
    "kiln",
    Shape::Integer(FORMAT, FORMAT),
    "the version of this format",
);

/// A definition.
pub(crate) static DEFINITION: Object = Object {
    what: "a definition",
    keys: &[
        &[
            FORMAT_FIELD,
            required("name", Shape::Word(&IMAGE_NAME), "the image's name"),
            optional("title", LINE_OF_TEXT, "a name for people"),
            optional("summary", LINE_OF_TEXT, "what it is, in one line"),
            optional(
                "description",
                Shape::Text,
                "what it is, in a paragraph or two",
            ),
            optional("documentation", Shape::Text, "how to use it, in Markdown"),
            optional(
                "upstream",
                Shape::Word(&URL),
                "the home page of what is packed",
            ),
            optional(
                "license",
                LINE_OF_TEXT,
                "the licence of what is packed, as an SPDX expression",
            ),
            optional(
                "categories",
                Shape::List(&Shape::Word(&CATEGORY)),
                "categories in a catalog",
            ),
            optional(
                "dates",
                Shape::Object(&DATES_ITEM),
                "dates of the image as a whole",
            ),
            required(
                "versions",
                Shape::Map(&VERSION_LINE, &Shape::Object(&VERSION)),
                "version lines in order; the first is `latest`",
            ),
            optional(
                "vars",
                Shape::Map(&VAR_NAME, &Shape::Text),
                "values for `${name}`",
            ),
            optional(
                "platforms",
                PLATFORMS,
                "platforms to build for; all unless stated",
            ),
            optional(
                "tags",
                Shape::List(&Shape::Word(&TAG)),
                "tags besides the computed ones",
            ),
            optional(
                "variants",
                Shape::Map(&VARIANT, &Shape::Object(&VARIANT_ITEM)),
                "what single variants add to the profile of their name",
            ),
            optional("keep", WORDS, "programs to keep (not supported yet)"),
            optional(
                "start",
                Shape::List(&Shape::Text),
                "steps before the program starts (not supported yet)",
            ),
        ],
        SETTINGS,
    ],
};

/// A profile.
pub(crate) static PROFILE: Object = Object {
    what: "a profile",
    keys: &[
        &[
            FORMAT_FIELD,
            required(
                "profile",
                Shape::Word(&VARIANT),
                "the profile's name, which is that of the variant",
            ),
            optional("summary", LINE_OF_TEXT, "what it is for, in one line"),
            optional(
                "tag-suffix",
                Shape::Text,
                "what its tags end with; `-NAME` unless stated",
            ),
            optional(
                "unmet",
                Shape::Choice(&["tolerate", "refuse"]),
                "what to do about dependencies that exclusions leave open; `refuse` unless stated",
            ),
            optional(
                "maintainer-scripts",
                Shape::Boolean,
                "whether the package database keeps maintainer scripts, as a package manager in the image needs them",
            ),
            optional(
                "checks",
                Shape::List(&Shape::Word(&CHECK)),
                "what must hold of the built image",
            ),
            optional(
                "overrides",
                Shape::List(&Shape::Choice(OVERRIDE)),
                "settings in which the profile's word stands above the image's",
            ),
        ],
        SETTINGS,
    ],
};

static SOURCE_ITEM: Object = Object {
    what: "a source",
    keys: &[&[
        required("archive", Shape::Word(&ARCHIVE), "the archive's name"),
        required("suites", Shape::List(&Shape::Word(&SUITE)), "suites"),
        required(
            "components",
            Shape::List(&Shape::Word(&SUITE)),
            "components",
        ),
        required("keyrings", WORDS, "keyrings that may sign"),
        optional(
            "origin",
            LINE_OF_TEXT,
            "the `Origin` that the index must name",
        ),
        optional(
            "label",
            LINE_OF_TEXT,
            "the `Label` that the index must name",
        ),
    ]],
};

/// A distribution.
pub(crate) static DISTRIBUTION_DOCUMENT: Object = Object {
    what: "a distribution",
    keys: &[&[
        FORMAT_FIELD,
        required("distribution", Shape::Word(&DISTRIBUTION), "its id"),
        required("title", LINE_OF_TEXT, "a name for people"),
        required("format", Shape::Choice(&["deb"]), "the package format"),
        required("tag-name", Shape::Word(&TAG), "what tags call it"),
        required(
            "merged-usr",
            Shape::Boolean,
            "whether `/bin`, `/sbin`, `/lib` and `/lib64` are links into `/usr`",
        ),
        required(
            "sources",
            Shape::List(&Shape::Object(&SOURCE_ITEM)),
            "where packages come from",
        ),
        optional(
            "snapshot",
            Shape::Word(&URL),
            "where old states of its archives are, with `{archive}` and `{timestamp}`",
        ),
        optional(
            "packages",
            Shape::List(&Shape::Word(&PACKAGE_NAME)),
            "packages that are in every image unless excluded",
        ),
        required(
            "emulators",
            Shape::List(&Shape::Word(&EMULATOR)),
            "what stands for maintainer scripts, in order",
        ),
        optional(
            "foundation",
            Shape::List(&Shape::List(&Shape::Word(&PACKAGE_NAME))),
            "packages that many images share, a list a layer",
        ),
        optional(
            "users",
            Shape::List(&Shape::Object(&USER)),
            "the accounts of its base system",
        ),
    ]],
};
