//! The schema of everything that `--json` prints, committed as `schemas/cli.json`, and that of the
//! list of cuts in images, `schemas/cut.json`.

mod findings;
mod images;
mod inventory;

use std::collections::BTreeMap;

use kiln_pipeline::{CutFiles, CutList, CutPackage, CutRule};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::{build, cache, catalog, check, db, diff, lock, show, version, vex, why};
use crate::testing::report::TestAnswer;

/// The schema of each command's answer.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let answers = json!({
        "build": generator.subschema_for::<build::BuildAnswer>(),
        "cache": generator.subschema_for::<cache::CacheAnswer>(),
        "catalog": generator.subschema_for::<catalog::CatalogAnswer>(),
        "check": generator.subschema_for::<check::CheckAnswer>(),
        "compare": generator.subschema_for::<images::Comparison>(),
        "db": generator.subschema_for::<db::DbAnswer>(),
        "diff": generator.subschema_for::<diff::DiffAnswer>(),
        "explain": generator.subschema_for::<findings::Explanation>(),
        "error": generator.subschema_for::<crate::failure::ErrorAnswer>(),
        "gate": generator.subschema_for::<images::Verdicts>(),
        "lock": generator.subschema_for::<lock::LockAnswer>(),
        "quickview": generator.subschema_for::<inventory::Inventory>(),
        "sbom": generator.subschema_for::<inventory::Inventory>(),
        "scan": generator.subschema_for::<findings::Findings>(),
        "score": generator.subschema_for::<images::Score>(),
        "show --cut": generator.subschema_for::<show::CutAnswer>(),
        "show --packages": generator.subschema_for::<show::PackagesAnswer>(),
        "show --why-kept": generator.subschema_for::<show::WhyKeptAnswer>(),
        "test": generator.subschema_for::<TestAnswer>(),
        "version": generator.subschema_for::<version::VersionAnswer>(),
        "vex explain": generator.subschema_for::<vex::VexExplainAnswer>(),
        "why": generator.subschema_for::<why::WhyAnswer>(),
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What kiln's commands print with --json",
        "properties": answers,
        "$defs": generator.take_definitions(true),
    })
}

/// What `/usr/share/kiln/cut.json` holds: what left the image that it is in.
#[derive(Debug, Deserialize, JsonSchema)]
struct CutFile {
    /// 1. Changes when a field changes its meaning.
    format: u32,
    /// What each rule means, by its name.
    rules: BTreeMap<String, String>,
    /// Packages that left as a whole, by name.
    packages: Vec<CutFilePackage>,
    /// Files that left packages which stay, by package and rule.
    files: Vec<CutFileFiles>,
}

/// A package that left.
#[derive(Debug, Deserialize, JsonSchema)]
struct CutFilePackage {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// The name of the rule.
    rule: String,
}

/// Files that left a package.
#[derive(Debug, Deserialize, JsonSchema)]
struct CutFileFiles {
    /// The package.
    package: String,
    /// The name of the rule.
    rule: String,
    /// Their paths, sorted.
    paths: Vec<String>,
}

fn cut_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.root_schema_for::<CutFile>().to_value();
    schema["title"] = json!("What left an image of kiln's: /usr/share/kiln/cut.json");
    schema
}

/// The list that images have is what the schema says, with every field and no other.
#[test]
fn the_list_of_cuts_is_what_its_schema_says() {
    let list = CutList {
        packages: vec![CutPackage {
            name: "debconf".to_owned(),
            version: "1".to_owned(),
            rule: CutRule::UnreachedPackage,
        }],
        files: vec![CutFiles {
            package: "openssl".to_owned(),
            rule: CutRule::DanglingLink,
            paths: vec!["/a".to_owned()],
        }],
    };
    let text = list.file();
    let read: CutFile = serde_json::from_slice(&text).unwrap();
    assert_eq!((read.format, read.rules.len()), (1, CutRule::ALL.len()));
    let (package, files) = (&read.packages[0], &read.files[0]);
    assert_eq!((&package.name[..], &package.version[..]), ("debconf", "1"));
    assert_eq!((&files.package[..], &files.paths[0][..]), ("openssl", "/a"));
    for rule in [&package.rule, &files.rule] {
        assert!(read.rules.contains_key(rule));
    }
    let value: Value = serde_json::from_slice(&text).unwrap();
    let schema = cut_schema();
    let keys = |object: &Value| -> Vec<String> {
        let mut keys: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    for (object, described) in [
        (&value, &schema),
        (&value["packages"][0], &schema["$defs"]["CutFilePackage"]),
        (&value["files"][0], &schema["$defs"]["CutFileFiles"]),
    ] {
        assert_eq!(keys(object), keys(&described["properties"]));
    }
}

#[test]
fn the_committed_schemas_are_current() {
    current("cli.json", &schema());
    current("cut.json", &cut_schema());
}

fn current(name: &str, schema: &Value) {
    let path = format!("{}/../../schemas/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = format!("{schema:#}\n");
    #[expect(
        clippy::disallowed_methods,
        reason = "the switch that writes the file instead of comparing it"
    )]
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "schemas/{name} is not current: run `cargo xtask schemas`"
    );
}
