//! Findings as JSON, for scripts.

use serde::Serialize;

use crate::base::sql_text::statement;
use crate::report::drift::verdict;
use crate::report::layout::Head;
use crate::schema::drift::exceptions::{Excepted, Exception};
use crate::schema::drift::finding::{Finding, RelationFacts, Remedy, Severity};
use crate::schema::drift::outcome::Drift;

/// What `drift --format json` prints.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct DriftJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role.
    pub place: String,
    /// What the live database was compared with.
    pub expected: String,
    /// The schemas that were compared.
    pub schemas: Vec<String>,
    /// Numbers of findings.
    pub counts: DriftCounts,
    /// What differs, the highest severity first.
    pub findings: Vec<FindingJson>,
    /// What differs and is accepted.
    pub excepted: Vec<FindingJson>,
}

impl DriftJson {
    /// The result of a comparison.
    pub fn new(drift: &Drift, fail_on: Severity) -> Self {
        let excepted = drift.excepted.iter();
        Self {
            head: Head::new("drift", drift.environment, &drift.server_version, verdict(drift, fail_on)),
            place: drift.place.clone(),
            expected: drift.expected.clone(),
            schemas: drift.schemas.clone(),
            counts: DriftCounts::of(drift),
            findings: findings(drift),
            excepted: excepted.map(|Excepted { finding, exception }| json(finding, Some(exception))).collect(),
        }
    }
}

/// Numbers of findings by severity.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct DriftCounts {
    /// Of severity breaking.
    pub breaking: usize,
    /// Of severity warning.
    pub warning: usize,
    /// Of severity info.
    pub info: usize,
}

impl DriftCounts {
    /// Counts the findings that are not accepted.
    pub fn of(drift: &Drift) -> Self {
        Self {
            breaking: drift.count(Severity::Breaking),
            warning: drift.count(Severity::Warning),
            info: drift.count(Severity::Info),
        }
    }
}

/// One thing that differs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct FindingJson {
    /// How much it matters (docs/drift.md).
    pub severity: Severity,
    /// The kind of object, and what happened to it: `column_type`.
    pub kind: String,
    /// Empty for what belongs to the database.
    pub schema: String,
    /// Its bare name: `pad_request.status`.
    pub object: String,
    /// As it should be; null if it should not be there.
    pub expected: Option<String>,
    /// As it is; null if it is missing.
    pub actual: Option<String>,
    /// What to do; SQL where SQL helps.
    pub remedy: String,
    /// The statements of the remedy alone, for psql; absent where no SQL helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// The place of these statements among those of all findings, counted from 1: run together, they are run in this
    /// order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<usize>,
    /// Consequences: what else differs because of this.
    pub effects: Vec<String>,
    /// Of a relation that is not expected only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<RelationFacts>,
    /// Of an accepted finding only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionJson>,
}

/// Why a finding is accepted.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct ExceptionJson {
    /// Its name in the exceptions file.
    pub name: String,
    /// Why, and who accepted it.
    pub reason: String,
    /// The last day on which it holds, such as `2026-12-31`.
    pub expires: String,
}

/// The findings that are not accepted.
pub(crate) fn findings(drift: &Drift) -> Vec<FindingJson> {
    drift.findings.iter().map(|finding| json(finding, None)).collect()
}

/// The SQL is for psql, as it is elsewhere.
fn remedy(Remedy { advice, sql }: &Remedy) -> String {
    let blank = if advice.is_empty() || sql.is_empty() { "" } else { " " };
    format!("{advice}{blank}{}", statement(sql))
}

fn json(finding: &Finding, exception: Option<&Exception>) -> FindingJson {
    FindingJson {
        severity: finding.severity,
        kind: finding.kind(),
        schema: finding.id.schema.clone(),
        object: finding.object(),
        expected: finding.expected.clone(),
        actual: finding.actual.clone(),
        remedy: remedy(&finding.remedy),
        sql: (!finding.remedy.sql.is_empty()).then(|| statement(&finding.remedy.sql)),
        order: finding.order,
        effects: finding.effects.clone(),
        facts: finding.facts.clone(),
        exception: exception.map(|exception| ExceptionJson {
            name: exception.name.clone(),
            reason: exception.reason.clone(),
            expires: exception.expires.to_string(),
        }),
    }
}
