//! What each column of a generated row can hold, the combinations of the three statuses, and the columns that the data
//! model doesn't name.

use crate::harness::generate::shape::{Cells, Shape, Shapes, When};
use crate::migration::legacy::LegacyColumn as Col;

/// A column that the data model doesn't name.
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
pub(crate) const STATUS_WEIGHTS: [[[u32; 4]; 4]; 3] = [
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

/// What each column can hold in a row that must be migrated: a table, an arm a column, and so a long function.
pub fn cells(column: Col) -> Cells {
    use Shape::{
        After, Amount, Anyone, Combined, Empty, Listed, Manager, Null, Number, Officer, OneOf, OwnName, Prose,
        Requested, Requester, Stale, UnknownPerson,
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
        // A stage can have an approver and no decision, or a decision and no approver (D16); then the approver isn't
        // looked up (D16b).
        Col::AuthManager => &[
            (Decided(Col::StatusManager), &[(97, Manager), (3, Null)]),
            (Always, &[(84, Null), (15, Manager), (1, UnknownPerson)]),
        ],
        Col::AuthManagerDate => &[
            (Decided(Col::StatusManager), &[(4, Null), (95, After(5)), (1, RARE_MOMENTS)]),
            (Always, &[(95, Null), (5, After(5))]),
        ],
        Col::AuthCompliance => &[
            (Decided(Col::StatusCompliance), &[(97, Officer), (3, Null)]),
            (Executed, &[(4, Null), (1, Officer)]),
            (Always, &[(84, Null), (15, Officer), (1, UnknownPerson)]),
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

/// Columns that the data model doesn't name, of several types.
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

/// Known columns that are wider here than in the data model, whose widths are a guess at the live table's: without
/// that, none of their values could be too long, or lie out of range.
pub(crate) const WIDENED: &[(Col, &str)] = &[(Col::Relation, "varchar(250)"), (Col::Value, "numeric")];
