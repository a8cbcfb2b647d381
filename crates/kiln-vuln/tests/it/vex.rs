//! VEX: what is read, what applies, and what must not.

use std::collections::BTreeMap;

use kiln_archive::decompress::{Codec, decoder};
use kiln_archive::{Limits, read_to_vec, tar};
use kiln_types::{
    Component, ComponentId, ComponentKind, DatabaseFact, DistributionFact, Evidence, EvidenceKind,
    Findings, Inventory, SourcePackage, Suppression, VexStatus,
};
use kiln_vuln::feed::{read_debian_tracker, read_osv};
use kiln_vuln::vex::{
    MAX_VEX, Moment, VexDocument, VexForm, VexHead, VexOptions, VexOutcome, VexStatement,
    VexVerdict, apply, check_statement, merge_vex, read_vex, write_openvex,
};
use kiln_vuln::{AdvisorySet, match_inventory};
use serde_json::{Value, json};

const TRACKER: &str = r#"{"zlib":{"CVE-2030-0001":{"releases":{
  "trixie":{"status":"open","urgency":"high"},"bookworm":{"status":"open","urgency":"high"}}}}}"#;

const OSV: &str = r#"{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2030-0002"],"modified":"2030-01-01T00:00:00Z",
  "affected":[{"package":{"ecosystem":"npm","name":"@a/b"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]},
              {"package":{"ecosystem":"Go","name":"example.org/Mod"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]},
              {"package":{"ecosystem":"Maven","name":"org.x:lib"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}"#;

fn evidence(path: &str) -> Vec<Evidence> {
    vec![Evidence {
        path: path.to_owned(),
        layer: None,
        kind: EvidenceKind::Metadata,
    }]
}

/// An image with something of everything that products are named by.
pub(crate) fn inventory() -> Inventory {
    let mut zlib = Component::new(ComponentKind::Deb, "zlib1g", "1:1.3.1-1+b1");
    zlib.source = Some(SourcePackage {
        name: "zlib".to_owned(),
        version: "1:1.3.1-1".to_owned(),
    });
    zlib.architecture = Some("amd64".to_owned());
    zlib.purl = "pkg:deb/debian/zlib1g@1%3A1.3.1-1%2Bb1?arch=amd64&distro=debian-13&upstream=zlib"
        .parse()
        .ok();
    let node = Component::new(ComponentKind::Deb, "node", "1-1");
    let mut npm = Component::new(ComponentKind::Npm, "@a/b", "1.2.3");
    npm.purl = "pkg:npm/%40a/b@1.2.3".parse().ok();
    npm.evidence = evidence("usr/lib/node/b/package.json");
    npm.owner = Some(ComponentId(1));
    let mut main = Component::new(ComponentKind::Golang, "example.org/app", "v0.1.0");
    main.evidence = evidence("usr/bin/app");
    main.properties
        .insert("go-main".to_owned(), "true".to_owned());
    let mut module = Component::new(ComponentKind::Golang, "example.org/Mod", "v1.5.5");
    module.evidence = evidence("usr/bin/app");
    let mut app = Component::new(ComponentKind::Maven, "org.x:app", "9");
    app.evidence = evidence("app.jar");
    let mut lib = Component::new(ComponentKind::Maven, "org.x:lib", "2.0");
    lib.evidence = evidence("app.jar!/BOOT-INF/lib/lib.jar");
    let mut inventory = Inventory {
        distribution: Some(DistributionFact {
            id: "debian".to_owned(),
            version: Some("13.7".to_owned()),
            ..DistributionFact::default()
        }),
        components: vec![zlib, node, npm, main, module, app, lib],
        ..Inventory::default()
    };
    inventory.subject.name = "what it calls itself".to_owned();
    inventory
}

pub(crate) fn findings(inventory: &Inventory) -> Findings {
    let mut set = AdvisorySet::new();
    set.merge(read_debian_tracker(TRACKER.as_bytes()).unwrap());
    read_osv("osv", OSV.as_bytes(), &mut set).unwrap();
    set.finish();
    let Ok(findings) = match_inventory(inventory, &set, DatabaseFact::default());
    assert_eq!(findings.findings.len(), 4, "{:?}", findings.findings);
    findings
}

pub(crate) fn held(documents: &[VexDocument], options: &VexOptions) -> (Findings, Vec<VexOutcome>) {
    let inventory = inventory();
    let mut findings = findings(&inventory);
    let mut options = options.clone();
    options.references.push("ghcr.io/org/web:3".to_owned());
    let outcomes = apply(&mut findings, &inventory, documents, &options);
    (findings, outcomes)
}

pub(crate) fn statement(id: &str, products: Value, status: &str, at: &str) -> Value {
    let mut out = json!({
        "vulnerability": { "name": id }, "products": products, "status": status, "timestamp": at,
    });
    if status == "not_affected" {
        out["justification"] = json!("vulnerable_code_not_present");
    }
    out
}

pub(crate) fn openvex(name: &str, statements: &[Value]) -> VexDocument {
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": name, "author": "Somebody",
        "timestamp": "2030-01-01T00:00:00Z", "version": 1, "statements": statements,
    });
    read_vex(name, document.to_string().as_bytes()).unwrap()
}

