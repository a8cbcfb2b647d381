//! The ar reader: what `.deb` files hold, and archives that lie.

use std::io::Read;

use kiln_archive::ar::{Member, Reader};
use kiln_archive::{ArchiveError, ArchiveErrorKind, Limits};
use proptest::prelude::*;

fn header(name: &str, size: &str) -> Vec<u8> {
    format!(
        "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
        0, 0, 0, "100644"
    )
    .into_bytes()
}

fn member(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = [header(name, &content.len().to_string()), content.to_vec()].concat();
    if content.len() % 2 == 1 {
        bytes.push(b'\n');
    }
    bytes
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [b"!<arch>\n".to_vec(), members.concat()].concat()
}

fn read_all(bytes: &[u8]) -> Result<Vec<(Member, Vec<u8>)>, ArchiveError> {
    let mut reader = Reader::new(bytes, &Limits::default());
    let mut members = Vec::new();
    while let Some(member) = reader.next()? {
        let mut content = Vec::new();
        reader.read_to_end(&mut content)?;
        assert_eq!(reader.remaining(), 0);
        members.push((member, content));
    }
    assert!(reader.next()?.is_none());
    Ok(members)
}

fn list(bytes: &[u8]) -> Result<Vec<Member>, ArchiveError> {
    let mut reader = Reader::new(bytes, &Limits::default());
    let mut members = Vec::new();
    while let Some(member) = reader.next()? {
        members.push(member);
    }
    Ok(members)
}

#[track_caller]
fn refused(bytes: &[u8], kind: ArchiveErrorKind, words: &str) {
    let error = read_all(bytes).expect_err("the archive was read");
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
    assert!(list(bytes).is_err());
}

use ArchiveErrorKind::{Limit, Malformed, Unsupported};

#[test]
fn a_debian_package() {
    let bytes = archive(&[
        member("debian-binary", b"2.0\n"),
        member("control.tar.xz/", b"odd"),
        member("data.tar.zst", b""),
    ]);
    let read = read_all(&bytes).unwrap();
    let names: Vec<&str> = read
        .iter()
        .map(|(member, _)| member.name.as_str())
        .collect();
    assert_eq!(names, ["debian-binary", "control.tar.xz", "data.tar.zst"]);
    assert_eq!(
        (read[1].0.size, read[1].0.mode, read[1].1.as_slice()),
        (3, 0o100_644, &b"odd"[..])
    );
    assert_eq!(list(&bytes).unwrap().len(), 3);
    assert_eq!(read_all(b"!<arch>\n").unwrap(), []);
}

#[test]
fn the_filling_may_be_missing_at_the_end() {
    let bytes = archive(&[member("a", b"odd")]);
    assert_eq!(read_all(&bytes[..bytes.len() - 1]).unwrap().len(), 1);
}

#[test]
fn an_archive_cut_anywhere_inside_a_member() {
    let bytes = archive(&[member("a", b"odd"), member("b", b"even")]);
    let boundaries = [8, 8 + 63, 8 + 64, bytes.len()];
    for length in 0..=bytes.len() {
        let result = read_all(&bytes[..length]);
        assert_eq!(
            result.is_ok(),
            boundaries.contains(&length),
            "{length}: {result:?}"
        );
        assert_eq!(
            list(&bytes[..length]).is_ok(),
            boundaries.contains(&length),
            "{length}"
        );
        if let Err(error) = result {
            assert_eq!(error.kind, Malformed, "{error}");
        }
    }
}

#[test]
fn sizes_that_lie() {
    let with_size = |size: &str| archive(&[header("a", size), b"abcd".to_vec()]);
    for (size, kind, words) in [
        ("-1", Malformed, "not a number"),
        ("+1", Malformed, "not a number"),
        ("0x10", Malformed, "not a number"),
        ("1 2", Malformed, "not a number"),
        ("", Malformed, "not a number"),
        ("5", Malformed, "truncated"),
        ("9999999999", Malformed, "truncated"),
    ] {
        refused(&with_size(size), kind, words);
    }
    let limits = Limits {
        max_unpacked: 3,
        ..Limits::default()
    };
    assert_eq!(
        Reader::new(&with_size("4")[..], &limits)
            .next()
            .unwrap_err()
            .kind,
        Limit
    );
}

#[test]
fn names_that_are_no_names() {
    for name in ["//", "/", "/123", "#1/20", "/SYM64/"] {
        refused(&archive(&[member(name, b"x")]), Unsupported, "long names");
    }
    for name in ["", "a/b", "../x/", "a\u{7f}", "a\nb", "a\0b", "é"] {
        refused(&archive(&[member(name, b"")]), Malformed, "");
    }
}

#[test]
fn what_is_no_archive() {
    refused(b"", Malformed, "!<arch>");
    refused(b"!<thin>\n", Malformed, "!<arch>");
    refused(&archive(&[vec![b' '; 60]]), Malformed, "header");
    let mut filling = archive(&[member("a", b"odd"), member("b", b"")]);
    filling[8 + 63] = b'x';
    refused(&filling, Malformed, "filling");
}

#[test]
fn more_members_than_anybody_needs() {
    let bytes = archive(&vec![member("a", b""); 11]);
    let limits = Limits {
        max_entries: 10,
        ..Limits::default()
    };
    let mut reader = Reader::new(bytes.as_slice(), &limits);
    for _ in 0..10 {
        reader.next().unwrap();
    }
    assert_eq!(reader.next().unwrap_err().kind, Limit);
    assert!(
        reader.next().is_err(),
        "after an error nothing more is read"
    );
}

proptest! {
    #[test]
    fn noise_never_panics(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut real = archive(&[member("a", b"odd"), member("b", b"even")]);
        for (at, byte) in damage {
            let at = at.index(real.len());
            real[at] = byte;
        }
        prop_assert_eq!(read_all(&real).is_ok(), list(&real).is_ok());
        bytes.splice(0..0, *b"!<arch>\n");
        let _ = read_all(&bytes);
    }
}
