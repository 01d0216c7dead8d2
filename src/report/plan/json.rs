//! A plan as JSON.

use serde::Serialize;

use crate::base::sql_text::statement;
use crate::ledger::history::RecordKind;
use crate::report::layout::Head;
use crate::report::permission::PermissionsJson;
use crate::report::plan::Planned;
use crate::schema::names::CONTRACT_SCHEMA;
use crate::schema::plan::route::{Recording, Skipped};
use crate::schema::plan::step::{Decision, Hazard, HazardKind, Left, LockMode, Step};

/// What `plan --format json` prints.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct PlanJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role.
    pub place: String,
    /// What `apply --plan-hash` and `gate --plan-hash` compare: the same plan has the same one.
    pub plan_hash: String,
    /// How the schema gets there, in words.
    pub way: String,
    /// A decision for each managed table, by name.
    pub tables: Vec<TableJson>,
    /// What `apply` does, in order.
    pub steps: Vec<StepJson>,
    /// Differences that are left.
    pub left: Vec<LeftJson>,
    /// What the history gets.
    pub records: Vec<RecordJson>,
    /// Revisions that this environment skips.
    pub skipped: Vec<SkippedJson>,
    /// What the connected role may not do of it.
    pub permissions: PermissionsJson,
    /// Tables outside padealing that triggers may lock, by `--allow-object`.
    pub allowed: Vec<String>,
}

/// What becomes of a managed table.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct TableJson {
    /// Its name.
    pub table: String,
    /// What is done with it.
    pub decision: Decision,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum StepJson {
    /// A statement, or a revision.
    Planned(PlannedStepJson),
    /// The reference mirror is created.
    Mirror(MirrorJson),
}

/// A statement, or a revision.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct PlannedStepJson {
    /// The statement; a revision's text has several.
    pub sql: String,
    /// What it is about: `pad_request.status`, or `revision 0004 add_legacy_fields`.
    pub object: String,
    /// The existing table that it changes.
    pub table: Option<String>,
    /// What it may hurt.
    pub hazards: Vec<HazardJson>,
    /// Whether `--concurrently` runs it after the transaction.
    pub can_be_concurrent: bool,
}

/// The step that creates the reference mirror.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct MirrorJson {
    /// Its statements.
    pub sql: String,
    /// `bo_airflow`.
    pub object: &'static str,
    /// None.
    pub hazards: Vec<HazardJson>,
}

/// What a step may hurt.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct HazardJson {
    /// What it does.
    pub kind: HazardKind,
    /// The lock that it takes, until the transaction ends.
    pub lock: Option<LockMode>,
    /// The table, with its schema.
    pub table: String,
    /// A sentence.
    pub note: String,
}

/// A difference that is left.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct LeftJson {
    /// The kind of finding in `drift`, or what stops a step, such as `name_taken`.
    pub kind: String,
    /// What differs.
    pub object: String,
    /// How much it matters: `info`, `warning` or `breaking`.
    pub severity: String,
    /// Why it is left.
    pub reason: String,
    /// A query that shows the rows, or the object.
    pub query: Option<String>,
    /// The statement that removes what stops a step, if one can be written.
    pub remedy: Option<String>,
    /// Whether nothing is applied until it is resolved by hand.
    pub blocking: bool,
}

/// A line that the history gets.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RecordJson {
    /// The revision's number.
    pub revision: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether it is run, or becomes the baseline.
    pub kind: RecordKind,
}

/// A revision that this environment skips.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct SkippedJson {
    /// The revision's number.
    pub revision: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Why.
    pub reason: &'static str,
}

impl PlanJson {
    /// The JSON of a plan.
    pub fn new(planned: &Planned<'_>) -> Self {
        let found = planned.found;
        let route = &found.route;
        let mirror = found.makes_mirror.then(|| {
            let sql = found.mirror_sql().to_owned();
            StepJson::Mirror(MirrorJson { sql, object: CONTRACT_SCHEMA, hazards: Vec::new() })
        });
        let tables = route.plan.tables.iter();
        Self {
            head: Head::new("plan", planned.environment, &found.server_version, planned.verdict()),
            place: planned.place.to_owned(),
            plan_hash: found.hash(planned.environment),
            way: planned.method(),
            tables: tables.map(|(table, decision)| TableJson { table: table.clone(), decision: *decision }).collect(),
            steps: mirror.into_iter().chain(route.plan.steps.iter().map(StepJson::from)).collect(),
            left: route.plan.left.iter().map(LeftJson::from).collect(),
            records: route.records.iter().map(RecordJson::from).collect(),
            skipped: route.skipped.iter().map(SkippedJson::from).collect(),
            permissions: PermissionsJson::from(&found.permissions),
            allowed: route.allowed.clone(),
        }
    }
}

impl From<&Step> for StepJson {
    fn from(step: &Step) -> Self {
        Self::Planned(PlannedStepJson {
            sql: statement(&step.sql),
            object: step.object.clone(),
            table: step.table.clone(),
            hazards: step.hazards.iter().map(HazardJson::from).collect(),
            can_be_concurrent: step.concurrent.is_some(),
        })
    }
}

impl From<&Hazard> for HazardJson {
    fn from(hazard: &Hazard) -> Self {
        let Hazard { kind, lock, table, note } = hazard.clone();
        Self { kind, lock, table, note }
    }
}

impl From<&Left> for LeftJson {
    fn from(left: &Left) -> Self {
        let Left { kind, object, severity, reason, query, remedy, is_blocking } = left.clone();
        let query = query.map(|query| statement(&query));
        let remedy = remedy.map(|remedy| statement(&remedy.sql));
        Self { kind, object, severity: severity.to_string(), reason, query, remedy, blocking: is_blocking }
    }
}

impl From<&Recording> for RecordJson {
    fn from(record: &Recording) -> Self {
        Self { revision: record.revision.number, name: record.revision.name, kind: record.kind }
    }
}

impl From<&Skipped> for SkippedJson {
    fn from(skipped: &Skipped) -> Self {
        Self { revision: skipped.revision.number, name: skipped.revision.name, reason: skipped.reason }
    }
}
