//! What a fault is before and after rows are chosen for it, and what it can be planted in.

use std::collections::BTreeMap;

use crate::migration::target::{Role, SOURCE_TABLE};
use crate::report::planted::PlantedFault;

/// Where a fault is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The row of a role.
    Target(Role),
    /// The lineage row of a role.
    Lineage(Role),
    /// The legacy row.
    Legacy,
}

impl Place {
    /// Every place.
    pub fn all() -> impl Iterator<Item = Self> {
        let targets = Role::ALL.iter().map(|it| Self::Target(*it));
        targets.chain(Role::ALL.iter().map(|it| Self::Lineage(*it))).chain([Self::Legacy])
    }

    /// The table's own name.
    pub fn table(self) -> &'static str {
        match self {
            Self::Target(role) => role.table(),
            Self::Lineage(_) => "migration_mapping",
            Self::Legacy => SOURCE_TABLE,
        }
    }

    /// The table as SQL takes it.
    pub fn qualified(self) -> String {
        let schema = if self == Self::Legacy { "public" } else { "padealing" };
        format!("{schema}.{}", self.table())
    }

    /// The role of the row, or of the row that the lineage row names.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Target(role) | Self::Lineage(role) => Some(role),
            Self::Legacy => None,
        }
    }
}

/// A column of the live catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Column {
    pub name: String,
    /// The type without its modifier, as `format_type` prints it.
    pub kind: String,
    pub is_nullable: bool,
    /// The table that a foreign key of this column alone refers to, as SQL takes it.
    pub references: Option<String>,
}

/// A stored row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its own id.
    pub id: i64,
    /// The beginning of each value's text, in the order of the columns.
    pub cells: Vec<Option<String>>,
}

/// All rows of one legacy row.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Migrated {
    pub source_id: i64,
    pub rows: BTreeMap<Place, Row>,
}

impl Migrated {
    fn cell(&self, place: Place, at: usize) -> Option<&str> {
        self.rows.get(&place)?.cells.get(at)?.as_deref()
    }
}

/// What faults can be planted in.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Stock {
    pub columns: BTreeMap<String, Vec<Column>>,
    pub migrated: Vec<Migrated>,
}

/// What the row of a fault must be like.
#[derive(Clone, Copy, Debug)]
pub enum Needs {
    /// It is there.
    Row,
    /// Its column at this place holds a value, and one of which this is true.
    Value(usize, fn(&str) -> bool),
    /// Its column at this place holds null.
    Null(usize),
    /// It isn't there, though the request is.
    Absence,
}

/// Which second row a fault needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partner {
    /// None.
    None,
    /// One whose column at this place holds another value.
    OtherValue(usize),
    /// Any that was migrated.
    Request,
    /// One of another request.
    Same,
}

/// The rows that were chosen for a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The row's own id; if the row isn't there, that of the request, or of the request's lineage row.
    pub id: i64,
    /// An id that no row has.
    pub new: i64,
    /// The second row's own id, or else that of its request.
    pub other: i64,
}

/// Target and field of a difference; any field if it is empty, and those below it.
pub type Name = (String, String);

/// What must be named of a fault: of each of these, one of the names, unless there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of the legacy row.
    pub first: Vec<Name>,
    /// Of the second one.
    pub other: Vec<Name>,
    /// Of the id that no row had.
    pub new: Vec<Name>,
}

impl Names {
    /// One of these of the legacy row.
    pub fn of(names: &[(&str, &str)]) -> Self {
        Self { first: owned(names), ..Self::default() }
    }
}

/// Names as they are kept.
pub fn owned(names: &[(&str, &str)]) -> Vec<Name> {
    names.iter().map(|(target, field)| ((*target).to_owned(), (*field).to_owned())).collect()
}

/// A fault before a row was chosen for it.
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Wanted {
    pub place: Place,
    /// None for a fault of a whole row.
    pub column: Option<String>,
    pub kind: &'static str,
    pub needs: Needs,
    pub partner: Partner,
    pub statement: Box<dyn Fn(Chosen) -> String + Send + Sync>,
    pub names: Names,
}

impl Wanted {
    pub(super) fn fits(&self, row: &Migrated) -> bool {
        row.rows.contains_key(&self.place) != matches!(self.needs, Needs::Absence)
            && match self.needs {
                Needs::Row | Needs::Absence => true,
                Needs::Value(at, is) => row.cell(self.place, at).is_some_and(is),
                Needs::Null(at) => row.cell(self.place, at).is_none(),
            }
    }

    pub(super) fn pairs(&self, first: &Migrated, other: &Migrated) -> bool {
        first.source_id != other.source_id
            && match self.partner {
                Partner::None => true,
                Partner::OtherValue(at) => self.fits(other) && first.cell(self.place, at) != other.cell(self.place, at),
                Partner::Request => true,
                Partner::Same => other.rows.contains_key(&self.place),
            }
    }

    /// The place of the row by whose id it is planted.
    pub(super) fn anchor(&self) -> Place {
        match (self.needs, self.place) {
            (Needs::Absence, Place::Target(_)) => Place::Target(Role::Request),
            (Needs::Absence, _) => Place::Lineage(Role::Request),
            (_, place) => place,
        }
    }

    pub(super) fn described(&self, source_id: i64) -> PlantedFault {
        PlantedFault {
            table: self.place.table(),
            role: self.place.role().map(Role::as_str),
            column: self.column.clone(),
            fault: self.kind,
            source_id,
        }
    }
}
