//! Writes the rows and the reasons of a bundle, and folds them.

use crate::migration::accounting::State;
use crate::migration::evidence::entry::{Entry, Rejected};
use crate::migration::evidence::folding::{Folded, Folding};
use crate::migration::evidence::names::{REJECTIONS, ROWS};
use crate::migration::evidence::tree::Hash;
use crate::migration::pg::evidence::error::EvidenceError;
use crate::migration::pg::evidence::files::{FolderWriter, HashedFile};
use crate::migration::pg::evidence::records::for_each_rejection;
use crate::migration::pg::evidence::spool::{Sorted, Spool};
use crate::migration::pg::stored_page::Rows;
use crate::migration::pg::verify_error::VerifyError;
use crate::postgres::session::Session;

/// What the rows give.
pub(crate) struct Written {
    pub(crate) folded: Folded,
    /// The hashes of the rows that SQL may be unable to compute: those that only the legacy table has, which may be gone by
    /// then, and those that hold what is no text.
    pub(crate) constants: Vec<Constant>,
}

/// The hash of a row.
pub(crate) struct Constant {
    pub(crate) id: i64,
    pub(crate) row: Hash,
    /// Whether it holds what is no text.
    pub(crate) opaque: bool,
}

/// Writes them in the order of their ids, if there are files to write to, and folds them.
pub(crate) async fn write_rows(
    target: &mut Session,
    spool: &mut Spool,
    files: Option<&mut FolderWriter>,
    folding: Folding,
) -> Result<Written, EvidenceError> {
    let mut sorted = spool.sorted().map_err(VerifyError::Spool)?;
    let next = sorted.next().map_err(VerifyError::Spool)?;
    let out = match &files {
        Some(files) => Some((files.begin(ROWS)?, files.begin(REJECTIONS)?)),
        None => None,
    };
    let mut writer = Writer { sorted, next, out, folding, constants: Vec::new() };
    let (mut group, mut failure) = (Vec::new(), None);
    let read = for_each_rejection(target, &Rows::Between { after: None, until: None }, |reason| {
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
    let Writer { out, folding, constants, .. } = writer;
    if let (Some(files), Some((rows, rejections))) = (files, out) {
        files.keep(rows)?;
        files.keep(rejections)?;
    }
    Ok(Written { folded: folding.finish(), constants })
}

struct Writer<'a> {
    sorted: Sorted<'a>,
    next: Option<Entry>,
    /// Rows and rejections.
    out: Option<(HashedFile, HashedFile)>,
    folding: Folding,
    constants: Vec<Constant>,
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
        if let Some((_, rejections)) = &mut self.out {
            for reason in reasons {
                let mut line = serde_json::to_string(reason).unwrap_or_default();
                line.push('\n');
                rejections.write(line.as_bytes())?;
            }
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
        if let Some((rows, _)) = &mut self.out {
            let entry = entry.with_reasons(reasons);
            rows.write(format!("{entry}\n").as_bytes())?;
        }
        if entry.opaque || state != State::Migrated {
            self.constants.push(Constant { id: entry.id, row: entry.source, opaque: entry.opaque });
        }
        self.next = self.sorted.next().map_err(VerifyError::Spool)?;
        Ok(())
    }
}
