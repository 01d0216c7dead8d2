//! What every report shares: the JSON's first fields.

use std::time::Duration;

use crate::base::outcome::Verdict;
use crate::base::text::{list, plural, size};
use crate::config::environment::Environment;
use crate::migration::csv::summary::CsvSummary;
use crate::report::page::Page;

/// The fields that every command's JSON begins with, when the command could do its work.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Head {
    /// The program: `pad-migrate`.
    pub tool: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// The command, as on the command line.
    pub command: &'static str,
    /// `local`, `dev`, `qa` or `prod`.
    pub environment: &'static str,
    /// The target's version, such as `15.18`; null if it was not reached.
    pub server_version: Option<String>,
    /// `clean`, or `attention` if something needs action.
    pub outcome: &'static str,
}

impl Head {
    /// The head of a command's result.
    pub fn new(command: &'static str, environment: Environment, server_version: &str, verdict: Verdict) -> Self {
        Self {
            tool: TOOL,
            version: VERSION,
            command,
            environment: environment.as_str(),
            server_version: Some(server_version.to_owned()),
            outcome: verdict.as_str(),
        }
    }
}

const TOOL: &str = "pad-migrate";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a command prints as JSON when it could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Failed {
    /// The program: `pad-migrate`.
    pub tool: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// The command, as on the command line.
    pub command: &'static str,
    /// As far as the command line or APP_ENV names it.
    pub environment: Option<&'static str>,
    /// Null.
    pub server_version: Option<String>,
    /// `failed`.
    pub outcome: &'static str,
    /// What stderr says: what, where, and what to do.
    pub error: String,
}

impl Failed {
    /// The result of a command that could not do its work.
    pub fn new(command: &'static str, environment: Option<Environment>, error: &str) -> Self {
        Self {
            tool: TOOL,
            version: VERSION,
            command,
            environment: environment.map(Environment::as_str),
            server_version: None,
            outcome: "failed",
            error: error.to_owned(),
        }
    }
}

/// Between which databases rows are moved or compared, for people: places are host, port, database and role.
#[derive(Clone, Debug)]
pub struct Databases {
    /// Where padealing is.
    pub target: String,
    /// Where the legacy table is.
    pub source: String,
    /// The legacy table.
    pub table: String,
    /// What `--env` chose.
    pub environment: Environment,
    /// The file, if the legacy rows come from one.
    pub csv: Option<CsvSummary>,
}

impl Databases {
    /// Says where the rows are and go, above what is said about them.
    pub(crate) fn rows(&self, page: &mut Page, server_version: &str) {
        let Self { target, source, table, environment, csv } = self;
        page.address("Target", target);
        page.row("Server", format!("PostgreSQL {server_version}, environment {environment}"));
        if let Some(csv) = csv {
            return csv_rows(page, csv);
        }
        match source == target {
            true => page.row("Source", format!("{table}, in the same database")),
            false => page.address("Source", &format!("{table} in {source}")),
        }
    }
}

/// Says which file the rows come from, and how it was read.
pub(crate) fn csv_rows(page: &mut Page, csv: &CsvSummary) {
    let packed = if csv.compression == "none" { String::new() } else { format!(", {}", csv.compression) };
    page.row("Source", format!("{}, {}{packed}", csv.file, size(i64::try_from(csv.bytes).unwrap_or(i64::MAX))));
    page.row("SHA-256", &csv.sha256);
    let mut formats: Vec<&str> = csv.dates.values().map(String::as_str).collect();
    formats.dedup();
    let dates = match formats[..] {
        [format] => format.to_owned(),
        _ => list(csv.dates.iter().map(|(column, format)| format!("{column} {format}"))),
    };
    let nulls = csv.nulls.join(" and ");
    let (encoding, numbers) = (&csv.encoding, &csv.numbers);
    let delimiter = if csv.delimiter == "tab" { "tab".to_owned() } else { format!("'{}'", csv.delimiter) };
    page.row(
        "Read as",
        format!("{encoding}, delimiter {delimiter}, NULL {nulls}, numbers like {numbers}, dates {dates}"),
    );
    let totals = csv.totals.iter().map(|(column, sum)| match sum {
        Some(sum) => format!("{column} {sum}"),
        None => match csv.unsummed.get(column) {
            Some(unsummed) => {
                format!("{column} can't be summed, since it is '{}' on line {}", unsummed.value, unsummed.line)
            }
            None => format!("{column} can't be summed"),
        },
    });
    page.row("Holds", format!("{}; sums: {}", plural(csv.rows, "row", "rows"), list(totals)));
}

pub(crate) fn rate(rows: u64, elapsed: Duration) -> f64 {
    rows as f64 / elapsed.as_secs_f64().max(1e-9)
}

/// Rejections that the text shows; the rest is a count.
pub(crate) const SHOWN: usize = 20;
