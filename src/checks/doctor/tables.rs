//! Checks of the tables of both schemas.

use std::collections::BTreeMap;

use serde_json::json;

use crate::base::hint::{APPLY, PLAN, SEED};
use crate::base::text::{list, size};
use crate::checks::check::{Check, Status};
use crate::checks::expectations::Expectations;
use crate::checks::facts::{Filled, Relation, TargetFacts};
use crate::config::environment::Environment;
use crate::ledger::tables::MANAGED_TABLES;
use crate::schema::names::{CRITICAL_REFERENCE_TABLES, REFERENCE_TABLES};

pub(crate) fn checks(facts: &TargetFacts, expected: &Expectations<'_>) -> [Check; 3] {
    [all(facts), critical(facts), reference(facts, expected)]
}

/// Every table, with its rows and size.
fn all(facts: &TargetFacts) -> Check {
    let rows = facts.relations.iter().map(|relation| {
        vec![
            json!(relation.schema),
            json!(relation.name),
            json!(relation.kind),
            relation.rows.cell(),
            json!(relation.rows.source()),
            json!(relation.bytes.map(size)),
        ]
    });
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for relation in &facts.relations {
        *counts.entry(&relation.schema).or_default() += 1;
    }
    let counts = list(counts.iter().map(|(schema, count)| format!("{count} in {schema}")));
    let counts = if counts.is_empty() { "none".to_owned() } else { counts };
    Check::new("tables", Status::Pass, counts)
        .with_table(&["schema", "table", "kind", "rows", "row_count_is", "size"], rows.collect())
}

fn critical(facts: &TargetFacts) -> Check {
    const NAME: &str = "critical_tables";
    let missing: Vec<&&str> = MANAGED_TABLES.iter().filter(|name| !facts.has_table(name)).collect();
    if missing.is_empty() && !facts.missing_columns.is_empty() {
        let text = format!(
            "padealing lacks {}, which migrate and verify need; {PLAN} shows how the schema is mended",
            list(&facts.missing_columns)
        );
        return Check::new(NAME, Status::Fail, text);
    }
    if missing.is_empty() {
        return Check::new(NAME, Status::Pass, format!("all {} tables of padealing exist", MANAGED_TABLES.len()));
    }
    if missing.len() == MANAGED_TABLES.len() {
        return Check::new(NAME, Status::Fail, format!("padealing has none of its tables yet; run: {APPLY}"));
    }
    let text = format!("padealing lacks {}; apply creates them (see {PLAN})", list(missing));
    Check::new(NAME, Status::Fail, text)
}

fn reference(facts: &TargetFacts, expected: &Expectations<'_>) -> Check {
    const NAME: &str = "reference_tables";
    let found: BTreeMap<&str, &Relation> = facts
        .relations
        .iter()
        .filter(|table| table.schema == "bo_airflow")
        .map(|table| (&*table.name, table))
        .collect();
    let missing: Vec<&&str> = REFERENCE_TABLES.iter().filter(|name| !found.contains_key(**name)).collect();
    if !missing.is_empty() {
        let all_are = missing.len() == REFERENCE_TABLES.len();
        let what = if all_are { "all of its tables".to_owned() } else { list(missing) };
        let remedy = match expected.environment {
            Environment::Local if all_are => format!("{APPLY} creates the mirror in a local database"),
            _ => "ask the owner of bo_airflow to load them, or connect to the right database".to_owned(),
        };
        return Check::new(NAME, Status::Fail, format!("bo_airflow lacks {what}; {remedy}"));
    }
    let all = format!("all {} reference tables exist", REFERENCE_TABLES.len());
    let critical = CRITICAL_REFERENCE_TABLES.iter().map(|name| found[name]);
    let empty: Vec<&str> =
        critical.clone().filter(|table| table.filled == Filled::No).map(|table| &*table.name).collect();
    if !empty.is_empty() {
        let remedy = match expected.environment {
            Environment::Local => format!("run: {SEED}"),
            _ => "ask the owner of bo_airflow to load them".to_owned(),
        };
        return Check::new(NAME, Status::Fail, format!("{all}, but these are empty: {}; {remedy}", list(empty)));
    }
    let unknown = critical.filter_map(|relation| match &relation.filled {
        Filled::Unknown(why) => Some(format!("{} ({why})", relation.name)),
        _ => None,
    });
    let unknown: Vec<String> = unknown.collect();
    if !unknown.is_empty() {
        let text = format!("{all}; whether these have rows is unknown: {}", list(unknown));
        return Check::new(NAME, Status::Warn, text);
    }
    let text = format!("{all}, and the critical ones have rows: {}", list(CRITICAL_REFERENCE_TABLES));
    Check::new(NAME, Status::Pass, text)
}
