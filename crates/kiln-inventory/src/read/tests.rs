use super::*;
use crate::write::{CycloneDxVersion, DocumentOptions, cyclonedx, own, spdx, spdx3};

fn read(text: &str) -> Inventory {
    document("test.json", text.as_bytes()).unwrap()
}

/// zlib1g of trixie, as each tool writes it.
const DIALECTS: [(&str, &str); 5] = [
    (
        "Syft's JSON",
        r#"{"artifacts":[{"id":"1","name":"zlib1g","version":"1:1.3-1+b1","type":"deb","purl":"pkg:deb/debian/zlib1g@1%3A1.3-1%2Bb1?arch=amd64&distro=debian-13&upstream=zlib%401%3A1.3-1","locations":[{"path":"/var/lib/dpkg/status"}],"licenses":[{"value":"Zlib","spdxExpression":"Zlib"}],"metadata":{"source":"zlib","sourceVersion":"1:1.3-1"}}],"distro":{"id":"debian","versionID":"13"},"schema":{"version":"16.0.0"}}"#,
    ),
    (
        "Trivy's CycloneDX",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"bom-ref":"os","type":"operating-system","name":"debian","version":"13"},{"bom-ref":"a","type":"library","name":"zlib1g","version":"1.3-1+b1","purl":"pkg:deb/debian/zlib1g@1.3-1%2Bb1?arch=amd64&distro=debian-13&epoch=1","properties":[{"name":"aquasecurity:trivy:SrcName","value":"zlib"},{"name":"aquasecurity:trivy:SrcVersion","value":"1.3"},{"name":"aquasecurity:trivy:SrcRelease","value":"1"},{"name":"aquasecurity:trivy:SrcEpoch","value":"1"}],"licenses":[{"license":{"name":"Zlib"}}]}]}"#,
    ),
    (
        "Trivy's SPDX",
        r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"os","name":"debian","versionInfo":"13","primaryPackagePurpose":"OPERATING-SYSTEM"},{"SPDXID":"a","name":"zlib1g","versionInfo":"1:1.3-1+b1","sourceInfo":"built package from: zlib 1:1.3-1","licenseDeclared":"Zlib","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/zlib1g@1.3-1%2Bb1?arch=amd64&distro=debian-13&epoch=1"}]}]}"#,
    ),
    (
        "SPDX 3",
        r#"{"@context":"x","@graph":[{"type":"software_Package","spdxId":"urn:a","name":"zlib1g","software_packageVersion":"1:1.3-1+b1","software_packageUrl":"pkg:deb/debian/zlib1g@1:1.3-1%2Bb1?arch=amd64&distro=debian-13&upstream=zlib%401:1.3-1"}]}"#,
    ),
    (
        "Scout's purl",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"zlib1g","purl":"pkg:deb/debian/zlib1g@1%3A1.3-1%2Bb1?arch=amd64&os_distro=trixie&os_name=debian&os_version=13&upstream=zlib%401:1.3-1"}]}"#,
    ),
];

#[test]
fn every_dialect_tells_the_same() {
    for (dialect, text) in DIALECTS {
        let inventory = read(text);
        let [component] = inventory.components.as_slice() else {
            panic!("{dialect}: {:?}", inventory.components);
        };
        assert_eq!(component.kind, ComponentKind::Deb, "{dialect}");
        assert!(
            inventory.is_complete(),
            "{dialect}: {:?}",
            inventory.incomplete
        );
        assert_eq!(
            (component.name.as_str(), component.version.as_str()),
            ("zlib1g", "1:1.3-1+b1"),
            "{dialect}"
        );
        assert_eq!(
            (component.source_name(), component.source_version()),
            ("zlib", "1:1.3-1"),
            "{dialect}"
        );
        let distribution = inventory.distribution.unwrap();
        assert_eq!(
            (distribution.id.as_str(), distribution.version.as_deref()),
            ("debian", Some("13")),
            "{dialect}"
        );
        let inventory = read(text);
        let own = serde_json::to_string(&own(&inventory)).unwrap();
        assert_eq!(read(&own), inventory, "{dialect}");
    }
}

