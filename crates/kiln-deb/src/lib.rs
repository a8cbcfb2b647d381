//! The Debian formats: versions, control files, indexes, signatures, packages and the installed
//! database.
//!
//! Everything here takes bytes (or a reader) and gives values or errors; nothing touches the
//! network, the clock or the environment, and no input makes it panic.
//!
//! From a repository to the solver: [`release`] reads the signed index of indexes that [`openpgp`]
//! verified against a [`keyring`]; [`index`] turns `Packages` files into a compact universe file;
//! [`universe`] opens that file and is what the solver chooses from. From a package to an image:
//! [`package`] reads `.deb` files, [`database`] writes what dpkg would have noted about them.
//! [`version`], [`control`] and [`relation`] are the small formats that all of them share, and
//! [`sources_list`] reads which repositories a machine has configured.

pub mod control;
pub mod database;
pub mod index;
pub mod keyring;
pub mod openpgp;
pub mod package;
pub mod relation;
pub mod release;
pub mod sources_list;
pub mod universe;
pub mod version;

pub use control::{ControlError, Limits, Paragraph, StanzaReader};
pub use index::{IndexBuilder, IndexSource, IndexSummary};
pub use sources_list::{AptSource, AptSources, ArchiveType, SignedBy};
pub use universe::{DebUniverse, RandomAccess};
