//! The document: tables of what was measured in one run.

use serde_json::Value;

use super::changed::Changed;
use super::large::{Large, Whole};
use super::layers::Sharing;
use super::machine::Machine;
use super::measure::Sample;
use super::number;

/// Everything that a run measured.
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// What `examples/measure.rs floor` said last.
    pub(crate) floor: Value,
    /// What kiln said of the image.
    pub(crate) built: Value,
    pub(crate) cold_wall: Sample,
    pub(crate) cold_processor: Sample,
    pub(crate) cold_memory: Sample,
    pub(crate) floors: Sample,
    pub(crate) ratios: Sample,
    pub(crate) unchanged: Sample,
    pub(crate) changed: Vec<Changed>,
    pub(crate) compiling: Sample,
    pub(crate) locking: Sample,
    pub(crate) solved: Value,
    pub(crate) peer: Option<Sample>,
    pub(crate) large: Large,
    pub(crate) whole: Whole,
    pub(crate) layers: Vec<Sharing>,
}

const HEAD: &str = "\
# Benchmarks

Written by `make bench`; everything here is from one run on one machine, so only the ratios say
something about another. \"Median (least–most, N)\" of N measurements.

";

const HOW: &str = "\
## How it is measured

- **The set**: `benches/curl-set/image.yaml`, the packages that apt picks for
  `curl ca-certificates base-files` on Debian 13, as mirrors had them that day. The store already has
  the packages and indexes; nothing is fetched while something is measured (`--offline`).
- **The floor** (`crates/kiln-pipeline/examples/measure.rs`): in one process, on as many threads as
  kiln uses, the largest package first: decode every `data.tar.xz`; compress exactly the bytes that
  kiln keeps, with kiln's compressor (zlib-rs) at kiln's level; SHA-256 over the bytes kept and over the compressed ones. All
  input lies in memory, nothing is written. Floor and cold builds are measured in turns; the ratio is
  that of each pair.
- **Cold**: the whole process `kiln build`, after the records of fragments, layers, images and names
  and every blob that no other record names were removed from the store. Includes starting,
  reading definition and lock, looking at the packages, unpacking, assembling, writing, hashing.
- **Unchanged**: the whole process again, when everything is there. Size, modification time and inode
  of every blob of the image are looked at; `kiln cache verify` would hash them.
- **One package changed**: the package is packed again with another version and another copyright file,
  and a lock names it; everything else is in the store. The new file was never seen by kiln, so it is hashed,
  too. Its floor is as above, for this package alone, compressed on all threads (decoding xz takes one).
- **The large set**: `benches/large-set/image.yaml`; measured like the curl set, without a floor.
- **The whole catalog**: every image in all variants for all platforms, a process for each image, one
  after the other; cold means as above, unchanged is the sum of all these processes.
- **Memory**: the most that was resident, as the kernel counts it (`ru_maxrss`), over all cold builds.
- **mmdebstrap** (`--variant=extract`) unpacks the same files from a local folder into an uncompressed
  tar file; it compresses and hashes nothing.