#[test]
fn what_kiln_writes_it_reads() {
    let mut inventory = crate::write::tests::sample();
    inventory.distribution = Some(DistributionFact {
        id: "debian".to_owned(),
        id_like: vec!["a".to_owned(), "b".to_owned()],
        version: Some("13".to_owned()),
        codename: Some("trixie".to_owned()),
        pretty_name: Some("Debian".to_owned()),
    });
    let mut python = Component::new(ComponentKind::Pypi, "Zope.Interface", "1");
    python.purl = "pkg:pypi/zope-interface@1".parse().ok();
    python.evidence = vec![
        evidence("usr/a; built from the source package evil 9"),
        evidence("usr/b"),
    ];
    python.owner = Some(ComponentId(0));
    inventory.components.push(python);
    let options = DocumentOptions {
        tool_version: "0".to_owned(),
        created: kiln_types::Timestamp::from_unix(0),
        supplier: None,
    };
    let distribution = inventory.distribution.clone();
    // Nor is there more in the package URLs, of which alone SPDX 3 has a distribution.
    let shorter = distribution.clone().map(|distribution| DistributionFact {
        id_like: Vec::new(),
        codename: None,
        ..distribution
    });
    for (document, distribution) in [
        (
            cyclonedx(&inventory, &options, CycloneDxVersion::V1_6),
            distribution,
        ),
        (spdx(&inventory, &options), shorter),
        (spdx3(&inventory, &options), None),
    ] {
        let again = read(&document.to_string());
        let zlib = &again.components[0];
        assert_eq!(zlib.version, inventory.components[0].version);
        assert_eq!(zlib.purl, inventory.components[0].purl);
        assert_eq!(zlib.source, inventory.components[0].source);
        assert_eq!(zlib.evidence.len(), 1);
        let written = &inventory.components[0].licences;
        assert!(written.expression.is_some());
        assert_eq!(zlib.licences.expression, written.expression);
        assert_eq!(zlib.copyright, inventory.components[0].copyright);
        assert_eq!(again.subject.name, "demo:1");
        // By which statements about the image (VEX) find it.
        assert_eq!(again.subject.manifest, inventory.subject.manifest);
        assert_eq!(again.distribution, distribution);
        let python = again.components.last().unwrap();
        let expected = inventory.components.last().unwrap();
        assert_eq!(
            (&python.name, python.owner),
            (&expected.name, expected.owner)
        );
        assert_eq!(python.evidence, expected.evidence);
    }
    let own = serde_json::to_string(&own(&inventory)).unwrap();
    assert_eq!(read(&own), inventory);
}

