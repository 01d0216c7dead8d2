//! A request's legacy row, verified then and there.

use crate::base::text::sentence;
use crate::config::environment::Environment;
use crate::dashboard::pg::source::Source;
use crate::dashboard::rows::{HIDDEN, PERSONAL, Proof};
use crate::migration::evidence::decisions::decisions;
use crate::migration::legacy::Text;
use crate::migration::pg::verify::VerifyRequest;
use crate::migration::pg::verify::one::verify_one;
use crate::migration::target::Role;
use crate::postgres::database::Database;

/// Verifies one row. Values of people are left out unless somebody asked for them.
pub(crate) async fn prove(
    target: &Database,
    source: &Source,
    environment: Environment,
    id: i64,
    people_shown: bool,
) -> Proof {
    let request = VerifyRequest { target, source: source.legacy(), environment };
    let one = match verify_one(&request, id).await {
        Ok(one) => one,
        Err(error) => return Proof::Unknown { reason: sentence(&error) },
    };
    let is_shown = |field: &str| people_shown || !PERSONAL.contains(&field);
    if !one.differences.is_empty() {
        let differences = one.differences.into_iter().map(|it| {
            // The residual has the employee's own name, too.
            let is_shown = people_shown || it.field != "compliance_assessment" && is_shown(&it.field);
            let shown = |value: Option<String>| value.map(|it| if is_shown { it } else { HIDDEN.to_owned() });
            (format!("{} {}", it.target, it.field), shown(it.expected), shown(it.actual))
        });
        return Proof::Differs { differences: differences.collect() };
    }
    let (Some(row), Some(stored), Some(entry)) = (&one.row, &one.stored, &one.entry) else { return Proof::Gone };
    if stored.lineage_id(Role::Request).is_none() {
        return Proof::Gone;
    }
    let value = |(name, text): (&str, Option<&Text>)| {
        let text = text?;
        Some((name.to_owned(), if is_shown(name) { text.excerpt() } else { HIDDEN.to_owned() }))
    };
    let decisions = decisions(id, row, stored).into_iter().map(|it| (it.decision, it.text));
    Proof::Proved {
        legacy: row.columns().filter_map(value).collect(),
        decisions: decisions.collect(),
        row_hash: entry.source.to_string(),
    }
}
