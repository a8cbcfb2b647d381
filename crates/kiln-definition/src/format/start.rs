//! What happens before the program starts.

use super::rules::*;
use super::settings::{LINE_OF_TEXT, ONLY_PLATFORMS, ONLY_VARIANTS, WORDS};
use crate::shape::{Field, Object, Shape, optional, required};

const NAME: Shape = Shape::Word(&START_NAME);
const STEPS: Shape = Shape::List(&Shape::Named("step", || &INNER_STEP));

static CASE: Object = Object {
    what: "a case",
    keys: &[&[
        required(
            "suffix",
            Shape::Text,
            "how the names of its files end; empty for all others",
        ),
        required(
            "steps",
            STEPS,
            "what is done for each such file, with its path in `${FILE}`",
        ),
    ]],
};

static ACTIONS: &[Field] = &[
    optional(
        "when",
        Shape::List(&Shape::Word(&START_CONDITION)),
        "do the step only where all of this holds: `NAME` (set and not empty), `NAME=value`, `/path` (is there), and `!NAME`, `NAME!=value`, `!/path` for the opposite",
    ),
    optional(
        "default",
        Shape::Map(&START_NAME, &Shape::Text),
        "values for environment variables that are not set or empty",
    ),
    optional(
        "secret",
        NAME,
        "a variable that may be given as a file: `NAME_FILE` names the file, whose content becomes `NAME`",
    ),
    optional(
        "unset",
        Shape::List(&NAME),
        "variables that nothing that starts later gets",
    ),
    optional("refuse", Shape::Text, "end the container with this message"),
    optional(
        "writable",
        Shape::Text,
        "a directory that must be writable; it is made where it is not there",
    ),
    optional(
        "own",
        Shape::Boolean,
        "the directory must also belong to the user that runs",
    ),
    optional(
        "note",
        Shape::Text,
        "what people should do where it is not writable",
    ),
    optional(
        "wait-tcp",
        Shape::Text,
        "wait until `host:port` accepts connections",
    ),
    optional(
        "wait-http",
        Shape::Text,
        "wait until an `http://` address answers with `status`",
    ),
    optional(
        "status",
        Shape::Integer(100, 599),
        "the status to wait for; 200 unless stated",
    ),
    optional("wait-run", WORDS, "wait until a command succeeds"),
    optional(
        "timeout",
        Shape::Integer(1, 86_400),
        "how many seconds to wait; 30 unless stated",
    ),
    optional("file", Shape::Text, "a file to write"),
    optional("content", Shape::Text, "what is written"),
    optional("append", Shape::Boolean, "add to the end of the file"),
    optional("remove", Shape::Text, "a file to remove, if it is there"),
    optional(
        "fill",
        Shape::Text,
        "a template to fill from the environment, or a directory of files `NAME.template`",
    ),
    optional(
        "to",
        Shape::Text,
        "where the filled template goes: a file, or a directory",
    ),
    optional(
        "keep-unknown",
        Shape::Boolean,
        "leave `${NAME}` in a template as it is where there is no such variable; an error unless stated",
    ),
    optional(
        "mode",
        Shape::Mode,
        "permission bits of what is made, as quoted octal digits",
    ),
    optional(
        "run",
        WORDS,
        "a command that must succeed; no shell reads it",
    ),
    optional(
        "words",
        NAME,
        "a variable whose words become further arguments of `run`",
    ),
    optional(
        "input",
        Shape::Text,
        "what the command of `run` reads from its standard input",
    ),
    optional(
        "once",
        Shape::Text,
        "do `steps` only where this path is not there",
    ),
    optional(
        "whole",
        Shape::Text,
        "a directory that `steps` fill as a whole: they write to the new directory `${FOLDER}`, whose contents move here when all have succeeded",
    ),
    optional(
        "last",
        Shape::Word(&START_LAST),
        "the file of that directory that moves last: where it is there, nothing is done",
    ),
    optional(
        "serve",
        WORDS,
        "a server that runs while `steps` are done and is then stopped",
    ),
    optional(
        "stop-signal",
        Shape::Word(&SIGNAL),
        "the signal that stops the server; SIGTERM unless stated",
    ),
    optional(
        "steps",
        STEPS,
        "the steps inside `once`, `whole` or `serve`",
    ),
    optional(
        "each",
        Shape::Text,
        "a directory for whose files, by name, a case is done",
    ),
    optional(
        "cases",
        Shape::List(&Shape::Object(&CASE)),
        "what is done with which files; the first case that fits is taken",
    ),
    optional(
        "user",
        Shape::Word(&ACCOUNT_NAME),
        "where the container runs as root: the user as whom the following steps and the program run",
    ),
    optional(
        "account",
        Shape::Word(&ACCOUNT_NAME),
        "a name for the user that runs where its uid has none (only for the commands of steps, by means of nss_wrapper)",
    ),
    optional(
        "home",
        Shape::Text,
        "the home of that user; `/` unless stated",
    ),
    optional(
        "folder",
        Shape::Text,
        "a writable directory for the passwd file of that user",
    ),
    optional("library", LINE_OF_TEXT, "where `libnss_wrapper.so` is"),
];

/// A step inside another.
static INNER_STEP: Object = Object {
    what: "a step",
    keys: &[ACTIONS],
};

/// A step.
pub(super) static STEP: Object = Object {
    what: "a step",
    keys: &[ACTIONS, &[ONLY_PLATFORMS, ONLY_VARIANTS]],
};

/// All of `start`.
pub(super) static START: Object = Object {
    what: "`start`",
    keys: &[&[
        optional(
            "steps",
            Shape::List(&Shape::Object(&STEP)),
            "the steps, in order",
        ),
        optional(
            "program",
            LINE_OF_TEXT,
            "the program that the steps are for: arguments that begin with `-` are given to it, and steps are not done for another one",
        ),
        optional(
            "gate",
            WORDS,
            "command lines that programs may run through `/bin/sh`, which is then a gate for exactly these and nothing else",
        ),
    ]],
};
