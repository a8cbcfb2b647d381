//! `docs/catalog.md`: every image of the catalog in every variant on every platform, as this kiln
//! builds it today, with the tests that passed on exactly that image.
//!
//! The tests are those that `scripts/interop/08-every-image-everywhere` ran last; it leaves what
//! `kiln test --json` said in `.cache/catalog`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What others publish of images of the same name.
const PUBLISHED: &str = "\
Published figures of images of the same name, linux/amd64, packages and compressed size: node, hardened by
Docker 19 and 41 MB, official 745 and 408 MB; python, hardened by Docker 80 and 35 MB, official 610 and
412 MB. They count what each vendor counts and are of another day (docs.docker.com, Docker Scout's
comparisons, read in 2026).
";

/// Builds the whole catalog and writes `docs/catalog.md`.
///
/// # Errors
/// When an image cannot be built or the document cannot be written.
pub fn write(root: &Path) -> Result<(), String> {
    let status = Command::new("scripts/build-start")
        .arg("--release")
        .current_dir(root)
        .status();
    if !status.is_ok_and(|status| status.success()) {
        return Err("the start program cannot be built".to_owned());
    }
    crate::cargo(
        root,
        &[
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "kiln",
        ],
    )?;
    let program = root.join("target/release/kiln");
    let known = kiln(&program, &["catalog", "--json"])?;
    let mut text = String::from(
        "# The catalog, image by image\n\nWritten by `cargo xtask catalog`: what this kiln builds from \
         the packages of the day, and the declared tests that passed in a container engine on exactly \
         that image (`make interop-all` runs them: as declared, and for `standard` also as an arbitrary \
         user with group 0 under limits; arm64 under qemu).\n\n| image | platform | packages | compressed | unpacked | user | shell | setuid | \
         scripts | tests | digest |\n|---|---|---:|---:|---:|---|---|---:|---|---:|---|\n",
    );
    for image in list(&known["images"]) {
        let name = said(&image["name"]);
        let built = kiln(
            &program,
            &[
                "build",
                &name,
                "--version",
                "all",
                "--variant",
                "all",
                "--platform",
                "all",
                "--json",
            ],
        )?;
        let tests = tests(root, &name);
        for line in list(&built["images"]) {
            for platform in list(&line["platforms"]) {
                text.push_str(&row(&name, line, platform, &tests));
            }
        }
    }
    let _ = write!(text, "\n{PUBLISHED}");
    let path = root.join("docs/catalog.md");
    fs::write(&path, text).map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

/// Passed tests and all tests by the digest of the image they ran on.
fn tests(root: &Path, image: &str) -> BTreeMap<String, (usize, usize)> {
    let path = root.join(".cache/catalog").join(format!("{image}.json"));
    let answer: Value = fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let mut found = BTreeMap::new();
    for target in list(&answer["targets"]) {
        let tests = list(&target["tests"]);
        let passed = tests.iter().filter(|test| test["passed"] == true).count();
        let entry = found.entry(said(&target["digest"])).or_insert((0, 0));
        entry.0 += passed;
        entry.1 += tests.len();
    }
    found
}

fn row(
    image: &str,
    line: &Value,
    platform: &Value,
    tests: &BTreeMap<String, (usize, usize)>,
) -> String {
    let digest = said(&platform["digest"]);
    let shell = match (list(&platform["shells"]), list(&platform["command-gate"])) {
        ([], []) => "none".to_owned(),
        ([], gate) => format!("gate of {} commands", gate.len()),
        (shells, _) => {
            let names = shells.iter().map(said).collect::<Vec<_>>();
            let mut names: Vec<&str> = names
                .iter()
                .filter_map(|path| path.rsplit('/').next())
                .collect();
            names.sort_unstable();
            names.dedup();
            names.join(", ")
        }
    };
    let scripts = &platform["scripts"];
    let count = |key: &str| scripts[key].as_u64().unwrap_or(0);
    let scripts = match (count("total"), count("left-out"), count("withheld")) {
        (all, 0, 0) => format!("{all} of {all}"),
        (all, 0, withheld) => format!("{all} of {all}, {withheld} withheld"),
        (all, left_out, _) => format!("{} of {all}", all - left_out),
    };
    let tests = tests.get(&digest).map_or_else(
        || "not run".to_owned(),
        |(passed, all)| format!("{passed} of {all}"),
    );
    format!(
        "| `{image}:{}` | {} | {} | {} | {} | {} | {shell} | {} | {scripts} | {tests} | `{}` |\n",
        tag(line),
        said(&platform["platform"]).trim_start_matches("linux/"),
        platform["packages"],
        size(&platform["compressed"]),
        size(&platform["unpacked"]),
        said(&platform["user"]),
        list(&platform["setuid"]).len(),
        digest.get(..19).unwrap_or(&digest),
    )
}

/// The line's tag, with the variant's suffix.
fn tag(line: &Value) -> String {
    let line_name = said(&line["line"]);
    match said(&line["variant"]).as_str() {
        "standard" => line_name,
        variant => format!("{line_name}-{variant}"),
    }
}

fn size(bytes: &Value) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people, in megabytes")]
    let megabytes = bytes.as_u64().unwrap_or(0) as f64 / 1e6;
    match megabytes {
        small if small < 10.0 => format!("{small:.1} MB"),
        large => format!("{large:.0} MB"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn said(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn kiln(program: &Path, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(program)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start kiln: {error}"))?;
    if !output.status.success() {
        return Err(format!("`kiln {}` failed", arguments.join(" ")));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}
