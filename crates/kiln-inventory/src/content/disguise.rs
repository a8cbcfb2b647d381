//! Programs and archives, whatever they are called. Neither the kernel nor a loader asks for a name or
//! a mode: a program or a library is one by what it begins with, and an archive of Java or Python by
//! what it ends with, so that anything may stand in front of it.
//!
//! What ends as an archive is looked for behind programs and scripts, and in files that are called as
//! what people run, or may be executed. A loader that is told to takes any other file too.

use std::io::{self, BufRead, Read};

use super::{Budget, Interest, push};
use crate::catalogers::nested::{self, Search};
use crate::catalogers::{program, zipped};
use crate::node::{Finding, Node};
use crate::path::name;

/// No program and no archive is smaller, and the header of a program is as large.
const SMALLEST: u64 = 64;

/// What came of a look at the begin of a file.
pub(super) enum Looked {
    /// Everything was said.
    IsDone,
    /// It is what its name says, or nothing; this much was read of it.
    Into(Vec<u8>),
}

impl Interest {
    /// Whether the file is read as its name says whatever it begins with.
    const fn is_binary(self) -> bool {
        matches!(self, Self::Rpm(_) | Self::RpmLog)
    }

    /// Whether nothing is missed when something else stands in the place of such a file.
    const fn is_of_any_content(self) -> bool {
        matches!(
            self,
            Self::Copyright | Self::Java | Self::Key | Self::Release | Self::Text
        )
    }
}

/// Looks for a program or an archive.
pub(super) fn look(
    node: &Node,
    interest: Option<Interest>,
    content: &mut dyn BufRead,
    budget: &Budget<'_>,
    findings: &mut Vec<Finding>,
) -> io::Result<Looked> {
    let mut first = Vec::new();
    if node.size < SMALLEST || interest.is_some_and(Interest::is_binary) {
        return Ok(Looked::Into(first));
    }
    content.take(SMALLEST).read_to_end(&mut first)?;
    let is_jar = interest == Some(Interest::Java);
    let is_other = interest.is_some_and(|interest| !interest.is_of_any_content());
    if first.starts_with(program::ELF) {
        scan(node, first, is_jar, content, budget, findings)?;
    } else if is_jar {
        return Ok(Looked::Into(first));
    } else if first.starts_with(zipped::ZIP) {
        zip(node, first, false, content, budget, findings)?;
    } else if !is_other
        && (first.starts_with(zipped::SCRIPT) || interest.is_none() && may_run(node))
    {
        zip(node, first, true, content, budget, findings)?;
    } else {
        return Ok(Looked::Into(first));
    }
    if is_other {
        let reason = "it is a program or an archive, and not what its name says";
        findings.push(Finding::Unread(reason.to_owned()));
    }
    Ok(Looked::IsDone)
}

/// Whether a file may be executed, or is called as what people run.
fn may_run(node: &Node) -> bool {
    let base = name(&node.path);
    let suffix = base.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    // Of Java itself: it names the version.
    let is_release = base == "release";
    // `app-1.2` has no suffix either.
    let is_called_so = matches!(suffix, "" | "bin" | "exe" | "run" | "sh")
        || suffix.starts_with(|letter: char| letter.is_ascii_digit());
    !is_release && (node.mode & 0o111 != 0 || is_called_so)
}

/// Looks through a program, and for an archive behind it.
fn scan(
    node: &Node,
    first: Vec<u8>,
    is_jar: bool,
    content: &mut dyn BufRead,
    budget: &Budget<'_>,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    let most = match is_jar {
        true => budget.limits.nested,
        false => budget.limits.file,
    };
    let is_held = node.size <= most && (is_jar || program::goes_on(&first, node.size));
    let mut window = budget.window.take();
    let mut end = Vec::new();
    let base = name(&node.path);
    let scanned = if is_held {
        end = first;
        content.take(most).read_to_end(&mut end)?;
        program::scan(base, &[], &mut end.as_slice(), &mut window, &mut |_| {})
    } else {
        end.reserve(usize::try_from(node.size.min(zipped::TAIL)).unwrap_or_default());
        let mut left = node.size.saturating_sub(first.len() as u64);
        program::scan(base, &first, content, &mut window, &mut |piece| {
            keep_tail(piece, &mut left, &mut end);
        })
    };
    budget.window.set(window);
    let (found, wrong) = scanned?;
    push(findings, Ok(found));
    findings.extend(wrong.into_iter().map(Finding::Unread));
    if is_held {
        if is_jar || zipped::is_end(&end) && zipped::is_hinted(&end) {
            archive(node, &end, budget, findings);
        }
    } else if zipped::may_be_hinted(&end) {
        let reason = "an archive of components stands behind the program, and was not looked into";
        findings.push(Finding::Unread(reason.to_owned()));
    }
    Ok(())
}

