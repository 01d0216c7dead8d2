//! Where the columns of a source go in a legacy row.

use std::ops::Index;
use std::sync::Arc;

use crate::migration::legacy::unknown::{Names, Unknown};
use crate::migration::legacy::{LegacyColumn, LegacyRow, Text};

/// Where a column goes in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Known(LegacyColumn),
    /// Among the names of the unknown columns.
    Unknown(usize),
}

/// Where the columns of a source go in its rows, in the order of the source.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    names: Names,
    places: Vec<Place>,
}

impl Places {
    /// Those of columns with these names.
    pub(crate) fn of<'a>(columns: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let columns: Vec<(&Arc<str>, Option<LegacyColumn>)> =
            columns.map(|name| (name, LegacyColumn::from_name(name))).collect();
        let mut names: Vec<Arc<str>> =
            columns.iter().filter(|(_, known)| known.is_none()).map(|(name, _)| Arc::clone(name)).collect();
        names.sort();
        let place = |(name, known): &(&Arc<str>, Option<LegacyColumn>)| match known {
            Some(known) => Place::Known(*known),
            None => Place::Unknown(names.partition_point(|it| it < *name)),
        };
        let places = columns.iter().map(place).collect();
        Self { names: names.into(), places }
    }

    /// A row whose columns are null.
    pub(crate) fn row(&self) -> LegacyRow {
        LegacyRow::null(&self.names)
    }

    /// The place of each column.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Place> {
        self.places.iter().copied()
    }
}

impl Index<usize> for Places {
    type Output = Place;

    fn index(&self, column: usize) -> &Self::Output {
        &self.places[column]
    }
}

impl LegacyRow {
    /// A row whose columns are null.
    pub(crate) fn null(unknown: &Names) -> Self {
        Self { unknown: Unknown::null(unknown), ..Self::default() }
    }

    /// Sets the column at a place.
    pub(crate) fn set(&mut self, place: Place, text: Option<Text>) {
        match place {
            Place::Known(column) => self[column] = text,
            Place::Unknown(place) => self.unknown.set(place, text),
        }
    }
}
