//! What must be absent: the clock, the environment, randomness, processes, the terminal, the
//! network and the file system, each below the floor where it comes in.
//!
//! This reads names, not types, so it is a net and not a proof; clippy's `disallowed_methods`
//! (clippy.toml) is the second one.

use std::collections::BTreeSet;

use super::files::File;
use super::paths;
use super::rooms::{Floor, Rooms};
use super::source;
use crate::Problem;

/// Names that must not appear on floors up to and including `up_to`.
struct Rule {
    /// A path, and everything below it.
    path: &'static str,
    up_to: u8,
    reason: &'static str,
}

const BELOW_THE_BINARY: u8 = 5;

const fn rule(path: &'static str, up_to: u8, reason: &'static str) -> Rule {
    Rule {
        path,
        up_to,
        reason,
    }
}

const CLOCK: &str = "time comes in through `kiln_types::Clock`";
const ENVIRONMENT: &str = "settings are read once, in the binary";
const CHANCE: &str = "the same input gives the same bytes";
const PROCESS: &str = "libraries spawn nothing and do not end the process";
const TERMINAL: &str = "data and prose leave through the binary only";
const NETWORK: &str = "floors 0-2 do no network";
const FILES: &str = "format crates take bytes and give values";

const RULES: &[Rule] = &[
    rule("std::time::SystemTime::now", BELOW_THE_BINARY, CLOCK),
    rule("std::time::Instant::now", BELOW_THE_BINARY, CLOCK),
    rule("tokio::time::Instant::now", BELOW_THE_BINARY, CLOCK),
    rule("std::env", BELOW_THE_BINARY, ENVIRONMENT),
    rule("home::", BELOW_THE_BINARY, ENVIRONMENT),
    rule("home_dir", BELOW_THE_BINARY, ENVIRONMENT),
    rule("dirs::", BELOW_THE_BINARY, ENVIRONMENT),
    rule("rand::", BELOW_THE_BINARY, CHANCE),
    rule("fastrand::", BELOW_THE_BINARY, CHANCE),
    rule("getrandom::", BELOW_THE_BINARY, CHANCE),
    rule("thread_rng", BELOW_THE_BINARY, CHANCE),
    rule("std::hash::RandomState", BELOW_THE_BINARY, CHANCE),
    rule(
        "std::collections::hash_map::RandomState",
        BELOW_THE_BINARY,
        CHANCE,
    ),
    rule("std::process", BELOW_THE_BINARY, PROCESS),
    rule("tokio::process", BELOW_THE_BINARY, PROCESS),
    rule("println!", BELOW_THE_BINARY, TERMINAL),
    rule("eprintln!", BELOW_THE_BINARY, TERMINAL),
    rule("print!", BELOW_THE_BINARY, TERMINAL),
    rule("eprint!", BELOW_THE_BINARY, TERMINAL),
    rule("dbg!", BELOW_THE_BINARY, TERMINAL),
    rule("std::io::stdin", BELOW_THE_BINARY, TERMINAL),
    rule("std::io::stdout", BELOW_THE_BINARY, TERMINAL),
    rule("std::io::stderr", BELOW_THE_BINARY, TERMINAL),
    rule("std::net", 2, NETWORK),
    rule("tokio", 2, NETWORK),
    rule("std::fs", 1, FILES),
];

/// A room that may do what its floor may not, and why.
struct Exception {
    room: &'static str,
    /// A path, and everything below it.
    path: &'static str,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        room: "kiln-oci",
        path: "std::fs",
        reason: "layouts are folders: they are read and written, whole or absent, here",
    },
    Exception {
        room: "kiln-deb",
        path: "std::fs::File",
        reason: "members of a package are read at their offsets from a file that was opened above",
    },
    Exception {
        room: "kiln-net",
        path: "tokio::time::Instant::now",
        reason: "a stall is noticed by elapsed time, which reaches no output",
    },
    Exception {
        room: "kiln-store",
        path: "std::process::id",
        reason: "names of temporary files differ between processes on one store",
    },
];

/// Checks every source of every room that stands on a numbered floor.
#[must_use]
pub fn check(rooms: &Rooms, files: &[File]) -> Vec<Problem> {
    scan(rooms, files).0
}

/// Exceptions that no source needs.
#[must_use]
pub fn unused_exceptions(rooms: &Rooms, files: &[File]) -> Vec<Problem> {
    let used = scan(rooms, files).1;
    EXCEPTIONS
        .iter()
        .enumerate()
        .filter(|(index, _)| !used.contains(index))
        .map(|(_, exception)| {
            Problem::new(
                exception.room,
                format!(
                    "no longer needs its exception for `{}` ({})",
                    exception.path, exception.reason
                ),
            )
        })
        .collect()
}

