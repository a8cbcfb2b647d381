use kiln_archive::Limits;
use kiln_archive::tar::Reader;

use super::*;
use crate::layout::tests::{Memory, root};
use crate::media_type;

#[test]
fn entries_are_sorted_and_bytes_stable() {
    let mut memory = Memory::default();
    let one = memory.image(b"one", media_type::LAYER_ZSTD);
    let archive = |memory: &Memory| {
        let mut bytes = Vec::new();
        write(&mut bytes, &[root(&one, "1.26")], memory).unwrap();
        bytes
    };
    let bytes = archive(&memory);
    assert_eq!(bytes, archive(&memory));
    let limits = Limits::default();
    let mut reader = Reader::new(&bytes[..], &limits);
    let mut paths = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        assert_eq!((entry.uid, entry.gid, entry.mtime), (0, 0, 0));
        paths.push(
            String::from_utf8(entry.path)
                .unwrap()
                .trim_end_matches('/')
                .to_owned(),
        );
    }
    assert!(paths.is_sorted(), "{paths:?}");
    assert_eq!(paths.len(), 2 + 3 + 2);
    assert_eq!(paths.last().unwrap(), "oci-layout");
}
