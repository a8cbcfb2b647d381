//! `cargo xtask TASK`: what the project does with itself. See [`USAGE`].
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's tool talks to its terminal"
)]

use std::path::Path;
use std::process::ExitCode;

use xtask::{bench, catalog, docs, schemas, structure};

const USAGE: &str = "\
usage: cargo xtask TASK

  check             the rules of the house: floors, owners, forbidden calls, sizes, words, links
  schemas [--check] write the committed JSON schemas again, or fail where one is out of date
  docs-test         run the commands that the documents show
  bench [scan]      measure, and write docs/benchmarks.md, or its section about scanning
  catalog           build all images, and write docs/catalog.md
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = xtask::root();
    let outcome = match arguments.as_slice() {
        ["check"] => check(&root),
        ["schemas"] => schemas::write(&root),
        ["schemas", "--check"] => schemas::check(&root),
        ["docs-test", rest @ ..] => docs::test(&root, rest),
        ["catalog"] => catalog::write(&root),
        ["bench", rest @ ..] => bench::run(&root, rest),
        [] | ["help" | "-h" | "--help"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn check(root: &Path) -> Result<(), String> {
    let report = structure::check(root)?;
    for note in &report.notes {
        println!("note: {note}");
    }
    for problem in &report.problems {
        println!("problem: {problem}");
    }
    if report.problems.is_empty() {
        println!(
            "structure: {} crates, {} files, no problem",
            report.crates, report.files
        );
        Ok(())
    } else {
        Err(format!(
            "the structure has {} problem(s)",
            report.problems.len()
        ))
    }
}
