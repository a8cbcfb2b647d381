//! Benchmarks: ratios measured in one run, written to `docs/benchmarks.md`.
//!
//! Everything happens in `.cache/bench`, in a store of its own; the first run fetches the packages,
//! later ones use what is there. Times are of whole processes unless a row says otherwise; what is
//! compared with each other is measured in turns, because the speed of a machine that others use
//! too changes from second to second.

mod changed;
mod large;
mod layers;
mod machine;
mod measure;
mod report;
mod scan;
mod store;

use std::path::{Path, PathBuf};

use serde_json::Value;

use measure::{Sample, Spent};
use report::Report;
use store::Kiln;

/// How often a whole build is measured, beside the floor.
const BUILDS: usize = 7;
/// How often a build that finds everything is measured.
const LOOKS: usize = 30;
/// How often the peer and the reading of indexes are measured.
const FEW: usize = 3;
/// The packages of the curl set that change, and how often each is measured.
const CHANGING: [(&str, usize); 2] = [("curl", 9), ("libc6", 5)];
/// What the solver is asked for.
const REQUESTS: [&str; 2] = ["curl", "nginx,nodejs"];

/// Measures, and writes `docs/benchmarks.md`; with `scan` only the section about scanning, and leaves
/// the others as they are. With `scan --built COMMIT` it measures the release build that is there,
/// which was made of this commit.
///
/// # Errors
/// When something cannot be built, started or understood.
pub fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let (only_scan, built) = match arguments {
        [] => (false, None),
        ["scan"] => (true, None),
        ["scan", "--built", commit] => (true, Some(*commit)),
        _ => return Err("`bench` takes nothing, `scan`, or `scan --built COMMIT`".to_owned()),
    };
    let work = root.join(".cache/bench");
    std::fs::create_dir_all(&work)
        .map_err(|error| format!("cannot make `{}`: {error}", work.display()))?;
    if built.is_none() {
        crate::cargo(
            root,
            &[
                "build",
                "--quiet",
                "--release",
                "--locked",
                "--package",
                "kiln",
                "--package",
                "kiln-pipeline",
                "--bin",
                "kiln",
                "--example",
                "measure",
            ],
        )?;
    }
    let measure = root.join("target/release/examples/measure");
    let path = root.join("docs/benchmarks.md");
    let failed = |error: std::io::Error| format!("cannot write `{}`: {error}", path.display());
    if only_scan {
        let mut machine = machine::describe(root);
        if let Some(commit) = built {
            commit.clone_into(&mut machine.commit);
        }
        let section = scan::section(root, &machine)?;
        let document = std::fs::read_to_string(&path).map_err(failed)?;
        return std::fs::write(&path, scan::put(&document, &section)).map_err(failed);
    }
    let machine = machine::describe(root);
    let bench = Bench {
        kiln: Kiln::new(root, &work),
        measure: measure.clone(),
        definition: root.join("benches/curl-set/image.yaml"),
        lock: work.join("image.lock"),
        target: "13/standard/amd64",
        options: Vec::new(),
        threads: machine.threads,
    };
    let large = Bench {
        kiln: Kiln::new(root, &work),
        measure: bench.measure.clone(),
        definition: root.join("benches/large-set/image.yaml"),
        lock: work.join("large.lock"),
        target: "13/whole/amd64",
        options: [
            "--variant",
            "whole",
            "--profile-file",
            text(&root.join("benches/large-set/profile.yaml"))?,
        ]
        .map(str::to_owned)
        .to_vec(),
        threads: machine.threads,
    };
    let report = bench.all(machine, &large, &large::catalog(root)?)?;
    let section = scan::section(root, &machine::describe(root))?;
    std::fs::write(&path, scan::put(&report.markdown(), &section)).map_err(failed)
}

/// What all measurements share.
pub(crate) struct Bench {
    kiln: Kiln,
    /// `examples/measure.rs` of `kiln-pipeline`.
    measure: PathBuf,
    definition: PathBuf,
    lock: PathBuf,
    /// The plan that is measured.
    target: &'static str,
    /// What `kiln build` must be told to build that plan.
    options: Vec<String>,
    threads: usize,
}

