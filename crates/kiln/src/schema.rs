//! The schema of everything that `--json` prints, committed as `schemas/cli.json`.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::commands::{build, cache, catalog, check, diff, lock, show, version, why};
use crate::testing::report::TestAnswer;

/// The schema of each command's answer.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let answers = json!({
        "build": generator.subschema_for::<build::BuildAnswer>(),
        "cache": generator.subschema_for::<cache::CacheAnswer>(),
        "catalog": generator.subschema_for::<catalog::CatalogAnswer>(),
        "check": generator.subschema_for::<check::CheckAnswer>(),
        "diff": generator.subschema_for::<diff::DiffAnswer>(),
        "error": generator.subschema_for::<crate::failure::ErrorAnswer>(),
        "lock": generator.subschema_for::<lock::LockAnswer>(),
        "show --cut": generator.subschema_for::<show::CutAnswer>(),
        "show --packages": generator.subschema_for::<show::PackagesAnswer>(),
        "show --why-kept": generator.subschema_for::<show::WhyKeptAnswer>(),
        "test": generator.subschema_for::<TestAnswer>(),
        "version": generator.subschema_for::<version::VersionAnswer>(),
        "why": generator.subschema_for::<why::WhyAnswer>(),
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What kiln's commands print with --json",
        "properties": answers,
        "$defs": generator.take_definitions(true),
    })
}

#[test]
fn the_committed_schema_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/cli.json");
    let text = format!("{:#}\n", schema());
    #[expect(
        clippy::disallowed_methods,
        reason = "the switch that writes the file instead of comparing it"
    )]
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "schemas/cli.json is not current: run `cargo xtask schemas`"
    );
}
