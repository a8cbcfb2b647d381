//! Packages as fragments: whatever a package holds, its segment is the same bytes again, and every
//! file of it lies in the segment where the fragment says.
#![no_main]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Cursor, Read as _};

use kiln_archive::Limits;
use kiln_archive::deflate::SegmentReader;
use kiln_archive::tar::Reader;
use kiln_deb::package::DebFormat;
use kiln_image::{NormaliseOptions, Scratch, normalise};
use kiln_types::{Cuts, Digest, PackageFormat, RelativePath};
use libfuzzer_sys::fuzz_target;

/// Contents of the size that a fuzzer makes wait in memory.
struct NoFiles;

impl Scratch for NoFiles {
    fn file(&self) -> io::Result<File> {
        Err(io::Error::other("no scratch files here"))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let cuts = Cuts(vec![
        "/usr/share/doc/**".to_owned(),
        "!/usr/share/doc/*/copyright".to_owned(),
    ]);
    let dropped: BTreeSet<RelativePath> = RelativePath::new("/usr/bin/link").into_iter().collect();
    let options = |threads| NormaliseOptions {
        cuts: &cuts,
        merged_usr: true,
        dropped: &dropped,
        threads,
    };
    let make = |threads| {
        let mut package = DebFormat
            .open("fuzz.deb", Box::new(Cursor::new(bytes)))
            .ok()?;
        let mut out = Vec::new();
        let made = normalise(&mut *package, &options(threads), &NoFiles, &mut out).ok()?;
        let digest = Digest::of(&out);
        Some((made.stored_as(digest), out))
    };
    let Some((fragment, segment)) = make(1) else {
        assert!(make(2).is_none());
        return;
    };
    assert_eq!(make(2), Some((fragment.clone(), segment.clone())));
    assert_eq!(fragment.segment.length, segment.len() as u64);
    let limits = Limits::default();
    let mut raw = Vec::new();
    SegmentReader::new(segment.as_slice(), &limits)
        .read_to_end(&mut raw)
        .expect("what was written can be read");
    assert_eq!(Digest::of(&raw), fragment.segment.raw_digest);
    // Two empty blocks end an archive.
    raw.extend([0; 1024]);
    let mut reader = Reader::new(raw.as_slice(), &limits);
    let mut files = fragment.files.iter();
    while let Some(entry) = reader.next().expect("what was written can be read") {
        let file = files.next().expect("the segment holds what is listed");
        assert_eq!(entry.path, file.entry.path.as_str().as_bytes());
    }
    assert!(files.next().is_none());
});
