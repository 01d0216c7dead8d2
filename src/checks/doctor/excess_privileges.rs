//! What roles can do that they should not.

use crate::base::hint::DRIFT;
use crate::base::text::list;
use crate::checks::check::{Check, Status};
use crate::checks::doctor::subjects::Subject;
use crate::checks::expectations::Expectations;
use crate::checks::facts::{Attribute, TargetFacts};
use crate::checks::part::Part;
use crate::config::environment::Environment;
use crate::ledger::tables::APPLICATION_TABLES;

pub(crate) fn check(facts: &TargetFacts, expected: &Expectations<'_>, subjects: &[Subject<'_>]) -> Check {
    const NAME: &str = "excess_privileges";
    let found: Vec<String> = subjects.iter().flat_map(|subject| excess(facts, subject)).collect();
    if found.is_empty() {
        return Check::new(NAME, Status::Pass, "none");
    }
    let found = found.join("; ");
    if expected.environment == Environment::Local {
        return Check::new(NAME, Status::Pass, format!("{found}; ignored in a local database"));
    }
    let remedy = format!(
        "use a role without these, or revoke them: `{DRIFT}` has the SQL for what was granted to the \
                  role itself"
    );
    Check::new(NAME, Status::Warn, format!("{found}; {remedy}"))
}

fn excess(facts: &TargetFacts, Subject { role, parts }: &Subject<'_>) -> Vec<String> {
    let attributes: Vec<Attribute> =
        facts.attributes.iter().filter(|(name, _)| name == role).map(|(_, attribute)| *attribute).collect();
    // A superuser has every privilege: naming them says nothing.
    if attributes.contains(&Attribute::Superuser) {
        return vec![format!("{role} is a superuser")];
    }
    let mut found = Vec::new();
    // Where rows are hidden, it takes BYPASSRLS to see them.
    let hides_rows = facts.relations.iter().any(|it| it.has_row_security);
    if attributes.contains(&Attribute::BypassRls) && !hides_rows {
        found.push(format!("{role} has BYPASSRLS"));
    }
    let writable = |schema: &str, except: &[&str]| -> Vec<&str> {
        let rights = facts.table_rights.iter().filter(|it| it.role == *role && it.schema == schema && it.writes);
        rights.map(|it| &*it.table).filter(|table| !except.contains(table)).collect()
    };
    let creates = |schema: &str| facts.schema(role, schema).is_some_and(|it| it.create);
    let reference = writable("bo_airflow", &[]);
    if !reference.is_empty() {
        found.push(format!("{role} can write to {} of bo_airflow, the reference schema", list(reference)));
    }
    if facts.schema(role, "bo_airflow").is_some_and(|it| it.open_sequences > 0) {
        found.push(format!("{role} can change sequences of bo_airflow, the reference schema"));
    }
    if creates("bo_airflow") {
        found.push(format!("{role} can create objects in bo_airflow"));
    }
    let beyond = match (parts.contains(&Part::Reader), parts.contains(&Part::App)) {
        (true, _) => writable("padealing", &[]),
        (false, true) => writable("padealing", APPLICATION_TABLES),
        (false, false) => Vec::new(),
    };
    if !beyond.is_empty() {
        found.push(format!("{role} can write to {} of padealing, which it doesn't need", list(beyond)));
    }
    if (parts.contains(&Part::App) || parts.contains(&Part::Reader)) && creates("padealing") {
        found.push(format!("{role} can create objects in padealing"));
    }
    found
}