fn scan(rooms: &Rooms, files: &[File]) -> (Vec<Problem>, BTreeSet<usize>) {
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    let for_tests = test_modules(files);
    for file in files {
        let Some(text) = file.rust() else { continue };
        let Some((room, floor)) = place(rooms, &file.path) else {
            continue;
        };
        if for_tests.iter().any(|prefix| {
            file.path == format!("{prefix}.rs") || file.path.starts_with(&format!("{prefix}/"))
        }) {
            continue;
        }
        let (code, _) = source::product_code(text);
        for named in paths::named(&code) {
            let Some(rule) = RULES
                .iter()
                .find(|rule| floor <= rule.up_to && below(&named.path, rule.path))
            else {
                continue;
            };
            let exception = EXCEPTIONS
                .iter()
                .position(|exception| exception.room == room && below(&named.path, exception.path));
            if let Some(index) = exception {
                used.insert(index);
                continue;
            }
            problems.push(Problem::new(
                format!("{}:{}", file.path, named.line),
                format!("`{}` is absent from `{room}`: {}", named.path, rule.reason),
            ));
        }
    }
    (problems, used)
}

/// Whether `path` is `top` or stands below it; a `top` that ends in `::` is a crate, whose name
/// alone may also be that of a variable.
fn below(path: &str, top: &str) -> bool {
    if top.ends_with("::") {
        return path.starts_with(top);
    }
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The room and floor of a source of a product (`crates/ROOM/src/…`, not `…/tests/…`).
fn place<'a>(rooms: &Rooms, path: &'a str) -> Option<(&'a str, u8)> {
    let (room, inside) = path.strip_prefix("crates/")?.split_once('/')?;
    if !inside.starts_with("src/") || inside.contains("/tests/") || inside.ends_with("/tests.rs") {
        return None;
    }
    match rooms.get(room)?.floor {
        Floor::Number(floor) => Some((room, floor)),
        Floor::Dev => None,
    }
}

/// The paths, without extension, of modules that are declared under `#[cfg(test)]`.
fn test_modules(files: &[File]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files {
        let Some(text) = file.rust() else { continue };
        let (folder, _) = file.path.rsplit_once('/').unwrap_or(("", ""));
        let home = match file.stem() {
            "lib" | "main" | "mod" => folder.to_owned(),
            stem => format!("{folder}/{stem}"),
        };
        let (_, modules) = source::product_code(text);
        found.extend(modules.iter().map(|module| format!("{home}/{module}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::rooms;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let rooms = rooms::table(
            "| floor | crate | what | owns |\n|-|-|-|-|\n| 6 | `kiln` | | |\n| 3 | `kiln-net` | | |\n| 2 | `kiln-image` | | |\n| 1 | `kiln-deb`, `kiln-oci` | | |\n| dev | `kiln-testkit` | | |\n",
        )
        .unwrap();
        let files = [
            File::new(path, text),
            File::new("crates/kiln-deb/src/outer.rs", "#[cfg(test)]\nmod inner;\n"),
        ];
        check(&rooms, &files)
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn forbidden_calls_are_found() {
        for (path, text) in [
            (
                "crates/kiln-deb/src/a.rs",
                "fn f() { std::time::SystemTime::now(); }",
            ),
            (
                "crates/kiln-deb/src/a.rs",
                "use std::time::Instant;\nfn f() { Instant::now(); }",
            ),
            (
                "crates/kiln-net/src/a.rs",
                "fn f() { std::env::var(\"X\"); }",
            ),
            ("crates/kiln-net/src/a.rs", "use std::{process::Command};"),
            ("crates/kiln-net/src/a.rs", "fn f() { rand::random() }"),
            ("crates/kiln-image/src/a.rs", "fn f() { println!(\"\") }"),
            ("crates/kiln-image/src/a.rs", "use std::net::TcpStream;"),
            ("crates/kiln-deb/src/a.rs", "use std::fs;\nfn f() {}"),
        ] {
            assert_eq!(
                problems(path, text).len(),
                1,
                "{path} {text}: {:?}",
                problems(path, text)
            );
        }
    }

    #[test]
    fn allowed_places_are_left_alone() {
        for (path, text) in [
            (
                "crates/kiln/src/a.rs",
                "fn f() { std::env::var(\"X\"); println!(\"\") }",
            ),
            (
                "crates/kiln-testkit/src/a.rs",
                "fn f() { std::env::var(\"X\"); }",
            ),
            (
                "crates/kiln-deb/tests/a.rs",
                "fn f() { std::env::var(\"X\"); }",
            ),
            (
                "crates/kiln-deb/src/a/tests.rs",
                "fn f() { std::env::var(\"X\"); }",
            ),
            (
                "crates/kiln-deb/src/outer/inner.rs",
                "fn f() { std::env::var(\"X\"); }",
            ),
            (
                "crates/kiln-deb/src/a.rs",
                "#[cfg(test)]\nmod tests { use std::fs; }",
            ),
            (
                "crates/kiln-deb/src/a.rs",
                "// std::env::var\nconst A: &str = \"std::env::var\";",
            ),
            ("crates/kiln-image/src/a.rs", "use std::fs;"),
            (
                "crates/kiln-net/src/a.rs",
                "use std::net::IpAddr; use tokio::io::copy;",
            ),
            ("crates/kiln-oci/src/a.rs", "use std::fs;"),
            ("crates/kiln-deb/src/a.rs", "use std::fs::File;"),
            (
                "crates/kiln-deb/src/a.rs",
                "fn f(home: H) { dirs.x(H { home: home }) }",
            ),
            (
                "crates/kiln-deb/src/a.rs",
                "fn f() { env!(\"CARGO_PKG_VERSION\"); self.env.var() }",
            ),
        ] {
            assert_eq!(problems(path, text), Vec::<String>::new(), "{path} {text}");
        }
    }
}
