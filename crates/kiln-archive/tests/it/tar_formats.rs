//! Every form that the reader reads, and the bytes that the writer writes.

use std::collections::BTreeMap;

use kiln_archive::tar::{Header, Kind, write_header, write_padding};

use crate::forge::{END, Forged, blocks, entry, list, pax, read_all};

#[test]
fn ustar_with_every_kind() {
    let device = |flag| {
        Forged::new("dev/x", flag, 0)
            .with(329, b"0000001\0")
            .with(337, b"0000005\0")
            .sum()
    };
    let link = |flag| Forged::new("l", flag, 0).with(157, b"target").sum();
    let bytes = [
        entry("file", b'0', b"hello"),
        link(b'1'),
        link(b'2'),
        device(b'3'),
        device(b'4'),
        entry("d/", b'5', b""),
        entry("pipe", b'6', b""),
        entry("contiguous", b'7', b"x"),
        entry("volume", b'V', b"odd"),
        END.to_vec(),
    ]
    .concat();
    let read = read_all(&bytes).unwrap();
    let kinds: Vec<Kind> = read.iter().map(|(entry, _)| entry.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::File,
            Kind::Hardlink,
            Kind::Symlink,
            Kind::CharDevice,
            Kind::BlockDevice,
            Kind::Directory,
            Kind::Fifo,
            Kind::File,
            Kind::Other(b'V')
        ]
    );
    assert_eq!(read[0].1, b"hello");
    assert_eq!(read[1].0.link, b"target");
    assert_eq!((read[3].0.device_major, read[3].0.device_minor), (1, 5));
    assert_eq!(read[8].1, b"odd");
    assert_eq!(
        list(&bytes).unwrap(),
        read.into_iter().map(|(entry, _)| entry).collect::<Vec<_>>()
    );
}

#[test]
fn the_ustar_prefix_counts_and_what_gnu_tar_keeps_there_does_not() {
    let prefixed = Forged::new("name", b'0', 0).with(345, b"some/prefix");
    let times = Forged::new("name", b'0', 0).with(345, b"14725470400\x0014725470400\0");
    let gnu = times.with(257, b"ustar  \0");
    let v7 = prefixed.clone().with(257, &[0; 8]);
    let bytes = [prefixed.sum(), gnu.sum(), v7.sum(), END.to_vec()].concat();
    let paths: Vec<_> = list(&bytes)
        .unwrap()
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    assert_eq!(paths, [&b"some/prefix/name"[..], b"name", b"name"]);
}

#[test]
fn attack_paths_that_two_readers_unpack_to_different_places() {
    // Go takes text in the place of GNU's times for a prefix; GNU tar does not.
    let text = Forged::new("status", b'0', 0)
        .with(345, b"var/lib/dpkg")
        .with(257, b"ustar  \0");
    let error = list(&[text.sum(), END.to_vec()].concat()).unwrap_err();
    assert!(error.to_string().contains("GNU's form"), "{error}");
    // GNU tar applies a global path to all that follows; others to nothing.
    let record = b"27 path=var/lib/dpkg/other\n";
    let mut global = Forged::new("g", b'g', record.len() as u64).sum();
    global.extend_from_slice(record);
    global.resize(1024, 0);
    let file = Forged::new("status", b'0', 0).sum();
    let error = list(&[global, file, END.to_vec()].concat()).unwrap_err();
    assert!(
        error.to_string().contains("global extended header"),
        "{error}"
    );
}

#[test]
fn a_trailing_slash_makes_a_directory_as_before_posix() {
    let bytes = [
        Forged::new("old/", 0, 0).with(257, &[0; 8]).sum(),
        END.to_vec(),
    ]
    .concat();
    assert_eq!(list(&bytes).unwrap()[0].kind, Kind::Directory);
}

#[test]
fn gnu_long_names() {
    let path = "p".repeat(300);
    let target = "t".repeat(200);
    let long = |flag, text: &str| entry("././@LongLink", flag, format!("{text}\0").as_bytes());
    let symlink = Forged::new(&path[..100], b'2', 0)
        .with(157, &target.as_bytes()[..100])
        .sum();
    let bytes = [
        long(b'K', &target),
        long(b'L', &path),
        symlink,
        entry("next", b'0', b""),
        END.to_vec(),
    ]
    .concat();
    let read = list(&bytes).unwrap();
    assert_eq!(
        (read[0].path.as_slice(), read[0].link.as_slice()),
        (path.as_bytes(), target.as_bytes())
    );
    assert_eq!(read[1].path, b"next", "a long name holds for one entry");
}

