//! A lock in which one package is another one, and a peer that unpacks the same files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::measure::{self, Sample};
use super::{Bench, FEW, number, text};

/// A changed package.
pub(crate) struct Changed {
    pub(crate) package: &'static str,
    /// Bytes that kiln keeps of it.
    pub(crate) kept: f64,
    pub(crate) builds: Sample,
    /// What cannot be left out for this package alone.
    pub(crate) floor: Sample,
    /// Layers that had to be written, and raw bytes in them.
    pub(crate) layers: u64,
    pub(crate) layer_bytes: u64,
}

/// Builds with one package changed and everything else in the store.
pub(crate) fn measure(
    bench: &Bench,
    changing: &[(&'static str, usize)],
) -> Result<Vec<Changed>, String> {
    let mut all = Vec::new();
    for &(package, times) in changing {
        let floor = bench.floor(times, Some(package))?;
        let mut builds = Vec::new();
        let (mut layers, mut layer_bytes) = (0, 0);
        for round in 1..=times {
            let lock = change(bench, package, round)?;
            builds.push(bench.kiln.timed(&bench.build(&lock)?)?);
            let packages = &bench.kiln.json(&bench.build(&lock)?)?["images"][0]["platforms"][0];
            let written: Vec<&Value> = packages["layers"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|layer| touched(layer, package))
                .collect();
            layers = written.len() as u64;
            layer_bytes = written
                .iter()
                .filter_map(|layer| layer["raw-size"].as_u64())
                .sum();
        }
        all.push(Changed {
            package,
            kept: number(&floor["kept"]),
            builds: Sample::of(builds),
            floor: Sample::of_json(&floor["milliseconds"]),
            layers,
            layer_bytes,
        });
    }
    Ok(all)
}

/// Whether a layer must be written again when this package changes: its own, and the one that kiln
/// makes, which holds the package database.
pub(crate) fn touched(layer: &Value, package: &str) -> bool {
    let packages = layer["packages"].as_array();
    packages.is_none_or(Vec::is_empty) || packages.into_iter().flatten().any(|one| one == package)
}

/// Packs a package again with another version and one line more in its copyright file, puts it
/// into the store, and writes a lock that names it.
fn change(bench: &Bench, package: &str, round: usize) -> Result<PathBuf, String> {
    let mut lock = read(&bench.lock)?;
    let entry = entries(&mut lock, bench.target)
        .find(|entry| entry["name"] == package)
        .ok_or_else(|| format!("the lock has no `{package}`"))?;
    let (version, digest) = (said(&entry["version"]), said(&entry["sha256"]));
    let version = format!("{version}+bench{round}");
    let folder = bench.kiln.work().join(format!("changed-{package}"));
    if round == 1 {
        let _ = fs::remove_dir_all(&folder);
        run(Command::new("dpkg-deb")
            .arg("-R")
            .arg(blob(bench, &digest))
            .arg(&folder))?;
    }
    let control = folder.join("DEBIAN/control");
    let fail = |error: std::io::Error| format!("cannot change `{package}`: {error}");
    let lines: Vec<String> = fs::read_to_string(&control)
        .map_err(fail)?
        .lines()
        .map(|line| match line.strip_prefix("Version: ") {
            Some(_) => format!("Version: {version}"),
            None => line.to_owned(),
        })
        .collect();
    fs::write(&control, lines.join("\n") + "\n").map_err(fail)?;
    let copyright = folder.join("usr/share/doc").join(package).join("copyright");
    let mut words = fs::read(&copyright).map_err(fail)?;
    words.extend_from_slice(format!("round {round}\n").as_bytes());
    fs::write(&copyright, words).map_err(fail)?;
    let packed = bench.kiln.work().join("changed.deb");
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "-Zxz", "-b"])
        .arg(&folder)
        .arg(&packed))?;
    let size = packed.metadata().map_err(fail)?.len();
    let hex = bench.kiln.put(&packed)?;
    entry["version"] = json!(version);
    entry["size"] = json!(size);
    entry["sha256"] = json!(format!("sha256:{hex}"));
    let path = bench.kiln.work().join("changed.lock");
    let bytes = serde_json::to_vec_pretty(&lock).map_err(|error| error.to_string())?;
    fs::write(&path, bytes).map_err(fail)?;
    Ok(path)
}

/// mmdebstrap unpacks the same files into an uncompressed tar file; absent where it does not run.
pub(crate) fn peer(bench: &Bench) -> Result<Option<Sample>, String> {
    let folder = bench.kiln.work().join("peer");
    let _ = fs::remove_dir_all(&folder);
    let fail = |error: std::io::Error| format!("cannot prepare the files for mmdebstrap: {error}");
    fs::create_dir_all(&folder).map_err(fail)?;
    let mut index = String::new();
    let mut names = Vec::new();
    for entry in entries(&mut read(&bench.lock)?, bench.target) {
        let (name, digest) = (said(&entry["name"]), said(&entry["sha256"]));
        let file = folder.join(format!("{name}.deb"));
        fs::copy(blob(bench, &digest), &file).map_err(fail)?;
        let control = Command::new("dpkg-deb")
            .arg("-f")
            .arg(&file)
            .output()
            .map_err(fail)?;
        index.push_str(&String::from_utf8_lossy(&control.stdout));
        index.push_str(&format!(
            "Filename: ./{name}.deb\nSize: {}\nSHA256: {}\n\n",
            entry["size"],
            digest.trim_start_matches("sha256:")
        ));
        names.push(name);
    }
    fs::write(folder.join("Packages"), index).map_err(fail)?;
    let source = format!("deb [trusted=yes] copy:{} ./", text(&folder)?);
    let include = format!("--include={}", names.join(","));
    let out = bench.kiln.work().join("peer.tar");
    let mut times = Vec::new();
    for _ in 0..FEW {
        let mut command = Command::new("mmdebstrap");
        command
            .args(["--variant=extract", &include, ""])
            .arg(&out)
            .arg(&source);
        match measure::wall(&mut command) {
            Ok(time) => times.push(time),
            // It needs root or user namespaces; where neither is to be had the row says so.
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(Sample::of(times)))
}

/// The sizes of the archives of the measured plan's packages.
pub(crate) fn archive_sizes(bench: &Bench) -> Result<Vec<u64>, String> {
    Ok(entries(&mut read(&bench.lock)?, bench.target)
        .filter_map(|entry| entry["size"].as_u64())
        .collect())
}

/// The packages of the measured plan.
fn entries<'a>(lock: &'a mut Value, target: &'a str) -> impl Iterator<Item = &'a mut Value> {
    lock["packages"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter(move |entry| {
            entry["in"]
                .as_array()
                .is_some_and(|targets| targets.iter().any(|one| one == target))
        })
}

fn read(path: &Path) -> Result<Value, String> {
    let bytes =
        fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn said(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn blob(bench: &Bench, digest: &str) -> PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    bench.kiln.store().join("blobs/sha256").join(hex)
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} failed: {status}"))
    }
}

#[cfg(test)]
mod tests {
    use super::touched;
    use serde_json::json;

    #[test]
    fn a_change_touches_its_own_layer_and_the_made_one() {
        let own = json!({"packages": ["curl", "zlib1g"]});
        assert!(touched(&own, "curl"));
        assert!(!touched(&own, "libc6"));
        assert!(touched(&json!({"packages": []}), "curl"));
    }
}
