//! Paths of foreign archives, normalised.

/// The longest path, in components.
const DEEPEST: usize = 1024;

/// The path from the root without a slash in front, `.`, `..` and doubled slashes; empty for the
/// root itself. `None` when it leaves the root or is absurdly deep. Bytes that are no UTF-8 become
/// replacement characters: such names are shown, and no cataloger looks for one.
pub(crate) fn normalised(path: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(path);
    let mut depth = 0_usize;
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = depth.checked_sub(1)?,
            _ => depth += 1,
        }
    }
    join("", &text)
}

/// `path` as seen from the directory `base` (normalised): an absolute one begins at the root, and
/// the root is its own parent, as in the kernel. `None` when it is absurdly deep.
pub(crate) fn join(base: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = match path.starts_with('/') {
        true => Vec::new(),
        false => base.split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    (parts.len() <= DEEPEST).then(|| parts.join("/"))
}

/// The directory that holds a path; empty for the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The last component.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_or_refused() {
        for (path, expected) in [
            ("./a//b/./c/", Some("a/b/c")),
            ("/a", Some("a")),
            ("a/../b", Some("b")),
            ("./", Some("")),
            ("../a", None),
            ("a/../../b", None),
        ] {
            assert_eq!(normalised(path.as_bytes()).as_deref(), expected, "{path}");
        }
        assert_eq!(join("usr/lib", "../share").as_deref(), Some("usr/share"));
        assert_eq!(join("usr/lib", "/etc").as_deref(), Some("etc"));
    }
}
