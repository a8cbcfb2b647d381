//! The merged view: layers over each other, the last writer wins (OCI image-spec `layer.md`).
//!
//! Invariant: every ancestor of a node is a directory of the tree.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::layer::LayerScan;
use crate::node::{Node, NodeKind};
use crate::path::{join, parent};

/// How many links a path may lead through, as in Linux.
const MOST_LINKS: usize = 40;

/// Where a node comes from: the layer, and its place in that layer's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) layer: u32,
    pub(crate) index: u32,
}

/// A place in the merged tree.
#[derive(Clone, Copy, Debug)]
enum Slot {
    /// A directory that no entry names.
    Implied,
    /// A node, and the layer whose entry put it at this path (which for a hard link is not always
    /// the layer of the content).
    Node(Origin),
}

/// The files of an image.
pub(crate) struct Tree<'a> {
    layers: &'a [LayerScan],
    slots: BTreeMap<String, Slot>,
    /// Hard links whose target is not there, with their path.
    pub(crate) dangling: Vec<String>,
    /// Bytes of the names of implied directories.
    implied_bytes: usize,
    /// What links may still cost: bytes of the paths that they are looked up in.
    left: Cell<usize>,
}

/// Following a link costs its path's length times its depth; chains of links multiply that.
const MOST_FOLLOWED: usize = 1 << 28;

/// Bytes of names that directories may have which no entry names.
const MOST_IMPLIED: usize = 64 << 20;

impl<'a> Tree<'a> {
    /// Puts layers over each other, the lowest first.
    pub(crate) fn merge(layers: &'a [LayerScan]) -> Self {
        let mut tree = Self {
            layers,
            slots: BTreeMap::new(),
            dangling: Vec::new(),
            implied_bytes: 0,
            left: Cell::new(MOST_FOLLOWED),
        };
        for (layer, scan) in (0_u32..).zip(layers) {
            // Whiteouts speak of the layers below, wherever they stand in their layer.
            for path in &scan.opaque {
                tree.remove_below(path);
            }
            for path in &scan.whiteouts {
                tree.slots.remove(path);
                tree.remove_below(path);
            }
            for (index, node) in (0_u32..).zip(&scan.nodes) {
                tree.insert(node, Origin { layer, index });
            }
        }
        tree
    }

