//! Table tests and attacks, on packages written here byte by byte.

mod control;

use std::io::Cursor;

use kiln_types::EntryKind;

use super::*;

/// One entry of a tar archive: type flag, path, link target, mode, content.
pub(crate) struct Item<'a>(u8, &'a str, &'a str, u32, &'a [u8]);

impl<'a> Item<'a> {
    pub(crate) fn file(path: &'a str, content: &'a [u8]) -> Self {
        Self(b'0', path, "", 0o644, content)
    }

    pub(crate) fn directory(path: &'a str) -> Self {
        Self(b'5', path, "", 0o755, b"")
    }

    fn symlink(path: &'a str, target: &'a str) -> Self {
        Self(b'2', path, target, 0o777, b"")
    }

    fn hardlink(path: &'a str, target: &'a str) -> Self {
        Self(b'1', path, target, 0o644, b"")
    }
}

/// A ustar archive.
pub(crate) fn tar(items: &[Item<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    for Item(flag, path, link, mode, content) in items {
        let mut header = [0_u8; 512];
        let mut put = |offset: usize, bytes: &[u8]| {
            header[offset..offset + bytes.len()].copy_from_slice(bytes)
        };
        put(0, path.as_bytes());
        put(100, format!("{mode:07o}").as_bytes());
        put(108, b"0000000");
        put(116, b"0000052");
        put(124, format!("{:011o}", content.len()).as_bytes());
        put(136, b"14745030400");
        put(148, b"        ");
        put(156, &[*flag]);
        put(157, link.as_bytes());
        put(257, b"ustar\x0000");
        put(265, b"somebody");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// An `ar` archive.
pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in members {
        archive.extend_from_slice(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                0,
                100_644,
                content.len()
            )
            .as_bytes(),
        );
        archive.extend_from_slice(content);
        if content.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

const CONTROL: &str = "Package: demo\nSource: demo-source (1:2.0-1)\nVersion: 1:2.0-1+b1\nArchitecture: amd64\n\
                       Maintainer: A <a@example.org>\nReplaces: old (<< 1:2.0), other\nProvides: virtual (= 3), plain\n\
                       Multi-Arch: same\nDescription: a demo\n long text\n .\n more\n";

fn deb(control: &[Item<'_>], data: &[Item<'_>]) -> Vec<u8> {
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &tar(control)),
        ("data.tar", &tar(data)),
    ])
}

fn control_only() -> Vec<Item<'static>> {
    vec![
        Item::directory("./"),
        Item::file("./control", CONTROL.as_bytes()),
    ]
}

fn open(bytes: &[u8]) -> Result<Box<dyn OpenPackage + '_>, FormatError> {
    DebFormat.open("demo.deb", Box::new(Cursor::new(bytes)))
}

type Listed = (FileEntry, Vec<u8>);

/// Opens and reads all.
fn read(bytes: &[u8]) -> Result<(Control, Vec<Listed>), FormatError> {
    let mut package = open(bytes)?;
    let mut entries = Vec::new();
    package.entries(&mut |entry, content| {
        let mut bytes = Vec::new();
        content
            .read_to_end(&mut bytes)
            .map_err(|error| FormatError::malformed("visitor", error.to_string()))?;
        entries.push((entry, bytes));
        Ok(())
    })?;
    Ok((package.control().clone(), entries))
}

