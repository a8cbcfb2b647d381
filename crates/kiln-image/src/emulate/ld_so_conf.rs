//! `/etc/ld.so.conf`: the directories that `ldconfig` searches (ldconfig(8)).

use kiln_types::EntryKind;

use super::{EmulateError, Tree, resolve};

/// How deep `include` may nest; the real program has no limit and would not come back.
const MAX_DEPTH: usize = 16;
/// The most directories and included files.
const MAX_COUNT: usize = 1024;

/// The directories that the configuration names, in order, as written but without trailing
/// slashes; those that are not there are among them.
///
/// # Errors
/// When includes nest without end, or there are far too many.
pub(crate) fn directories(tree: &dyn Tree) -> Result<Vec<String>, EmulateError> {
    let mut reading = Reading {
        tree,
        directories: Vec::new(),
        files: 0,
    };
    reading.file("etc/ld.so.conf", 0)?;
    Ok(reading.directories)
}

struct Reading<'a> {
    tree: &'a dyn Tree,
    directories: Vec<String>,
    files: usize,
}

impl Reading<'_> {
    fn file(&mut self, path: &str, depth: usize) -> Result<(), EmulateError> {
        let error = |reason: &str| EmulateError::File {
            emulator: "ld-so-cache",
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        self.files += 1;
        if depth > MAX_DEPTH || self.files > MAX_COUNT {
            return Err(error("too many includes"));
        }
        let Some(content) = self.tree.read(path)? else {
            return Ok(());
        };
        for line in String::from_utf8_lossy(&content).lines() {
            let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
            let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            if word == "include" && !rest.is_empty() {
                for pattern in rest
                    .split([' ', '\t'])
                    .filter(|pattern| !pattern.is_empty())
                {
                    let base = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                    let pattern = match pattern.strip_prefix('/') {
                        Some(absolute) => absolute.to_owned(),
                        None => format!("{base}/{pattern}"),
                    };
                    for included in glob(self.tree, &pattern) {
                        self.file(&included, depth + 1)?;
                    }
                }
            } else if !line.is_empty() && !word.eq_ignore_ascii_case("hwcap") {
                if self.directories.len() == MAX_COUNT {
                    return Err(error("too many directories"));
                }
                let directory = line.trim_end_matches('/');
                if !directory.is_empty() {
                    self.directories.push(directory.to_owned());
                }
            }
        }
        Ok(())
    }
}

/// The paths that match a glob(7) pattern, in byte order.
fn glob(tree: &dyn Tree, pattern: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for path in paths {
            if part.contains(['*', '?', '[']) {
                next.extend(
                    children(tree, &path)
                        .into_iter()
                        .filter(|name| {
                            (!name.starts_with('.') || part.starts_with('.')) && matches(part, name)
                        })
                        .map(|name| join(&path, &name)),
                );
            } else {
                next.push(join(&path, part));
            }
            if next.len() > MAX_COUNT {
                break;
            }
        }
        paths = next;
    }
    paths.retain(|path| resolve(tree, path).is_some());
    paths.sort();
    paths
}

/// The names of the entries of a directory, links to it followed, sorted.
pub(super) fn children(tree: &dyn Tree, directory: &str) -> Vec<String> {
    let Some(resolved) = resolve(tree, directory) else {
        return Vec::new();
    };
    let entry = tree.entry(resolved.as_str());
    if !resolved.is_root() && entry.is_none_or(|entry| entry.kind != EntryKind::Directory) {
        return Vec::new();
    }
    let names = tree
        .below(resolved.as_str())
        .into_iter()
        .filter(|entry| entry.path.parent() == resolved);
    let mut names: Vec<String> = names
        .map(|entry| entry.path.file_name().to_owned())
        .collect();
    names.sort();
    names
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

/// Whether a name matches a pattern of `*`, `?` and `[…]` (glob(7)); `\` takes the next letter
/// as it is.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to go on when a `*` must swallow one letter more.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, n));
            p += 1;
            continue;
        } else {
            one(&pattern, p, name[n])
        };
        match (step, retry) {
            (Some(next), _) => (p, n) = (next, n + 1),
            (None, Some((star, from))) => {
                retry = Some((star, from + 1));
                (p, n) = (star, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|letter| *letter == '*')
}

/// Where the pattern goes on after it matched one letter at `p`.
fn one(pattern: &[char], p: usize, letter: char) -> Option<usize> {
    match *pattern.get(p)? {
        '?' => Some(p + 1),
        '[' => {
            let negated = matches!(pattern.get(p + 1), Some('!' | '^'));
            let start = p + 1 + usize::from(negated);
            // A `]` that comes first stands for itself.
            let end = pattern
                .iter()
                .skip(start + 1)
                .position(|letter| *letter == ']')?
                + start
                + 1;
            let set = pattern.get(start..end)?;
            let mut found = false;
            let mut index = 0;
            while let Some(&from) = set.get(index) {
                if let (Some('-'), Some(&to)) = (set.get(index + 1), set.get(index + 2)) {
                    found |= (from..=to).contains(&letter);
                    index += 3;
                } else {
                    found |= from == letter;
                    index += 1;
                }
            }
            (found != negated).then_some(end + 1)
        }
        '\\' => (pattern.get(p + 1) == Some(&letter)).then_some(p + 2),
        plain => (plain == letter).then_some(p + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.conf", "libc.conf", true),
            ("*.conf", "libc.conf.old", false),
            ("a*b*c", "aXbYbZc", true),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[", "[", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn includes_are_followed_in_order() {
        let tree = MemoryTree::new()
            .file("etc/ld.so.conf", b"# first\n/opt/lib/ # mine\ninclude /etc/ld.so.conf.d/*.conf  more.conf\nhwcap 0 x\n")
            .file("etc/ld.so.conf.d/b.conf", b"/b\n")
            .file("etc/ld.so.conf.d/a.conf", b"  /a  \n\n/a2")
            .file("etc/ld.so.conf.d/.hidden.conf", b"/hidden\n")
            .file("etc/ld.so.conf.d/readme", b"/readme\n")
            .file("etc/more.conf", b"/more\n");
        assert_eq!(
            directories(&tree).unwrap(),
            ["/opt/lib", "/a", "/a2", "/b", "/more"]
        );
        assert!(directories(&MemoryTree::new()).unwrap().is_empty());
    }

    #[test]
    fn attack_a_file_that_includes_itself() {
        let tree = MemoryTree::new().file("etc/ld.so.conf", b"include /etc/ld.so.conf\n");
        assert!(
            directories(&tree)
                .unwrap_err()
                .to_string()
                .contains("too many includes")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_ends(pattern in "[a*?\\[\\]!\\-\\\\]{0,12}", name in "[a-c\\]]{0,12}") {
            let _ = matches(&pattern, &name);
        }
    }
}