    fn node_at(&self, origin: Origin) -> Option<&'a Node> {
        let layer = self.layers.get(usize::try_from(origin.layer).ok()?)?;
        layer.nodes.get(usize::try_from(origin.index).ok()?)
    }

    fn insert(&mut self, node: &Node, origin: Origin) {
        if node.path.is_empty() {
            return;
        }
        let Some(path) = self.placed(&node.path, origin.layer) else {
            return;
        };
        // The content of a hard link is that of its target, at this moment.
        let origin = match node.kind {
            NodeKind::Hardlink => {
                let target = self.placed(&node.link, origin.layer);
                match target.and_then(|target| self.slots.get(&target).copied()) {
                    Some(Slot::Node(target)) => target,
                    _ => {
                        self.dangling.push(path);
                        return;
                    }
                }
            }
            _ => origin,
        };
        let is_directory = node.kind == NodeKind::Directory;
        let old = self.slots.insert(path.clone(), Slot::Node(origin));
        if !is_directory && old.is_some_and(|old| self.is_directory(old)) {
            self.remove_below(&path);
        }
    }

    fn is_directory(&self, slot: Slot) -> bool {
        match slot {
            Slot::Implied => true,
            Slot::Node(origin) => self
                .node_at(origin)
                .is_some_and(|node| node.kind == NodeKind::Directory),
        }
    }

    /// The path at which an entry comes to lie. A symbolic link of the same layer on the way is
    /// followed, as the engines' unpacking does; what a lower layer has there and is no directory
    /// gives way to one. `None` where links go in circles.
    fn placed(&mut self, path: &str, layer: u32) -> Option<String> {
        let mut path = path.to_owned();
        let mut hops = 0;
        // Nearly always the parent is there and is a directory.
        if let Some(slot) = self.slots.get(parent(&path)).copied()
            && self.is_directory(slot)
        {
            return Some(path);
        }
        let mut end = 0;
        loop {
            let Some(next) = path.get(end..).and_then(|rest| rest.find('/')) else {
                return Some(path);
            };
            let ancestor = path.get(..end + next).unwrap_or_default();
            match self.slots.get(ancestor).copied() {
                Some(slot) if self.is_directory(slot) => {}
                Some(Slot::Node(origin)) => {
                    let link = self
                        .node_at(origin)
                        .filter(|node| node.kind == NodeKind::Symlink && origin.layer == layer);
                    if let Some(link) = link {
                        hops += 1;
                        if hops > MOST_LINKS {
                            return None;
                        }
                        self.spend(&path)?;
                        let rest = path.get(end + next..).unwrap_or_default();
                        path = join(parent(ancestor), &link.link)? + rest;
                        path = join("", &path)?;
                        end = 0;
                        continue;
                    }
                    self.imply(ancestor)?;
                }
                _ => {
                    self.imply(ancestor)?;
                }
            }
            end += next + 1;
        }
    }

    /// Makes a directory that no entry names; `None` when there are absurdly many.
    fn imply(&mut self, path: &str) -> Option<()> {
        self.implied_bytes = self.implied_bytes.saturating_add(path.len());
        if self.is_overfull() {
            return None;
        }
        self.slots.insert(path.to_owned(), Slot::Implied);
        Some(())
    }

    /// Whether entries were left out because they imply too many directories.
    pub(crate) const fn is_overfull(&self) -> bool {
        self.implied_bytes > MOST_IMPLIED
    }

    /// Counts the cost of following a link in a path; `None` when links have cost too much already.
    fn spend(&self, path: &str) -> Option<()> {
        // Every ancestor of the path is looked up, each by its whole name.
        let depth = path.bytes().filter(|byte| *byte == b'/').count() + 1;
        let cost = path.len().saturating_mul(depth).saturating_add(64);
        self.left.set(self.left.get().saturating_sub(cost));
        (!self.is_exhausted()).then_some(())
    }

    /// Whether links were not followed because they cost too much.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    fn remove_below(&mut self, path: &str) {
        if path.is_empty() {
            self.slots.clear();
            return;
        }
        // All paths below, and no other, lie between `path/` and `path0`: `0` follows the slash.
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        let gone: Vec<String> = self
            .slots
            .range(from..to)
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            self.slots.remove(&path);
        }
    }

    /// All nodes by path, sorted: the path, the node that has the content, and where it comes from.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, &'a Node, Origin)> {
        self.slots.iter().filter_map(|(path, slot)| match slot {
            Slot::Implied => None,
            Slot::Node(origin) => Some((path.as_str(), self.node_at(*origin)?, *origin)),
        })
    }

    /// Directories that no entry names.
    pub(crate) fn implied(&self) -> usize {
        self.slots
            .values()
            .filter(|slot| matches!(slot, Slot::Implied))
            .count()
    }

    /// The node at a path, links on the way and at the end followed.
    pub(crate) fn resolve(&self, path: &str) -> Option<(String, &'a Node, Origin)> {
        let mut path = join("", path)?;
        for _ in 0..=MOST_LINKS {
            if let Some(Slot::Node(origin)) = self.slots.get(&path)
                && let Some(node) = self.node_at(*origin)
                && node.kind != NodeKind::Symlink
            {
                return Some((path, node, *origin));
            }
            path = self.follow_first(&path)?;
        }
        None
    }

    /// The path with the first symbolic link in it replaced by where it leads.
    fn follow_first(&self, path: &str) -> Option<String> {
        self.spend(path)?;
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain(std::iter::once(path.len()));
        for end in ends {
            let ancestor = path.get(..end)?;
            if let Some(Slot::Node(origin)) = self.slots.get(ancestor)
                && let Some(node) = self.node_at(*origin)
                && node.kind == NodeKind::Symlink
            {
                let target = join(parent(ancestor), &node.link)?;
                let rest = path.get(end..)?;
                return join("", &format!("{target}{rest}"));
            }
        }
        None
    }
}
