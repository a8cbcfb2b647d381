//! OCI references, descriptors, manifests, layouts and archives, as byte-stable JSON.
//!
//! The documents are those of the OCI image specification 1.1. They are written by us rather than
//! taken from a crate because every byte of them is hashed: keys come in one order, maps are
//! sorted, there is no white space, and what is absent is left out ([`to_json`]). Reading
//! ([`from_json`]) tolerates fields it does not know, and refuses documents that are too large or
//! that two readers could understand differently.
//!
//! Containers of documents: a directory ([`layout`]), a tar archive of one ([`archive`]), and the
//! archive that `docker load` takes ([`docker_archive`]). Blobs come in through
//! [`kiln_types::BlobSource`]; no network, no clock.
//!
//! Invariants
//! - The same values give the same bytes.
//! - A layout appears whole or not at all; tags that are there already stay.
//! - What is read is verified against its digest and size before it is believed.

pub mod archive;
mod closure;
mod config;
mod descriptor;
pub mod docker_archive;
mod error;
mod json;
pub mod layout;
mod manifest;
pub mod media_type;
mod reference;
mod spelling;
mod transport;

pub use closure::{BlobRef, Root, closure, copy_verified, read_document};
pub use config::{CreatedTime, Empty, HistoryEntry, ImageConfig, ProcessConfig, RootFs};
pub use descriptor::{Descriptor, DescriptorPlatform};
pub use error::OciError;
pub use json::{MAX_DOCUMENT, from_json, to_json};
pub use manifest::{Document, Index, Manifest};
pub use reference::{Reference, ReferenceError};
pub use spelling::{Spelling, check_spelling};
pub use transport::{Transport, TransportError};
