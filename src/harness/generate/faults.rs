//! The faults that a generated row can have, and what each must lead to.

use crate::harness::generate::shape::{Shape, Shapes};
use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::rejection::Rule;

/// A fault, which makes the row bad whatever else it holds.
#[derive(Debug)]
pub struct Fault {
    /// How often, among the faults.
    pub weight: u32,
    /// What it must lead to.
    pub rule: Rule,
    /// The column it is in, and is reported for: one of these.
    pub fields: &'static [Col],
    /// What that cell holds then.
    pub shapes: Shapes,
    /// What other cells must hold for the fault to be one.
    pub with: &'static [(Col, Shapes)],
    /// Cells in which another fault would hide this one.
    pub relies: &'static [Col],
}

impl Fault {
    fn changes(&self, field: Col, column: Col) -> bool {
        field == column || self.with.iter().any(|(other, _)| *other == column)
    }

    fn touches(&self, field: Col) -> impl Iterator<Item = Col> {
        self.with.iter().map(|(column, _)| *column).chain(self.relies.iter().copied()).chain([field])
    }

    /// Whether a row can't have this fault in `field` and the other in `other_field`: one would change what the other
    /// needs.
    pub(super) fn clashes(&self, field: Col, other: &Self, other_field: Col) -> bool {
        self.touches(field).any(|it| other.changes(other_field, it))
            || other.touches(other_field).any(|it| self.changes(field, it))
    }
}

const UNKNOWN_PERSON: Shapes = &[(1, Shape::UnknownPerson)];
const DECISION: Shapes = &[(1, Shape::Code(&["approved", "declined"]))];

const FLAGS: &[Col] = &[
    Col::Related,
    Col::BrokerReporting,
    Col::DerivativeContract,
    Col::Leveraged,
    Col::InsideInfo,
    Col::ExistingPos,
    Col::Signed,
    Col::Restricted,
    Col::HoldingPeriod,
    Col::Conflicts,
    Col::TwoBusinessDaysExecution,
    Col::ContractNotesReceived,
];

/// A fault of one cell alone.
const fn fault(weight: u32, rule: Rule, fields: &'static [Col], shapes: Shapes) -> Fault {
    Fault { weight, rule, fields, shapes, with: &[], relies: &[] }
}

/// Every fault that the types of the legacy table allow. Ids can't collide in a target that nothing else wrote to, and
/// no text is unreadable in a database of UTF-8; the cases of `fixtures/legacy` have those.
pub(crate) static FAULTS: &[Fault] = &[
    fault(12, Rule::InvalidBoolean, FLAGS, &[(1, Shape::OneOf(&["3", "0", "Y", "N", " ", "é"]))]),
    fault(6, Rule::InvalidDirection, &[Col::BuySell], &[(1, Shape::OneOf(&["X", "1", "?"]))]),
    fault(6, Rule::InvalidDeletedFlag, &[Col::IsDeleted], &[(1, Shape::OneOf(&["X", "1", "0"]))]),
    fault(
        6,
        Rule::UnknownStatus,
        &[Col::Status],
        &[
            (1, Shape::Null),
            (1, Shape::Empty),
            (4, Shape::OneOf(&["cancelled", "pending", "approved\u{a0}", "request."])),
        ],
    ),
    fault(
        6,
        Rule::UnknownStatus,
        &[Col::StatusManager, Col::StatusCompliance],
        &[(1, Shape::OneOf(&["on hold", "request", "aproved", "\u{200b}approved", "déclined"]))],
    ),
    fault(10, Rule::UnknownEmployee, &[Col::Employee], &[(1, Shape::Null), (4, Shape::UnknownPerson)]),
    fault(8, Rule::UnknownEmployee, &[Col::LastModifiedBy], UNKNOWN_PERSON),
    Fault {
        with: &[(Col::StatusManager, DECISION)],
        relies: &[Col::Status, Col::StatusCompliance],
        ..fault(8, Rule::UnknownEmployee, &[Col::AuthManager], UNKNOWN_PERSON)
    },
    Fault {
        with: &[(Col::StatusCompliance, DECISION)],
        relies: &[Col::Status, Col::StatusManager],
        ..fault(6, Rule::UnknownEmployee, &[Col::AuthCompliance], UNKNOWN_PERSON)
    },
    // Who recorded an execution, whatever the stage says.
    Fault {
        with: &[(Col::TwoBusinessDaysExecution, &[(1, Shape::OneOf(&["1", "2"]))])],
        ..fault(6, Rule::UnknownEmployee, &[Col::AuthCompliance], UNKNOWN_PERSON)
    },
    fault(
        12,
        Rule::UnknownSecurity,
        &[Col::InstSymbol],
        &[(4, Shape::Stale), (1, Shape::OneOf(&["gen00001", " ", "GEN00001 "]))],
    ),
    // No identifier, or only a ticker that both have.
    Fault {
        with: &[
            (Col::Isin, &[(1, Shape::Null), (1, Shape::Stale), (1, Shape::Empty)]),
            (Col::Sedol, &[(1, Shape::Null), (1, Shape::Stale)]),
            (Col::Bloomberg, &[(1, Shape::Null), (1, Shape::Stale)]),
            (Col::Ticker, &[(1, Shape::Null), (2, Shape::Listed)]),
        ],
        ..fault(10, Rule::AmbiguousSecurity, &[Col::InstSymbol], &[(1, Shape::Twin)])
    },
    Fault {
        with: &[(Col::LastModifiedDate, &[(1, Shape::Null)])],
        ..fault(8, Rule::MissingDate, &[Col::RequestedDate], &[(1, Shape::Null)])
    },
    fault(6, Rule::TooLong, &[Col::Relation], &[(1, Shape::Long { from: 101, to: 250 })]),
    fault(3, Rule::OutOfRange, &[Col::TradeSize], &[(1, Shape::OneOf(&["NaN"]))]),
    fault(
        5,
        Rule::OutOfRange,
        &[Col::Value],
        &[(1, Shape::OneOf(&["0.00001", "NaN", "12.345678", "10000000000000000", "-123456789012345678.5"]))],
    ),
];
