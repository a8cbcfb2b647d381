//! What is written is compared with what dpkg 1.22 wrote for the same packages (trixie).

use kiln_types::Provide;

use super::*;

fn paths(paths: &[&str]) -> Vec<RelativePath> {
    let mut paths: Vec<_> = paths
        .iter()
        .map(|path| RelativePath::new(path).unwrap())
        .collect();
    paths.sort();
    paths
}

fn fields(text: &[(&str, &str)]) -> Vec<(String, String)> {
    text.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// base-files, shortened; its fields in the order of its control file.
fn base_files() -> InstalledPackage {
    let control = Control {
        name: "base-files".to_owned(),
        version: "13.8".to_owned(),
        architecture: "amd64".to_owned(),
        source: "base-files".to_owned(),
        source_version: "13.8".to_owned(),
        multi_arch: MultiArch::Foreign,
        provides: vec![Provide { name: "base".to_owned(), version: None }],
        fields: fields(&[
            ("Package", "base-files"),
            ("Version", "13.8"),
            ("Architecture", "amd64"),
            ("Essential", "yes"),
            ("Maintainer", "Santiago Vila <sanvila@debian.org>"),
            ("Installed-Size", "500"),
            ("Pre-Depends", "awk"),
            ("Breaks", "debian-security-support (<<2019.04.25),\n initscripts (<< 2.88dsf-13.3)"),
            ("Replaces", "base, dpkg (<= 1.15.0), miscutils"),
            ("Provides", "base, usr-is-merged"),
            ("Section", "admin"),
            ("Priority", "Required"),
            ("Multi-Arch", "foreign"),
            ("X-Note", "kept"),
            ("Homepage", "https://example.org/"),
            ("Status", "deinstall ok half-installed"),
            ("Size", "12"),
            ("Description", "Debian base system\n This package\n .\n has files."),
        ]),
        conffiles: vec!["etc/issue".to_owned(), "etc/host.conf".to_owned(), "etc/cut".to_owned()],
        conffile_digests: BTreeMap::from([
            ("etc/issue".to_owned(), "d0c7919a5e2641d60400de08201a49e2".to_owned()),
            ("etc/host.conf".to_owned(), "4eb63731c9f5e30903ac4fc07a7fe3d6".to_owned()),
            ("etc/cut".to_owned(), "00000000000000000000000000000000".to_owned()),
        ]),
        members: BTreeMap::from([
            ("conffiles".to_owned(), b"/etc/issue\n/etc/host.conf\n/etc/cut\n".to_vec()),
            ("md5sums".to_owned(), b"aa  usr/lib/os-release\nbb  lib/merged\ncc  usr/share/doc/x\ndd  gone/elsewhere\n".to_vec()),
            ("postinst".to_owned(), b"#!/bin/sh\n".to_vec()),
            ("templates".to_owned(), b"Template: x\n".to_vec()),
            ("strange".to_owned(), b"?".to_vec()),
            (
                "triggers".to_owned(),
                b"# a comment\ninterest-noawait /usr/lib32\ninterest /usr/x # why\nactivate-noawait ldconfig\n\
                  interest-await ldconfig\ninterest ../up\ninterest File\ninterest\n"
                    .to_vec(),
            ),
        ]),
        ..Control::default()
    };
    InstalledPackage {
        control,
        paths: paths(&[
            "",
            "etc",
            "etc/issue",
            "etc/host.conf",
            "usr",
            "usr/lib",
            "usr/lib/os-release",
            "usr/lib/merged",
        ]),
        cut: paths(&["usr/share/doc/x", "etc/cut"]),
    }
}

fn libc6() -> InstalledPackage {
    let control = Control {
        name: "libc6".to_owned(),
        version: "2.41-12".to_owned(),
        architecture: "amd64".to_owned(),
        multi_arch: MultiArch::Same,
        fields: fields(&[
            ("Package", "libc6"),
            ("Source", "glibc"),
            ("Version", "0:2.41-12"),
            ("Architecture", "amd64"),
            ("Depends", "libgcc-s1,  a|b (>=1)"),
            ("Essential", "no"),
            ("Multi-Arch", "same"),
        ]),
        members: BTreeMap::from([
            ("shlibs".to_owned(), b"libc 6 libc6\n".to_vec()),
            ("symbols".to_owned(), b"libc.so.6\n".to_vec()),
            (
                "triggers".to_owned(),
                b"interest-noawait ldconfig\n".to_vec(),
            ),
        ]),
        ..Control::default()
    };
    InstalledPackage {
        control,
        paths: paths(&["usr", "usr/lib", "usr/lib/libc.so.6"]),
        cut: Vec::new(),
    }
}

fn written(scripts: bool) -> BTreeMap<String, (u32, String)> {
    // Not in order: the database sorts.
    files(
        &[libc6(), base_files()],
        "amd64",
        &DatabaseOptions { scripts },
    )
    .into_iter()
    .filter(|file| file.entry.kind == EntryKind::File)
    .map(|file| {
        assert_eq!(file.entry.size, file.content.len() as u64);
        assert_eq!(
            (file.entry.uid, file.entry.gid, file.entry.mtime),
            (0, 0, 0)
        );
        let name = file
            .entry
            .path
            .as_str()
            .strip_prefix("var/lib/dpkg/")
            .unwrap()
            .to_owned();
        (
            name,
            (file.entry.mode, String::from_utf8(file.content).unwrap()),
        )
    })
    .collect()
}

#[test]
fn status_is_what_dpkg_writes() {
    assert_eq!(
        written(true)["status"].1,
        "Package: base-files\n\
         Essential: yes\n\
         Status: install ok installed\n\
         Priority: required\n\
         Section: admin\n\
         Installed-Size: 500\n\
         Maintainer: Santiago Vila <sanvila@debian.org>\n\
         Architecture: amd64\n\
         Multi-Arch: foreign\n\
         Version: 13.8\n\
         Replaces: base, dpkg (<= 1.15.0), miscutils\n\
         Provides: base, usr-is-merged\n\
         Pre-Depends: awk\n\
         Breaks: debian-security-support (<< 2019.04.25), initscripts (<< 2.88dsf-13.3)\n\
         Conffiles:\n \
          /etc/issue d0c7919a5e2641d60400de08201a49e2\n \
          /etc/host.conf 4eb63731c9f5e30903ac4fc07a7fe3d6\n\
         Description: Debian base system\n \
          This package\n \
          .\n \
          has files.\n\
         X-Note: kept\n\
         Homepage: https://example.org/\n\
         \n\
         Package: libc6\n\
         Status: install ok installed\n\
         Architecture: amd64\n\
         Multi-Arch: same\n\
         Source: glibc\n\
         Version: 2.41-12\n\
         Depends: libgcc-s1, a | b (>= 1)\n\
         \n"
    );
}

#[test]
fn the_files_there_are() {
    let with = written(true);
    let names: Vec<_> = with
        .iter()
        .map(|(name, (mode, _))| format!("{name} {mode:o}"))
        .collect();
    assert_eq!(
        names,
        [
            "info/base-files.conffiles 644",
            "info/base-files.list 644",
            "info/base-files.md5sums 644",
            "info/base-files.postinst 755",
            "info/base-files.templates 644",
            "info/base-files.triggers 644",
            "info/format 644",
            "info/libc6:amd64.list 644",
            "info/libc6:amd64.shlibs 644",
            "info/libc6:amd64.symbols 644",
            "info/libc6:amd64.triggers 644",
            "status 644",
            "triggers/File 644",
            "triggers/Unincorp 644",
            "triggers/ldconfig 644",
        ]
        .map(str::to_owned)
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    assert_eq!(with["info/format"].1, "1\n");
}

#[test]
fn a_hardened_image_has_no_scripts_in_its_database() {
    let (with, without) = (written(true), written(false));
    let gone: Vec<_> = with
        .keys()
        .filter(|name| !without.contains_key(*name))
        .collect();
    assert_eq!(
        gone,
        ["info/base-files.postinst", "info/base-files.templates"]
    );
    assert!(
        without
            .values()
            .all(|(mode, content)| mode & 0o111 == 0 && !content.starts_with("#!"))
    );
    assert_eq!(with["status"], without["status"]);
}

#[test]
fn lists_name_what_is_in_the_image() {
    let files = written(true);
    assert_eq!(
        files["info/base-files.list"].1,
        "/.\n/etc\n/etc/host.conf\n/etc/issue\n/usr\n/usr/lib\n/usr/lib/merged\n/usr/lib/os-release\n"
    );
    assert_eq!(
        files["info/base-files.md5sums"].1,
        "aa  usr/lib/os-release\nbb  lib/merged\n"
    );
    assert_eq!(
        files["info/base-files.conffiles"].1,
        "/etc/issue\n/etc/host.conf\n"
    );
}

#[test]
fn triggers_as_dpkg_keeps_them() {
    let files = written(true);
    assert_eq!(
        files["triggers/File"].1,
        "/usr/lib32 base-files/noawait\n/usr/x base-files\n"
    );
    assert_eq!(
        files["triggers/ldconfig"].1,
        "base-files\nlibc6:amd64/noawait\n"
    );
    assert_eq!(files["triggers/Unincorp"].1, "");
}

#[test]
fn directories_and_order() {
    let files = files(&[], "amd64", &DatabaseOptions { scripts: true });
    let directories: Vec<_> = files
        .iter()
        .filter(|file| file.entry.kind == EntryKind::Directory)
        .map(|file| (file.entry.path.as_str(), file.entry.mode))
        .collect();
    assert_eq!(
        directories,
        [
            ("var/lib/dpkg", 0o755),
            ("var/lib/dpkg/info", 0o755),
            ("var/lib/dpkg/triggers", 0o755),
            ("var/lib/dpkg/updates", 0o755)
        ]
    );
    assert!(files.is_sorted_by(|left, right| left.entry.path < right.entry.path));
}
