//! Against update-alternatives(1) itself, where this machine has it.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::emulate::testing::MemoryTree;

fn with_awks() -> MemoryTree {
    MemoryTree::new()
        .package("mawk")
        .package("gawk")
        .package("less")
        .file("usr/bin/mawk", b"")
        .file("usr/bin/gawk", b"")
        .file("usr/bin/less", b"")
        .file("usr/share/man/man1/mawk.1.gz", b"")
        .file("usr/share/man/man1/less.1.gz", b"")
}

#[test]
fn the_table_parses_and_is_declared() {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
    let parsed: usize = choices(TABLE)
        .iter()
        .map(|choice| 1 + choice.slaves.len())
        .sum();
    assert_eq!(parsed, lines);
    let declared = Alternatives
        .stands_for()
        .iter()
        .map(|(package, _)| *package)
        .collect();
    assert_eq!(packages(), declared);
}

#[test]
fn the_highest_priority_wins() {
    let mut tree = with_awks();
    tree.run(&Alternatives);
    assert_eq!(tree.target("etc/alternatives/awk"), Some("/usr/bin/gawk"));
    assert_eq!(tree.target("usr/bin/awk"), Some("/etc/alternatives/awk"));
    assert_eq!(tree.target("usr/bin/nawk"), Some("/etc/alternatives/nawk"));
    assert_eq!(
        tree.target("etc/alternatives/awk.1.gz"),
        None,
        "gawk's manual page is not there"
    );
    assert_eq!(
        tree.target("usr/share/man/man1/pager.1.gz"),
        Some("/etc/alternatives/pager.1.gz")
    );
}

#[test]
fn what_is_not_installed_is_not_registered() {
    let tree = MemoryTree::new().package("mawk").file("usr/bin/gawk", b"");
    assert!(Alternatives.run(&tree).unwrap().is_empty());
}

#[test]
fn a_file_of_a_package_stays() {
    let mut tree = with_awks().file("usr/bin/awk", b"real");
    tree.run(&Alternatives);
    assert_eq!(tree.text("usr/bin/awk"), "real");
    assert_eq!(tree.target("usr/bin/nawk"), Some("/etc/alternatives/nawk"));
}

/// Runs the same registrations through the real program in a scratch root and compares every link
/// and every record.
#[test]
#[expect(clippy::disallowed_methods, reason = "the real program is the oracle")]
fn the_same_as_update_alternatives() {
    const PROGRAM: &str = "/usr/bin/update-alternatives";
    if !Path::new(PROGRAM).exists() {
        eprintln!("skipped: no {PROGRAM} on this machine");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let mut tree = MemoryTree::new();
    let table = TABLE.replace("-ARCH/", "-amd64/");
    let mut registered: Vec<Choice<'_>> = choices(&table);
    // One of two choices at one path would replace the other; both programs agree on it, but the
    // order of registration would matter.
    registered.reverse();
    for directory in [
        "etc/alternatives",
        "var/lib/dpkg/alternatives",
        "var/log",
        "usr/bin",
        "usr/sbin",
        "bin",
        "lib",
    ] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    for (index, choice) in registered.iter().enumerate() {
        // A third of the manual pages is there.
        let slaves = choice
            .slaves
            .iter()
            .filter(|slave| index % 3 == 0 || !slave[2].contains("/man/"));
        for path in slaves.map(|slave| slave[2]).chain([choice.path]) {
            let real = root.join(path.trim_start_matches('/'));
            std::fs::create_dir_all(real.parent().unwrap()).unwrap();
            std::fs::write(real, b"").unwrap();
            tree = tree.file(path, b"");
        }
        for slave in &choice.slaves {
            let link = root.join(slave[1].trim_start_matches('/'));
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        }
        tree = tree.package(choice.package);
    }
    for choice in &registered {
        let mut command = Command::new(PROGRAM);
        command.arg("--quiet").arg("--root").arg(root);
        command.args([
            "--install",
            choice.link,
            choice.name,
            choice.path,
            &choice.priority.to_string(),
        ]);
        for [name, link, path] in &choice.slaves {
            command.args(["--slave", link, name, path]);
        }
        assert!(
            command.output().unwrap().status.success(),
            "{}",
            choice.name
        );
    }
    tree.run(&Alternatives);
    let real = MemoryTree::new().import(root, "");
    let mut compared = 0;
    let paths = |tree: &MemoryTree| -> Vec<String> {
        tree.below("")
            .iter()
            .map(|entry| entry.path.as_str().to_owned())
            .collect()
    };
    for path in paths(&real) {
        if path.starts_with("var/log") {
            continue;
        }
        assert_eq!(tree.target(&path), real.target(&path), "/{path}");
        if path.starts_with("var/lib/dpkg/alternatives/") {
            assert_eq!(tree.text(&path), real.text(&path), "/{path}");
        }
        compared += 1;
    }
    for path in paths(&tree) {
        assert!(real.entry(&path).is_some(), "/{path} is only ours");
    }
    assert!(compared > 100);
}
