//! The bytes of documents: every byte is part of a digest, so a change here changes every image.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use kiln_oci::{
    Descriptor, Document, Empty, HistoryEntry, ImageConfig, Index, Manifest, ProcessConfig, RootFs,
    from_json, media_type, to_json,
};
use kiln_types::{Architecture, Digest, Platform, Timestamp};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn config() -> ImageConfig {
    let created = Timestamp::from_unix(1_700_000_000);
    ImageConfig {
        created: Some(created.into()),
        author: None,
        architecture: "amd64".to_owned(),
        variant: None,
        os: "linux".to_owned(),
        config: ProcessConfig {
            user: "65532:65532".to_owned(),
            exposed_ports: [("8080/tcp".to_owned(), Empty {})].into(),
            env: vec!["PATH=/usr/bin".to_owned()],
            entrypoint: vec!["/usr/sbin/nginx".to_owned()],
            cmd: vec!["-g".to_owned(), "daemon off;".to_owned()],
            volumes: [("/data".to_owned(), Empty {})].into(),
            working_dir: "/".to_owned(),
            labels: [
                ("b".to_owned(), "<2> & é".to_owned()),
                ("a".to_owned(), "1".to_owned()),
            ]
            .into(),
            stop_signal: Some("SIGQUIT".to_owned()),
        },
        rootfs: RootFs::layers(vec![Digest::of(b"layer")]),
        history: vec![
            HistoryEntry {
                created: Some(created.into()),
                created_by: Some("kiln".to_owned()),
                comment: Some("base-files".to_owned()),
                ..HistoryEntry::default()
            },
            HistoryEntry {
                empty_layer: true,
                ..HistoryEntry::default()
            },
        ],
    }
}

#[test]
fn configuration() {
    let bytes = to_json(&config()).unwrap();
    assert_eq!(
        text(&bytes),
        r#"{"created":"2023-11-14T22:13:20Z","architecture":"amd64","os":"linux","config":{"User":"65532:65532","ExposedPorts":{"8080/tcp":{}},"Env":["PATH=/usr/bin"],"Entrypoint":["/usr/sbin/nginx"],"Cmd":["-g","daemon off;"],"Volumes":{"/data":{}},"WorkingDir":"/","Labels":{"a":"1","b":"<2> & é"},"StopSignal":"SIGQUIT"},"rootfs":{"type":"layers","diff_ids":["sha256:6d9ae40e9ba74d62ee75a63d5c5f07bdee5fff9ee233c9f24af9ff3a73bb7e7d"]},"history":[{"created":"2023-11-14T22:13:20Z","created_by":"kiln","comment":"base-files"},{"empty_layer":true}]}"#
            .replace("6d9ae40e9ba74d62ee75a63d5c5f07bdee5fff9ee233c9f24af9ff3a73bb7e7d", &Digest::of(b"layer").hex())
    );
    assert_eq!(from_json::<ImageConfig>("x", &bytes).unwrap(), config());
}

#[test]
fn manifest_and_index() {
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let blob = |kind| Descriptor::of(kind, b"");
    let mut manifest = Manifest::new(blob(media_type::CONFIG), vec![blob(media_type::LAYER_GZIP)]);
    manifest.annotations.insert(
        "org.opencontainers.image.title".to_owned(),
        "nginx".to_owned(),
    );
    let bytes = to_json(&manifest).unwrap();
    assert_eq!(
        text(&bytes),
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:{EMPTY}","size":0}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:{EMPTY}","size":0}}],"annotations":{{"org.opencontainers.image.title":"nginx"}}}}"#
        )
    );
    assert_eq!(
        Document::parse("x", media_type::MANIFEST, &bytes).unwrap(),
        Document::Manifest(manifest.clone())
    );
    let manifest = Descriptor::of(media_type::MANIFEST, b"")
        .for_platform(Platform::linux(Architecture::Arm64));
    let index = Index::new(vec![manifest]);
    let bytes = to_json(&index).unwrap();
    assert_eq!(
        text(&bytes),
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{EMPTY}","size":0,"platform":{{"architecture":"arm64","os":"linux"}}}}]}}"#
        )
    );
    assert_eq!(
        Document::parse("x", media_type::INDEX, &bytes).unwrap(),
        Document::Index(index)
    );
}

#[test]
fn what_go_writes_is_read() {
    let text = r#"{"created":"2024-01-02T03:04:05.678901234Z","architecture":"arm64","variant":"v8","os":"linux",
        "config":{"Env":null,"Entrypoint":null,"Labels":null,"OnBuild":null,"ArgsEscaped":true},
        "rootfs":{"type":"layers","diff_ids":null},"history":null,"moby.buildkit.cache.v0":"x"}"#;
    let config: ImageConfig = from_json("x", text.as_bytes()).unwrap();
    assert_eq!(
        config.created.unwrap().as_str(),
        "2024-01-02T03:04:05.678901234Z"
    );
    assert!(config.rootfs.diff_ids.is_empty());
    for bad in [
        "",
        "{",
        "[]",
        "null",
        r#"{"architecture":1}"#,
        r#"{"os":"linux"}"#,
    ] {
        assert!(
            from_json::<ImageConfig>("config", bad.as_bytes()).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn platforms_with_variants() {
    let descriptor = |json: &str| from_json::<Descriptor>("x", json.as_bytes()).unwrap();
    let of = |platform: &str| {
        let digest = Digest::of(b"");
        descriptor(&format!(
            r#"{{"mediaType":"m","digest":"{digest}","size":1,"platform":{platform}}}"#
        ))
        .platform
        .unwrap()
    };
    let arm64 = Platform::linux(Architecture::Arm64);
    let amd64 = Platform::linux(Architecture::Amd64);
    assert!(of(r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#).is(arm64));
    assert!(of(r#"{"os":"linux","architecture":"arm64"}"#).is(arm64));
    assert!(!of(r#"{"os":"linux","architecture":"amd64","variant":"v3"}"#).is(amd64));
    assert!(!of(r#"{"os":"windows","architecture":"amd64"}"#).is(amd64));
    assert!(!of(r#"{"os":"unknown","architecture":"unknown"}"#).is(amd64));
}
