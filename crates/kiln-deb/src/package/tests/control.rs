//! The control member: what it says, and what it may not say.

use kiln_types::{Comparison, Constraint, MultiArch, PackageVersion, Relation};

use super::*;

#[test]
fn control_information() {
    let mut members = control_only();
    members.push(Item::file("./md5sums", b"00  usr/bin/demo\n"));
    members.push(Item::file(
        "conffiles",
        b"/etc/demo.conf\nremove-on-upgrade /etc/old.conf\n\n/etc/b\n",
    ));
    members.push(Item(b'0', "./postinst", "", 0o755, b"#!/bin/sh\n"));
    let control = read_control(&members).unwrap();
    assert_eq!(
        (
            control.name.as_str(),
            control.version.as_str(),
            control.architecture.as_str()
        ),
        ("demo", "1:2.0-1+b1", "amd64")
    );
    assert_eq!(
        (control.source.as_str(), control.source_version.as_str()),
        ("demo-source", "1:2.0-1")
    );
    assert_eq!(control.multi_arch, MultiArch::Same);
    assert_eq!(control.conffiles, ["etc/demo.conf", "etc/b"]);
    assert_eq!(
        control.members.keys().collect::<Vec<_>>(),
        ["conffiles", "md5sums", "postinst"]
    );
    assert_eq!(control.members["postinst"], b"#!/bin/sh\n");
    assert_eq!(
        control
            .replaces
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["old (<< 1:2.0)", "other"]
    );
    assert_eq!(control.provides[0].version.as_ref().unwrap().as_str(), "3");
    assert_eq!(control.fields[0], ("Package".to_owned(), "demo".to_owned()));
    assert_eq!(
        control.fields.last().unwrap().1,
        "a demo\n long text\n .\n more"
    );
}

#[test]
fn control_members() {
    let with = |item: Item<'static>| {
        let mut members = control_only();
        members.push(item);
        read_control(&members)
    };
    for (item, reason) in [
        (Item::file("./sub/file", b""), "name that is not allowed"),
        (Item::file("./../control", b""), "name that is not allowed"),
        (Item::file("./.hidden", b""), "name that is not allowed"),
        (Item::file("./a b", b""), "name that is not allowed"),
        (Item::file("./control", b""), "is there twice"),
        (Item::file("control", b""), "is there twice"),
        (Item::symlink("./postinst", "/bin/sh"), "is not a file"),
        (Item::directory("./sub"), "is not a file"),
        (Item::file("conffiles", b"etc/x\n"), "not an absolute path"),
        (
            Item::file("conffiles", b"/etc/../x\n"),
            "not a path below the root",
        ),
        (
            Item::file("conffiles", b"/etc/x\n/etc//x\n"),
            "listed twice",
        ),
        (Item::file("conffiles", b"/\xff\n"), "not UTF-8"),
    ] {
        assert_refused(with(item), reason);
    }
    assert_refused(read_control(&[]), "has no member `control`");
}

#[test]
fn control_fields() {
    let read = |text: &str| read_control(&[Item::file("control", text.as_bytes())]);
    for (from, to, reason) in [
        ("Package: demo\n", "", "`Package` is missing"),
        ("Version: 1:2.0-1+b1\n", "", "`Version` is missing"),
        ("Architecture: amd64\n", "", "`Architecture` is missing"),
        ("Package: demo", "Package: ../demo", "field `Package`"),
        ("Package: demo", "Package: Demo", "field `Package`"),
        ("Package: demo", "Package: d", "field `Package`"),
        ("Version: 1:2.0-1+b1", "Version: x/y", "field `Version`"),
        (
            "Architecture: amd64",
            "Architecture: any",
            "field `Architecture`",
        ),
        (
            "Architecture: amd64",
            "Architecture: ../x",
            "field `Architecture`",
        ),
        (
            "Source: demo-source (1:2.0-1)",
            "Source: demo-source (1:2.0-1",
            "field `Source`",
        ),
        (
            "Source: demo-source (1:2.0-1)",
            "Source: ../x",
            "field `Source`",
        ),
        (
            "Multi-Arch: same",
            "Multi-Arch: perhaps",
            "field `Multi-Arch`",
        ),
        (
            "Replaces: old (<< 1:2.0)",
            "Replaces: old (<<",
            "field `Replaces`",
        ),
        (
            "Provides: virtual (= 3)",
            "Provides: virtual (>= 3)",
            "field `Provides`",
        ),
        ("Maintainer", "Package", "twice"),
        ("Description", "\nDescription", "paragraph"),
    ] {
        assert!(CONTROL.contains(from), "{from}");
        assert_refused(read(&CONTROL.replacen(from, to, 1)), reason);
    }
    let plain = read("Package: demo\nVersion: 1\nArchitecture: all\n").unwrap();
    assert_eq!(
        (plain.source.as_str(), plain.source_version.as_str()),
        ("demo", "1")
    );
}

#[test]
fn control_member_that_unpacks_to_gigabytes() {
    let zeros = vec![0_u8; usize::try_from(MAX_CONTROL).unwrap() + 1];
    let mut encoder = kiln_archive::zstd::FrameWriter::new(Vec::new(), 1).unwrap();
    std::io::Write::write_all(&mut encoder, &tar(&[Item::file("control", &zeros)])).unwrap();
    let (_, control) = encoder.finish().unwrap();
    let bytes = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.zst", &control),
        ("data.tar", &tar(&[])),
    ]);
    let error = read(&bytes).unwrap_err();
    assert_eq!(error.kind, FormatErrorKind::Limit, "{error}");
    let many: Vec<_> = (0..=MAX_CONTROL_ENTRIES)
        .map(|number| format!("m{number}"))
        .collect();
    let many: Vec<_> = many.iter().map(|name| Item::file(name, b"")).collect();
    assert_eq!(
        read_control(&many).unwrap_err().kind,
        FormatErrorKind::Limit
    );
}

#[test]
fn replaces_follows_policy_7_6_1() {
    let control = |name: &str, version: &str, replaces: Vec<Relation>| Control {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: "amd64".to_owned(),
        replaces,
        provides: vec![kiln_types::Provide {
            name: "virtual".to_owned(),
            version: None,
        }],
        ..Control::default()
    };
    let relation =
        |name: &str, qualifier: Option<&str>, constraint: Option<(Comparison, &str)>| Relation {
            name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
            constraint: constraint.map(|(comparison, version)| Constraint {
                comparison,
                version: PackageVersion::new(version).unwrap(),
            }),
        };
    let earlier = |version| Some((Comparison::Earlier, version));
    for (relation, expected) in [
        (relation("holder", None, None), true),
        (relation("other", None, None), false),
        (relation("virtual", None, None), false),
        (relation("holder", None, earlier("1:2.0")), true),
        (relation("holder", None, earlier("1:1.0~rc1")), false),
        (relation("holder", None, earlier("1:1.0")), false),
        (
            relation("holder", None, Some((Comparison::EarlierOrEqual, "1:1.0"))),
            true,
        ),
        (relation("holder", Some("any"), None), true),
        (relation("holder", Some("amd64"), None), true),
        (relation("holder", Some("arm64"), None), false),
    ] {
        let holder = control("holder", "1:1.0", Vec::new());
        let newcomer = control("newcomer", "1", vec![relation.clone()]);
        assert_eq!(
            DebFormat.replaces(&newcomer, &holder),
            expected,
            "{relation}"
        );
        assert!(!DebFormat.replaces(&holder, &newcomer));
    }
}
