use kiln_inventory::ScanLimits;

use crate::image::*;

#[test]
fn what_a_layer_takes_away_is_gone_and_what_it_writes_again_is_not() {
    let one = tar(&[
        file("var/lib/dpkg/status", stanza("a", "1").as_bytes()),
        file(
            "app/node_modules/x/package.json",
            br#"{"name":"x","version":"1"}"#,
        ),
        file(
            "opt/node_modules/y/package.json",
            br#"{"name":"y","version":"1"}"#,
        ),
    ]);
    let two = tar(&[
        file("var/lib/dpkg/status", stanza("a", "2").as_bytes()),
        file("app/.wh.node_modules", b""),
        // A whiteout speaks of the layers below, wherever it stands in its own.
        file(
            "opt/node_modules/z/package.json",
            br#"{"name":"z","version":"1"}"#,
        ),
        file("opt/node_modules/.wh..wh..opq", b""),
    ]);
    assert_eq!(
        names(&inside(std::slice::from_ref(&one))),
        ["a 1", "x 1", "y 1"]
    );
    assert_eq!(names(&inside(&[one, two])), ["a 2", "z 1"]);
}

#[test]
fn a_file_over_a_directory_and_a_directory_over_a_link_take_their_place() {
    let one = tar(&[
        directory("usr/lib"),
        symlink("lib", "usr/lib"),
        file("app/package.json", br#"{"name":"x","version":"1"}"#),
    ]);
    // `lib` of the second layer is a directory of its own, as engines unpack it.
    let two = tar(&[
        file("app", b"a file now"),
        file(
            "lib/node_modules/y/package.json",
            br#"{"name":"y","version":"1"}"#,
        ),
    ]);
    let inventory = inside(&[one.clone(), two]);
    assert_eq!(names(&inventory), ["y 1"]);
    assert_eq!(
        inventory.components[0].evidence[0].path,
        "lib/node_modules/y/package.json"
    );
    // In one layer the link is followed.
    let same = tar(&[
        directory("usr/lib"),
        symlink("lib", "usr/lib"),
        file(
            "lib/node_modules/y/package.json",
            br#"{"name":"y","version":"1"}"#,
        ),
    ]);
    let evidence = &inside(&[same]).components[0].evidence[0].path.clone();
    assert_eq!(evidence, "usr/lib/node_modules/y/package.json");
}

#[test]
fn a_database_hidden_behind_another_name_makes_the_inventory_incomplete() {
    let status = stanza("a", "1");
    for link in [
        hardlink("var/lib/dpkg/status", "hidden"),
        symlink("var/lib/dpkg/status", "/hidden"),
    ] {
        let inventory = inside(&[tar(&[file("hidden", status.as_bytes()), link])]);
        assert!(!inventory.is_complete());
        let mut reasons = inventory.incomplete.iter().map(|missed| &missed.reason);
        assert!(reasons.any(|reason| reason.contains("`hidden`")));
    }
    let honest = inside(&[tar(&[
        file("usr/lib/os-release", OS_RELEASE),
        symlink("etc/os-release", "../usr/lib/os-release"),
        file("var/lib/dpkg/status", status.as_bytes()),
    ])]);
    assert!(honest.is_complete(), "{:?}", honest.incomplete);
    assert_eq!(
        honest.distribution.unwrap().codename.as_deref(),
        Some("trixie")
    );
}

#[test]
fn what_a_package_manager_would_read_and_this_did_not_is_reported() {
    let status = stanza("a", "1");
    let status = status.as_bytes();
    let release = || file("etc/os-release", OS_RELEASE);
    for (entries, expected) in [
        (
            vec![
                release(),
                symlink("var/lib/dpkg", "/opt/db"),
                file("opt/db/status", status),
            ],
            "a link leads to `opt/db/status`",
        ),
        (
            vec![
                release(),
                symlink("var/lib", "../data"),
                file("data/dpkg/status", status),
            ],
            "a link leads to `data/dpkg/status`",
        ),
        (vec![release()], "no package database was found"),
        (
            vec![
                release(),
                file("var/lib/dpkg/status", status),
                file("var/lib/dpkg/updates/0000", status),
            ],
            "has not merged it",
        ),
        (
            vec![
                symlink("etc", "opt/conf"),
                file("opt/conf/os-release", OS_RELEASE),
                file("var/lib/dpkg/status", status),
            ],
            "a link leads to `opt/conf/os-release`",
        ),
        (
            vec![
                release(),
                file("var/lib/dpkg/status", status),
                file(".wh..wh..opq", b""),
            ],
            "hides the whole root",
        ),
    ] {
        let inventory = inside(&[tar(&entries)]);
        let mut reasons = inventory.incomplete.iter().map(|missed| &missed.reason);
        assert!(
            reasons.any(|reason| reason.contains(expected)),
            "{expected}: {:?}",
            inventory.incomplete
        );
    }
}

#[test]
fn a_root_inside_an_image_is_of_its_own_distribution_or_of_none() {
    const STATUS: &[u8] = b"Package: a\nArchitecture: amd64\nVersion: 1\n\n";
    let bookworm = b"ID=debian\nVERSION_ID=\"12\"\n";
    let outer = || {
        vec![
            file("usr/lib/os-release", OS_RELEASE),
            symlink("etc/os-release", "../usr/lib/os-release"),
            file("var/lib/dpkg/status", STATUS),
        ]
    };
    let inner = |mut more: Vec<Entry<'static>>| {
        let mut entries = outer();
        entries.append(&mut more);
        let mut inventory = inside(&[tar(&entries)]);
        let database = |component: &kiln_types::Component| {
            component.evidence[0].path.starts_with("srv/rootfs/")
        };
        let place = inventory.components.iter().position(database).unwrap();
        assert_eq!(inventory.components.len(), 2);
        let purl = inventory.components.remove(place).purl.unwrap();
        assert_eq!(
            inventory.components[0].purl.as_ref().unwrap().to_string(),
            "pkg:deb/debian/a@1?arch=amd64&distro=debian-13"
        );
        purl.to_string()
    };
    let database = || file("srv/rootfs/var/lib/dpkg/status", STATUS);
    let unknown = "pkg:deb/unknown/a@1?arch=amd64&distro=unknown";
    for (more, expected) in [
        (vec![database()], unknown),
        (
            vec![
                database(),
                file("srv/rootfs/usr/lib/os-release", bookworm),
                symlink("srv/rootfs/etc/os-release", "../usr/lib/os-release"),
            ],
            "pkg:deb/debian/a@1?arch=amd64&distro=debian-12",
        ),
        // As it is written there, the link leads into the root around it.
        (
            vec![
                database(),
                symlink("srv/rootfs/etc/os-release", "/usr/lib/os-release"),
            ],
            unknown,
        ),
        (
            vec![
                file("srv/rootfs/lib/apk/db/installed", b"P:a\nV:1\nA:x86_64\n\n"),
                file(
                    "srv/rootfs/etc/os-release",
                    b"ID=alpine\nVERSION_ID=3.20.1\n",
                ),
            ],
            "pkg:apk/alpine/a@1?arch=x86_64&distro=alpine-3.20.1",
        ),
    ] {
        assert_eq!(inner(more), expected);
    }
    // Its database is not that which the root around it lacks.
    let inventory = inside(&[tar(&[file("etc/os-release", OS_RELEASE), database()])]);
    assert!(!inventory.is_complete());
}