#[test]
fn pax_records_go_before_the_header_and_global_ones_stay() {
    let bytes = [
        pax(
            b'g',
            &[
                ("uid", b"7"),
                ("SCHILY.xattr.user.g", b"global"),
                ("comment", b"x"),
            ],
        ),
        pax(
            b'x',
            &[
                ("path", "ä/b".as_bytes()),
                ("size", b"3"),
                ("mtime", b"-1.5"),
                ("uid", b"3000000"),
                ("gid", b"4294967295"),
                ("SCHILY.xattr.security.capability", b"\x01\0\0\x02"),
            ],
        ),
        entry("short", b'0', b"abc"),
        pax(b'x', &[("linkpath", b"long")]),
        Forged::new("link", b'2', 0).with(157, b"short").sum(),
        END.to_vec(),
    ]
    .concat();
    let read = list(&bytes).unwrap();
    assert_eq!(read[0].path, "ä/b".as_bytes());
    assert_eq!(
        (read[0].uid, read[0].gid, read[0].mtime),
        (3_000_000, u32::MAX, -2)
    );
    assert_eq!(read[0].xattrs["security.capability"], b"\x01\0\0\x02");
    assert_eq!(read[0].xattrs["user.g"], b"global");
    assert_eq!((read[1].uid, read[1].link.as_slice()), (7, &b"long"[..]));
    assert!(!read[1].xattrs.contains_key("security.capability"));
}

#[test]
fn base_256_numbers_and_old_checksums() {
    let owner = Forged::new("f", b'0', 0).with(108, &[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]);
    let time = Forged::new("f", b'0', 0).with(136, &[0xff; 12]);
    let mut signed = Forged::new("\u{e9}", b'0', 0).with(148, b"        ");
    let sum: i32 = signed
        .0
        .iter()
        .map(|byte| i32::from(byte.cast_signed()))
        .sum();
    signed.put(148, format!("{sum:06o}\0 ").as_bytes());
    let bytes = [owner.sum(), time.sum(), signed.0.to_vec(), END.to_vec()].concat();
    let read = list(&bytes).unwrap();
    assert_eq!((read[0].uid, read[1].mtime), (u32::MAX - 1, -1));
}

#[test]
fn an_archive_ends_with_its_zeros_or_with_its_input() {
    let file = entry("f", b'0', b"x");
    for end in [0, 512, 1024, 1024 + 7 * 512, 10240, 1100] {
        let bytes = [file.clone(), vec![0; end]].concat();
        assert_eq!(list(&bytes).unwrap().len(), 1, "{end} zeros");
    }
    assert_eq!(list(&[]).unwrap().len(), 0);
    assert_eq!(list(&END).unwrap().len(), 0);
}

#[test]
fn file_type_bits_in_a_mode_are_dropped() {
    let bytes = Forged::new("f", b'0', 0).with(100, b"0104755\0").sum();
    assert_eq!(list(&bytes).unwrap()[0].mode, 0o4755);
}

fn written(header: &Header<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_header(&mut bytes, header).unwrap();
    bytes
}

const PLAIN: Header<'static> = Header {
    path: "usr/bin/tool",
    kind: Kind::File,
    mode: 0o4755,
    uid: 0,
    gid: 42,
    mtime: 1_700_000_000,
    size: 5,
    link: "",
    xattrs: &BTreeMap::new(),
};

