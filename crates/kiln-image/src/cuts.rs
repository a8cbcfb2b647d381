//! Which files of packages are left out, by glob patterns.
//!
//! A pattern is matched against the whole path with its leading slash. `?` stands for one
//! character and `*` for any number of them, neither for `/`; `**` stands for anything, slashes
//! included. A pattern that begins with `!` keeps what an earlier one cut: the last that matches
//! decides.

use kiln_types::{Cuts, RelativePath};

/// The patterns of a plan, ready to ask.
#[derive(Clone, Debug)]
pub struct Cutter {
    patterns: Vec<Pattern>,
}

/// One pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    keeps: bool,
    /// Everything before the first wildcard: most paths fail here, cheaply.
    prefix: String,
    rest: String,
}

impl Cutter {
    /// Prepares the patterns of a plan.
    #[must_use]
    pub fn new(cuts: &Cuts) -> Self {
        let patterns = cuts.0.iter().map(|text| Pattern::new(text)).collect();
        Self { patterns }
    }

    /// Whether this path is left out.
    #[must_use]
    pub fn cuts(&self, path: &RelativePath) -> bool {
        let path = path.as_str();
        self.patterns
            .iter()
            .rev()
            .find(|pattern| pattern.matches(path))
            .is_some_and(|pattern| !pattern.keeps)
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        let (keeps, text) = text
            .strip_prefix('!')
            .map_or((false, text), |rest| (true, rest));
        let text = text.strip_prefix('/').unwrap_or(text);
        let wildcard = text.find(['*', '?']).unwrap_or(text.len());
        let (prefix, rest) = text.split_at(wildcard);
        Self {
            keeps,
            prefix: prefix.to_owned(),
            rest: rest.to_owned(),
        }
    }

    /// A pattern that only names files. In a merged `/usr` `/lib/x` is `/usr/lib/x`.
    pub(crate) fn of_files(text: &str, merged_usr: bool) -> Self {
        let relative = text.strip_prefix('/').unwrap_or(text);
        let (first, _) = relative.split_once('/').unwrap_or((relative, ""));
        let moved = merged_usr && matches!(first, "bin" | "sbin" | "lib" | "lib32" | "lib64");
        match moved {
            true => Self::new(&format!("/usr/{relative}")),
            false => Self::new(relative),
        }
    }

    /// What every path that matches begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a path, without its leading slash, matches.
    pub(crate) fn matches(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix.as_str())
            .is_some_and(|tail| glob(self.rest.as_bytes(), tail.as_bytes()))
    }
}

/// Matches without recursion: after a mismatch, the last star takes one byte more. A `**` is the
/// outer retry point, a `*` the inner one.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut single: Option<(usize, usize)> = None;
    let mut double: Option<(usize, usize)> = None;
    loop {
        if pattern[p..].starts_with(b"**") {
            p += 2;
            double = Some((p, t));
            single = None;
            continue;
        }
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                p += 1;
                single = Some((p, t));
                continue;
            }
            (Some(b'?'), Some(&byte)) if byte != b'/' => {
                p += 1;
                t += 1;
                continue;
            }
            (Some(wanted), Some(byte)) if wanted == byte && *wanted != b'?' => {
                p += 1;
                t += 1;
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        if let Some((after, at)) = single
            && text.get(at).is_some_and(|byte| *byte != b'/')
        {
            single = Some((after, at + 1));
            (p, t) = (after, at + 1);
            continue;
        }
        if let Some((after, at)) = double
            && at < text.len()
        {
            double = Some((after, at + 1));
            single = None;
            (p, t) = (after, at + 1);
            continue;
        }
        return false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, path, expected) in [
            ("/usr/share/doc/**", "usr/share/doc/nginx/README", true),
            ("/usr/share/doc/**", "usr/share/doc-base/x", false),
            ("/usr/share/doc/*", "usr/share/doc/a/b", false),
            (
                "/usr/share/doc/*/copyright",
                "usr/share/doc/a/copyright",
                true,
            ),
            ("/usr/share/**/*.gz", "usr/share/a/b/c.gz", true),
            ("/usr/share/**/*.gz", "usr/share/a/b/c.gz.txt", false),
            ("/a?c", "abc", true),
            ("/a?c", "a/c", false),
            ("/etc/passwd", "etc/passwd", true),
            ("/etc/passwd", "etc/passwd-", false),
            ("**/*.pyc", "usr/lib/python3/x.pyc", true),
            ("/*a*b*", "xaybz", true),
            ("/*a*b*", "xayz", false),
        ] {
            let cutter = Cutter::new(&Cuts(vec![pattern.to_owned()]));
            assert_eq!(
                cutter.cuts(&RelativePath::new(path).unwrap()),
                expected,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let cutter = Cutter::new(&Cuts(vec![
            "/usr/share/doc/**".to_owned(),
            "!/usr/share/doc/*/copyright".to_owned(),
            "/usr/share/doc/secret/**".to_owned(),
        ]));
        let cuts = |path: &str| cutter.cuts(&RelativePath::new(path).unwrap());
        assert!(cuts("usr/share/doc/a/README"));
        assert!(!cuts("usr/share/doc/a/copyright"));
        assert!(cuts("usr/share/doc/secret/copyright"));
        assert!(!cuts("usr/bin/a"));
    }

    #[test]
    fn many_stars_do_not_explode() {
        let pattern = format!("/{}", "*a".repeat(200));
        let cutter = Cutter::new(&Cuts(vec![pattern]));
        assert!(!cutter.cuts(&RelativePath::new(&"a".repeat(199)).unwrap()));
    }
}