fn read_data(data: &[Item<'_>]) -> Result<Vec<Listed>, FormatError> {
    read(&deb(&control_only(), data)).map(|(_, entries)| entries)
}

fn read_control(control: &[Item<'_>]) -> Result<Control, FormatError> {
    read(&deb(control, &[])).map(|(control, _)| control)
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, FormatError>, reason: &str) {
    let error = result.expect_err("must be refused");
    assert!(
        error.to_string().contains(reason),
        "`{error}` should hold `{reason}`"
    );
    assert!(error.subject.starts_with("demo.deb"), "{error}");
}

#[test]
fn entries_come_in_order_with_their_content() {
    let entries = read_data(&[
        Item::directory("./"),
        Item::directory("./usr/"),
        Item(b'0', "./usr/bin/demo", "", 0o104_755, b"program"),
        Item::symlink("./usr/bin/link", "/etc/../absolute"),
        Item::hardlink("./usr/bin/same", "./usr/bin/demo"),
        Item::directory("./usr/"),
    ])
    .unwrap();
    let paths: Vec<_> = entries
        .iter()
        .map(|(entry, _)| entry.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "",
            "usr",
            "usr/bin/demo",
            "usr/bin/link",
            "usr/bin/same",
            "usr"
        ]
    );
    let (entry, content) = &entries[2];
    assert_eq!(content, b"program");
    assert_eq!(
        (entry.mode, entry.uid, entry.gid, entry.size),
        (0o4755, 0, 42, 7)
    );
    assert_eq!(entry.mtime, 0o14_745_030_400);
    assert_eq!(
        entries[3].0.kind,
        EntryKind::Symlink("/etc/../absolute".to_owned())
    );
    assert_eq!(
        entries[4].0.kind,
        EntryKind::Hardlink(RelativePath::new("usr/bin/demo").unwrap())
    );
}

#[test]
fn conffile_digests_do_not_depend_on_what_the_visitor_reads() {
    let mut members = control_only();
    members.push(Item::file("./conffiles", b"/etc/demo.conf\n/etc/absent\n"));
    let bytes = deb(
        &members,
        &[
            Item::file("./etc/demo.conf", b"abc"),
            Item::file("./etc/other", b"abc"),
        ],
    );
    for wanted in [0, 1, 3] {
        let mut package = open(&bytes).unwrap();
        assert!(package.control().conffile_digests.is_empty());
        package
            .entries(&mut |_, content| {
                content.read_exact(&mut vec![0; wanted]).unwrap();
                Ok(())
            })
            .unwrap();
        let digests: Vec<_> = package.control().conffile_digests.iter().collect();
        // RFC 1321, appendix A.5.
        assert_eq!(
            digests,
            [(
                &"etc/demo.conf".to_owned(),
                &"900150983cd24fb0d6963f7d28e17f72".to_owned()
            )]
        );
    }
}

#[test]
fn entries_can_be_walked_once() {
    let bytes = deb(&control_only(), &[]);
    let mut package = open(&bytes).unwrap();
    package.entries(&mut |_, _| Ok(())).unwrap();
    assert_refused(package.entries(&mut |_, _| Ok(())), "once only");
}

#[test]
fn what_the_visitor_says_comes_back() {
    let bytes = deb(&control_only(), &[Item::file("a", b"")]);
    let error = open(&bytes)
        .unwrap()
        .entries(&mut |_, _| Err(FormatError::malformed("mine", "stop")))
        .unwrap_err();
    assert_eq!(error.to_string(), "mine: stop");
}

#[test]
fn every_compression_as_dpkg_deb_writes_it() {
    for (name, bytes) in [
        (
            "none",
            &include_bytes!("../../tests/fixtures/deb/tiny-none.deb")[..],
        ),
        (
            "gzip",
            include_bytes!("../../tests/fixtures/deb/tiny-gzip.deb"),
        ),
        ("xz", include_bytes!("../../tests/fixtures/deb/tiny-xz.deb")),
        (
            "zstd",
            include_bytes!("../../tests/fixtures/deb/tiny-zstd.deb"),
        ),
    ] {
        let (control, entries) = read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (control.name.as_str(), control.conffiles.len()),
            ("tiny", 1)
        );
        assert_eq!(
            control.conffile_digests["etc/tiny.conf"],
            "900150983cd24fb0d6963f7d28e17f72"
        );
        let paths: Vec<_> = entries
            .iter()
            .map(|(entry, _)| entry.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "",
                "etc",
                "etc/tiny.conf",
                "usr",
                "usr/share",
                "usr/share/doc",
                "usr/share/doc/tiny",
                "usr/share/doc/tiny/copyright",
                "usr/share/link"
            ]
        );
        assert!(
            entries
                .iter()
                .all(|(entry, _)| entry.mtime == 1_735_689_600 && entry.uid == 0)
        );
        // Cut anywhere, it is an error; only the filling behind the last member may be missing.
        let step = if name == "none" { 97 } else { 1 };
        for length in (0..bytes.len() - 1).step_by(step) {
            assert!(read(&bytes[..length]).is_err(), "{name} {length}");
        }
    }
}

