//! Every hostile fixture through the whole binary: an answer that names the thing and the reason, the
//! exit code that fits, memory below the cap, and nothing written but the store.
//!
//! What each gave stands in `docs/hostile-input.md`; the table there is held to what happens here.
//! `KILN_WRITE_DOCUMENTS=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use kiln_testkit::attack::{Attack, Hostile, attacks, hostile_package};

use crate::world::{DEFINITION, World, repository, without_digests};

/// The most memory that any of them may make kiln hold, in MiB. The document says the same number.
pub(crate) const MEMORY: u64 = 256;
/// The most seconds, on a machine that does other things too.
pub(crate) const SECONDS: u64 = 60;

/// What a fixture gave.
struct Row {
    name: &'static str,
    command: &'static str,
    code: i32,
    message: String,
}

#[test]
fn every_attack_gets_an_answer_and_nothing_else() {
    let only = std::env::var("KILN_ATTACK").ok();
    let mut chosen = attacks();
    chosen.retain(|attack| only.as_ref().is_none_or(|only| attack.name.contains(only)));
    let left = Mutex::new(chosen.into_iter().enumerate());
    let rows: Mutex<Vec<(usize, Result<Row, String>)>> = Mutex::new(Vec::new());
    let next = || left.lock().unwrap().next();
    // A machine that is short of memory must not see several of them at once.
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, attack)) = next() {
                    let row = run(attack);
                    rows.lock().unwrap().push((number, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(number, _)| *number);
    let (mut table, mut faults) = (String::new(), String::new());
    for (_, row) in rows {
        match row {
            Ok(row) => {
                writeln!(
                    table,
                    "| {} | `{}` | {} | {} |",
                    row.name,
                    row.command,
                    row.code,
                    row.message.replace('|', "\\|")
                )
                .unwrap();
            }
            Err(fault) => faults.push_str(&fault),
        }
    }
    assert!(faults.is_empty(), "{faults}");
    if only.is_none() {
        compare(("<!-- what each gave -->\n", "<!-- end -->\n"), &table);
    }
}

/// A table of the document, between two comments.
pub(crate) fn compare(marks: (&str, &str), table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hostile-input.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = marks;
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let head = "\n| attack | command | code | answer |\n|---|---|---|---|\n";
    let made = format!("{before}{begin}{head}{table}\n{end}{after}");
    assert!(
        text.contains(&format!("{MEMORY} MiB")),
        "the document says another cap"
    );
    if std::env::var_os("KILN_WRITE_DOCUMENTS").is_some() {
        fs::write(&path, made).unwrap();
        return;
    }
    assert!(
        made == text,
        "docs/hostile-input.md is not what happens (KILN_WRITE_DOCUMENTS=1 writes it): now\n{table}"
    );
}

fn run(attack: Attack) -> Result<Row, String> {
    let name = attack.name;
    let world = world((attack.make)());
    let is_lock = world.environment.work().join("image.lock").exists();
    let command = "build";
    let mut arguments = vec![
        "build",
        "image.yaml",
        "--platform",
        "amd64",
        "-o",
        "rootfs:out",
    ];
    if is_lock {
        arguments.extend(["--lock", "image.lock"]);
    }
    let before = files(world.environment.folder());
    let started = Instant::now();
    let (code, stderr, memory) = measured(&world, "attack", &arguments);
    let seconds = started.elapsed().as_secs();
    if std::env::var_os("KILN_ATTACK").is_some() {
        eprintln!(
            "{name}: {code:?}, {memory:?} MiB, {:?}\n{stderr}",
            started.elapsed()
        );
    }
    let mut faults = String::new();
    let mut fault = |what: &str| {
        let shown: String = stderr.chars().take(600).collect();
        writeln!(faults, "== {name}: {what}\n{shown}").unwrap();
    };
    let Some(code) = code.filter(|code| matches!(code, 0 | 1 | 4)) else {
        fault(&format!("ended with {code:?}"));
        return Err(faults);
    };
    if memory.is_some_and(|memory| memory > MEMORY) {
        fault(&format!("took {memory:?} MiB of memory"));
    }
    if seconds > SECONDS {
        fault(&format!("took {seconds} s"));
    }
    if stderr.contains("panicked") || stderr.chars().any(|c| c.is_control() && c != '\n') {
        fault("panicked, or control characters came through");
    }
    if stderr.len() > 8_000 {
        fault("said too much");
    }
    let about_a_document = stderr.contains("image.yaml")
        || stderr.contains("image.lock")
        || stderr.contains("keyring.asc");
    let about_a_package = ["zlib1g", "trixie", "Packages", "tiny 1.26/"]
        .iter()
        .any(|word| stderr.contains(word));
    if code != 0 && !about_a_document && !about_a_package {
        fault("names nothing");
    }
    let appeared: Vec<PathBuf> = files(world.environment.folder())
        .difference(&before)
        .filter(|path| !path.starts_with("store") && !path.starts_with("work/image.lock"))
        .cloned()
        .collect();
    let allowed = code == 0 && appeared.iter().all(|path| path.starts_with("work/out"));
    if !appeared.is_empty() && !allowed {
        fault(&format!("left {appeared:?}"));
    }
    if faults.is_empty() {
        Ok(Row {
            name,
            command,
            code,
            message: answer(&stderr, code),
        })
    } else {
        Err(faults)
    }
}

/// A tiny Debian in which one thing is hostile.
fn world(hostile: Hostile) -> World {
    let packages = |bytes: &[u8]| {
        ["amd64", "arm64"]
            .map(|architecture| hostile_package(architecture, bytes.to_vec()))
            .into_iter()
            .collect::<Vec<_>>()
    };
    let good = repository();
    let with = |repository| World::with(&repository, DEFINITION);
    match hostile {
        Hostile::Package(bytes) => with(good.remove("zlib1g").add_all(packages(&bytes))),
        Hostile::Index(compression, bytes) => with(good.index(compression, bytes)),
        Hostile::Stanzas(text) => with(good.stanzas(&text)),
        Hostile::Release(edit) => with(good.edit_release(edit)),
        Hostile::InRelease(bytes) => {
            let world = with(good);
            fs::write(world.site.join("dists/trixie/InRelease"), bytes).unwrap();
            world
        }
        Hostile::Definition(bytes) => {
            let world = with(good);
            world.environment.write("image.yaml", bytes);
            world
        }
        Hostile::Lock(bytes) => {
            let world = with(good);
            world.environment.write("image.lock", bytes);
            world
        }
        Hostile::Keyring(bytes) => {
            let world = with(good);
            world.environment.write("keyring.asc", bytes);
            world
        }
    }
}

/// Exit code, standard error, and the most memory in MiB (as GNU time sees it, where it is).
pub(crate) fn measured(
    world: &World,
    name: &str,
    arguments: &[&str],
) -> (Option<i32>, String, Option<u64>) {
    let plain = world.environment.command(arguments);
    let record = world.environment.folder().join(format!("{name}.time"));
    let time = Path::new("/usr/bin/time");
    let mut command = if time.exists() {
        let mut command = Command::new(time);
        command.args(["-q", "-f", "%M", "-o"]).arg(&record);
        command.args(["timeout", "--signal=KILL", &SECONDS.to_string()]);
        command.arg(plain.get_program()).args(plain.get_args());
        command.env_clear();
        for (name, value) in plain.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.current_dir(world.environment.work());
        command
    } else {
        eprintln!("SKIPPED: memory is measured with GNU time, which is not here");
        plain
    };
    // What a machine with two processors does, on every machine.
    command.env("KILN_JOBS", "2").stdin(Stdio::null());
    let output = command.output().unwrap();
    let kibibytes = fs::read_to_string(&record).unwrap_or_default();
    let _ = fs::remove_file(&record);
    let stderr = world
        .environment
        .normalised(&String::from_utf8_lossy(&output.stderr));
    let memory = kibibytes.trim().parse::<u64>().ok();
    (
        output.status.code(),
        stderr,
        memory.map(|kibibytes| kibibytes >> 10),
    )
}

/// Everything below a folder.
pub(crate) fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
            found.insert(entry.path().strip_prefix(folder).unwrap().to_owned());
        }
    }
    found
}

/// The first line that says what is wrong, short enough for a table.
pub(crate) fn answer(stderr: &str, code: i32) -> String {
    let text = without_digests(stderr);
    let mut lines = text
        .lines()
        .filter(|line| !line.starts_with("locked ") && !line.trim().is_empty());
    let first = lines
        .clone()
        .find(|line| line.contains("error"))
        .or_else(|| lines.next())
        .unwrap_or_default();
    if code == 0 {
        return "built: it is taken as harmless".to_owned();
    }
    // Where several mirrors are asked, the reasons stand on lines of their own.
    let reason = text
        .lines()
        .skip_while(|line| *line != first)
        .nth(1)
        .filter(|line| first.ends_with(':') || line.starts_with("  - "))
        .map_or(String::new(), |line| format!(" {}", line.trim()));
    let all = format!("{}{reason}", first.trim_start_matches("error: "));
    let shown: String = all.chars().take(240).collect();
    shown.replace("[MIRROR]", "…")
}