pub(crate) fn suppressed(findings: &Findings) -> Vec<&str> {
    let mut names: Vec<&str> = findings
        .suppressed()
        .map(|finding| finding.package.as_str())
        .collect();
    names.sort_unstable();
    names
}

/// What a product named so is held to be.
#[test]
fn products_are_named_in_many_ways() {
    let deb = "CVE-2030-0001";
    let npm = "CVE-2030-0002";
    for (id, name, expected) in [
        (deb, "pkg:deb/debian/zlib1g", "zlib1g"),
        (deb, "pkg:deb/zlib1g", "zlib1g"),
        (deb, "pkg:deb/debian/zlib", "zlib1g"),
        (
            deb,
            "pkg:deb/debian/zlib@1%3A1.3.1-1?os_distro=trixie&os_name=debian&os_version=13",
            "zlib1g",
        ),
        (
            deb,
            "pkg:deb/debian/zlib@1.3.1-1?epoch=1&os_version=13",
            "zlib1g",
        ),
        (
            deb,
            "pkg:deb/debian/zlib1g@1%3A1.3.1-1%2Bb1?distro=trixie",
            "zlib1g",
        ),
        (
            deb,
            "pkg:deb/debian/zlib1g@1%3A1.3.1-1?distro=debian-13.2",
            "zlib1g",
        ),
        (
            deb,
            "pkg:deb/debian/zlib1g?arch=x86_64&upstream=zlib%401%3A1.3.1-1",
            "zlib1g",
        ),
        (deb, "pkg:deb/debian/zlib?arch=source", "zlib1g"),
        (deb, "pkg:deb/debian/zlib?os_version=12", "≠ debian:13"),
        (
            deb,
            "pkg:deb/debian/zlib?os_distro=bookworm&os_name=debian",
            "os_distro=bookworm (debian:12) ≠ debian:13",
        ),
        (deb, "pkg:deb/ubuntu/zlib1g", "packages of ubuntu"),
        (
            deb,
            "pkg:deb/debian/zlib1g?arch=arm64",
            "arch=arm64 ≠ amd64",
        ),
        (
            deb,
            "pkg:deb/debian/zlib1g@1.3.1-1",
            "version 1.3.1-1 ≠ 1:1.3.1-1+b1",
        ),
        (
            deb,
            "pkg:deb/debian/zlib1g?upstream=glibc",
            "upstream=glibc ≠ zlib",
        ),
        (
            deb,
            "pkg:deb/debian/zlib1g?vcs_url=x",
            "vcs_url=x ≠ unknown",
        ),
        (deb, "pkg:apk/alpine/zlib", "not deb zlib1g"),
        (deb, "pkg:deb/debian/zlib1", "not in this image"),
        (deb, "pkg:oci/web", "zlib1g"),
        (deb, "ghcr.io/org/web", "zlib1g"),
        (deb, "pkg:oci/other", "it is about the image other"),
        (npm, "pkg:npm/%40a/b", "@a/b"),
        (npm, "pkg:npm/@a/b@1.2.3", "@a/b"),
        (npm, "pkg:npm/b", "none of"),
        (npm, "pkg:npm/%40a/b@1.2.4", "version 1.2.4 ≠ 1.2.3"),
        (
            npm,
            "pkg:npm/%40a/b@1.2.3%2Bvendor.1",
            "version 1.2.3+vendor.1 ≠ 1.2.3",
        ),
        // What owns it, what it lies in, what it was built into.
        (npm, "pkg:deb/debian/node", "@a/b"),
        (npm, "pkg:golang/example.org/mod@1.5.5", "example.org/Mod"),
        (npm, "pkg:golang/example.org/app", "example.org/Mod"),
        (npm, "pkg:maven/org.x/lib@2.0?type=jar", "org.x:lib"),
        (npm, "pkg:maven/org.x/app@9", "org.x:lib"),
        (npm, "pkg:maven/org.y/lib", "not maven org.x:lib"),
    ] {
        let said = statement(
            id,
            json!([{ "@id": name }]),
            "not_affected",
            "2030-01-02T00:00:00Z",
        );
        let (findings, outcomes) = held(&[openvex("v", &[said])], &VexOptions::default());
        let names = suppressed(&findings);
        match names.is_empty() {
            true => {
                let reason = &outcomes[0].reason;
                assert_ne!(outcomes[0].verdict, VexVerdict::Applied);
                assert!(
                    reason.contains(expected) || expected == "none of",
                    "{name}: {reason}"
                );
                assert!(!reason.is_empty());
            }
            false if name.contains("web") => assert_eq!(names, [expected], "{name}"),
            false => assert_eq!(names, [expected], "{name}"),
        }
    }
}