#[test]
fn the_outer_archive() {
    let (control, data) = (tar(&control_only()), tar(&[]));
    type Member<'a> = (&'a str, &'a [u8]);
    let (binary, control, data): (Member<'_>, Member<'_>, Member<'_>) = (
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control),
        ("data.tar", &data),
    );
    let extra: (&str, &[u8]) = ("_gpgorigin", b"x");
    for good in [
        vec![binary, control, data],
        vec![("debian-binary", b"2.9\nmore\n".as_slice()), control, data],
        vec![binary, extra, control, extra, data, extra],
    ] {
        assert!(read(&ar(&good)).is_ok());
    }
    for (bad, reason) in [
        (vec![], "not a Debian package"),
        (vec![control, data], "not a Debian package"),
        (vec![extra, binary, control, data], "not a Debian package"),
        (
            vec![("debian-binary", b"3.0\n".as_slice()), control, data],
            "`3.0` is not supported",
        ),
        (
            vec![("debian-binary", b"2.0".as_slice()), control, data],
            "is not supported",
        ),
        (
            vec![("debian-binary", b"2.x\n".as_slice()), control, data],
            "is not supported",
        ),
        (vec![binary], "ends before its member `control.tar`"),
        (vec![binary, control], "ends before its member `data.tar`"),
        (
            vec![binary, data, control],
            "expected the member `control.tar`, found `data.tar`",
        ),
        (
            vec![binary, control, ("data.tar.bz2", b"".as_slice())],
            "not supported",
        ),
        (
            vec![binary, control, ("data.tarx", b"".as_slice())],
            "found `data.tarx`",
        ),
        (
            vec![binary, control, control, data],
            "expected the member `data.tar`",
        ),
    ] {
        assert_refused(read(&ar(&bad)), reason);
    }
    assert_refused(read(b""), "");
    assert_refused(read(b"PK\x03\x04 this is a zip"), "");
}

#[test]
fn second_data_member_that_other_readers_would_see() {
    let (control, data, evil) = (
        tar(&control_only()),
        tar(&[]),
        tar(&[Item::file("evil", b"")]),
    );
    let bytes = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control),
        ("data.tar", &data),
        ("data.tar", &evil),
    ]);
    assert_refused(read(&bytes), "unexpected member `data.tar` after the data");
}

#[test]
fn paths_that_leave_the_root() {
    for path in ["../etc/passwd", "./usr/../../etc/passwd", "usr/.."] {
        assert_refused(read_data(&[Item::file(path, b"x")]), "`..`");
        assert_refused(read_data(&[Item::directory(path)]), "`..`");
    }
    assert_refused(read_data(&[Item::file("a\nb", b"x")]), "control character");
    // An absolute path is below the root all the same, as for dpkg.
    assert_eq!(
        read_data(&[Item::file("/etc/passwd", b"x")]).unwrap()[0]
            .0
            .path
            .as_str(),
        "etc/passwd"
    );
}

#[test]
fn path_that_is_no_text() {
    let mut data = tar(&[Item::file("usr/X", b"x")]);
    data[4] = 0xff;
    // The checksum of the header grows with the byte.
    let sum: u32 = data[..512]
        .iter()
        .enumerate()
        .map(|(index, byte)| {
            if (148..156).contains(&index) {
                32
            } else {
                u32::from(*byte)
            }
        })
        .sum();
    data[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let bytes = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &tar(&control_only())),
        ("data.tar", &data),
    ]);
    assert_refused(read(&bytes), "is not UTF-8");
}

#[test]
fn hard_links_that_lead_astray() {
    for (data, reason) in [
        (vec![Item::hardlink("a", "../../etc/shadow")], "`..`"),
        (vec![Item::hardlink("a", "etc/shadow")], "no file before it"),
        (vec![Item::hardlink("a", "a")], "no file before it"),
        (
            vec![Item::hardlink("a", "b"), Item::file("b", b"")],
            "no file before it",
        ),
        (
            vec![Item::symlink("b", "/etc/shadow"), Item::hardlink("a", "b")],
            "no file before it",
        ),
        (
            vec![Item::directory("b"), Item::hardlink("a", "b")],
            "no file before it",
        ),
        (vec![Item::hardlink("a", "")], "no target"),
        (vec![Item::hardlink("a", "/")], "no file before it"),
    ] {
        assert_refused(read_data(&data), reason);
    }
}

