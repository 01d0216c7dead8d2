//! One thing that differs, and how much it matters.

use std::collections::BTreeSet;

use strum::{Display, VariantArray};

use crate::schema::catalog::{Id, Kind, Property};
use crate::schema::names::APPLICATION_SCHEMA;

/// How much a finding matters (`docs/drift.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, clap::ValueEnum, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Cosmetic.
    Info,
    /// Works today, but is not as agreed.
    Warning,
    /// The application or the migration may fail, lose data or let in the wrong role.
    Breaking,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It isn't there.
    Missing,
    /// It is there, and is not expected.
    Unexpected,
    /// It has another name, probably.
    Renamed,
    /// It is in another schema.
    Moved,
    /// Another kind of object has its name.
    Replaced,
    /// The schema has none of the expected relations.
    Empty,
    /// A column has another place in the order.
    Order,
    /// A role lacks a privilege.
    Lost,
    /// A role has a privilege too many.
    Gained,
    /// A known table that pad-migrate doesn't manage.
    Unmanaged,
    /// A kind of object that pad-migrate doesn't know, and has not compared.
    Unmodelled,
    /// An exception has expired.
    Expired,
    /// An exception matches no finding.
    Unused,
    /// A role is not configured, and so not compared.
    Unnamed,
    /// A property differs.
    Differs(Property),
}

/// What to do about a finding: words, SQL, or words and the SQL that they are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// In words; empty if the SQL says it all.
    pub advice: String,
    /// Statements; empty if no SQL helps.
    pub sql: String,
}

impl Remedy {
    /// In words only.
    pub(crate) fn advice(advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), sql: String::new() }
    }

    /// In SQL only.
    pub(crate) fn sql(sql: impl Into<String>) -> Self {
        Self { advice: String::new(), sql: sql.into() }
    }
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    pub change: Change,
    /// To which object, by its expected name.
    pub id: Id,
    /// The role whose privileges differ.
    pub role: Option<String>,
    /// As it should be.
    pub expected: Option<String>,
    pub actual: Option<String>,
    pub remedy: Remedy,
    /// The place of the remedy's SQL among that of all findings, counted from 1.
    pub order: Option<usize>,
    /// Consequences: what else differs because of this.
    pub effects: Vec<String>,
    /// What is known of a relation that is not expected.
    pub facts: Option<RelationFacts>,
}

/// What is known of a relation that is not expected, for those who decide whether it is needed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RelationFacts {
    /// How many, by the planner's estimate.
    pub rows: String,
    /// Names and types.
    pub columns: String,
    /// What depends on it.
    pub dependents: String,
    /// Reads and writes since statistics began.
    #[serde(rename = "use")]
    pub usage: String,
    /// Its comment, or `none`.
    pub comment: String,
}

impl RelationFacts {
    /// Each with its label.
    pub(crate) fn labelled(&self) -> [(&'static str, &str); 5] {
        [
            ("rows", &self.rows),
            ("columns", &self.columns),
            ("dependents", &self.dependents),
            ("use", &self.usage),
            ("comment", &self.comment),
        ]
    }
}

impl Finding {
    /// The finding's kind, such as `column_type`.
    pub fn kind(&self) -> String {
        kind_of(self.id.kind, self.change)
    }

    /// What differs, by its bare name: `pad_request.status`.
    pub fn object(&self) -> String {
        match &self.role {
            // An exception's name.
            None if matches!(self.change, Change::Expired | Change::Unused) => self.id.name.clone(),
            Some(role) => format!("{} for {role}", self.id.object()),
            None => self.id.object(),
        }
    }
}

/// The kind of a finding: the kind of object, and what happened to it.
pub fn kind_of(kind: Kind, change: Change) -> String {
    match change {
        Change::Lost | Change::Gained => {
            let what = if kind == Kind::DefaultPrivileges { "default_privilege" } else { "privilege" };
            format!("{what}_{}", if change == Change::Lost { "lost" } else { "gained" })
        }
        Change::Unmodelled => "object_unmodelled".to_owned(),
        Change::Expired => "exception_expired".to_owned(),
        Change::Unused => "exception_unused".to_owned(),
        Change::Unnamed => "role_unnamed".to_owned(),
        Change::Differs(property) => format!("{kind}_{property}"),
        other => format!("{kind}_{}", format!("{other:?}").to_lowercase()),
    }
}

/// Every kind that a finding can have.
pub(crate) fn kinds() -> BTreeSet<String> {
    let plain = [
        Change::Missing,
        Change::Unexpected,
        Change::Renamed,
        Change::Moved,
        Change::Replaced,
        Change::Empty,
        Change::Order,
        Change::Lost,
        Change::Gained,
        Change::Unmanaged,
        Change::Unmodelled,
        Change::Expired,
        Change::Unused,
        Change::Unnamed,
    ];
    let changes = plain.into_iter().chain(Property::VARIANTS.iter().map(|it| Change::Differs(*it)));
    changes.flat_map(|change| Kind::VARIANTS.iter().map(move |kind| kind_of(*kind, change))).collect()
}

/// The fixed order: by severity, then the application schema before others, then by name.
pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |it: &Finding| {
            let schema = match &*it.id.schema {
                APPLICATION_SCHEMA => 0,
                "" => 2,
                _ => 1,
            };
            (
                std::cmp::Reverse(it.severity),
                schema,
                it.id.schema.clone(),
                it.id.top().to_owned(),
                it.id.clone(),
                it.change,
                it.role.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
}
