//! A large set of packages, and the catalog as a whole.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::changed::{self, Changed};
use super::measure::{Sample, Spent};
use super::{Bench, FEW, LOOKS};

/// The packages that change, and how often each is measured.
const CHANGING: [(&str, usize); 2] = [("nodejs", 3), ("postgresql-17", 3)];

/// What was measured of the large set.
pub(crate) struct Large {
    /// What kiln said of the image.
    pub(crate) built: Value,
    /// Packages, and bytes of their archives.
    pub(crate) packages: usize,
    pub(crate) packed: u64,
    pub(crate) cold_wall: Sample,
    pub(crate) cold_memory: Sample,
    pub(crate) unchanged: Sample,
    pub(crate) changed: Vec<Changed>,
}

/// Builds the large set: cold, unchanged, and with one package changed.
pub(crate) fn measure(bench: &Bench) -> Result<Large, String> {
    bench.kiln.run(&bench.fetch(&bench.lock)?)?;
    let mut cold: Vec<Spent> = Vec::new();
    for _ in 0..FEW {
        bench.kiln.make_cold()?;
        cold.push(bench.kiln.measured(&bench.build(&bench.lock)?)?);
    }
    let built = bench.kiln.json(&bench.build(&bench.lock)?)?;
    let mut unchanged = Vec::new();
    for _ in 0..LOOKS {
        unchanged.push(bench.kiln.timed(&bench.build(&bench.lock)?)?);
    }
    let sizes = changed::archive_sizes(bench)?;
    let changed = changed::measure(bench, &CHANGING)?;
    Ok(Large {
        built,
        packages: sizes.len(),
        packed: sizes.iter().sum(),
        cold_wall: Sample::of(cold.iter().map(|spent| spent.wall).collect()),
        cold_memory: Sample::of(cold.iter().map(|spent| spent.memory).collect()),
        unchanged: Sample::of(unchanged),
        changed,
    })
}

/// What was measured of the whole catalog.
pub(crate) struct Whole {
    pub(crate) images: Vec<String>,
    /// Variants and platforms of all images together.
    pub(crate) platforms: usize,
    /// Milliseconds from packages in the store, all images one after the other.
    pub(crate) cold: f64,
    /// The most memory that one of them took, in MiB.
    pub(crate) memory: f64,
    /// Milliseconds with nothing changed.
    pub(crate) unchanged: Sample,
    /// Images that this kiln cannot build.
    pub(crate) refused: Vec<String>,
}

/// The names of the catalog's images.
pub(crate) fn catalog(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("catalog");
    let fail = |error: std::io::Error| format!("cannot read `{}`: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.path().join("image.yaml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Builds every image of the catalog in all variants for all platforms.
pub(crate) fn whole(bench: &Bench, images: &[String]) -> Result<Whole, String> {
    let arguments = |image| ["build", image, "--variant", "all", "--platform", "all"];
    let (mut built, mut refused, mut platforms) = (Vec::new(), Vec::new(), 0);
    for image in images {
        match bench.kiln.json(&arguments(image)) {
            Ok(answer) => {
                platforms += answer["images"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|image| image["platforms"].as_array())
                    .map(Vec::len)
                    .sum::<usize>();
                built.push(image.clone());
            }
            Err(_) => refused.push(image.clone()),
        }
    }
    bench.kiln.make_cold()?;
    let (mut cold, mut memory) = (0.0, 0.0_f64);
    for image in &built {
        let mut offline = arguments(image).to_vec();
        offline.push("--offline");
        let spent = bench.kiln.measured(&offline)?;
        cold += spent.wall;
        memory = memory.max(spent.memory);
    }
    let mut unchanged = Vec::new();
    for _ in 0..FEW {
        let mut all = 0.0;
        for image in &built {
            let mut offline = arguments(image).to_vec();
            offline.push("--offline");
            all += bench.kiln.timed(&offline)?;
        }
        unchanged.push(all);
    }
    Ok(Whole {
        images: built,
        platforms,
        cold,
        memory,
        unchanged: Sample::of(unchanged),
        refused,
    })
}
