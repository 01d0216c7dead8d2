//! The steps of a plan before they are ordered.

use crate::schema::catalog::{Id, Kind};
use crate::schema::drift::spelling::words_of;
use crate::schema::plan::order::Place;
use crate::schema::plan::step::{Action, ConcurrentBuild, Hazard};

/// When a thing is done, if nothing that it needs comes later.
pub(crate) mod rank {
    pub(crate) const SCHEMA: u8 = 0;
    pub(crate) const MOVE: u8 = 1;
    pub(crate) const RENAME: u8 = 2;
    pub(crate) const RENAME_PART: u8 = 3;
    /// Minus the rank of creating it.
    pub(crate) const DROP: u8 = 60;
    /// A role that is to own something in the schema needs rights on the schema first.
    pub(crate) const SCHEMA_OWNER: u8 = 61;
    pub(crate) const TYPE: u8 = 62;
    pub(crate) const SEQUENCE: u8 = 63;
    pub(crate) const FUNCTION: u8 = 64;
    pub(crate) const TABLE: u8 = 65;
    pub(crate) const ALTER_TABLE: u8 = 66;
    pub(crate) const ALTER_COLUMN: u8 = 67;
    pub(crate) const COLUMN: u8 = 68;
    pub(crate) const GENERATED: u8 = 69;
    pub(crate) const DEFAULT: u8 = 70;
    pub(crate) const CONSTRAINT: u8 = 71;
    pub(crate) const INDEX: u8 = 72;
    pub(crate) const FOREIGN_KEY: u8 = 73;
    pub(crate) const VIEW: u8 = 74;
    pub(crate) const VIEW_INDEX: u8 = 75;
    pub(crate) const ATTACHED: u8 = 77;
    pub(crate) const SWITCH: u8 = 78;
    pub(crate) const OWNER: u8 = 79;
    // A sequence belongs to a column of the same owner only.
    pub(crate) const OWNED: u8 = 80;
    pub(crate) const PRIVILEGE: u8 = 80;
    pub(crate) const DEFAULT_PRIVILEGE: u8 = 81;
    pub(crate) const COMMENT: u8 = 82;
}

pub(crate) fn rank_of(kind: Kind) -> u8 {
    match kind {
        Kind::Schema => rank::SCHEMA,
        Kind::Sequence => rank::SEQUENCE,
        Kind::Function | Kind::Procedure | Kind::Aggregate | Kind::Operator => rank::FUNCTION,
        Kind::Table | Kind::ForeignTable => rank::TABLE,
        Kind::Column | Kind::Attribute => rank::COLUMN,
        Kind::Constraint => rank::CONSTRAINT,
        Kind::Index => rank::INDEX,
        Kind::View | Kind::MaterializedView => rank::VIEW,
        Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Statistics => rank::ATTACHED,
        _ => rank::TYPE,
    }
}

/// A statement, and what it may hurt.
pub(crate) struct Part {
    pub(crate) action: Action,
    pub(crate) sql: String,
    pub(crate) hazards: Vec<Hazard>,
    pub(crate) concurrent: Option<ConcurrentBuild>,
}

impl Part {
    /// A statement that hurts nothing.
    pub(crate) fn new(action: Action, sql: String) -> Self {
        Self { action, sql, hazards: Vec::new(), concurrent: None }
    }

    /// The same statement, doing something else than altering.
    pub(crate) fn with(self, action: Action) -> Self {
        Self { action, ..self }
    }
}

/// Most statements alter something.
impl From<String> for Part {
    fn from(sql: String) -> Self {
        Self::new(Action::Alter, sql)
    }
}

pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) id: Id,
    pub(crate) parts: Vec<Part>,
}

/// A column that gets another type, as a part of its table's one statement.
pub(crate) struct Retyped {
    /// `alter column … type …`.
    pub(crate) change: String,
    /// Whether PostgreSQL rewrites the table for it.
    pub(crate) rewrites: bool,
}

/// How a property is altered.
pub(crate) enum Alteration {
    /// These statements alter it, at this rank.
    Steps(u8, Vec<Part>),
    /// The object is dropped and created again.
    Recreate,
    /// It stays, and why.
    Leave(String),
    /// It stays because of rows, which the query finds.
    Rows(String, String),
    /// The steps of another difference do it.
    Nothing,
}

/// Schema and name of the table that a foreign key points at.
pub(crate) fn target_of(definition: &str) -> Option<(String, String)> {
    let mut words = words_of(definition.split_once(" REFERENCES ")?.1);
    let (schema, _, name) = (words.next()?, words.next()?, words.next()?);
    Some((schema, name))
}

pub(crate) static EMPTY: Id =
    Id { schema: String::new(), parent: String::new(), kind: Kind::Database, name: String::new() };
