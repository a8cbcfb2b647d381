//! The shape of declared tests.

use super::rules::*;
use super::settings::{LINE_OF_TEXT, ONLY_PLATFORMS, ONLY_VARIANTS, WORDS};
use crate::shape::{Field, Object, Shape, optional, required};

/// One text or several.
const TEXTS: Shape = Shape::Either(&Shape::Text, &WORDS);
/// One expression or several.
const EXPRESSIONS: Shape = Shape::Either(
    &Shape::Word(&EXPRESSION),
    &Shape::List(&Shape::Word(&EXPRESSION)),
);
const CONTAINS: Field = optional(
    "contains",
    TEXTS,
    "a text that must be in it, or a list of them",
);
const MATCHES: Field = optional(
    "matches",
    EXPRESSIONS,
    "a regular expression that must match in it, or a list of them",
);
static TEXT: Object = Object {
    what: "what a text must hold",
    keys: &[&[CONTAINS, MATCHES]],
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
            "method",
            Shape::Word(&METHOD),
            "the method; `GET` unless stated",
        ),
        optional(
            "headers",
            Shape::Map(&LABEL_NAME, &LINE_OF_TEXT),
            "header fields to send",
        ),
        optional("body", Shape::Text, "the body to send"),
        optional(
            "status",
            Shape::Integer(100, 599),
            "the expected status; 200 unless stated",
        ),
        optional(
            "response-headers",
            Shape::Map(&LABEL_NAME, &LINE_OF_TEXT),
            "texts that header fields of the answer must hold, by name",
        ),
        CONTAINS,
        MATCHES,
    ]],
};
static TCP: Object = Object {
    what: "`tcp`",
    keys: &[&[
        required(
            "port",
            Shape::Either(&Shape::Integer(1, 65535), &Shape::Word(&PORT)),
            "the port in the container",
        ),
        optional("send", Shape::Text, "what to send"),
        CONTAINS,
        MATCHES,
    ]],
};
static STOP: Object = Object {
    what: "`stop`",
    keys: &[&[
        optional(
            "signal",
            Shape::Word(&SIGNAL),
            "the signal; the image's stop signal unless stated",
        ),
        optional(
            "within",
            Shape::Integer(1, 600),
            "the seconds that it may take; 20 unless stated",
        ),
        optional(
            "exit-code",
            Shape::Integer(0, 255),
            "the expected exit code; 0 unless stated",
        ),
    ]],
};
/// What a command is expected to do.
static EXPECTATION: &[Field] = &[
    optional(
        "exit-code",
        Shape::Integer(0, 255),
        "the expected exit code; 0 unless stated",
    ),
    CONTAINS,
    MATCHES,
    optional(
        "stdout",
        Shape::Object(&TEXT),
        "what standard output alone must hold",
    ),
    optional(
        "stderr",
        Shape::Object(&TEXT),
        "what standard error alone must hold",
    ),
    optional(
        "must-fail",
        Shape::Boolean,
        "the command must not succeed, nor need it exist",
    ),
];
/// What asks the running image for something.
static ASKING: &[Field] = &[
    optional(
        "http",
        Shape::Object(&HTTP),
        "a request to the running image",
    ),
    optional(
        "tcp",
        Shape::Object(&TCP),
        "a connection to the running image",
    ),
    optional(
        "log",
        Shape::Either(&Shape::Text, &Shape::Object(&TEXT)),
        "what the log of the running image must hold",
    ),
];
static STEP: Object = Object {
    what: "a step",
    keys: &[
        &[
            optional("run", WORDS, "a command to run in the running container"),
            optional(
                "restart",
                Shape::Boolean,
                "`true` stops the image with its stop signal and starts it again",
            ),
            optional("stop", Shape::Object(&STOP), "ends the image"),
        ],
        ASKING,
        EXPECTATION,
    ],
};
static FILE: Object = Object {
    what: "a file of a test",
    keys: &[&[
        required("path", Shape::Word(&PATH), "where, absolute"),
        optional("content", Shape::Text, "the text in it"),
        optional(
            "source",
            Shape::Word(&SOURCE),
            "the file beside the definition that holds its content",
        ),
    ]],
};
/// A declared test.
pub(super) static TEST: Object = Object {
    what: "a test",
    keys: &[
        &[
            required("name", LINE_OF_TEXT, "what holds when it passes"),
            optional("run", WORDS, "a command to run in place of the entrypoint"),
            optional(
                "arguments",
                WORDS,
                "arguments in place of `cmd`: runs the image to its end, or starts it for what is asked of it",
            ),
            optional(
                "steps",
                Shape::List(&Shape::Object(&STEP)),
                "what happens with the image running, in order",
            ),
            optional(
                "environment",
                Shape::Map(&ENVIRONMENT_NAME, &Shape::Text),
                "variables to set in the container",
            ),
            optional(
                "files",
                Shape::List(&Shape::Object(&FILE)),
                "files to mount into the container, read-only",
            ),
            optional(
                "timeout",
                Shape::Integer(1, 3600),
                "the seconds that it may take; 60 unless stated",
            ),
            ONLY_PLATFORMS,
            ONLY_VARIANTS,
        ],
        ASKING,
        EXPECTATION,
    ],
};
