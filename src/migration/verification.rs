//! What a verification found.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::migration::accounting::{Accounting, Addition, State};
use crate::migration::causes::DifferenceGroups;
use crate::migration::check::{check, given_back};
use crate::migration::csv::summary::CsvSummary;
use crate::migration::difference::Difference;
use crate::migration::evidence::entry::{Entry, Fate, Target, write_keys};
use crate::migration::evidence::text::Lines;
use crate::migration::legacy::LegacyRow;
use crate::migration::lookups::SecuritiesBySymbol;
use crate::migration::run::LISTED;
use crate::migration::stored::{Stored, StoredLineage};
use crate::migration::target::{Role, SOURCE_TABLE};

/// Rows counted; `source` is the sum of verified, different, missing, rejected and pending.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct VerifyCounts {
    /// Legacy rows.
    pub source: u64,
    /// Migrated, and everything stored is right.
    pub verified: u64,
    /// Migrated, and something stored is not.
    pub different: u64,
    /// Lineage, and no request.
    pub missing: u64,
    /// Tried, and not migrated for reasons on record.
    pub rejected: u64,
    /// Never tried.
    pub pending: u64,
    /// Lineage, and no legacy row.
    pub missing_source: u64,
    /// Target rows that lineage claims twice, or not at all though they carry the legacy mark.
    pub extra: u64,
}

impl VerifyCounts {
    /// Whether every legacy row is verified, or rejected for reasons on record.
    pub fn is_clean(&self) -> bool {
        let Self { different, missing, pending, missing_source, extra, .. } = self;
        different + missing + pending + missing_source + extra == 0
    }
}

/// How much of the source was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Sample {
    /// Legacy rows that were chosen, at random.
    pub rows: u64,
    /// Of so many.
    pub of: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// Rows by what was found.
    pub counts: VerifyCounts,
    /// All of them by target, field and cause, with examples.
    pub groups: DifferenceGroups,
    /// The first differences in id order.
    pub differences: Vec<Difference>,
    /// How many differences there are.
    pub total_differences: u64,
    /// What people are to know of how the rows were read.
    pub notes: Vec<String>,
    /// The note that rows came from another file than this one.
    pub other_file: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
    /// The server's version.
    pub server_version: String,
    /// The CSV file, if the rows came from one.
    pub csv: Option<CsvSummary>,
    /// How much of the source was looked at, if not all of it. Then nothing is known of lineage without a legacy row, and
    /// of rows that lineage doesn't explain.
    pub sample: Option<Sample>,
    /// What the rows of both sides add up to, if that was wanted.
    pub accounting: Option<Accounting>,
    /// Rows that are rejected and that the record of rejections doesn't name.
    pub(crate) unnamed: Unnamed,
    /// Ids that several legacy rows have, one of which was migrated. It counts as different, and has no line of evidence.
    pub(crate) shared: u64,
    /// Whether rows were changed while they were read: what looked wrong at first sight did no more at the second.
    pub moved: bool,
}

/// Rejected rows beyond those on record, which goes by the id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unnamed {
    /// Rows whose id is null or no bigint.
    pub(crate) without_id: u64,
    /// Rows beyond the first of an id that several have.
    pub(crate) repeated: u64,
    /// The same for each such id, of the first ones.
    pub(crate) by_id: BTreeMap<i64, u64>,
}

impl Unnamed {
    /// Ids that are known one by one.
    const LISTED: usize = 10_000;

    /// An id that so many rejected rows have.
    pub(crate) fn add(&mut self, id: i64, rows: u64) {
        let others = rows.saturating_sub(1);
        self.repeated += others;
        if others > 0 && self.by_id.len() < Self::LISTED {
            self.by_id.insert(id, others);
        }
    }
}

impl VerifyReport {
    pub(crate) fn differ(&mut self, difference: Difference) {
        self.total_differences += 1;
        self.groups.add(&difference);
        if self.differences.len() < LISTED {
            self.differences.push(difference);
        }
    }

