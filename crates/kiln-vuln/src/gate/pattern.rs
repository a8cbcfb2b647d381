//! Patterns: `*` for any text; in paths it ends at a slash, and `**` does not.

/// Whether a pattern fits a text as a whole.
#[must_use]
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    run(pattern.as_bytes(), text.as_bytes(), false)
}

/// The same for paths; a slash in front means nothing on either side.
#[must_use]
pub(super) fn fits_path(pattern: &str, path: &str) -> bool {
    let bare = |text: &str| text.trim_start_matches('/').to_owned();
    run(bare(pattern).as_bytes(), bare(path).as_bytes(), true)
}

/// The longest pattern that fits anything, in bytes.
const LONGEST: usize = 4096;

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Byte(u8),
    /// Any text without a slash.
    Within,
    /// Any text.
    Any,
    /// No folder, or those that [`Step::Folders`] takes behind it.
    MaybeFolders,
    /// Whole folders, each with its slash.
    Folders,
}

fn steps(pattern: &[u8], is_path: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut bytes = pattern.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'*' {
            steps.push(Step::Byte(byte));
            continue;
        }
        let mut stars = 1;
        while bytes.next_if_eq(&b'*').is_some() {
            stars += 1;
        }
        let begins_name = matches!(steps.last(), None | Some(Step::Byte(b'/')));
        if !is_path {
            steps.push(Step::Any);
        } else if stars == 1 {
            steps.push(Step::Within);
        } else if begins_name && bytes.next_if_eq(&b'/').is_some() {
            // `a/**/b` is `a/b` too, and never `a/xb`.
            steps.extend([Step::MaybeFolders, Step::Folders]);
        } else {
            steps.push(Step::Any);
        }
    }
    steps
}

/// One pass with the set of places in the pattern that are reached, so that no pattern takes longer
/// than its length times that of the text.
fn run(pattern: &[u8], text: &[u8], is_path: bool) -> bool {
    if pattern.len() > LONGEST {
        return false;
    }
    let steps = steps(pattern, is_path);
    let reach = |set: &mut Vec<bool>, place: usize| {
        if let Some(slot) = set.get_mut(place) {
            *slot = true;
        }
    };
    // What can be passed without a byte.
    let close = |set: &mut Vec<bool>| {
        for (place, step) in steps.iter().enumerate() {
            if set.get(place) != Some(&true) {
                continue;
            }
            match step {
                Step::Any | Step::Within => reach(set, place + 1),
                Step::MaybeFolders => {
                    reach(set, place + 1);
                    reach(set, place + 2);
                }
                Step::Byte(_) | Step::Folders => {}
            }
        }
    };
    let mut reached = vec![false; steps.len() + 1];
    reach(&mut reached, 0);
    close(&mut reached);
    for byte in text {
        let mut next = vec![false; steps.len() + 1];
        for (place, step) in steps.iter().enumerate() {
            if reached.get(place) != Some(&true) {
                continue;
            }
            match step {
                Step::Byte(wanted) if wanted == byte => reach(&mut next, place + 1),
                Step::Within if *byte != b'/' => reach(&mut next, place),
                Step::Any => reach(&mut next, place),
                Step::Folders => {
                    reach(&mut next, place);
                    if *byte == b'/' {
                        reach(&mut next, place + 1);
                    }
                }
                _ => {}
            }
        }
        close(&mut next);
        reached = next;
    }
    reached.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("zlib1g", "zlib1g", true),
            ("zlib*", "zlib1g", true),
            ("*", "", true),
            ("*", "a/b", true),
            ("pkg:deb/*/zlib@*", "pkg:deb/debian/zlib@1", true),
            ("a*b", "ac", false),
            ("a*b*c", "aXbYbZc", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
        for (pattern, path, expected) in [
            ("usr/bin/su", "usr/bin/su", true),
            ("/usr/bin/su", "usr/bin/su", true),
            ("usr/*/su", "usr/bin/su", true),
            ("usr/*", "usr/bin/su", false),
            ("usr/**", "usr/bin/su", true),
            ("usr/**/su", "usr/su", true),
            ("usr/**/su", "usr/a/b/su", true),
            ("**/su", "su", true),
            ("**/su", "usr/bin/su", true),
            ("**/su", "usr/bin/xsu", false),
        ] {
            assert_eq!(fits_path(pattern, path), expected, "{pattern} {path}");
        }
        let long = "*a".repeat(500);
        assert!(!fits(&long, &"a".repeat(499)));
    }
}
