//! What the connected role can do.

use serde_json::{Value, json};

use crate::base::text::{list, plural};
use crate::checks::check::{Check, Status};
use crate::checks::doctor::subjects::Subject;
use crate::checks::expectations::Expectations;
use crate::checks::facts::{Relation, TableRights, TargetFacts};
use crate::ledger::tables::MANAGED_TABLES;
use crate::schema::names::{APPLICATION_TABLES, CRITICAL_REFERENCE_TABLES, REFERENCE_TABLES};

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
    // The application has no use for the migration's own tables.
    let is_app = expected.roles.app.as_deref() == Some(role);
    let tables = if is_app { APPLICATION_TABLES } else { MANAGED_TABLES };
    let everything: [(&str, &[&str], &[&str]); 2] =
        [("padealing", tables, &["SELECT"]), ("bo_airflow", &REFERENCE_TABLES, &["SELECT"])];
    let missing = facts.grants(role, &everything);
    if !missing.is_empty() {
        let text =
            format!("{role} can't read everything that doctor checks; have these granted: {}", missing.join("; "));
        return Check::new(NAME, Status::Fail, text);
    }
    let text = format!(
        "as {role} – checks: {}; apply: {}; migrate: {}",
        if is_app { "yes, except the migration's own tables" } else { "yes" },
        may_apply(facts, expected.roles.owner.as_deref()),
        may_migrate(facts, expected),
    );
    Check::new(NAME, Status::Pass, text)
}

/// Yes, unless there are obstacles.
fn yes_unless(obstacles: &[String]) -> String {
    if obstacles.is_empty() { "yes".to_owned() } else { format!("no ({})", obstacles.join("; ")) }
}

/// The obstacle that tables of other owners are.
fn of_others<'a>(tables: impl Iterator<Item = &'a Relation>) -> Option<String> {
    let others = tables.filter(|it| !it.owned).count();
    (others > 0).then(|| format!("{} to other roles", plural(others as u64, "table belongs", "tables belong")))
}

/// Whether the connected role can apply what is pending.
fn may_apply(facts: &TargetFacts, owner: Option<&str>) -> String {
    let mut obstacles = Vec::new();
    match &facts.apply {
        Some(Ok(0)) => return "nothing is pending".to_owned(),
        Some(Err(why)) => obstacles.push(why.clone()),
        Some(Ok(_)) | None => {}
    }
    if facts.server.standby {
        obstacles.push("this is a standby".to_owned());
    }
    let role = &facts.role;
    match role.owns_application {
        Some(false) => obstacles.push("it doesn't own padealing".to_owned()),
        None if !role.creates_schemas => obstacles.push("it can't create schemas in this database".to_owned()),
        _ => {}
    }
    if let (Some(named), Some(owner)) = (role.named_owner, owner)
        && role.application_owner.as_deref() != Some(owner)
    {
        if !named.can_become {
            obstacles.push(format!("it isn't a member of {owner} (DB_OWNER_ROLE), which will own padealing"));
        }
        if !named.creates_schemas {
            obstacles.push(format!("{owner} (DB_OWNER_ROLE), which will own padealing, can't create schemas here"));
        }
    }
    let managed = facts.relations.iter().filter(|it| ["padealing", "public"].contains(&&*it.schema));
    obstacles.extend(of_others(managed.filter(|it| MANAGED_TABLES.contains(&&*it.name))));
    let unreferenced = facts.lacking(&role.name, "bo_airflow", &CRITICAL_REFERENCE_TABLES[..2], "REFERENCES");
    if !unreferenced.is_empty() {
        obstacles.push(format!("no REFERENCES on {}", list(unreferenced)));
    }
    yes_unless(&obstacles)
}

/// The tables that `migrate` inserts into; it also updates the last two.
const WRITTEN: &[&str] = &[
    "pad_request",
    "pad_approval",
    "pad_execution",
    "audit_log",
    "migration_mapping",
    "migration_run",
    "migration_reject",
];

/// Whether the connected role can migrate.
fn may_migrate(facts: &TargetFacts, expected: &Expectations<'_>) -> String {
    if !MANAGED_TABLES.iter().all(|name| facts.has_table(name)) {
        return "no (tables of padealing are missing)".to_owned();
    }
    let role = &*facts.role.name;
    let mut obstacles = Vec::new();
    if facts.server.standby {
        obstacles.push("this is a standby".to_owned());
    }
    if facts.server.encoding != "UTF8" {
        obstacles.push("the database isn't UTF8".to_owned());
    }
    for (tables, privilege) in [(MANAGED_TABLES, "SELECT"), (WRITTEN, "INSERT"), (&WRITTEN[5..], "UPDATE")] {
        let lacking = facts.lacking(role, "padealing", tables, privilege);
        if !lacking.is_empty() {
            obstacles.push(format!("no {privilege} on {}", list(lacking)));
        }
    }
    let undrawable = facts.schema(role, "padealing").map_or(0, |it| it.undrawable_sequences);
    if undrawable > 0 {
        obstacles
            .push(format!("no USAGE and SELECT on {}", plural(undrawable.unsigned_abs(), "sequence", "sequences")));
    }
    // ALTER SEQUENCE, which moves an identity sequence far ahead, requires the table's owner.
    let written = facts.relations.iter().filter(|it| it.schema == "padealing" && WRITTEN.contains(&&*it.name));
    obstacles.extend(of_others(written));
    let table = expected.legacy;
    let legacy = facts.relations.iter().find(|it| it.schema == table.schema && it.name == table.name);
    if !expected.source_elsewhere && !legacy.is_some_and(|it| it.readable && !it.policed) {
        obstacles.push(format!("{table} can't be read"));
    }
    yes_unless(&obstacles)
}
