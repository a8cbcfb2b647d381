//! `kiln sbom` and `kiln quickview` on an image that kiln built, in every place where it can be.

use std::fs;

use crate::world::World;

#[test]
fn the_list_is_that_of_the_lock_wherever_the_image_is() {
    let world = World::new();
    let build = [
        "build",
        "image.yaml",
        "--platform",
        "linux/amd64",
        "-o",
        "oci:layout",
        "-o",
        "oci-archive:layout.tar",
        "-o",
        "docker-archive:docker.tar",
        "-o",
        "rootfs:root",
    ];
    world.kiln(&build).success();
    let lock: serde_json::Value =
        serde_json::from_str(&world.environment.read("image.lock")).unwrap();
    let mut locked: Vec<String> = lock["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| {
            let targets = package["in"].as_array().unwrap();
            targets.iter().any(|target| target == "1.26/standard/amd64")
        })
        .map(|package| {
            let text = |field: &str| package[field].as_str().unwrap();
            format!("{}\t{}\tdeb", text("name"), text("version"))
        })
        .collect();
    locked.sort();
    let list = |place: &str| -> Vec<String> {
        let run = world.kiln(&["sbom", place, "--format", "list"]);
        assert_eq!(run.code, Some(0), "{run}");
        let first_three = |line: &str| line.split('\t').take(3).collect::<Vec<_>>().join("\t");
        let mut lines: Vec<String> = run.stdout.lines().map(first_three).collect();
        lines.sort();
        lines
    };
    let stored = list("tiny:1.26");
    assert!(!stored.is_empty());
    // What the cut left out is in the lock and not in the image.
    assert!(
        stored.iter().all(|line| locked.contains(line)),
        "{stored:?} {locked:?}"
    );
    for place in [
        "oci:layout",
        "oci-archive:layout.tar",
        "docker-archive:docker.tar",
        "rootfs:root",
    ] {
        assert_eq!(list(place), stored, "{place}");
    }
}

