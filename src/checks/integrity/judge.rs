//! What an answer of the server means, given the exceptions. Pure.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::base::hint::completed;
use crate::base::text::{list, plural, thousands};
use crate::checks::check::{Check, Status, Table};
use crate::checks::integrity::explain;
use crate::checks::integrity::header::Severity;
use crate::checks::integrity::outcome::{Accepted, Answer, Found, Outcome};
use crate::checks::integrity::{Definition, SHOWN};
use crate::schema::drift::exceptions::CheckException;

/// The exceptions of checks, as they are on a day.
#[derive(Clone, Copy, Debug)]
pub struct Accepting<'a> {
    /// All of a file.
    pub all: &'a [CheckException],
    /// The day.
    pub today: Date,
}

impl<'a> Accepting<'a> {
    /// Those that hold for a check.
    pub fn of(&self, check: &str) -> Vec<&'a CheckException> {
        self.all.iter().filter(|it| it.check == check && it.expires >= self.today).collect()
    }

    /// The ids of rows that are accepted of a check.
    pub fn ids(&self, check: &str) -> Vec<String> {
        self.of(check).iter().flat_map(|it| it.rows.clone()).collect()
    }
}

/// The result of a check.
pub fn judge(definition: &'static Definition, answer: Answer, accepting: Accepting<'_>) -> Outcome {
    let exceptions = accepting.of(definition.name);
    let whole = exceptions.iter().find(|it| it.rows.is_empty());
    let (status, text, mut found, skipped) = match answer {
        Answer::Rows(found) => (severity(definition, &found), None, found, None),
        Answer::Plans(plans, table) => {
            let key = definition.header.index.expect("a plan is asked for where there is an index");
            let (status, text) = explain::judge(&plans, &table, key.table, key.column);
            (status, Some(text), Found::default(), None)
        }
        Answer::Damaged(words) => (Status::Fail, Some(words), Found::default(), None),
        Answer::None(reason) => (Status::Skip, Some(reason.words().to_owned()), Found::default(), Some(reason)),
    };
    let is_excused = whole.is_some() && status > Status::Pass;
    if whole.is_some() {
        found.excepted += found.counted + found.as_in_source;
        (found.counted, found.as_in_source, found.rows) = (0, 0, Vec::new());
    }
    let uses = |it: &&&CheckException| match it.rows.is_empty() {
        true => is_excused || found.excepted > 0 && it.name == whole.map_or("", |it| &*it.name),
        false => it.rows.iter().any(|id| found.accepted_ids.contains(id)),
    };
    let accepted =
        |it: &&CheckException| Accepted { name: it.name.clone(), reason: it.reason.clone(), expires: it.expires };
    let accepted_by: Vec<Accepted> = exceptions.iter().filter(uses).map(accepted).collect();
    let status = if is_excused { Status::Pass } else { status };
    let message = match text {
        None => of_rows(definition, &found, &accepted_by),
        Some(text) => of_text(definition, status, &text, &accepted_by),
    };
    let check = Check { table: table(&found), ..Check::new(definition.name, status, message) };
    Outcome { definition, check, found, skipped, accepted_by }
}

fn severity(definition: &Definition, found: &Found) -> Status {
    match (found.counted, definition.header.severity) {
        (0, _) => Status::Pass,
        (_, Severity::Fail) => Status::Fail,
        (_, Severity::Warn) => Status::Warn,
    }
}

/// A sentence without its full stop.
fn clause(sentence: &str) -> &str {
    sentence.trim_end_matches('.')
}

fn exceptions(accepted: &[Accepted]) -> String {
    let one = |it: &Accepted| format!("{} until {}: {}", it.name, it.expires, it.reason);
    list(accepted.iter().map(one))
}

fn of_rows(definition: &Definition, found: &Found, accepted: &[Accepted]) -> String {
    let mut text = clause(&definition.header.meaning).to_owned();
    if found.counted > 0 {
        let rows = plural(found.counted, "row", "rows");
        let first =
            if found.counted > SHOWN as u64 { format!(" (the first {SHOWN} are shown)") } else { String::new() };
        text = format!("violated by {rows}{first}: {text}. To do: {}", completed(&definition.header.remedy));
    }
    if found.as_in_source > 0 {
        let rows = match (found.as_in_source, found.counted) {
            (1, 0) => "1 row is".to_owned(),
            (1, _) => "1 more is".to_owned(),
            (rows, 0) => format!("{} are", plural(rows, "row", "rows")),
            (rows, _) => format!("{} more are", thousands(rows)),
        };
        let why = definition.header.legacy.as_deref().unwrap_or_default();
        text.push_str(&format!("; {rows} odd as in the legacy table: {why}"));
    }
    if found.excepted > 0 {
        let rows = plural(found.excepted, "row is", "rows are");
        text.push_str(&format!("; {rows} excepted by {}", exceptions(accepted)));
    }
    text
}

fn of_text(definition: &Definition, status: Status, text: &str, accepted: &[Accepted]) -> String {
    let meaning = clause(&definition.header.meaning);
    match (status, accepted) {
        (Status::Skip, _) => text.to_owned(),
        (Status::Pass, []) => format!("{meaning}: {text}"),
        (Status::Pass, accepted) => format!("{meaning}; violated, and excepted by {}: {text}", exceptions(accepted)),
        (Status::Fail, _) => {
            format!("violated: {meaning}: {text}. To do: {}", completed(&definition.header.remedy))
        }
        (Status::Warn, _) => format!("{meaning}: {text}"),
    }
}

/// The rows as a table: a query gives each row the same columns.
fn table(found: &Found) -> Table {
    let columns = found.rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
    let cells = |row: &serde_json::Map<String, Value>| row.values().cloned().collect();
    Table { columns, rows: found.rows.iter().map(cells).collect() }
}

/// What the exceptions themselves come to: those that have expired, and those that accept nothing of a check that was
/// made, need attention.
pub fn exceptions_check(outcomes: &[Outcome], accepting: Accepting<'_>) -> Check {
    const NAME: &str = "exceptions";
    let mut rows = Vec::new();
    for exception in accepting.all {
        let Some(outcome) = outcomes.iter().find(|it| it.definition.name == exception.check) else { continue };
        let state = if exception.expires < accepting.today {
            "expired".to_owned()
        } else if outcome.skipped.is_some() {
            continue;
        } else if !outcome.accepted_by.iter().any(|it| it.name == exception.name) {
            "unused".to_owned()
        } else {
            let ids = &outcome.found.accepted_ids;
            let gone: Vec<&String> = exception.rows.iter().filter(|id| !ids.contains(id)).collect();
            if gone.is_empty() || outcome.accepted_by.iter().any(|it| is_whole(accepting, &it.name)) {
                continue;
            }
            format!("unused for {}", list(gone))
        };
        let expires = exception.expires.to_string();
        rows.push(
            [&exception.name, &exception.check, &state, &expires, &exception.reason].map(|it| json!(it)).to_vec(),
        );
    }
    let check = match rows.len() as u64 {
        0 => Check::new(NAME, Status::Pass, "every exception holds and accepts something"),
        count => {
            let text = format!(
                "{}; correct what they are about or agree on a later date, and remove from the file what accepts nothing",
                plural(count, "exception has expired or accepts nothing", "exceptions have expired or accept nothing")
            );
            Check::new(NAME, Status::Warn, text)
        }
    };
    check.with_table(&["exception", "check", "state", "expires", "reason"], rows)
}

fn is_whole(accepting: Accepting<'_>, name: &str) -> bool {
    accepting.all.iter().any(|it| it.name == name && it.rows.is_empty())
}
