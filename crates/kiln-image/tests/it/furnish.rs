//! The definition's own paths, over those of packages.

use kiln_image::{AssembleError, Layering};
use kiln_testkit::{DebBuilder, Entry, EntryKind};
use kiln_types::{PathKind, PathPlan};

use crate::world::{World, base_files, path, plan, plan_with, relative};

fn owned(path: PathPlan, uid: u32, gid: u32, mode: Option<u32>) -> PathPlan {
    PathPlan {
        uid,
        gid,
        mode,
        ..path
    }
}

#[test]
fn a_file_of_the_definition_takes_the_place_of_a_packages() {
    let world = World::default();
    let deb = DebBuilder::new("nginx", "1")
        .conffile("/etc/nginx.conf", "theirs")
        .file("/etc/other", "other", 0o644)
        .build();
    let plan = plan_with(vec![path(
        "/etc/nginx.conf",
        PathKind::File(b"ours".to_vec()),
    )]);
    let built = world.image(&plan, &[&deb]).unwrap();
    assert_eq!(built.text("etc/nginx.conf"), "ours");
    let times = built
        .entries()
        .iter()
        .flatten()
        .filter(|entry| entry.path == "etc/nginx.conf")
        .count();
    assert_eq!(times, 1, "nobody carries bytes that nobody sees");
    // It is still the package's: dpkg would call it changed.
    let list = built.text("var/lib/dpkg/info/nginx.list");
    assert!(list.lines().any(|line| line == "/etc/nginx.conf"), "{list}");
}

#[test]
fn permissions_change_owner_and_mode_and_nothing_else() {
    let world = World::default();
    let file = Entry::new("./usr/bin/ping", EntryKind::File(b"ping".to_vec()), 0o755)
        .xattr("security.capability", b"cap");
    let deb = DebBuilder::new("ping", "1")
        .entry(file)
        .directory("/var/lib/ping", 0o755)
        .symlink("/usr/bin/pong", "ping")
        .build();
    let plan = plan_with(vec![
        owned(
            path("/usr/bin/ping", PathKind::Permissions),
            5,
            6,
            Some(0o700),
        ),
        owned(
            path("/var/lib/ping", PathKind::Permissions),
            65_532,
            65_532,
            None,
        ),
        owned(path("/usr/bin/pong", PathKind::Permissions), 7, 8, None),
    ]);
    let built = world.image(&plan, &[&deb]).unwrap();
    let tree = built.tree();
    let of = |path: &str| {
        let entry = &tree[path];
        (entry.flag, entry.uid, entry.gid, entry.mode)
    };
    assert_eq!(of("usr/bin/ping"), (b'0', 5, 6, 0o700));
    assert_eq!(built.text("usr/bin/ping"), "ping");
    assert_eq!(of("var/lib/ping"), (b'5', 65_532, 65_532, 0o755));
    assert_eq!(of("usr/bin/pong"), (b'2', 7, 8, 0o777));
    let made = built
        .furnished
        .made
        .iter()
        .find(|file| file.entry.path.as_str() == "usr/bin/ping")
        .unwrap();
    assert!(made.entry.xattrs.contains_key("security.capability"));
}

#[test]
fn one_of_several_hard_links_gets_permissions_of_its_own() {
    let world = World::default();
    let deb = DebBuilder::new("links", "1")
        .file("/usr/bin/a", "content", 0o755)
        .hardlink("/usr/bin/b", "/usr/bin/a")
        .hardlink("/usr/bin/c", "/usr/bin/a")
        .build();
    for changed in ["a", "b"] {
        let at = format!("/usr/bin/{changed}");
        let plan = plan_with(vec![owned(path(&at, PathKind::Permissions), 1, 1, None)]);
        let built = world.image(&plan, &[&deb]).unwrap();
        let tree = built.tree();
        for name in ["a", "b", "c"] {
            let mut entry = &tree[&format!("usr/bin/{name}")];
            if entry.flag == b'1' {
                entry = &tree[&entry.link];
            }
            assert_eq!(entry.content, b"content", "{name}");
            let uid = u32::from(name == changed);
            assert_eq!((entry.uid, entry.flag), (uid, b'0'), "{name} of {changed}");
        }
    }
}

#[test]
fn what_is_deleted_is_in_no_layer_and_no_list() {
    let world = World::default();
    let deb = DebBuilder::new("docs", "1")
        .control_file("md5sums", "d41d8cd98f00b204e9800998ecf8427e  opt/docs/a\n")
        .file("/opt/docs/a", "a", 0o644)
        .file("/opt/docs/deep/b", "b", 0o644)
        .file("/opt/docs-2", "stays", 0o644)
        .file("/usr/bin/keep", "keep", 0o755)
        .build();
    let base = base_files();
    let plan = plan_with(vec![
        path("/opt/docs", PathKind::Delete),
        // By the old name of the place.
        path("/bin/tool", PathKind::Delete),
        path("/no/such/path", PathKind::Delete),
    ]);
    for layering in [Layering::Shared, Layering::Single, Layering::Package] {
        let built = world
            .build(&plan, &[&base, &deb], layering, Default::default())
            .unwrap();
        let tree = built.tree();
        let below: Vec<_> = tree
            .keys()
            .filter(|path| path.starts_with("opt/docs") || path.starts_with("no"))
            .collect();
        assert_eq!(below, ["opt/docs-2"], "{layering:?}");
        assert!(!tree.contains_key("usr/bin/tool"), "{layering:?}");
        let list = built.text("var/lib/dpkg/info/docs.list");
        assert_eq!(
            list,
            "/.\n/opt\n/opt/docs-2\n/usr\n/usr/bin\n/usr/bin/keep\n",
        );
        let sums = built.text("var/lib/dpkg/info/docs.md5sums");
        assert_eq!(sums, "");
        let list = built.text("var/lib/dpkg/info/base-files.list");
        assert!(!list.contains("tool"), "{list}");
    }
}