    /// Counts a row, and lists what differs of it. Its line of evidence is handed on.
    pub(crate) fn settle(&mut self, judged: Judged) -> Option<Entry> {
        let Judged { outcome, strays, differences, addition, entry } = judged;
        if let (Some(accounting), Some(addition)) = (&mut self.accounting, addition) {
            accounting.add(*addition);
        }
        let counts = &mut self.counts;
        counts.source += u64::from(outcome != Outcome::MissingSource);
        counts.extra += strays;
        *match outcome {
            Outcome::Verified => &mut counts.verified,
            Outcome::Different => &mut counts.different,
            Outcome::Missing => &mut counts.missing,
            Outcome::Rejected => &mut counts.rejected,
            Outcome::Pending => &mut counts.pending,
            Outcome::MissingSource => &mut counts.missing_source,
        } += 1;
        for difference in differences {
            self.differ(difference);
        }
        entry
    }
}

/// What is wanted of each row beside a judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What it adds to the sums of both sides.
    pub accounting: bool,
    /// Its line of evidence.
    pub evidence: bool,
}

/// What was found of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Verified,
    Different,
    Missing,
    Rejected,
    Pending,
    MissingSource,
}

/// A row that was compared.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) outcome: Outcome,
    /// Rows of lineage that has no request.
    strays: u64,
    pub(crate) differences: Vec<Difference>,
    addition: Option<Box<Addition>>,
    pub(crate) entry: Option<Entry>,
}

impl Judged {
    /// Whether something is wrong, which may be so because source and target were read at different moments.
    pub(crate) fn is_doubtful(&self) -> bool {
        !self.differences.is_empty()
    }
}

/// What was found of the rows of a page, and what the page explains.
pub(crate) struct JudgedPage {
    pub(crate) rows: Vec<(i64, Judged)>,
    pub(crate) explained: Explained,
}

impl JudgedPage {
    /// Compares both sides; nothing is left of them but what is wrong.
    pub(crate) fn of(page: BothPages) -> Self {
        let explained = Explained::by(&page);
        Self { rows: judge(page), explained }
    }
}

/// Compares what is stored with the rows of a page, in id order.
pub(crate) fn judge(page: BothPages) -> Vec<(i64, Judged)> {
    let BothPages { rows, stored, rejected, securities, wanted } = page;
    let mut lines = Lines::default();
    let mut all = Vec::with_capacity(rows.len());
    let mut has_row = vec![false; stored.len()];
    for (id, row) in rows {
        let place = stored.binary_search_by_key(&id, |(id, _)| *id).ok();
        place.into_iter().for_each(|place| has_row[place] = true);
        let stored = place.map(|place| &stored[place].1).filter(|stored| !stored.lineage.is_empty());
        let is_migrated = stored.is_some_and(|stored| stored.lineage_id(Role::Request).is_some());
        let strays = stored.filter(|_| !is_migrated).map_or(&[][..], |stray| &*stray.lineage);
        let mut differences: Vec<Difference> = strays.iter().map(|stray| stray_lineage(id, stray)).collect();
        let strays = differences.len() as u64;
        let outcome = match stored.filter(|_| is_migrated) {
            None if rejected.contains(&id) => Outcome::Rejected,
            None => Outcome::Pending,
            Some(stored) => {
                differences = check(id, &row, stored, &securities);
                match (&stored.request, differences.is_empty()) {
                    (None, _) => Outcome::Missing,
                    (Some(_), true) => Outcome::Verified,
                    (Some(_), false) => Outcome::Different,
                }
            }
        };
        let state = match outcome {
            Outcome::Rejected => State::Rejected,
            Outcome::Pending => State::Pending,
            _ => State::Migrated,
        };
        let of_row = (id, &row, stored.filter(|_| is_migrated));
        let addition = wanted.accounting.then(|| Box::new(Addition::of(state, of_row.1, of_row.2)));
        let is_right = differences.is_empty();
        let entry = wanted.evidence.then(|| entry(of_row, (state, is_right), &mut lines));
        all.push((id, Judged { outcome, strays, differences, addition, entry }));
    }
    // What is left of the range has lineage, and no legacy row.
    let left = stored.iter().zip(has_row).filter(|((_, stored), has_row)| !has_row && !stored.lineage.is_empty());
    for ((source_id, stored), _) in left {
        let source_id = *source_id;
        // Rows of an index come in another order than those of ids one by one.
        let mut roles: Vec<&str> = stored.lineage.iter().map(StoredLineage::target_table).collect();
        roles.sort_unstable();
        let difference = Difference {
            source_id,
            target: SOURCE_TABLE.to_owned(),
            field: "id".to_owned(),
            expected: Some(format!("the legacy row of {}", roles.join(", "))),
            actual: None,
        };
        let (outcome, differences) = (Outcome::MissingSource, vec![difference]);
        all.push((source_id, Judged { outcome, strays: 0, differences, addition: None, entry: None }));
    }
    all
}

