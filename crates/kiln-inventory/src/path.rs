//! Paths of foreign archives, normalised.

use std::borrow::Cow;

/// The longest path, in components.
const DEEPEST: usize = 1024;

/// The path from the root without a slash in front, `.`, `..` and doubled slashes; empty for the
/// root itself. `None` when it leaves the root or is absurdly deep. Bytes that are no UTF-8 become
/// replacement characters with their value behind them, so that two names stay two.
pub(crate) fn normalised(path: &[u8]) -> Option<String> {
    let text = legible(path);
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

/// The path of what is called so in a directory (normalised).
pub(crate) fn child(directory: &str, name: &[u8]) -> String {
    let name = legible(name);
    match directory {
        "" => name.into_owned(),
        directory => format!("{directory}/{name}"),
    }
}

/// A path as text, no two of them alike.
fn legible(path: &[u8]) -> Cow<'_, str> {
    const MARK: char = char::REPLACEMENT_CHARACTER;
    if let Ok(text) = std::str::from_utf8(path)
        && !text.contains(MARK)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for chunk in path.utf8_chunks() {
        for letter in chunk.valid().chars() {
            out.push(letter);
            if letter == MARK {
                out.push(MARK);
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("{MARK}{byte:02x}"));
        }
    }
    Cow::Owned(out)
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
        let names: [&[u8]; 4] = [
            b"\xfe.jar",
            b"\xff.jar",
            "\u{fffd}fe.jar".as_bytes(),
            b"fe.jar",
        ];
        let legible: std::collections::BTreeSet<_> =
            names.iter().map(|name| normalised(name)).collect();
        assert_eq!(legible.len(), 4, "{legible:?}");
        assert_eq!(join("usr/lib", "../share").as_deref(), Some("usr/share"));
        assert_eq!(join("usr/lib", "/etc").as_deref(), Some("etc"));
    }
}
