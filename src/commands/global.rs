//! What all commands share on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;

use crate::base::hint::{PLAN, STATUS};
use crate::commands::csv::CsvFlags;
use crate::config::environment::Environment;
use crate::ledger::revisions::numbers;
use crate::schema::names::is_allowable;
use crate::schema::plan::outcome::HASH_BYTES;

/// Flags of every command.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Global {
    /// The environment; APP_ENV, or else local, if not given
    #[arg(long, global = true, value_name = "ENV", help_heading = "Global options")]
    pub(crate) env: Option<Environment>,
    /// The folder of .env and `.env.<ENV>` [default: the working directory]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) config_dir: Option<PathBuf>,
    /// The target database, instead of the DB_ keys
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// The database of the legacy table [default: SOURCE_DATABASE_URL, or else the target]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) source_url: Option<String>,
    /// The CSV file of the legacy table
    #[command(flatten)]
    pub(crate) csv: CsvFlags,
    /// The same as --format json, for every command that has --format
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// The time zone in which the legacy table's timestamptz columns are read, such as Europe/London
    #[arg(long, global = true, value_name = "ZONE", help_heading = "Global options")]
    pub(crate) source_timezone: Option<String>,
    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    pub(crate) color: Color,
    /// Print no progress
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Print more about what is being done
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

/// When to colour the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Text for people, or JSON for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// Reads a duration such as `500ms`, `5s` or `1min`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration =
        text.parse().map_err(|_| "write a number and ms, s or min, such as 5s".to_owned())?;
    // lock_timeout is an integer of milliseconds, and 0 would mean forever.
    match u64::try_from(duration.as_millis()) {
        Ok(milliseconds) if (1..=i32::MAX as u64).contains(&milliseconds) => Ok(Duration::from_millis(milliseconds)),
        _ => Err("it must be between 1ms and 24 days".to_owned()),
    }
}

/// Reads a revision's number: `3` is 0003, and a name may follow it, as in the files' names. Which there are is said by
/// what looks for it.
pub(crate) fn parse_revision(text: &str) -> Result<String, String> {
    let digits = text.split_once('_').map_or(text, |(number, _)| number);
    match digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Err(format!("write a revision's number, such as 3 or 0003; there are {}", numbers())),
        false => Ok(format!("{digits:0>4}")),
    }
}

/// Reads a plan's hash, as `plan` prints it.
pub(crate) fn parse_plan_hash(text: &str) -> Result<String, String> {
    match text.len() == 2 * HASH_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!("write the {} hexadecimal digits that `{PLAN}` prints as Hash", 2 * HASH_BYTES)),
    }
}

/// Reads the name of a table outside padealing. Whether it is there is said by what looks for it.
pub(crate) fn parse_object(text: &str) -> Result<String, String> {
    match text.split_once('.') {
        None | Some(("", _) | (_, "")) => Err("write it as SCHEMA.TABLE, as apply names it".to_owned()),
        Some((schema, _)) if !is_allowable(schema) => Err(format!(
            "it is for tables that triggers of others write to, and never for schema {schema}; leave it out"
        )),
        Some(_) => Ok(text.to_owned()),
    }
}

/// Reads a number within bounds.
pub(crate) fn parse_count<const MIN: usize, const MAX: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
    number.ok_or_else(|| format!("it must be a number from {MIN} to {MAX}"))
}

/// Reads the id of a run, a UUID as `status` prints it.
pub(crate) fn parse_run(text: &str) -> Result<String, String> {
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    match is_uuid {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!("write the whole id of a run, as `{STATUS}` lists it")),
    }
}
