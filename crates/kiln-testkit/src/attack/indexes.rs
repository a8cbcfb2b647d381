//! Package indexes and the release files that vouch for them.

use super::forge::bomb;
use super::{Attack, Hostile};
use crate::archive::Compression::{Gzip, Xz, Zstd};

/// A paragraph that means well, but for these lines.
fn stanza(name: &str, lines: &str) -> String {
    format!(
        "Package: {name}\nVersion: 1\nArchitecture: amd64\nFilename: pool/main/x/{name}_1_amd64.deb\n\
         Size: 1\nSHA256: {}\n{lines}\n",
        "0".repeat(64)
    )
}

fn text(text: &str) -> Hostile {
    Hostile::Stanzas(text.to_owned())
}

fn replaced(from: &str, to: &str) -> Hostile {
    text(&stanza("evil", "").replace(from, to))
}

/// Paragraphs in which all that nginx needs cannot hold together, in very many ways: as many
/// packages as there are places, each of which fits into every place, and one place less.
fn labyrinth(places: usize) -> String {
    let mut all = String::new();
    for pigeon in 0..=places {
        let holes: Vec<String> = (0..places)
            .map(|hole| format!("p{pigeon}h{hole}"))
            .collect();
        all.push_str(&stanza(
            &format!("pigeon{pigeon}"),
            &format!("Depends: {}\n", holes.join(" | ")),
        ));
        for hole in 0..places {
            let others: Vec<String> = (0..=places)
                .filter(|other| *other != pigeon)
                .map(|other| format!("p{other}h{hole}"))
                .collect();
            all.push_str(&stanza(
                &format!("p{pigeon}h{hole}"),
                &format!("Conflicts: {}\n", others.join(", ")),
            ));
        }
    }
    let pigeons: Vec<String> = (0..=places)
        .map(|pigeon| format!("pigeon{pigeon}"))
        .collect();
    let start = stanza("tzdata", &format!("Depends: {}\n", pigeons.join(", ")));
    all + &start.replace("Version: 1\n", "Version: 9999:1\n")
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "an index cut short",
        make: || {
            let mut bytes = Xz.apply(stanza("evil", "").repeat(99).as_bytes());
            bytes.truncate(bytes.len() / 2);
            Hostile::Index(Xz, bytes)
        },
    },
    Attack {
        name: "an index that is no xz",
        make: || Hostile::Index(Xz, b"Package: evil\n".to_vec()),
    },
    Attack {
        name: "an index of zeros without end",
        make: || Hostile::Index(Xz, bomb(Xz, b"", &[0; 512], 32 << 20)),
    },
    Attack {
        name: "an index of one line without end",
        make: || Hostile::Index(Xz, bomb(Xz, b"Package: ", &[b'a'; 512], 32 << 20)),
    },
    Attack {
        name: "an index of empty lines without end",
        make: || Hostile::Index(Gzip, bomb(Gzip, b"", &[b'\n'; 512], 32 << 20)),
    },
    Attack {
        name: "an index of the same package without end",
        make: || {
            Hostile::Index(
                Zstd,
                bomb(Zstd, b"", stanza("evil", "").as_bytes(), 32 << 20),
            )
        },
    },
    Attack {
        name: "packages that provide twenty thousand names each",
        make: || {
            let names: Vec<String> = (0..19_000).map(|number| format!("v{number}")).collect();
            let provides = format!("Provides: {}\n", names.join(","));
            Hostile::Index(
                Zstd,
                bomb(Zstd, b"", stanza("evil", &provides).as_bytes(), 32 << 20),
            )
        },
    },
    Attack {
        name: "a field of 5 MiB in an index",
        make: || text(&stanza("evil", &format!("X: {}\n", "y".repeat(5 << 20)))),
    },
    Attack {
        name: "three hundred fields in an index",
        make: || {
            let more: String = (0..300).map(|number| format!("X{number}: y\n")).collect();
            text(&stanza("evil", &more))
        },
    },
    Attack {
        name: "a field twice in an index",
        make: || text(&stanza("evil", "Size: 2\n")),
    },
    Attack {
        name: "a NUL in an index",
        make: || text(&stanza("evil", "X: a\0b\n")),
    },
    Attack {
        name: "a name with slashes in an index",
        make: || replaced("Package: evil", "Package: ../../evil"),
    },
    Attack {
        name: "a name that forges a line of the log",
        make: || replaced("Package: evil", "Package: evil\x1b[2Jerror"),
    },
    Attack {
        name: "a path that leaves the archive",
        make: || replaced("pool/main/x", "../../../etc"),
    },
    Attack {
        name: "an address in place of a path",
        make: || replaced("pool/main/x", "http://evil.invalid"),
    },
    Attack {
        name: "a size in an index beyond 64 bits",
        make: || replaced("Size: 1", "Size: 18446744073709551616"),
    },
    Attack {
        name: "a negative size in an index",
        make: || replaced("Size: 1", "Size: -1"),
    },
    Attack {
        name: "a digest that is none",
        make: || replaced("SHA256: 00", "SHA256: zz"),
    },
    Attack {
        name: "a package without a digest",
        make: || replaced("SHA256: ", "MD5sum: "),
    },
    Attack {
        name: "a hundred thousand dependencies",
        make: || {
            text(
                &stanza(
                    "evil",
                    &format!("Depends: {}\n", vec!["aa"; 100_000].join(", ")),
                )
                .replace("evil", "tzdata")
                .replace("Version: 1", "Version: 9999:1"),
            )
        },
    },
    Attack {
        name: "a labyrinth of conflicts",
        make: || text(&labyrinth(14)),
    },
    Attack {
        name: "a chain of twenty thousand dependencies",
        make: || {
            let mut all: String = (0..20_000)
                .map(|number| {
                    stanza(
                        &format!("c{number}"),
                        &format!("Depends: c{}\n", number + 1),
                    )
                })
                .collect();
            all.push_str(
                &stanza("tzdata", "Depends: c0\n").replace("Version: 1\n", "Version: 9999:1\n"),
            );
            text(&all)
        },
    },
    Attack {
        name: "a release file that is empty",
        make: || Hostile::InRelease(Vec::new()),
    },
    Attack {
        name: "a release file of 17 MiB",
        make: || Hostile::InRelease(vec![b'a'; 17 << 20]),
    },
    Attack {
        name: "a release file that ends in its signature",
        make: || Hostile::InRelease(signed("Suite: stable\n", "iQ")),
    },
    Attack {
        name: "a signature of noise",
        make: || {
            let noise = "q83vEjRWeJA=\n".repeat(60);
            Hostile::InRelease(signed(
                "Suite: stable\n",
                &format!("{noise}-----END PGP SIGNATURE-----\n"),
            ))
        },
    },
    Attack {
        name: "a signature that unpacks to gigabytes",
        make: || {
            // An old-format packet of compressed data (tag 8) of indeterminate length, ZLIB.
            let mut packet = vec![0xa3, 2];
            packet.extend(zlib(&vec![0; 32 << 20]));
            let body = format!("{}-----END PGP SIGNATURE-----\n", base64(&packet));
            Hostile::InRelease(signed("Suite: stable\n", &body))
        },
    },
    Attack {
        name: "ten thousand signatures",
        make: || {
            // Empty signature packets of the old format.
            let body = format!(
                "{}-----END PGP SIGNATURE-----\n",
                base64(&[0x88, 0x00].repeat(10_000))
            );
            Hostile::InRelease(signed("Suite: stable\n", &body))
        },
    },
    Attack {
        name: "a release file that lists a hundred thousand files",
        make: || {
            Hostile::Release(|mut text| {
                let zeros = "0".repeat(64);
                for number in 0..100_001 {
                    text.push_str(&format!(" {zeros} 1 f{number}\n"));
                }
                text
            })
        },
    },
    Attack {
        name: "a release file that lists a path outside",
        make: || {
            Hostile::Release(|text| {
                text.replace(" main/binary-amd64/Packages.xz", " ../../../etc/passwd")
            })
        },
    },
    Attack {
        name: "a release file that lists an index twice",
        make: || {
            Hostile::Release(|text| {
                format!(
                    "{text} {} 1 main/binary-amd64/Packages.xz\n",
                    "0".repeat(64)
                )
            })
        },
    },
    Attack {
        name: "a release file with a size beyond 64 bits",
        make: || {
            Hostile::Release(|text| {
                format!("{text} {} 18446744073709551616 main/x\n", "0".repeat(64))
            })
        },
    },
    Attack {
        name: "a release file with a date of no calendar",
        make: || {
            Hostile::Release(|text| {
                text.replace("Date: Sat, 21 Nov 2026", "Date: Fri, 99 Zzz 20267")
            })
        },
    },
];

/// A clear-signed text with this armored signature.
fn signed(text: &str, body: &str) -> Vec<u8> {
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}-----BEGIN PGP SIGNATURE-----\n\n{body}"
    )
    .into_bytes()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(1));
    encoder
        .write_all(bytes)
        .expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

/// Base64 in lines of 64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (number, three) in bytes.chunks(3).enumerate() {
        let mut group = [0_u8; 3];
        group[..three.len()].copy_from_slice(three);
        let value = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        for place in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * place) & 63) as usize];
            text.push(if place > three.len() {
                '='
            } else {
                char::from(digit)
            });
        }
        if number % 16 == 15 {
            text.push('\n');
        }
    }
    text.push('\n');
    text
}
