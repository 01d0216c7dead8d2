//! What the connected role can do.

use serde_json::{Value, json};

use crate::checks::check::{Check, Status};
use crate::checks::doctor::subjects::Subject;
use crate::checks::expectations::Expectations;
use crate::checks::facts::{TableRights, TargetFacts};
use crate::ledger::tables::MANAGED_TABLES;

/// What the connected role can do: read, apply, migrate. The table has every role's privileges.
pub(crate) fn check(facts: &TargetFacts, expected: &Expectations<'_>, subjects: &[Subject<'_>]) -> Check {
    connected(facts, expected).with_table(COLUMNS, rows(facts, subjects))
}

const COLUMNS: &[&str] = &["role", "schema", "usage", "create", "select", "insert", "update", "delete", "references"];

fn rows(facts: &TargetFacts, subjects: &[Subject<'_>]) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for Subject { role, .. } in subjects {
        for rights in facts.schema_rights.iter().filter(|it| it.role == *role) {
            let tables: Vec<&TableRights> = facts
                .table_rights
                .iter()
                .filter(|it| it.role == *role && it.schema == rights.schema && it.is_known())
                .collect();
            let count = |privilege: &str| {
                let having = tables.iter().filter(|table| table.privileges.iter().any(|it| it == privilege)).count();
                json!(format!("{having}/{}", tables.len()))
            };
            let yes_no = |granted: bool| json!(if granted { "yes" } else { "no" });
            let mut row = vec![json!(role), json!(rights.schema), yes_no(rights.usage), yes_no(rights.create)];
            row.extend(["SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES"].map(count));
            rows.push(row);
        }
    }
    rows
}

fn connected(facts: &TargetFacts, expected: &Expectations<'_>) -> Check {
    const NAME: &str = "privileges";
    let role = &*facts.role.name;
    let permissions = &facts.permissions;
    let is_app = expected.roles.app.as_deref() == Some(role);
    let apply = obstacles_to_apply(facts);
    let migrate = obstacles_to_migrate(facts, expected);
    let answer = |obstacles: &[String]| match obstacles {
        [] => "yes".to_owned(),
        some => format!("no ({})", some.join("; ")),
    };
    let nothing = matches!(facts.apply, Some(Ok(0)));
    let reads = permissions.reading.are_complete();
    let checks = match (reads, is_app) {
        (false, _) => format!("no ({})", permissions.reading.words()),
        (true, true) => "yes, except the migration's own tables".to_owned(),
        (true, false) => "yes".to_owned(),
    };
    let mut text = format!(
        "as {role} – checks: {checks}; apply: {}; migrate: {}",
        if nothing { "nothing is pending".to_owned() } else { answer(&apply) },
        answer(&migrate),
    );
    let lacks = !permissions.applying.are_complete() || has_tables(facts) && !permissions.migrating.are_complete();
    // A reader is a role like any other: that it may not apply is no fault.
    let status = match (reads, lacks && facts.role.is_operator) {
        (false, _) => Status::Fail,
        (true, true) => Status::Warn,
        (true, false) => Status::Pass,
    };
    let lacking = [&permissions.reading, &permissions.applying, &permissions.migrating];
    let instead = lacking.iter().find_map(|it| it.instead()).filter(|_| lacks || !reads);
    match instead {
        Some(instead) if reads => text.push_str(&format!("; {instead}")),
        Some(instead) => text.push_str(&format!("; {instead}; the SQL for the checks is at the end")),
        None if lacks || !reads => text.push_str("; the SQL is at the end"),
        None => {}
    }
    Check::new(NAME, status, text)
}

/// What keeps the connected role from applying what is pending.
fn obstacles_to_apply(facts: &TargetFacts) -> Vec<String> {
    let mut obstacles = Vec::new();
    if let Some(Err(why)) = &facts.apply {
        obstacles.push(why.clone());
    }
    if facts.server.standby {
        obstacles.push("this is a standby".to_owned());
    }
    if !facts.permissions.applying.are_complete() {
        obstacles.push(facts.permissions.applying.words());
    }
    obstacles
}

fn has_tables(facts: &TargetFacts) -> bool {
    MANAGED_TABLES.iter().all(|name| facts.has_table(name))
}

/// What keeps the connected role from migrating.
fn obstacles_to_migrate(facts: &TargetFacts, expected: &Expectations<'_>) -> Vec<String> {
    if !has_tables(facts) {
        return vec!["tables of padealing are missing".to_owned()];
    }
    let mut obstacles = Vec::new();
    if facts.server.standby {
        obstacles.push("this is a standby".to_owned());
    }
    if facts.server.encoding != "UTF8" {
        obstacles.push("the database isn't UTF8".to_owned());
    }
    if !facts.missing_columns.is_empty() {
        obstacles.push("columns of padealing are missing".to_owned());
    }
    if !facts.permissions.migrating.are_complete() {
        obstacles.push(facts.permissions.migrating.words());
    }
    if facts.legacy.problem.is_some() && !expected.source_elsewhere {
        obstacles.push(format!("{} can't be migrated from", expected.legacy));
    }
    obstacles
}
