//! Layers: no path twice, the same tree whatever the layering, the same bytes for the same input.

use std::collections::{BTreeMap, BTreeSet};

use kiln_image::{Compression, LAYER_BUDGET, Layering, Piece};
use kiln_testkit::{Deb, DebBuilder, Entry, EntryKind, TarEntry, Timestamp};
use kiln_types::{PathKind, PathPlan, Plan};

use crate::world::{Built, World, base_files, path, plan};

const LAYERINGS: [Layering; 3] = [Layering::Shared, Layering::Single, Layering::Package];

/// Packages with everything that meets in layers: shared directories, Replaces, hard links, paths
/// that the definition hides.
fn debs() -> Vec<Deb> {
    vec![
        base_files(),
        DebBuilder::new("libc6", "2")
            .file("/lib/libc.so.6", "libc", 0o755)
            .directory("/var/lib/app", 0o755)
            .build(),
        DebBuilder::new("old", "1")
            .file("/usr/bin/shared", "old", 0o755)
            .file("/usr/bin/old", "old", 0o755)
            .hardlink("/usr/bin/older", "/usr/bin/old")
            .build(),
        DebBuilder::new("new", "2")
            .field("Replaces", "old (<< 2)")
            .file("/usr/bin/shared", "new", 0o755)
            .build(),
        DebBuilder::new("app", "3")
            .mtime(Timestamp::from_unix(1_780_000_000))
            .conffile("/etc/app.conf", "theirs")
            .entry(Entry::new("./var/lib/app/", EntryKind::Directory, 0o700).owner(9, 9))
            .file("/usr/bin/app", "app", 0o755)
            .build(),
        DebBuilder::new("empty", "1").build(),
    ]
}

fn image_plan() -> Plan {
    let writable = PathPlan {
        uid: 65_532,
        gid: 65_532,
        mode: Some(0o750),
        writable: true,
        ..path("/var/lib/app", PathKind::Directory)
    };
    Plan {
        foundation: vec![
            ["base-files".to_owned()].into(),
            ["libc6".to_owned()].into(),
        ],
        track: "app".parse().ok(),
        paths: vec![
            path("/etc/app.conf", PathKind::File(b"ours".to_vec())),
            writable,
            path("/srv/www/index.html", PathKind::File(b"hello".to_vec())),
            path("/usr/bin/old", PathKind::Delete),
        ],
        ..plan()
    }
}

fn build(world: &World, plan: &Plan, layering: Layering, compression: Compression) -> Built {
    let debs = debs();
    let debs: Vec<&Deb> = debs.iter().collect();
    world.build(plan, &debs, layering, compression).unwrap()
}

/// What a container sees of an entry: kind, mode, owner, group, target and content.
type Seen<'a> = (u8, u32, u32, u32, &'a str, &'a [u8]);

fn seen(tree: &BTreeMap<String, TarEntry>) -> BTreeMap<&str, Seen<'_>> {
    tree.iter()
        .map(|(path, entry)| {
            let seen = (
                entry.flag,
                entry.mode,
                entry.uid,
                entry.gid,
                entry.link.as_str(),
                entry.content.as_slice(),
            );
            (path.as_str(), seen)
        })
        .collect()
}

