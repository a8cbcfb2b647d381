//! A layer's scan as bytes: entries in a compact form of their own, because there are thousands of
//! them, and what their files say as JSON.
//!
//! ```text
//! magic, raw bytes of the layer, bytes of the archive, bytes and components taken, whiteouts, opaque directories,
//! entries: kind and flags, mode, uid, gid, size, path (what it shares with the one before, the
//!          rest), link, number of findings
//! the findings of all entries, one JSON array
//! ```
//! Numbers are LEB128. The bytes come back from a disk, so reading them is bounded like any other
//! reading: nothing is set aside for a count that the bytes do not have.

use kiln_types::Inventory;

use crate::content::Taken;
use crate::layer::LayerScan;
use crate::node::{Finding, Node, NodeKind};

const MAGIC: &[u8] = b"kiln layer 1\n";
const CAPABLE: u64 = 8;

/// A scan and the sizes that belong to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) scan: LayerScan,
    /// Bytes of the layer as it came.
    pub(crate) size: u64,
    /// What the layer took of what an image may have.
    pub(crate) taken: Taken,
}

/// The bytes of a scan that is complete; `None` for one that is not.
pub(crate) fn packed(scan: &LayerScan, size: u64, taken: Taken) -> Option<Vec<u8>> {
    if !scan.incomplete.is_empty() {
        return None;
    }
    let mut out = MAGIC.to_vec();
    number(&mut out, size);
    number(&mut out, scan.unpacked);
    number(&mut out, taken.bytes);
    number(&mut out, taken.components);
    for list in [&scan.whiteouts, &scan.opaque] {
        number(&mut out, list.len() as u64);
        for path in list {
            text(&mut out, path);
        }
    }
    number(&mut out, scan.nodes.len() as u64);
    let mut before = "";
    let mut findings: Vec<&Finding> = Vec::new();
    for node in &scan.nodes {
        let kind = match node.kind {
            NodeKind::File => 0,
            NodeKind::Directory => 1,
            NodeKind::Symlink => 2,
            NodeKind::Hardlink => 3,
            NodeKind::Other => 4,
        };
        number(&mut out, kind | if node.capable { CAPABLE } else { 0 });
        for value in [node.mode, node.uid, node.gid] {
            number(&mut out, u64::from(value));
        }
        number(&mut out, node.size);
        let shared = shared(before, &node.path);
        number(&mut out, shared as u64);
        text(&mut out, node.path.get(shared..).unwrap_or_default());
        text(&mut out, &node.link);
        number(&mut out, node.findings.len() as u64);
        findings.extend(&node.findings);
        before = &node.path;
    }
    out.extend(serde_json::to_vec(&findings).ok()?);
    Some(out)
}

/// The scan that bytes hold; `None` for bytes that hold none.
pub(crate) fn unpacked(bytes: &[u8]) -> Option<Kept> {
    let mut input = Input(bytes.strip_prefix(MAGIC)?);
    let size = input.number()?;
    let mut scan = LayerScan {
        unpacked: input.number()?,
        ..LayerScan::default()
    };
    let taken = Taken {
        bytes: input.number()?,
        components: input.number()?,
    };
    scan.whiteouts = input.list()?;
    scan.opaque = input.list()?;
    let mut counts = Vec::new();
    let mut before = String::new();
    for _ in 0..input.number()? {
        let flags = input.number()?;
        let kind = match flags & !CAPABLE {
            0 => NodeKind::File,
            1 => NodeKind::Directory,
            2 => NodeKind::Symlink,
            3 => NodeKind::Hardlink,
            4 => NodeKind::Other,
            _ => return None,
        };
        let mut small = || u32::try_from(input.number()?).ok();
        let (mode, uid, gid) = (small()?, small()?, small()?);
        let size = input.number()?;
        let shared = usize::try_from(input.number()?).ok()?;
        let rest = input.text()?;
        before.truncate(before.get(..shared)?.len());
        before.push_str(rest);
        let link = input.text()?.to_owned();
        counts.push(input.number()?);
        scan.nodes.push(Node {
            path: before.clone(),
            kind,
            mode,
            uid,
            gid,
            size,
            link,
            capable: flags & CAPABLE != 0,
            findings: Vec::new(),
        });
    }
    let findings: Vec<Finding> = serde_json::from_slice(input.0).ok()?;
    let mut findings = findings.into_iter();
    for (node, count) in scan.nodes.iter_mut().zip(counts) {
        for _ in 0..count {
            node.findings.push(findings.next()?);
        }
    }
    findings
        .next()
        .is_none()
        .then_some(Kept { scan, size, taken })
}

