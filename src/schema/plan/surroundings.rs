//! What a database holds beside the objects that are compared, and that can stop a step. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::catalog::Id;
use crate::schema::plan::code::{Code, Meanings};
use crate::schema::plan::history_table::HistoryTable;

/// How an object depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond {
    /// PostgreSQL refuses to change or drop the other as long as it is there.
    Fixed,
    /// PostgreSQL reads its expression again when the column's type changes.
    Expression,
}

/// An object that depends on a managed one (documentation, pg_depend).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// Its kind and name, such as `view public.requests`.
    pub description: String,
    /// Its name in a catalog, if a catalog can hold it.
    pub id: Option<Id>,
    /// How it depends.
    pub bond: Bond,
    /// Its expressions, as conditions or values of the table's columns.
    pub expressions: Vec<String>,
}

/// Objects share their names with those of the same namespace (documentation, CREATE TABLE and CREATE TYPE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Namespace {
    /// Tables, views, sequences, indexes and composite types.
    Relation,
    /// Types; each relation has one of its name.
    Type,
}

/// What has a name in the application schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its kind and name: `view padealing.pad_request`.
    pub description: String,
    /// The words that alter it: `view`.
    pub keyword: String,
    /// Its name in a catalog, if a catalog can hold it.
    pub id: Option<Id>,
    /// The extension that it belongs to.
    pub extension: Option<String>,
}

/// What foreign keys need of a table that another team owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTable {
    /// What it is, if it isn't a table: `view`.
    pub other_kind: Option<String>,
    /// Whether it is unlogged: then logged tables can't refer to it.
    pub is_unlogged: bool,
    /// The columns of its primary key, if a foreign key can refer to it.
    pub primary: Vec<String>,
    /// The columns of each key that a foreign key can refer to.
    pub keys: Vec<BTreeSet<String>>,
    /// The columns, each with its type and the category of that (documentation, pg_type.typcategory).
    pub columns: BTreeMap<String, (String, String)>,
}

/// A table that inherits from a managed one, or is a partition of it, however indirectly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its name in SQL.
    pub table: String,
    /// The statement that separates it from its parent.
    pub detach: String,
    /// Whether it is in another schema than padealing.
    pub is_outside: bool,
    /// Its columns, each with its type.
    pub columns: BTreeMap<String, String>,
}

/// A privilege that a role has granted which is not the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct PassedOn {
    /// Empty for the whole relation or schema.
    pub column: String,
    pub by: String,
    pub to: String,
    pub privilege: String,
}

/// A table that belongs to an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Member {
    pub schema: String,
    pub table: String,
    pub extension: String,
    pub columns: Vec<String>,
}

/// What else a database holds that can stop a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// What depends on columns, constraints and indexes of managed tables.
    pub dependents: BTreeMap<Id, Vec<Dependent>>,
    /// Columns that use the row type of a managed table: by its schema and name.
    pub row_types: BTreeMap<(String, String), Vec<String>>,
    /// Tables that are below a managed one: by its schema and name.
    pub children: BTreeMap<(String, String), Vec<Child>>,
    /// The names in the application schema that are taken.
    pub names: BTreeMap<(Namespace, String), Holder>,
    /// Tables that foreign keys refer to.
    pub references: BTreeMap<(String, String), KeyTable>,
    /// How many columns a managed table has had, dropped ones included: by its schema and name.
    pub widths: BTreeMap<(String, String), i32>,
    /// Privileges that others than the owner have granted on a relation, by its schema and name; on a schema, under an
    /// empty name.
    pub passed_on: BTreeMap<(String, String), Vec<PassedOn>>,
    /// Tables with a managed name that belong to an extension, in whatever schema.
    pub members: Vec<Member>,
    /// Functions that run while steps are sent.
    pub code: Vec<Code>,
    /// What names in their texts mean.
    pub meanings: Meanings,
    /// Constraints that aren't compared, such as those of NOT NULL: by the schema and the name of their table, and their
    /// own name.
    pub constraints: BTreeSet<(String, String, String)>,
    /// The table of the history, if there is one.
    pub history: Option<HistoryTable>,
    /// Tables of other schemas, with their schema, that may be locked because the user says so.
    pub allowed: BTreeSet<String>,
}

impl Surroundings {
    /// What depends on an object, by its name in the live catalog.
    pub fn dependents_of(&self, id: &Id) -> &[Dependent] {
        self.dependents.get(id).map(Vec::as_slice).unwrap_or_default()
    }
}
