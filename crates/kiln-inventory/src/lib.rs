//! What is inside an image: components with their evidence, the distribution, and the facts that
//! hardening asks about. Any image, kiln's or not.
//!
//! - [`open`] finds the images at a [`Place`]; [`Image::scan`] reads its layers, each in one pass;
//! - [`assemble`] puts layers over each other and joins what their files say into an
//!   [`Inventory`](kiln_types::Inventory);
//! - [`read`] takes the documents that other tools wrote about an image;
//! - [`write`] gives the inventory as SPDX, CycloneDX and lists.
//!
//! A layer that was read before need not be read again: what it says is kept by a [`LayerMemory`].
//!
//! Nothing is executed, nothing is unpacked to a disk, no network, no clock. Images are hostile:
//! everything is bounded, every promised digest is checked, and what could not be read stands in
//! the inventory's `incomplete`.

mod assemble;
mod built;
mod catalogers;
mod content;
mod distribution;
mod error;
mod facts;
mod layer;
mod licence;
mod memory;
mod node;
mod path;
pub mod read;
mod source;
mod tree;
pub mod write;

pub use assemble::assemble;
pub use built::with_build;
pub use error::InventoryError;
pub use kiln_oci::Transport;
pub use layer::{LayerScan, ScanLimits, scan_layer};
pub use memory::{LayerMemory, NoMemory};
pub use source::{Image, Place, Scanned, open, open_index, open_project};