#[test]
fn no_layer_names_a_path_twice_and_parents_come_first() {
    let world = World::default();
    for layering in LAYERINGS {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let built = build(&world, &image_plan(), layering, compression);
            for (layer, entries) in built.composition.layers.iter().zip(built.entries()) {
                let mut paths: BTreeSet<&str> = BTreeSet::new();
                for entry in &entries {
                    let path = entry.path.trim_end_matches('/');
                    assert!(
                        paths.insert(path),
                        "`{path}` twice in `{}` ({layering:?}, {compression:?})",
                        layer.title
                    );
                    if let Some((parent, _)) = path.rsplit_once('/') {
                        assert!(paths.contains(parent), "`{path}` before its parent");
                    }
                    if entry.flag == b'1' {
                        assert!(
                            paths.contains(entry.link.as_str()),
                            "`{path}` before its target"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_container_sees_the_same_tree_whatever_the_layering() {
    let world = World::default();
    let trees: Vec<_> = LAYERINGS
        .into_iter()
        .map(|layering| build(&world, &image_plan(), layering, Compression::Gzip).tree())
        .collect();
    assert_eq!(seen(&trees[0]), seen(&trees[1]));
    assert_eq!(seen(&trees[0]), seen(&trees[2]));
    let tree = seen(&trees[0]);
    assert_eq!(tree["usr/bin/shared"].5, b"new");
    assert_eq!(tree["etc/app.conf"].5, b"ours");
    assert_eq!(tree["usr/bin/older"], (b'0', 0o755, 0, 0, "", &b"old"[..]));
    assert!(!tree.contains_key("usr/bin/old"));
    let app = tree["var/lib/app"];
    assert_eq!((app.0, app.1, app.2, app.3), (b'5', 0o750, 65_532, 65_532));
}

#[test]
fn layers_of_packages_do_not_know_what_the_definition_changed() {
    let world = World::default();
    let plain = Plan {
        paths: Vec::new(),
        ..image_plan()
    };
    let first = build(&world, &image_plan(), Layering::Shared, Compression::Gzip);
    let second = build(&world, &plain, Layering::Shared, Compression::Gzip);
    let digests = |built: &Built| -> BTreeMap<String, (String, Vec<String>)> {
        built
            .composition
            .layers
            .iter()
            .zip(&built.layers)
            .map(|(layer, (written, _))| {
                let value = (written.diff_id.to_string(), layer.packages.clone());
                (layer.title.clone(), value)
            })
            .collect()
    };
    let (first, second) = (digests(&first), digests(&second));
    assert_eq!(first["base-files"], second["base-files"]);
    assert_eq!(first["libc6"], second["libc6"]);
    assert_ne!(first["app"], second["app"], "it lost its configuration");
    assert_eq!(first["app"].1, ["app"]);
}

#[test]
fn glue_opens_with_the_directories_that_it_needs() {
    let world = World::default();
    let built = build(&world, &image_plan(), Layering::Shared, Compression::Gzip);
    let layers = built.entries();
    let glue = layers.last().unwrap();
    let directories: Vec<_> = glue
        .iter()
        .take_while(|entry| entry.flag == b'5')
        .map(|entry| entry.path.as_str())
        .collect();
    assert_eq!(
        directories,
        [
            "etc/",
            "srv/",
            "srv/www/",
            "var/",
            "var/lib/",
            "var/lib/app/",
            "var/lib/dpkg/",
            "var/lib/dpkg/info/",
            "var/lib/dpkg/triggers/",
            "var/lib/dpkg/updates/"
        ]
    );
    assert!(
        glue.iter()
            .skip(directories.len())
            .all(|entry| entry.flag != b'5')
    );
    // The layer of a package has its directory as packages have it.
    let app = built
        .composition
        .layers
        .iter()
        .position(|layer| layer.title == "app")
        .unwrap();
    let directory = layers[app]
        .iter()
        .find(|entry| entry.path == "var/lib/app/")
        .unwrap();
    assert_eq!((directory.mode, directory.uid), (0o700, 9));
}

#[test]
fn created_is_the_newest_file() {
    let world = World::default();
    for layering in LAYERINGS {
        let built = build(&world, &image_plan(), layering, Compression::Gzip);
        assert_eq!(built.composition.created, 1_780_000_000);
        for entry in built.entries().iter().flatten() {
            assert!(entry.mtime <= 1_780_000_000, "{}", entry.path);
        }
    }
    let built = world.image(&plan(), &[]).unwrap();
    assert_eq!(built.composition.created, 0);
}

#[test]
fn the_same_input_gives_the_same_layers() {
    let (one, two) = (World::default(), World::default());
    for layering in LAYERINGS {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let first = build(&one, &image_plan(), layering, compression);
            let second = build(&two, &image_plan(), layering, compression);
            assert!(
                first.layers == second.layers,
                "{layering:?} {compression:?}"
            );
            let keys = |built: &Built| -> Vec<_> {
                built
                    .composition
                    .layers
                    .iter()
                    .map(kiln_image::LayerPlan::key)
                    .collect()
            };
            assert_eq!(keys(&first), keys(&second));
            for (layer, (written, _)) in first.composition.layers.iter().zip(&first.layers) {
                assert_eq!(layer.raw_size(), written.raw_size);
            }
        }
    }
}

#[test]
fn compression_does_not_reach_the_raw_bytes() {
    let world = World::default();
    let gzip = build(&world, &image_plan(), Layering::Shared, Compression::Gzip);
    let zstd = build(&world, &image_plan(), Layering::Shared, Compression::Zstd);
    for ((gzip, _), (zstd, _)) in gzip.layers.iter().zip(&zstd.layers) {
        assert_eq!(gzip, zstd);
    }
    let keys: BTreeSet<_> = gzip
        .composition
        .layers
        .iter()
        .chain(&zstd.composition.layers)
        .map(kiln_image::LayerPlan::key)
        .collect();
    assert_eq!(
        keys.len(),
        gzip.composition.layers.len() + zstd.composition.layers.len()
    );
}

#[test]
fn never_more_layers_than_the_budget() {
    let world = World::default();
    let debs: Vec<Deb> = (0..40)
        .map(|number| {
            DebBuilder::new(&format!("p{number}"), "1")
                .file(&format!("/opt/p{number}/file"), "x", 0o644)
                .build()
        })
        .collect();
    let debs: Vec<&Deb> = debs.iter().collect();
    let layers = |layering| {
        let built = world
            .build(&plan(), &debs, layering, Compression::Gzip)
            .unwrap();
        built.layers.len()
    };
    assert!(layers(Layering::Shared) <= LAYER_BUDGET);
    assert_eq!(layers(Layering::Single), 1);
    assert_eq!(layers(Layering::Package), 41);
}

#[test]
fn an_image_without_packages_has_the_database_only() {
    let world = World::default();
    for layering in LAYERINGS {
        let built = world
            .build(&plan(), &[], layering, Compression::Gzip)
            .unwrap();
        assert_eq!(built.layers.len(), 1, "{layering:?}");
        assert_eq!(built.text("var/lib/dpkg/status"), "");
    }
}

#[test]
fn a_damaged_segment_makes_no_layer() {
    let world = World::default();
    let built = build(&world, &image_plan(), Layering::Single, Compression::Gzip);
    let layer = &built.composition.layers[0];
    let segment = layer
        .pieces
        .iter()
        .find_map(|piece| match piece {
            Piece::Fragment(segment) => Some(segment.clone()),
            Piece::Made(_) => None,
        })
        .unwrap();
    let whole = {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(
            &mut kiln_types::BlobSource::open(&world, &segment.digest).unwrap(),
            &mut bytes,
        )
        .unwrap();
        bytes
    };
    let damages: [(&str, Vec<u8>); 4] = [
        ("empty", Vec::new()),
        ("cut short", whole[..whole.len() / 2].to_vec()),
        ("longer", [whole.as_slice(), &[0; 9]].concat()),
        ("a flipped bit", {
            let mut bytes = whole.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            bytes
        }),
    ];
    for compression in [Compression::Gzip, Compression::Zstd] {
        for (what, bytes) in &damages {
            world.damage(&segment.digest, |blob| blob.clone_from(bytes));
            let layer = kiln_image::LayerPlan {
                compression,
                ..layer.clone()
            };
            let outcome = kiln_image::write_layer(&layer, &world, &mut std::io::sink());
            assert!(outcome.is_err(), "{what} ({compression:?})");
        }
    }
}
