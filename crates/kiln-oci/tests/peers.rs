//! Other people's programs read what is written here. Skipped, visibly, where they are missing.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;

use kiln_archive::deflate::SegmentWriter;
use kiln_archive::gzip::GzipStitcher;
use kiln_archive::tar::{END, Header, Kind, write_header, write_padding};
use kiln_oci::docker_archive::DockerImage;
use kiln_oci::{
    Descriptor, ImageConfig, Index, Manifest, ProcessConfig, Root, RootFs, archive, docker_archive,
    layout, media_type, to_json,
};
use kiln_types::{Architecture, BlobSource, Digest, Platform, Timestamp};

#[derive(Default)]
struct Memory(BTreeMap<Digest, Vec<u8>>);

impl Memory {
    fn put(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.0.insert(descriptor.digest, bytes);
        descriptor
    }
}

impl BlobSource for Memory {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        let bytes = self.0.get(digest).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(bytes.clone())))
    }
}

fn tar(path: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let xattrs = BTreeMap::new();
    let size = content.len() as u64;
    let header = Header {
        path,
        kind: Kind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
        size,
        link: "",
        xattrs: &xattrs,
    };
    write_header(&mut bytes, &header).unwrap();
    bytes.extend(content);
    write_padding(&mut bytes, size).unwrap();
    bytes.extend(END);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut segment = SegmentWriter::new(Vec::new(), 6);
    segment.write_all(bytes).unwrap();
    let (segment, compressed) = segment.finish().unwrap();
    let mut gzip = GzipStitcher::new(Vec::new()).unwrap();
    gzip.append(&segment, &mut &compressed[..]).unwrap();
    gzip.finish().unwrap()
}

/// An image of a plain and a compressed layer, and an index of it.
fn image(memory: &mut Memory) -> (Descriptor, Descriptor) {
    let (one, two) = (tar("one", b"1"), tar("two", b"2"));
    let config = ImageConfig {
        created: Some(Timestamp::EPOCH.into()),
        author: None,
        architecture: "amd64".to_owned(),
        variant: None,
        os: "linux".to_owned(),
        config: ProcessConfig {
            entrypoint: vec!["/one".to_owned()],
            ..ProcessConfig::default()
        },
        rootfs: RootFs::layers(vec![Digest::of(&one), Digest::of(&two)]),
        history: Vec::new(),
    };
    let config = memory.put(media_type::CONFIG, to_json(&config).unwrap());
    let layers = vec![
        memory.put(media_type::LAYER, one),
        memory.put(media_type::LAYER_GZIP, gzip(&two)),
    ];
    let manifest = memory.put(
        media_type::MANIFEST,
        to_json(&Manifest::new(config, layers)).unwrap(),
    );
    let listed = manifest
        .clone()
        .for_platform(Platform::linux(Architecture::Amd64));
    let index = memory.put(
        media_type::INDEX,
        to_json(&Index::new(vec![listed])).unwrap(),
    );
    (manifest, index)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the peers are programs")]
fn skopeo_copies_every_container() {
    const PROGRAM: &str = "/usr/bin/skopeo";
    if !Path::new(PROGRAM).exists() {
        eprintln!("skipped: no {PROGRAM} on this machine");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    let mut memory = Memory::default();
    let (manifest, index) = image(&mut memory);
    let roots = [Root {
        descriptor: index,
        tag: Some("1.26".to_owned()),
    }];
    layout::write(&path("layout"), &roots, &memory).unwrap();
    archive::write(&mut File::create(path("oci.tar")).unwrap(), &roots, &memory).unwrap();
    let references = vec!["example.org/nginx:1.26".parse().unwrap()];
    let images = [DockerImage {
        manifest,
        references,
    }];
    docker_archive::write(
        &mut File::create(path("docker.tar")).unwrap(),
        &images,
        &memory,
    )
    .unwrap();

    let mut digests = Vec::new();
    for source in [
        "oci:layout:1.26",
        "oci-archive:oci.tar:1.26",
        "docker-archive:docker.tar",
        "docker-archive:docker.tar:example.org/nginx:1.26",
    ] {
        let target = path(&format!("copy{}", digests.len()));
        let output = Command::new(PROGRAM)
            .args(["--insecure-policy", "copy", source])
            .arg(format!("dir:{}", target.display()))
            .current_dir(scratch.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{source}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        digests.push(Digest::of(
            &std::fs::read(target.join("manifest.json")).unwrap(),
        ));
    }
    assert_eq!(
        digests[0], digests[1],
        "both OCI containers hold the same manifest"
    );
    assert_eq!(digests[2], digests[3]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the engine is a program")]
fn docker_loads_the_archive() {
    const NAME: &str = "kiln.test/peers:load";
    let docker = |arguments: &[&str]| Command::new("docker").args(arguments).output();
    if !docker(&["version"]).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no container engine answers to `docker version`");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("docker.tar");
    let mut memory = Memory::default();
    let (manifest, _) = image(&mut memory);
    let images = [DockerImage {
        manifest,
        references: vec![NAME.parse().unwrap()],
    }];
    docker_archive::write(&mut File::create(&path).unwrap(), &images, &memory).unwrap();
    let output = docker(&["load", "--input", path.to_str().unwrap()]).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = docker(&[
        "image",
        "inspect",
        NAME,
        "--format",
        "{{len .RootFS.Layers}} {{.Config.Entrypoint}}",
    ]);
    assert_eq!(
        String::from_utf8_lossy(&output.unwrap().stdout).trim(),
        "2 [/one]"
    );
    assert!(docker(&["image", "rm", NAME]).unwrap().status.success());
}