#[test]
fn the_document_of_a_stored_image_says_what_only_its_lock_knows() {
    let world = World::new();
    world
        .kiln(&[
            "build",
            "image.yaml",
            "--platform",
            "linux/amd64",
            "-o",
            "oci:layout",
        ])
        .success();
    let lock: serde_json::Value =
        serde_json::from_str(&world.environment.read("image.lock")).unwrap();
    let locked = lock["packages"].as_array().unwrap();
    let json = |place: &str, format: &str| -> serde_json::Value {
        let run = world.kiln(&["sbom", place, "--format", format]);
        assert_eq!(run.code, Some(0), "{run}");
        serde_json::from_str(&run.stdout).unwrap()
    };
    let (mut stored, scanned) = (json("tiny:1.26", "json"), json("oci:layout", "json"));
    crate::schema::assert_valid("sbom", &stored);
    assert_eq!(stored["built"]["image"], "tiny");
    assert_eq!(stored["built"]["inputs"], lock["inputs"]);
    assert_eq!(stored["built"]["indexes"], lock["indexes"]);
    // Every package has its archive, path and digest, and nothing else differs from a scan.
    for component in stored["components"].as_array_mut().unwrap() {
        let fields = component.as_object_mut().unwrap();
        let (origin, digest) = (
            fields.remove("origin").unwrap(),
            fields.remove("sha256").unwrap(),
        );
        let package = locked
            .iter()
            .find(|package| package["sha256"] == digest)
            .unwrap();
        assert_eq!(package["name"], fields["name"]);
        for field in ["archive", "suite", "path", "size"] {
            assert_eq!(origin[field], package[field], "{field}");
        }
    }
    stored.as_object_mut().unwrap().remove("built");
    stored["subject"]["name"] = scanned["subject"]["name"].clone();
    assert_eq!(stored, scanned);

    let spdx = json("tiny:1.26", "spdx");
    let relations = spdx["relationships"].as_array().unwrap();
    let of_kind = |kind: &str| {
        let is_one = |relation: &&serde_json::Value| relation["relationshipType"] == kind;
        relations.iter().filter(is_one).count()
    };
    let sources = scanned["components"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|component| component.get("source").is_some())
        .count();
    assert_eq!(of_kind("GENERATED_FROM"), sources);
    let comment = spdx["comment"].as_str().unwrap();
    assert!(comment.starts_with("SBOM Type: Build."), "{comment}");
    let cyclonedx = json("tiny:1.26", "cyclonedx");
    assert_eq!(cyclonedx["metadata"]["lifecycles"][0]["phase"], "build");
    let spdx3 = json("tiny:1.26", "spdx3");
    let graph = spdx3["@graph"].as_array().unwrap();
    let bill = graph
        .iter()
        .find(|element| element["type"] == "software_Sbom")
        .unwrap();
    assert_eq!(bill["software_sbomType"][0], "build");

    // Where the record fell, the layers still speak, and that is said.
    let records = world.environment.store().join("records/built");
    fs::remove_dir_all(&records).unwrap();
    let run = world.kiln(&["sbom", "tiny:1.26", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("build it again"), "{run}");
    assert!(!run.stdout.contains("\"built\""), "{run}");
}

#[test]
fn documents_are_the_same_twice_and_are_read_again() {
    let world = World::new();
    world
        .kiln(&[
            "build",
            "image.yaml",
            "--platform",
            "linux/amd64",
            "-o",
            "oci:layout",
        ])
        .success();
    for format in ["spdx", "cyclonedx", "cyclonedx-1.7", "json"] {
        let write = |file: &str| {
            world
                .kiln(&["sbom", "oci:layout", "--format", format, "-o", file])
                .success();
            world.environment.read(file)
        };
        assert_eq!(write("one.json"), write("two.json"), "{format}");
        let names = |place: &str| {
            let run = world.kiln(&["sbom", place, "--format", "list", "--type", "deb"]);
            assert_eq!(run.code, Some(0), "{run}");
            let name = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
            run.stdout.lines().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names("sbom:one.json"), names("oci:layout"), "{format}");
    }
    let view = world.kiln(&["quickview", "oci:layout", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&view.stdout).unwrap();
    crate::schema::assert_valid("quickview", &view);
    let view = world.kiln(&["quickview", "oci:layout"]);
    assert!(
        view.stdout.contains("user              65532:65532"),
        "{view}"
    );
    assert!(view.stdout.contains("shells            none"), "{view}");
}

#[test]
fn exit_codes_tell_no_image_from_a_lying_one_and_from_a_partial_answer() {
    let world = World::new();
    assert_eq!(world.kiln(&["sbom", "nowhere"]).code, Some(64));
    assert_eq!(world.kiln(&["sbom", "oci:nowhere"]).code, Some(1));
    assert_eq!(
        world.kiln(&["sbom", "rootfs:.", "--type", "cheese"]).code,
        Some(64)
    );
    world.environment.write("no.json", "{}");
    assert_eq!(world.kiln(&["sbom", "sbom:no.json"]).code, Some(4));
    let root = world.environment.work().join("root/var/lib/dpkg");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("status"), "Package: a\nVersion: 1\n\nno stanza\n").unwrap();
    let run = world.kiln(&["sbom", "rootfs:root", "--format", "list"]);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.stdout.starts_with("a\t1\tdeb\t"), "{run}");
    assert!(
        run.stderr
            .contains("var/lib/dpkg/status: the stanza at line 4"),
        "{run}"
    );
    world
        .kiln(&[
            "build",
            "image.yaml",
            "--platform",
            "linux/amd64",
            "-o",
            "oci:layout",
        ])
        .success();
    let blobs = world.environment.work().join("layout/blobs/sha256");
    let largest = fs::read_dir(&blobs)
        .unwrap()
        .map(|blob| blob.unwrap().path())
        .max_by_key(|blob| fs::metadata(blob).unwrap().len())
        .unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&largest).unwrap();
    fs::write(&largest, bytes).unwrap();
    let run = world.kiln(&["sbom", "oci:layout"]);
    assert_eq!(run.code, Some(4), "{run}");
}

