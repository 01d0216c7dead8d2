//! One thing that differs, and how much it matters.

use std::collections::BTreeSet;

use strum::{Display, VariantArray};

use crate::schema::catalog::{Id, Kind, Property};
use crate::schema::names::APPLICATION_SCHEMA;

/// How much a finding matters (`docs/drift.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, clap::ValueEnum)]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// Cosmetic.
    Info,
    /// Works today, and differs from what was agreed.
    Warning,
    /// The application or the migration would fail, lose something or be open to someone new.
    Breaking,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It isn't there.
    Missing,
    /// It is there, and nobody expects it.
    Unexpected,
    /// It has another name, probably.
    Renamed,
    /// It is in another schema.
    Moved,
    /// It is another sort of thing.
    Replaced,
    /// The schema has nothing of what it should have.
    Empty,
    /// A column is elsewhere in the order.
    Order,
    /// A role can do less.
    Lost,
    /// A role can do more.
    Gained,
    /// A known table that isn't ours to manage.
    Unmanaged,
    /// This program doesn't know such objects, and has not compared it.
    Unmodelled,
    /// An exception's time is over.
    Expired,
    /// An exception excepts nothing.
    Unused,
    /// A role isn't named, and so not compared.
    Unnamed,
    /// It has another property.
    Differs(Property),
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What happened.
    pub change: Change,
    /// To which object, by its expected name.
    pub id: Id,
    /// The role whose privileges differ.
    pub role: Option<String>,
    /// What should be.
    pub expected: Option<String>,
    /// What is.
    pub actual: Option<String>,
    /// What to do; SQL where SQL helps.
    pub remedy: String,
    /// What else differs because of this.
    pub effects: Vec<String>,
    /// What is known of an object that nobody here manages: name and text.
    pub facts: Vec<(String, String)>,
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

/// The kind of a finding: what it is about, and what happened.
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
pub fn kinds() -> BTreeSet<String> {
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

/// The fixed order: by weight, ours first, and then by place.
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
