//! What differs between the rows of two bundles. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::migration::accounting::State;
use crate::migration::evidence::entry::{Entry, Fate, Rejected};
use crate::migration::text::Text;

/// A row of a bundle, with the reasons for which it is rejected.
pub(crate) type Kept = (Entry, Vec<Rejected>);

/// What of a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// There is no such row any more, or it is new.
    Row,
    /// It is migrated, rejected or pending, and was not.
    State,
    /// The legacy row.
    Source,
    /// What the target gives back.
    Target,
    /// The keys that the migration gave, the security, or when they were written.
    Keys,
    /// Why it is rejected.
    Rejection,
}

/// How many differences are listed; all are counted.
pub(crate) const LISTED: usize = 1000;

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The legacy row's id.
    pub id: i64,
    /// What differs.
    pub part: Part,
    /// What it was.
    pub was: String,
    /// What it is.
    pub is: String,
}

/// Rows that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The first of them.
    pub listed: Vec<Change>,
    /// How many there are of each part.
    pub counts: BTreeMap<Part, u64>,
    /// Rows that were compared.
    pub rows: u64,
}

impl Changes {
    pub(crate) fn add(&mut self, id: i64, part: Part, was: impl ToString, is: impl ToString) {
        let count = self.counts.entry(part).or_default();
        *count += 1;
        if *count <= LISTED as u64 {
            self.listed.push(Change { id, part, was: was.to_string(), is: is.to_string() });
        }
    }
}

/// A file of a bundle that isn't what the manifest or the list of sums says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongFile {
    /// Its name.
    pub name: String,
    /// What says so.
    pub by: &'static str,
    /// What is wrong.
    pub why: String,
}

/// What a signature is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By a key that the list has for this person, as ssh-keygen says it.
    By(String),
    /// By a key that is compared with no list.
    BySomeKey(String),
    /// It is wrong, or by another.
    Wrong(String),
    /// There is none.
    Not,
}

/// Compares a row with what it was.
pub(crate) fn compare_row(changes: &mut Changes, (was, reasons): &Kept, (is, now): &Kept) {
    let id = was.id;
    if was.source != is.source {
        changes.add(id, Part::Source, was.source, is.source);
    }
    if was.state() != is.state() {
        changes.add(id, Part::State, was.state().as_str(), is.state().as_str());
        return;
    }
    match (was.fate, is.fate) {
        (Fate::Migrated { .. }, Fate::Migrated { .. }) => {
            let ([_, was_back, was_keys], [_, is_back, is_keys]) = (was.leaves(None), is.leaves(None));
            if was_back != is_back {
                changes.add(id, Part::Target, was_back, is_back);
            }
            if was_keys != is_keys {
                changes.add(id, Part::Keys, was_keys, is_keys);
            }
        }
        _ if was.state() == State::Rejected && reasons != now => rejection(changes, id, reasons, now),
        _ => {}
    }
}

fn rejection(changes: &mut Changes, id: i64, reasons: &[Rejected], now: &[Rejected]) {
    let keys = reasons.iter().chain(now).map(|it| (&it.field, &it.rule));
    for (field, rule) in keys.collect::<BTreeSet<_>>() {
        let find = |list: &'_ [Rejected]| list.iter().find(|it| (&it.field, &it.rule) == (field, rule)).map(columns);
        let (was, is) = (find(reasons), find(now));
        for (at, column) in REASON.iter().enumerate() {
            let of = |reason: &Option<[Option<String>; 5]>| match reason {
                None => "not on record".to_owned(),
                Some(columns) => columns[at].as_deref().map_or("null".to_owned(), |it| Text::from(it).excerpt()),
            };
            let (was, is) = (of(&was), of(&is));
            if was != is {
                changes.add(id, Part::Rejection, format!("{field} {rule}, {column}: {was}"), is);
            }
        }
    }
}

/// The columns of a reason beside what it is of.
const REASON: [&str; 5] = ["value", "message", "id", "first_run_id", "last_run_id"];

fn columns(reason: &Rejected) -> [Option<String>; 5] {
    let Rejected { value, message, id, first_run_id, last_run_id, .. } = reason.clone();
    [value, message, Some(id), first_run_id, last_run_id]
}
