//! What a data archive holds: paths, links, kinds, sizes and numbers of entries.

use super::forge::{END, Header, bomb, ended, entry, long, many_entries, pax};
use super::{Attack, Hostile, with_data, with_packed_data};
use crate::archive::Compression;

fn tree(pieces: &[&[u8]]) -> Hostile {
    with_data(&ended(pieces))
}

fn file(path: &str) -> Vec<u8> {
    entry(path, b'0', b"x")
}

fn symlink(path: &str, target: &str) -> Vec<u8> {
    Header::new(path, b'2', 0).link(target).block()
}

fn hard_link(path: &str, target: &str) -> Vec<u8> {
    Header::new(path, b'1', 0).link(target).block()
}

fn of_kind(flag: u8) -> Hostile {
    tree(&[&entry("./dev/x", flag, b"")])
}

fn size_field(field: &[u8; 12]) -> Hostile {
    tree(&[&Header::new("./a", b'0', 0).with(124, field).block()])
}

/// A path as deep as a path may be long.
fn deep(number: u32) -> Vec<u8> {
    long(&format!("./{}{number:06}", "d/".repeat(2_040)), b'0', b"")
}

/// An ELF file that needs one library of a very long name many thousand times.
fn greedy_elf(name: &str) -> Vec<u8> {
    let (needed, dynamic) = (4_000_u64, 4_096_u64);
    let strings = dynamic + 16 * (needed + 2);
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let mut number = |bytes: &[u8]| elf.extend_from_slice(bytes);
    number(&3_u16.to_le_bytes());
    number(&62_u16.to_le_bytes());
    number(&1_u32.to_le_bytes());
    for value in [0, 64, 0_u64] {
        number(&value.to_le_bytes());
    }
    number(&0_u32.to_le_bytes());
    for value in [64, 56, 2, 0, 0, 0_u16] {
        number(&value.to_le_bytes());
    }
    let end = strings + 4_096;
    for (kind, offset, size) in [(1_u32, 0, end), (2, dynamic, 16 * (needed + 2))] {
        number(&kind.to_le_bytes());
        number(&4_u32.to_le_bytes());
        for value in [offset, offset, offset, size, size, 8] {
            number(&value.to_le_bytes());
        }
    }
    elf.resize(4_096, 0);
    for (tag, value) in std::iter::once((5, strings))
        .chain(std::iter::repeat_n((1, 0), 4_000))
        .chain(std::iter::once((0, 0_u64)))
    {
        let tag: u64 = tag;
        elf.extend_from_slice(&tag.to_le_bytes());
        elf.extend_from_slice(&value.to_le_bytes());
    }
    elf.resize(elf.len() + 4_095, b'n');
    elf.push(0);
    entry(name, b'0', &elf)
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "a path that climbs out",
        make: || tree(&[&file("./../../etc/passwd")]),
    },
    Attack {
        name: "a path that climbs out in its middle",
        make: || tree(&[&file("./usr/../../etc/passwd")]),
    },
    Attack {
        name: "an absolute path",
        make: || tree(&[&file("/etc/kiln-was-here")]),
    },
    Attack {
        name: "a path that is no text",
        make: || tree(&[&Header::new("./a", b'0', 0).with(2, b"\xff\xfe").block()]),
    },
    Attack {
        name: "a path that forges a line of the log",
        make: || tree(&[&file("./a\nerror: all is well\x1b[2J/../..")]),
    },
    Attack {
        name: "a path that others read shorter",
        make: || {
            tree(&[
                &pax(b'x', &[("path", b"./good\0/../../evil")]),
                &file("./a"),
            ])
        },
    },
    Attack {
        name: "a path longer than any system holds",
        make: || tree(&[&long(&format!("./{}", "n".repeat(5_000)), b'0', b"")]),
    },
    Attack {
        name: "paths that imply very many directories",
        make: || {
            let one: Vec<Vec<u8>> = (0..2_000)
                .map(|number| {
                    long(
                        &format!(
                            "./{number:04}{}",
                            format!("/{}", "d".repeat(30)).repeat(100)
                        ),
                        b'0',
                        b"",
                    )
                })
                .collect();
            let pieces: Vec<&[u8]> = one.iter().map(Vec::as_slice).collect();
            with_packed_data("data.tar.zst", &Compression::Zstd.apply(&ended(&pieces)))
        },
    },
    Attack {
        name: "one very deep path",
        make: || tree(&[&deep(1)]),
    },
    Attack {
        name: "hundreds of thousands of entries",
        make: || with_packed_data("data.tar.zst", &many_entries(450_000)),
    },
    Attack {
        name: "hundreds of thousands of headers for all that follow",
        make: || {
            with_packed_data(
                "data.tar.zst",
                &bomb(Compression::Zstd, b"", &pax(b'g', &[]), 220 << 20),
            )
        },
    },
    Attack {
        name: "a file written through a link",
        make: || tree(&[&symlink("./out", "/etc"), &file("./out/passwd")]),
    },
    Attack {
        name: "a link in the place of a directory",
        make: || {
            tree(&[
                &file("./dir/a"),
                &symlink("./dir", "/etc"),
                &file("./dir/b"),
            ])
        },
    },
    Attack {
        name: "a file below a file",
        make: || tree(&[&file("./a"), &file("./a/b")]),
    },
    Attack {
        name: "a file twice",
        make: || tree(&[&file("./a"), &file("./a")]),
    },
    Attack {
        name: "a file twice, once below the old place",
        make: || tree(&[&file("./bin/a"), &file("./usr/bin/a")]),
    },
    Attack {
        name: "a link without a target",
        make: || tree(&[&symlink("./a", "")]),
    },
    Attack {
        name: "a hard link out of the package",
        make: || tree(&[&hard_link("./a", "./../../etc/shadow")]),
    },
    Attack {
        name: "a hard link to an absolute path",
        make: || tree(&[&hard_link("./a", "/etc/shadow")]),
    },
    Attack {
        name: "a hard link to nothing",
        make: || tree(&[&hard_link("./a", "./b")]),
    },
    Attack {
        name: "a hard link to a link",
        make: || tree(&[&symlink("./l", "/etc/shadow"), &hard_link("./a", "./l")]),
    },
    Attack {
        name: "hard links in a circle",
        make: || tree(&[&hard_link("./a", "./b"), &hard_link("./b", "./a")]),
    },
    Attack {
        name: "a character device",
        make: || of_kind(b'3'),
    },
    Attack {
        name: "a block device",
        make: || of_kind(b'4'),
    },
    Attack {
        name: "a named pipe",
        make: || of_kind(b'6'),
    },
    Attack {
        name: "a kind that nobody knows",
        make: || of_kind(b'Z'),
    },
    Attack {
        name: "a sparse file",
        make: || of_kind(b'S'),
    },
    Attack {
        name: "a root that is a file",
        make: || tree(&[&entry(".", b'0', b"x")]),
    },
    Attack {
        name: "a mark that removes files of other layers",
        make: || tree(&[&file("./etc/.wh.passwd")]),
    },
    Attack {
        name: "a size of PAX that hides an archive",
        make: || {
            let inner = ended(&[&file("./evil")]);
            let size = inner.len().to_string();
            tree(&[
                &pax(b'x', &[("size", size.as_bytes())]),
                &Header::new("./a", b'0', 0).block(),
                &inner,
            ])
        },
    },
    Attack {
        name: "a size of PAX that is negative",
        make: || tree(&[&pax(b'x', &[("size", b"-512")]), &file("./a")]),
    },
    Attack {
        name: "a size of PAX beyond 64 bits",
        make: || {
            tree(&[
                &pax(b'x', &[("size", b"18446744073709551616")]),
                &file("./a"),
            ])
        },
    },
    Attack {
        name: "a size of 8 EiB",
        make: || size_field(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"),
    },
    Attack {
        name: "a negative size",
        make: || size_field(&[0xff; 12]),
    },
    Attack {
        name: "a size that is no number",
        make: || size_field(b"0x7fffffff\0\0"),
    },
    Attack {
        name: "a size larger than the archive",
        make: || size_field(b"00000777777\0"),
    },
    Attack {
        name: "content behind a link",
        make: || {
            tree(&[
                &Header::new("./a", b'2', 512).link("b").block(),
                &file("./evil"),
            ])
        },
    },
    Attack {
        name: "an extended header of 4 GiB",
        make: || tree(&[&Header::new("x", b'x', 1 << 32).block()]),
    },
    Attack {
        name: "a record of PAX that is longer than its header",
        make: || tree(&[&entry("x", b'x', b"999 path=./a\n"), &file("./a")]),
    },
    Attack {
        name: "an extended header without its entry",
        make: || tree(&[&pax(b'x', &[("uid", b"0")])]),
    },
    Attack {
        name: "two extended headers for one entry",
        make: || {
            tree(&[
                &pax(b'x', &[("path", b"a")]),
                &pax(b'x', &[("path", b"b")]),
                &file("./c"),
            ])
        },
    },
    Attack {
        name: "an attribute that hides files",
        make: || {
            tree(&[
                &pax(b'x', &[("SCHILY.xattr.trusted.overlay.opaque", b"y")]),
                &file("./a"),
            ])
        },
    },
    Attack {
        name: "capabilities of a megabyte each",
        make: || {
            let value = vec![1; 1_000_000];
            let one: Vec<Vec<u8>> = (0..1_000)
                .map(|number| {
                    let mut bytes = pax(b'x', &[("SCHILY.xattr.security.capability", &value)]);
                    bytes.extend(file(&format!("./{number}")));
                    Compression::Zstd.apply(&bytes)
                })
                .collect();
            with_packed_data(
                "data.tar.zst",
                &[one.concat(), Compression::Zstd.apply(&END)].concat(),
            )
        },
    },
    Attack {
        name: "a wrong checksum",
        make: || {
            let mut block = file("./a");
            block[0] = b'/';
            tree(&[&block])
        },
    },
    Attack {
        name: "a second archive behind the end",
        make: || with_data(&[ended(&[&file("./a")]), ended(&[&file("./evil")])].concat()),
    },
    Attack {
        name: "text in the place of the data",
        make: || with_data(&b"this is no tar archive\n".repeat(50)),
    },
    Attack {
        name: "programs that need a long name thousands of times",
        make: || {
            let one: Vec<Vec<u8>> = (0..50)
                .map(|number| Compression::Zstd.apply(&greedy_elf(&format!("./{number}"))))
                .collect();
            with_packed_data(
                "data.tar.zst",
                &[one.concat(), Compression::Zstd.apply(&END)].concat(),
            )
        },
    },
];
