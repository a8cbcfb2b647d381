//! One file a command: its arguments, whose doc comments are its help, and what it does.

pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod catalog;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod gate;
pub(crate) mod kept;
pub(crate) mod lock;
pub(crate) mod quickview;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod score;
pub(crate) mod show;
pub(crate) mod test;
pub(crate) mod version;
pub(crate) mod vex;
pub(crate) mod why;
