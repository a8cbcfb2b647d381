//! The whole binary against tiny signed repositories and a server that does what it is told. Nothing
//! here needs a network, an engine or a Debian machine, except `docs`, which says so.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "these tests are about processes and the environment, and what is skipped must be seen"
)]

mod advisories;
mod attacks;
mod build;
mod declared;
mod documents;
mod gate;
mod guides;
mod hostile;
mod image_attacks;
mod input;
mod interrupted;
mod layout;
mod lock;
mod mirrors;
mod outputs;
mod publication;
mod reports;
mod reproducible;
mod sbom;
mod scan;
mod schema;
mod world;
