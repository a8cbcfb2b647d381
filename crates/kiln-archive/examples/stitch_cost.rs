//! Measures what segments and blocks cost in size and time:
//! `cargo run --release -p kiln-archive --example stitch_cost -- LEVEL FILE…`, where each file is what
//! one package would be. The numbers of `docs/design/0001-stitched-gzip.md` come from here.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program for people"
)]

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use flate2::{Compress, Compression, FlushCompress};
use kiln_archive::deflate::{ParallelSegmentWriter, SegmentWriter};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let level: u32 = arguments.next().ok_or("LEVEL is missing")?.parse()?;
    let parts = arguments
        .map(std::fs::read)
        .collect::<Result<Vec<_>, _>>()?;
    let whole = parts.concat();
    println!(
        "level {level}: {} files, {} bytes",
        parts.len(),
        whole.len()
    );

    let start = Instant::now();
    let one = whole_stream(&whole, level)?;
    println!(
        "one stream                {one:>10}                 {:>6.2} s",
        start.elapsed().as_secs_f64()
    );
    let report = |what: &str, length: u64, start: Instant| {
        let cost = (length as f64 / one as f64 - 1.0) * 100.0;
        println!(
            "{what:<25} {length:>10} {cost:>+8.3} %      {:>6.2} s",
            start.elapsed().as_secs_f64()
        );
    };
    for kibibytes in [64_usize, 128, 256, 512, 1024, 4096] {
        for with_dictionary in [true, false] {
            let start = Instant::now();
            let mut length = 0;
            for (index, block) in whole.chunks(kibibytes << 10).enumerate() {
                let offset = index * (kibibytes << 10);
                let dictionary = whole
                    .get(offset.saturating_sub(32 << 10)..offset)
                    .unwrap_or_default();
                length +=
                    block_length(if with_dictionary { dictionary } else { &[] }, block, level)?;
            }
            let kind = if with_dictionary { "with" } else { "without" };
            report(&format!("blocks {kibibytes} KiB {kind}"), length, start);
        }
    }
    let start = Instant::now();
    let mut length = 0;
    for part in &parts {
        let mut writer = SegmentWriter::new(std::io::sink(), level);
        writer.write_all(part)?;
        length += writer.finish()?.0.length;
    }
    report("a segment per file", length, start);
    for threads in [1, 2, 4] {
        let start = Instant::now();
        let mut writer = ParallelSegmentWriter::new(std::io::sink(), level, threads)?;
        writer.write_all(&whole)?;
        report(
            &format!("one segment, {threads} threads"),
            writer.finish()?.0.length,
            start,
        );
    }
    Ok(())
}

fn whole_stream(data: &[u8], level: u32) -> Result<u64, Box<dyn Error>> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(data)?;
    Ok(encoder.finish()?.len() as u64)
}

fn block_length(dictionary: &[u8], data: &[u8], level: u32) -> Result<u64, Box<dyn Error>> {
    let mut deflate = Compress::new(Compression::new(level), false);
    if !dictionary.is_empty() {
        deflate.set_dictionary(dictionary)?;
    }
    let mut out = Vec::with_capacity(data.len() * 2 + 1024);
    deflate.compress_vec(data, &mut out, FlushCompress::Full)?;
    Ok(out.len() as u64)
}
