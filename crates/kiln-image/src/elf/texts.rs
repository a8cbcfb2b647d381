//! Texts that stand in a program between zero bytes: paths of shells, and the variables that tell a
//! shell from every other program.

use memchr::memmem::Finder;

use super::content::Pages;

/// What is read at once.
const AT_ONCE: u64 = 64 << 10;
/// As many bytes as one text may take that begins where a part ends.
const OVERLAP: u64 = 16;

const PATHS: [&[u8]; 6] = [
    b"\0/bin/sh\0",
    b"\0/usr/bin/sh\0",
    b"\0/bin/bash\0",
    b"\0/usr/bin/bash\0",
    b"\0/bin/dash\0",
    b"\0/bin/csh\0",
];

/// Variables that POSIX gives to shells alone ("Shell Variables", and `getopts`), as the first part
/// of a text: `PS4` or `PS4=+ `. Whatever has both interprets them.
const VARIABLES: [&[u8]; 2] = [b"\0OPTIND", b"\0PS4"];

/// What texts say of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    /// The path of a shell is one of its texts.
    pub(super) names_a_shell: bool,
    /// It is a shell itself, whatever its name.
    pub(super) is_a_shell: bool,
}

impl Texts {
    /// Reads all of a file.
    pub(super) fn of(pages: &Pages<'_>) -> Self {
        let path = Finder::new(b"bin/");
        let variables = VARIABLES.map(Finder::new);
        let mut seen = [false; VARIABLES.len()];
        let mut names_a_shell = false;
        let mut at = 0;
        while at < pages.length() && !(names_a_shell && seen == [true; VARIABLES.len()]) {
            let count = (pages.length() - at).min(AT_ONCE + OVERLAP);
            let bytes = usize::try_from(count).ok();
            let Some(bytes) = bytes.and_then(|count| pages.bytes(at, count)) else {
                break;
            };
            names_a_shell |= path
                .find_iter(&bytes)
                .any(|place| is_path_of_a_shell(&bytes, place));
            for ((finder, text), seen) in variables.iter().zip(VARIABLES).zip(&mut seen) {
                let mut places = finder.find_iter(&bytes);
                *seen |= places.any(|place| {
                    let next = bytes.get(place + text.len());
                    matches!(next, Some(0 | b'='))
                });
            }
            at += AT_ONCE;
        }
        Self {
            names_a_shell,
            is_a_shell: seen == [true; VARIABLES.len()],
        }
    }
}

/// Whether the `bin/` at a place is part of the path of a shell.
fn is_path_of_a_shell(bytes: &[u8], place: usize) -> bool {
    PATHS.iter().any(|path| {
        // A path begins with a zero byte and has `bin/` somewhere behind it.
        let before = path.windows(4).position(|window| window == b"bin/");
        before
            .and_then(|before| bytes.get(place.checked_sub(before)?..))
            .is_some_and(|rest| rest.starts_with(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Texts {
        Texts::of(&Pages::new(&bytes))
    }

    #[test]
    fn shells_are_told_by_their_variables() {
        for (bytes, names, is) in [
            (&b"\0OPTIND\0 \0PS4=+ \0"[..], false, true),
            (b"\0OPTIND=1\0\0PS4\0/bin/sh\0", true, true),
            (b"\0OPTIND\0", false, false),
            (b"\0OPTINDEX\0\0PS4\0", false, false),
            (b"of OPTIND and PS4", false, false),
            (b"\0/usr/bin/sh\0", true, false),
            (b"see /bin/sh\0", false, false),
            (b"", false, false),
        ] {
            let expected = Texts {
                names_a_shell: names,
                is_a_shell: is,
            };
            let shown = String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(texts(bytes), expected, "{shown:?}");
            // Also where the text lies across the parts that are read.
            for shift in 0..20 {
                let mut long = vec![b'x'; usize::try_from(AT_ONCE).unwrap() - shift];
                long.extend(bytes);
                assert_eq!(texts(&long), expected, "{shown:?} behind {shift}");
            }
        }
    }
}
