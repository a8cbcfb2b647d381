//! The reference tools are the oracle: GNU tar, gzip, xz, zstd and ar. Where one is missing the test
//! says so; CI has them all.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kiln_archive::Limits;
use kiln_archive::decompress::{Codec, decoder};
use kiln_archive::tar::{END, Header, Kind, write_header, write_padding};

use crate::forge::{read_all, sample};
use crate::segments::{segment, stitch};

/// Runs a tool with bytes on its input; `None` (and a word about it) where it is missing.
#[expect(
    clippy::disallowed_methods,
    reason = "these tests are about other programs"
)]
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(
                std::env::var_os("CI").is_none(),
                "`{program}` is missing, and CI skips nothing"
            );
            eprintln!("SKIPPED: `{program}` is not installed");
            return None;
        }
        Err(error) => panic!("cannot run {program}: {error}"),
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        output.status
    );
    Some(output.stdout)
}

fn unpack(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    decoder(codec, bytes, &Limits::default())
        .unwrap()
        .read_to_end(&mut data)
        .unwrap();
    data
}

#[test]
fn gzip_reads_what_is_stitched() {
    let parts = [
        sample(1_500_000, 1),
        Vec::new(),
        sample(3, 2),
        sample(70_000, 3),
    ];
    let stream = stitch(&parts.each_ref().map(|part| segment(part, 6)));
    let Some(found) = run("gzip", &["-dc"], &stream) else {
        return;
    };
    assert!(found == parts.concat());
    run("gzip", &["-t"], &stream);
}

#[test]
fn what_gzip_xz_and_zstd_compress_is_read() {
    let data = sample(2_000_000, 4);
    for (codec, program, arguments) in [
        (Codec::Gzip, "gzip", &["-9c"][..]),
        (Codec::Xz, "xz", &["-6c"]),
        (Codec::Xz, "xz", &["-T2", "--block-size=300000", "-c"]),
        (
            Codec::Xz,
            "xz",
            &["--check=sha256", "--x86", "--lzma2=preset=1", "-c"],
        ),
        (Codec::Zstd, "zstd", &["-19", "--long=27", "-c"]),
        (Codec::Zstd, "zstd", &["--fast", "--no-check", "-c"]),
    ] {
        let Some(bytes) = run(program, arguments, &data) else {
            continue;
        };
        assert_eq!(Codec::from_magic(&bytes), codec);
        assert!(unpack(codec, &bytes) == data, "{program} {arguments:?}");
    }
}

#[test]
fn tar_reads_what_is_written() {
    let xattrs = BTreeMap::from([("user.note".to_owned(), b"x\ny".to_vec())]);
    let none = BTreeMap::new();
    let long = format!("usr/{}/{}", "p".repeat(200), "n".repeat(140));
    let file = Header {
        path: "etc/passwd",
        kind: Kind::File,
        mode: 0o644,
        uid: 0,
        gid: 42,
        mtime: 1_700_000_000,
        size: 5,
        link: "",
        xattrs: &none,
    };
    let entries = [
        Header {
            path: "etc",
            kind: Kind::Directory,
            mode: 0o1777,
            size: 0,
            ..file
        },
        file,
        Header {
            path: &long,
            uid: 3_000_000,
            mode: 0o4755,
            ..file
        },
        Header {
            path: "etc/sch\u{f6}n",
            kind: Kind::Symlink,
            mode: 0o777,
            link: "passwd",
            size: 0,
            ..file
        },
        Header {
            path: "etc/other",
            kind: Kind::Hardlink,
            link: "etc/passwd",
            size: 0,
            ..file
        },
        Header {
            path: "etc/old",
            mtime: -86_400,
            xattrs: &xattrs,
            ..file
        },
    ];
    let mut bytes = Vec::new();
    for header in &entries {
        write_header(&mut bytes, header).unwrap();
        if header.size > 0 {
            bytes.extend_from_slice(b"hello");
            write_padding(&mut bytes, 5).unwrap();
        }
    }
    bytes.extend_from_slice(&END);
    let Some(listing) = run(
        "tar",
        &[
            "--numeric-owner",
            "--full-time",
            "--quoting-style=literal",
            "--xattrs",
            "-tvf",
            "-",
        ],
        &bytes,
    ) else {
        return;
    };
    let listing = String::from_utf8(listing).unwrap();
    let columns: Vec<String> = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "drwxrwxrwt 0/42 0 2023-11-14 22:13:20 etc/".to_owned(),
        "-rw-r--r-- 0/42 5 2023-11-14 22:13:20 etc/passwd".to_owned(),
        format!("-rwsr-xr-x 3000000/42 5 2023-11-14 22:13:20 {long}"),
        "lrwxrwxrwx 0/42 0 2023-11-14 22:13:20 etc/sch\u{f6}n -> passwd".to_owned(),
        "hrw-r--r-- 0/42 0 2023-11-14 22:13:20 etc/other link to etc/passwd".to_owned(),
        "-rw-r--r-- 0/42 5 1969-12-31 00:00:00 etc/old".to_owned(),
    ];
    // `--xattrs -tvv` marks entries with attributes by a `*` behind the mode, in some versions.
    let columns: Vec<String> = columns
        .iter()
        .map(|line| line.replacen("* ", " ", 1))
        .collect();
    assert_eq!(columns, expected);
}