#[test]
fn a_layer_above_takes_a_file_from_its_package() {
    let status = stanza("node-x", "2");
    let list = b"/usr/lib/node_modules/x/package.json\n";
    let base = tar(&[
        file("var/lib/dpkg/status", status.as_bytes()),
        file("var/lib/dpkg/info/node-x.list", list),
        file(
            "usr/lib/node_modules/x/package.json",
            br#"{"name":"x","version":"2"}"#,
        ),
    ]);
    let above = tar(&[file(
        "usr/lib/node_modules/x/package.json",
        br#"{"name":"x","version":"1"}"#,
    )]);
    let owned = |layers: &[Vec<u8>]| {
        let inventory = crate::image::of_layers(layers);
        let npm = |one: &&kiln_types::Component| one.name == "x";
        inventory
            .components
            .iter()
            .find(npm)
            .unwrap()
            .owner
            .is_some()
    };
    assert!(owned(std::slice::from_ref(&base)));
    assert!(!owned(&[base, above]));
}

#[test]
fn what_two_packages_hold_is_the_distribution_s_and_what_one_file_adds_is_not() {
    let status = format!("{}\n{}", stanza("node-x", "1"), stanza("node-y", "1"));
    let json: &[u8] = br#"{"name":"x","version":"1"}"#;
    let packaged = || {
        vec![
            file("var/lib/dpkg/status", status.as_bytes()),
            file(
                "var/lib/dpkg/info/node-x.list",
                b"/usr/share/a/node_modules/x/package.json\n",
            ),
            file(
                "var/lib/dpkg/info/node-y.list",
                b"/usr/share/b/node_modules/x/package.json\n",
            ),
            file("usr/share/a/node_modules/x/package.json", json),
            file("usr/share/b/node_modules/x/package.json", json),
        ]
    };
    let owner = |entries: &[crate::image::Entry<'_>]| {
        let inventory = inside(&[tar(entries)]);
        let found = inventory
            .components
            .iter()
            .find(|one| one.name == "x")
            .unwrap();
        let owner = found.owner.and_then(|owner| inventory.component(owner));
        owner.map(|owner| owner.name.clone())
    };
    assert_eq!(owner(&packaged()).as_deref(), Some("node-x"));
    let mut strange = packaged();
    strange.push(file("opt/node_modules/x/package.json", json));
    assert_eq!(owner(&strange), None);
}

