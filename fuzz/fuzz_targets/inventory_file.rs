//! One file of an image, under each name that a cataloger looks for; then the documents about it.
#![no_main]

use std::collections::BTreeMap;

use kiln_archive::tar::{END, Header, Kind, write_header, write_padding};
use kiln_inventory::write::{CycloneDxVersion, DocumentOptions, cyclonedx, list, spdx};
use kiln_inventory::{ScanLimits, assemble, scan_layer};
use kiln_types::{Subject, Timestamp};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 26] = [
    "var/lib/dpkg/status",
    "var/lib/dpkg/info/a.list",
    "lib/apk/db/installed",
    "usr/share/doc/a/copyright",
    "etc/os-release",
    "etc/passwd",
    "a/package.json",
    "a.dist-info/METADATA",
    "specifications/a.gemspec",
    "vendor/composer/installed.json",
    "a.deps.json",
    "a.jar",
    "bin/node",
    "bin/python3.13",
    "lib/libcrypto.so.3",
    "bin/a",
    "jre/release",
    "a.pem",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages.db",
    "var/lib/rpm/Packages",
    "var/lib/rpmmanifest/container-manifest-2",
    "app/bom.json",
    "bin/redis-server",
    "usr/local/go/VERSION",
    "bin/perl",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (name, content) = input;
    let path = NAMES[usize::from(name) % NAMES.len()];
    let size = content.len() as u64;
    let mut layer = Vec::new();
    let header = Header {
        path,
        kind: Kind::File,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 0,
        size,
        link: "",
        xattrs: &BTreeMap::new(),
    };
    write_header(&mut layer, &header).expect("a vector takes everything");
    layer.extend_from_slice(content);
    write_padding(&mut layer, size).expect("a vector takes everything");
    layer.extend_from_slice(&END);
    let limits = ScanLimits {
        nested: 1 << 20,
        ..ScanLimits::default()
    };
    let scan = scan_layer(layer.as_slice(), &limits);
    let inventory = assemble(Subject::default(), None, &[scan]);
    let options = DocumentOptions {
        tool_version: "0".to_owned(),
        created: Timestamp::default(),
        supplier: None,
    };
    let lines = list(&inventory, false).lines().count();
    assert_eq!(lines, inventory.components.len());
    let _ = spdx(&inventory, &options);
    let _ = cyclonedx(&inventory, &options, CycloneDxVersion::V1_6);
    for component in &inventory.components {
        if let Some(purl) = &component.purl {
            let again = purl.to_string().parse().expect("it reads what it writes");
            assert_eq!(*purl, again);
        }
    }
});
