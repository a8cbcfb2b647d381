//! Small images, byte by byte.

use std::collections::BTreeMap;

use kiln_archive::tar::{END, Header, Kind, write_header, write_padding};
use kiln_inventory::{ScanLimits, assemble, scan_layer};
use kiln_types::{Digest, Inventory, LayerFact, Subject};

/// One entry of a layer.
pub(crate) struct Entry<'a> {
    path: &'a str,
    kind: Kind,
    link: &'a str,
    content: &'a [u8],
    mode: u32,
}

pub(crate) fn file<'a>(path: &'a str, content: &'a [u8]) -> Entry<'a> {
    Entry {
        path,
        kind: Kind::File,
        link: "",
        content,
        mode: 0o644,
    }
}

pub(crate) fn program<'a>(path: &'a str, content: &'a [u8]) -> Entry<'a> {
    Entry {
        mode: 0o755,
        ..file(path, content)
    }
}

pub(crate) fn mode(entry: Entry<'_>, mode: u32) -> Entry<'_> {
    Entry { mode, ..entry }
}

pub(crate) fn directory(path: &str) -> Entry<'_> {
    Entry {
        kind: Kind::Directory,
        mode: 0o755,
        ..file(path, b"")
    }
}

pub(crate) fn symlink<'a>(path: &'a str, link: &'a str) -> Entry<'a> {
    Entry {
        kind: Kind::Symlink,
        link,
        mode: 0o777,
        ..file(path, b"")
    }
}

pub(crate) fn hardlink<'a>(path: &'a str, link: &'a str) -> Entry<'a> {
    Entry {
        kind: Kind::Hardlink,
        link,
        ..file(path, b"")
    }
}

/// A tar archive.
pub(crate) fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let size = entry.content.len() as u64;
        let header = Header {
            path: entry.path,
            kind: entry.kind,
            mode: entry.mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size,
            link: entry.link,
            xattrs: &BTreeMap::new(),
        };
        write_header(&mut bytes, &header).unwrap();
        bytes.extend_from_slice(entry.content);
        write_padding(&mut bytes, size).unwrap();
    }
    bytes.extend_from_slice(&END);
    bytes
}

/// What is inside these layers.
pub(crate) fn inside(layers: &[Vec<u8>]) -> Inventory {
    inside_with(layers, &ScanLimits::default())
}

pub(crate) fn inside_with(layers: &[Vec<u8>], limits: &ScanLimits) -> Inventory {
    let scans: Vec<_> = layers
        .iter()
        .map(|layer| scan_layer(layer.as_slice(), limits))
        .collect();
    assemble(Subject::default(), None, &scans)
}

/// The same, where each layer has its place.
pub(crate) fn of_layers(layers: &[Vec<u8>]) -> Inventory {
    let scans: Vec<_> = layers
        .iter()
        .map(|layer| scan_layer(layer.as_slice(), &ScanLimits::default()))
        .collect();
    let facts = layers.iter().map(|layer| LayerFact {
        diff_id: Digest::of(layer),
        blob: None,
        size: layer.len() as u64,
        unpacked: layer.len() as u64,
    });
    let subject = Subject {
        layers: facts.collect(),
        ..Subject::default()
    };
    assemble(subject, None, &scans)
}

/// `name version` of every component.
pub(crate) fn names(inventory: &Inventory) -> Vec<String> {
    inventory
        .components
        .iter()
        .map(|component| format!("{} {}", component.name, component.version))
        .collect()
}

/// A stanza of dpkg's database.
pub(crate) fn stanza(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nMaintainer: A <a@example.com>\nArchitecture: amd64\nVersion: {version}\n\n"
    )
}

pub(crate) const OS_RELEASE: &[u8] =
    b"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n";

/// A Debian with a package that owns a package of npm, one that owns none, and a stray one.
pub(crate) fn debian() -> Vec<u8> {
    let status = [stanza("node-a", "1.0-1"), stanza("zlib1g", "1:1.3-1+b1")].concat();
    tar(&[
        file("etc/os-release", OS_RELEASE),
        file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nbroken\n"),
        file("var/lib/dpkg/status", status.as_bytes()),
        file(
            "var/lib/dpkg/info/node-a.list",
            b"/.\n/usr\n/usr/share/nodejs/a/package.json\n",
        ),
        file(
            "usr/share/nodejs/a/package.json",
            br#"{"name":"a","version":"1.0.0","license":"MIT"}"#,
        ),
        file(
            "app/node_modules/b/package.json",
            br#"{"name":"b","version":"2.0.0","dependencies":{"a":"1"}}"#,
        ),
        file(
            "usr/share/doc/zlib1g/copyright",
            b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: 1995 A\nLicense: Zlib\n",
        ),
        program("usr/bin/dash", b"no program"),
        symlink("usr/bin/sh", "dash"),
        mode(file("usr/bin/su", b""), 0o4755),
        mode(file("etc/open", b""), 0o666),
        file("root/.ssh/id_rsa", b"-----BEGIN OPENSSH PRIVATE KEY-----\n"),
    ])
}

/// A configuration for these layers.
pub(crate) fn config(layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    serde_json::to_vec(&serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-02T03:04:05.678Z",
        "config": { "User": "65532:65532", "Env": ["A=b"], "Entrypoint": ["/bin/a"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    }))
    .unwrap()
}
