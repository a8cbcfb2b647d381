//! Properties of the reader and the writer together, and of the reader on noise.

use std::collections::BTreeMap;

use kiln_archive::tar::{END, Entry, Header, Kind, write_header, write_padding};
use proptest::prelude::*;

use crate::forge::{list, read_all};

#[derive(Clone, Debug)]
struct Item {
    entry: Entry,
    content: Vec<u8>,
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(/[a-z]{1,8}){0,3}",
        "[a-z/]{1}[a-z]{90,110}",
        "[a-z]{1,160}/[a-z]{1,120}",
        "[^\0/]{1,40}(/[^\0/]{1,40}){0,4}",
        "[ -~&&[^/]]{250}(/[ -~&&[^/]]{250}){0,8}",
        Just("-rf".to_owned()),
        Just("../../etc/passwd".to_owned()),
        Just("a\nb=c 12 path=x".to_owned()),
        Just("\u{1f980}/\u{301}".to_owned()),
    ]
    .prop_map(|name| name.trim_start_matches('/').to_owned())
    .prop_filter("not empty", |name| !name.is_empty() && !name.ends_with('/'))
}

fn item() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![
        4 => Just(Kind::File),
        1 => Just(Kind::Directory),
        1 => Just(Kind::Symlink),
        1 => Just(Kind::Hardlink)
    ];
    let xattrs = proptest::collection::btree_map(
        "[^=\0]{1,30}",
        proptest::collection::vec(any::<u8>(), 0..200),
        0..4,
    );
    let identity = prop_oneof![
        0..70_000_u32,
        Just(2_097_151),
        Just(2_097_152),
        any::<u32>()
    ];
    let mtime = prop_oneof![
        0..2_000_000_000_i64,
        any::<i64>(),
        Just((1 << 33) - 1),
        Just(1 << 33)
    ];
    let content = proptest::collection::vec(any::<u8>(), 0..1600);
    (
        name(),
        name(),
        kind,
        0..0o10000_u32,
        identity.clone(),
        identity,
        mtime,
        xattrs,
        content,
    )
        .prop_map(
            |(path, link, kind, mode, uid, gid, mtime, xattrs, content)| {
                let content = if kind == Kind::File {
                    content
                } else {
                    Vec::new()
                };
                let is_link = matches!(kind, Kind::Symlink | Kind::Hardlink);
                let entry = Entry {
                    path: path.into_bytes(),
                    link: if is_link {
                        link.into_bytes()
                    } else {
                        Vec::new()
                    },
                    kind,
                    mode,
                    uid,
                    gid,
                    mtime,
                    size: content.len() as u64,
                    device_major: 0,
                    device_minor: 0,
                    xattrs,
                };
                Item { entry, content }
            },
        )
}

fn write(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Item { entry, content } in items {
        let header = Header {
            path: std::str::from_utf8(&entry.path).unwrap(),
            kind: entry.kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            size: entry.size,
            link: std::str::from_utf8(&entry.link).unwrap(),
            xattrs: &entry.xattrs,
        };
        write_header(&mut bytes, &header).unwrap();
        bytes.extend_from_slice(content);
        write_padding(&mut bytes, entry.size).unwrap();
    }
    bytes.extend_from_slice(&END);
    bytes
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(items in proptest::collection::vec(item(), 0..8)) {
        let bytes = write(&items);
        prop_assert_eq!(bytes.len() % 512, 0);
        prop_assert_eq!(&write(&items), &bytes);
        let read = read_all(&bytes).unwrap();
        prop_assert_eq!(read.len(), items.len());
        for ((mut entry, content), item) in read.into_iter().zip(items) {
            if entry.kind == Kind::Directory {
                prop_assert_eq!(entry.path.pop(), Some(b'/'));
            }
            prop_assert_eq!(entry, item.entry);
            prop_assert_eq!(content, item.content);
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = read_all(&bytes);
    }

    #[test]
    fn a_damaged_archive_never_panics(
        items in proptest::collection::vec(item(), 1..4),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        resum in any::<bool>(),
    ) {
        let mut bytes = write(&items);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if resum {
                // Past the checksum, the damage reaches the parsers.
                let start = at / 512 * 512;
                let block = &mut bytes[start..start + 512];
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        prop_assert_eq!(read_all(&bytes).is_ok(), list(&bytes).is_ok());
    }
}

#[test]
fn golden_archive() {
    let xattrs = BTreeMap::from([("user.k".to_owned(), b"v".to_vec())]);
    let items = [
        ("etc", Kind::Directory, "", &b""[..], BTreeMap::new()),
        (
            "etc/passwd",
            Kind::File,
            "",
            b"root:x:0:0\n",
            BTreeMap::new(),
        ),
        ("etc/\u{e9}", Kind::Symlink, "passwd", b"", xattrs),
    ]
    .map(|(path, kind, link, content, xattrs)| Item {
        entry: Entry {
            path: path.into(),
            link: link.into(),
            kind,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 1_700_000_000,
            size: content.len() as u64,
            device_major: 0,
            device_minor: 0,
            xattrs,
        },
        content: content.to_vec(),
    });
    let bytes = write(&items);
    assert_eq!(bytes.len(), 512 + 1024 + 1536 + 1024);
    // Whoever changes this changes the digest of every image.
    assert_eq!(format!("{:08x}", crc32fast::hash(&bytes)), "6b353814");
}
