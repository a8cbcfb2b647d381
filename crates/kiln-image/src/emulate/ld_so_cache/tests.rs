//! Against `ldconfig` itself, where this machine has it.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::elf::sample::Sample;
use crate::emulate::testing::MemoryTree;

fn library(soname: &str) -> Vec<u8> {
    Sample {
        soname: Some(soname),
        ..Sample::default()
    }
    .bytes()
}

/// A root with every odd thing that ldconfig has an opinion about.
fn odd_root() -> MemoryTree {
    let level = |isa_needed| {
        Sample {
            soname: Some("libfast.so.1"),
            isa_needed,
            ..Sample::default()
        }
        .bytes()
    };
    MemoryTree::new()
        .package("libc6")
        .link("lib", "usr/lib")
        .file("etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n")
        .file(
            "etc/ld.so.conf.d/local.conf",
            b"/usr/local/lib\n/opt/gone\n",
        )
        .file(
            "etc/ld.so.conf.d/x86_64-linux-gnu.conf",
            b"/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu/\n",
        )
        .file(
            "usr/lib/x86_64-linux-gnu/libz.so.1.3.1",
            &library("libz.so.1"),
        )
        .file(
            "usr/lib/x86_64-linux-gnu/libfoo.so.1.9",
            &library("libfoo.so.1"),
        )
        .file(
            "usr/lib/x86_64-linux-gnu/libfoo.so.1.10",
            &library("libfoo.so.1"),
        )
        .link("usr/lib/x86_64-linux-gnu/libfoo.so.1", "libfoo.so.1.9")
        .link("usr/lib/x86_64-linux-gnu/libfoo.so", "libfoo.so.1")
        .file(
            "usr/lib/x86_64-linux-gnu/libdev.so.2.0",
            &library("libdev.so.2"),
        )
        .link("usr/lib/x86_64-linux-gnu/libdev.so", "libdev.so.2.0")
        .link("usr/lib/x86_64-linux-gnu/libdev.so.2", "libdev.so.2.0")
        .link("usr/lib/x86_64-linux-gnu/libother.so.9", "libz.so.1.3.1")
        .file(
            "usr/lib/x86_64-linux-gnu/libplain.so",
            &Sample::default().bytes(),
        )
        .file(
            "usr/lib/x86_64-linux-gnu/libscript.so",
            b"/* GNU ld script */ GROUP ( libz.so.1 )\n",
        )
        .file(
            "usr/lib/x86_64-linux-gnu/libstatic.so.1",
            &Sample {
                kind: 2,
                ..Sample::default()
            }
            .bytes(),
        )
        .file(
            "usr/lib/x86_64-linux-gnu/libarm.so.1",
            &Sample {
                machine: 183,
                ..Sample::default()
            }
            .bytes(),
        )
        .file(
            "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            &library("ld-linux-x86-64.so.2"),
        )
        .file("usr/lib/x86_64-linux-gnu/plugin.so", &library("plugin.so"))
        .link("usr/lib/x86_64-linux-gnu/libdir.so", "glibc-hwcaps")
        .link(
            "usr/lib/x86_64-linux-gnu/liboutside.so.4",
            "../private/liboutside.so.4.2",
        )
        .file(
            "usr/lib/private/liboutside.so.4.2",
            &library("liboutside.so.4"),
        )
        .file("usr/lib/x86_64-linux-gnu/libfast.so.1", &level(0))
        .file(
            "usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libfast.so.1.0",
            &level(0b1111),
        )
        .file(
            "usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v2/libfast.so.1",
            &level(0b11),
        )
        .directory("usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v4")
        .file("usr/lib/libz.so.1", &library("libz.so.1"))
        .file("usr/local/lib/libz.so.1.9", &library("libz.so.1"))
}

#[test]
fn links_are_made_as_ldconfig_makes_them() {
    let mut tree = odd_root();
    tree.run(&LdSoCache);
    let target = |name: &str| tree.target(&format!("usr/lib/x86_64-linux-gnu/{name}"));
    assert_eq!(target("libz.so.1"), Some("libz.so.1.3.1"));
    assert_eq!(
        target("libfoo.so.1"),
        Some("libfoo.so.1.10"),
        "the later version wins"
    );
    assert_eq!(target("libdev.so"), Some("libdev.so.2.0"));
    assert_eq!(tree.target("usr/local/lib/libz.so.1"), Some("libz.so.1.9"));
}

#[test]
fn unfinished_files_are_passed_over() {
    // glibc 2.37 and later; the ldconfig of Debian 12 still takes them.
    for name in [
        "libx.so.1.dpkg-new",
        "libx.so.1.dpkg-tmp",
        "libx.so.1;123",
        "libx.so.1.#prelink#.abcdef",
    ] {
        assert!(is_library_name(name) && is_temporary(name), "{name}");
    }
    assert!(!is_temporary("libx.so.1.abcdef"));
}

#[test]
fn no_c_library_no_cache() {
    assert!(LdSoCache.run(&MemoryTree::new()).unwrap().is_empty());
}

