//! The schema: that the plan is the one that was reviewed, and afterwards that nothing is left to do.

use serde_json::json;

use crate::base::hint::{APPLY, DRIFT, PLAN};
use crate::base::text::{list, plural};
use crate::checks::check::{Check, Status};
use crate::checks::gate::Stage;
use crate::config::environment::Environment;
use crate::schema::drift::finding::{Finding, Severity};
use crate::schema::drift::outcome::Drift;
use crate::schema::plan::outcome::Found;
use crate::schema::plan::step::Left;

/// Findings and rows that the gate lists; the command that it names shows all.
pub(crate) const LISTED: usize = 20;

/// What it names of many in a sentence.
const NAMED: usize = 5;

/// Whether what is to be applied was reviewed and can be applied, or whether nothing is left to apply.
pub(crate) fn plan(found: &Found, environment: Environment, stage: Stage, reviewed: Option<&str>) -> Check {
    const NAME: &str = "plan";
    let plan = &found.route.plan;
    let is_empty = found.route.is_empty() && !found.makes_mirror;
    let steps = plural(plan.steps.len() as u64, "step", "steps");
    let fail = |text: String| Check::new(NAME, Status::Fail, text);
    let blocking: Vec<&Left> = plan.blocking().collect();
    if !blocking.is_empty() {
        let count = plural(blocking.len() as u64, "difference requires", "differences require");
        let rows = blocking.iter().map(|it| vec![json!(it.kind), json!(it.object), json!(it.reason)]).collect();
        let text = format!("{count} manual action before anything can be applied; `{PLAN}` says which");
        return fail(text).with_table(&["kind", "object", "action"], rows);
    }
    if stage == Stage::After {
        return match is_empty {
            true => Check::new(NAME, Status::Pass, "nothing is left to apply"),
            false => fail(format!("{steps} to apply are left; `{PLAN}` shows them, `{APPLY}` runs them")),
        };
    }
    let hash = found.hash(environment);
    match reviewed {
        None if is_empty => {}
        None => {
            let text = format!(
                "{steps} to apply, and no plan was reviewed; review `{PLAN}`, and give the gate the hash that \
                 it prints: --plan-hash HASH"
            );
            return Check::new(NAME, Status::Skip, text);
        }
        Some(reviewed) if reviewed != hash => {
            let text = format!(
                "the plan is not the one that was reviewed: its hash is {hash}, --plan-hash is {reviewed}; review \
                 `{PLAN}` again"
            );
            return fail(text);
        }
        Some(_) => {}
    }
    if !found.permissions.are_complete() {
        let permissions = &found.permissions;
        let text = format!(
            "{} may not apply it: {}; `{PLAN}` shows what gives it the right",
            permissions.role,
            permissions.words()
        );
        return fail(text);
    }
    let breaking: Vec<&str> =
        plan.left.iter().filter(|it| it.severity == Severity::Breaking).map(|it| it.object.as_str()).collect();
    if !breaking.is_empty() {
        let text = format!("the plan leaves breaking differences: {}", some(&breaking));
        return fail(text);
    }
    let what = if is_empty { "nothing to apply".to_owned() } else { format!("{steps} to apply, as reviewed") };
    let open: Vec<&str> =
        plan.left.iter().filter(|it| it.severity == Severity::Warning).map(|it| it.object.as_str()).collect();
    match open.is_empty() {
        true => Check::new(NAME, Status::Pass, what),
        false => Check::new(NAME, Status::Warn, format!("{what}; left unchanged: {}", some(&open))),
    }
}

/// Whether the schemas are what they should be. Before the cutover that is asked of the reference schema alone, which no
/// plan mends.
pub(crate) fn drift(drift: &Drift) -> Check {
    const NAME: &str = "drift";
    let open: Vec<&Finding> = drift.findings.iter().filter(|it| it.severity >= Severity::Warning).collect();
    let excepted = match drift.excepted.len() as u64 {
        0 => String::new(),
        count => format!("; {} excepted", plural(count, "finding is", "findings are")),
    };
    if open.is_empty() {
        return Check::new(
            NAME,
            Status::Pass,
            format!("none that matters, compared with {}{excepted}", drift.expected),
        );
    }
    let shown = open.iter().take(LISTED);
    let rows = shown.map(|it| vec![json!(it.severity), json!(it.kind()), json!(it.object())]).collect();
    let count = plural(open.len() as u64, "finding", "findings");
    let schemas = list(&drift.schemas);
    let first = if open.len() > LISTED { format!(" (the first {LISTED} are listed)") } else { String::new() };
    let text = format!("{count} in {schemas}{first}{excepted}; `{DRIFT}` shows what mends each");
    Check::new(NAME, Status::Fail, text).with_table(&["severity", "kind", "object"], rows)
}

/// The first names, and how many more there are.
pub(crate) fn some(names: &[&str]) -> String {
    match names.len().checked_sub(NAMED).filter(|more| *more > 0) {
        None => list(names),
        Some(more) => format!("{}, and {more} more", list(&names[..NAMED])),
    }
}
