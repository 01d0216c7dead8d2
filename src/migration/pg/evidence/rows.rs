//! Writes the rows and the reasons of a bundle, and folds them.

use crate::migration::accounting::State;
use crate::migration::evidence::entry::{Entry, Rejected};
use crate::migration::evidence::folding::{Folded, Folding};
use crate::migration::evidence::tree::Hash;
use crate::migration::pg::evidence::error::EvidenceError;
use crate::migration::pg::evidence::files::{FolderWriter, HashedFile, REJECTIONS, ROWS};
use crate::migration::pg::evidence::records::for_each_rejection;
use crate::migration::pg::evidence::spool::{Sorted, Spool};
use crate::postgres::session::Session;

/// What the rows give.
pub(crate) struct Written {
    pub(crate) folded: Folded,
    /// The hashes of the rows that SQL beside `padealing` can't compute.
    pub(crate) constants: Vec<(i64, Hash)>,
}

/// Which rows' hashes SQL can't compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncomputed {
    /// Those that hold what is no text.
    Opaque,
    /// Those that aren't migrated, too: the legacy rows are elsewhere.
    NotMigrated,
}

/// Writes them in the order of their ids.
pub(crate) async fn write_rows(
    target: &mut Session,
    spool: &mut Spool,
    files: &mut FolderWriter,
    uncomputed: Uncomputed,
) -> Result<Written, EvidenceError> {
    let mut sorted = spool.sorted().map_err(EvidenceError::Spool)?;
    let next = sorted.next().map_err(EvidenceError::Spool)?;
    let (rows, rejections) = (files.begin(ROWS)?, files.begin(REJECTIONS)?);
    let (folding, constants) = (Folding::default(), Vec::new());
    let mut writer = Writer { sorted, next, rows, rejections, folding, constants, uncomputed };
    let (mut group, mut failure) = (Vec::new(), None);
    let read = for_each_rejection(target, |reason| {
        let is_next = group.first().is_some_and(|it: &Rejected| it.source_id != reason.source_id);
        let result = if is_next { writer.rejected(&std::mem::take(&mut group)) } else { Ok(()) };
        group.push(reason);
        result.map_err(|error| {
            failure = Some(error);
            sqlx::Error::Protocol("the evidence can't be written".to_owned())
        })
    })
    .await;
    if let Some(failure) = failure {
        return Err(failure);
    }
    read?;
    writer.rejected(&group)?;
    writer.up_to(None)?;
    let Writer { rows, rejections, folding, constants, .. } = writer;
    files.keep(rows)?;
    files.keep(rejections)?;
    Ok(Written { folded: folding.finish(), constants })
}

struct Writer<'a> {
    sorted: Sorted<'a>,
    next: Option<Entry>,
    rows: HashedFile,
    rejections: HashedFile,
    folding: Folding,
    constants: Vec<(i64, Hash)>,
    uncomputed: Uncomputed,
}

impl Writer<'_> {
    /// Writes the rows before an id; all that are left without one.
    fn up_to(&mut self, id: Option<i64>) -> Result<(), EvidenceError> {
        while let Some(entry) = self.next.filter(|entry| id.is_none_or(|id| entry.id < id)) {
            self.put(&entry, &[])?;
        }
        Ok(())
    }

    /// Writes the reasons of a row, and the rows up to it. What is on record of rows that aren't there, or that have been
    /// migrated since, is no row's reason, and is written all the same.
    fn rejected(&mut self, reasons: &[Rejected]) -> Result<(), EvidenceError> {
        let Some(first) = reasons.first() else { return Ok(()) };
        self.up_to(Some(first.source_id))?;
        for reason in reasons {
            let mut line = serde_json::to_string(reason).unwrap_or_default();
            line.push('\n');
            self.rejections.write(line.as_bytes())?;
        }
        if let Some(entry) = self.next.filter(|entry| entry.id == first.source_id) {
            let reasons = if entry.state() == State::Rejected { reasons } else { &[] };
            self.put(&entry, reasons)?;
        }
        Ok(())
    }

    fn put(&mut self, entry: &Entry, reasons: &[Rejected]) -> Result<(), EvidenceError> {
        let state = entry.state();
        if (state == State::Rejected) == reasons.is_empty() {
            // It was migrated, or tried again, since it was read.
            return Err(EvidenceError::Moved);
        }
        self.folding.add(entry, reasons).map_err(|_| EvidenceError::Moved)?;
        self.rows.write(format!("{entry}\n").as_bytes())?;
        if entry.opaque || self.uncomputed == Uncomputed::NotMigrated && state != State::Migrated {
            self.constants.push((entry.id, entry.source));
        }
        self.next = self.sorted.next().map_err(EvidenceError::Spool)?;
        Ok(())
    }
}
