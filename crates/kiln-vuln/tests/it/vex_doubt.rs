//! VEX in doubt: what must not suppress, though it nearly says so.

use kiln_types::VexStatus;
use kiln_vuln::vex::{VexDocument, VexOptions, merge_vex, read_vex, write_openvex};
use serde_json::{Value, json};

use crate::vex::{head, held, openvex, statement, suppressed};

const ONE: &str = "2030-01-02T00:00:00Z";

fn read(name: &str, document: &Value) -> VexDocument {
    read_vex(name, document.to_string().as_bytes()).unwrap()
}

fn suppresses(documents: &[VexDocument]) -> bool {
    let (findings, _) = held(documents, &VexOptions::default());
    !suppressed(&findings).is_empty()
}

/// The documents as they are, and merged: both must agree.
fn merged(documents: &[VexDocument]) -> (VexDocument, Vec<String>) {
    let (statements, left) = merge_vex(documents);
    (read("m", &write_openvex(&statements, &head("All"))), left)
}

#[test]
fn a_merge_makes_no_unusable_statement_usable() {
    let cyclonedx = json!({
        "bomFormat": "CycloneDX", "metadata": { "timestamp": ONE },
        "vulnerabilities": [{ "id": "CVE-2030-0001", "affects": [{ "ref": "pkg:deb/debian/zlib" }],
            "analysis": { "state": "not_affected" } }],
    });
    let product = json!([{ "@id": "pkg:deb/debian/zlib" }]);
    let mut said = statement("CVE-2030-0001", product.clone(), "not_affected", ONE);
    said["justification"] = json!("because");
    // The word that is none hides the statement before it no more than without a merge.
    let stands = statement("CVE-2030-0001", product, "under_investigation", ONE);
    let all = [read("d", &cyclonedx), openvex("v", &[stands, said])];
    assert!(!suppresses(&all));
    let (document, left) = merged(&all);
    assert!(!suppresses(std::slice::from_ref(&document)));
    assert_eq!(
        left,
        [
            "d, vulnerability 1: `not_affected` needs a justification or a detail",
            "v, statement 2: the justification `because` is unknown"
        ]
    );
    assert_eq!(document.statements.len(), 1);
}

#[test]
fn a_merge_makes_no_statement_without_a_time_the_latest() {
    let product = json!([{ "@id": "pkg:deb/debian/zlib" }]);
    let mut said = statement("CVE-2030-0001", product.clone(), "not_affected", ONE);
    said.as_object_mut().unwrap().remove("timestamp");
    let untimed = json!({ "@context": "https://openvex.dev/ns/v0.2.0", "statements": [said] });
    let stands = statement("CVE-2030-0001", product, "affected", ONE);
    let all = [read("u", &untimed), openvex("v", &[stands])];
    assert!(!suppresses(&all));
    let (document, left) = merged(&all);
    assert!(!suppresses(&[document]));
    assert_eq!(
        left,
        ["u, statement 1: neither it nor its document has a time"]
    );
}

/// Two names of one vulnerability at one moment: what held holds, and in doubt nothing is suppressed.
#[test]
fn what_held_under_an_alias_holds_after_a_merge() {
    let product = json!([{ "@id": "pkg:npm/%40a/b" }]);
    let said = |id: &str, status: &str| statement(id, product.clone(), status, ONE);
    for (first, second) in [
        (
            ("GHSA-aaaa-bbbb-cccc", "fixed"),
            ("CVE-2030-0002", "affected"),
        ),
        (
            ("CVE-2030-0002", "fixed"),
            ("GHSA-aaaa-bbbb-cccc", "affected"),
        ),
    ] {
        let all = [openvex(
            "v",
            &[said(first.0, first.1), said(second.0, second.1)],
        )];
        assert!(!suppresses(&all), "{first:?}");
        assert!(!suppresses(&[merged(&all).0]), "{first:?}");
    }
}

