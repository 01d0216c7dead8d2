//! What a cell of a generated row can be.
//!
//! The first shape of a list is the simplest: a failing property test shrinks towards it.

use crate::migration::legacy::LegacyColumn as Col;

/// What a cell can be.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each variant is named for what it is")]
pub enum Shape {
    Null,
    Empty,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these codes, in a spelling that D3 takes for the same.
    Code(&'static [&'static str]),
    /// The column's word in the row's combination of statuses, likewise; or null, or blank.
    Combined,
    /// The id of the person who asks.
    Requester,
    /// That of this person's manager.
    Manager,
    /// That of a compliance officer.
    Officer,
    /// That of any person.
    Anyone,
    /// An id that isn't in the reference schema.
    UnknownPerson,
    /// The requester's name, composed or decomposed.
    OwnName,
    /// What the reference schema has in this column for the row's security.
    Listed,
    /// The symbol of a pair of securities that also share a ticker, and so the row's security.
    Twin,
    /// A text that no security has.
    Stale,
    /// A `numeric(20,4)` of so many digits before the point.
    Amount(u32),
    /// A `numeric` of so many digits before the point and up to four after it, as it was typed.
    Number(u32),
    /// The moment of the request.
    Requested,
    /// A moment within so many days of it.
    After(u64),
    /// The same as a `timestamptz`.
    Zoned(u64),
    /// A `date`.
    Date,
    /// A `double precision`.
    Float,
    /// A `bytea` of less than so many bytes.
    Hex(u64),
    /// A `jsonb`.
    Json,
    Prose {
        /// How many at least.
        from: u64,
        /// How many at most.
        to: u64,
        /// One in this many is [`crate::harness::generate::words::ODD`]; 0 for none.
        odd: u64,
    },
    /// So many characters.
    Long {
        /// At least.
        from: u64,
        /// At most.
        to: u64,
    },
    /// A text that is never held in memory, over [`crate::migration::legacy::LARGE`] bytes.
    Huge,
}

/// Shapes with their weights.
pub type Shapes = &'static [(u32, Shape)];

/// When a cell has these shapes.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Always; the last of a list.
    Always,
    /// The stage whose status this is was approved or declined.
    Decided(Col),
    /// The row has an execution.
    Executed,
    /// That column is null.
    IsNull(Col),
    /// Another security has the symbol of the row's too.
    Pair,
    /// And its ticker as well.
    SharedTicker,
}

/// What a cell can be: the first that holds.
pub type Cells = &'static [(When, Shapes)];
