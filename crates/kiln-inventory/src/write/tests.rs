use kiln_types::{ComponentId, Evidence, EvidenceKind, LicenceText, SourcePackage};
use serde_json::json;

use super::*;

/// Something of everything that a document may hold.
pub(crate) fn sample() -> Inventory {
    let mut inventory = Inventory::default();
    inventory.subject.name = "demo:1".to_owned();
    inventory.subject.manifest = Some(Digest::of(b"manifest"));
    let mut system = Component::new(ComponentKind::Deb, "zlib1g", "1:1.3-1+b1");
    system.purl = "pkg:deb/debian/zlib1g@1:1.3-1%2Bb1?arch=amd64".parse().ok();
    system.source = Some(SourcePackage {
        name: "zlib".to_owned(),
        version: "1:1.3-1".to_owned(),
    });
    system.supplier = Some("Mark Brown <broonie@debian.org>".to_owned());
    system.licences.expression = Some("LicenseRef-own-1 AND Zlib".to_owned());
    system.licences.texts.insert(
        "LicenseRef-own-1".to_owned(),
        LicenceText {
            name: "own".to_owned(),
            text: "Do\u{1b} what".to_owned(),
        },
    );
    system.evidence = vec![Evidence {
        path: "var/lib/dpkg/status".to_owned(),
        layer: None,
        kind: EvidenceKind::Database,
    }];
    let mut inner = Component::new(ComponentKind::Npm, "@a/b", "2.0.0\n");
    inner.owner = Some(ComponentId(0));
    inner.depends = vec![ComponentId(0)];
    inner.licences.expression = Some("MIT".to_owned());
    inventory.components = vec![system, inner];
    inventory
}

fn options() -> DocumentOptions {
    DocumentOptions {
        tool_version: "0.1.0".to_owned(),
        created: Timestamp::from_unix(1_700_000_000),
        supplier: Some("Example".to_owned()),
    }
}

#[test]
fn every_identifier_that_is_referred_to_is_there_once() {
    let document = spdx(&sample(), &options());
    let ids: Vec<&str> = document["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["SPDXID"].as_str().unwrap())
        .collect();
    let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), 3);
    for relation in document["relationships"].as_array().unwrap() {
        for end in ["spdxElementId", "relatedSpdxElement"] {
            let id = relation[end].as_str().unwrap();
            assert!(id == "SPDXRef-DOCUMENT" || unique.contains(id), "{id}");
        }
    }
    let text = &document["hasExtractedLicensingInfos"][0];
    assert_eq!(text["licenseId"], "LicenseRef-own-1");
    assert_eq!(text["extractedText"], "Do what");

    let document = spdx3(&sample(), &options());
    let graph = document["@graph"].as_array().unwrap();
    let known: Vec<&str> = graph
        .iter()
        .filter_map(|element| element["spdxId"].as_str())
        .collect();
    let unique: std::collections::BTreeSet<&str> = known.iter().copied().collect();
    assert_eq!(unique.len(), known.len());
    for element in graph {
        let single = ["from", "suppliedBy"].map(|field| element[field].as_str());
        let many = ["to", "element", "rootElement", "createdBy", "createdUsing"]
            .map(|field| element[field].as_array().cloned().unwrap_or_default());
        for id in single.into_iter().flatten() {
            assert!(unique.contains(id), "{id}");
        }
        for id in many.into_iter().flatten() {
            assert!(unique.contains(id.as_str().unwrap()), "{id}");
        }
    }

    let document = cyclonedx(&sample(), &options(), CycloneDxVersion::V1_6);
    let outermost = document["components"].as_array().unwrap();
    let parts = outermost
        .iter()
        .filter_map(|component| component["components"].as_array())
        .flatten();
    let mut known: Vec<&str> = outermost
        .iter()
        .chain(parts)
        .map(|component| component["bom-ref"].as_str().unwrap())
        .collect();
    assert_eq!(known.len(), 2);
    known.push("image");
    for dependency in document["dependencies"].as_array().unwrap() {
        assert!(known.contains(&dependency["ref"].as_str().unwrap()));
        for needed in dependency["dependsOn"].as_array().unwrap() {
            assert!(known.contains(&needed.as_str().unwrap()));
        }
    }
    assert_eq!(
        document["dependencies"].as_array().unwrap().len(),
        known.len()
    );
}

