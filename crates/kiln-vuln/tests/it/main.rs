//! What the room promises, on samples of real feeds and on the tables of other tools.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and one asks dpkg itself"
)]

mod at;
mod compare;
mod database;
mod feeds;
mod gate;
mod gate_entries;
mod gate_support;
mod matching;
mod report;
mod score;
mod versions;
mod vex;
mod vex_doubt;