- No test asserts a time.
";

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let machine = &self.machine;
        let mut text = HEAD.to_owned();
        text.push_str(&format!(
            "- **Machine**: {}, {} threads, {:.0} GiB of memory; {}\n- **Date**: {}; kiln {}\n\
             - **Load** when it began: {}\n\n",
            machine.processor,
            machine.threads,
            machine.memory,
            machine.system,
            machine.date,
            machine.commit,
            machine.load,
        ));
        self.set(&mut text);
        self.targets(&mut text);
        self.beside(&mut text);
        self.sharing(&mut text);
        text.push_str(HOW);
        text
    }

    fn set(&self, text: &mut String) {
        let platform = &self.built["images"][0]["platforms"][0];
        text.push_str(&format!(
            "The curl set: {} packages, {} in their archives, {} kept, {} compressed, {} layers.\n\n",
            self.floor["packages"],
            megabytes(number(&self.floor["unpacked"])),
            megabytes(number(&self.floor["kept"])),
            megabytes(number(&self.floor["compressed"])),
            platform["layers"].as_array().map_or(0, Vec::len),
        ));
    }

    fn targets(&self, text: &mut String) {
        text.push_str(
            "## Targets\n\n| what | measured | target | reached |\n|---|---:|---:|---|\n",
        );
        let mut row = |what: &str, sample: &Sample, unit: &str, target: f64, judged: f64| {
            let (what, reached) = (
                what.to_owned(),
                if judged <= target { "yes" } else { "**no**" },
            );
            let target = plain(target, unit);
            let measured = spread(sample, unit);
            text.push_str(&format!(
                "| {what} | {measured} | ≤ {target} | {reached} |\n"
            ));
        };
        let median = Sample::median;
        row(
            "cold build, against its floor",
            &self.ratios,
            "x",
            1.3,
            median(&self.ratios),
        );
        row(
            "unchanged lock, whole process",
            &self.unchanged,
            "ms",
            5.0,
            median(&self.unchanged),
        );
        for changed in &self.changed {
            let what = format!(
                "one package changed: {}, {} kept",
                changed.package,
                megabytes(changed.kept)
            );
            row(&what, &changed.builds, "ms", 100.0, median(&changed.builds));
        }
        row(
            "peak memory of a cold build",
            &self.cold_memory,
            "MiB",
            80.0,
            self.cold_memory.most(),
        );
        let known = &self.solved["known"];
        let parsing = self.compiling.median() - self.locking.median();
        row(
            &format!("reading {known} packages of 3 indexes once: xz, parsing, compiling, writing"),
            &Sample::of(vec![parsing]),
            "ms",
            500.0,
            parsing,
        );
        for request in self.solved["requests"].as_array().into_iter().flatten() {
            let sample = Sample::of_json(&request["milliseconds"]);
            let what = format!(
                "opening the compiled index and solving `{}` ({} packages)",
                request["request"]
                    .as_str()
                    .unwrap_or_default()
                    .replace(',', " "),
                request["packages"],
            );
            row(&what, &sample, "ms", 10.0, median(&sample));
        }
        let large = &self.large;
        row(
            "large set, unchanged lock, whole process",
            &large.unchanged,
            "ms",
            5.0,
            median(&large.unchanged),
        );
        for changed in &large.changed {
            let what = format!(
                "large set, one package changed: {}, {} kept",
                changed.package,
                megabytes(changed.kept)
            );
            row(&what, &changed.builds, "ms", 500.0, median(&changed.builds));
        }
        row(
            "large set, peak memory of a cold build",
            &large.cold_memory,
            "MiB",
            80.0,
            large.cold_memory.most(),
        );
        let whole = &self.whole;
        let what = format!(
            "whole catalog, nothing changed: {} images, {} of a variant and platform",
            whole.images.len(),
            whole.platforms
        );
        row(
            &what,
            &whole.unchanged,
            "ms",
            1_000.0,
            median(&whole.unchanged),
        );
        text.push('\n');
    }

    fn beside(&self, text: &mut String) {
        text.push_str("## Times behind them\n\n| what | measured |\n|---|---:|\n");
        let mut row = |what: &str, measured: String| {
            text.push_str(&format!("| {what} | {measured} |\n"));
        };
        row("floor", spread(&self.floors, "ms"));
        row("cold build", spread(&self.cold_wall, "ms"));
        row(
            "cold build, time of all processors",
            spread(&self.cold_processor, "ms"),
        );
        row(
            "mmdebstrap, same files, uncompressed tar",
            self.peer
                .as_ref()
                .map_or("does not run here".to_owned(), |peer| spread(peer, "ms")),
        );
        for changed in &self.changed {
            row(
                &format!("floor of {} alone", changed.package),
                spread(&changed.floor, "ms"),
            );
            row(
                &format!(
                    "layers written when {} changes: {}, raw",
                    changed.package, changed.layers
                ),
                #[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
                megabytes(changed.layer_bytes as f64),
            );
        }
        let whole = &self.whole;
        #[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
        let packed = megabytes(self.large.packed as f64);
        row(
            &format!(
                "large set, cold build: {} packages, {packed}, {} layers",
                self.large.packages,
                self.large.built["images"][0]["platforms"][0]["layers"]
                    .as_array()
                    .map_or(0, Vec::len)
            ),
            spread(&self.large.cold_wall, "ms"),
        );
        row(
            &format!(
                "whole catalog from packages in the store, one image after the other (at most {:.0} MiB)",
                whole.memory
            ),
            plain(whole.cold, "ms"),
        );
        if !whole.refused.is_empty() {
            row("images that could not be built", whole.refused.join(", "));
        }
        row(
            "`kiln lock`, whole process, indexes not compiled yet",
            spread(&self.compiling, "ms"),
        );
        row(
            "`kiln lock`, whole process, signatures verified again",
            spread(&self.locking, "ms"),
        );
        text.push('\n');
    }

    #[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
    fn sharing(&self, text: &mut String) {
        text.push_str(
            "## Layers\n\nAll images of the catalog, linux/amd64, compressed bytes. \"Kept\" is what a registry or a \
             machine keeps of all of them; an update is what whoever has them all fetches when one package has a new version. `shared` is the default.\n\n",
        );
        let updated = self.layers.first().map_or(&[][..], |first| &first.updates);
        text.push_str("| variant | `--layers` | most layers | each for itself | kept |");
        for (package, _) in updated {
            text.push_str(&format!(" update of {package} |"));
        }
        text.push_str("\n|---|---|---:|---:|---:|");
        text.push_str(&"---:|".repeat(updated.len()));
        text.push('\n');
        for sharing in &self.layers {
            let saved = 100.0 - 100.0 * sharing.together as f64 / sharing.apart as f64;
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} (−{saved:.0} %) |",
                sharing.variant,
                sharing.layering,
                sharing.layers,
                megabytes(sharing.apart as f64),
                megabytes(sharing.together as f64),
            ));
            for (_, bytes) in &sharing.updates {
                let bytes = bytes.map_or("–".to_owned(), |bytes| megabytes(bytes as f64));
                text.push_str(&format!(" {bytes} |"));
            }
            text.push('\n');
        }
        text.push('\n');
    }
}

/// `12 (11–13, 7)`, with as many digits as say something.
pub(super) fn spread(sample: &Sample, unit: &str) -> String {
    let median = plain(sample.median(), unit);
    if sample.count() <= 1 {
        return median;
    }
    format!(
        "{median} ({}–{}, {})",
        digits(sample.least(), unit),
        digits(sample.most(), unit),
        sample.count()
    )
}

fn plain(value: f64, unit: &str) -> String {
    match unit {
        "x" => format!("{}x", digits(value, unit)),
        _ => format!("{} {unit}", digits(value, unit)),
    }
}

fn digits(value: f64, unit: &str) -> String {
    match unit {
        "x" => format!("{value:.2}"),
        _ if value.abs() < 20.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_have_the_digits_that_say_something() {
        let sample = Sample::of(vec![1.234, 1.3, 1.151]);
        assert_eq!(spread(&sample, "x"), "1.23x (1.15–1.30, 3)");
        assert_eq!(
            spread(&Sample::of(vec![3.04, 4.0, 2.0]), "ms"),
            "3.0 ms (2.0–4.0, 3)"
        );
        assert_eq!(spread(&Sample::of(vec![1234.4]), "ms"), "1234 ms");
    }
}
