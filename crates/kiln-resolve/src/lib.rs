//! Package universe and constraints to a set of packages; explains itself.
//!
//! [`resolve`] takes a [`Universe`] (all packages there are for one architecture) and a
//! [`PackageRequest`] and gives the [`Resolution`]: the exact packages, why each of them is there,
//! and which dependencies the exclusions left open; or a [`ResolveError`] that says in words what
//! cannot hold together.
//!
//! # How
//!
//! Two stages, because two things are wanted: the set that the distribution's own tool would
//! pick, and an answer whenever there is one.
//!
//! 1. The *walk* (`walk.rs`) goes depth first through the dependencies the way apt's classic
//!    solver marks packages. It never backtracks far, and what it gives may be wrong, so its result
//!    is checked against every rule (`check.rs`). Most requests end here.
//! 2. The *search* (`search.rs`) hands the question to a SAT solver (resolvo), with the packages
//!    of the walk preferred. When it finds that there is no solution, `contradiction.rs` removes
//!    requirements one after the other until none can go: what is left is the error message.
//!
//! # Invariants
//!
//! - The result depends on the universe and the request only: not on time, insertion order, hash
//!   seeds or threads.
//! - Every package of the result is reachable from a request; every dependency of every package is
//!   met or listed in [`Resolution::tolerated`]; no two packages conflict; one version per name.
//! - Nothing is implied: neither essential packages nor recommended ones.
//! - Hostile universes cost bounded work: recursion and search steps are limited.
//!
//! Rules: Debian policy 7 and deb-control(5); `docs/design/0002-resolver.md` tells where apt's own
//! choices come from and where kiln differs.

mod catalog;
mod check;
mod contradiction;
mod error;
mod explain;
mod request;
mod resolution;
mod resolve;
mod search;
mod walk;

pub use error::{RequestError, ResolveError};
pub use resolution::{Edge, OpenDependency, Resolution};
pub use resolve::resolve;

#[cfg(doc)]
use kiln_types::{PackageRequest, Universe};
