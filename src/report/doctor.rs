//! Checks, and the configuration they were made with, as text for a width and as JSON.

use std::time::Duration;

use anstyle::Style;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Map, Value, json};

use crate::base::outcome::Verdict;
use crate::base::style;
use crate::base::text::{plural, thousands};
use crate::checks::check::{Check, Status, verdict};
use crate::checks::examination::Examination;
use crate::config::environment::Environment;
use crate::config::mask::mask_urls;
use crate::config::settings::{Config, Origin, Setting};
use crate::report::layout::Head;

/// The examination of an environment, and the configuration it was made with.
#[derive(Clone, Debug)]
pub struct Doctor<'a> {
    environment: Environment,
    settings: &'a [Setting],
    warnings: Vec<String>,
    place: &'a str,
    checks: &'a [Check],
    server_version: Option<&'a str>,
    failure: Option<String>,
}

impl<'a> Doctor<'a> {
    /// What an examination under this configuration has found.
    pub fn new(config: &'a Config, found: &'a Examination) -> Self {
        Self {
            environment: config.environment,
            settings: &config.settings,
            warnings: [&config.warnings[..], &config.remarks].concat(),
            place: &found.place,
            checks: &found.checks,
            server_version: found.server_version.as_deref(),
            failure: found.failure.as_deref().map(mask_urls),
        }
    }
}

/// The checks by heading; those of connecting have times.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Connection", &["name", "port", "tls", "authentication", "database", "schemas"]),
    ("Server", &["server_version", "server_role", "encoding", "collation", "time_zone", "connections"]),
    ("Tables", &["tables", "critical_tables", "reference_tables", "legacy_table", "unknown_tables"]),
    ("Privileges", &["privileges", "role_privileges", "excess_privileges", "password_expiry", "row_security"]),
];

/// The check whose particulars come last, since they are long.
const LONG: &str = "tables";

/// Narrower than this nothing can be laid out.
const NARROW: u16 = 40;

/// What `doctor --format json` prints, also when the examination ended early.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct DoctorJson {
    /// The fields that every command's JSON begins with; the outcome is `failed` if the examination ended early.
    #[serde(flatten)]
    pub head: Head,
    /// Why the examination ended early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Host, port, database and role.
    pub place: String,
    /// The configuration first, then the steps of connecting, then all others.
    pub checks: Vec<CheckJson>,
}

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

impl Doctor<'_> {
    /// As JSON.
    pub fn json(&self) -> DoctorJson {
        let mut head = Head::new("doctor", self.environment, "", self.verdict());
        head.server_version = self.server_version.map(str::to_owned);
        if self.failure.is_some() {
            head.outcome = "failed";
        }
        let checks = [self.configuration()];
        DoctorJson {
            head,
            error: self.failure.clone(),
            place: self.place.to_owned(),
            checks: checks.iter().chain(self.checks).map(CheckJson::new).collect(),
        }
    }

    /// The configuration as a check, the first.
    pub fn configuration(&self) -> Check {
        let origin = |it: &Setting| it.value.as_ref().map_or_else(|| "not set".to_owned(), |_| it.origin.to_string());
        let rows = self.settings.iter().map(|it| vec![json!(it.key), json!(it.value), json!(origin(it))]);
        let check = match &self.warnings[..] {
            [] => Check::new("configuration", Status::Pass, "no unknown keys, contradictions or placeholders"),
            some => Check::new("configuration", Status::Warn, some.join("; ")),
        };
        check.with_table(&["key", "value", "origin"], rows.collect())
    }

    /// Attention if a check, or the configuration, fails or warns.
    pub fn verdict(&self) -> Verdict {
        Verdict::clean_if(self.warnings.is_empty() && verdict(self.checks) == Verdict::Clean)
    }

    /// As text, no line longer than the width where that can be helped.
    pub fn text(&self, width: u16) -> String {
        let width = width.max(NARROW);
        let configuration = self.configuration();
        let mut out = String::new();
        block(&mut out, width, "Environment", &format!("{}, {}", self.environment, self.place));
        out.push_str("\nConfiguration\n");
        let (mut set, mut usual, mut unset) = (Vec::new(), Vec::new(), Vec::new());
        for Setting { key, value, origin } in self.settings {
            match (value, origin) {
                (None, _) => unset.push((*key).to_owned()),
                (Some(value), Origin::Default) => usual.push(format!("{key} {value}")),
                (Some(value), _) => set.push(vec![(*key).to_owned(), value.clone(), origin.to_string()]),
            }
        }
        set.push(vec!["by default".to_owned(), usual.join(", ")]);
        if !unset.is_empty() {
            set.push(vec!["not set".to_owned(), unset.join(", ")]);
        }
        let (long, short) = (set.split_off(set.len() - 2), set);
        grid(&mut out, width, 2, None, short, &[]);
        grid(&mut out, width, 2, None, long, &[]);
        lines(&mut out, width, &[&configuration]);
        let mut rest: Vec<&Check> = self.checks.iter().collect();
        let mut all = GROUPS.to_vec();
        all.push(("History", &[]));
        for (heading, names) in all {
            let (here, others): (Vec<&Check>, Vec<&Check>) =
                rest.into_iter().partition(|it| names.is_empty() || names.contains(&it.name));
            rest = others;
            if !here.is_empty() {
                out.push_str(&format!("\n{heading}\n"));
                lines(&mut out, width, &here);
            }
        }
        if let Some(check) = self.checks.iter().find(|it| it.name == LONG) {
            out.push_str("\nTables by schema\n");
            particulars(&mut out, width, 2, check);
        }
        out.push('\n');
        let verdict = self.conclusion(&configuration);
        let mut wrapped = String::new();
        block(&mut wrapped, width, "Verdict", &verdict);
        // Painted when it is laid out: the table counts a style as text.
        let (label, sentence) = wrapped.split_at(LABEL + 2);
        out.push_str(label);
        out.push_str(&style::verdict(sentence));
        out
    }

    fn conclusion(&self, configuration: &Check) -> String {
        let count = |status| {
            self.checks
                .iter()
                .chain([configuration])
                .filter(|it| it.status == status)
                .map(|it| it.name)
                .collect::<Vec<_>>()
        };
        let (failed, warned) = (count(Status::Fail), count(Status::Warn));
        if let Some(failure) = &self.failure {
            return format!("FAILED: {failure}");
        }
        let part = |names: &[&str], one, many| match names.len() {
            0 => None,
            number => Some(format!("{} ({})", plural(number as u64, one, many), names.join(", "))),
        };
        let parts = [part(&failed, "check failed", "checks failed"), part(&warned, "warning", "warnings")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.is_empty() {
            true => "CLEAN: no check failed or warned".to_owned(),
            false => format!("ATTENTION: {}", parts.join(", ")),
        }
    }
}

