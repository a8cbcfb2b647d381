//! Inflating a segment never panics, and what inflates verifies against itself and stitches.

#![no_main]

use std::io::Read;

use kiln_archive::Limits;
use kiln_archive::decompress::{Codec, decoder};
use kiln_archive::deflate::{Segment, SegmentReader};
use kiln_archive::gzip::GzipStitcher;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits {
        max_unpacked: 1 << 20,
        ..Limits::default()
    };
    let mut content = Vec::new();
    if SegmentReader::new(data, &limits)
        .read_to_end(&mut content)
        .is_err()
    {
        return;
    }
    let mut stream = GzipStitcher::new(Vec::new()).expect("memory takes everything");
    // The CRC is not known from outside; that of an empty content is 0.
    let known = Segment {
        raw_length: content.len() as u64,
        crc32: 0,
        length: data.len() as u64,
    };
    stream
        .append(&known, &mut &data[..])
        .expect("the length is right");
    let stream = stream.finish().expect("memory takes everything");
    let mut again = Vec::new();
    // At its end it may stumble over that CRC.
    let _ = decoder(Codec::Gzip, stream.as_slice(), &limits)
        .expect("gzip is supported")
        .read_to_end(&mut again);
    assert_eq!(
        again, content,
        "the stream inflates to what its segment does"
    );
});
