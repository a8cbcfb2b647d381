//! Prints the set that a request resolves to, for comparisons with other tools.
//!
//! ```text
//! resolve_set UNIVERSE [NAME | NAME=VERSION | NAME/SUITE | !NAME]...
//! resolve_set PACKAGES[,PACKAGES]... [NAME | …]...
//! ```
//!
//! The first argument is a universe file or decompressed `Packages` files for amd64, such as those in
//! `/var/lib/apt/lists`, in the order of their sources.
//!
//! The packages go to standard output as `NAME=VERSION`, sorted by name, one a line. With a `!NAME`,
//! dependencies that it leaves open are tolerated and go to standard error. When there is no set, the
//! reason goes to standard error and the exit code is 1; a wrong call is 64.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::ExitCode;

use kiln_deb::universe::RandomAccess;
use kiln_deb::{DebUniverse, IndexBuilder, IndexSource};
use kiln_types::{
    Comparison, Constraint, PackageName, PackageRequest, PackageVersion, Request, Unmet,
};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(universe) = arguments.next() else {
        let _ = writeln!(
            io::stderr(),
            "usage: resolve_set UNIVERSE [NAME|NAME=VERSION|NAME/SUITE|!NAME]..."
        );
        return ExitCode::from(64);
    };
    match run(&universe, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "resolve_set: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(universe: &str, items: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let mut request = PackageRequest::default();
    for item in items {
        if let Some(name) = item.strip_prefix('!') {
            request.exclude.insert(PackageName::new(name)?);
            request.unmet = Unmet::Tolerate;
        } else {
            request.include.push(wanted(&item)?);
        }
    }
    request.include.sort();
    let universe = DebUniverse::open(universe, input(universe)?, &BTreeMap::new())?;
    let resolution = kiln_resolve::resolve(&universe, &request)?;
    let mut output = io::stdout().lock();
    for package in &resolution.packages {
        writeln!(output, "{}={}", package.name, package.version)?;
    }
    for open in &resolution.tolerated {
        writeln!(io::stderr(), "{open}")?;
    }
    Ok(())
}

/// The universe file, or one made of the indexes.
fn input(universe: &str) -> Result<Box<dyn RandomAccess>, Box<dyn Error>> {
    if !universe.ends_with("_Packages") && !universe.ends_with(".packages") {
        return Ok(Box::new(File::open(universe)?));
    }
    let mut output = Vec::new();
    let mut builder = IndexBuilder::new(&mut output, "amd64");
    for subject in universe.split(',') {
        // The suite is the word before the component: …_dists_trixie_main_binary-amd64_Packages.
        let suite = subject
            .split_once("_dists_")
            .and_then(|(_, rest)| rest.split('_').next())
            .unwrap_or_default();
        let source = IndexSource {
            subject,
            archive: "debian",
            suite,
            priority: 500,
        };
        builder.add(&source, &mut File::open(subject)?)?;
    }
    builder.finish()?;
    Ok(Box::new(output))
}

fn wanted(item: &str) -> Result<Request, Box<dyn Error>> {
    let (name, version, suite) = if let Some((name, version)) = item.split_once('=') {
        (name, Some(version), None)
    } else if let Some((name, suite)) = item.split_once('/') {
        (name, None, Some(suite.to_owned()))
    } else {
        (item, None, None)
    };
    let constraint = match version {
        Some(version) => Some(Constraint {
            comparison: Comparison::Equal,
            version: PackageVersion::new(version)?,
        }),
        None => None,
    };
    Ok(Request {
        name: PackageName::new(name)?,
        constraint,
        suite,
    })
}