/// The line of evidence of a row: its hash, and that of what is given back for it.
fn entry(
    (id, row, stored): (i64, &LegacyRow, Option<&Stored>),
    (state, is_right): (State, bool),
    lines: &mut Lines,
) -> Entry {
    let names = row.names();
    lines.row(row, names);
    let source = lines.hash();
    let opaque = !row.odd().is_whole();
    let fate = match (state, stored) {
        (State::Rejected, _) => Fate::Rejected(None),
        (State::Migrated, Some(stored)) => {
            let target = match given_back(id, names, stored) {
                None => Target::Missing,
                Some(back) => {
                    lines.row(&back, names);
                    let hash = lines.hash();
                    match hash == source {
                        true if is_right => Target::Same,
                        true => Target::Wrong,
                        false => Target::Other(hash),
                    }
                }
            };
            write_keys(lines, stored);
            Fate::Migrated { target, keys: lines.hash() }
        }
        _ => Fate::Pending,
    };
    Entry { id, source, fate, opaque }
}

fn stray_lineage(source_id: i64, row: &StoredLineage) -> Difference {
    Difference {
        source_id,
        target: row.target_table().to_owned(),
        field: "lineage".to_owned(),
        expected: Some("no lineage of a row that has no request".to_owned()),
        actual: Some(row.target_id.to_string()),
    }
}

/// What pages explain of the rows of the target: as many as there are, or as there are marked ones, unless a marked one
/// belongs to no migrated row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Explained {
    all: Count,
    marked: Count,
    /// Whether lineage claims each request once at most. It surely does where each has its legacy row's id.
    pub(crate) is_sure: bool,
}

impl Explained {
    /// Nothing yet.
    pub(crate) const NOTHING: Self = Self { all: Count::NONE, marked: Count::NONE, is_sure: true };

    /// What a page explains.
    fn by(page: &BothPages) -> Self {
        let mut explained = Self::NOTHING;
        for (id, stored) in &page.stored {
            let mut claims = stored.lineage.iter().filter(|row| row.role == Ok(Role::Request));
            let claim = claims.next();
            explained.is_sure &= claims.next().is_none() && claim.is_none_or(|claim| claim.target_id == *id);
            explained.all.entries += stored.audit.len() as u64;
            explained.all.requests += u64::from(stored.request.is_some());
            explained.marked.entries += stored.audit.iter().filter(|cells| cells.is_marked()).count() as u64;
            explained.marked.requests += u64::from(stored.assessment.has_legacy);
        }
        explained
    }

    /// Adds what another page explains.
    pub(crate) fn add(&mut self, other: Self) {
        self.is_sure &= other.is_sure;
        self.all.add(other.all);
        self.marked.add(other.marked);
    }

    /// Whether these are all of the rows that were counted.
    pub(crate) fn are_all(self, which: Which, counted: Count) -> bool {
        self.is_sure && counted == if which == Which::All { self.all } else { self.marked }
    }
}

/// Which rows of the target are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All of them, which costs nearly nothing.
    All,
    /// Those with the mark of the migration: entries that carry it, requests that keep a residual.
    Marked,
}

/// Rows of the target, counted in the snapshot in which the pages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Audit entries.
    pub(crate) entries: u64,
    /// Requests.
    pub(crate) requests: u64,
}

impl Count {
    const NONE: Self = Self { entries: 0, requests: 0 };

    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.requests += other.requests;
    }
}

/// A page of the source with what is stored for it.
pub(crate) struct BothPages {
    pub(crate) rows: Vec<(i64, LegacyRow)>,
    /// In the order of the legacy rows' ids.
    pub(crate) stored: Vec<(i64, Stored)>,
    pub(crate) rejected: HashSet<i64>,
    pub(crate) securities: SecuritiesBySymbol,
    pub(crate) wanted: Wanted,
}
