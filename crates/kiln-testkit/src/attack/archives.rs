//! The outer archive and the compression of its members.

use super::forge::{Header, bomb, deb, ended, entry, noise};
use super::{Attack, Hostile, control_tar, good_data, with_control, with_data, with_packed_data};
use crate::archive::Compression::{Gzip, Xz, Zstd};
use crate::archive::ar;

fn package(bytes: Vec<u8>) -> Hostile {
    Hostile::Package(bytes)
}

/// A package that means well.
fn good() -> Vec<u8> {
    let Hostile::Package(bytes) = with_data(&good_data()) else {
        return Vec::new();
    };
    bytes
}

fn members(extra: &[(&str, &[u8])]) -> Hostile {
    let (control, data) = (control_tar(), good_data());
    let mut all: Vec<(&str, &[u8])> = vec![
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control),
        ("data.tar", &data),
    ];
    all.extend_from_slice(extra);
    package(deb(&all))
}

/// The size of the last member's header says something else.
fn size_lies(digits: &str) -> Hostile {
    let mut bytes = good();
    let at = bytes.len() - good_data().len() - 60 + 48;
    bytes[at..at + 10].copy_from_slice(format!("{digits:<10}").as_bytes());
    package(bytes)
}

fn cut(compression: crate::Compression, name: &str) -> Hostile {
    let mut data = compression.apply(&ended(&[&entry("./noise", b'0', &noise(40_000))]));
    data.truncate(data.len() / 2);
    with_packed_data(name, &data)
}

fn flipped(compression: crate::Compression, name: &str) -> Hostile {
    let mut data = compression.apply(&ended(&[&entry("./noise", b'0', &noise(40_000))]));
    let middle = data.len() / 2;
    data[middle] ^= 0x55;
    with_packed_data(name, &data)
}

fn followed(compression: crate::Compression, name: &str) -> Hostile {
    let mut data = compression.apply(&good_data());
    data.extend_from_slice(b"\x01 and a word for readers that stop early");
    with_packed_data(name, &data)
}

/// One file of so many zeros: honest but for its purpose.
fn file_of_zeros(compression: crate::Compression, name: &str, size: u64) -> Hostile {
    let header = Header::new("./zeros", b'0', size).block();
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    with_packed_data(name, &bomb(compression, &header, &[0; 512], length))
}

