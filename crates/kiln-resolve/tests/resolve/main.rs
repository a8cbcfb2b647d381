//! Tests of the solver from outside: rules as tables, errors in words, properties of random
//! universes. `make interop` compares whole sets with apt's.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod errors;
mod explanations;
mod properties;
mod rules;
mod universe;

use kiln_resolve::{Resolution, ResolveError, resolve};
use kiln_types::{PackageName, PackageRequest, Request, Unmet};

use universe::Memory;

/// A request in a few words: `nginx (= 1)/backports, curl, !mawk`; `?` in front tolerates open
/// dependencies.
fn request(text: &str) -> PackageRequest {
    let mut request = PackageRequest::default();
    let text = match text.strip_prefix('?') {
        Some(rest) => {
            request.unmet = Unmet::Tolerate;
            rest
        }
        None => text,
    };
    for item in text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        if let Some(name) = item.strip_prefix('!') {
            request.exclude.insert(PackageName::new(name).unwrap());
            continue;
        }
        let (relation, suite) = match item.split_once('/') {
            Some((relation, suite)) => (relation, Some(suite.to_owned())),
            None => (item, None),
        };
        let relation = universe::relation(relation);
        let name = PackageName::new(relation.name).unwrap();
        request.include.push(Request {
            name,
            constraint: relation.constraint,
            suite,
        });
    }
    request
}

fn solve(universe: &str, wanted: &str) -> Result<Resolution, ResolveError> {
    resolve(&Memory::new(universe), &request(wanted))
}

/// `a=1 b=2`.
fn set(resolution: &Resolution) -> String {
    let packages: Vec<String> = resolution
        .packages
        .iter()
        .map(|record| format!("{}={}", record.name, record.version))
        .collect();
    packages.join(" ")
}
