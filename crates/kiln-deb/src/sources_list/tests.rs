//! Entries as people and programs write them, and wrong ones.

use proptest::prelude::*;

use super::*;

fn shown(found: &AptSources) -> Vec<String> {
    found.diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn one_line_entries() {
    let text = "\
# a comment
deb https://mirror.example/debian trixie main contrib   # and another
deb-src https://mirror.example/debian trixie main

\tdeb [ arch=amd64,arm64 signed-by=/usr/share/keyrings/a.gpg,/b.asc trusted=no lang=en ] http://mirror.example/x trixie/updates main
deb [trusted=yes] file:/srv/packages ./
deb cdrom:[Debian GNU/Linux 13 #1]/ trixie main
deb [signed-by=0123456789abcdef0123456789abcdef01234567!] https://mirror.example/y \"stable\" main
# deb https://mirror.example/off trixie main
";
    let found = parse_list("a.list", text);
    assert_eq!(shown(&found), [""; 0]);
    let [first, second, third, fourth, fifth, sixth] = found.sources.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!(
        (first.types.as_slice(), first.line),
        (&[ArchiveType::Binary][..], 2)
    );
    assert_eq!(first.components, ["main", "contrib"]);
    assert_eq!(second.types, [ArchiveType::Source]);
    assert_eq!(third.architectures, ["amd64", "arm64"]);
    assert_eq!(
        third.signed_by,
        [
            SignedBy::Path("/usr/share/keyrings/a.gpg".into()),
            SignedBy::Path("/b.asc".into())
        ]
    );
    assert_eq!(
        (third.suites.as_slice(), third.trusted),
        (&["trixie/updates".to_owned()][..], false)
    );
    assert_eq!(
        (fourth.uris[0].as_str(), fourth.is_flat(), fourth.trusted),
        ("file:/srv/packages", true, true)
    );
    assert!(fourth.components.is_empty());
    assert_eq!(fifth.uris, ["cdrom:[Debian GNU/Linux 13 #1]/"]);
    assert_eq!(sixth.suites, ["stable"]);
    let fingerprint = "0123456789ABCDEF0123456789ABCDEF01234567".to_owned();
    assert_eq!(
        sixth.signed_by,
        [SignedBy::Fingerprint {
            fingerprint,
            exact: true
        }]
    );
}

#[test]
fn deb822_entries() {
    let text = "\
Types: deb deb-src
# mirrors
URIs: https://mirror.example/debian
 https://other.example/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: https://mirror.example/off
Suites: ./
Architectures: amd64 arm64
Trusted: yes
X-Repolib-Name: Off
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 bWVudA==
 -----END PGP PUBLIC KEY BLOCK-----
";
    let found = parse_deb822("debian.sources", text);
    assert_eq!(shown(&found), [""; 0]);
    let [first, second] = found.sources.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!(first.types, [ArchiveType::Binary, ArchiveType::Source]);
    assert_eq!(
        first.uris,
        [
            "https://mirror.example/debian",
            "https://other.example/debian"
        ]
    );
    assert_eq!(first.suites, ["trixie", "trixie-updates"]);
    assert!(first.enabled && !first.trusted && !first.is_flat());
    assert_eq!(
        first.signed_by,
        [SignedBy::Path(
            "/usr/share/keyrings/debian-archive-keyring.gpg".into()
        )]
    );
    assert_eq!(
        (
            second.line,
            second.enabled,
            second.trusted,
            second.is_flat()
        ),
        (9, false, true, true)
    );
    assert_eq!(second.architectures, ["amd64", "arm64"]);
    let key =
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nbWVudA==\n-----END PGP PUBLIC KEY BLOCK-----\n";
    assert_eq!(second.signed_by, [SignedBy::Inline(key.into())]);
}

#[test]
fn every_problem_with_its_line_and_the_rest_still_read() {
    let text = "\
rpm https://mirror.example/debian trixie main
deb [signed-by=key.gpg trusted=maybe lonely] https://mirror.example/debian trixie main
deb [arch=amd64 https://mirror.example/debian trixie main
deb mirror.example/debian trixie main
deb https://mirror.example/debian trixie
deb https://mirror.example/debian
deb
deb https://mirror.example/debian ./ main
deb https://mirror.example/debian ../../etc main
deb https://mirror.example/debian /abs main
deb [arch+=i386] https://mirror.example/debian trixie main
deb [sined-by=/a] https://mirror.example/debian trixie main
deb https://mirror.example/debian trixie ../x
";
    let found = parse_list("a.list", text);
    assert_eq!(
        shown(&found),
        [
            "a.list:1: error[sources-list/type]: `rpm` is not a type of archive",
            "a.list:2: error[sources-list/signed-by]: `key.gpg` names no key",
            "a.list:2: error[sources-list/boolean]: `trusted` is `maybe`",
            "a.list:2: error[sources-list/option]: `lonely` is not an option",
            "a.list:3: error[sources-list/option]: the options have no end",
            "a.list:4: error[sources-list/uri]: `mirror.example/debian` is not a URI: it has no scheme",
            "a.list:5: error[sources-list/missing-component]: the entry has no component",
            "a.list:6: error[sources-list/missing-suite]: the entry has no suite",
            "a.list:7: error[sources-list/missing-uri]: the entry has no URI",
            "a.list:7: error[sources-list/missing-suite]: the entry has no suite",
            "a.list:8: error[sources-list/component]: a flat repository (a suite that ends with `/`) has no components",
            "a.list:9: error[sources-list/suite]: `../../etc` is not a suite",
            "a.list:10: error[sources-list/suite]: `/abs` is not a suite",
            "a.list:11: error[sources-list/option]: additions to the machine's architectures are not supported",
            "a.list:12: warning[sources-list/unknown-option]: unknown option `sined-by` is ignored",
            "a.list:13: error[sources-list/component]: `../x` is not a component",
        ]
    );
    assert_eq!(found.sources.len(), 1);
}

#[test]
fn deb822_problems() {
    let text = "\
Types: deb
URIs: mirror.example
Suites: trixie ./
Components: main
Trusted: perhaps

URIs: https://mirror.example/debian
Suites: trixie
Components: main

Types: deb
URIs: https://mirror.example/debian
Suites: trixie
Components: main

Types: deb
types: deb

Types: deb
";
    let found = parse_deb822("a.sources", text);
    assert_eq!(
        shown(&found),
        [
            "a.sources:5: error[sources-list/boolean]: `Trusted` is `perhaps`",
            "a.sources:2: error[sources-list/uri]: `mirror.example` is not a URI: it has no scheme",
            "a.sources:3: error[sources-list/suite]: flat repositories and suites are mixed in one entry",
            "a.sources:7: error[sources-list/type]: the entry has no type",
            "a.sources:17: error[sources-list/paragraph]: field `types` is given twice in one paragraph",
        ]
    );
    assert_eq!(found.sources.len(), 1);
}

#[test]
fn entries_of_definitions() {
    let (source, warnings) = parse_entry(
        "image.yaml",
        7,
        " deb [trusted=yes] https://mirror.example/x ./ ",
    )
    .unwrap();
    assert_eq!(
        (
            source.file.as_str(),
            source.line,
            source.is_flat(),
            warnings.len()
        ),
        ("image.yaml", 7, true, 0)
    );
    for (text, code) in [
        ("", "sources-list/missing-uri"),
        (
            "# deb https://mirror.example/x ./",
            "sources-list/missing-uri",
        ),
        (
            "deb https://mirror.example/x ./\ndeb https://mirror.example/y ./",
            "sources-list/entry",
        ),
    ] {
        let diagnostics = parse_entry("image.yaml", 7, text).unwrap_err();
        assert!(
            diagnostics.iter().any(|diagnostic| diagnostic.code == code),
            "{text}: {diagnostics:?}"
        );
    }
}

#[test]
fn passwords_do_not_reach_messages() {
    assert_eq!(
        redacted("https://me:secret@mirror.example/x@y"),
        "https://***@mirror.example/x@y"
    );
    assert_eq!(
        redacted("https://mirror.example/x@y"),
        "https://mirror.example/x@y"
    );
    assert_eq!(redacted("file:/a@b"), "file:/a@b");
    let found = parse_list(
        "a.list",
        "deb 1https://me:secret@mirror.example/x trixie main",
    );
    assert!(!found.diagnostics.is_empty());
    assert!(
        !format!("{:?}", found.diagnostics).contains("secret"),
        "{found:?}"
    );
}

#[test]
fn a_file_without_end_is_refused() {
    let text = "#".repeat(MAX_LENGTH + 1);
    for found in [parse_list("a", &text), parse_deb822("a", &text)] {
        assert_eq!(found.diagnostics[0].code, "sources-list/too-long");
    }
}

proptest! {
    #[test]
    fn takes_any_text(text in "(deb|deb-src|[\\[\\]\"= #a-c:/.,\\né]){0,24}", paragraphs in "((Types|URIs|Suites|Signed-By|x):[ a-c/.:\\n]{0,12}\\n){0,8}") {
        for found in [parse_list("a", &text), parse_deb822("a", &text), parse_deb822("a", &paragraphs)] {
            for source in found.sources {
                prop_assert!(!source.uris.is_empty() && !source.suites.is_empty() && !source.types.is_empty());
            }
        }
        let _ = parse_entry("a", 1, &text);
    }
}
