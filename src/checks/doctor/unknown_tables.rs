//! Relations of padealing that aren't expected there: what is known of each, and whether to keep it.

use serde_json::json;

use crate::base::quote::{quote_identifier, quote_literal};
use crate::base::text::{list, size};
use crate::checks::check::{Check, Status};
use crate::checks::facts::{Filled, Relation, Rows, TargetFacts};
use crate::schema::relation::UnknownRelation;

/// How a comment begins that ends the warning.
const KEPT: &str = "Kept on purpose";

const COLUMNS: &[&str] = &[
    "table",
    "kind",
    "owner",
    "columns",
    "rows",
    "row_count_is",
    "size",
    "dependents",
    "use",
    "comment",
    "recommendation",
    "reason",
    "sql",
];

pub(crate) fn check(facts: &TargetFacts) -> Check {
    const NAME: &str = "unknown_tables";
    let mut rows = Vec::new();
    let mut open = Vec::new();
    for unknown in &facts.unknown {
        let relation = facts.relations.iter().find(|it| it.schema == "padealing" && it.name == unknown.name);
        let count = relation.map_or(Rows::Unknown, |it| it.rows.clone());
        let Recommendation { keep, reason } = recommendation(unknown, relation, facts.server.standby);
        let name = format!("padealing.{}", quote_identifier(&unknown.name));
        let comment = unknown.comment.as_deref().map(|it| format!(" ({it})")).unwrap_or_default();
        let sql = match keep {
            true => format!("comment on {} {name} is {}", unknown.kind, quote_literal(&format!("{KEPT}: …{comment}"))),
            false => format!("drop {} {name}", unknown.kind),
        };
        if !unknown.comment.as_ref().is_some_and(|it| it.starts_with(KEPT)) {
            open.push(&*unknown.name);
        }
        rows.push(vec![
            json!(unknown.name),
            json!(unknown.kind),
            json!(unknown.owner),
            json!(unknown.columns),
            count.cell(),
            json!(count.source()),
            json!(relation.and_then(|it| it.bytes).map(size)),
            json!(unknown.dependents()),
            json!(unknown.used()),
            json!(unknown.comment),
            json!(if keep { "keep" } else { "drop" }),
            json!(reason),
            json!(sql),
        ]);
    }
    let check = if facts.unknown.is_empty() {
        Check::new(NAME, Status::Pass, "padealing has no unknown relations")
    } else if open.is_empty() {
        Check::new(NAME, Status::Pass, "every unknown relation of padealing is commented as kept on purpose")
    } else {
        let text = format!(
            "padealing has unknown relations: {}. pad-migrate leaves them unchanged; decide to keep or to drop each, \
             then run its SQL",
            list(open)
        );
        Check::new(NAME, Status::Warn, text)
    };
    check.with_table(COLUMNS, rows)
}

/// Reads within this many days count as use; statistics that go back less far say too little.
const RECENT: f64 = 90.0;

/// Whether to keep an unknown relation, and why.
struct Recommendation {
    keep: bool,
    reason: String,
}

/// Dropping takes certainty that nothing uses the relation.
fn recommendation(unknown: &UnknownRelation, relation: Option<&Relation>, standby: bool) -> Recommendation {
    match reason_to_keep(unknown, standby) {
        Some(reason) => Recommendation { keep: true, reason },
        None => {
            let is_empty = relation.is_some_and(|it| it.filled == Filled::No);
            let rows = if is_empty { "it is empty" } else { "back it up first" };
            let (since, _) = &unknown.since;
            let reason = format!("nothing depends on it, and it was neither read nor written since {since}; {rows}");
            Recommendation { keep: false, reason }
        }
    }
}

fn reason_to_keep(unknown: &UnknownRelation, standby: bool) -> Option<String> {
    let (since, days) = &unknown.since;
    let (kind, owner) = (unknown.kind, &unknown.owner);
    if !unknown.dependents.is_empty() {
        return Some(format!("{} would break without it", list(&unknown.dependents)));
    }
    if let Some(family) = &unknown.family {
        return Some(format!("{family}: its own statistics don't show all of its use"));
    }
    if !["table", "materialized view"].contains(&kind) {
        return Some(format!("Postgres has no statistics on reads of a {kind}: ask its owner, {owner}"));
    }
    if unknown.writes > 0 {
        return Some(format!("it was written to since {since}: find out by what"));
    }
    match &unknown.last_read {
        Some((when, days)) if *days < RECENT => {
            return Some(format!("it was last read on {when}: find out by what, and whether it was a backup"));
        }
        None if unknown.reads > 0 => {
            return Some(format!("it was read {} times since {since}: find out whether by a backup", unknown.reads));
        }
        _ => {}
    }
    if standby {
        return Some("a standby has statistics on its own reads only: examine the primary".to_owned());
    }
    if !unknown.counted {
        return Some(format!("Postgres doesn't track its use (track_counts is off): ask its owner, {owner}"));
    }
    (*days < RECENT)
        .then(|| format!("its statistics go back to {since} only: check again later, or ask its owner, {owner}"))
}
