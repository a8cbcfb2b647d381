//! The settings that images, variants and profiles share.

use super::rules::*;
use super::start::{START, STEP};
use crate::shape::{Field, Object, Shape, optional, required};

const IDS: Shape = Shape::Integer(0, 4_294_967_294);
pub(super) const WORDS: Shape = Shape::List(&Shape::Text);
pub(super) const LINE_OF_TEXT: Shape = Shape::Word(&LINE);
pub(super) const PLATFORMS: Shape = Shape::List(&Shape::Word(&PLATFORM));
const VARIANTS: Shape = Shape::List(&Shape::Word(&VARIANT));

pub(super) const ONLY_PLATFORMS: Field = optional(
    "platforms",
    PLATFORMS,
    "the platforms on which this item applies; all unless stated",
);
pub(super) const ONLY_VARIANTS: Field = optional(
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
        optional(
            "keep",
            Shape::List(&Shape::Either(
                &Shape::Word(&KEPT),
                &Shape::Object(&KEEP_ITEM),
            )),
            "what the image needs besides entrypoint, command and tests: programs by name, paths, or patterns of paths",
        ),
        optional(
            "loads",
            Shape::List(&Shape::Object(&LOAD)),
            "what files open at run time without saying so: plug-in folders, libraries, data, other programs",
        ),
        optional(
            "interpreters",
            Shape::List(&Shape::Word(&LANGUAGE_NAME)),
            "languages whose interpreters may be in the image, such as `python`",
        ),
        optional(
            "without-shell",
            Shape::List(&Shape::Object(&SHELL_CALLER)),
            "files that can start a shell and do without one, each with the reason",
        ),
    ]],
};
static KEEP_ITEM: Object = Object {
    what: "a kept program or path",
    keys: &[&[
        required(
            "name",
            Shape::Word(&KEPT),
            "a program by name, a path, or a pattern of paths",
        ),
        ONLY_PLATFORMS,
        ONLY_VARIANTS,
    ]],
};
pub(super) static LOAD: Object = Object {
    what: "what a file opens",
    keys: &[&[
        required(
            "file",
            Shape::Word(&FILE_PATTERN),
            "the file, as a pattern over paths",
        ),
        required(
            "opens",
            Shape::List(&Shape::Word(&KEPT)),
            "patterns over paths, or names of libraries; one without a wildcard must be there",
        ),
        optional(
            "optional",
            Shape::Boolean,
            "the file does without what is not there",
        ),
    ]],
};
pub(super) static SHELL_CALLER: Object = Object {
    what: "a file that can start a shell",
    keys: &[&[
        required(
            "file",
            Shape::Word(&FILE_PATTERN),
            "the file, as a pattern over paths",
        ),
        required(
            "reason",
            LINE_OF_TEXT,
            "what does not work without a shell, and why that is right",
        ),
    ]],
};
pub(super) static LANGUAGE: Object = Object {
    what: "a language",
    keys: &[&[
        required(
            "name",
            Shape::Word(&LANGUAGE_NAME),
            "its name, such as `perl`",
        ),
        required(
            "interpreters",
            Shape::List(&Shape::Word(&FILE_PATTERN)),
            "patterns over the paths of its interpreters",
        ),
        required(
            "modules",
            Shape::List(&Shape::Word(&FILE_PATTERN)),
            "patterns over the paths of its modules, which go where no interpreter is",
        ),
    ]],
};
pub(super) static USER: Object = Object {
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
pub(super) static SETTINGS: &[Field] = &[
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
    optional(
        "init",
        Shape::Boolean,
        "start under kiln's start program, which is PID 1 in place of the program: it forwards signals and reaps orphans",
    ),
    optional(
        "start",
        Shape::Either(&Shape::List(&Shape::Object(&STEP)), &Shape::Object(&START)),
        "what happens before the program starts: a list of steps, or a map with `steps`, `program` and `gate`",
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
        Shape::List(&Shape::Object(&super::tests::TEST)),
        "what must hold of the built image",
    ),
];
