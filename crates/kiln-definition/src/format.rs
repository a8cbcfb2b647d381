//! The format of definitions, profiles and distributions: every key there is.

pub(crate) mod rules;
mod settings;
mod start;
mod tests;

use crate::shape::{Field, Object, Shape, optional, required};
use rules::*;
use settings::{LANGUAGE, LINE_OF_TEXT, LOAD, PLATFORMS, SETTINGS, SHELL_CALLER, USER, WORDS};

/// The format version this kiln reads.
pub(crate) const FORMAT: i64 = 1;

/// Settings in which a profile's word can stand above the image's.
static OVERRIDE: &[&str] = &["run-as", "work-dir", "entrypoint", "cmd", "stop-signal"];

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
                "unreached",
                Shape::Choice(&["cut", "keep"]),
                "what happens to programs, scripts and packages that nothing reaches; `keep` unless stated",
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
        optional(
            "languages",
            Shape::List(&Shape::Object(&LANGUAGE)),
            "the languages of its interpreters and modules",
        ),
        optional(
            "loads",
            Shape::List(&Shape::Object(&LOAD)),
            "what files open at run time without saying so",
        ),
        optional(
            "without-shell",
            Shape::List(&Shape::Object(&SHELL_CALLER)),
            "files that can start a shell and do without one in any image",
        ),
    ]],
};
