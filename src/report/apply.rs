//! What `apply` did, as text and as JSON.

use serde::Serialize;

use crate::base::hint::PLAN;
use crate::base::outcome::Verdict;
use crate::base::text::plural;
use crate::config::environment::Environment;
use crate::ledger::history::RecordKind;
use crate::report::layout::Head;
use crate::report::page::Page;
use crate::report::plan::effects::warnings;
use crate::report::plan::json::{LeftJson, RecordJson, StepJson};
use crate::report::plan::{allowed_row, counted_left, matters};
use crate::report::revert::RevertJson;
use crate::schema::plan::outcome::{Applied, Unbuilt};
use crate::schema::plan::step::Left;

/// Clean unless an index is missing, or a difference that matters is left.
pub fn applied_verdict(applied: &Applied) -> Verdict {
    Verdict::clean_if(applied.unbuilt.is_empty() && !applied.route.plan.left.iter().any(matters))
}

/// What `apply` did. `before` is the newest revision that was applied before, `no_backup` why `--backup` took none.
pub fn applied_page(applied: &Applied, before: Option<&str>, no_backup: Option<&str>) -> Page {
    let mut page = Page::default();
    if let Some(why) = no_backup {
        page.row("Backup", format!("none was taken: {why}"));
    }
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
        let is_expected = match counted_left(&applied.route.plan) {
            left if left.is_empty() => "the schema was read back and is as expected".to_owned(),
            left => format!("the schema was read back; {left} left unchanged"),
        };
        page.row("Done", format!("{steps} in one transaction{built}; {is_expected}"));
    }
    if !applied.route.allowed.is_empty() && !applied.route.is_empty() {
        page.row("Allowed", allowed_row(&applied.route));
    }
    for Unbuilt { index, reason } in &applied.unbuilt {
        page.row("Not built", format!("{index}: {reason}; run apply again"));
    }
    let rest: Vec<&Left> = applied.route.plan.left.iter().filter(|left| matters(left)).collect();
    if !rest.is_empty() {
        for left in rest {
            page.row("Unchanged", format!("{}: {} {}", left.severity, left.kind, left.object));
        }
        page.row("", format!("`{PLAN}` says why"));
    }
    page
}

/// What `apply --format json` prints: what it applied, or rolled back with `--to` an earlier revision.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ChangeJson {
    /// It went up, or there was nothing to do.
    Applied(ApplyJson),
    /// It went down.
    Reverted(RevertJson),
}

/// What `apply` did.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct ApplyJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role.
    pub place: String,
    /// The newest revision that was applied before.
    pub before: Option<String>,
    /// Whether the reference mirror was created too.
    pub mirror_created: bool,
    /// The steps that were run, in order.
    pub steps: Vec<StepJson>,
    /// What the history got.
    pub records: Vec<RecordJson>,
    /// Indexes that were built after the transaction.
    pub built: Vec<String>,
    /// Indexes that could not be built after it.
    pub unbuilt: Vec<UnbuiltJson>,
    /// Differences that are left.
    pub left: Vec<LeftJson>,
    /// What is worth knowing of what was done.
    pub warnings: Vec<String>,
    /// Why `--backup` took none; left out if it took one, or was not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_backup: Option<&'static str>,
}

/// An index that could not be built.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct UnbuiltJson {
    /// The index, with its table.
    pub index: String,
    /// Why, as a sentence.
    pub reason: String,
}

impl ApplyJson {
    /// What was applied. `before` is the newest revision that was applied before.
    pub fn new(
        applied: &Applied,
        before: Option<&str>,
        environment: Environment,
        place: &str,
        server_version: &str,
    ) -> Self {
        let plan = &applied.route.plan;
        let is_unbuilt = |index: &str| applied.unbuilt.iter().any(|it| it.index == index);
        let concurrent = plan.steps.iter().filter(|step| applied.built > 0 && step.concurrent.is_some());
        let unbuilt = applied.unbuilt.iter().cloned().map(|Unbuilt { index, reason }| UnbuiltJson { index, reason });
        Self {
            head: Head::new("apply", environment, server_version, applied_verdict(applied)),
            place: place.to_owned(),
            before: before.map(str::to_owned),
            mirror_created: applied.mirror_created,
            steps: plan.steps.iter().filter(|step| !is_unbuilt(&step.object)).map(StepJson::from).collect(),
            records: applied.route.records.iter().map(RecordJson::from).collect(),
            built: concurrent.map(|step| step.object.clone()).filter(|index| !is_unbuilt(index)).collect(),
            unbuilt: unbuilt.collect(),
            left: plan.left.iter().map(LeftJson::from).collect(),
            warnings: warnings(plan.steps.iter().flat_map(|step| &step.hazards)),
            no_backup: None,
        }
    }
}
