//! What is inside an image and what is wrong with it: kiln beside Syft, Trivy and the floor.
//!
//! `scripts/bench-scan` lays out what is measured and brings the peers; here the processes are timed
//! in turns, and one section of `docs/benchmarks.md` is made of it, which can be measured alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::machine::Machine;
use super::measure::{self, FORMAT, Sample, Spent};
use super::report::spread;
use super::{say, text};

/// The heading of the section.
const HEADING: &str = "## Scanning";
/// How often the long processes are measured.
const TURNS: usize = 5;
/// How often the short ones are.
const MANY: usize = 20;

/// The program that is measured, and what lies around it.
struct Bench {
    /// The folder that `scripts/bench-scan` made.
    work: PathBuf,
    kiln: PathBuf,
    /// `examples/measure.rs` of `kiln-pipeline`.
    measure: PathBuf,
    syft: PathBuf,
    trivy: PathBuf,
}

/// What one program took for one input.
struct Taken {
    processor: Sample,
    wall: Sample,
    memory: Sample,
}

impl Taken {
    fn of(spent: &[Spent]) -> Self {
        let of = |value: fn(&Spent) -> f64| Sample::of(spent.iter().map(value).collect());
        Self {
            processor: of(|one| one.processor),
            wall: of(|one| one.wall),
            memory: of(|one| one.memory),
        }
    }
}

const INFLATE: &str = "floor: inflate (zlib-rs)";

/// One input, by all programs.
struct Compared {
    what: String,
    kiln: Taken,
    trivy: Taken,
    syft: Option<Taken>,
    /// What cannot be left out, each under its name.
    floor: Vec<(String, Taken)>,
}

/// Measures, and gives the section.
pub(super) fn section(root: &Path, machine: &Machine) -> Result<String, String> {
    let kiln = root.join("target/release/kiln");
    say("images and peers for scanning");
    let work = root.join(".cache/bench/scan");
    let status = Command::new(root.join("scripts/bench-scan"))
        .arg(&work)
        .env("KILN", &kiln)
        .status()
        .map_err(|error| format!("cannot start scripts/bench-scan: {error}"))?;
    if !status.success() {
        return Err(format!("scripts/bench-scan failed: {status}"));
    }
    let bench = Bench {
        kiln,
        measure: root.join("target/release/examples/measure"),
        syft: work.join("syft"),
        trivy: work.join("trivy"),
        work,
    };
    bench.all(machine)
}

/// Puts the section into the document, in the place of the one that is there or before the last.
pub(super) fn put(document: &str, section: &str) -> String {
    let start = document.find(HEADING);
    let start = start
        .or_else(|| document.find("## How it is measured"))
        .unwrap_or(document.len());
    let (before, after) = document.split_at(start);
    let after = match after.strip_prefix(HEADING) {
        Some(rest) => rest.find("\n## ").map_or("", |end| &rest[end + 1..]),
        None => after,
    };
    format!("{before}{section}\n{after}")
}

/// Waits until the layers are as old as the marks of files must be to be believed.
fn let_age(layers: &[String]) -> Result<(), String> {
    const OLD_ENOUGH: Duration = Duration::from_secs(65);
    for layer in layers {
        let modified = fs::metadata(layer).and_then(|meta| meta.modified());
        let modified = modified.map_err(|error| format!("cannot look at `{layer}`: {error}"))?;
        // A time in the future is no age.
        let age = modified.elapsed().unwrap_or_default();
        std::thread::sleep(OLD_ENOUGH.saturating_sub(age));
    }
    Ok(())
}

impl Bench {
    fn all(&self, machine: &Machine) -> Result<String, String> {
        let mut compared = Vec::new();
        let layers = self.layers()?;
        for (what, source) in [
            ("OCI layout, gzip", "oci:oci:latest"),
            ("docker-archive", "docker-archive:image.tar"),
            ("rootfs", "rootfs:rootfs"),
        ] {
            say(&format!("scanning: {what}"));
            compared.push(self.compare(what, source, &layers)?);
        }
        say("scanning: what is known already");
        let_age(&layers)?;
        let home = self.work.join("home-warm");
        let again = self.many(&home, &["sbom", "oci:oci:latest", "--format", "cyclonedx"])?;
        let own = self.many(
            &self.work.join("home"),
            &["sbom", "node", "--format", "cyclonedx"],
        )?;
        let matched = match self.work.join("full.cdx.json").is_file() {
            true => Some((
                self.many(
                    &self.work.join("home"),
                    &["scan", "sbom:full.cdx.json", "--format", "json"],
                )?,
                self.times(TURNS, || self.trivy_sbom("full.cdx.json"))?,
            )),
            false => None,
        };
        Ok(written(machine, &compared, &again, &own, matched.as_ref()))
    }

