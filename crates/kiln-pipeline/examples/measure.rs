//! What the benchmarks measure inside one process, beside the times of whole `kiln` processes
//! (`cargo xtask bench`). Every answer is JSON on standard output.
//!
//! ```text
//! measure floor STORE LOCK TARGET THREADS TIMES [PACKAGE]
//! measure solve STORE TIMES NAME[,NAME]...
//! measure inflate FILE...
//! measure hash FILE...
//! ```
//!
//! `floor` is what cannot be left out of a build of packages that lie in the store: it decodes every
//! `data.tar`, compresses the bytes that kiln keeps with kiln's own compressor at its level, and
//! hashes them raw and compressed; the largest package first, on so many threads, all input in
//! memory, nothing written. With a PACKAGE, of this one alone, compressed on all threads.
//!
//! `solve` opens the largest compiled index of the store and resolves the request, from the opening
//! of the file to the set of packages.
//!
//! `inflate` decompresses gzip files with zlib-rs through a small buffer and drops what comes out;
//! `hash` reads files and makes their SHA-256: what a scan of layers cannot leave out. The times are
//! those of the whole process, which the caller takes.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kiln_archive::decompress::{Codec, decoder};
use kiln_archive::deflate::{ParallelSegmentWriter, SegmentReader};
use kiln_archive::{Limits, ar};
use kiln_deb::DebUniverse;
use kiln_image::{Fragment, LEVEL};
use kiln_types::{Digest, HashWriter, PackageName, PackageRequest, Request};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What follows the content of a record of the store: a line with its digest.
const SEAL: usize = 66;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments.as_slice() {
        ["floor", store, lock, target, threads, times, package @ ..] => floor(
            Path::new(store),
            Path::new(lock),
            target,
            threads.parse()?,
            times.parse()?,
            package.first().copied(),
        )?,
        ["solve", store, times, requests @ ..] => {
            solve(Path::new(store), times.parse()?, requests)?
        }
        ["inflate", files @ ..] => json!({ "bytes": inflate(files)? }),
        ["hash", files @ ..] => json!({ "bytes": hash(files)? }),
        _ => return Err("usage: see the head of examples/measure.rs".into()),
    };
    println!("{answer}");
    Ok(())
}

/// Bytes that come out of gzip files.
fn inflate(files: &[&str]) -> Outcome<u64> {
    let limits = Limits {
        max_unpacked: u64::MAX,
        ..Limits::default()
    };
    let mut bytes = 0;
    for file in files {
        let mut content = decoder(Codec::Gzip, File::open(file)?, &limits)?;
        bytes += drained(&mut content, |_| ())?;
    }
    Ok(bytes)
}

/// Bytes of files that were hashed.
fn hash(files: &[&str]) -> Outcome<u64> {
    let mut bytes = 0;
    for file in files {
        let mut writer = HashWriter::new(io::sink());
        bytes += drained(&mut File::open(file)?, |piece| {
            // A sink takes everything.
            let _ = writer.write_all(piece);
        })?;
    }
    Ok(bytes)
}