#[test]
fn parts_count_only_in_their_product() {
    for (product, part, expected) in [
        ("pkg:oci/web", "pkg:deb/debian/zlib", true),
        ("pkg:oci/web", "pkg:deb/debian/glibc", false),
        ("pkg:oci/other", "pkg:deb/debian/zlib", false),
        ("pkg:deb/debian/zlib", "pkg:deb/debian/zlib", false),
    ] {
        let products = json!([{ "@id": product, "subcomponents": [{ "@id": part }] }]);
        let said = statement("CVE-2030-0001", products, "fixed", "2030-01-02T00:00:00Z");
        let (findings, outcomes) = held(&[openvex("v", &[said])], &VexOptions::default());
        assert_eq!(
            !suppressed(&findings).is_empty(),
            expected,
            "{product} {part} {outcomes:?}"
        );
    }
    let products =
        json!([{ "@id": "pkg:deb/debian/node", "subcomponents": [{ "@id": "pkg:npm/%40a/b" }] }]);
    let said = statement(
        "GHSA-aaaa-bbbb-cccc",
        products,
        "fixed",
        "2030-01-02T00:00:00Z",
    );
    let (findings, _) = held(&[openvex("v", &[said])], &VexOptions::default());
    assert_eq!(suppressed(&findings), ["@a/b"], "by an alias, in its owner");
}

#[test]
fn an_image_may_be_known_by_more_names() {
    let said = statement(
        "CVE-2030-0001",
        json!([{ "@id": "pkg:docker/nginx@1.27" }]),
        "fixed",
        "2030-01-02T00:00:00Z",
    );
    let document = [openvex("v", &[said])];
    let (findings, _) = held(&document, &VexOptions::default());
    assert!(suppressed(&findings).is_empty());
    let options = VexOptions {
        references: vec!["nginx:1.27".to_owned()],
        until: None,
    };
    let (findings, _) = held(&document, &options);
    assert_eq!(suppressed(&findings), ["zlib1g"]);
}

