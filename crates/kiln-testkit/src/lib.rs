//! A hermetic world for tests: tiny signed Debian repositories, a server with faults for them, an
//! environment in which the `kiln` binary runs, and the commands that the documents show.
//!
//! Everything here is made anew from what a test says, byte for byte the same each time: no clock,
//! no random names inside files, no dependence on the machine. The writers of tar, ar and indexes
//! are this crate's own and small, so that a fault in the product's writers cannot hide behind
//! the same fault in its tests.
//!
//! ```
//! use kiln_testkit::{DebBuilder, DebianRepository, Server};
//!
//! let folder = tempfile::tempdir()?;
//! DebianRepository::new("trixie")
//!     .add(DebBuilder::new("hello", "1.0-1").file("/usr/bin/hello", "hi", 0o755).build())
//!     .write(folder.path())?;
//! let server = Server::serve(folder.path())?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! # Ok::<(), std::io::Error>(())
//! ```
#![expect(
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a tool for tests fails by panicking, starts the binary and reads the machine"
)]

mod archive;
pub mod attack;
mod deb;
mod debian;
mod documents;
mod environment;
mod inspect;
mod keys;
mod repository;
mod server;

pub use archive::{Compression, Entry, EntryKind, ar, tar};
pub use deb::{Deb, DebBuilder};
pub use debian::tiny_debian;
pub use documents::{DocumentCommand, document_commands, document_samples, markdown_files};
pub use environment::{Environment, Run};
pub use inspect::{TarEntry, gzip_members, read_tar};
pub use keys::{TestKey, keyring, keyring_binary};
pub use repository::{DebianRepository, RepositoryFault};
pub use server::{Request, Server, ServerFault};

pub use kiln_types::Timestamp;
