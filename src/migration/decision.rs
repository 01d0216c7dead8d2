//! The decisions D1–D23 in words, where a number is met: in a document, in the evidence of a row.
//!
//! `docs/field-mapping.md` has them in full.

use crate::migration::rejection::Rule;

/// A decision about how legacy rows are migrated.
#[derive(Debug)]
pub struct Decision {
    /// Its number, such as `D8`.
    pub number: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What was decided, for people who don't know the program.
    pub text: &'static str,
}

const fn of(number: &'static str, title: &'static str, text: &'static str) -> Decision {
    Decision { number, title, text }
}

/// All of them, in the order of their numbers.
pub const DECISIONS: [Decision; 25] = [
    of("D1", "Flags", "`1` is yes, `2` is no, and empty is no answer. Anything else is a rejection."),
    of(
        "D2",
        "Inside information",
        "The legacy column says that the employee has inside information, the new one that there is none: yes becomes \
         no, and no becomes yes.",
    ),
    of(
        "D3",
        "Codes",
        "In statuses, directions and the mark of deleted rows, blanks at the ends and capital letters make no \
         difference. What is not a known code then is a rejection.",
    ),
    of(
        "D4",
        "Texts",
        "Texts are copied as they are, blanks at the ends included. A text that is too long for its new column is a \
         rejection; none is cut.",
    ),
    of(
        "D5",
        "Numbers",
        "Numbers are exact. A number that its new column would round or can't hold is a rejection, and so is a text \
         that is not a number.",
    ),
    of(
        "D5b",
        "Dates and times",
        "Dates and times are copied as they are. Where the legacy column is a moment, what is stored is what a clock \
         showed in the time zone that was named for the run.",
    ),
    of(
        "D6",
        "The request's number",
        "A request keeps the number of its legacy row. If another request has it already, the row is rejected, or gets \
         a new number where that was asked for.",
    ),
    of(
        "D7",
        "The security",
        "It is the security with the row's symbol; of several, the only one that shares another code with the row. A \
         row for which none is found is rejected, or loses the link to a security where that was asked for.",
    ),
    of(
        "D8",
        "The status",
        "Three legacy statuses become one. It is declined if one of them is; else it waits for the manager while the \
         request is only made; else it is approved if compliance has approved, and waits for compliance if not. \
         Another word is a rejection.",
    ),
    of(
        "D9",
        "The date of the request",
        "It is the date on which the request was made or, without one, of its last change. A row with neither is \
         rejected.",
    ),
    of(
        "D10",
        "Deleted rows",
        "A row that is marked as deleted is migrated as deleted on the date of its last change, else of its request. \
         Nobody knows who deleted it.",
    ),
    of(
        "D11",
        "Names",
        "The name of the security is its description. The name in the legacy row is the employee's own.",
    ),
    of("D12", "Broker reporting", "Whether the broker reports has a column of its own."),
    of(
        "D13",
        "The holding period",
        "What the legacy row says of it is kept in `compliance_assessment`, with what has no column of its own.",
    ),
    of(
        "D14",
        "The date of an approval",
        "It is the date of that decision or, without one, of the row's last change, else of the request.",
    ),
    of(
        "D15",
        "Checks of compliance",
        "The checks of restrictions, holding period and conflicts belong to the approval by compliance.",
    ),
    of(
        "D16",
        "Half an approval",
        "An approver without a decision, or a decision without an approver, makes no approval. What the row says of it \
         is kept.",
    ),
    of(
        "D16b",
        "People",
        "A person to whom a stored row refers must be in the reference data; else the row is rejected.",
    ),
    of(
        "D17",
        "The date of the trade",
        "It is the date on which compliance decided, else the manager, else the date of the request.",
    ),
    of("D18", "The price", "It is value divided by trade size, rounded to 8 decimals; empty if that can't be divided."),
    of("D19", "What came from what", "The table `migration_mapping` names the legacy row of each stored row."),
    of(
        "D20",
        "Nothing is lost",
        "What the new columns can't give back is kept in `compliance_assessment`, so that the whole legacy row can be \
         restored.",
    ),
    of(
        "D21",
        "Whole or not at all",
        "A row is migrated whole or not at all, and every reason for which it was rejected is on record.",
    ),
    of(
        "D22",
        "Rows of the application",
        "A migrated row never changes one that the application wrote, and doesn't depend on when or in which order \
         rows were migrated.",
    ),
    of(
        "D23",
        "Changed afterwards",
        "A row that is changed or deleted after it was migrated is reported, and never rewritten.",
    ),
];

/// The decision with a number.
pub fn decision(number: &str) -> Option<&'static Decision> {
    DECISIONS.iter().find(|it| it.number == number)
}

/// The number of the decision by which a rule rejects rows.
pub fn of_rule(rule: Rule) -> &'static str {
    match rule {
        Rule::InvalidBoolean => "D1",
        Rule::InvalidDirection | Rule::InvalidDeletedFlag => "D3",
        Rule::UnknownStatus => "D8",
        Rule::UnknownEmployee => "D16b",
        Rule::UnknownSecurity | Rule::AmbiguousSecurity => "D7",
        Rule::MissingDate => "D9",
        Rule::TooLong => "D4",
        Rule::OutOfRange => "D5",
        Rule::IdCollision => "D6",
        Rule::Unreadable | Rule::RefusedByTarget => "D21",
    }
}