fn drained(input: &mut impl io::Read, mut with: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = input.read(&mut buffer)?;
        if read == 0 {
            return Ok(bytes);
        }
        with(buffer.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

/// A package: its compressed data, and the bytes that kiln keeps of it.
struct Input {
    codec: Codec,
    data: Vec<u8>,
    kept: Vec<u8>,
}

/// What the work on one package gave: unpacked, kept and compressed bytes.
#[derive(Clone, Copy, Default)]
struct Sizes {
    unpacked: u64,
    kept: u64,
    compressed: u64,
}

fn floor(
    store: &Path,
    lock: &Path,
    target: &str,
    threads: usize,
    times: usize,
    package: Option<&str>,
) -> Outcome<Value> {
    let mut inputs = inputs(store, lock, target, package)?;
    inputs.sort_by_key(|input| std::cmp::Reverse(input.kept.len() + input.data.len()));
    let mut milliseconds = Vec::new();
    let mut sizes = Sizes::default();
    for _ in 0..times {
        let started = Instant::now();
        sizes = work(&inputs, threads)?;
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(json!({
        "milliseconds": milliseconds,
        "packages": inputs.len(),
        "unpacked": sizes.unpacked,
        "kept": sizes.kept,
        "compressed": sizes.compressed,
    }))
}

fn inputs(store: &Path, lock: &Path, target: &str, only: Option<&str>) -> Outcome<Vec<Input>> {
    let fragments = fragments(store)?;
    let lock: Value = serde_json::from_slice(&std::fs::read(lock)?)?;
    let mut inputs = Vec::new();
    for package in lock["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let targets = package["in"].as_array().into_iter().flatten();
        let wanted = only.is_none_or(|only| only == name)
            && targets.flat_map(Value::as_str).any(|one| one == target);
        if !wanted {
            continue;
        }
        let version = package["version"].as_str().unwrap_or_default();
        let key = (name.to_owned(), version.to_owned());
        let fragment = fragments
            .get(&key)
            .ok_or_else(|| format!("`{name}` has not been built in this store"))?;
        let (codec, data) = data(&blob(store, package["sha256"].as_str().unwrap_or_default()))?;
        let segment = &fragment.segment;
        let mut kept = Vec::new();
        if segment.raw_length > 0 {
            let file = File::open(blob(store, &segment.digest.to_string()))?;
            SegmentReader::verified(file, segment.segment()).read_to_end(&mut kept)?;
        }
        inputs.push(Input { codec, data, kept });
    }
    Ok(inputs)
}

/// The fragments of a store, by name and version; of several of one package the smallest, which is
/// the one in the image: it lost what others replace.
fn fragments(store: &Path) -> Outcome<BTreeMap<(String, String), Fragment>> {
    let mut fragments: BTreeMap<(String, String), Fragment> = BTreeMap::new();
    for entry in std::fs::read_dir(store.join("records/fragment"))? {
        let fragment: Fragment =
            serde_json::from_value(record(&entry?.path())?["fragment"].take())?;
        let key = (
            fragment.control.name.clone(),
            fragment.control.version.to_string(),
        );
        let smaller = fragments
            .get(&key)
            .is_none_or(|known| fragment.segment.raw_length < known.segment.raw_length);
        if smaller {
            fragments.insert(key, fragment);
        }
    }
    Ok(fragments)
}

fn record(path: &Path) -> Outcome<Value> {
    let mut bytes = std::fs::read(path)?;
    bytes.truncate(bytes.len().saturating_sub(SEAL));
    Ok(serde_json::from_slice(&bytes)?)
}

fn blob(store: &Path, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    store.join("blobs/sha256").join(hex)
}

/// The compressed `data.tar` of a package.
fn data(package: &Path) -> Outcome<(Codec, Vec<u8>)> {
    let mut reader = ar::Reader::new(File::open(package)?, &Limits::default());
    while let Some(member) = reader.next()? {
        if member.name.starts_with("data.tar") {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            return Ok((Codec::from_name(&member.name), bytes));
        }
    }
    Err(format!("`{}` has no data.tar", package.display()).into())
}

fn work(inputs: &[Input], threads: usize) -> Outcome<Sizes> {
    let next = AtomicUsize::new(0);
    let workers = threads.clamp(1, inputs.len().max(1));
    let inner = (threads / workers).max(1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut sum = Sizes::default();
                    while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let sizes = one(input, inner)?;
                        sum.unpacked += sizes.unpacked;
                        sum.kept += sizes.kept;
                        sum.compressed += sizes.compressed;
                    }
                    Outcome::Ok(sum)
                })
            })
            .collect();
        let mut all = Sizes::default();
        for handle in handles {
            let sizes = handle.join().map_err(|_| "a thread failed")??;
            all.unpacked += sizes.unpacked;
            all.kept += sizes.kept;
            all.compressed += sizes.compressed;
        }
        Ok(all)
    })
}

fn one(input: &Input, threads: usize) -> Outcome<Sizes> {
    let mut decoder = decoder(
        input.codec,
        Box::new(io::BufReader::new(input.data.as_slice())),
        &Limits::default(),
    )?;
    let mut buffer = vec![0; 64 << 10];
    let mut unpacked = 0_u64;
    loop {
        match decoder.read(&mut buffer)? {
            0 => break,
            count => unpacked += count as u64,
        }
    }
    let compressed = HashWriter::new(io::sink());
    let mut raw = HashWriter::new(ParallelSegmentWriter::new(compressed, LEVEL, threads)?);
    raw.write_all(&input.kept)?;
    let (raw_digest, kept, segment) = raw.finish();
    let (segment, compressed) = segment.finish()?;
    let (digest, _, _) = compressed.finish();
    std::hint::black_box((raw_digest, digest));
    Ok(Sizes {
        unpacked,
        kept,
        compressed: segment.length,
    })
}

fn solve(store: &Path, times: usize, requests: &[&str]) -> Outcome<Value> {
    let universe = universe(store)?;
    let mut answers = Vec::new();
    for names in requests {
        let mut request = PackageRequest::default();
        for name in names.split(',') {
            request.include.push(Request {
                name: PackageName::new(name)?,
                constraint: None,
                suite: None,
            });
        }
        request.include.sort();
        let (mut milliseconds, mut packages) = (Vec::new(), 0);
        for _ in 0..times {
            let started = Instant::now();
            let opened = DebUniverse::open("universe", File::open(&universe)?, &BTreeMap::new())?;
            let resolution = kiln_resolve::resolve(&opened, &request)?;
            milliseconds.push(in_milliseconds(started.elapsed()));
            packages = resolution.packages.len();
        }
        answers.push(json!({
            "request": names,
            "packages": packages,
            "milliseconds": milliseconds,
        }));
    }
    let opened = DebUniverse::open("universe", File::open(&universe)?, &BTreeMap::new())?;
    let known = opened.len();
    Ok(json!({ "known": known, "requests": answers }))
}

fn in_milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The largest compiled index of a store.
fn universe(store: &Path) -> Outcome<PathBuf> {
    let mut largest: Option<(u64, PathBuf)> = None;
    for entry in std::fs::read_dir(store.join("records/index"))? {
        // `"blob:HEX:SIZE:…"`
        let stored = record(&entry?.path())?;
        let hex = stored.as_str().and_then(|text| text.split(':').nth(1));
        let path = blob(store, &Digest::from_hex(hex.unwrap_or_default())?.hex());
        let Ok(meta) = path.metadata() else { continue };
        if largest.as_ref().is_none_or(|(size, _)| meta.len() > *size) {
            largest = Some((meta.len(), path));
        }
    }
    Ok(largest.ok_or("the store has no compiled index")?.1)
}
