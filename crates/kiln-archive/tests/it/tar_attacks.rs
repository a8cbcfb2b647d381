//! Archives that lie. Each test is named after the attack.

use kiln_archive::tar::Reader;
use kiln_archive::{ArchiveErrorKind, Limits};

use crate::forge::{END, Forged, blocks, entry, list, pax, read_all, read_with};

#[track_caller]
fn refused(bytes: &[u8], kind: ArchiveErrorKind, words: &str) {
    for result in [read_all(bytes).map(|_| ()), list(bytes).map(|_| ())] {
        let error = result.expect_err("the archive was read");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

use ArchiveErrorKind::{Limit, Malformed, Unsupported};

#[test]
fn an_archive_cut_anywhere_inside_an_entry() {
    let bytes = [
        pax(b'x', &[("uid", b"1")]),
        entry("a", b'0', &[7; 600]),
        entry("b", b'2', b""),
    ]
    .concat();
    let bytes = [
        &bytes[..bytes.len() - 512],
        &Forged::new("b", b'2', 0).with(157, b"a").sum(),
        &END,
    ]
    .concat();
    let whole = read_all(&bytes).unwrap();
    assert_eq!(whole.len(), 2);
    let boundaries = [0, 2560, 3072, 3584, 4096];
    for length in 0..=bytes.len() {
        let read = read_all(&bytes[..length]);
        let listed = list(&bytes[..length]);
        assert_eq!(read.is_ok(), listed.is_ok(), "{length}");
        let accepted = boundaries.contains(&length) || length > 3072;
        match read {
            Ok(entries) => {
                assert!(accepted, "cut at {length} was accepted");
                assert_eq!(entries[..], whole[..entries.len()]);
            }
            Err(error) => {
                // A part of an end block is a header that is cut.
                assert!(!boundaries.contains(&length), "cut at {length}: {error}");
                assert_eq!(error.kind, Malformed, "{error}");
            }
        }
    }
}

#[test]
fn a_wrong_checksum_and_what_is_no_tar_at_all() {
    let mut bytes = entry("a", b'0', b"");
    bytes[0] = b'b';
    refused(&bytes, Malformed, "checksum");
    refused(&[b'x'; 2048], Malformed, "checksum");
    refused(&blocks(b"#!/bin/sh\n"), Malformed, "checksum");
    refused(b"short", Malformed, "truncated");
}

#[test]
fn a_second_archive_hides_behind_the_end() {
    let hidden = entry("hidden", b'0', b"");
    refused(
        &[entry("a", b'0', b""), END.to_vec(), hidden.clone()].concat(),
        Malformed,
        "behind the end",
    );
    refused(
        &[entry("a", b'0', b""), vec![0; 512], hidden].concat(),
        Malformed,
        "behind the end",
    );
    refused(
        &[END.to_vec(), vec![0; 100_000], b"x".to_vec()].concat(),
        Malformed,
        "at byte 101024",
    );
}

#[test]
fn a_pax_size_smuggles_an_archive_past_readers_of_the_plain_size() {
    let inner = [entry("evil", b'0', b"x"), END.to_vec()].concat();
    let size = inner.len().to_string();
    let outer = Forged::new("outer", b'0', 0).sum();
    let bytes = [
        pax(b'x', &[("size", size.as_bytes())]),
        outer,
        inner.clone(),
    ]
    .concat();
    refused(&bytes, Malformed, "contradict");
    let outer = Forged::new("outer", b'0', inner.len() as u64).sum();
    refused(
        &[pax(b'x', &[("size", b"0")]), outer, inner].concat(),
        Malformed,
        "contradict",
    );
}

#[test]
fn sizes_that_are_negative_or_absurd() {
    let size = |field: &[u8]| Forged::new("a", b'0', 0).with(124, field).sum();
    refused(&size(&[0xff; 12]), Malformed, "negative");
    refused(
        &size(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"),
        Limit,
        "unpacks to more",
    );
    refused(
        &size(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"),
        Malformed,
        "out of range",
    );
    refused(&size(b"77777777777\0"), Malformed, "truncated");
    refused(&size(b"-0000000001\0"), Malformed, "octal");
    let header = Forged::new("a", b'0', 0).sum();
    let huge = |value: &[u8]| [pax(b'x', &[("size", value)]), header.clone()].concat();
    refused(&huge(b"18446744073709551615"), Limit, "unpacks to more");
    refused(&huge(b"9223372036854775807"), Limit, "unpacks to more");
    refused(&huge(b"18446744073709551616"), Malformed, "too large");
    refused(&huge(b"-1"), Malformed, "not a number");
    refused(&huge(b"8589934592"), Malformed, "truncated");
}

#[test]
fn the_sum_of_all_sizes_is_limited() {
    let bytes: Vec<u8> = (0..4).flat_map(|_| entry("a", b'0', &[1; 512])).collect();
    let limits = Limits {
        max_unpacked: 2048,
        ..Limits::default()
    };
    assert_eq!(read_with(&bytes, &limits).unwrap().len(), 4);
    let limits = Limits {
        max_unpacked: 2047,
        ..Limits::default()
    };
    assert_eq!(read_with(&bytes, &limits).unwrap_err().kind, Limit);
}

#[test]
fn more_entries_than_anybody_needs() {
    let one = entry("a", b'0', b"");
    let mut endless = std::iter::repeat_n(one.as_slice(), 1001).fold(Vec::new(), |mut all, one| {
        all.extend_from_slice(one);
        all
    });
    let limits = Limits {
        max_entries: 1000,
        ..Limits::default()
    };
    let error = read_with(&endless, &limits).unwrap_err();
    assert_eq!((error.kind, error.offset), (Limit, Some(512_000)));
    endless.truncate(512_000);
    assert_eq!(read_with(&endless, &limits).unwrap().len(), 1000);
}

#[test]
fn global_headers_without_end_count_as_entries() {
    let bytes: Vec<u8> = (0..100).flat_map(|_| pax(b'g', &[])).collect();
    let limits = Limits {
        max_entries: 99,
        ..Limits::default()
    };
    assert_eq!(read_with(&bytes, &limits).unwrap_err().kind, Limit);
}

#[test]
fn extended_headers_that_would_fill_the_memory() {
    for flag in *b"xgLK" {
        let bytes = Forged::new("x", flag, 1 << 32).sum();
        refused(&bytes, Limit, "extended headers take");
    }
    let half = vec![b'n'; 600 << 10];
    let long = |flag| entry("././@LongLink", flag, &half);
    refused(
        &[long(b'L'), long(b'K')].concat(),
        Limit,
        "extended headers take",
    );
    let global = pax(b'g', &[("comment", &half)]);
    refused(
        &[global.clone(), entry("a", b'0', b""), global].concat(),
        Limit,
        "extended headers take",
    );
    // A claim alone allocates nothing.
    refused(
        &Forged::new("x", b'x', 1 << 20).sum(),
        Malformed,
        "truncated",
    );
}

#[test]
fn a_path_longer_than_any_file_system_holds() {
    let path = vec![b'n'; 4097];
    refused(
        &[pax(b'x', &[("path", &path)]), entry("a", b'0', b"")].concat(),
        Limit,
        "path has 4097 bytes",
    );
    let link = Forged::new("a", b'2', 0).with(157, b"t").sum();
    refused(
        &[pax(b'x', &[("linkpath", &path)]), link].concat(),
        Limit,
        "link target has 4097 bytes",
    );
}

#[test]
fn a_nul_cuts_a_name_short_for_some_readers() {
    refused(
        &[pax(b'x', &[("path", b"good\0evil")]), entry("a", b'0', b"")].concat(),
        Malformed,
        "NUL",
    );
    refused(
        &[entry("@", b'L', b"good\0evil\0"), entry("a", b'0', b"")].concat(),
        Malformed,
        "NUL",
    );
}

#[test]
fn extended_headers_that_wait_for_another_entry() {
    let x = pax(b'x', &[("uid", b"1")]);
    let long = entry("@", b'L', b"name\0");
    let file = entry("a", b'0', b"");
    for (first, second) in [(&x, &x), (&x, &long), (&long, &x), (&long, &long)] {
        refused(
            &[first.clone(), second.clone(), file.clone()].concat(),
            Malformed,
            "not followed by its entry",
        );
    }
    refused(
        &[x.clone(), pax(b'g', &[]), file].concat(),
        Malformed,
        "not followed by its entry",
    );
    refused(
        &[x.clone(), END.to_vec()].concat(),
        Malformed,
        "ends after an extended header",
    );
    refused(&x, Malformed, "ends after an extended header");
}

#[test]
fn content_behind_what_is_no_file() {
    for flag in *b"123456" {
        let header = Forged::new("a", flag, 512).with(157, b"target").sum();
        refused(
            &[header, entry("evil", b'0', b"")].concat(),
            Malformed,
            "no regular file",
        );
    }
    refused(&entry("dir/", b'0', b"x"), Malformed, "no regular file");
}

#[test]
fn sparse_files_of_both_forms() {
    refused(&entry("a", b'S', b""), Unsupported, "sparse");
    let bytes = [
        pax(b'x', &[("GNU.sparse.major", b"1")]),
        entry("a", b'0', b""),
    ]
    .concat();
    refused(&bytes, Unsupported, "sparse");
}

#[test]
fn owners_that_no_system_has() {
    let owner = |at, field: &[u8]| Forged::new("a", b'0', 0).with(at, field).sum();
    refused(&owner(108, &[0xff; 8]), Malformed, "uid is negative");
    refused(
        &owner(116, &[0x80, 0, 0, 1, 0, 0, 0, 0]),
        Malformed,
        "gid 4294967296 is out of range",
    );
    refused(
        &[pax(b'x', &[("uid", b"4294967296")]), entry("a", b'0', b"")].concat(),
        Malformed,
        "out of range",
    );
}

#[test]
fn names_and_targets_that_are_missing() {
    refused(&entry("", b'0', b""), Malformed, "path is empty");
    refused(&entry("a", b'2', b""), Malformed, "no target");
    refused(&entry("a", b'1', b""), Malformed, "no target");
}

#[test]
fn an_attribute_whose_name_is_no_text() {
    let mut bytes = pax(b'x', &[("SCHILY.xattr.user.aa", b"v")]);
    let at = bytes.windows(2).position(|window| window == b"aa").unwrap();
    bytes[at] = 0xff;
    refused(
        &[bytes, entry("a", b'0', b"")].concat(),
        Malformed,
        "extended attribute",
    );
}

#[test]
fn an_error_names_the_entry_and_the_place_and_cannot_forge_a_log_line() {
    let bytes = [
        entry("a", b'0', b""),
        Forged::new("e\nvil\x1b[2J", b'5', 3).sum(),
    ]
    .concat();
    let text = read_all(&bytes).unwrap_err().to_string();
    assert!(
        text.starts_with("entry `e\\nvil\\u{1b}[2J` at byte 512: "),
        "{text}"
    );
}

#[test]
fn after_an_error_nothing_more_is_read() {
    let bytes = [entry("a", b'S', b""), entry("b", b'0', b"")].concat();
    let mut reader = Reader::new(bytes.as_slice(), &Limits::default());
    assert!(reader.next().is_err());
    assert!(reader.next().is_err());
    let cut = entry("a", b'0', &[1; 600]);
    let mut reader = Reader::new(&cut[..700], &Limits::default());
    reader.next().unwrap();
    assert!(reader.content().read_to_end(&mut Vec::new()).is_err());
    assert!(reader.next().is_err());
}

#[test]
fn the_error_of_a_decoder_below_keeps_its_kind() {
    let limits = Limits {
        max_unpacked: 700,
        ..Limits::default()
    };
    let bytes = [entry("a", b'0', &[0; 300]), END.to_vec()].concat();
    let input = kiln_archive::decompress::decoder(
        kiln_archive::decompress::Codec::None,
        bytes.as_slice(),
        &limits,
    );
    let mut reader = Reader::new(input.unwrap(), &Limits::default());
    reader.next().unwrap();
    assert_eq!(reader.next().unwrap_err().kind, Limit);
}