impl Bench {
    fn all(
        &self,
        machine: machine::Machine,
        large: &Bench,
        catalog: &[String],
    ) -> Result<Report, String> {
        say("fetching and building the curl set");
        let definition = text(&self.definition)?;
        self.kiln.run(&self.fetch(&self.lock)?)?;

        say("cold builds and their floor, in turns");
        let mut cold: Vec<Spent> = Vec::new();
        let (mut floors, mut ratios) = (Vec::new(), Vec::new());
        let mut floor = Value::Null;
        for _ in 0..BUILDS {
            self.kiln.make_cold()?;
            let spent = self.kiln.measured(&self.build(&self.lock)?)?;
            floor = self.floor(1, None)?;
            let below = number(&floor["milliseconds"][0]);
            ratios.push(spent.wall / below);
            floors.push(below);
            cold.push(spent);
        }
        let built = self.kiln.json(&self.build(&self.lock)?)?;

        say("an unchanged lock");
        let mut unchanged = Vec::new();
        for _ in 0..LOOKS {
            unchanged.push(self.kiln.timed(&self.build(&self.lock)?)?);
        }

        say("one package changed");
        let changed = changed::measure(self, &CHANGING)?;

        say("indexes and the solver");
        let (mut compiling, mut locking) = (Vec::new(), Vec::new());
        let scratch = self.kiln.work().join("scratch.lock");
        let lock = ["lock", definition, "--offline", "--lock", text(&scratch)?];
        for _ in 0..FEW {
            self.kiln.forget(&["index"])?;
            compiling.push(self.kiln.timed(&lock)?);
            locking.push(self.kiln.timed(&lock)?);
        }
        let solved = self.solve()?;

        say("mmdebstrap on the same files");
        let peer = changed::peer(self)?;

        say("the large set");
        let large = large::measure(large)?;

        say("the whole catalog");
        let whole = large::whole(self, catalog)?;

        say("layers of the catalog's images");
        let layers = layers::measure(&self.kiln, &whole.images)?;

        Ok(Report {
            machine,
            floor,
            built,
            cold_wall: Sample::of(cold.iter().map(|spent| spent.wall).collect()),
            cold_processor: Sample::of(cold.iter().map(|spent| spent.processor).collect()),
            cold_memory: Sample::of(cold.iter().map(|spent| spent.memory).collect()),
            floors: Sample::of(floors),
            ratios: Sample::of(ratios),
            unchanged: Sample::of(unchanged),
            changed,
            compiling: Sample::of(compiling),
            locking: Sample::of(locking),
            solved,
            peer,
            large,
            whole,
            layers,
        })
    }

    /// The arguments of a build that fetches what is missing.
    fn fetch<'a>(&'a self, lock: &'a Path) -> Result<Vec<&'a str>, String> {
        let mut arguments = vec!["build", text(&self.definition)?, "--lock", text(lock)?];
        arguments.extend(self.options.iter().map(String::as_str));
        Ok(arguments)
    }

    /// The arguments of a build that touches no network.
    fn build<'a>(&'a self, lock: &'a Path) -> Result<Vec<&'a str>, String> {
        let mut arguments = self.fetch(lock)?;
        arguments.push("--offline");
        Ok(arguments)
    }

    /// The floor of the whole set, or of one package.
    fn floor(&self, times: usize, package: Option<&str>) -> Result<Value, String> {
        let (threads, times) = (self.threads.to_string(), times.to_string());
        let mut arguments = vec![
            "floor",
            text(self.kiln.store())?,
            text(&self.lock)?,
            self.target,
            &threads,
            &times,
        ];
        arguments.extend(package);
        measure::json(&self.measure, &arguments)
    }

    fn solve(&self) -> Result<Value, String> {
        let times = LOOKS.to_string();
        let mut arguments = vec!["solve", text(self.kiln.store())?, &times];
        arguments.extend(REQUESTS);
        measure::json(&self.measure, &arguments)
    }
}

/// Progress, for whoever waits.
#[expect(
    clippy::print_stderr,
    reason = "a developer's tool talks to its terminal"
)]
fn say(what: &str) {
    eprintln!("bench: {what}");
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("`{}` is no UTF-8", path.display()))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
