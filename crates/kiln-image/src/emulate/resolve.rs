//! Following symbolic links inside a tree: an absolute target starts at the tree's root, and `..`
//! never leaves it, as in a `chroot`.

use kiln_types::{EntryKind, RelativePath};

use super::Tree;

/// As many links as Linux follows before it says ELOOP (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Where this path leads when every symbolic link in it, the last part included, is followed.
/// `None` where nothing is there, a link is broken or goes in a circle, or a file stands where a
/// directory must. The root is the empty path.
#[must_use]
pub fn resolve(tree: &dyn Tree, path: &str) -> Option<RelativePath> {
    let (resolved, exists) = walk(tree, path, true)?;
    if exists {
        RelativePath::new(&resolved).ok()
    } else {
        None
    }
}

/// Where an entry of this path would stand: links in its directories are followed, its own is
/// not. Directories that are not there are kept as written. `None` where links go in a circle.
pub(crate) fn resolve_parent(tree: &dyn Tree, path: &str) -> Option<RelativePath> {
    let (resolved, _) = walk(tree, path, false)?;
    RelativePath::new(&resolved).ok()
}

/// The links among the directories of a path.
pub(crate) fn links_on_the_way(tree: &dyn Tree, path: &str) -> Vec<RelativePath> {
    let mut links = Vec::new();
    let parents = path.rsplit_once('/').map_or("", |(parents, _)| parents);
    let mut at = String::new();
    for part in parents.split('/') {
        match part {
            "" | "." => {}
            ".." => at.truncate(at.rfind('/').unwrap_or(0)),
            part => {
                let Some(place) = resolve_parent(tree, &format!("{at}/{part}")) else {
                    break;
                };
                let Some(real) = resolve(tree, place.as_str()) else {
                    break;
                };
                if tree
                    .entry(place.as_str())
                    .is_some_and(|entry| matches!(entry.kind, EntryKind::Symlink(_)))
                {
                    links.push(place);
                }
                at = real.as_str().to_owned();
            }
        }
    }
    links
}

fn walk(tree: &dyn Tree, path: &str, follow_last: bool) -> Option<(String, bool)> {
    // The parts still to walk, the next one last.
    let mut pending: Vec<String> = parts(path);
    let mut resolved = String::new();
    let mut links = 0;
    let mut exists = true;
    while let Some(part) = pending.pop() {
        if part == ".." {
            resolved.truncate(resolved.rfind('/').unwrap_or(0));
            continue;
        }
        let before = resolved.len();
        if before > 0 {
            resolved.push('/');
        }
        resolved.push_str(&part);
        if resolved.len() > RelativePath::MAX {
            return None;
        }
        let Some(entry) = tree.entry(&resolved) else {
            exists = false;
            continue;
        };
        match &entry.kind {
            EntryKind::Symlink(target) if follow_last || !pending.is_empty() => {
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                resolved.truncate(if target.starts_with('/') { 0 } else { before });
                pending.extend(parts(target));
            }
            EntryKind::Directory => {}
            _ => exists &= pending.is_empty(),
        }
    }
    Some((resolved, exists))
}

/// The parts of a path, the last one first.
fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .rev()
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn follows_links_inside_the_tree_only() {
        let tree = MemoryTree::new()
            .link("lib", "usr/lib")
            .file("usr/lib/a.so.1.2", b"x")
            .link("usr/lib/a.so.1", "a.so.1.2")
            .link("etc/out", "../../../lib/a.so.1")
            .link("etc/absolute", "/lib")
            .link("etc/broken", "nowhere");
        for (path, target) in [
            ("lib/a.so.1", Some("usr/lib/a.so.1.2")),
            ("/etc/out", Some("usr/lib/a.so.1.2")),
            ("etc/absolute", Some("usr/lib")),
            ("etc/broken", None),
            ("usr/lib/a.so.1.2/x", None),
            ("", Some("")),
        ] {
            assert_eq!(
                resolve(&tree, path).as_ref().map(RelativePath::as_str),
                target,
                "{path}"
            );
        }
        assert_eq!(
            resolve_parent(&tree, "lib/new/file").unwrap().as_str(),
            "usr/lib/new/file"
        );
        assert_eq!(
            resolve_parent(&tree, "lib/a.so.1").unwrap().as_str(),
            "usr/lib/a.so.1"
        );
    }

    #[test]
    fn attack_links_in_a_circle() {
        let tree = MemoryTree::new().link("a", "b").link("b", "a");
        assert!(resolve(&tree, "a").is_none());
        assert!(resolve_parent(&tree, "a/x").is_none());
    }
}
