//! What `apply` did, as text.

use crate::base::outcome::Verdict;
use crate::base::text::plural;
use crate::ledger::history::RecordKind;
use crate::report::page::Page;
use crate::report::plan::{allowed_row, matters};
use crate::schema::plan::outcome::{Applied, Unbuilt};
use crate::schema::plan::step::Left;

/// Clean unless an index is missing, or a difference that matters is left.
pub fn applied_verdict(applied: &Applied) -> Verdict {
    Verdict::clean_if(applied.unbuilt.is_empty() && !applied.route.plan.left.iter().any(matters))
}

/// What `apply` did. `before` is the newest revision that was applied before.
pub fn applied_page(applied: &Applied, before: Option<&str>) -> Page {
    let mut page = Page::default();
    if applied.mirror_created {
        page.row("Created", "the reference mirror bo_airflow");
    }
    for record in &applied.route.records {
        let revision = format!("{} {}", record.revision.number, record.revision.name);
        match (record.kind, record.sql.is_empty()) {
            (RecordKind::Baseline, false) => {
                page.row("Baseline", format!("{revision}: schema altered to match, and recorded as the baseline"));
            }
            (RecordKind::Baseline, true) => {
                let text = format!("{revision}: the schema matched already, and was recorded as the baseline");
                page.row("Baseline", text);
            }
            _ => page.row("Applied", revision),
        }
    }
    if applied.route.is_empty() && !applied.mirror_created {
        page.row("Up to date", format!("already at {}", before.unwrap_or("the newest revision")));
    } else {
        let steps = plural(applied.route.plan.steps.len() as u64, "step", "steps");
        let built = match applied.built {
            0 => String::new(),
            built => format!(", {} built after it", plural(built as u64, "index", "indexes")),
        };
        let text = format!("{steps} in one transaction{built}; the schema was read back and is as expected");
        page.row("Done", text);
    }
    if !applied.route.allowed.is_empty() && !applied.route.is_empty() {
        page.row("Allowed", allowed_row(&applied.route));
    }
    for Unbuilt { index, reason } in &applied.unbuilt {
        page.row("Not built", format!("{index}: {reason}; run apply again"));
    }
    let rest: Vec<&Left> = applied.route.plan.left.iter().filter(|left| matters(left)).collect();
    if !rest.is_empty() {
        let names: Vec<String> = rest.iter().map(|left| format!("{} {}", left.kind, left.object)).collect();
        let text = format!("{}; `pad-migrate plan` says why", names.join(", "));
        page.row("Unchanged", text);
    }
    page
}