fn cyclonedx(component: Value, affects: Value, state: &str) -> VexDocument {
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 2,
        "serialNumber": "urn:uuid:11111111-1111-1111-1111-111111111111",
        "metadata": { "timestamp": ONE, "component": component },
        "components": [
            { "bom-ref": "1", "type": "library", "name": "zlib1g", "purl": "pkg:deb/debian/zlib1g" },
            { "bom-ref": "2", "type": "library", "name": "zlib1g", "version": "9", "purl": "pkg:deb/debian/zlib1g" },
        ],
        "vulnerabilities": [{ "id": "CVE-2030-0001", "affects": affects,
            "analysis": { "state": state, "detail": "fixed in another" } }],
    });
    read("d", &document)
}

#[test]
fn a_version_that_is_called_affected_is_affected_whatever_the_analysis_says() {
    let here = "1:1.3.1-1+b1";
    for (versions, state, expected) in [
        (
            json!([{ "version": here, "status": "affected" }]),
            "resolved",
            false,
        ),
        (
            json!([{ "version": here, "status": "affected" }]),
            "false_positive",
            false,
        ),
        // The schema: without a status, affected.
        (json!([{ "version": here }]), "not_affected", false),
        (
            json!([{ "version": here, "status": "unaffected" }]),
            "resolved",
            true,
        ),
        (json!([]), "resolved", true),
    ] {
        let found = cyclonedx(
            Value::Null,
            json!([{ "ref": "1", "versions": versions }]),
            state,
        );
        assert_eq!(suppresses(&[found]), expected, "{versions} {state}");
    }
    // Of one entry and moment the status that suppresses nothing holds.
    let affects = json!([{ "ref": "1", "versions": [{ "version": here, "status": "affected" }] },
        { "ref": "pkg:deb/debian/zlib" }]);
    let found = cyclonedx(Value::Null, affects, "resolved");
    assert_eq!(found.statements[1].status, VexStatus::Affected);
    assert!(!suppresses(&[found]));
}

/// The image is `ghcr.io/org/web:3`.
#[test]
fn the_version_of_a_container_is_its_tag_or_digest() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let unaffected = |version: &str| json!([{ "version": version, "status": "unaffected" }]);
    for (name, version, versions, expected) in [
        ("ghcr.io/org/web", "3", json!([]), true),
        ("ghcr.io/org/web", "", json!([]), true),
        ("ghcr.io/org/web", "1.0", json!([]), false),
        ("ghcr.io/org/web:3", "3", json!([]), true),
        ("ghcr.io/org/web:3", "1.0", json!([]), false),
        ("ghcr.io/org/web", "not a tag", json!([]), false),
        ("ghcr.io/org/web", digest.as_str(), json!([]), false),
        ("ghcr.io/org/web", "", unaffected("3"), true),
        ("ghcr.io/org/web", "", unaffected("1.0"), false),
        ("ghcr.io/org/web", "3", unaffected("1.0"), false),
        ("ghcr.io/org/web", "3", unaffected("3"), true),
        ("ghcr.io/org/web", "", unaffected(&digest), false),
        ("pkg:oci/web", "", unaffected("3"), true),
        ("pkg:oci/web", "1.0", json!([]), false),
        ("pkg:oci/web", "", unaffected("1.0"), false),
        ("pkg:oci/web?tag=3", "", unaffected("1.0"), false),
    ] {
        let key = if name.starts_with("pkg:") {
            "purl"
        } else {
            "name"
        };
        let component =
            json!({ "bom-ref": "i", "type": "container", key: name, "version": version });
        let affects = json!([{ "ref": "i", "versions": versions }]);
        let found = cyclonedx(component, affects, "not_affected");
        assert_eq!(
            suppresses(&[found]),
            expected,
            "{name} {version} {versions}"
        );
    }
    let found = cyclonedx(Value::Null, json!([{ "ref": "2" }]), "resolved");
    assert!(
        !suppresses(&[found]),
        "the version beside a package URL without one"
    );
}

