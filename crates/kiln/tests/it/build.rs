//! `kiln build`: the whole path, its words, and what comes out at each transport.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use kiln_testkit::read_tar;
use serde_json::Value;

use crate::layout::Layout;
use crate::schema::assert_valid;
use crate::world::{World, digest_of, json_of, without_digests};

#[test]
fn both_platforms_from_an_empty_store_end_in_a_short_table() {
    let world = World::new();
    let run = world.kiln(&["build", "image.yaml"]);
    insta::assert_snapshot!(without_digests(&run.to_string()), @r"
    $ kiln build image.yaml
    [exit 0]
    [stdout]
    tiny:1.26.3  also 1.26.3-debian13, 1.26, 1.26-debian13, 1, 1-debian13, latest
    sha256:…

    PLATFORM     DIGEST               PACKAGES  COMPRESSED  UNPACKED  USER         SHELL  SETUID  FROM THE STORE
    linux/amd64  sha256:xxxxxxxxxxxx         8      8.9 kB    5.4 kB  65532:65532  none        0  0 of 9 packages, 0 of 5 layers
    linux/arm64  sha256:xxxxxxxxxxxx         8      8.9 kB    5.4 kB  65532:65532  none        0  4 of 9 packages, 1 of 5 layers

    scripts  2 of 6 accounted for
    lock     image.lock (resolved now)
    time     [TIME]
    ");
    world.assert_store_is_sound();
}

#[test]
fn a_second_build_finds_everything_and_asks_nobody() {
    let world = World::new();
    let first = world.digest();
    world.server.forget_requests();
    let run = world.kiln(&["build", "image.yaml"]);
    insta::assert_snapshot!(without_digests(&run.to_string()), @r"
    $ kiln build image.yaml
    [exit 0]
    [stdout]
    tiny:1.26.3  also 1.26.3-debian13, 1.26, 1.26-debian13, 1, 1-debian13, latest
    sha256:…

    PLATFORM     DIGEST               PACKAGES  COMPRESSED  UNPACKED  USER         SHELL  SETUID  FROM THE STORE
    linux/amd64  sha256:xxxxxxxxxxxx         8      8.9 kB    5.4 kB  65532:65532  none        0  everything
    linux/arm64  sha256:xxxxxxxxxxxx         8      8.9 kB    5.4 kB  65532:65532  none        0  everything

    scripts  2 of 6 accounted for
    lock     image.lock (as it was)
    time     [TIME]
    ");
    assert_eq!(world.server.requests(), []);
    assert_eq!(world.digest(), first);
}

#[test]
fn strict_refuses_scripts_that_nobody_has_read() {
    let world = World::new();
    let output = world
        .kiln(&["build", "image.yaml", "--strict", "-o", "oci:out"])
        .failure(2);
    let text = output.to_string();
    assert!(
        text.contains("ca-certificates postinst: it has changed since it was reviewed"),
        "{text}"
    );
    assert!(
        !world.environment.folder().join("out").exists(),
        "nothing is written"
    );
}

#[test]
fn json_is_all_of_it_and_nothing_else() {
    let world = World::new();
    let build = world.json(&["build", "image.yaml", "--variant", "all"]);
    assert_valid("build", &build);
    let variants: Vec<&str> = build["images"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|image| image["variant"].as_str())
        .collect();
    assert_eq!(variants, ["standard", "dev"]);
    assert_eq!(build["lock"]["resolved"], true);
    assert_eq!(build["lock"]["place"], "image.lock");
    for (arguments, command) in [
        (&["lock", "image.yaml"] as &[&str], "lock"),
        (&["lock", "image.yaml", "--check"], "lock"),
        (&["why", "image.yaml", "zlib1g"], "why"),
        (&["show", "image.yaml", "--packages"], "show --packages"),
        (&["diff", "image.lock", "image.yaml"], "diff"),
        (&["catalog"], "catalog"),
        (&["cache"], "cache"),
        (&["check", "image.yaml"], "check"),
        (&["version"], "version"),
    ] {
        assert_valid(command, &world.json(arguments));
    }
}

#[test]
fn one_platform_by_its_name() {
    let world = World::new();
    let build = world.json(&["build", "image.yaml", "--platform", "linux/arm64"]);
    let platforms = build["images"][0]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 1);
    assert_eq!(platforms[0]["platform"], "linux/arm64");
}

/// Every layer of every platform and layering: see [`Layout::layers`] for what is checked.
#[test]
fn layers_are_what_engines_take() {
    let world = World::new();
    let mut trees = Vec::new();
    for layers in ["shared", "single", "package"] {
        let output = format!("oci:{layers}");
        let build = world.json(&[
            "build",
            "image.yaml",
            "--variant",
            "all",
            "--layers",
            layers,
            "-o",
            &output,
        ]);
        let layout = Layout::open(&world.environment.work().join(layers));
        let manifests = layout.manifests();
        assert_eq!(manifests.len(), 4, "two variants, two platforms");
        let mut digests: Vec<&str> = Vec::new();
        for image in build["images"].as_array().unwrap() {
            for platform in image["platforms"].as_array().unwrap() {
                digests.extend(
                    platform["layers"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter_map(|layer| layer["digest"].as_str()),
                );
            }
        }
        let mut tree = Vec::new();
        for manifest in &manifests {
            let list = layout.layers(manifest);
            match layers {
                "single" => assert_eq!(list.len(), 1),
                "shared" => assert!((2..=12).contains(&list.len()), "{} layers", list.len()),
                _ => assert!(list.len() > 5, "{} layers", list.len()),
            }
            for layer in manifest["layers"].as_array().unwrap() {
                assert!(digests.contains(&layer["digest"].as_str().unwrap()));
            }
            let files: Vec<_> = layout
                .files(manifest)
                .into_values()
                .filter(|entry| entry.flag != b'5')
                .map(|entry| (entry.path, entry.mode, entry.uid, entry.content))
                .collect();
            tree.push(files);
        }
        trees.push(tree);
    }
    assert!(
        trees[0] == trees[1] && trees[1] == trees[2],
        "layering moves files, nothing more"
    );
}

#[test]
fn an_oci_layout_holds_what_the_definition_says() {
    let world = World::new();
    let build = world.json(&["build", "image.yaml", "-o", "oci:out:mine"]);
    assert_eq!(build["outputs"], serde_json::json!(["oci:out:mine"]));
    let layout = Layout::open(&world.environment.work().join("out"));
    let root = layout.root();
    let entry = &root["manifests"][0];
    assert_eq!(entry["digest"].as_str(), Some(&*digest_of(&build)));
    assert_eq!(
        entry["annotations"]["org.opencontainers.image.ref.name"],
        "mine"
    );
    for manifest in layout.manifests() {
        let config = layout.document(&manifest["config"]);
        let run = &config["config"];
        assert_eq!(run["User"], "65532:65532");
        assert_eq!(run["Entrypoint"], serde_json::json!(["/usr/sbin/nginx"]));
        assert_eq!(run["Cmd"], serde_json::json!(["-g", "daemon off;"]));
        assert_eq!(run["StopSignal"], "SIGQUIT");
        assert!(run["ExposedPorts"]["8080/tcp"].is_object());
        // The newest package is of 2026-01-01, not the index (November) nor the clock.
        assert_eq!(config["created"], "2026-01-01T00:00:00Z");
        let files = layout.files(&manifest);
        let own = &files["var/lib/nginx"];
        assert_eq!((own.mode & 0o7777, own.uid, own.gid), (0o750, 65532, 65532));
        assert_eq!(
            files["etc/nginx/conf.d/default.conf"].content,
            b"server {}\n"
        );
        assert!(files.contains_key("usr/share/doc/tzdata/copyright"));
        for absent in [
            "usr/bin/ip",
            "usr/bin/openssl",
            "usr/bin/dash",
            "usr/share/man/man8/nginx.8.gz",
        ] {
            assert!(!files.contains_key(absent), "{absent}");
        }
        let status = &files["var/lib/dpkg/status"].content;
        let status = String::from_utf8_lossy(status);
        assert!(status.contains("Package: zlib1g\n"), "{status}");
        assert!(!status.contains("Package: iproute2\n"), "{status}");
        for entry in files.values() {
            assert!(
                entry.mtime <= 1_767_225_600,
                "{} is of {}",
                entry.path,
                entry.mtime
            );
        }
    }
}

#[test]
fn archives_hold_the_same_image() {
    let world = World::new();
    let build = world.json(&[
        "build",
        "image.yaml",
        "-o",
        "oci-archive:image.tar",
        "-o",
        "docker-archive:docker.tar",
    ]);
    let digest = digest_of(&build);
    let archive = read_tar(&fs::read(world.environment.work().join("image.tar")).unwrap()).unwrap();
    let content = |name: &str| {
        let entry = archive.iter().find(|entry| entry.path == name).unwrap();
        serde_json::from_slice::<Value>(&entry.content).unwrap()
    };
    assert_eq!(
        content("index.json")["manifests"][0]["digest"].as_str(),
        Some(&*digest)
    );
    assert_eq!(content("oci-layout")["imageLayoutVersion"], "1.0.0");

    let archive =
        read_tar(&fs::read(world.environment.work().join("docker.tar")).unwrap()).unwrap();
    let find = |name: &str| archive.iter().find(|entry| entry.path == name);
    let manifest: Value = serde_json::from_slice(&find("manifest.json").unwrap().content).unwrap();
    let image = &manifest[0];
    let tags: Vec<&str> = image["RepoTags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        tags.contains(&"tiny:1.26") || tags.contains(&"docker.io/library/tiny:1.26"),
        "{tags:?}"
    );
    assert!(find(image["Config"].as_str().unwrap()).is_some());
    for layer in image["Layers"].as_array().unwrap() {
        assert!(find(layer.as_str().unwrap()).is_some(), "{layer}");
    }
}

#[test]
fn a_root_file_system_is_a_folder_of_files() {
    let world = World::new();
    let arguments = [
        "build",
        "image.yaml",
        "--platform",
        "amd64",
        "-o",
        "rootfs:root",
    ];
    let run = world.kiln(&arguments);
    assert_eq!(run.code, Some(0), "{run}");
    let root = world.environment.work().join("root");
    assert_eq!(
        fs::read(root.join("etc/nginx/conf.d/default.conf")).unwrap(),
        b"server {}\n"
    );
    assert_eq!(
        fs::read_link(root.join("usr/share/zoneinfo/UTC")).unwrap(),
        Path::new("Etc/UTC")
    );
    let nginx = fs::metadata(root.join("usr/sbin/nginx")).unwrap();
    assert_eq!(nginx.permissions().mode() & 0o7777, 0o755);

    // A second time the folder is there, and full.
    let run = world.kiln(&arguments);
    let text = run.failure(1);
    assert!(text.contains("root"), "{text}");
    let both = world
        .kiln(&["build", "image.yaml", "-o", "rootfs:other"])
        .failure(1);
    assert!(
        both.contains("linux/amd64, linux/arm64") && both.contains("--platform"),
        "{both}"
    );
}

/// What stands in the way of an output is named, stays as it was, and nothing is left beside it.
#[test]
fn outputs_are_whole_or_absent() {
    let world = World::new();
    let before = world.digest();
    let work = world.environment.work();
    world.environment.write("mine/letter.txt", "dear");
    world.environment.write("file", "a file");
    world.environment.write("full/etc/passwd", "mine");
    fs::create_dir(work.join("closed")).unwrap();
    fs::set_permissions(work.join("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    let names = world.work_names();
    for (output, named) in [
        ("oci:mine", "mine"),
        ("oci:file", "file"),
        ("oci-archive:missing/out.tar", "missing"),
        ("oci-archive:mine", "mine"),
        ("docker-archive:missing/out.tar", "missing"),
        ("rootfs:full", "full"),
        ("rootfs:file", "file"),
        ("rootfs:missing/root", "missing"),
    ] {
        let run = world.kiln(&["build", "image.yaml", "--platform", "amd64", "-o", output]);
        assert_eq!(run.code, Some(1), "{output}: {run}");
        assert!(run.stderr.contains(named), "{output}: {run}");
        assert_eq!(run.stdout, "", "{output}: {run}");
        assert_eq!(world.work_names(), names, "{output}");
    }
    assert_eq!(world.environment.read("mine/letter.txt"), "dear");
    assert_eq!(world.environment.read("full/etc/passwd"), "mine");
    assert_eq!(world.environment.read("file"), "a file");
    assert_eq!(fs::read_dir(work.join("full")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(work.join("mine")).unwrap().count(), 1);
    assert_eq!(world.digest(), before);
}

#[test]
fn an_existing_layout_takes_one_more_image() {
    let world = World::new();
    for variant in ["standard", "dev"] {
        let output = format!("oci:out:{variant}");
        world
            .kiln(&["build", "image.yaml", "--variant", variant, "-o", &output])
            .success();
    }
    let layout = Layout::open(&world.environment.work().join("out"));
    let mut tags: Vec<String> = layout.root()["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let name = &entry["annotations"]["org.opencontainers.image.ref.name"];
            name.as_str().unwrap().to_owned()
        })
        .collect();
    tags.sort();
    assert_eq!(tags, ["dev", "standard"]);
    assert_eq!(layout.manifests().len(), 4);
}

#[test]
fn zstd_is_for_registries_and_refused_for_docker() {
    let world = World::new();
    let run = world.kiln(&[
        "build",
        "image.yaml",
        "--compression",
        "zstd",
        "-o",
        "oci:out",
    ]);
    let build = json_of(&world.kiln(&["build", "image.yaml", "--compression", "zstd", "--json"]));
    assert_eq!(run.code, Some(0), "{run}");
    let layout = Layout::open(&world.environment.work().join("out"));
    for manifest in layout.manifests() {
        for layer in manifest["layers"].as_array().unwrap() {
            assert_eq!(
                layer["mediaType"],
                "application/vnd.oci.image.layer.v1.tar+zstd"
            );
            assert_eq!(layout.blob(layer)[..4], [0x28, 0xb5, 0x2f, 0xfd]);
        }
    }
    assert_ne!(digest_of(&build), world.digest());
    for arguments in [
        &[
            "build",
            "image.yaml",
            "--compression",
            "zstd",
            "-o",
            "docker-archive:x.tar",
        ] as &[&str],
        &["build", "image.yaml", "--compression", "zstd", "--load"],
    ] {
        let text = world.kiln(arguments).failure(64);
        assert!(text.contains("zstd"), "{text}");
    }
}