/// What the bytes of a whole image begin with; its inventory follows as JSON.
const WHOLE: &[u8] = b"kiln image 1\n";

/// The bytes of an inventory.
pub(crate) fn packed_whole(inventory: &Inventory) -> Option<Vec<u8>> {
    let mut out = WHOLE.to_vec();
    serde_json::to_writer(&mut out, inventory).ok()?;
    Some(out)
}

/// The inventory that bytes hold; `None` for bytes that hold none.
pub(crate) fn unpacked_whole(bytes: &[u8]) -> Option<Inventory> {
    serde_json::from_slice(bytes.strip_prefix(WHOLE)?).ok()
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Bytes that two paths have in common, up to a letter's begin in both.
fn shared(before: &str, path: &str) -> usize {
    let same = before.bytes().zip(path.bytes());
    let mut length = same.take_while(|(left, right)| left == right).count();
    while !path.is_char_boundary(length) || !before.is_char_boundary(length) {
        length -= 1;
    }
    length
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(first & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if first & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn list(&mut self) -> Option<Vec<String>> {
        let mut list = Vec::new();
        for _ in 0..self.number()? {
            list.push(self.text()?.to_owned());
        }
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use kiln_types::{Component, ComponentKind, EvidenceKind};
    use proptest::prelude::*;

    use super::*;
    use crate::node::Found;

    fn node() -> impl Strategy<Value = Node> {
        let path = "(usr/|lib/|é|è|\"blob:){0,4}[a-c]{0,3}";
        let finding = prop_oneof![
            "\\PC{0,8}".prop_map(Finding::Text),
            "\\PC{0,8}".prop_map(Finding::Secret),
            "[a-z]{1,6}".prop_map(|name| {
                let component = Component::new(ComponentKind::Npm, name, "1.0");
                let found = Found::new(component, EvidenceKind::Metadata);
                Finding::Components(vec![found])
            }),
        ];
        let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u64>());
        (
            path,
            0..5,
            numbers,
            any::<bool>(),
            prop::collection::vec(finding, 0..3),
        )
            .prop_map(|(path, kind, (mode, uid, gid, size), capable, findings)| {
                let kinds = [
                    NodeKind::File,
                    NodeKind::Directory,
                    NodeKind::Symlink,
                    NodeKind::Hardlink,
                    NodeKind::Other,
                ];
                Node {
                    link: path.chars().rev().collect(),
                    path,
                    kind: kinds[kind as usize],
                    mode,
                    uid,
                    gid,
                    size,
                    capable,
                    findings,
                }
            })
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(
            nodes in prop::collection::vec(node(), 0..8),
            whiteouts: Vec<String>,
            unpacked_size: u64,
            size: u64,
        ) {
            let scan = LayerScan { nodes, whiteouts, unpacked: unpacked_size, ..LayerScan::default() };
            let taken = Taken { bytes: size / 2, components: size / 3 };
            let bytes = packed(&scan, size, taken).unwrap();
            prop_assert_eq!(unpacked(&bytes), Some(Kept { scan, size, taken }));
        }

        #[test]
        fn foreign_bytes_are_refused(bytes: Vec<u8>, nodes in prop::collection::vec(node(), 1..4), cut: prop::sample::Index) {
            let _ = unpacked(&[MAGIC, &bytes].concat());
            let scan = LayerScan { nodes, ..LayerScan::default() };
            let whole = packed(&scan, 1, Taken::default()).unwrap();
            prop_assert_eq!(unpacked(&whole[..cut.index(whole.len())]), None);
        }
    }

    #[test]
    fn a_lower_bound_is_not_kept() {
        let mut scan = LayerScan::default();
        scan.miss("a", "unreadable");
        assert_eq!(packed(&scan, 1, Taken::default()), None);
    }
}