#[test]
fn a_path_put_back_after_its_deletion() {
    let world = World::default();
    let deb = DebBuilder::new("site", "1")
        .file("/srv/www/index.html", "theirs", 0o644)
        .build();
    let plan = plan_with(vec![
        path("/srv/www", PathKind::Delete),
        path("/srv/www/index.html", PathKind::File(b"ours".to_vec())),
    ]);
    let built = world.image(&plan, &[&deb]).unwrap();
    assert_eq!(built.text("srv/www/index.html"), "ours");
    assert_eq!(built.tree()["srv/www"].flag, b'5');
}

#[test]
fn links_on_the_way_are_followed() {
    let world = World::default();
    let base = base_files();
    let plan = plan_with(vec![
        path("/bin/mine", PathKind::File(b"mine".to_vec())),
        path("/lib/mine.d/a", PathKind::File(b"a".to_vec())),
    ]);
    let built = world.image(&plan, &[&base]).unwrap();
    let tree = built.tree();
    assert_eq!(built.text("usr/bin/mine"), "mine");
    assert_eq!(built.text("usr/lib/mine.d/a"), "a");
    assert_eq!((tree["bin"].flag, tree["lib"].flag), (b'2', b'2'));
    assert_eq!(tree["usr/lib/mine.d"].mode, 0o755);
}

#[test]
fn what_cannot_be_put() {
    let world = World::default();
    let deb = DebBuilder::new("etc", "1")
        .file("/etc/file", "file", 0o644)
        .directory("/etc/directory", 0o755)
        .symlink("/etc/one", "two")
        .symlink("/etc/two", "one")
        .build();
    let table = [
        (
            "/etc/file",
            PathKind::Directory,
            "a directory cannot take its place",
        ),
        (
            "/etc/directory",
            PathKind::File(Vec::new()),
            "a file or link cannot take its place",
        ),
        (
            "/etc/directory",
            PathKind::Symlink("x".to_owned()),
            "a file or link cannot take its place",
        ),
        ("/etc/missing", PathKind::Permissions, "nothing is there"),
        ("/etc/one/x", PathKind::Directory, "in a circle"),
        ("/", PathKind::Directory, "the root directory"),
    ];
    for (at, kind, reason) in table {
        let error = world
            .image(&plan_with(vec![path(at, kind)]), &[&deb])
            .expect_err(at);
        assert!(matches!(error, AssembleError::Path { .. }), "{at}: {error}");
        let told = error.to_string();
        assert!(told.contains(at.trim_start_matches('/')), "{told}");
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn a_file_below_a_file_of_a_package() {
    let world = World::default();
    let deb = DebBuilder::new("etc", "1")
        .file("/etc/file", "file", 0o644)
        .build();
    let plan = plan_with(vec![path("/etc/file/below", PathKind::File(Vec::new()))]);
    let error = world
        .image(&plan, &[&deb])
        .expect_err("nothing lies below a file");
    let told = error.to_string();
    assert!(told.contains("`/etc/file` is a file"), "{told}");
}

#[test]
fn the_first_foundation_decides_about_directories_and_then_the_name() {
    let world = World::default();
    let mode = |name: &str, mode| {
        DebBuilder::new(name, "1")
            .entry(Entry::new("./srv/", EntryKind::Directory, mode).owner(mode, mode))
            .file(&format!("/srv/{name}"), name, 0o644)
            .build()
    };
    let (a, b, c) = (mode("aa", 0o700), mode("bb", 0o750), mode("cc", 0o711));
    let built = world.image(&plan(), &[&b, &a, &c]).unwrap();
    assert_eq!(built.tree()["srv"].mode, 0o700);

    let mut founded = plan();
    founded.foundation = vec![["cc".to_owned()].into(), ["bb".to_owned()].into()];
    let built = world.image(&founded, &[&b, &a, &c]).unwrap();
    let srv = &built.tree()["srv"];
    assert_eq!((srv.mode, srv.uid, srv.gid), (0o711, 0o711, 0o711));
}

#[test]
fn names_that_do_not_exist() {
    let world = World::default();
    let mut emulated = plan();
    emulated.emulators = vec!["no-such".to_owned()];
    let error = world
        .image(&emulated, &[&base_files()])
        .expect_err("unknown");
    assert!(
        matches!(error, AssembleError::UnknownEmulator(_)),
        "{error}"
    );
    let mut checked = plan();
    checked.checks = vec!["no-such".to_owned()];
    let error = world
        .image(&checked, &[&base_files()])
        .expect_err("unknown");
    assert!(matches!(error, AssembleError::UnknownCheck(_)), "{error}");
}

#[test]
fn deleted_paths_are_named() {
    let world = World::default();
    let plan = plan_with(vec![path("/etc", PathKind::Delete)]);
    let built = world.image(&plan, &[&base_files()]).unwrap();
    assert_eq!(built.furnished.deleted, [relative("etc")].into());
}
