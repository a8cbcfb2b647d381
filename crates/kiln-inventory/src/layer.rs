//! One layer, read once: every entry's metadata, and what the files that matter say.
//!
//! The result holds no file contents but small ones that a cataloger asked for, and is the same for
//! the same layer, whatever lies below it: so it can be kept by the layer's digest.
//!
//! Invariants: memory is bounded by the number of entries, the length of paths, and
//! [`ScanLimits::captured`]; what is beyond is reported and left out.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

use kiln_archive::{ArchiveError, Limits, tar};
use kiln_types::Incomplete;
use serde::{Deserialize, Serialize};

use crate::content::{self, Budget, Remaining};
use crate::node::{Finding, Node, NodeKind};
use crate::path::{name, normalised, parent};

/// What a scan may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// Entries and bytes of one layer.
    pub layer: Limits,
    /// Bytes of one file that is read into memory as a whole.
    pub file: u64,
    /// Bytes of what is kept of the names and files of an image, all layers together.
    pub captured: u64,
    /// Components of an image, all layers together.
    pub components: u64,
    /// Bytes of an archive inside the image (a jar), and of what it unpacks to in memory.
    pub nested: u64,
    /// How deep archives may nest in archives.
    pub depth: usize,
}

/// More than any image has that people make, and as many as memory below the stated cap allows.
pub(crate) const MOST_COMPONENTS: u64 = 50_000;

impl Default for ScanLimits {
    fn default() -> Self {
        Self {
            layer: Limits::default(),
            file: 32 << 20,
            captured: 256 << 20,
            components: MOST_COMPONENTS,
            nested: 256 << 20,
            depth: 4,
        }
    }
}

/// What one layer says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerScan {
    /// Its entries, in their order.
    pub(crate) nodes: Vec<Node>,
    /// Paths that it takes away from the layers below.
    pub(crate) whiteouts: Vec<String>,
    /// Directories of which it hides everything below.
    pub(crate) opaque: Vec<String>,
    /// Bytes of the archive.
    pub(crate) unpacked: u64,
    /// What could not be read.
    pub(crate) incomplete: Vec<Incomplete>,
}

/// Reads a layer (a tar archive, not compressed). What is wrong with the archive makes the result
/// incomplete, and is no error: whether the bytes are those promised is for the caller to see, who
/// reads `input` to its end for that.
pub fn scan_layer(input: impl Read, limits: &ScanLimits) -> LayerScan {
    let input = BufReader::with_capacity(256 << 10, input);
    scan_layer_within(input, &Budget::new(limits, &Remaining::new(limits)))
}

/// The same for one of several layers, which share what may be kept.
pub(crate) fn scan_layer_within(input: impl BufRead, budget: &Budget<'_>) -> LayerScan {
    let mut scan = LayerScan::default();
    let limits = &budget.limits.layer;
    let mut reader = tar::Reader::new(input, limits);
    loop {
        match reader.next() {
            Ok(None) => break,
            Ok(Some(entry)) => {
                let result = take_entry(&mut scan, entry, &mut reader, budget);
                if let Err(error) = result {
                    scan.miss_layer(&ArchiveError::from(error));
                    break;
                }
            }
            Err(error) => {
                scan.miss_layer(&error);
                break;
            }
        }
    }
    scan
}

impl LayerScan {
    /// Something is wrong with the archive itself.
    pub(crate) fn miss_layer(&mut self, error: &ArchiveError) {
        self.miss("", &error.to_string());
    }

    /// Says which layer it was whose archive is wrong.
    pub(crate) fn name_layer(&mut self, layer: &str) {
        for missed in &mut self.incomplete {
            if missed.place.is_empty() {
                layer.clone_into(&mut missed.place);
            }
        }
    }

    pub(crate) fn miss(&mut self, place: &str, reason: &str) {
        // A hostile layer could fill memory with complaints.
        const MOST: usize = 1000;
        if self.incomplete.len() < MOST {
            self.incomplete.push(Incomplete {
                place: place.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }

    /// Adds a file, and looks into it if it is worth it.
    pub(crate) fn add_file(
        &mut self,
        mut node: Node,
        content: &mut dyn BufRead,
        budget: &Budget<'_>,
    ) -> io::Result<()> {
        node.findings = content::examine(&node, content, budget)?;
        for finding in &node.findings {
            if let Finding::Unread(reason) = finding {
                self.miss(&node.path.clone(), &reason.clone());
            }
        }
        self.nodes.push(node);
        Ok(())
    }
}

fn take_entry<R: BufRead>(
    scan: &mut LayerScan,
    entry: tar::Entry,
    reader: &mut tar::Reader<R>,
    budget: &Budget<'_>,
) -> io::Result<()> {
    let Some(path) = normalised(&entry.path) else {
        let shown: String = String::from_utf8_lossy(&entry.path)
            .chars()
            .take(200)
            .collect();
        scan.miss(
            &shown,
            "the path leaves the root: no engine would unpack it",
        );
        return Ok(());
    };
    if budget.has_whiteouts && take_whiteout(scan, &path) {
        return Ok(());
    }
    let kind = match entry.kind {
        tar::Kind::File => NodeKind::File,
        tar::Kind::Directory => NodeKind::Directory,
        tar::Kind::Symlink => NodeKind::Symlink,
        tar::Kind::Hardlink => NodeKind::Hardlink,
        _ => NodeKind::Other,
    };
    if path.is_empty() && kind != NodeKind::Directory {
        scan.miss("/", "an entry would replace the root by something else");
        return Ok(());
    }
    let link = match kind {
        NodeKind::Hardlink => match normalised(&entry.link) {
            Some(link) => link,
            None => {
                scan.miss(&path, "the hard link leads out of the root");
                return Ok(());
            }
        },
        _ => String::from_utf8_lossy(&entry.link).into_owned(),
    };
    let node = Node {
        kind,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        size: entry.size,
        link,
        capable: is_capable(&entry.xattrs),
        findings: Vec::new(),
        path,
    };
    // Long names cost memory as contents do.
    if !budget.take(node.path.len() as u64 + node.link.len() as u64) {
        let most = budget.limits.captured;
        return Err(ArchiveError::limit(format!(
            "the names and the files that are read have more than {most} bytes"
        ))
        .into());
    }
    if kind == NodeKind::File {
        scan.unpacked = scan.unpacked.saturating_add(node.size);
        return scan.add_file(node, reader.buffered(), budget);
    }
    scan.nodes.push(node);
    Ok(())
}

/// Takes in what a layer takes away (OCI image-spec `layer.md`, "Whiteouts"); false when the entry is
/// a file like any other.
fn take_whiteout(scan: &mut LayerScan, path: &str) -> bool {
    let parent = parent(path);
    match name(path).strip_prefix(".wh.") {
        None => return false,
        // The specification would have everything below go; overlay file systems keep it.
        Some(".wh..opq") if parent.is_empty() => scan.miss(
            "/",
            "the layer hides the whole root: engines differ in whether they show what is below",
        ),
        Some(".wh..opq") => scan.opaque.push(parent.to_owned()),
        // `.wh..wh.plnk` and the like are the old bookkeeping of AUFS.
        Some(hidden) if hidden.is_empty() || hidden.starts_with(".wh.") => {}
        Some(hidden) if parent.is_empty() => scan.whiteouts.push(hidden.to_owned()),
        Some(hidden) => scan.whiteouts.push(format!("{parent}/{hidden}")),
    }
    true
}

fn is_capable(xattrs: &BTreeMap<String, Vec<u8>>) -> bool {
    xattrs.contains_key("security.capability")
}
