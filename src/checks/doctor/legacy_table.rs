//! Whether the legacy table can be migrated from.

use crate::base::hint::MIGRATE;
use crate::base::text::{list, plural, thousands};
use crate::checks::check::{Check, Status};
use crate::checks::expectations::Expectations;
use crate::checks::facts::{Filled, LegacyFacts, Relation, Rows, TargetFacts};
use crate::config::settings::TableName;

/// The legacy table where it is in the target.
pub(crate) fn in_target(facts: &TargetFacts, expected: &Expectations<'_>) -> Check {
    let table = expected.legacy;
    let found = facts.relations.iter().find(|it| it.schema == table.schema && it.name == table.name);
    check(found, &facts.legacy, table, "")
}

/// The legacy table; `place` is where it is, if not in the target.
pub(crate) fn check(found: Option<&Relation>, legacy: &LegacyFacts, table: &TableName, place: &str) -> Check {
    const NAME: &str = "legacy_table";
    let Some(relation) = found else {
        let text = format!("{table}{place} doesn't exist; correct LEGACY_TABLE or SOURCE_DATABASE_URL");
        return Check::new(NAME, Status::Fail, text);
    };
    if !relation.readable {
        let text = format!("{table}{place} is not readable by this role; have SELECT on it granted");
        return Check::new(NAME, Status::Fail, text);
    }
    if relation.policed {
        let text = format!("a policy may hide rows of {table}{place} from this role; use a role with BYPASSRLS");
        return Check::new(NAME, Status::Fail, text);
    }
    if let Some(problem) = &legacy.problem {
        return Check::new(NAME, Status::Fail, problem);
    }
    let rows = match &relation.rows {
        Rows::Exact(rows) => plural(rows.unsigned_abs(), "row", "rows"),
        _ if relation.filled == Filled::No => "no rows".to_owned(),
        Rows::Estimate(1) => "about 1 row (estimate)".to_owned(),
        Rows::Estimate(rows) => format!("about {} rows (estimate)", thousands(rows.unsigned_abs())),
        Rows::Failed(why) => format!("rows that could not be counted: {why}"),
        Rows::Unknown | Rows::Hidden | Rows::View => "rows, but no estimate of them (--exact counts them)".to_owned(),
    };
    let mut warnings = legacy.traits.warnings(table);
    let unknown_ids = match &legacy.odd_ids {
        Ok(odd) => {
            warnings.extend(odd.sentences(table));
            None
        }
        Err(why) => {
            Some(format!("whether each row has an id of its own isn't known ({why}); `{MIGRATE} --dry-run` says it"))
        }
    };
    if !legacy.without_zone.is_empty() {
        warnings.push(format!(
            "columns of the type timestamptz need a time zone: {}; name the one in which the application showed them \
             with --source-timezone, unless a run has recorded it",
            list(&legacy.without_zone)
        ));
    }
    let status = if warnings.is_empty() { Status::Pass } else { Status::Warn };
    let cursor = "no index gives them in the order of their ids, so migrate and verify read them once, by a cursor";
    let cursor = legacy.traits.needs_cursor.then(|| cursor.to_owned());
    let notes = [Some(format!("{table}{place} has {rows}")), cursor, unknown_ids];
    let text: Vec<String> = notes.into_iter().flatten().chain(warnings).collect();
    Check::new(NAME, status, text.join("; "))
}