#[test]
fn what_tar_writes_is_read() {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("what_tar_writes_is_read");
    let _ = std::fs::remove_dir_all(&root);
    let deep = format!("d/{}/{}", "long".repeat(30), "name".repeat(30));
    std::fs::create_dir_all(root.join(&deep).parent().unwrap()).unwrap();
    let content = sample(3333, 9);
    std::fs::write(root.join(&deep), &content).unwrap();
    std::fs::write(root.join("d/plain"), b"").unwrap();
    std::fs::hard_link(root.join("d/plain"), root.join("d/second")).unwrap();
    std::os::unix::fs::symlink("t".repeat(180), root.join("d/link")).unwrap();
    let folder = root.to_str().unwrap();
    for format in ["gnu", "oldgnu", "posix"] {
        let format = format!("--format={format}");
        let arguments = [
            "--sort=name",
            "--mtime=@1234567890",
            "--owner=:7",
            "--group=:8",
            &format,
            "-C",
            folder,
            "-cf",
            "-",
            "d",
        ];
        let Some(bytes) = run("tar", &arguments, b"") else {
            return;
        };
        let read = read_all(&bytes).unwrap();
        let kinds: Vec<_> = read.iter().map(|(entry, _)| entry.kind).collect();
        assert_eq!(
            kinds,
            [
                Kind::Directory,
                Kind::Symlink,
                Kind::Directory,
                Kind::File,
                Kind::File,
                Kind::Hardlink
            ],
            "{format}"
        );
        assert!(
            read.iter()
                .all(|(entry, _)| (entry.uid, entry.gid, entry.mtime) == (7, 8, 1_234_567_890))
        );
        assert_eq!(read[1].0.link.len(), 180);
        assert_eq!(
            (read[3].0.path.as_slice(), &read[3].1),
            (deep.as_bytes(), &content),
            "{format}"
        );
        assert_eq!(read[5].0.link, b"d/plain");
    }
    for format in ["--format=v7", "--format=ustar"] {
        let Some(bytes) = run("tar", &[format, "-C", folder, "-cf", "-", "d/plain"], b"") else {
            return;
        };
        assert_eq!(read_all(&bytes).unwrap()[0].0.path, b"d/plain");
    }
}

#[test]
fn what_ar_writes_is_read() {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("what_ar_writes_is_read");
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).unwrap();
    let paths = ["debian-binary", "control.tar"].map(|name| root.join(name));
    for path in &paths {
        std::fs::write(path, b"2.0\nodd").unwrap();
    }
    let archive = root.join("x.ar");
    let paths = [&archive, &paths[0], &paths[1]].map(|path| path.to_str().unwrap());
    if run("ar", &[&["rcSD"][..], &paths].concat(), b"").is_none() {
        return;
    }
    let bytes = std::fs::read(&archive).unwrap();
    let mut reader = kiln_archive::ar::Reader::new(bytes.as_slice(), &Limits::default());
    let mut names = Vec::new();
    while let Some(member) = reader.next().unwrap() {
        assert_eq!(member.size, 7);
        names.push(member.name);
    }
    assert_eq!(names, ["debian-binary", "control.tar"]);
}
