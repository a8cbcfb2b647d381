use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use kiln_types::{Architecture, BlobSource, Digest, Platform, Timestamp};

use super::*;
use crate::{
    Descriptor, ImageConfig, Manifest, ProcessConfig, RootFs, from_json, media_type, to_json,
};

/// Blobs in memory.
#[derive(Default)]
pub(crate) struct Memory(BTreeMap<Digest, Vec<u8>>);

impl Memory {
    pub(crate) fn put(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        self.0.insert(Digest::of(bytes), bytes.to_vec());
        Descriptor::of(media_type, bytes)
    }

    /// An image of one layer.
    pub(crate) fn image(&mut self, layer: &[u8], layer_type: &str) -> Descriptor {
        let config = ImageConfig {
            created: Some(Timestamp::EPOCH.into()),
            author: None,
            architecture: "amd64".to_owned(),
            variant: None,
            os: "linux".to_owned(),
            config: ProcessConfig::default(),
            rootfs: RootFs::layers(vec![Digest::of(layer)]),
            history: Vec::new(),
        };
        let config = self.put(media_type::CONFIG, &to_json(&config).unwrap());
        let layer = self.put(layer_type, layer);
        self.put(
            media_type::MANIFEST,
            &to_json(&Manifest::new(config, vec![layer])).unwrap(),
        )
    }

    fn damage(&mut self, digest: &Digest) {
        self.0.get_mut(digest).unwrap()[0] ^= 1;
    }
}

impl BlobSource for Memory {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        let bytes = self.0.get(digest).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(bytes.clone())))
    }
}

pub(crate) fn root(descriptor: &Descriptor, tag: &str) -> Root {
    Root {
        descriptor: descriptor.clone(),
        tag: Some(tag.to_owned()),
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const AMD64: Platform = Platform::linux(Architecture::Amd64);
const ARM64: Platform = Platform::linux(Architecture::Arm64);

#[test]
fn a_layout_is_written_and_read_back() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("below/out");
    let mut memory = Memory::default();
    let image = memory.image(b"one", media_type::LAYER);
    let index = Index::new(vec![image.clone().for_platform(AMD64)]);
    let index = memory.put(media_type::INDEX, &to_json(&index).unwrap());
    write(&directory, &[root(&index, "1.26")], &memory).unwrap();
    assert_eq!(names(&directory), ["blobs", "index.json", "oci-layout"]);
    assert_eq!(
        names(directory.parent().unwrap()),
        ["out"],
        "nothing is left beside it"
    );
    assert_eq!(
        fs::read(directory.join("oci-layout")).unwrap(),
        b"{\"imageLayoutVersion\":\"1.0.0\"}"
    );

    let layout = Layout::open(&directory).unwrap();
    let found = layout.find(Some("1.26")).unwrap();
    assert_eq!(found.digest, index.digest);
    assert_eq!(layout.find(None).unwrap(), found);
    let (descriptor, manifest) = layout.manifest(&found, AMD64).unwrap();
    assert_eq!(descriptor.digest, image.digest);
    assert_eq!(layout.config(&manifest).unwrap().architecture, "amd64");
    assert!(
        layout
            .manifest(&found, ARM64)
            .unwrap_err()
            .to_string()
            .contains("no image for linux/arm64")
    );
    assert!(
        layout
            .find(Some("9"))
            .unwrap_err()
            .to_string()
            .contains("its tags: 1.26")
    );
}

#[test]
fn other_tags_stay_and_a_tag_moves() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("out");
    let mut memory = Memory::default();
    let (one, two) = (
        memory.image(b"one", media_type::LAYER),
        memory.image(b"two", media_type::LAYER),
    );
    write(&directory, &[root(&one, "a")], &memory).unwrap();
    write(&directory, &[root(&one, "b")], &memory).unwrap();
    write(&directory, &[root(&two, "a")], &memory).unwrap();
    let layout = Layout::open(&directory).unwrap();
    assert_eq!(layout.find(Some("a")).unwrap().digest, two.digest);
    assert_eq!(layout.find(Some("b")).unwrap().digest, one.digest);
    assert_eq!(layout.roots().len(), 2);

    // The same in another order gives the same bytes.
    let other = scratch.path().join("other");
    write(&other, &[root(&two, "a"), root(&one, "b")], &memory).unwrap();
    let index = |directory: &Path| fs::read(directory.join("index.json")).unwrap();
    assert_eq!(index(&directory), index(&other));
}

#[test]
fn attack_a_source_that_lies() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("out");
    let mut memory = Memory::default();
    let image = memory.image(b"one", media_type::LAYER);
    memory.damage(&Digest::of(b"one"));
    let error = write(&directory, &[root(&image, "a")], &memory).unwrap_err();
    assert!(matches!(error, OciError::Lies { .. }), "{error}");
    assert!(!directory.exists());
    assert_eq!(names(scratch.path()), [""; 0], "nothing is left");
}

