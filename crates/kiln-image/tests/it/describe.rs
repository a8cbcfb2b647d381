//! Configuration and manifest.

use std::collections::{BTreeMap, BTreeSet};

use kiln_image::{Compression, LayerRecord, MadeBy, describe};
use kiln_types::{Digest, Plan, RuntimeConfig, Timestamp};

use crate::world::plan;

fn layers(compression: Compression) -> Vec<LayerRecord> {
    let many = (0..20).map(|number| format!("p{number:02}")).collect();
    [
        ("base-files", vec!["base-files".to_owned()]),
        ("libraries", many),
        ("made by kiln", Vec::new()),
    ]
    .into_iter()
    .map(|(title, packages)| LayerRecord {
        title: title.to_owned(),
        packages,
        digest: Digest::of(format!("blob of {title}").as_bytes()),
        size: 7,
        diff_id: Digest::of(format!("raw {title}").as_bytes()),
        compression,
    })
    .collect()
}

fn made_by() -> MadeBy {
    MadeBy {
        created: Timestamp::from_unix(1_780_000_000),
        version: Some("1.26.3".to_owned()),
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn served() -> Plan {
    Plan {
        end_of_life: "2028-08-09".parse().ok(),
        config: RuntimeConfig {
            user: "65532:65532".to_owned(),
            entrypoint: vec!["/usr/sbin/nginx".to_owned()],
            cmd: vec!["-g".to_owned()],
            environment: map(&[("PATH", "/usr/bin"), ("A", "b=c")]),
            work_dir: "/srv".to_owned(),
            ports: BTreeSet::from(["8080/tcp".to_owned()]),
            volumes: BTreeSet::from(["/data".to_owned()]),
            stop_signal: Some("SIGQUIT".to_owned()),
            labels: map(&[("own", "label"), ("org.opencontainers.image.title", "Mine")]),
            annotations: map(&[("own", "annotation"), ("dev.kiln.line", "theirs")]),
        },
        ..plan()
    }
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn the_config_says_what_the_engine_needs() {
    let described = describe(&served(), &layers(Compression::Gzip), &made_by()).unwrap();
    let config = json(&described.config);
    let created = "2026-05-28T20:26:40Z";
    assert_eq!(config["created"], created);
    assert_eq!(config["architecture"], "amd64");
    assert_eq!(config["os"], "linux");
    let process = &config["config"];
    assert_eq!(process["User"], "65532:65532");
    assert_eq!(process["Entrypoint"][0], "/usr/sbin/nginx");
    assert_eq!(process["Cmd"][0], "-g");
    assert_eq!(
        process["Env"],
        serde_json::json!(["A=b=c", "PATH=/usr/bin"])
    );
    assert_eq!(process["WorkingDir"], "/srv");
    assert_eq!(process["ExposedPorts"], serde_json::json!({"8080/tcp": {}}));
    assert_eq!(process["Volumes"], serde_json::json!({"/data": {}}));
    assert_eq!(process["StopSignal"], "SIGQUIT");
    assert_eq!(process["Labels"]["own"], "label");
    let diff_ids = config["rootfs"]["diff_ids"].as_array().unwrap();
    assert_eq!(diff_ids.len(), 3);
    assert_eq!(diff_ids[0], Digest::of(b"raw base-files").to_string());
    let history = config["history"].as_array().unwrap();
    assert_eq!(history.len(), 3);
    for step in history {
        assert_eq!(step["created"], created);
    }
    assert_eq!(history[0]["comment"], "base-files: base-files");
    let named = history[1]["comment"].as_str().unwrap();
    assert!(named.ends_with("p11 and 8 more"), "{named}");
    assert_eq!(history[2]["comment"], "made by kiln");
}

#[test]
fn words_of_the_definition_stand_above_kilns() {
    let described = describe(&served(), &layers(Compression::Gzip), &made_by()).unwrap();
    let labels = &json(&described.config)["config"]["Labels"];
    let annotations = &json(&described.manifest)["annotations"];
    assert_eq!(labels["org.opencontainers.image.title"], "Mine");
    assert_eq!(annotations["org.opencontainers.image.title"], "Demo");
    assert_eq!(annotations["own"], "annotation");
    assert_eq!(annotations["dev.kiln.line"], "theirs");
    assert_eq!(annotations["org.opencontainers.image.version"], "1.26.3");
    assert_eq!(
        annotations["org.opencontainers.image.created"],
        "2026-05-28T20:26:40Z"
    );
}

#[test]
fn the_manifest_names_config_and_layers() {
    for (compression, media_type) in [
        (
            Compression::Gzip,
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (
            Compression::Zstd,
            "application/vnd.oci.image.layer.v1.tar+zstd",
        ),
    ] {
        let described = describe(&served(), &layers(compression), &made_by()).unwrap();
        let manifest = json(&described.manifest);
        assert_eq!(
            manifest["config"]["digest"],
            Digest::of(&described.config).to_string()
        );
        assert_eq!(manifest["config"]["size"], described.config.len());
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 3);
        for layer in layers {
            assert_eq!(layer["mediaType"], media_type);
            assert_eq!(layer["size"], 7);
        }
        assert_eq!(described.descriptor.digest, Digest::of(&described.manifest));
        assert_eq!(described.descriptor.size, described.manifest.len() as u64);
    }
}

#[test]
fn documents_are_functions_of_plan_and_layers() {
    let described = || describe(&served(), &layers(Compression::Gzip), &made_by()).unwrap();
    let (first, second) = (described(), described());
    assert_eq!(first.config, second.config);
    assert_eq!(first.manifest, second.manifest);
    let other = Plan {
        title: "Another".to_owned(),
        ..served()
    };
    let other = describe(&other, &layers(Compression::Gzip), &made_by()).unwrap();
    assert_ne!(first.manifest, other.manifest);
}
