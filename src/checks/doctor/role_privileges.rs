//! Whether the configured roles have what the data model gives them.

use crate::base::quote::quote_identifier;
use crate::base::text::{list, plural};
use crate::checks::check::{Check, Status};
use crate::checks::doctor::subjects::{Part, Subject};
use crate::checks::expectations::Expectations;
use crate::checks::facts::{Relation, TargetFacts};
use crate::config::settings::Roles;
use crate::ledger::tables::MANAGED_TABLES;
use crate::schema::names::{APPLICATION_TABLES, CRITICAL_REFERENCE_TABLES, REFERENCE_TABLES};

pub(crate) fn check(facts: &TargetFacts, expected: &Expectations<'_>, subjects: &[Subject<'_>]) -> Check {
    const NAME: &str = "role_privileges";
    let missing = facts.missing_roles.iter();
    let mut problems: Vec<String> = missing.map(|(key, role)| format!("role {role} ({key}) doesn't exist")).collect();
    let has_schemas = facts.schema_rights.iter().any(|it| it.schema == "bo_airflow")
        && MANAGED_TABLES.iter().any(|name| facts.has_table(name));
    if problems.is_empty() && !has_schemas {
        return Check::new(NAME, Status::Skip, "one of the schemas, or its tables, don't exist yet");
    }
    let mut complete = Vec::new();
    for Subject { role, parts } in subjects {
        for part in parts.iter().filter(|part| **part != Part::Connected) {
            if *part == Part::Owner {
                problems.extend(ownership(facts, role));
            }
            let missing = missing_grants(facts, role, *part);
            if missing.is_empty() {
                complete.push(format!("{role} ({})", part.as_str()));
            } else {
                problems.push(format!("{role} ({}) lacks: {}", part.as_str(), missing.join("; ")));
            }
        }
    }
    if !problems.is_empty() {
        return Check::new(NAME, Status::Fail, problems.join(". "));
    }
    let unset = unset(expected.roles);
    let unset =
        if unset.is_empty() { String::new() } else { format!("; not configured, so not checked: {}", list(unset)) };
    match complete.is_empty() {
        true => Check::new(NAME, Status::Skip, format!("no role is configured{unset}")),
        false => Check::new(NAME, Status::Pass, format!("complete for {}{unset}", list(complete))),
    }
}

/// The grants that a role lacks for its part, as SQL.
fn missing_grants(facts: &TargetFacts, role: &str, part: Part) -> Vec<String> {
    const WORK: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];
    let reference: (&str, &[&str], &[&str]) = ("bo_airflow", &REFERENCE_TABLES, &["SELECT"]);
    let mut missing = match part {
        Part::App => facts.grants(role, &[("padealing", APPLICATION_TABLES, WORK), reference]),
        Part::Reader => facts.grants(role, &[("padealing", MANAGED_TABLES, &["SELECT"]), reference]),
        Part::Owner | Part::Connected => {
            facts.grants(role, &[("bo_airflow", &CRITICAL_REFERENCE_TABLES[..2], &["SELECT", "REFERENCES"])])
        }
    };
    let closed = facts.schema(role, "padealing").map(|it| &it.closed_sequences).filter(|it| !it.is_empty());
    if let Some(closed) = closed.filter(|_| part == Part::App) {
        let names = closed.iter().map(|name| format!("padealing.{}", quote_identifier(name)));
        missing.push(format!("grant usage on sequence {} to {}", list(names), quote_identifier(role)));
    }
    missing
}

/// What of padealing doesn't belong to the role that DB_OWNER_ROLE names.
fn ownership(facts: &TargetFacts, role: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(other) = facts.role.application_owner.as_ref().filter(|owner| *owner != role) {
        problems.push(format!("padealing belongs to {other}, but DB_OWNER_ROLE is {role}"));
    }
    let managed = facts.relations.iter().filter(|it| it.schema == "padealing" && MANAGED_TABLES.contains(&&*it.name));
    let others: Vec<&Relation> = managed.filter(|it| it.owner != role).collect();
    if let Some(first) = others.first() {
        let count = plural(others.len() as u64, "table of padealing belongs", "tables of padealing belong");
        let (table, owner) = (quote_identifier(&first.name), quote_identifier(role));
        problems.push(format!(
            "{count} to other roles than {role}; run for each: alter table padealing.{table} owner to {owner}"
        ));
    }
    problems
}

/// The keys that name no role.
fn unset(roles: &Roles) -> Vec<&'static str> {
    let keys = [("DB_OWNER_ROLE", &roles.owner), ("DB_APP_ROLE", &roles.app), ("DB_READER_ROLE", &roles.reader)];
    keys.into_iter().filter(|(_, role)| role.is_none()).map(|(key, _)| key).collect()
}
