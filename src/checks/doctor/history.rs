//! Checks of what hides rows, of the revision, and of who else keeps a history here.

use std::collections::BTreeSet;

use serde_json::json;

use crate::base::hint::{APPLY, PLAN};
use crate::base::quote::quote_literal;
use crate::base::text::list;
use crate::checks::check::{Check, Status};
use crate::checks::expectations::Expectations;
use crate::checks::facts::{Policy, Relation, TargetFacts};
use crate::ledger::tables::MANAGED_TABLES;

pub(crate) fn row_security(facts: &TargetFacts) -> Check {
    const NAME: &str = "row_security";
    let policed: Vec<&Relation> = facts.relations.iter().filter(|it| it.policed).collect();
    if policed.is_empty() {
        return Check::new(NAME, Status::Pass, "no policy hides rows from this role");
    }
    let name = |it: &&Relation| format!("{}.{}", it.schema, it.name);
    let pair = |it: &&Relation| format!("({}, {})", quote_literal(&it.schema), quote_literal(&it.name));
    let text = format!(
        "row security is on in {} and may hide rows from this role; the policies: select * from pg_policies where \
         (schemaname, tablename) in ({}); without a policy no row is shown; use a role with BYPASSRLS; the SQL is at \
         the end",
        list(policed.iter().map(name)),
        policed.iter().map(pair).collect::<Vec<_>>().join(", "),
    );
    let row = |it: &Policy| {
        let roles = list(&it.roles);
        vec![json!(it.table), json!(it.name), json!(it.command), json!(roles), json!(it.shows)]
    };
    let rows = facts.policies.iter().map(row).collect();
    Check::new(NAME, Status::Fail, text).with_table(&["table", "policy", "command", "roles", "shows_rows_where"], rows)
}

pub(crate) fn revision(facts: &TargetFacts, expected: &Expectations<'_>) -> Check {
    const NAME: &str = "revision";
    let revisions = match &facts.revisions {
        Ok(revisions) => revisions,
        Err(why) => return Check::new(NAME, Status::Skip, format!("the history can't be read: {why}")),
    };
    let Some(applied) = revisions else {
        let managed = MANAGED_TABLES.iter().any(|name| facts.has_table(name));
        return match (facts.has_table("schema_revision"), managed) {
            (true, _) => {
                let policed = facts.relations.iter().any(|it| it.name == "schema_revision" && it.policed);
                let why = if policed { "row-level security may hide rows" } else { "no SELECT privilege" };
                Check::new(NAME, Status::Skip, format!("padealing.schema_revision is not readable by this role: {why}"))
            }
            (false, true) => {
                let text = format!(
                    "padealing has tables but no history of pad-migrate: another program created them; apply \
                            adopts them (see {PLAN})"
                );
                Check::new(NAME, Status::Fail, text)
            }
            (false, false) => Check::new(NAME, Status::Fail, format!("nothing is applied yet; run: {APPLY}")),
        };
    };
    let pending: Vec<&&str> = expected.revisions.iter().filter(|it| !applied.contains(**it)).collect();
    let newer: Vec<&String> = applied.iter().filter(|it| !expected.revisions.contains(&&***it)).collect();
    let at = applied.last().map_or("none", String::as_str);
    match (pending.is_empty(), newer.is_empty()) {
        (_, false) => {
            let text = format!("at {at}; this program doesn't know {}: use a newer pad-migrate", list(newer));
            Check::new(NAME, Status::Fail, text)
        }
        (false, true) => {
            let text = format!("at {at}; pending: {}; run: {APPLY}", list(pending));
            Check::new(NAME, Status::Fail, text)
        }
        (true, true) => Check::new(NAME, Status::Pass, format!("at {at}, the newest")),
    }
}

pub(crate) fn other_managers(facts: &TargetFacts) -> Check {
    const NAME: &str = "other_managers";
    if facts.managers.is_empty() {
        return Check::new(NAME, Status::Pass, "no other program keeps its migration history in this database");
    }
    let rows =
        facts.managers.iter().map(|(table, program, version)| vec![json!(table), json!(program), json!(version)]);
    let text = format!(
        "{} keeps its migration history here, too, which pad-migrate leaves unchanged; make sure that it no longer \
         changes tables of padealing",
        list(facts.managers.iter().map(|(_, program, _)| *program).collect::<BTreeSet<_>>())
    );
    // `alembic_version` is expected: a warning each time would be ignored soon.
    Check::new(NAME, Status::Pass, text).with_table(&["table", "program", "version"], rows.collect())
}