/// The latest statement holds, in whatever order documents come.
#[test]
fn the_latest_statement_holds() {
    let (one, two) = ("2030-01-02T00:00:00Z", "2030-01-02T00:00:00.5Z");
    for (first, second, expected) in [
        (("not_affected", one), ("affected", two), None),
        (
            ("not_affected", two),
            ("affected", one),
            Some("not_affected"),
        ),
        (("not_affected", one), ("under_investigation", two), None),
        (("under_investigation", one), ("fixed", two), Some("fixed")),
        (
            ("affected", one),
            ("not_affected", two),
            Some("not_affected"),
        ),
        // Of one moment, and no order between documents: nothing is suppressed.
        (("affected", one), ("not_affected", one), None),
        (("not_affected", one), ("affected", one), None),
    ] {
        let product = json!([{ "@id": "pkg:deb/debian/zlib" }]);
        let document = |name: &str, (status, at): (&str, &str)| {
            openvex(
                name,
                &[statement("CVE-2030-0001", product.clone(), status, at)],
            )
        };
        let (a, b) = (document("a", first), document("b", second));
        for documents in [[a.clone(), b.clone()], [b, a]] {
            let (findings, outcomes) = held(&documents, &VexOptions::default());
            let finding = findings
                .findings
                .iter()
                .find(|found| found.package == "zlib1g")
                .unwrap();
            assert_eq!(finding.vex.len(), 2);
            assert_eq!(finding.vex.iter().filter(|fact| fact.holds).count(), 1);
            let status = finding.suppressed.as_ref().map(|by| match by {
                Suppression::Vex { status, digest, .. } => {
                    assert!(documents.iter().any(|document| document.digest == *digest));
                    status.as_str()
                }
                other => panic!("{other:?}"),
            });
            assert_eq!(status, expected, "{first:?} {second:?}");
            let verdicts: Vec<VexVerdict> =
                outcomes.iter().map(|outcome| outcome.verdict).collect();
            assert!(verdicts.contains(&VexVerdict::Superseded), "{verdicts:?}");
        }
    }
    // In one document the later place goes first.
    let product = json!([{ "@id": "pkg:deb/debian/zlib" }]);
    let both = openvex(
        "v",
        &[
            statement("CVE-2030-0001", product.clone(), "under_investigation", one),
            statement("CVE-2030-0001", product, "fixed", one),
        ],
    );
    let (findings, outcomes) = held(std::slice::from_ref(&both), &VexOptions::default());
    assert_eq!(suppressed(&findings), ["zlib1g"]);
    assert_eq!(outcomes[0].verdict, VexVerdict::Superseded);
    assert_eq!(findings.vex[0].applied, 1);
    // What was said after the day that is asked about is not known.
    let until = "2030-01-01T12:00:00Z".parse().ok();
    let (findings, outcomes) = held(
        &[both],
        &VexOptions {
            references: vec![],
            until,
        },
    );
    assert!(suppressed(&findings).is_empty());
    assert_eq!(outcomes[1].verdict, VexVerdict::Later);
}

#[test]
fn a_statement_without_a_reason_does_not_apply() {
    let mut said = statement(
        "CVE-2030-0001",
        json!([{ "@id": "pkg:deb/debian/zlib" }]),
        "not_affected",
        "2030-01-02T00:00:00Z",
    );
    said.as_object_mut().unwrap().remove("justification");
    let mut words = said.clone();
    words["justification"] = json!("because");
    let (findings, outcomes) = held(
        &[openvex("v", &[said.clone(), words])],
        &VexOptions::default(),
    );
    assert!(suppressed(&findings).is_empty());
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.verdict == VexVerdict::Unusable),
        "{outcomes:?}"
    );
    said["impact_statement"] = json!("not built");
    let (findings, _) = held(&[openvex("v", &[said])], &VexOptions::default());
    assert_eq!(suppressed(&findings), ["zlib1g"]);
}