/// Trivy asks the advisories of a distribution about what that contains, and about nothing inside of its
/// packages; and takes the name and the version of the source package from words of its own.
#[test]
fn the_distribution_contains_its_packages_and_they_what_they_brought() {
    let mut inventory = sample();
    inventory.distribution = Some(DistributionFact {
        id: "debian".to_owned(),
        codename: Some("sid".to_owned()),
        ..DistributionFact::default()
    });
    let mut elsewhere = Component::new(ComponentKind::Deb, "libc6", "2");
    elsewhere.purl = "pkg:deb/debian/libc6@2?distro=debian-12".parse().ok();
    inventory.components.push(elsewhere);

    let document = spdx(&inventory, &options());
    let ids = inventory.components.iter().map(spdx::id);
    let ids: Vec<String> = ids.collect();
    let (system, image) = ("SPDXRef-OperatingSystem-debian", "SPDXRef-Image");
    let contained: Vec<(&str, &str)> = document["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|relation| relation["relationshipType"] == "CONTAINS")
        .map(|relation| ["spdxElementId", "relatedSpdxElement"].map(|end| relation[end].as_str()))
        .map(|ends| (ends[0].unwrap(), ends[1].unwrap()))
        .collect();
    let expected = [
        (image, system),
        (system, &ids[0]),
        (&ids[0], &ids[1]),
        (image, &ids[2]),
    ];
    assert_eq!(contained, expected);
    let packages = document["packages"].as_array().unwrap();
    assert_eq!(packages[1]["primaryPackagePurpose"], "OPERATING-SYSTEM");
    assert_eq!(packages[1]["name"], "debian");
    assert_eq!(packages[1]["versionInfo"], "sid");
    let zlib = &packages[2];
    assert_eq!(zlib["sourceInfo"], "built package from: zlib 1:1.3-1");
    assert_eq!(zlib["comment"], "known from: var/lib/dpkg/status");

    let document = cyclonedx(&inventory, &options(), CycloneDxVersion::V1_6);
    let dependencies = document["dependencies"].as_array().unwrap();
    let needed = |from: &str| {
        let of = dependencies.iter().find(|one| one["ref"] == from).unwrap();
        of["dependsOn"].as_array().unwrap().clone()
    };
    let components = document["components"].as_array().unwrap();
    assert_eq!(needed("distribution"), [components[1]["bom-ref"].clone()]);
    let part = &components[1]["components"][0];
    assert_eq!(part["name"], "@a/b");
    let elsewhere = components[2]["bom-ref"].clone();
    let below = [json!("distribution"), part["bom-ref"].clone(), elsewhere];
    assert_eq!(needed("image"), below);
    let properties = components[1]["properties"].as_array().unwrap();
    for (name, value) in [("SrcName", "zlib"), ("SrcVersion", "1:1.3-1")] {
        let name = format!("aquasecurity:trivy:{name}");
        assert!(properties.contains(&json!({ "name": name, "value": value })));
    }
}

#[test]
fn no_name_of_the_image_begins_a_line_of_its_own() {
    let text = list(&sample(), true);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(
        text.contains("zlib1g\t1:1.3-1+b1\tdeb\tLicenseRef-own-1 AND Zlib\tpkg:deb/debian/zlib1g")
    );
}

#[test]
fn the_same_inventory_gives_the_same_bytes_and_another_gives_others() {
    let (one, mut other) = (sample(), sample());
    assert_eq!(spdx(&one, &options()), spdx(&sample(), &options()));
    other.components[0].version.push('1');
    let serial = |inventory: &Inventory| {
        cyclonedx(inventory, &options(), CycloneDxVersion::V1_7)["serialNumber"].clone()
    };
    assert_eq!(serial(&one), serial(&sample()));
    assert_ne!(serial(&one), serial(&other));
}
