use super::*;
use crate::layout::tests::Memory;

#[test]
fn names_layers_and_configuration() {
    let mut memory = Memory::default();
    let manifest = memory.image(b"one", media_type::LAYER_GZIP);
    let image = DockerImage {
        manifest,
        references: vec![
            "nginx:1.26".parse().unwrap(),
            "example.org/nginx".parse().unwrap(),
        ],
    };
    let mut bytes = Vec::new();
    write(&mut bytes, &[image.clone(), image], &memory).unwrap();
    let start = bytes
        .windows(11)
        .position(|window| window == b"[{\"Config\":")
        .unwrap();
    let end = start + bytes[start..].iter().position(|byte| *byte == 0).unwrap();
    let entries: Vec<ArchiveEntry> = crate::from_json("x", &bytes[start..end]).unwrap();
    assert_eq!(entries[0], entries[1]);
    assert_eq!(
        entries[0].repo_tags,
        ["docker.io/library/nginx:1.26", "example.org/nginx:latest"]
    );
    assert_eq!(entries[0].layers, [path(&Digest::of(b"one"))]);
}

#[test]
fn zstd_and_indexes_are_refused_with_a_way_out() {
    let mut memory = Memory::default();
    let manifest = memory.image(b"one", media_type::LAYER_ZSTD);
    let refuse = |manifest: Descriptor| {
        let image = DockerImage {
            manifest,
            references: Vec::new(),
        };
        write(&mut Vec::new(), &[image], &memory)
            .unwrap_err()
            .to_string()
    };
    assert!(refuse(manifest).contains("use gzip, or an OCI archive"));
    let index = crate::to_json(&crate::Index::new(Vec::new())).unwrap();
    let index = memory.put(media_type::INDEX, &index);
    let image = DockerImage {
        manifest: index,
        references: Vec::new(),
    };
    let error = write(&mut Vec::new(), &[image], &memory)
        .unwrap_err()
        .to_string();
    assert!(error.contains("choose one platform"), "{error}");
}