#[test]
fn csaf_names_products_by_ids_groups_and_relations() {
    let product = |id: &str, purl: &str| {
        json!({ "product_id": id, "name": id,
        "product_identification_helper": { "purl": purl } })
    };
    let mut document = json!({
        "document": { "category": "csaf_vex", "csaf_version": "2.0", "publisher": { "name": "P" },
            "tracking": { "current_release_date": "2030-01-02T00:00:00.000Z" } },
        "product_tree": {
            "branches": [{ "branches": [{ "product": product("Z", "pkg:deb/debian/zlib?distro=trixie") }] }],
            "full_product_names": [product("I", "pkg:oci/web"), product("B", "pkg:npm/%40a/b"), { "product_id": "N", "name": "No purl" }],
            "relationships": [{ "category": "default_component_of", "product_reference": "B",
                "relates_to_product_reference": "I", "full_product_name": { "product_id": "I:B", "name": "b in i" } }],
            "product_groups": [{ "group_id": "G", "product_ids": ["Z", "N"] }],
        },
        "vulnerabilities": [
            { "cve": "CVE-2030-0001", "product_status": { "known_not_affected": ["Z", "N"] },
              "flags": [{ "label": "component_not_present", "group_ids": ["G"] }] },
            { "cve": "CVE-2030-0002", "product_status": { "fixed": ["I:B"], "known_affected": ["N"] } },
        ],
    });
    let read = |document: &Value| read_vex("c", document.to_string().as_bytes());
    let found = read(&document).unwrap();
    assert_eq!(
        (found.form, found.author.as_str(), found.statements.len()),
        (VexForm::Csaf, "P", 3)
    );
    let (findings, outcomes) = held(&[found], &VexOptions::default());
    assert_eq!(suppressed(&findings), ["@a/b", "zlib1g"], "{outcomes:?}");
    let unknown = outcomes
        .iter()
        .find(|outcome| outcome.verdict == VexVerdict::NotHere)
        .unwrap();
    assert!(
        unknown.reason.contains("`No purl` has no package URL"),
        "{}",
        unknown.reason
    );
    document["vulnerabilities"][0]["flags"] = json!([]);
    let (findings, _) = held(&[read(&document).unwrap()], &VexOptions::default());
    assert_eq!(
        suppressed(&findings),
        ["@a/b"],
        "not affected, and nobody says why"
    );
    document["vulnerabilities"][1]["product_status"]["fixed"] = json!(["?"]);
    let (findings, outcomes) = held(&[read(&document).unwrap()], &VexOptions::default());
    assert!(suppressed(&findings).is_empty());
    let reasons: Vec<&str> = outcomes
        .iter()
        .map(|outcome| outcome.reason.as_str())
        .collect();
    assert!(
        reasons.contains(&"`fixed` names `?`, which is no product"),
        "{reasons:?}"
    );
    document["product_tree"]["product_groups"] = json!("G");
    let error = read(&document).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the VEX document `c` cannot be read at the product groups: `product_groups` is no list"
    );
}

