//! Tiny packages become fragments, layers and images.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a set-up that fails fails the test"
)]

mod compose;
mod describe;
mod fragment;
mod furnish;
mod merge;
mod reach;
mod world;
