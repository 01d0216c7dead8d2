//! Whether the configured roles have what the data model gives them.

use crate::base::text::list;
use crate::checks::check::{Check, Status};
use crate::checks::expectations::Expectations;
use crate::checks::facts::TargetFacts;
use crate::config::settings::Roles;
use crate::ledger::tables::MANAGED_TABLES;

pub(crate) fn check(facts: &TargetFacts, expected: &Expectations<'_>) -> Check {
    const NAME: &str = "role_privileges";
    let missing = facts.missing_roles.iter();
    let mut problems: Vec<String> = missing.map(|(key, role)| format!("role {role} ({key}) doesn't exist")).collect();
    let has_schemas = facts.schema_rights.iter().any(|it| it.schema == "bo_airflow")
        && MANAGED_TABLES.iter().any(|name| facts.has_table(name));
    if problems.is_empty() && !has_schemas {
        return Check::new(NAME, Status::Skip, "one of the schemas, or its tables, don't exist yet");
    }
    let mut complete = Vec::new();
    for (part, permissions) in &facts.permissions.parts {
        let named = format!("{} ({})", permissions.role, part.as_str());
        match permissions.are_complete() {
            true => complete.push(named),
            false => problems.push(format!("{named}: {}", permissions.words())),
        }
    }
    if !problems.is_empty() {
        return Check::new(NAME, Status::Fail, format!("{}; the SQL is at the end", problems.join(". ")));
    }
    let unset = unset(expected.roles);
    let unset =
        if unset.is_empty() { String::new() } else { format!("; not configured, so not checked: {}", list(unset)) };
    match complete.is_empty() {
        true => Check::new(NAME, Status::Skip, format!("no role is configured{unset}")),
        false => Check::new(NAME, Status::Pass, format!("complete for {}{unset}", list(complete))),
    }
}

/// The keys that name no role.
fn unset(roles: &Roles) -> Vec<&'static str> {
    let keys = [("DB_OWNER_ROLE", &roles.owner), ("DB_APP_ROLE", &roles.app), ("DB_READER_ROLE", &roles.reader)];
    keys.into_iter().filter(|(_, role)| role.is_none()).map(|(key, _)| key).collect()
}
