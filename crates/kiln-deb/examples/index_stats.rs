//! Builds a universe from decompressed `Packages` files and prints counts and times:
//!
//! ```text
//! cargo run --release -p kiln-deb --example index_stats -- FILE…
//! ```
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use kiln_deb::control::{Limits, StanzaReader};
use kiln_deb::index::{IndexBuilder, IndexSource};
use kiln_deb::universe::DebUniverse;
use kiln_types::Universe;

/// How many records are decoded for the time of one.
const RECORDS: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        return Err("give one or more decompressed Packages files".into());
    }

    let started = Instant::now();
    let mut fields = 0;
    for path in &files {
        let mut reader = StanzaReader::new(File::open(path)?, Limits::INDEX);
        while let Some(stanza) = reader.next()? {
            fields += stanza.fields().count();
        }
    }
    println!(
        "scan     {:>9.1} ms  {fields} fields",
        milliseconds(started.elapsed())
    );

    let mut output = tempfile::tempfile()?;
    let started = Instant::now();
    let mut builder = IndexBuilder::new(&mut output, "amd64");
    let mut input_size = 0;
    for path in &files {
        let mut file = File::open(path)?;
        input_size += file.metadata()?.len();
        builder.add(
            &IndexSource {
                subject: path,
                archive: "archive",
                suite: path,
                priority: 500,
            },
            &mut file,
        )?;
    }
    let summary = builder.finish()?;
    output.flush()?;
    println!(
        "build    {:>9.1} ms  {:.1} MB of indexes, {summary:?}",
        milliseconds(started.elapsed()),
        megabytes(input_size)
    );

    let copy = output.try_clone()?;
    let started = Instant::now();
    let universe = DebUniverse::open("universe", output, &BTreeMap::new())?;
    println!("open     {:>9.3} ms", milliseconds(started.elapsed()));

    let step = (universe.len() / RECORDS).max(1);
    let started = Instant::now();
    let mut count = 0_u32;
    let mut relations = Vec::new();
    for id in universe.ids().step_by(step) {
        let record = universe.record(id)?;
        relations.extend(
            record
                .depends
                .iter()
                .flatten()
                .map(|relation| relation.name.clone()),
        );
        count += 1;
    }
    println!(
        "record   {:>9.3} µs  each of {count}",
        milliseconds(started.elapsed()) * 1e3 / f64::from(count.max(1))
    );

    relations.sort_unstable();
    relations.dedup();
    let started = Instant::now();
    let mut found = 0;
    for name in &relations {
        found += universe.named(name).len() + universe.providing(name).len();
    }
    let each = milliseconds(started.elapsed()) * 1e3 / relations.len().max(1) as f64;
    println!(
        "names    {each:>9.3} µs  each of {}, {found} packages found",
        relations.len()
    );

    let started = Instant::now();
    let similar = universe.similar("ngnix", 5);
    println!(
        "similar  {:>9.3} ms  {similar:?}",
        milliseconds(started.elapsed())
    );

    let again = DebUniverse::open("universe", copy, &BTreeMap::new())?;
    let started = Instant::now();
    let mut malformed = 0;
    for id in again.ids() {
        if let Err(error) = again.record(id) {
            malformed += 1;
            println!("{error}");
        }
    }
    println!(
        "all      {:>9.1} ms  for every record, {malformed} malformed",
        milliseconds(started.elapsed())
    );
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