#[test]
fn a_link_to_another_document_is_not_resolved_in_this_one() {
    for (link, expected) in [
        ("urn:cdx:11111111-1111-1111-1111-111111111111/2#1", true),
        ("urn:cdx:99999999-9999-9999-9999-999999999999/2#1", false),
        ("urn:cdx:11111111-1111-1111-1111-111111111111/1#1", false),
        ("urn:cdx:11111111-1111-1111-1111-111111111111/2", false),
        (
            "urn:cdx:99999999-9999-9999-9999-999999999999/2#pkg:deb/debian/zlib1g",
            true,
        ),
    ] {
        let found = cyclonedx(Value::Null, json!([{ "ref": link }]), "resolved");
        assert_eq!(suppresses(&[found]), expected, "{link}");
    }
}

#[test]
fn of_one_entry_of_csaf_the_status_that_suppresses_nothing_holds() {
    let product = |id: &str, purl: &str| json!({ "product_id": id, "name": id, "product_identification_helper": { "purl": purl } });
    let document = json!({
        "document": { "csaf_version": "2.0", "publisher": { "name": "P" },
            "tracking": { "current_release_date": ONE } },
        "product_tree": { "full_product_names": [
            product("A", "pkg:deb/debian/zlib"), product("B", "pkg:deb/debian/zlib@1:1.3.1-1")] },
        "vulnerabilities": [{ "cve": "CVE-2030-0001",
            "product_status": { "fixed": ["A"], "known_affected": ["B"] } }],
    });
    let all = [read("c", &document)];
    assert!(!suppresses(&all));
    assert!(!suppresses(&[merged(&all).0]));
}

/// A product that cannot be told does not take the document with it, and a part that cannot be told
/// does not make its statement one about the whole.
#[test]
fn what_has_only_a_cpe_is_no_product_that_is_known() {
    let cpe = json!({ "identifiers": { "cpe23": "cpe:2.3:a:zlib:zlib:1.3:*:*:*:*:*:*:*" } });
    let part = json!({ "@id": "pkg:deb/debian/zlib" });
    let image = |parts: &[&Value]| json!({ "@id": "pkg:oci/web", "subcomponents": parts });
    for (products, expected) in [
        (json!([cpe]), false),
        (json!([cpe, part]), true),
        (json!([image(&[&cpe])]), false),
        (json!([image(&[&cpe, &part])]), true),
        (json!([image(&[])]), true),
    ] {
        let said = statement("CVE-2030-0001", products.clone(), "fixed", ONE);
        let document = openvex("v", &[said]);
        assert_eq!(suppresses(&[document]), expected, "{products}");
    }
    let said = statement("CVE-2030-0001", json!([cpe, part]), "fixed", ONE);
    let (document, left) = merged(&[openvex("v", &[said])]);
    assert!(suppresses(&[document]));
    assert!(
        left[0].contains("a product has no name that is read"),
        "{left:?}"
    );
}

/// Small documents that name much by naming it often: refused, and before the memory is needed.
#[test]
fn what_is_named_again_and_again_is_bounded() {
    const MANY: usize = 20_000;
    let refused = |document: &Value| {
        let error = read_vex("v", document.to_string().as_bytes()).unwrap_err();
        assert!(
            error.to_string().contains("needs more than 256 MiB"),
            "{error}"
        );
    };
    let products: Vec<String> = (0..MANY).map(|one| format!("pkg:npm/a{one}")).collect();
    let bare = json!({ "vulnerability": "CVE-1", "status": "fixed" });
    let statements = vec![bare; MANY];
    refused(
        &json!({ "@context": "https://openvex.dev/ns", "products": products,
        "statements": statements }),
    );
    refused(
        &json!({ "@context": "https://openvex.dev/ns", "statements": [{
        "vulnerability": "CVE-1", "status": "fixed", "products": products, "subcomponents": products }] }),
    );

    let csaf = |vulnerability: Value| {
        json!({
            "document": { "csaf_version": "2.0" },
            "product_tree": {
                "full_product_names": [{ "product_id": "A", "name": "a",
                    "product_identification_helper": { "purl": format!("pkg:npm/{}", "a".repeat(4000)) } }],
                "product_groups": [{ "group_id": "G", "product_ids": products }],
            },
            "vulnerabilities": [vulnerability],
        })
    };
    refused(&csaf(
        json!({ "cve": "CVE-1", "product_status": { "fixed": vec!["A"; 5 * MANY] } }),
    ));
    let flag = json!({ "label": "component_not_present", "group_ids": ["G"] });
    refused(&csaf(json!({ "cve": "CVE-1", "flags": vec![flag; MANY] })));
    // Many flags of one product each are what such documents have.
    let flags: Vec<Value> = products
        .iter()
        .map(|id| json!({ "label": "component_not_present", "product_ids": [id] }))
        .collect();
    read("c", &csaf(json!({ "cve": "CVE-1", "flags": flags })));

    let versions = vec![json!({}); 5 * MANY];
    refused(&json!({
        "bomFormat": "CycloneDX",
        "components": [{ "bom-ref": "a", "purl": format!("pkg:npm/{}", "a".repeat(4000)) }],
        "vulnerabilities": [{ "id": "CVE-1", "affects": [{ "ref": "a", "versions": versions }],
            "analysis": { "state": "resolved" } }],
    }));
}