#[test]
fn the_writer_writes_plain_ustar_where_that_suffices() {
    let mut expected = Forged::new("usr/bin/tool", b'0', 5);
    expected
        .put(100, b"0004755\0")
        .put(116, b"0000052\0")
        .put(136, b"14524770400\0");
    expected.put(329, b"0000000\0").put(337, b"0000000\0");
    assert_eq!(written(&PLAIN), expected.sum());
    let directory = written(&Header {
        path: "usr/bin",
        kind: Kind::Directory,
        size: 0,
        ..PLAIN
    });
    assert_eq!(&directory[..9], b"usr/bin/\0");
    assert_eq!(directory.len(), 512);
    assert_eq!(
        written(&Header {
            size: (8 << 30) - 1,
            ..PLAIN
        })
        .len(),
        512
    );
    assert_eq!(
        written(&Header {
            uid: 2_097_151,
            ..PLAIN
        })
        .len(),
        512
    );
    assert_eq!(
        written(&Header {
            path: &format!("{}/{}", "a".repeat(155), "b".repeat(100)),
            ..PLAIN
        })
        .len(),
        512
    );
}

#[test]
fn the_writer_writes_pax_where_ustar_cannot_say_it() {
    let xattrs = BTreeMap::from([("security.capability".to_owned(), vec![1, 0, 0, 2])]);
    let long = "x".repeat(101);
    let cases: [(&str, Header<'_>); 9] = [
        (
            "path",
            Header {
                path: &long,
                ..PLAIN
            },
        ),
        (
            "path",
            Header {
                path: "usr/é",
                ..PLAIN
            },
        ),
        (
            "linkpath",
            Header {
                link: &long,
                kind: Kind::Symlink,
                size: 0,
                ..PLAIN
            },
        ),
        (
            "size",
            Header {
                size: 8 << 30,
                ..PLAIN
            },
        ),
        (
            "uid",
            Header {
                uid: 2_097_152,
                ..PLAIN
            },
        ),
        (
            "gid",
            Header {
                gid: u32::MAX,
                ..PLAIN
            },
        ),
        ("mtime", Header { mtime: -1, ..PLAIN }),
        (
            "mtime",
            Header {
                mtime: 1 << 33,
                ..PLAIN
            },
        ),
        (
            "SCHILY.xattr.security.capability",
            Header {
                xattrs: &xattrs,
                ..PLAIN
            },
        ),
    ];
    for (key, header) in cases {
        let bytes = written(&header);
        assert_eq!(bytes.len(), 1536, "{key}");
        assert_eq!(&bytes[..13], b"PaxHeaders.0/");
        assert_eq!(bytes[156], b'x');
        assert!(
            bytes[512..1024]
                .windows(key.len() + 1)
                .any(|window| window == format!("{key}=").as_bytes())
        );
    }
    let records = written(&Header {
        path: "usr/é",
        xattrs: &xattrs,
        ..PLAIN
    });
    assert_eq!(
        &records[512..566],
        b"41 SCHILY.xattr.security.capability=\x01\0\0\x02\n15 path=usr/\xc3\xa9\n"
            .get(..54)
            .unwrap()
    );
}

#[test]
fn the_writer_refuses_what_no_layer_holds() {
    let bad = BTreeMap::from([("user.a=b".to_owned(), vec![])]);
    for header in [
        Header { path: "", ..PLAIN },
        Header {
            path: "/etc",
            ..PLAIN
        },
        Header {
            path: "a\0b",
            ..PLAIN
        },
        Header {
            path: "file/",
            ..PLAIN
        },
        Header { link: "x", ..PLAIN },
        Header {
            kind: Kind::Symlink,
            size: 0,
            ..PLAIN
        },
        Header {
            kind: Kind::Hardlink,
            link: "x",
            ..PLAIN
        },
        Header {
            kind: Kind::Directory,
            ..PLAIN
        },
        Header {
            kind: Kind::CharDevice,
            size: 0,
            ..PLAIN
        },
        Header {
            kind: Kind::Other(b'V'),
            size: 0,
            ..PLAIN
        },
        Header {
            xattrs: &bad,
            ..PLAIN
        },
    ] {
        let mut bytes = Vec::new();
        let error = write_header(&mut bytes, &header).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(bytes.is_empty(), "nothing half-written");
    }
}

#[test]
fn padding_fills_the_last_block() {
    for (size, missing) in [
        (0, 0),
        (1, 511),
        (511, 1),
        (512, 0),
        (513, 511),
        (u64::MAX, 1),
    ] {
        let mut bytes = Vec::new();
        write_padding(&mut bytes, size).unwrap();
        assert_eq!(bytes, vec![0; missing], "{size}");
    }
    assert_eq!(blocks(b"x").len(), 512);
}