/// More than a package of this size may unpack to, and no more than a test can pay for.
const SIZE: u64 = 300 << 20;

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "an empty file",
        make: || package(Vec::new()),
    },
    Attack {
        name: "no archive at all",
        make: || package(b"<html>404</html>\n".repeat(40)),
    },
    Attack {
        name: "a package cut in its header",
        make: || package(good()[..30].to_vec()),
    },
    Attack {
        name: "a package cut in its data",
        make: || package(good()[..good().len() - 700].to_vec()),
    },
    Attack {
        name: "a member larger than the file",
        make: || size_lies("999999999"),
    },
    Attack {
        name: "a member of negative size",
        make: || size_lies("-1"),
    },
    Attack {
        name: "a member shorter than its archive",
        make: || size_lies("1024"),
    },
    Attack {
        name: "a member whose name has a slash",
        make: || members(&[("../../etc/cron", b"x")]),
    },
    Attack {
        name: "a member with a long name",
        make: || members(&[("#1/20", b"../../../etc/passwd\0x")]),
    },
    Attack {
        name: "a second data member",
        make: || members(&[("data.tar.gz", b"x")]),
    },
    Attack {
        name: "a second control member",
        make: || {
            let control = control_tar();
            package(deb(&[
                ("debian-binary", b"2.0\n"),
                ("control.tar", &control),
                ("control.tar.gz", &control),
                ("data.tar", &good_data()),
            ]))
        },
    },
    Attack {
        name: "a hundred thousand members",
        make: || {
            let many: Vec<(&str, &[u8])> =
                std::iter::repeat_n(("_x", b"".as_slice()), 100_000).collect();
            members(&many)
        },
    },
    Attack {
        name: "members in another order",
        make: || {
            package(ar(
                &[
                    ("debian-binary", b"2.0\n"),
                    ("data.tar", &good_data()),
                    ("control.tar", &control_tar()),
                ],
                0,
            ))
        },
    },
    Attack {
        name: "a format of the future",
        make: || {
            package(deb(&[
                ("debian-binary", b"3.0\n"),
                ("control.tar", &control_tar()),
                ("data.tar", &good_data()),
            ]))
        },
    },
    Attack {
        name: "a format version without end",
        make: || {
            package(deb(&[
                ("debian-binary", &[b'2'; 1 << 20]),
                ("control.tar", &control_tar()),
                ("data.tar", &good_data()),
            ]))
        },
    },
    Attack {
        name: "bytes behind the last member",
        make: || package([good(), b"garbage".to_vec()].concat()),
    },
    Attack {
        name: "gzip cut short",
        make: || cut(Gzip, "data.tar.gz"),
    },
    Attack {
        name: "xz cut short",
        make: || cut(Xz, "data.tar.xz"),
    },
    Attack {
        name: "zstd cut short",
        make: || cut(Zstd, "data.tar.zst"),
    },
    Attack {
        name: "gzip with a flipped bit",
        make: || flipped(Gzip, "data.tar.gz"),
    },
    Attack {
        name: "xz with a flipped bit",
        make: || flipped(Xz, "data.tar.xz"),
    },
    Attack {
        name: "gzip with words behind it",
        make: || followed(Gzip, "data.tar.gz"),
    },
    Attack {
        name: "xz with words behind it",
        make: || followed(Xz, "data.tar.xz"),
    },
    Attack {
        name: "zstd with words behind it",
        make: || followed(Zstd, "data.tar.zst"),
    },
    Attack {
        name: "gzip that is called xz",
        make: || with_packed_data("data.tar.xz", &Gzip.apply(&good_data())),
    },
    Attack {
        name: "a compression nobody reads",
        make: || with_packed_data("data.tar.bz2", b"BZh91AY&SY"),
    },
    Attack {
        name: "xz that wants 1.5 GiB of memory",
        make: || {
            // A block header that claims the largest dictionary LZMA2 knows below 4 GiB.
            let mut data = Xz.apply(&good_data());
            // Stream header 12, block header: size, flags, filter 0x21, size of properties 1, dictionary.
            data[16] = 37;
            let sum = crc32(&data[12..20]);
            data[20..24].copy_from_slice(&sum.to_le_bytes());
            with_packed_data("data.tar.xz", &data)
        },
    },
    Attack {
        name: "zstd that wants 2 GiB of memory",
        make: || {
            // Magic, a frame header with no single segment, window exponent 21 (2^31), an empty last block.
            with_packed_data("data.tar.zst", b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00")
        },
    },
    Attack {
        name: "a gzip bomb in the data",
        make: || file_of_zeros(Gzip, "data.tar.gz", SIZE),
    },
    Attack {
        name: "an xz bomb in the data",
        make: || file_of_zeros(Xz, "data.tar.xz", SIZE),
    },
    Attack {
        name: "a zstd bomb in the data",
        make: || file_of_zeros(Zstd, "data.tar.zst", SIZE),
    },
    Attack {
        name: "a bomb behind the end of the data",
        make: || {
            with_packed_data(
                "data.tar.zst",
                &bomb(Zstd, &good_data(), &[0; 512], 256 << 20),
            )
        },
    },
    Attack {
        name: "a bomb in the control archive",
        make: || {
            with_control(
                "control.tar.xz",
                &bomb(Xz, &control_tar(), &[0; 512], 64 << 20),
            )
        },
    },
];

/// CRC-32 of ISO 3309, as xz has it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
