//! Advisories, and what they say about what is in an image.
//!
//! No network, no clock, no files: feeds come in as bytes with their name and date.

pub mod version;

pub use version::{Scheme, compare};
