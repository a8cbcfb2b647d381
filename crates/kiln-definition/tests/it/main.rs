//! The tests of this room, in one program.
#![allow(missing_docs, reason = "tests are named after what they hold")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod catalog;
mod diagnostics;
mod evaluation;
mod guide;
mod lock;
mod schema;
