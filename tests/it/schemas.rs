//! The JSON of each command has a schema, generated from the types and committed: a change of the contract is a change
//! of a file in `schemas/`. Every JSON that a test gets from the program is held against it (`check`).
//!
//! `PAD_RECORD=1 cargo test schemas` writes the files.

use std::process::Output;

use pad_migrate::migration::evidence;
use pad_migrate::report::apply::ChangeJson;
use pad_migrate::report::backup::BackupJson;
use pad_migrate::report::clean::CleanJson;
use pad_migrate::report::doctor::DoctorJson;
use pad_migrate::report::document::ReportJson;
use pad_migrate::report::drift::json::DriftJson;
use pad_migrate::report::evidence::EvidenceCheckJson;
use pad_migrate::report::evidence::show::ShownJson;
use pad_migrate::report::gate::{FlagsJson, GateJson};
use pad_migrate::report::integrity::IntegrityJson;
use pad_migrate::report::layout::Failed;
use pad_migrate::report::migrate::MigrateJson;
use pad_migrate::report::plan::json::PlanJson;
use pad_migrate::report::rehearsal::RehearseJson;
use pad_migrate::report::restore::RestoreJson;
use pad_migrate::report::revert::RevertJson;
use pad_migrate::report::rollback::RollbackJson;
use pad_migrate::report::status::StatusJson;
use pad_migrate::report::verify::VerifyJson;
use pad_migrate::schema::backup::Manifest;
use pad_migrate::schema::snapshot::SnapshotJson;
use pretty_assertions::assert_eq;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use crate::tidy::{files, root};

/// What a command prints: its result, or why there is none.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is wanted")]
enum Printed<T> {
    Done(T),
    Failed(Failed),
}

fn schema<T: JsonSchema>() -> Schema {
    SchemaGenerator::from(SchemaSettings::draft2020_12().for_serialize()).into_root_schema_for::<Printed<T>>()
}

/// What the gate prints: its decision, or that nothing is wrong with its flags.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is wanted")]
enum OfGate {
    Decided(Box<GateJson>),
    Flags(FlagsJson),
}

/// What `evidence` prints: a row, or what a bundle is worth.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is wanted")]
enum OfEvidence {
    Shown(Box<ShownJson>),
    Checked(Box<EvidenceCheckJson>),
}

/// The commands that print JSON as their result.
pub(crate) fn commands() -> Vec<&'static str> {
    // These are files.
    all()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !["evidence-manifest", "manifest", "snapshot"].contains(name))
        .collect()
}

/// The commands that print JSON, with what they print.
fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("apply", schema::<ChangeJson>()),
        ("backup", schema::<BackupJson>()),
        ("clean", schema::<CleanJson>()),
        ("doctor", schema::<DoctorJson>()),
        ("drift", schema::<DriftJson>()),
        ("evidence", schema::<OfEvidence>()),
        ("evidence-manifest", schema::<evidence::manifest::Manifest>()),
        ("integrity", schema::<IntegrityJson>()),
        ("gate", schema::<OfGate>()),
        ("migrate", schema::<MigrateJson>()),
        ("plan", schema::<PlanJson>()),
        ("manifest", schema::<Manifest>()),
        ("rehearse", schema::<RehearseJson>()),
        ("report", schema::<ReportJson>()),
        ("restore", schema::<RestoreJson>()),
        ("revert", schema::<RevertJson>()),
        ("rollback", schema::<RollbackJson>()),
        ("status", schema::<StatusJson>()),
        ("snapshot", schema::<SnapshotJson<'static>>()),
        ("verify", schema::<VerifyJson>()),
    ]
}

#[test]
fn the_schemas_are_those_of_the_types() {
    let folder = root().join("schemas");
    let record = std::env::var_os("PAD_RECORD").is_some();
    for (command, schema) in all() {
        let path = folder.join(format!("{command}.json"));
        let text = format!("{:#}\n", schema.as_value());
        if record {
            std::fs::write(&path, &text).expect("the schema is written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(committed, text, "schemas/{command}.json; PAD_RECORD=1 cargo test schemas writes it");
    }
    let named: Vec<String> = all().iter().map(|(command, _)| format!("{command}.json")).collect();
    for file in files("schemas", ".json") {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        assert!(named.contains(&name), "schemas/{name} is the schema of no command");
    }
}

/// Holds what a run of the program has printed against the schema, if it is JSON of a command.
#[track_caller]
pub(crate) fn check(output: &Output) {
    let Ok(value) = serde_json::from_slice::<Value>(&output.stdout) else { return };
    if value["tool"] != "pad-migrate" {
        return;
    }
    let command = value["command"].as_str().expect("JSON names its command").to_owned();
    let schemas = all();
    let (_, schema) = schemas
        .iter()
        .find(|(name, _)| *name == command)
        .unwrap_or_else(|| panic!("{command} prints JSON and has no schema"));
    let validator = jsonschema::validator_for(schema.as_value()).expect("it is a schema");
    let wrong: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{command} prints what its schema doesn't allow: {}", wrong.join("\n"));
}