    /// The layers of the OCI layout.
    fn layers(&self) -> Result<Vec<String>, String> {
        let path = self.work.join("layers");
        let list = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    fn compare(&self, what: &str, source: &str, layers: &[String]) -> Result<Compared, String> {
        let (mut kiln, mut trivy, mut syft) = (Vec::new(), Vec::new(), Vec::new());
        // What nobody can leave out who verifies what is read.
        let parts: Vec<(&str, &str, Vec<String>)> = match source.split_once(':') {
            Some(("oci", _)) => vec![
                (INFLATE, "inflate", layers.to_vec()),
                ("floor: SHA-256 of the layers", "hash", layers.to_vec()),
            ],
            Some(("docker-archive", file)) => {
                vec![(
                    "floor: SHA-256 of the archive",
                    "hash",
                    vec![file.to_owned()],
                )]
            }
            _ => Vec::new(),
        };
        let mut floor: Vec<Vec<Spent>> = parts.iter().map(|_| Vec::new()).collect();
        let home = self.work.join("home-cold");
        for turn in 0..TURNS {
            remove(&home)?;
            kiln.push(self.kiln(&home, &["sbom", source, "--format", "cyclonedx"])?);
            remove(&self.work.join("trivy-cache/fanal"))?;
            trivy.push(self.trivy(source)?);
            if turn < 2 {
                syft.push(self.syft(source)?);
            }
            for ((_, command, files), spent) in parts.iter().zip(&mut floor) {
                let mut arguments = vec![*command];
                arguments.extend(files.iter().map(String::as_str));
                spent.push(self.spent(&self.measure, &arguments, None)?);
            }
        }
        Ok(Compared {
            what: what.to_owned(),
            kiln: Taken::of(&kiln),
            trivy: Taken::of(&trivy),
            syft: Some(Taken::of(&syft)).filter(|_| !syft.is_empty()),
            floor: parts
                .into_iter()
                .zip(&floor)
                .map(|((name, _, _), spent)| (name.to_owned(), Taken::of(spent)))
                .collect(),
        })
    }

    fn kiln(&self, home: &Path, arguments: &[&str]) -> Result<Spent, String> {
        let mut all = arguments.to_vec();
        // A root and a document are of no platform.
        if !arguments
            .iter()
            .any(|one| one.starts_with("rootfs:") || one.starts_with("sbom:"))
        {
            all.extend(["--platform", "linux/amd64"]);
        }
        self.spent(&self.kiln, &all, Some(home))
    }

    fn syft(&self, source: &str) -> Result<Spent, String> {
        // Syft names a layout by its folder, and a root as a folder.
        let source = match source.split_once(':') {
            Some(("oci", rest)) => format!("oci-dir:{}", rest.trim_end_matches(":latest")),
            Some(("rootfs", rest)) => format!("dir:{rest}"),
            _ => source.to_owned(),
        };
        let arguments = ["--quiet", "scan", &source, "-o", "cyclonedx-json"];
        self.spent(&self.syft, &arguments, None)
    }

    fn trivy(&self, source: &str) -> Result<Spent, String> {
        let (command, input) = match source.split_once(':') {
            Some(("rootfs", folder)) => (vec!["rootfs"], folder),
            Some((_, rest)) => (vec!["image", "--input"], rest.trim_end_matches(":latest")),
            None => return Err(format!("`{source}` names no kind")),
        };
        let mut arguments = vec!["--quiet", "--cache-dir", "trivy-cache"];
        arguments.extend(command);
        arguments.extend([input, "--format", "cyclonedx", "--offline-scan"]);
        arguments.extend(["--skip-db-update", "--skip-java-db-update"]);
        self.spent(&self.trivy, &arguments, None)
    }

    fn trivy_sbom(&self, file: &str) -> Result<Spent, String> {
        let arguments = [
            "--quiet",
            "--cache-dir",
            "trivy-cache",
            "sbom",
            file,
            "--scanners",
            "vuln",
            "--format",
            "json",
            "--offline-scan",
            "--skip-db-update",
            "--skip-java-db-update",
        ];
        self.spent(&self.trivy, &arguments, None)
    }

    /// The same many times, the first of which does not count.
    fn many(&self, home: &Path, arguments: &[&str]) -> Result<Taken, String> {
        self.kiln(home, arguments)?;
        self.times(MANY, || self.kiln(home, arguments))
    }

    fn times(
        &self,
        times: usize,
        mut one: impl FnMut() -> Result<Spent, String>,
    ) -> Result<Taken, String> {
        let spent: Result<Vec<Spent>, String> = (0..times).map(|_| one()).collect();
        Ok(Taken::of(&spent?))
    }

    fn spent(
        &self,
        program: &Path,
        arguments: &[&str],
        home: Option<&Path>,
    ) -> Result<Spent, String> {
        let record = self.work.join("time.txt");
        let mut command = Command::new("/usr/bin/time");
        command
            .current_dir(&self.work)
            .env("SYFT_CHECK_FOR_APP_UPDATE", "false")
            .env_remove("KILN_JOBS")
            .stdin(Stdio::null())
            .args(["-f", FORMAT, "-o", text(&record)?])
            .arg(program)
            .args(arguments);
        if let Some(home) = home {
            command.env("KILN_HOME", home);
        }
        measure::spent(&mut command, &record)
    }
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove `{}`: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn written(
    machine: &Machine,
    compared: &[Compared],
    again: &Taken,
    own: &Taken,
    matched: Option<&(Taken, Taken)>,
) -> String {
    let mut out = format!(
        "{HEADING}\n\nMeasured on {} with kiln {}, load {} when it began: on a machine that others \
         use too, processor time says more than wall time. A bill of materials (CycloneDX) of Debian \
         13 with `ca-certificates` and `nodejs`, in three forms; kiln with an empty store, Trivy \
         0.59.1 without its cache of layers, Syft 1.57.0. kiln verifies the digest of every blob that \
         it reads.\n\n| input | program | processor time | wall time | memory | kiln's share of its \
         processor time |\n|---|---|---:|---:|---:|---:|\n",
        machine.date, machine.commit, machine.load
    );
    for one in compared {
        let ours = one.kiln.processor.median();
        let mut row = |program: &str, taken: &Taken| {
            out.push_str(&format!(
                "| {} | {program} | {} | {} | {} | {:.2}x |\n",
                one.what,
                spread(&taken.processor, "ms"),
                spread(&taken.wall, "ms"),
                spread(&taken.memory, "MiB"),
                ours / taken.processor.median()
            ));
        };
        row("kiln", &one.kiln);
        row("Trivy", &one.trivy);
        if let Some(syft) = &one.syft {
            row("Syft", syft);
        }
        for (name, taken) in &one.floor {
            row(name, taken);
        }
    }
    out.push_str("\n| what | measured | target | reached |\n|---|---:|---:|---|\n");
    let mut target = |what: &str, measured: String, judged: f64, most: f64, unit: &str| {
        let reached = if judged <= most { "yes" } else { "**no**" };
        out.push_str(&format!(
            "| {what} | {measured} | ≤ {most}{unit} | {reached} |\n"
        ));
    };
    for one in compared {
        let mut against = |peer: &Taken, name: &str, most: f64| {
            let shares = [
                (
                    "processor time",
                    one.kiln.processor.median() / peer.processor.median(),
                ),
                ("wall time", one.kiln.wall.median() / peer.wall.median()),
            ];
            for (time, share) in shares {
                let what = format!("{}, {time}, against {name}", one.what);
                target(&what, format!("{share:.2}x"), share, most, "x");
            }
        };
        against(&one.trivy, "Trivy", 0.5);
        if let Some((_, inflate)) = one.floor.iter().find(|(name, _)| name == INFLATE) {
            against(inflate, "inflating alone", 1.4);
        }
        let memory = one.kiln.memory.median();
        let what = format!("{}, peak memory", one.what);
        target(&what, spread(&one.kiln.memory, "MiB"), memory, 40.0, " MiB");
    }
    let mut timed = |what: &str, taken: &Taken, most: f64| {
        target(
            what,
            spread(&taken.wall, "ms"),
            taken.wall.median(),
            most,
            " ms",
        );
    };
    timed("OCI layout a second time, whole process", again, 10.0);
    timed("kiln's `node` from its store, whole process", own, 10.0);
    if let Some((ours, theirs)) = matched {
        timed(
            "SBOM of a full Debian to findings, whole process",
            ours,
            5.0,
        );
        out.push_str(&format!(
            "\nTrivy from the same SBOM, with a database of the same facts: {}.\n",
            spread(&theirs.wall, "ms")
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_takes_its_own_place_and_no_other() {
        let document = "# A\n\n## B\n\nb\n\n## How it is measured\n\nc\n";
        let once = put(document, "## Scanning\n\nx\n");
        assert_eq!(
            once,
            "# A\n\n## B\n\nb\n\n## Scanning\n\nx\n\n## How it is measured\n\nc\n"
        );
        assert_eq!(put(&once, "## Scanning\n\nx\n"), once);
    }
}