/// What came of the first statement of a document, and why.
fn outcome(document: &VexDocument) -> (bool, String) {
    let documents = std::slice::from_ref(document);
    let (_, outcomes) = held(documents, &VexOptions::default());
    (suppresses(documents), outcomes[0].reason.clone())
}

#[test]
fn attack_a_product_of_contradicting_identifiers() {
    let zlib = "pkg:deb/debian/zlib";
    let of = |product: Value| {
        let said = statement("CVE-2030-0001", json!([product]), "not_affected", ONE);
        outcome(&openvex("v", &[said]))
    };
    let (applied, reason) = of(json!({ "@id": zlib }));
    assert!(applied && !reason.contains("contradict"), "{reason}");
    // Two packages: it names neither.
    for product in [
        json!({ "@id": zlib, "identifiers": { "purl": "pkg:deb/debian/other" } }),
        json!({ "@id": "pkg:deb/debian/other", "identifiers": { "purl": zlib } }),
    ] {
        let (applied, reason) = of(product);
        assert!(
            !applied && reason.contains("contradict each other"),
            "{reason}"
        );
    }
    // Another version beside the package URL, which decides; and it is told.
    let cpe = json!({ "@id": "x", "identifiers": {
        "purl": format!("{zlib}@9"), "cpe23": "cpe:2.3:a:zlib:zlib:1.3:*:*:*:*:*:*:*" } });
    let (applied, reason) = of(cpe);
    assert!(
        !applied && reason.contains("contradict each other"),
        "{reason}"
    );
    let cpe =
        json!({ "@id": zlib, "identifiers": { "cpe23": "cpe:2.3:a:x:openssl:3:*:*:*:*:*:*:*" } });
    let (applied, reason) = of(cpe);
    assert!(
        applied && reason.contains("`cpe:2.3:a:x:openssl:3"),
        "{reason}"
    );
    // The other forms.
    let cyclonedx = json!({
        "bomFormat": "CycloneDX", "metadata": { "timestamp": ONE },
        "components": [{ "bom-ref": "a", "type": "library", "name": "openssl", "version": "3", "purl": zlib }],
        "vulnerabilities": [{ "id": "CVE-2030-0001", "affects": [{ "ref": "a" }],
            "analysis": { "state": "not_affected", "justification": "code_not_present" } }],
    });
    let (_, reason) = outcome(&read("c", &cyclonedx));
    assert!(reason.contains("holds against `openssl 3`"), "{reason}");
    let csaf = json!({
        "document": { "csaf_version": "2.0", "publisher": { "name": "P" },
            "tracking": { "current_release_date": ONE } },
        "product_tree": { "full_product_names": [{ "product_id": "A", "name": "a",
            "product_identification_helper": { "purls": [zlib, "pkg:deb/debian/other"] } }] },
        "vulnerabilities": [{ "cve": "CVE-2030-0001",
            "product_status": { "known_not_affected": ["A"] },
            "flags": [{ "label": "component_not_present" }] }],
    });
    let (applied, reason) = outcome(&read("f", &csaf));
    assert!(
        !applied && reason.contains("contradict each other"),
        "{reason}"
    );
}
