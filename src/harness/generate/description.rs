//! What a legacy row can be, as data: the shapes that each cell can have and how often, the combinations of the three
//! statuses, and the faults with what they must lead to.
//!
//! The first shape of a list is the simplest: a failing property test shrinks towards it.

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::rejection::Rule;

/// What a cell can be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Null.
    Null,
    /// The empty string.
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
    /// That of somebody in compliance.
    Officer,
    /// That of anybody.
    Anyone,
    /// That of nobody in the reference schema.
    Stranger,
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
    /// Words.
    Prose {
        /// How many at least.
        from: u64,
        /// How many at most.
        to: u64,
        /// One in this many is [`ODD`]; 0 for none.
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

/// When a cell has these shapes and not those.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Otherwise.
    Always,
    /// The stage whose status this is was approved or declined.
    Decided(Col),
    /// The row speaks of an execution.
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
        field == column || self.with.iter().any(|it| it.0 == column)
    }

    fn touches(&self, field: Col) -> impl Iterator<Item = Col> {
        self.with.iter().map(|it| it.0).chain(self.relies.iter().copied()).chain([field])
    }

    /// Whether a row can't have this fault in `field` and the other in `theirs`: one would change what the other needs.
    pub(super) fn clashes(&self, field: Col, other: &Self, theirs: Col) -> bool {
        self.touches(field).any(|it| other.changes(theirs, it))
            || other.touches(theirs).any(|it| self.changes(field, it))
    }
}

/// A column that the seeds don't name.
#[derive(Debug)]
pub struct Unknown {
    /// Its name.
    pub name: &'static str,
    /// Its type in SQL.
    pub kind: &'static str,
    /// What it can hold, in the words of the type's output function.
    pub shapes: Shapes,
}

/// The words of `status`.
pub const STATUS_WORDS: [&str; 3] = ["request", "approved", "declined"];
/// The words of a stage's status.
pub const STAGE_WORDS: [Option<&str>; 4] = [None, Some("pending"), Some("approved"), Some("declined")];

/// How often each combination occurs, by status, then manager (a line each), then compliance: all 48 do.
pub const STATUS_WEIGHTS: [[[u32; 4]; 4]; 3] = [
    // request
    [[60, 8, 1, 1], [25, 12, 1, 1], [6, 8, 2, 1], [2, 1, 1, 1]],
    // approved
    [[5, 3, 6, 1], [2, 4, 3, 1], [30, 45, 620, 4], [1, 1, 2, 1]],
    // declined
    [[6, 2, 1, 8], [2, 3, 1, 6], [2, 2, 4, 45], [30, 12, 2, 10]],
];

const YES_NO: Cells =
    &[(When::Always, &[(12, Shape::Null), (60, Shape::OneOf(&["2"])), (26, Shape::OneOf(&["1"])), (2, Shape::Empty)])];
const RARE_MOMENTS: Shape = Shape::OneOf(&[
    "1900-01-01 00:00:00",
    "infinity",
    "-infinity",
    "0001-01-01 00:00:00",
    "0044-03-15 12:00:00 BC",
    "9999-12-31 23:59:59.999999",
]);
const COMMENTS: Cells = &[(
    When::Always,
    &[
        (30_000, Shape::Null),
        (1_500, Shape::Empty),
        (16_000, Shape::Prose { from: 1, to: 16, odd: 0 }),
        (2_400, Shape::Prose { from: 1, to: 24, odd: 4 }),
        (100, Shape::Prose { from: 200, to: 1200, odd: 40 }),
        (1, Shape::Huge),
    ],
)];
const IDENTIFIER: Shapes = &[(6, Shape::Null), (88, Shape::Listed), (3, Shape::Stale), (3, Shape::Empty)];

