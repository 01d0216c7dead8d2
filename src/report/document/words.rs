//! The words of a document, for a reader who doesn't know this program.

use crate::base::text::{grouped, plural};
use crate::checks::check::Status;
use crate::migration::causes::Cause;
use crate::migration::rejection::Rule;

/// A rejection in words: what is wrong, and what resolves it.
pub(crate) struct Rejected {
    pub(crate) sentence: &'static str,
    pub(crate) remedy: &'static str,
}

/// What is said of a rule, by its stored name. It quotes no value of a row.
pub(crate) fn rejected(rule: &str) -> Rejected {
    const CORRECT: &str = "Correct the value in the legacy table; the next run migrates the row.";
    let known = Rule::ALL.into_iter().find(|it| it.as_str() == rule);
    let (sentence, remedy) = match known {
        Some(Rule::InvalidBoolean) => ("The field must be 1, 2 or empty, and is something else.", CORRECT),
        Some(Rule::InvalidDirection) => ("The field says buy or sell; it must be B, S or empty.", CORRECT),
        Some(Rule::InvalidDeletedFlag) => {
            ("The field says whether the row is deleted; it must be Y, N or empty.", CORRECT)
        }
        Some(Rule::UnknownStatus) => ("The status is none of those that the application knows.", CORRECT),
        Some(Rule::UnknownEmployee) => (
            "The row names no employee, or one that the reference data doesn't have.",
            "Have the owners of the reference data load the employee again, or correct the row; the next run migrates \
             it.",
        ),
        Some(Rule::UnknownSecurity) => (
            "The row names a security by a symbol that the reference data doesn't have.",
            "Have the owners of the reference data load the security again, or decide to migrate such rows without the \
             link to a security (`--on-missing-security null`); the next run migrates them.",
        ),
        Some(Rule::AmbiguousSecurity) => (
            "Several securities of the reference data have the symbol that the row names.",
            "Have the owners of the reference data say which one it is; the next run migrates the row.",
        ),
        Some(Rule::MissingDate) => {
            ("The row has no date at all: neither of the request nor of its last change.", CORRECT)
        }
        Some(Rule::TooLong) => ("The text is longer than the new column can hold.", CORRECT),
        Some(Rule::OutOfRange) => ("The number or date is outside of what the new column can hold.", CORRECT),
        Some(Rule::IdCollision) => (
            "A request of the application has the number of this row already, or another legacy row has it, too.",
            "Give each legacy row a number of its own in the legacy table. Where a request of the application has it, decide \
             which of both keeps it, or give such rows a new number (`--on-id-collision reassign`).",
        ),
        Some(Rule::Unreadable) => ("The value can't be read as what it has to be.", CORRECT),
        Some(Rule::RefusedByTarget) => (
            "A rule of the new database itself refused the row.",
            "Decide whether the rule or the row is right, and change the other; the next run tries the row again.",
        ),
        None => ("Another version of the program rejected the row.", CORRECT),
    };
    Rejected { sentence, remedy }
}

/// How values of rows are shown.
pub(super) const QUOTED: &str = "Quotes show where a value begins and ends if it has blanks there.";

/// A rule's stored name as words.
pub(super) fn rule_words(rule: &str) -> String {
    let mut words = rule.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// How stored values differ, without the values.
pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Absent => "empty, and a value is expected",
        Cause::Unexpected => "a value, and none is expected",
        Cause::Case => "the same in other letters (upper and lower case)",
        Cause::Blanks => "the same with other blanks",
        Cause::CutShort => "only the beginning of what is expected",
        Cause::Shifted => "another time than expected",
        Cause::Word => "another word than expected",
        Cause::Rows => "too many rows, too few, or none that belongs to it",
        Cause::Other => "another value than expected",
    }
}

/// The acceptance scenarios: what each is about.
pub(super) const SCENARIOS: [(u8, &str); 10] = [
    (1, "An employee submits a request"),
    (2, "The manager approves it"),
    (3, "Compliance approves it"),
    (4, "The trade is executed and recorded"),
    (5, "The manager or compliance rejects a request"),
    (6, "The employee withdraws a request"),
    (7, "The dashboard shows what is stored"),
    (8, "A restricted security is noticed"),
    (9, "A conflict is noticed"),
    (10, "Pages answer fast enough"),
];

/// An amount in ten-thousandths.
pub(super) fn amount(ten_thousandths: i128) -> String {
    let sign = if ten_thousandths < 0 { "-" } else { "" };
    let absolute = ten_thousandths.unsigned_abs();
    format!("{sign}{}.{:04}", grouped(&(absolute / 10_000).to_string()), absolute % 10_000)
}

/// A time that people compare: the largest two units.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..=1 => format!("{seconds:.2} s"),
        2..=59 => format!("{seconds:.1} s"),
        60..=3599 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Legacy rows in words.
pub(super) fn rows(count: u64) -> String {
    plural(count, "row", "rows")
}

/// A result in a word.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Pass => "passed",
        Status::Warn => "warning",
        Status::Fail => "failed",
        Status::Skip => "not checked",
    }
}

/// A sentence of clauses.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}