#[test]
fn the_generator_is_that_of_the_package() {
    let text =
        b"\0GNU C Library (Debian GLIBC 2.41-12+deb13u5) stable release version 2.41.\nCopyright\0";
    let tree = MemoryTree::new().file("usr/lib/x86_64-linux-gnu/libc.so.6", text);
    let expected = "ldconfig (Debian GLIBC 2.41-12+deb13u5) stable release version 2.41";
    assert_eq!(generator(&tree).unwrap(), expected);
    let program = [&b"%s\0ldconfig %s\0"[..], expected.as_bytes(), b"\0more"].concat();
    assert_eq!(
        generator(&MemoryTree::new().file("usr/sbin/ldconfig", &program)).unwrap(),
        expected
    );
}

#[test]
fn attack_a_soname_that_leaves_its_directory() {
    for soname in ["../../../etc/passwd", "/etc/passwd", "a\nb", "", "etc/x"] {
        let mut tree = MemoryTree::new().package("libc6").file(
            "usr/lib/libevil.so.1",
            &Sample {
                soname: Some(soname),
                ..Sample::default()
            }
            .bytes(),
        );
        let made = tree.run(&LdSoCache);
        let paths: Vec<_> = made.iter().map(|file| file.entry.path.as_str()).collect();
        assert_eq!(paths, [CACHE], "{soname:?}");
        assert!(
            !String::from_utf8_lossy(&made[0].content).contains("evil"),
            "{soname:?}"
        );
    }
}

/// Writes the tree to a scratch root, runs the machine's `ldconfig` on it and compares the cache
/// and every link.
#[expect(clippy::disallowed_methods, reason = "the real program is the oracle")]
fn compare_with_ldconfig(mut tree: MemoryTree) {
    const PROGRAM: &str = "/usr/sbin/ldconfig";
    if !Path::new(PROGRAM).exists() || !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: no {PROGRAM} of x86-64 on this machine");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    tree.export(root);
    for directory in ["etc", "var/cache/ldconfig"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    let output = Command::new(PROGRAM)
        .arg("-i")
        .arg("-r")
        .arg(root)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    // Both name the same generator: the program is read as part of the tree.
    let program = std::fs::read(PROGRAM).unwrap();
    tree = tree.file("usr/sbin/ldconfig", &program);
    let made = tree.run(&LdSoCache);
    let cache = made
        .iter()
        .find(|file| file.entry.path.as_str() == CACHE)
        .unwrap();
    let real = std::fs::read(root.join(CACHE)).unwrap();
    if cache.content != real {
        let readable = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(bytes).replace('\0', "\n");
            text.lines().map(|line| format!("{line:?}")).collect()
        };
        assert_eq!(readable(&cache.content), readable(&real));
    }
    let real = MemoryTree::new().import(root, "");
    for entry in tree.below("") {
        let path = entry.path.as_str();
        assert_eq!(tree.target(path), real.target(path), "/{path}");
    }
}

#[test]
fn the_same_as_ldconfig_on_an_odd_root() {
    compare_with_ldconfig(odd_root());
}

#[test]
fn the_same_as_ldconfig_on_this_machine() {
    let mut tree = MemoryTree::new()
        .package("libc6")
        .file("etc/ld.so.conf", b"/lib/x86_64-linux-gnu\n");
    tree = tree.link("lib", "usr/lib");
    let directory = Path::new("/usr/lib/x86_64-linux-gnu");
    let Ok(entries) = std::fs::read_dir(directory) else {
        eprintln!("skipped: no {} on this machine", directory.display());
        return;
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    // Libraries with their links, as far as a test should copy.
    let mut budget = 60 << 20;
    for name in names.iter().filter(|name| is_library_name(name)) {
        let (from, to) = (
            directory.join(name),
            format!("usr/lib/x86_64-linux-gnu/{name}"),
        );
        if let Ok(target) = std::fs::read_link(&from) {
            let target = target.to_str().unwrap();
            // A link whose target is left out is stale, which ldconfig removes.
            if !target.contains('/')
                && std::fs::metadata(&from).is_ok_and(|data| data.len() < 200_000)
            {
                tree = tree.link(&to, target);
            }
        } else if let Ok(data) = std::fs::metadata(&from)
            && data.is_file()
            && data.len() < 200_000
            && budget > data.len()
        {
            budget -= data.len();
            tree = tree.file(&to, &std::fs::read(&from).unwrap());
        }
    }
    compare_with_ldconfig(tree);
}

/// For other releases and architectures: `KILN_LDCONFIG_ROOT` names a root on which its own
/// `ldconfig` has run, and `KILN_LDCONFIG_ARCH` its architecture.
#[test]
#[expect(clippy::disallowed_methods, reason = "a person names the root")]
fn the_same_as_ldconfig_on_a_given_root() {
    let Ok(root) = std::env::var("KILN_LDCONFIG_ROOT") else {
        eprintln!("skipped: KILN_LDCONFIG_ROOT names no root");
        return;
    };
    let architecture: kiln_types::Platform = std::env::var("KILN_LDCONFIG_ARCH")
        .as_deref()
        .unwrap_or("amd64")
        .parse()
        .unwrap();
    let real = std::fs::read(Path::new(&root).join(CACHE)).unwrap();
    let mut tree = MemoryTree::new()
        .package("libc6")
        .planned(|plan| plan.platform = architecture);
    tree = tree.import(Path::new(&root), "");
    let made = tree.run(&LdSoCache);
    let paths: Vec<_> = made.iter().map(|file| file.entry.path.as_str()).collect();
    assert_eq!(paths, [CACHE], "every link was there");
    assert!(made[0].content == real, "the caches differ");
}