/// The columns of a label.
const LABEL: usize = 12;

/// A label and a text, wrapped beside it.
fn block(out: &mut String, width: u16, label: &str, text: &str) {
    grid(out, width, 0, None, vec![vec![format!("{label:<LABEL$}"), text.to_owned()]], &[]);
}

fn tone(status: Status) -> Style {
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

/// Checks, a line each as far as it goes, with their particulars below.
fn lines(out: &mut String, width: u16, checks: &[&Check]) {
    let timed = checks.iter().any(|it| it.elapsed.is_some());
    let name_width = checks.iter().map(|it| it.name.len()).max().unwrap_or_default();
    for check in checks {
        let mut row = vec![check.status.as_str().to_owned(), format!("{:<name_width$}", check.name)];
        if timed {
            row.push(format!("{:>9}", time(check.elapsed)));
        }
        row.push(check.message.clone());
        let mut wrapped = String::new();
        grid(&mut wrapped, width, 2, None, vec![row], &[]);
        // Painted when it is laid out: the table counts a style as text.
        let status = check.status.as_str();
        let rest = wrapped.trim_start().trim_start_matches(status);
        out.push_str(&format!("  {}{rest}", style::paint(tone(check.status), status)));
        if !["configuration", LONG].contains(&check.name) {
            particulars(out, width, 4, check);
        }
    }
}

fn plain(cell: &Value) -> String {
    match cell {
        Value::Null => "–".to_owned(),
        // Names and comments come from the database: no control character may reach the terminal.
        Value::String(text) => text.replace(char::is_control, " "),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), thousands),
        other => other.to_string(),
    }
}

/// More columns than this stand closer together.
const MANY: usize = 6;

/// Columns that name what a row is about.
const NAMES: usize = 2;

/// Blanks between so many columns.
fn between(columns: usize) -> usize {
    if columns > MANY { 1 } else { 2 }
}

fn heading(column: &str) -> String {
    column.replace('_', " ")
}

/// More columns than this are shown as a list of names and values for each row.
const COLUMNS: usize = 10;

fn particulars(out: &mut String, width: u16, indent: usize, check: &Check) {
    let table = &check.table;
    if table.rows.is_empty() {
        return;
    }
    if table.columns.len() > COLUMNS {
        for (at, row) in table.rows.iter().enumerate() {
            out.push_str(if at > 0 { "\n" } else { "" });
            let pairs = table.columns.iter().zip(row).map(|(column, cell)| vec![(*column).to_owned(), plain(cell)]);
            grid(out, width, indent, None, pairs.collect(), &[]);
        }
        return;
    }
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    let widest = |at: usize| rows.iter().map(|row| row[at].chars().count()).chain([table.columns[at].len()]).max();
    let natural: usize = (0..table.columns.len()).filter_map(widest).map(|it| it + between(table.columns.len())).sum();
    if natural > usize::from(width) - indent && table.columns.len() > NAMES {
        // So narrow that words would be broken: a sentence for each row is easier to read.
        let row = |cells: &Vec<String>| {
            let rest = table.columns.iter().zip(cells).skip(NAMES);
            let rest: Vec<String> = rest.map(|(column, cell)| format!("{} {cell}", heading(column))).collect();
            vec![cells[..NAMES].join(" "), rest.join(", ")]
        };
        grid(out, width, indent, None, rows.iter().map(row).collect(), &[]);
        return;
    }
    let numbers: Vec<usize> =
        (0..table.columns.len()).filter(|at| table.rows.iter().any(|row| row[*at].is_number())).collect();
    grid(out, width, indent, Some(table.columns), rows, &numbers);
}

/// Rows in columns, wrapped within their columns where the width demands it.
fn grid(
    out: &mut String,
    width: u16,
    indent: usize,
    header: Option<&[&str]>,
    rows: Vec<Vec<String>>,
    numbers: &[usize],
) {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width - indent as u16);
    if let Some(header) = header {
        table.set_header(header.iter().map(|it| heading(it)));
    }
    table.add_rows(rows);
    let between = between(table.column_count()) as u16;
    for column in table.column_iter_mut() {
        column.set_padding((0, between));
    }
    for at in numbers {
        if let Some(column) = table.column_mut(*at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        out.push_str(format!("{:indent$}{line}", "").trim_end());
        out.push('\n');
    }
}