/// What may be an archive of Java or Python under another name, or behind something else.
fn zip(
    node: &Node,
    first: Vec<u8>,
    is_behind: bool,
    content: &mut dyn Read,
    budget: &Budget<'_>,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    let most = budget.limits.file;
    let content = &mut io::Cursor::new(first).chain(content);
    if node.size > most {
        let mut end = Vec::new();
        let mut tail = Tail {
            content,
            left: node.size,
            kept: &mut end,
        };
        let is_hinted = zipped::is_hinted_within(&mut tail)?;
        if is_hinted && is_behind {
            io::copy(&mut tail, &mut io::sink())?;
        }
        if is_hinted && (!is_behind || zipped::is_end(&end)) {
            findings.push(Finding::Unread(format!(
                "it is an archive of components under another name, and has more than {most} bytes"
            )));
        }
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(node.size).unwrap_or_default());
    content.take(most).read_to_end(&mut bytes)?;
    if (!is_behind || zipped::is_end(&bytes)) && zipped::is_hinted(&bytes) {
        archive(node, &bytes, budget, findings);
    }
    Ok(())
}

/// What is an archive of Java by its name.
pub(super) fn jar(
    node: &Node,
    content: &mut dyn Read,
    budget: &Budget<'_>,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    let most = budget.limits.nested;
    if node.size > most {
        findings.push(Finding::Unread(format!(
            "it has {} bytes, more than the {most} that are read of an archive",
            node.size
        )));
        return Ok(());
    }
    let mut bytes = Vec::new();
    content.take(most).read_to_end(&mut bytes)?;
    archive(node, &bytes, budget, findings);
    Ok(())
}

fn archive(node: &Node, bytes: &[u8], budget: &Budget<'_>, findings: &mut Vec<Finding>) {
    let mut search = Search::new(&budget.limits);
    zipped::archive(&node.path, bytes, &mut search);
    let (found, wrong) = search.finish();
    if !budget.take(nested::kept(&found, &wrong)) {
        let most = budget.limits.captured;
        findings.push(Finding::Unread(format!(
            "what is in it is left out: the image has more than {most} bytes of such"
        )));
        return;
    }
    push(findings, Ok(found));
    findings.extend(wrong.into_iter().map(Finding::Unread));
}

/// Keeps of a piece what is among the last bytes of a file, as many as the end of an archive may have;
/// before the piece, `left` were still to come.
fn keep_tail(piece: &[u8], left: &mut u64, kept: &mut Vec<u8>) {
    let passed = usize::try_from(left.saturating_sub(zipped::TAIL)).unwrap_or(usize::MAX);
    kept.extend_from_slice(piece.get(passed..).unwrap_or_default());
    *left = left.saturating_sub(piece.len() as u64);
}

/// Keeps the end of what is read through it.
struct Tail<'a, R: ?Sized> {
    content: &'a mut R,
    /// Bytes that are still to come.
    left: u64,
    kept: &'a mut Vec<u8>,
}