/// What each column can hold in a row that must be migrated.
pub fn cells(column: Col) -> Cells {
    use Shape::{
        After, Amount, Anyone, Combined, Empty, Listed, Manager, Null, Number, Officer, OneOf, OwnName, Prose,
        Requested, Requester, Stale, Stranger,
    };
    use When::{Always, Decided, Executed, IsNull, Pair, SharedTicker};
    match column {
        Col::Id | Col::Employee => &[(Always, &[(1, Requester)])],
        Col::RequestedDate => &[(Always, &[(1989, Requested), (8, Null), (3, RARE_MOMENTS)])],
        Col::Name => &[(Always, &[(5, Null), (90, OwnName), (1, Empty), (4, Prose { from: 1, to: 4, odd: 2 })])],
        Col::Relation => &[(
            Always,
            &[(85, Null), (10, OneOf(&["Spouse", "Partner", "Ehefrau", "אחות", "Brother-in-law", "Mère"])), (5, Empty)],
        )],
        Col::SecurityDescription => {
            &[(Always, &[(10, Null), (80, Listed), (9, Prose { from: 1, to: 20, odd: 0 }), (1, Empty)])]
        }
        // Of the identifiers of a pair this one is always there, so that one of the two is singled out (D7).
        Col::Isin => &[(Pair, &[(1, Listed)]), (Always, IDENTIFIER)],
        Col::Sedol | Col::Bloomberg => &[(Always, IDENTIFIER)],
        Col::Ticker => &[(SharedTicker, &[(3, Null), (1, Stale)]), (Always, IDENTIFIER)],
        Col::TradeSize => &[(
            Always,
            &[(3, Null), (90, Amount(6)), (4, OneOf(&["0.0000", "0.0001", "9999999999999999.9999"])), (3, Amount(14))],
        )],
        Col::Value => &[(
            Always,
            &[
                (4, Null),
                (88, Number(7)),
                (2, OneOf(&["0", "-0.0001", "9999999999999999.9999", "1250.500000"])),
                (6, Amount(14)),
            ],
        )],
        Col::Currency => {
            &[(Always, &[(3, Null), (90, OneOf(&["GBP", "USD", "EUR", "JPY"])), (2, OneOf(&["£", "gbp", ""]))])]
        }
        Col::Justification | Col::OtherComments | Col::CommentsManager | Col::CommentsCompliance => COMMENTS,
        Col::ConflictComments => &[(Always, &[(40, Null), (1, Empty), (4, Prose { from: 1, to: 30, odd: 6 })])],
        Col::BuySell => {
            &[(Always, &[(5, Null), (85, OneOf(&["B", "S"])), (8, OneOf(&["b", "s"])), (2, OneOf(&["", " "]))])]
        }
        Col::IsDeleted => &[(
            Always,
            &[(80, OneOf(&["N"])), (8, Null), (5, OneOf(&["Y"])), (4, OneOf(&["n", "y"])), (2, OneOf(&["", " "]))],
        )],
        Col::Status | Col::StatusManager | Col::StatusCompliance => &[(Always, &[(1, Combined)])],
        Col::InstSymbol => &[(Always, &[(12, Null), (85, Listed), (3, Empty)])],
        Col::TwoBusinessDaysExecution | Col::ContractNotesReceived => {
            &[(Always, &[(50, Null), (28, OneOf(&["1"])), (19, OneOf(&["2"])), (3, Empty)])]
        }
        Col::LastModifiedBy => &[(Always, &[(4, Null), (96, Anyone)])],
        Col::LastModifiedDate => &[
            (IsNull(Col::RequestedDate), &[(1, After(30))]),
            (Always, &[(40, Null), (1950, After(400)), (10, RARE_MOMENTS)]),
        ],
        // A stage can have an approver and no decision, or the other way round (D16); then nobody is looked up (D16b).
        Col::AuthManager => &[
            (Decided(Col::StatusManager), &[(97, Manager), (3, Null)]),
            (Always, &[(84, Null), (15, Manager), (1, Stranger)]),
        ],
        Col::AuthManagerDate => &[
            (Decided(Col::StatusManager), &[(4, Null), (95, After(5)), (1, RARE_MOMENTS)]),
            (Always, &[(95, Null), (5, After(5))]),
        ],
        Col::AuthCompliance => &[
            (Decided(Col::StatusCompliance), &[(97, Officer), (3, Null)]),
            (Executed, &[(4, Null), (1, Officer)]),
            (Always, &[(84, Null), (15, Officer), (1, Stranger)]),
        ],
        Col::AuthComplianceDate => {
            &[(Decided(Col::StatusCompliance), &[(4, Null), (96, After(9))]), (Always, &[(95, Null), (5, After(9))])]
        }
        Col::Related
        | Col::BrokerReporting
        | Col::DerivativeContract
        | Col::Leveraged
        | Col::InsideInfo
        | Col::ExistingPos
        | Col::Signed
        | Col::Restricted
        | Col::HoldingPeriod
        | Col::Conflicts => YES_NO,
    }
}

