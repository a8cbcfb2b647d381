//! An image and the documents that kiln writes about it: the same answers.

use kiln_testkit::Environment;
use serde_json::{Value, json};

use crate::schema::assert_valid;

/// A root with a package that brought three modules, and one module that nobody owns.
fn environment() -> Environment {
    let environment =
        Environment::new(env!("CARGO_BIN_EXE_kiln")).at("2030-03-01T09:00:00Z".parse().unwrap());
    environment.write(
        "root/etc/os-release",
        "ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\nPRETTY_NAME=\"Debian 13\"\n",
    );
    environment.write(
        "root/var/lib/dpkg/status",
        "Package: node-one\nStatus: install ok installed\nArchitecture: all\n\
         Source: one (1.0-1)\nVersion: 1.0-1+b1\nMaintainer: A <a@b.invalid>\nDescription: one\n",
    );
    environment.write(
        "root/var/lib/dpkg/info/node-one.list",
        "/usr/share/nodejs/semver/package.json\n/usr/share/nodejs/tar/package.json\n\
         /usr/lib/python3/dist-packages/Zope.Interface-5.0.dist-info/METADATA\n",
    );
    for (place, name) in [
        ("usr/share/nodejs/semver", "semver"),
        ("usr/share/nodejs/tar", "tar"),
        ("srv/node_modules/@a/b", "@a/b"),
    ] {
        let text = format!(r#"{{"name":"{name}","version":"1.0.0","license":"MIT"}}"#);
        environment.write(&format!("root/{place}/package.json"), text);
    }
    environment.write(
        "root/usr/lib/python3/dist-packages/Zope.Interface-5.0.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: Zope.Interface\nVersion: 5.0\n",
    );
    // The distribution knows of 1 and has mended it; of 2 it says nothing.
    environment.write(
        "tracker.json",
        r#"{"one":{"CVE-2030-0001":{"releases":{"trixie":{"status":"resolved","fixed_version":"1.0-1","urgency":"high"}}},
        "CVE-2030-0003":{"releases":{"trixie":{"status":"open","urgency":"low"}}}}}"#,
    );
    let record = |id: &str, ecosystem: &str, name: &str| {
        json!({
            "id": id,
            "modified": "2030-02-01T00:00:00Z",
            "affected": [{
                "package": { "ecosystem": ecosystem, "name": name },
                "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }] }],
            }],
        })
    };
    for (id, ecosystem, name) in [
        ("CVE-2030-0001", "npm", "semver"),
        ("CVE-2030-0002", "npm", "tar"),
        ("CVE-2030-0004", "npm", "@a/b"),
        ("CVE-2030-0005", "PyPI", "zope-interface"),
    ] {
        let text = record(id, ecosystem, name).to_string();
        environment.write(&format!("osv/{id}.json"), text);
    }
    let build = ["db", "build", "debian-tracker=tracker.json", "osv=osv"];
    environment.run(&build).success();
    environment
}

/// What was found, without what only says whence it is known.
fn findings(environment: &Environment, place: &str) -> Vec<Value> {
    let text = environment.run(&["scan", place, "--json"]).success();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    json["findings"].as_array_mut().unwrap().drain(..).collect()
}

#[test]
fn a_document_of_any_form_gives_the_findings_of_the_image() {
    let environment = environment();
    let image = findings(&environment, "rootfs:root");
    let of = |id: &str| {
        let is_it = |finding: &&Value| finding["vulnerability"]["id"] == id;
        image.iter().find(is_it).unwrap()
    };
    assert_eq!(of("CVE-2030-0001")["suppressed"]["by"], "owner");
    assert_eq!(of("CVE-2030-0002")["suppressed"], Value::Null);
    assert_eq!(of("CVE-2030-0005")["package"], "Zope.Interface");
    assert_eq!(image.len(), 5);
    for format in ["json", "spdx", "spdx3", "cyclonedx", "cyclonedx-1.7"] {
        let write = ["sbom", "rootfs:root", "--format", format, "-o", "x.json"];
        environment.run(&write).success();
        assert_eq!(findings(&environment, "sbom:x.json"), image, "{format}");
    }
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&environment.run(arguments).success()).unwrap()
    };
    assert_valid("sbom", &json(&["sbom", "rootfs:root", "--json"]));
    assert_valid("scan", &json(&["scan", "rootfs:root", "--json"]));
    let explain = ["explain", "CVE-2030-0001", "rootfs:root", "--json"];
    assert_valid("explain", &json(&explain));
    // Kiln's own holds everything: what is written of it is the same.
    let own = ["sbom", "rootfs:root", "--json", "-o", "own.json"];
    environment.run(&own).success();
    let again = environment.run(&["sbom", "sbom:own.json", "--json"]);
    assert_eq!(again.success(), environment.read("own.json"));
}