#[test]
fn a_failed_addition_leaves_the_layout_as_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("out");
    let mut memory = Memory::default();
    let (one, two) = (
        memory.image(b"one", media_type::LAYER),
        memory.image(b"two", media_type::LAYER),
    );
    write(&directory, &[root(&one, "a")], &memory).unwrap();
    let before = fs::read(directory.join("index.json")).unwrap();
    memory.damage(&Digest::of(b"two"));
    write(&directory, &[root(&two, "a")], &memory).unwrap_err();
    assert_eq!(fs::read(directory.join("index.json")).unwrap(), before);
    assert!(
        names(&directory.join("blobs/sha256"))
            .iter()
            .all(|name| !name.contains("partial"))
    );
}

#[test]
fn a_damaged_blob_is_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("out");
    let mut memory = Memory::default();
    let one = memory.image(b"one", media_type::LAYER);
    write(&directory, &[root(&one, "a")], &memory).unwrap();
    let blob = directory
        .join("blobs/sha256")
        .join(Digest::of(b"one").hex());
    fs::write(&blob, b"eno").unwrap();
    write(&directory, &[root(&one, "b")], &memory).unwrap();
    assert_eq!(fs::read(blob).unwrap(), b"one");
}

#[test]
fn a_directory_with_something_else_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let mut memory = Memory::default();
    let one = memory.image(b"one", media_type::LAYER);
    fs::write(scratch.path().join("thesis.txt"), b"precious").unwrap();
    let error = write(scratch.path(), &[root(&one, "a")], &memory).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("neither empty nor an OCI image layout"),
        "{error}"
    );
    assert_eq!(names(scratch.path()), ["thesis.txt"]);
}

#[test]
fn what_a_killed_writer_left_is_cleared_away() {
    let scratch = tempfile::tempdir().unwrap();
    let left = scratch.path().join(".out.0.kiln-partial");
    fs::create_dir_all(left.join("blobs")).unwrap();
    fs::write(left.join("junk"), b"half").unwrap();
    let mut memory = Memory::default();
    let one = memory.image(b"one", media_type::LAYER);
    write(&scratch.path().join("out"), &[root(&one, "a")], &memory).unwrap();
    assert_eq!(names(scratch.path()), ["out"]);
    assert_eq!(
        names(&scratch.path().join("out")),
        ["blobs", "index.json", "oci-layout"]
    );
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("out");
    let mut memory = Memory::default();
    let images: Vec<_> = (0..8u8)
        .map(|number| memory.image(&[number], media_type::LAYER))
        .collect();
    std::thread::scope(|scope| {
        for (number, image) in images.iter().enumerate() {
            let (directory, memory) = (&directory, &memory);
            scope.spawn(move || {
                write(directory, &[root(image, &format!("t{number}"))], memory).unwrap()
            });
        }
    });
    let layout = Layout::open(&directory).unwrap();
    for (number, image) in images.iter().enumerate() {
        assert_eq!(
            layout.find(Some(&format!("t{number}"))).unwrap().digest,
            image.digest
        );
    }
    assert_eq!(names(scratch.path()), ["out"]);
}

#[test]
fn attack_a_document_that_is_two_things() {
    let both = br#"{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}"#;
    for media_type in [media_type::MANIFEST, media_type::INDEX] {
        let error = crate::Document::parse("x", media_type, both).unwrap_err();
        assert!(
            error.to_string().contains("both a manifest and an index"),
            "{error}"
        );
    }
    let wrong = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#,
        media_type::INDEX
    );
    assert!(crate::Document::parse("x", media_type::MANIFEST, wrong.as_bytes()).is_err());
    assert!(crate::Document::parse("x", media_type::MANIFEST, br#"{"schemaVersion":1}"#).is_err());
    assert!(
        from_json::<Manifest>("x", &vec![b' '; 5 << 20])
            .unwrap_err()
            .to_string()
            .contains("larger than")
    );
}

#[test]
fn attack_an_index_that_holds_itself_deeply() {
    let mut memory = Memory::default();
    let mut inner = memory.image(b"one", media_type::LAYER);
    for _ in 0..10 {
        inner = memory.put(
            media_type::INDEX,
            &to_json(&Index::new(vec![inner])).unwrap(),
        );
    }
    let error = crate::closure(&[root(&inner, "a")], &memory).unwrap_err();
    assert!(error.to_string().contains("nest too deep"), "{error}");
}

#[test]
fn attack_a_pipe_in_the_place_of_a_blob_is_refused_and_has_no_mark() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let error = read::open_regular(&pipe).unwrap_err();
    assert!(error.to_string().contains("no regular file"), "{error}");
    assert_eq!(mark_of(&pipe).unwrap(), None);
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(read::open_regular(&file).is_ok());
}