/// Columns that nobody listed, of several types.
pub const UNKNOWN: &[Unknown] = &[
    Unknown {
        name: "desk_code",
        kind: "char(6)",
        shapes: &[(5, Shape::Null), (5, Shape::OneOf(&["EQ1   ", "FX    ", "äöü   ", "      "]))],
    },
    Unknown { name: "imported_at", kind: "timestamptz", shapes: &[(6, Shape::Null), (4, Shape::Zoned(900))] },
    Unknown {
        name: "reviewer_note",
        kind: "text",
        shapes: &[(90, Shape::Null), (8, Shape::Prose { from: 1, to: 12, odd: 3 }), (2, Shape::Empty)],
    },
    Unknown {
        name: "Legacy \"Ref\"",
        kind: "varchar(30)",
        shapes: &[(3, Shape::Null), (1, Shape::OneOf(&["PAD/1", "", " PAD/2", "пад-3"]))],
    },
    Unknown {
        name: "tags",
        kind: "text[]",
        shapes: &[
            (85, Shape::Null),
            (
                15,
                Shape::OneOf(&[
                    "{}",
                    "{a,b}",
                    "{\"two words\",NULL,\"NULL\"}",
                    "{\"a\\\\b\",\"c\\\"d\"}",
                    "{{1,2},{3,4}}",
                ]),
            ),
        ],
    },
    Unknown {
        name: "payload",
        kind: "jsonb",
        shapes: &[
            (90, Shape::Null),
            (8, Shape::Json),
            (2, Shape::OneOf(&["null", "[]", "[1, 2.50, \"a\\nb\"]", "{\"é\": \"Zoe\u{308}\"}", "\"\\u0001\""])),
        ],
    },
    Unknown { name: "scan", kind: "bytea", shapes: &[(95, Shape::Null), (5, Shape::Hex(40))] },
    Unknown {
        name: "fee",
        kind: "numeric",
        shapes: &[(70, Shape::Null), (29, Shape::Number(4)), (1, Shape::OneOf(&["NaN", "0.0000000000001"]))],
    },
    Unknown {
        name: "score",
        kind: "double precision",
        shapes: &[
            (80, Shape::Null),
            (18, Shape::Float),
            (2, Shape::OneOf(&["NaN", "-0", "Infinity", "1e+20", "1e-07"])),
        ],
    },
    Unknown { name: "booked_on", kind: "date", shapes: &[(60, Shape::Null), (40, Shape::Date)] },
    Unknown {
        name: "time_to_decide",
        kind: "interval",
        shapes: &[
            (90, Shape::Null),
            (10, Shape::OneOf(&["00:00:00", "1 day 02:00:00", "-00:00:01.5", "1 year 2 mons -3 days"])),
        ],
    },
    Unknown { name: "archived_reason", kind: "text", shapes: &[(1, Shape::Null)] },
];

/// Listed columns that are wider here than in the data model, whose widths are a guess at the live table's: without
/// that, no value of theirs could be too long, or lie out of range.
pub const WIDENED: &[(Col, &str)] = &[(Col::Relation, "varchar(250)"), (Col::Value, "numeric")];

const STRANGER: Shapes = &[(1, Shape::Stranger)];
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

/// Every fault that the types of the legacy table allow. Ids can't collide in a target that nobody else wrote to, and
/// no text is unreadable in a database of UTF-8; the cases of `fixtures/legacy` have those.
pub static FAULTS: &[Fault] = &[
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
    fault(10, Rule::UnknownEmployee, &[Col::Employee], &[(1, Shape::Null), (4, Shape::Stranger)]),
    fault(8, Rule::UnknownEmployee, &[Col::LastModifiedBy], STRANGER),
    Fault {
        with: &[(Col::StatusManager, DECISION)],
        relies: &[Col::Status, Col::StatusCompliance],
        ..fault(8, Rule::UnknownEmployee, &[Col::AuthManager], STRANGER)
    },
    Fault {
        with: &[(Col::StatusCompliance, DECISION)],
        relies: &[Col::Status, Col::StatusManager],
        ..fault(6, Rule::UnknownEmployee, &[Col::AuthCompliance], STRANGER)
    },
    // Who recorded an execution, whatever the stage says.
    Fault {
        with: &[(Col::TwoBusinessDaysExecution, &[(1, Shape::OneOf(&["1", "2"]))])],
        ..fault(6, Rule::UnknownEmployee, &[Col::AuthCompliance], STRANGER)
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

/// The plain words of comments.
pub const WORDS: &[&str] = &[
    "a",
    "the",
    "shares",
    "holding",
    "fund",
    "of",
    "for",
    "my",
    "account",
    "pension",
    "broker",
    "sold",
    "bought",
    "long",
    "term",
    "investment",
    "spouse",
    "no",
    "conflict",
    "as",
    "discussed",
    "approved",
    "by",
    "desk",
    "rebalancing",
    "dividend",
    "Grüße,",
    "and",
    "position",
    "(see",
    "below)",
    "since",
    "2014.",
    "O'Hara",
    "100%",
    "already",
];

/// What else people typed or pasted, and what programs stumble over: composed and decomposed letters, combining marks
/// out of order, right-to-left, overrides, joined emoji, letters beyond the BMP, whitespace, what COPY, JSON and SQL
/// escape, what reads like a null, control characters, the last code point.
pub const ODD: &[&str] = &[
    "Zoë",
    "Zoe\u{308}",
    "e\u{301}\u{323}",
    "e\u{323}\u{301}",
    "ﬁ",
    "İ",
    "ß",
    "שלום",
    "مرحبا بالعالم",
    "\u{202e}abc\u{202c}",
    "👩\u{200d}👩\u{200d}👧",
    "🇬🇧",
    "👍🏽",
    "日本語",
    "\u{1112}\u{1161}\u{11ab}",
    "𝔘𝔫𝔦",
    "\u{feff}",
    "\u{a0}",
    "\u{200b}",
    "\t",
    "\n",
    "\r\n",
    "  ",
    "\\",
    "\\N",
    "\\.",
    "\\x41",
    "\"quoted\"",
    "it's; --",
    "{}",
    "null",
    "NULL",
    "%s",
    "$1",
    "\u{1}",
    "\u{1f}",
    "\u{7f}",
    "\u{85}",
    "\u{fffd}",
    "\u{10ffff}",
    "",
];
