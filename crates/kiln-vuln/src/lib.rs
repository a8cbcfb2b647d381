//! Advisories, and what they say about what is in an image.
//!
//! From feeds to findings: [`feed`] reads each feed into an [`AdvisorySet`]; [`database`] writes a set
//! as one immutable file and looks things up in it; [`matching`] asks it about an inventory, and
//! [`vex`] holds what others say of it against the findings. The orders of versions stand in [`version`], names in [`ecosystem`].
//!
//! No network, no clock: feeds come in as bytes with their name and date.

pub mod advisories;
pub mod compare;
pub mod database;
pub mod ecosystem;
pub mod feed;
pub mod filter;
pub mod gate;
pub mod matching;
mod rating;
pub mod report;
pub mod score;
pub mod signature;
pub mod support;
pub mod version;
pub mod vex;

pub use advisories::{Advisories, AdvisorySet, EndOfLife};
pub use database::{
    Database, DatabaseError, DatabaseMeta, pack_database, seal_database, unpack_database,
    write_database,
};
pub use feed::FeedError;
pub use filter::Filter;
pub use matching::{match_inventory, match_inventory_at};
pub use version::{Scheme, compare};