#[test]
fn cyclonedx_names_components_and_versions() {
    let document = |affects: Value, state: &str| {
        let document = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6",
            "metadata": { "timestamp": "2030-01-02T00:00:00Z", "component": { "type": "container", "bom-ref": "i", "name": "ghcr.io/org/web" } },
            "components": [{ "bom-ref": "z", "type": "library", "name": "zlib1g", "purl": "pkg:deb/debian/zlib1g" }],
            "vulnerabilities": [{ "id": "CVE-2030-0001", "affects": affects,
                "analysis": { "state": state, "justification": "code_not_reachable" } }],
        });
        read_vex("d", document.to_string().as_bytes()).unwrap()
    };
    for (affects, state, expected) in [
        (json!([{ "ref": "z" }]), "not_affected", true),
        (json!([{ "ref": "i" }]), "false_positive", true),
        (
            json!([{ "ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb/debian/zlib1g" }]),
            "resolved",
            true,
        ),
        (json!([{ "ref": "z" }]), "exploitable", false),
        (json!([{ "ref": "z" }]), "in_triage", false),
        (json!([{ "ref": "other" }]), "not_affected", false),
        (json!([{ "ref": "" }]), "not_affected", false),
        (
            json!([{ "ref": "z", "versions": [{ "version": "1:1.3.1-1+b1" }] }]),
            "resolved",
            false,
        ),
        (
            json!([{ "ref": "z", "versions": [{ "version": "2" }] }]),
            "resolved",
            false,
        ),
        (
            json!([{ "ref": "z", "versions": [{ "version": "1:1.3.1-1+b1", "status": "unaffected" }] }]),
            "exploitable",
            true,
        ),
        (
            json!([{ "ref": "z", "versions": [{ "range": "vers:deb/<9" }] }]),
            "resolved",
            false,
        ),
    ] {
        let found = document(affects.clone(), state);
        assert_eq!(
            (found.form, found.statements.len()),
            (VexForm::CycloneDx, 1)
        );
        let (findings, outcomes) = held(&[found], &VexOptions::default());
        assert_eq!(
            !suppressed(&findings).is_empty(),
            expected,
            "{affects} {state} {outcomes:?}"
        );
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let open = |text: &str| {
        format!(r#"{{"@context":"https://openvex.dev/ns/v0.2.0","statements":{text}}}"#)
    };
    let deep = format!("{}1{}", "[".repeat(4000), "]".repeat(4000));
    let long = format!(
        r#"[{{"status":"fixed","vulnerability":"{}"}}]"#,
        "x".repeat(5000)
    );
    for (text, part) in [
        ("{".to_owned(), "line 1, column 1"),
        (deep.clone(), "recursion limit"),
        ("{}".to_owned(), "neither OpenVEX nor CSAF nor CycloneDX"),
        (open("7"), "`statements` is no list"),
        (open("[7]"), "at statement 1: it is no object"),
        (
            open(r#"[{"status":"odd","vulnerability":"CVE-1"}]"#),
            "the status `odd` is unknown",
        ),
        (
            open(r#"[{"status":"fixed"}]"#),
            "statement 1: it names no vulnerability",
        ),
        (
            open(r#"[{"status":"fixed","vulnerability":{"name":7}}]"#),
            "`name` is no text",
        ),
        (
            open(r#"[{"status":"fixed","vulnerability":"CVE-1","products":[{"@id":7}]}]"#),
            "`@id` is no text",
        ),
        (
            open(r#"[{"status":"fixed","vulnerability":"CVE-1","timestamp":"yesterday"}]"#),
            "no time",
        ),
        (open(&long), "longer than 4096 bytes"),
    ] {
        let error = read_vex("v", text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
        assert_eq!(error.is_other, text == "{}");
    }
}

#[test]
fn openvex_before_0_2_has_texts_for_objects() {
    let text = r#"{"@context":"https://openvex.dev/ns","author":"John Doe","timestamp":"2022-12-22T20:56:05-05:00",
      "statements":[{"products":["pkg:deb/debian/zlib"],"subcomponents":[],"vulnerability":"CVE-2030-0001","status":"fixed"}]}"#;
    let found = read_vex("old", text.as_bytes()).unwrap();
    assert_eq!(found.statements[0].status, VexStatus::Fixed);
    let (findings, _) = held(&[found], &VexOptions::default());
    assert_eq!(suppressed(&findings), ["zlib1g"]);
}

pub(crate) fn head(author: &str) -> VexHead {
    VexHead {
        id: None,
        author: author.to_owned(),
        at: Moment {
            second: "2030-01-03T00:00:00Z".parse().unwrap(),
            nanoseconds: 0,
        },
        tooling: "test".to_owned(),
    }
}

/// What is merged says the same, in whatever order documents came, and merging it again adds nothing.
#[test]
fn merged_documents_say_the_same_and_have_no_order() {
    let csaf = json!({
        "document": { "csaf_version": "2.0", "publisher": { "name": "P" },
            "tracking": { "current_release_date": "2030-01-02T00:00:00.000Z" } },
        "product_tree": { "full_product_names": [
            { "product_id": "B", "name": "b", "product_identification_helper": { "purl": "pkg:npm/%40a/b" } },
            { "product_id": "C", "name": "c", "product_identification_helper": { "purl": "pkg:npm/%40a/b@1.2.3" } },
            { "product_id": "N", "name": "No purl" }] },
        "vulnerabilities": [{ "cve": "CVE-2030-0002", "ids": [{ "text": "GHSA-aaaa-bbbb-cccc" }],
            "product_status": { "known_not_affected": ["B", "N"], "known_affected": ["C"] },
            "flags": [{ "label": "component_not_present" }] }],
    });
    let cyclonedx = json!({
        "bomFormat": "CycloneDX", "metadata": { "timestamp": "2030-01-02T00:00:00.25Z" },
        "vulnerabilities": [{ "id": "CVE-2030-0001", "affects": [{ "ref": "pkg:deb/debian/zlib" }],
            "analysis": { "state": "not_affected", "justification": "requires_configuration" } }],
    });
    let product = json!([{ "@id": "pkg:oci/web", "subcomponents": [{ "@id": "pkg:deb/debian/zlib" }],
        "hashes": { "sha-256": "ab" } }]);
    let mut said = statement("CVE-2030-0001", product, "fixed", "2030-01-01T00:00:00Z");
    said["impact_statement"] = json!("odd beside fixed");
    let read = |name: &str, document: &Value| read_vex(name, document.to_string().as_bytes());
    let all = [
        read("c", &csaf).unwrap(),
        read("d", &cyclonedx).unwrap(),
        openvex("v", &[said]),
    ];
    let mut turned = all.clone();
    turned.reverse();
    let (merged, left) = merge_vex(&all);
    assert_eq!(
        left,
        ["c, vulnerability 1, known_not_affected: the product `No purl` has no package URL"]
    );
    assert!(
        merged
            .iter()
            .all(|statement| check_statement(statement).is_ok())
    );
    let document = write_openvex(&merged, &head("All"));
    assert_eq!(document, write_openvex(&merge_vex(&turned).0, &head("All")));
    assert_eq!(document["statements"].as_array().unwrap().len(), 4);
    let back = read("m", &document).unwrap();
    assert!(
        back.statements
            .iter()
            .all(|statement| statement.unusable.is_none())
    );
    let again = merge_vex(&[back.clone(), all[1].clone()]).0;
    assert_eq!(document, write_openvex(&again, &head("All")));
    let (one, _) = held(&all, &VexOptions::default());
    let (other, _) = held(&[back], &VexOptions::default());
    assert_eq!(suppressed(&one), suppressed(&other));
    assert_eq!(suppressed(&one), ["zlib1g"]);
}

#[test]
fn a_statement_is_written_only_by_the_rules() {
    let document = openvex(
        "v",
        &[statement(
            "CVE-1",
            json!([{ "@id": "pkg:deb/debian/x" }]),
            "not_affected",
            "2030-01-02T00:00:00Z",
        )],
    );
    let good = document.statements[0].clone();
    assert_eq!(check_statement(&good), Ok(()));
    type Change = fn(&mut VexStatement);
    let changes: [(Change, &str); 7] = [
        (
            |statement| statement.justification.clear(),
            "needs a justification",
        ),
        (
            |statement| "because".clone_into(&mut statement.justification),
            "is none of component_not_present",
        ),
        (
            |statement| statement.status = VexStatus::Affected,
            "needs an action statement",
        ),
        (
            |statement| statement.status = VexStatus::Fixed,
            "has neither",
        ),
        (
            |statement| "update".clone_into(&mut statement.action),
            "has no action",
        ),
        (|statement| statement.products.clear(), "no product"),
        (|statement| statement.ids.clear(), "no vulnerability"),
    ];
    for (change, part) in changes {
        let mut broken = good.clone();
        change(&mut broken);
        let error = check_statement(&broken).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// Documents of others: what is in them, and that every statement says why it does nothing here.
#[test]
fn documents_of_others_are_read_and_each_statement_is_explained() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vex/");
    let mut documents = Vec::new();
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    names.sort();
    for path in &names {
        let name = path.file_name().unwrap().to_string_lossy();
        documents.push(read_vex(&name, &std::fs::read(path).unwrap()).unwrap());
    }
    let count = |documents: &[VexDocument], form: VexForm| {
        let of_form = documents.iter().filter(|document| document.form == form);
        let counts = of_form.map(|document| document.statements.len());
        (counts.clone().count(), counts.sum::<usize>())
    };
    assert_eq!(count(&documents, VexForm::OpenVex), (15, 24));
    assert_eq!(count(&documents, VexForm::Csaf), (3, 6));

    let limits = Limits::default();
    let file = std::fs::File::open(format!("{folder}dhi-vex.tar.zst")).unwrap();
    let tar = decoder(Codec::Zstd, file, &limits).unwrap();
    let mut tar = tar::Reader::new(tar, &limits);
    let mut of_dhi = Vec::new();
    while let Some(entry) = tar.next().unwrap() {
        let name = String::from_utf8_lossy(&entry.path).into_owned();
        let bytes = read_to_vec(tar.content(), MAX_VEX).unwrap();
        if name.ends_with(".json") {
            of_dhi.push(read_vex(&name, &bytes).unwrap());
        }
    }
    assert_eq!(count(&of_dhi, VexForm::OpenVex), (107, 6705));
    let mut by_status: BTreeMap<VexStatus, usize> = BTreeMap::new();
    for statement in of_dhi.iter().flat_map(|document| &document.statements) {
        *by_status.entry(statement.status).or_default() += 1;
        assert!(statement.unusable.is_none() && statement.at.is_some());
    }
    let counts: Vec<usize> = by_status.into_values().collect();
    assert_eq!(counts, [6525, 10, 170]);
    documents.extend(of_dhi);

    // Docker's statements name Debian packages by `os_version`, which no scanner's package URLs have.
    for (release, expected) in [("12", true), ("13", false)] {
        let mut zlib = Component::new(ComponentKind::Deb, "zlib1g", "1:1.2.13.dfsg-1");
        zlib.source = Some(SourcePackage {
            name: "zlib".to_owned(),
            version: zlib.version.clone(),
        });
        let mut inventory = inventory();
        inventory.components = vec![zlib];
        inventory.distribution.as_mut().unwrap().version = Some(release.to_owned());
        let tracker = r#"{"zlib":{"CVE-2023-45853":{"releases":{
          "trixie":{"status":"open","urgency":"high"},"bookworm":{"status":"open","urgency":"high"}}}}}"#;
        let mut set = read_debian_tracker(tracker.as_bytes()).unwrap();
        set.finish();
        let Ok(mut findings) = match_inventory(&inventory, &set, DatabaseFact::default());
        let outcomes = apply(
            &mut findings,
            &inventory,
            &documents,
            &VexOptions::default(),
        );
        assert_eq!(outcomes.len(), 6705 + 24 + 6);
        assert!(outcomes.iter().all(|outcome| !outcome.reason.is_empty()));
        assert_eq!(!suppressed(&findings).is_empty(), expected);
        let differs = |outcome: &VexOutcome| {
            outcome
                .reason
                .contains("os_version=12 (debian:12) ≠ debian:13")
        };
        assert_eq!(outcomes.iter().any(differs), !expected);
    }
    let (merged, left) = merge_vex(&documents);
    assert!(
        left.len() < 10 && merged.len() > 6690,
        "{} {left:?}",
        merged.len()
    );
    let written = write_openvex(&merged, &head("All")).to_string();
    let again = read_vex("m", written.as_bytes()).unwrap();
    assert!(
        again
            .statements
            .iter()
            .all(|statement| statement.unusable.is_none())
    );
}