/// What kiln writes is about an image, which is no component; documents of others may be about a package.
#[test]
fn what_a_document_is_about_counts_where_it_is_a_package() {
    let sample = crate::write::tests::sample();
    let options = DocumentOptions {
        tool_version: "0".to_owned(),
        created: kiln_types::Timestamp::from_unix(0),
        supplier: Some("Example".to_owned()),
    };
    for document in [
        cyclonedx(&sample, &options, CycloneDxVersion::V1_7),
        spdx(&sample, &options),
        spdx3(&sample, &options),
    ] {
        let again = read(&document.to_string());
        let names = again.components.iter().map(|component| &component.name);
        assert!(names.eq(["zlib1g", "@a/b"].iter().take(again.components.len())));
        assert!(!again.components.is_empty());
    }
    let cyclonedx = |kind: &str, purl: &str| {
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"component":{{"type":"{kind}","bom-ref":"r","name":"a","version":"1"{purl}}}}},"components":[{{"bom-ref":"b","type":"library","name":"b","purl":"pkg:npm/b@1"}}],"dependencies":[{{"ref":"r","dependsOn":["b"]}}]}}"#
        )
    };
    let spdx = |purl: &str| {
        let package = |id: &str, purl: &str| {
            format!(
                r#"{{"SPDXID":"{id}","name":"x","externalRefs":[{{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"{purl}"}}]}}"#
            )
        };
        let (root, part) = (package("r", purl), package("b", "pkg:npm/b@1"));
        format!(
            r#"{{"spdxVersion":"SPDX-2.3","packages":[{root},{part}],"relationships":[{{"spdxElementId":"r","relationshipType":"DEPENDS_ON","relatedSpdxElement":"b"}}]}}"#
        )
    };
    let spdx3 = |purl: &str| {
        format!(
            r#"{{"@graph":[{{"type":"software_Package","spdxId":"r","name":"x","software_packageUrl":"{purl}"}},{{"type":"software_Package","spdxId":"b","name":"b","software_packageUrl":"pkg:npm/b@1"}},{{"type":"Relationship","from":"r","relationshipType":"dependsOn","to":["b"]}}]}}"#
        )
    };
    for (text, counts) in [
        (cyclonedx("library", r#","purl":"pkg:npm/a@1""#), true),
        (cyclonedx("application", r#","purl":"pkg:npm/a@1""#), true),
        (cyclonedx("application", ""), false),
        (
            cyclonedx("container", r#","purl":"pkg:oci/a@sha256:1""#),
            false,
        ),
        (
            cyclonedx("application", r#","purl":"pkg:oci/a@sha256:1""#),
            false,
        ),
        (spdx("pkg:npm/a@1"), true),
        (spdx("pkg:oci/a@sha256:1"), false),
        (spdx3("pkg:npm/a@1"), true),
        (spdx3("pkg:docker/a@1"), false),
    ] {
        let components = read(&text).components;
        let names: Vec<&str> = components.iter().map(|one| one.name.as_str()).collect();
        let expected: &[&str] = if counts { &["a", "b"] } else { &["b"] };
        assert_eq!(names, expected, "{text}");
        if counts {
            assert_eq!(components[0].depends, [ComponentId(1)], "{text}");
        }
    }
}

#[test]
fn attack_kilns_own_document_says_what_its_package_urls_say() {
    let mut inventory = crate::write::tests::sample();
    let mut zlib = inventory.components[0].clone();
    zlib.purl = "pkg:deb/debian/zlib1g@1:1.3-1%2Bb1?arch=amd64&upstream=zlib%401:1.3-1"
        .parse()
        .ok();
    zlib.architecture = Some("amd64".to_owned());
    inventory.components[0] = zlib.clone();
    let again = |inventory: &Inventory| {
        let text = serde_json::to_string(&own(inventory)).unwrap();
        document("own.json", text.as_bytes())
    };
    let complete = inventory.incomplete.len();
    assert_eq!(again(&inventory).unwrap().incomplete.len(), complete);
    let mut edits: Vec<(&str, Component)> = Vec::new();
    let mut edited = zlib.clone();
    edited.version = "99:9".to_owned();
    edits.push(("version", edited));
    let mut edited = zlib.clone();
    edited.name = "harmless".to_owned();
    edits.push(("name", edited));
    let mut edited = zlib.clone();
    edited.source = Some(SourcePackage {
        name: "harmless".to_owned(),
        version: "1".to_owned(),
    });
    edits.push(("source package", edited));
    for (what, edited) in edits {
        inventory.components[0] = edited;
        let read = again(&inventory).unwrap();
        let said = read.incomplete.iter().any(|one| one.reason.ends_with(what));
        assert!(said, "{what}: {:?}", read.incomplete);
    }
    let mut owned = zlib;
    owned.owner = Some(ComponentId(0));
    inventory.components[0] = owned;
    let error = again(&inventory).unwrap_err().to_string();
    assert!(error.contains("nothing owns"), "{error}");
}

#[test]
fn kilns_own_document_is_put_in_order_and_refers_to_itself_only() {
    let component = |name: &str, rest: &str| {
        format!(r#"{{"kind":"deb","name":"{name}","version":"1","evidence":[]{rest}}}"#)
    };
    let of = |format: &str, list: [String; 2]| {
        let list = list.join(",");
        format!(r#"{{{format}"subject":{{"name":"x"}},"components":[{list}]}}"#)
    };
    let (a, b) = (component("a", ""), component("b", r#","depends":[1]"#));
    let inventory = read(&of("", [b.clone(), a.clone()]));
    assert_eq!(inventory.components[0].name, "a");
    assert_eq!(inventory.components[1].depends, [ComponentId(0)]);
    let lost = component("b", r#","owner":2"#);
    let by_none = r#"{"kind":"npm","name":"c","version":"1","evidence":[],"owner":1}"#.to_owned();
    let npm = r#"{"kind":"npm","name":"d","version":"1","evidence":[]}"#.to_owned();
    for text in [
        of(r#""format":2,"#, [a.clone(), b]),
        of("", [a, lost]),
        of("", [by_none, npm]),
    ] {
        assert!(document("x", text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn what_syft_says_of_owners_holds_where_it_says_so_of_every_copy() {
    let artifact = |id: &str, name: &str, purl: &str| {
        format!(
            r#"{{"id":"{id}","name":"{name}","version":"1","type":"x","purl":"{purl}","locations":[]}}"#
        )
    };
    let artifacts = [
        artifact(
            "1",
            "node",
            "pkg:deb/debian/node@1?arch=amd64&distro=debian-13",
        ),
        artifact("2", "x", "pkg:npm/x@1"),
        artifact("3", "y", "pkg:npm/y@1"),
        artifact("4", "y", "pkg:npm/y@1"),
    ];
    let relation = |parent: &str, child: &str, kind: &str| {
        format!(r#"{{"parent":"{parent}","child":"{child}","type":"{kind}"}}"#)
    };
    let relations = [
        relation("1", "2", "ownership-by-file-overlap"),
        relation("1", "3", "ownership-by-file-overlap"),
        relation("1", "4", "contains"),
    ];
    let (artifacts, relations) = (artifacts.join(","), relations.join(","));
    let text = format!(r#"{{"artifacts":[{artifacts}],"artifactRelationships":[{relations}]}}"#);
    let owners: Vec<Option<ComponentId>> = read(&text)
        .components
        .iter()
        .map(|component| component.owner)
        .collect();
    assert_eq!(owners, [None, Some(ComponentId(0)), None]);
}

#[test]
fn a_package_of_two_releases_is_two() {
    let inventory = read(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"bom-ref":"a","type":"library","name":"z","purl":"pkg:deb/debian/z@1?distro=debian-12"},{"bom-ref":"b","type":"library","name":"z","purl":"pkg:deb/debian/z@1?distro=debian-13"},{"bom-ref":"c","type":"library","name":"z","purl":"pkg:deb/debian/z@1?distro=debian-13"}]}"#,
    );
    assert_eq!(inventory.components.len(), 2);
}

#[test]
fn what_a_document_says_beside_a_package_url_is_not_hidden() {
    let inventory = read(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"lodash","version":"4.17.21","purl":"pkg:npm/lodash@4.17.4"},{"type":"library","group":"org.example","name":"lib","version":"1","purl":"pkg:maven/lib@1"}]}"#,
    );
    let names: Vec<_> = inventory
        .components
        .iter()
        .map(|component| (component.name.as_str(), component.version.as_str()))
        .collect();
    assert_eq!(names, [("lodash", "4.17.4"), ("org.example:lib", "1")]);
    let [missed] = inventory.incomplete.as_slice() else {
        panic!("{:?}", inventory.incomplete);
    };
    assert!(
        missed
            .reason
            .contains("`pkg:npm/lodash@4.17.4` is believed")
            && missed.reason.contains("`lodash 4.17.21`"),
        "{}",
        missed.reason
    );
}

#[test]
fn dependencies_follow_the_documents_own_names() {
    let inventory = read(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.4","components":[{"bom-ref":"z","type":"library","name":"b","purl":"pkg:npm/b@1"},{"bom-ref":"y","type":"library","name":"a","purl":"pkg:npm/%40s/a@1"}],"dependencies":[{"ref":"z","dependsOn":["y","gone"]}]}"#,
    );
    assert_eq!(inventory.components[0].name, "@s/a");
    assert_eq!(inventory.components[1].depends, [ComponentId(0)]);
}

#[test]
fn what_is_no_such_document_is_refused_and_a_broken_purl_is_reported() {
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "[]",
        "{}",
        r#"{"bomFormat":"CycloneDX","specVersion":"9"}"#,
        &deep,
        r#"{"spdxVersion":"SPDX-1.0"}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"x"}]}"#,
        "<bom/>",
        r#"{"artifacts":{}}"#,
    ] {
        assert!(document("x", text.as_bytes()).is_err(), "{text}");
    }
    let inventory = read(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"x","purl":"pkg:"}]}"#,
    );
    assert_eq!(inventory.components[0].kind, ComponentKind::Other);
    assert!(!inventory.is_complete());
}

#[test]
fn a_text_without_end_is_found_before_it_is_copied() {
    let long = "x".repeat(LONGEST);
    let found = |text: &str| long_text(text.as_bytes());
    assert_eq!(found("{\"a\":\"b\",\"c\":\"\\\"\\\\\"}"), None);
    assert_eq!(found(&format!("{{\"a\":\"{long}\"}}")), None);
    assert_eq!(found(&format!("{{\"a\":\"{long}x\"}}")), Some(5));
    assert_eq!(found(&format!("{{\"a\":\"{long}\\\"x\"}}")), Some(5));
    assert_eq!(found(&format!("\"{long}xx")), Some(0));
    assert_eq!(found(&format!("{long} {long}")), None);
}
