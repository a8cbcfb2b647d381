//! Every decoder, on any bytes: an end, or an error, within the limits.

#![no_main]

use std::io::Read;

use kiln_archive::Limits;
use kiln_archive::decompress::{Codec, decoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits {
        max_unpacked: 1 << 20,
        xz_memory: 16 << 20,
        zstd_window_log: 20,
        ..Limits::default()
    };
    for codec in [Codec::Gzip, Codec::Xz, Codec::Zstd] {
        let mut content = Vec::new();
        let result =
            decoder(codec, data, &limits).map(|mut decoder| decoder.read_to_end(&mut content));
        assert!(content.len() as u64 <= limits.max_unpacked);
        if Codec::from_magic(data) == Codec::None && codec == Codec::Xz {
            assert!(
                !matches!(result, Ok(Ok(_))),
                "an xz stream without its magic"
            );
        }
    }
});