/// A layout that lists images: for each the platform that the index says and the architecture that
/// the configuration says, and a word that makes two of one platform differ.
fn layout(folder: &std::path::Path, images: &[(&str, &str, &str)]) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |kind: &str, value: serde_json::Value| {
        let bytes = serde_json::to_vec(&value).unwrap();
        let digest = kiln_types::Digest::of(&bytes);
        fs::write(blobs.join(digest.hex()), &bytes).unwrap();
        serde_json::json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": digest,
            "size": bytes.len(),
        })
    };
    let listed: Vec<_> = images
        .iter()
        .map(|(said, is, word)| {
            let config = put(
                "config.v1+json",
                serde_json::json!({
                    "architecture": is,
                    "os": "linux",
                    "author": word,
                    "rootfs": { "type": "layers", "diff_ids": [] },
                }),
            );
            let mut manifest = put(
                "manifest.v1+json",
                serde_json::json!({ "schemaVersion": 2, "config": config, "layers": [] }),
            );
            manifest["platform"] = serde_json::json!({ "os": "linux", "architecture": said });
            manifest
        })
        .collect();
    let index = put(
        "index.v1+json",
        serde_json::json!({ "schemaVersion": 2, "manifests": listed }),
    );
    let root = serde_json::json!({ "schemaVersion": 2, "manifests": [index] });
    fs::write(folder.join("index.json"), root.to_string()).unwrap();
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
}

#[test]
fn attack_platforms_that_engines_would_choose_otherwise() {
    let environment = kiln_testkit::Environment::new(env!("CARGO_BIN_EXE_kiln"));
    let sbom = |images: &[(&str, &str, &str)], platform: &[&str]| {
        layout(&environment.work().join("layout"), images);
        environment.run(&[&["sbom", "oci:layout"], platform].concat())
    };
    let two = [("amd64", "amd64", "a"), ("arm64", "arm64", "b")];
    sbom(&two, &[]).success();
    // The index names another platform than the image is of.
    let lies = [("amd64", "arm64", "a"), ("arm64", "arm64", "b")];
    let said = sbom(&lies, &[]).failure(4);
    assert!(
        said.contains("of linux/amd64, and its configuration of linux/arm64"),
        "{said}"
    );
    // Two images of one platform: an engine may take either.
    let double = [
        ("amd64", "amd64", "a"),
        ("amd64", "amd64", "b"),
        ("arm64", "arm64", "c"),
    ];
    for platform in [&[][..], &["--platform", "amd64"]] {
        let said = sbom(&double, platform).failure(4);
        assert!(
            said.contains("several images of the platform `linux/amd64`"),
            "{said}"
        );
    }
    sbom(&double, &["--platform", "linux/arm64"]).success();
}

#[test]
fn a_path_without_a_prefix_is_answered_with_the_one_it_needs() {
    let environment = kiln_testkit::Environment::new(env!("CARGO_BIN_EXE_kiln"));
    layout(&environment.work().join("layout"), &[]);
    fs::create_dir(environment.work().join("root")).unwrap();
    environment.write("app.tar", "");
    environment.write("app.cdx.json", "{}");
    for (path, place) in [
        ("layout", "oci:layout"),
        ("./root", "rootfs:./root"),
        ("app.tar", "docker-archive:app.tar"),
        ("app.cdx.json", "sbom:app.cdx.json"),
    ] {
        let said = environment.run(&["sbom", path]).failure(64);
        assert!(said.contains(&format!("did you mean `{place}`?")), "{said}");
    }
    let said = environment.run(&["sbom", "nowhere"]).failure(64);
    assert!(!said.contains("did you mean"), "{said}");
}
