//! Legacy rows out of the values that a select of the source sends.

use std::sync::Arc;

use crate::migration::legacy::{Field, LegacyRow, RowOfPage, RowsOfPage};
use crate::migration::pg::source::Source;
use crate::migration::text::{TextBuf, spelled};

/// Rows of [`Source::page`].
pub(crate) struct SourceRows<'a> {
    source: &'a Source,
    page: RowsOfPage<'a>,
    rows: Vec<(i64, SourceRow)>,
}

enum SourceRow {
    Plain(RowOfPage),
    /// With what few rows have.
    Odd(Box<LegacyRow>),
}

impl<'a> SourceRows<'a> {
    /// None yet; there will be about so many.
    pub(crate) fn of(source: &'a Source, about: usize) -> Self {
        Self { source, page: RowsOfPage::of(&source.places, about), rows: Vec::with_capacity(about) }
    }

    /// Adds a row, by its values: where each is among bytes that hold them all. None if it isn't one.
    pub(crate) fn add(&mut self, bytes: &[u8], values: &[Field]) -> Option<()> {
        let Self { source, page, rows } = self;
        if values.len() != source.width() {
            return None;
        }
        let value = |at: usize| values[at].range().map(|range| &bytes[range]);
        let id = std::str::from_utf8(value(0)?).ok()?.parse().ok()?;
        let of_columns = &values[1..=source.columns.len()];
        let is_plain = values[1 + source.columns.len()..].iter().all(|it| *it == Field::NULL);
        match std::str::from_utf8(bytes) {
            Ok(text) if is_plain => {
                rows.push((id, SourceRow::Plain(page.add(text, of_columns.iter().copied()))));
            }
            _ => rows.push((id, SourceRow::Odd(Box::new(source.odd_row(bytes, values)?)))),
        }
        Some(())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows, each with its id.
    pub(crate) fn finish(self) -> Vec<(i64, LegacyRow)> {
        let Self { source, page, rows } = self;
        let of_page = page.finish();
        let row = |row| match row {
            SourceRow::Plain(row) => {
                let mut row = of_page(row);
                row.padded.clone_from(&source.padded);
                row
            }
            SourceRow::Odd(row) => *row,
        };
        rows.into_iter().map(|(id, it)| (id, row(it))).collect()
    }
}

impl Source {
    /// A row of which not every value is text, or some are too large to be read, or some are moments.
    fn odd_row(&self, bytes: &[u8], values: &[Field]) -> Option<LegacyRow> {
        let value = |at: usize| values[at].range().map(|range| &bytes[range]);
        let mut row = LegacyRow::null(self.places.names());
        row.padded.clone_from(&self.padded);
        for (at, (column, place)) in self.columns.iter().zip(self.places.iter()).enumerate() {
            let Some(bytes) = value(1 + at) else { continue };
            match std::str::from_utf8(bytes) {
                Ok(text) => row.set_at(place, Some(text.into())),
                Err(_) => {
                    row.odd_mut().unreadable.insert(Arc::clone(&column.name), spelled(bytes));
                }
            }
        }
        for (index, at) in self.companions.iter().enumerate() {
            let Some(companion) = value(1 + self.columns.len() + index) else {
                continue;
            };
            let large = TextBuf::described(&String::from_utf8_lossy(companion))?;
            row.set_at(self.places[*at], Some(large.as_text()));
        }
        let clocks = 1 + self.columns.len() + self.companions.len();
        for (index, at) in self.moments.iter().enumerate().filter(|_| self.zone.is_some()) {
            if let (Some(text), Some(known)) = (value(clocks + index), self.columns[*at].known) {
                row.odd_mut().local.insert(known, String::from_utf8_lossy(text).into_owned());
            }
        }
        Some(row)
    }
}
