//! Every hostile image, layout and document through `kiln sbom`: an answer, the exit code that fits,
//! memory below the cap, and nothing written. What could be read is an answer only together with
//! what could not (exit code 3), and no policy takes such an answer for a whole one.

use std::fmt::Write as _;
use std::sync::Mutex;

use kiln_testkit::attack::{IMAGE_ATTACKS, ImageAttack};

use crate::attacks::{MEMORY, SECONDS, answer, compare, files, measured};
use crate::world::{DEFINITION, World, repository};

/// Attacks on one limit, and what is said when it is reached. Whoever makes the search cleverer must
/// make the attack cleverer too, or the limit is no longer tried.
const LIMITS: &[(&str, &str)] = &[
    (
        "a program that begins a list of crates everywhere",
        "so many begins of compressed data that it was not searched for crates to its end",
    ),
    ("crates that unpack without end", "it unpacks to more than"),
    (
        "a million files",
        "the archive has more than 1000000 entries",
    ),
    (
        "a jar of jars that fan out, four deep",
        "it holds more than 20000 archives",
    ),
    (
        "four thousand versions that need each other",
        "in more than 500000 ways",
    ),
];

#[test]
fn every_hostile_image_gets_an_answer_and_nothing_else() {
    let only = std::env::var("KILN_ATTACK").ok();
    let mut chosen: Vec<&ImageAttack> = IMAGE_ATTACKS.iter().collect();
    chosen.retain(|attack| only.as_ref().is_none_or(|only| attack.name.contains(only)));
    for (name, _) in LIMITS {
        let is_there = IMAGE_ATTACKS.iter().any(|attack| attack.name == *name);
        assert!(is_there, "there is no attack `{name}`");
    }
    let world = World::with(&repository(), DEFINITION);
    let left = Mutex::new(chosen.into_iter().enumerate());
    let rows: Mutex<Vec<(usize, Result<String, String>)>> = Mutex::new(Vec::new());
    let next = || left.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((number, attack)) = next() {
                    let row = run(&world, attack, number);
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
            Ok(row) => table.push_str(&row),
            Err(fault) => faults.push_str(&fault),
        }
    }
    assert!(faults.is_empty(), "{faults}");
    if only.is_none() {
        let marks = (
            "<!-- what each image gave -->\n",
            "<!-- end of images -->\n",
        );
        compare(marks, &table);
    }
}

fn run(world: &World, attack: &ImageAttack, number: usize) -> Result<String, String> {
    let folder = format!("attack-{number}");
    let made = (attack.make)();
    for (path, bytes) in &made {
        world.environment.write(&format!("{folder}/{path}"), bytes);
    }
    let first = made.first().map_or("", |(path, _)| path.as_str());
    let place = first.split('/').next().unwrap_or_default();
    let image = format!("{}:{folder}/{place}", attack.transport);
    let inside = world.environment.work().join(&folder);
    let before = files(&inside);
    let report = world.environment.work().join(format!("{folder}.json"));
    let report_name = format!("{folder}.json");
    let arguments = ["sbom", &image, "--format", "json", "-o", &report_name];
    let (code, stderr, memory) = measured(world, &folder, &arguments);
    let mut faults = String::new();
    let mut fault = |what: &str| {
        let shown: String = stderr.chars().take(600).collect();
        writeln!(faults, "== {}: {what}\n{shown}", attack.name).unwrap();
    };
    let Some(code) = code.filter(|code| matches!(code, 0 | 1 | 3 | 4)) else {
        fault(&format!("ended with {code:?} (within {SECONDS} s)"));
        return Err(faults);
    };
    if memory.is_some_and(|memory| memory > MEMORY) {
        fault(&format!("took {memory:?} MiB of memory"));
    }
    if stderr.contains("panicked") || stderr.chars().any(|c| c.is_control() && c != '\n') {
        fault("panicked, or control characters came through");
    }
    if stderr.len() > 8_000 {
        fault("said too much");
    }
    let names_something = ["image", "not read: ", "layer sha256:", "blob sha256:"];
    if code != 0 && !names_something.iter().any(|word| stderr.contains(word)) {
        fault("names nothing");
    }
    // An answer is there when it is one, and says what it lacks when it lacks something.
    let text = std::fs::read_to_string(&report).unwrap_or_default();
    let is_partial = text.contains("\n  \"incomplete\": [");
    if (code == 3) != is_partial || text.is_empty() != matches!(code, 1 | 4) {
        fault(&format!(
            "ended with {code}, and its list is of {} bytes",
            text.len()
        ));
    }
    if let Some((_, limit)) = LIMITS.iter().find(|(name, _)| *name == attack.name)
        && !(code == 3 && stderr.contains(limit) && text.contains(limit))
    {
        fault(&format!("does not reach its limit: {limit}"));
    }
    if files(&inside) != before {
        fault("left something");
    }
    let _ = std::fs::remove_dir_all(&inside);
    if !faults.is_empty() {
        return Err(faults);
    }
    let said = match code {
        0 => "read: it is taken as harmless".to_owned(),
        _ => answer(&stderr.replace(&format!("{folder}/"), ""), code),
    };
    let said = said.replace('|', "\\|");
    Ok(format!(
        "| {} | `{}:` | {code} | {said} |\n",
        attack.name, attack.transport
    ))
}