impl<R: Read + ?Sized> Read for Tail<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(into)?;
        let read = into.get(..count).unwrap_or_default();
        keep_tail(read, &mut self.left, self.kept);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogers::java::tests::stored;
    use crate::content::{Remaining, examine};
    use crate::layer::ScanLimits;
    use crate::node::NodeKind;

    fn node(path: &str, bytes: &[u8]) -> Node {
        Node {
            path: path.to_owned(),
            kind: NodeKind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: bytes.len() as u64,
            link: String::new(),
            capable: false,
            findings: Vec::new(),
        }
    }

    fn examined(path: &str, bytes: &[u8], limits: &ScanLimits) -> Vec<Finding> {
        let left = Remaining::new(limits);
        examine(
            &node(path, bytes),
            &mut &*bytes,
            &Budget::new(limits, &left),
        )
        .unwrap()
    }
    #[test]
    fn archives_under_other_names_are_read_or_reported() {
        let pom = b"groupId=org.example\nartifactId=lib\nversion=1.2\n";
        let jar = stored(&[("META-INF/maven/org.example/lib/pom.properties", pom)]);
        let small = ScanLimits {
            file: 200,
            ..ScanLimits::default()
        };
        for path in ["a.zip", "b.bin", "c", "etc/d.key", "opt/e/release"] {
            let findings = examined(path, &jar, &ScanLimits::default());
            let [Finding::Components(found)] = findings.as_slice() else {
                panic!("{path}: {findings:?}");
            };
            assert_eq!(found[0].component.name, "org.example:lib", "{path}");
            let findings = examined(path, &jar, &small);
            let [Finding::Unread(reason)] = findings.as_slice() else {
                panic!("{path}: {findings:?}");
            };
            assert!(reason.contains("under another name"), "{reason}");
        }
        let other = stored(&[("data.bin", &[0; 500])]);
        assert!(examined("a.zip", &other, &small).is_empty());
        // Torn, and yet it names what tells of components.
        let findings = examined("a.zip", &jar[..jar.len() - 4], &ScanLimits::default());
        assert!(matches!(findings.as_slice(), [Finding::Unread(_)]));
    }

    /// The names of what was found, and whether something was not read.
    fn told(path: &str, bytes: &[u8], limits: &ScanLimits) -> (Vec<String>, bool) {
        let (mut names, mut is_missed) = (Vec::new(), false);
        for finding in examined(path, bytes, limits) {
            match finding {
                Finding::Components(found) => {
                    names.extend(found.into_iter().map(|found| found.component.name));
                }
                Finding::Unread(_) => is_missed = true,
                other => panic!("{path}: {other:?}"),
            }
        }
        (names, is_missed)
    }

    /// A program with the crates `a` and `app`; its list of sections stands at a place.
    fn program(sections: u64) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(40, 0);
        bytes.extend(sections.to_le_bytes());
        bytes.resize(64, 0);
        bytes.extend(include_bytes!("../../tests/fixtures/audit.zlib"));
        bytes.resize(8_192, 0);
        bytes
    }

    #[test]
    fn attack_archives_behind_something_else() {
        let pom = b"groupId=org.example\nartifactId=lib\nversion=1.2\n";
        let jar = stored(&[("META-INF/maven/org.example/lib/pom.properties", pom)]);
        let all = ScanLimits::default();
        let empty = b"PK\x05\x06".iter().copied().chain([0; 18]);
        let empty: Vec<u8> = empty.collect();
        for before in [
            &[0; 100][..],
            b"MZ",
            b"#!/bin/sh\nexec java -jar $0\n",
            &empty,
        ] {
            let bytes = [before, &jar].concat();
            for path in ["opt/x", "opt/x.exe", "opt/x-1.2", "opt/x.run"] {
                let (names, is_missed) = told(path, &bytes, &all);
                assert_eq!(names, ["org.example:lib"], "{path} {before:?}");
                assert!(!is_missed, "{path} {before:?}");
            }
        }
        // No list of sections, one that ends early, and one in front, which says nothing.
        for (sections, is_read) in [(0, true), (8_000, true), (64, false)] {
            let bytes = [&program(sections)[..], &jar].concat();
            let (mut names, is_missed) = told("opt/x", &bytes, &all);
            assert_eq!(
                names.pop_if(|last| last == "org.example:lib").is_some(),
                is_read
            );
            assert_eq!(names, ["a", "app"]);
            assert_eq!(is_missed, !is_read);
            let other = stored(&[("data.bin", &[0; 500])]);
            let bytes = [&program(sections)[..], &other].concat();
            assert_eq!(told("opt/x", &bytes, &all), (names, false));
        }
        let small = ScanLimits {
            file: 200,
            ..ScanLimits::default()
        };
        let bytes = [&[0; 300][..], &jar].concat();
        assert_eq!(told("opt/x", &bytes, &small), (Vec::new(), true));
        assert_eq!(told("opt/x", &bytes[..500], &small), (Vec::new(), false));
    }

    #[test]
    fn attack_programs_and_archives_under_names_of_documents() {
        let pom = b"groupId=org.example\nartifactId=lib\nversion=1.2\n";
        let jar = stored(&[("META-INF/maven/org.example/lib/pom.properties", pom)]);
        let all = ScanLimits::default();
        for path in [
            "x.dist-info/METADATA",
            "EGG-INFO/PKG-INFO",
            "x.egg-info",
            "specifications/x.gemspec",
            "x.cdx.json",
            "bom.json",
            "x.spdx.json",
            "x.deps.json",
            "package.json",
            "composer/installed.json",
        ] {
            let (names, is_missed) = told(path, &program(64), &all);
            assert_eq!(names, ["a", "app"], "{path}");
            assert!(is_missed, "{path}");
            let (names, is_missed) = told(path, &jar, &all);
            assert_eq!(names, ["org.example:lib"], "{path}");
            assert!(is_missed, "{path}");
        }
        let (names, is_missed) = told("x.jar", &program(64), &all);
        assert_eq!(names, ["a", "app"]);
        assert!(is_missed);
        let both = [&program(64)[..], &jar].concat();
        let expected = ["a", "app", "org.example:lib"].map(str::to_owned);
        assert_eq!(told("x.jar", &both, &all), (expected.to_vec(), false));
    }

    #[test]
    fn attack_names_that_fill_memory() {
        let metadata = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\n";
        let members: Vec<String> = (0..100)
            .map(|number| format!("{}{number}.dist-info/METADATA", "x".repeat(3_900)))
            .collect();
        let members: Vec<(&str, &[u8])> = members
            .iter()
            .map(|name| (name.as_str(), metadata.as_slice()))
            .collect();
        let wheel = stored(&members);
        let limits = ScanLimits {
            captured: 10 << 20,
            ..ScanLimits::default()
        };
        let left = Remaining::new(&limits);
        let budget = Budget::new(&limits, &left);
        let mut kept = 0;
        for _ in 0..3 {
            let mut findings = Vec::new();
            archive(&node("x.whl", &wheel), &wheel, &budget, &mut findings);
            kept += usize::from(matches!(findings[..], [Finding::Components(_)]));
        }
        assert_eq!(kept, 1);
    }
}