#[test]
fn writing_through_a_link_of_the_same_package() {
    for data in [
        vec![
            Item::symlink("usr/evil", "/etc"),
            Item::file("usr/evil/passwd", b"x"),
        ],
        vec![Item::symlink("usr", "/"), Item::file("usr/a/b/c", b"x")],
        vec![Item::symlink("evil", "etc"), Item::directory("evil/x")],
        vec![Item::file("evil", b""), Item::file("evil/x", b"")],
        vec![
            Item::file("x", b""),
            Item::hardlink("evil", "x"),
            Item::symlink("evil/y", "z"),
        ],
    ] {
        assert_refused(read_data(&data), "lies below");
    }
    // The same in the other order: the directory is there first, by name or implied.
    for data in [
        vec![Item::file("usr/a", b""), Item::symlink("usr", "/etc")],
        vec![Item::directory("usr"), Item::symlink("usr", "/etc")],
    ] {
        assert_refused(read_data(&data), "is there twice");
    }
}

#[test]
fn the_same_path_twice() {
    for second in [
        Item::file("./a", b"2"),
        Item::symlink("a", "b"),
        Item::directory("a/"),
        Item::hardlink("a", "a"),
    ] {
        assert_refused(
            read_data(&[Item::file("a", b"1"), second]),
            "is there twice",
        );
    }
    assert_refused(
        read_data(&[Item::symlink("a", "b"), Item::directory("a")]),
        "is there twice",
    );
}

#[test]
fn kinds_that_packages_do_not_hold() {
    for (flag, reason) in [
        (b'3', "device node"),
        (b'4', "device node"),
        (b'6', "named pipe"),
        (b'Z', "unknown kind"),
    ] {
        assert_refused(read_data(&[Item(flag, "dev/x", "", 0o600, b"")]), reason);
    }
    assert_refused(
        read_data(&[Item::symlink(".", "/etc")]),
        "root is not a directory",
    );
    assert_refused(
        read_data(&[Item::file(".", b"x")]),
        "root is not a directory",
    );
    assert_refused(read_data(&[Item::symlink("a", "")]), "no target");
}

#[test]
fn extended_attributes() {
    let record = |name: &str, value: &str| {
        // `LENGTH KEY=VALUE\n`, the length counting itself.
        let body = format!(" SCHILY.xattr.{name}={value}\n");
        let length = (body.len() + 1..)
            .find(|length| length.to_string().len() + body.len() == *length)
            .unwrap();
        format!("{length}{body}")
    };
    let read = |name: &str| {
        let record = record(name, "v");
        read_data(&[
            Item(b'x', "pax", "", 0o644, record.as_bytes()),
            Item::file("a", b""),
        ])
    };
    let entries = read("security.capability").unwrap();
    assert_eq!(entries[0].0.xattrs["security.capability"], b"v");
    for hostile in [
        "trusted.overlay.redirect",
        "system.posix_acl_access",
        "user.x",
    ] {
        assert_refused(read(hostile), "extended attribute");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        let _ = read(&bytes);
        let _ = read(&ar(&[("debian-binary", b"2.0\n"), ("control.tar", &bytes), ("data.tar", &bytes)]));
    }

    #[test]
    fn no_changed_byte_makes_it_panic(position in 0_usize..20_000, byte in proptest::prelude::any::<u8>()) {
        let mut bytes = deb(&control_only(), &[Item::directory("usr"), Item::file("usr/a", b"x"), Item::symlink("b", "a")]);
        let position = position % bytes.len();
        bytes[position] = byte;
        let _ = read(&bytes);
    }

    #[test]
    fn entries_never_lead_out_of_a_directory(
        shape in proptest::collection::vec((0_usize..4, "[ab./]{1,6}", "[ab./]{0,6}"), 0..8)
    ) {
        let items: Vec<_> = shape
            .iter()
            .map(|(kind, path, target)| match kind {
                0 => Item::file(path, b"x"),
                1 => Item::directory(path),
                2 => Item::symlink(path, target),
                _ => Item::hardlink(path, target),
            })
            .collect();
        // Whatever is accepted can be created in order: the parent of each is no link and no file.
        if let Ok(entries) = read_data(&items) {
            let mut known: Vec<(String, bool)> = Vec::new();
            for (entry, _) in entries {
                let parts: Vec<_> = entry.path.as_str().split('/').collect();
                for end in 1..parts.len() {
                    let above = parts[..end].join("/");
                    proptest::prop_assert!(!known.iter().any(|(path, directory)| *path == above && !directory));
                }
                known.push((entry.path.as_str().to_owned(), entry.kind == EntryKind::Directory));
            }
        }
    }
}
