//! What a scan keeps of one file: its metadata, and what was found in its content.

use kiln_types::{Component, EvidenceKind};
use serde::{Deserialize, Serialize};

use crate::catalogers::dpkg::DpkgStanza;
use crate::licence::Copyright;

/// What a node of a file tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NodeKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file.
    Hardlink,
    /// A device, pipe or anything else.
    Other,
}

/// One entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Node {
    /// The path, normalised, without a slash in front.
    pub(crate) path: String,
    /// What it is.
    pub(crate) kind: NodeKind,
    /// Permission bits, with setuid, setgid and sticky.
    pub(crate) mode: u32,
    /// The owner.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
    /// Bytes of content.
    pub(crate) size: u64,
    /// The target of a link: as written for a symbolic one, normalised for a hard one.
    pub(crate) link: String,
    /// Whether it has file capabilities.
    pub(crate) capable: bool,
    /// What was found in its content.
    pub(crate) findings: Vec<Finding>,
}

/// What the content of a file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Finding {
    /// Components that the file speaks for by itself.
    Components(Vec<Found>),
    /// Stanzas of a dpkg database.
    Dpkg(Vec<DpkgStanza>),
    /// A copyright file.
    Copyright(Box<Copyright>),
    /// The text of a file that is read when the whole tree is known.
    Text(String),
    /// The content looks like a secret.
    Secret(String),
    /// Something in the content could not be read.
    Unread(String),
}

/// A component as one file tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// The component, without evidence, owner and dependencies.
    pub(crate) component: Component,
    /// How it was found.
    pub(crate) kind: EvidenceKind,
    /// The path inside the file, for archives in it; else empty.
    pub(crate) inside: String,
    /// Names of components of the same kind that it says it needs.
    pub(crate) needs: Vec<String>,
    /// Names under which others may need it.
    pub(crate) provides: Vec<String>,
    /// Files that belong to it, from the root of the image: for package databases.
    pub(crate) files: Vec<String>,
}

impl Found {
    /// A component as one file tells of it.
    pub(crate) fn new(component: Component, kind: EvidenceKind) -> Self {
        Self {
            component,
            kind,
            inside: String::new(),
            needs: Vec::new(),
            provides: Vec::new(),
            files: Vec::new(),
        }
    }
}
