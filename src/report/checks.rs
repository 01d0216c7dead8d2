//! Checks as text and as JSON, whatever they are about.

use std::time::Duration;

use anstyle::Style;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Map, Value};

use crate::base::escape;
use crate::base::style;
use crate::base::text::{plural, thousands};
use crate::checks::check::{Check, Status};
use crate::report::page::{Grid, Page, Text};

/// A check in JSON.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct CheckJson {
    /// Its name, the same in every version.
    pub name: &'static str,
    /// Its result.
    pub status: Status,
    /// What was found, and what to do about it.
    pub message: String,
    /// The particulars: the fields depend on the check.
    pub rows: Vec<Map<String, Value>>,
    /// How long it took, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<f64>,
}

impl CheckJson {
    /// A check with its particulars, a field for each column.
    pub fn new(check: &Check) -> Self {
        let row = |cells: &Vec<Value>| {
            let pairs = check.table.columns.iter().zip(cells);
            pairs.map(|(column, cell)| ((*column).to_owned(), cell.clone())).collect()
        };
        Self {
            name: check.name,
            status: check.status,
            message: check.message.clone(),
            rows: check.table.rows.iter().map(row).collect(),
            milliseconds: check.elapsed.map(|elapsed| (elapsed.as_secs_f64() * 10_000.0).round() / 10.0),
        }
    }
}

/// Of more checks than this the verdict says the number only.
const NAMED: usize = 10;

/// The verdict in a sentence.
pub(crate) fn conclusion<'a>(checks: impl Iterator<Item = &'a Check> + Clone) -> String {
    let part = |status, one, many| {
        let names: Vec<&str> = checks.clone().filter(|it| it.status == status).map(|it| it.name).collect();
        let count = plural(names.len() as u64, one, many);
        match names.len() {
            0 => None,
            1..=NAMED => Some(format!("{count} ({})", names.join(", "))),
            _ => Some(count),
        }
    };
    let parts = [part(Status::Fail, "check failed", "checks failed"), part(Status::Warn, "warning", "warnings")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let skipped = part(Status::Skip, "check was skipped", "checks were skipped");
    let skipped = skipped.map(|it| format!("; {it}")).unwrap_or_default();
    match parts.is_empty() {
        true => format!("CLEAN: no check failed or warned{skipped}"),
        false => format!("ATTENTION: {}{skipped}", parts.join(", ")),
    }
}

/// The colour of a result.
pub(crate) fn tone(status: Status) -> Style {
    match status {
        Status::Pass => style::GOOD,
        Status::Warn => style::CAUTION,
        Status::Fail => style::BAD,
        Status::Skip => style::FAINT,
    }
}

fn time(elapsed: Option<Duration>) -> String {
    elapsed.map(|it| format!("{:.1} ms", it.as_secs_f64() * 1000.0)).unwrap_or_default()
}

/// Checks, a line each as far as it goes, with their particulars below; those of the checks that are left out come
/// elsewhere.
pub(crate) fn checks_page(page: &mut Page, checks: &[&Check], left_out: &[&str]) {
    let timed = checks.iter().any(|it| it.elapsed.is_some());
    let name_width = checks.iter().map(|it| it.name.len()).max().unwrap_or_default();
    for check in checks {
        let time = if timed { format!("  {:>9}", time(check.elapsed)) } else { String::new() };
        let label = Text::styled(tone(check.status), check.status.as_str());
        page.labelled(2, label.and(format!("  {:<name_width$}{time}", check.name)), &check.message);
        if !left_out.contains(&check.name) {
            particulars(page, 4, check);
        }
    }
}

/// A cell as text.
pub(crate) fn plain(cell: &Value) -> String {
    match cell {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), thousands),
        other => other.to_string(),
    }
}

/// The same in its column: an id is to be copied, and has no commas.
pub(crate) fn cell_of((column, cell): (&String, &Value)) -> String {
    match cell {
        Value::Number(number) if column == "id" || column.ends_with("_id") => number.to_string(),
        other => plain(other),
    }
}

/// More columns than this stand closer together.
const MANY: usize = 6;

/// Columns that name what a row is about.
const NAMES: usize = 2;

/// Blanks between so many columns.
fn between(columns: usize) -> u16 {
    if columns > MANY { 1 } else { 2 }
}

fn heading(column: &str) -> String {
    column.replace('_', " ")
}

/// More columns than this are shown as a list of names and values for each row.
const COLUMNS: usize = 10;

fn particulars(page: &mut Page, indent: usize, check: &Check) {
    let table = &check.table;
    if table.rows.is_empty() {
        return;
    }
    if table.columns.len() > COLUMNS {
        for (at, row) in table.rows.iter().enumerate() {
            if at > 0 {
                page.blank();
            }
            let pairs = table.columns.iter().zip(row).map(|it| vec![it.0.clone(), cell_of(it)]);
            page.grid(indent, Grid { rows: pairs.collect(), gap: 2, ..Grid::default() });
        }
        return;
    }
    let cells = |row: &Vec<Value>| table.columns.iter().zip(row).map(cell_of).collect();
    let rows: Vec<Vec<String>> = table.rows.iter().map(cells).collect();
    let names = |cells: &[String]| cells[..NAMES.min(cells.len())].join(" ");
    let column = rows.iter().map(|cells| names(cells).chars().count() + 2).max().unwrap_or_default();
    // So narrow that words would be broken, a sentence for each row is easier to read.
    let mut narrow = Page::default();
    for cells in &rows {
        let rest = table.columns.iter().zip(cells).skip(NAMES);
        let rest: Vec<String> = rest.map(|(column, cell)| format!("{} {cell}", heading(column))).collect();
        narrow.beside(indent, column, names(cells), rest.join(", "));
    }
    let numbers = (0..table.columns.len()).filter(|at| table.rows.iter().any(|row| row[*at].is_number())).collect();
    let header = Some(table.columns.iter().map(|column| heading(column)).collect());
    let grid = Grid { header, rows, numbers, gap: between(table.columns.len()) };
    if table.columns.len() > NAMES { page.grid_or(indent, grid, narrow) } else { page.grid(indent, grid) }
}

/// Checks as JUnit, a case for each in a suite of this name.
pub(crate) fn checks_junit<'a>(
    name: &str,
    checks: impl IntoIterator<Item = &'a Check>,
) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(name);
    for check in checks {
        let message = escape::text(&check.message);
        let mut status = match check.status {
            Status::Pass => TestCaseStatus::success(),
            Status::Skip => TestCaseStatus::skipped(),
            Status::Warn | Status::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        };
        if check.status != Status::Pass {
            status.set_message(message.as_ref());
        }
        let row = |cells: &Vec<Value>| {
            let pairs = check.table.columns.iter().zip(cells).map(|(column, cell)| format!("{column} {cell}"));
            escape::text(&pairs.collect::<Vec<_>>().join(", ")).into_owned()
        };
        let rows: Vec<String> = check.table.rows.iter().map(row).collect();
        if matches!(check.status, Status::Warn | Status::Fail) {
            status.set_type(check.status.as_str()).set_description(rows.join("\n"));
        }
        let mut case = TestCase::new(check.name, status);
        case.set_classname(name);
        if check.status == Status::Pass {
            case.set_system_out([vec![message.into_owned()], rows].concat().join("\n"));
        }
        suite.add_test_case(case);
    }
    let mut report = Report::new(format!("pad-migrate {name}"));
    report.add_test_suite(suite);
    report.to_string()
}