#[test]
fn a_shell_is_one_wherever_it_lies() {
    let shell = crate::image::program("busybox/sh", b"x");
    let text = file("usr/share/doc/sh", b"x");
    let inventory = inside(&[tar(&[shell, text])]);
    assert_eq!(inventory.facts.unwrap().shells, ["busybox/sh"]);
}

#[test]
fn traversal_and_links_out_of_the_root_are_reported() {
    let inventory = inside(&[tar(&[
        file("../etc/os-release", OS_RELEASE),
        hardlink("a", "../../etc/passwd"),
        hardlink("b", "nowhere"),
    ])]);
    assert_eq!(inventory.incomplete.len(), 3, "{:?}", inventory.incomplete);
    assert!(inventory.distribution.is_none());
}

#[test]
fn circles_of_links_end() {
    let inventory = inside(&[tar(&[
        symlink("a", "b"),
        symlink("b", "a"),
        file("a/package.json", br#"{"name":"x","version":"1"}"#),
        symlink("etc/os-release", "os-release"),
    ])]);
    assert!(inventory.components.is_empty());
    assert!(inventory.distribution.is_none());
}

#[test]
fn more_entries_than_the_limit_and_a_truncated_layer_are_reported_and_the_rest_counts() {
    let layer = tar(&[
        file("var/lib/dpkg/status", stanza("a", "1").as_bytes()),
        file("x", &[1; 2000]),
        file("y", b""),
    ]);
    let mut limits = ScanLimits::default();
    limits.layer.max_entries = 2;
    let inventory = inside_with(std::slice::from_ref(&layer), &limits);
    assert_eq!(names(&inventory), ["a 1"]);
    assert!(
        inventory.incomplete[0]
            .reason
            .contains("more than 2 entries")
    );
    let inventory = inside(&[layer[..2048].to_vec()]);
    assert_eq!(names(&inventory), ["a 1"]);
    assert!(inventory.incomplete[0].reason.contains("truncated"));
}

#[test]
fn files_too_large_to_read_are_reported() {
    let limits = ScanLimits {
        file: 50,
        ..ScanLimits::default()
    };
    let layer = tar(&[file("var/lib/dpkg/status", stanza("a", "1").as_bytes())]);
    let inventory = inside_with(&[layer], &limits);
    assert!(inventory.incomplete[0].reason.contains("more than the 50"));
}

#[test]
fn broken_metadata_is_reported_and_breaks_nothing_else() {
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let inventory = inside(&[tar(&[
        file("a/package.json", &deep),
        file("b/composer/installed.json", b"\xff\xfe"),
        file("c.jar", b"PK\x03\x04 no end"),
        file("d/package.json", br#"{"name":"d","version":"1"}"#),
    ])]);
    assert_eq!(names(&inventory), ["d 1"]);
    assert_eq!(inventory.incomplete.len(), 3, "{:?}", inventory.incomplete);
}

#[test]
fn a_stanza_of_a_million_fields_and_a_licence_of_a_million_names_end_soon() {
    let mut status = stanza("a", "1");
    status.push_str("Package: b\nVersion: 1\n");
    for number in 0..200_000 {
        status.push_str(&format!("X{number}: y\n"));
    }
    let mut copyright = "Format: x\n\nFiles: *\nLicense: odd\n".to_owned();
    copyright.push_str(&" text".repeat(100_000));
    copyright.push_str("\n\n");
    copyright.push_str(&"Files: *\nLicense: odd\n\n".repeat(50_000));
    let free = "/usr/share/common-licenses/GPL ".repeat(50_000);
    let inventory = inside(&[tar(&[
        file("var/lib/dpkg/status", status.as_bytes()),
        file("usr/share/doc/a/copyright", copyright.as_bytes()),
        file("usr/share/doc/b/copyright", free.as_bytes()),
    ])]);
    assert_eq!(names(&inventory), ["a 1"]);
    assert!(
        inventory.incomplete[0]
            .reason
            .contains("more than 256 fields")
    );
}

#[test]
fn long_names_cost_no_more_than_the_limit() {
    let limits = ScanLimits {
        captured: 5000,
        ..ScanLimits::default()
    };
    let paths: Vec<String> = (0..100)
        .map(|number| format!("{}{number}", "d/".repeat(40)))
        .collect();
    let entries: Vec<_> = paths.iter().map(|path| file(path, b"")).collect();
    let inventory = inside_with(&[tar(&entries)], &limits);
    assert!(
        inventory.incomplete[0]
            .reason
            .contains("more than 5000 bytes")
    );
}

proptest::proptest! {
    /// Whatever is done to the bytes of a layer, there is an answer.
    #[test]
    fn a_layer_with_broken_bytes(places in proptest::collection::vec((0_usize..16_384, 0_u8..=255), 1..20), end in 0_usize..20_000) {
        let mut layer = debian();
        for (place, byte) in places {
            let length = layer.len();
            layer[place % length] = byte;
        }
        layer.truncate(end.max(512));
        let inventory = inside(&[layer.clone(), layer]);
        proptest::prop_assert!(inventory.components.len() < 100);
    }
}
