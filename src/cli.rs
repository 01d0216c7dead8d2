//! The command line: flags and commands, and how a duration or a file is written on it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Environment;
use crate::drift::Severity;
use crate::generate::{Generator, MOST_ROWS};
use crate::pg::migrate::{OnIdCollision, OnMissingSecurity};
use crate::server::Provider;

/// Moves PA Dealing from the legacy table personal_account_dealing to the padealing schema, and proves that nothing
/// was lost.
///
/// Exit codes: 0 done and nothing to look at, 1 done and a person must look, 2 not done.
#[derive(Debug, Parser)]
#[command(name = "pad-migrate", version, max_term_width = 100)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The environment; APP_ENV, or else local, if not given
    #[arg(long, global = true, value_name = "ENV", help_heading = "Global options")]
    pub env: Option<Environment>,
    /// The folder of .env and `.env.<ENV>` [default: the working directory]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub config_dir: Option<PathBuf>,
    /// The database that holds padealing, instead of the DB_ keys
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The database that holds the legacy table [default: SOURCE_DATABASE_URL, or else the target]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub source_url: Option<String>,
    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    pub color: Color,
    /// Print no progress
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub quiet: bool,
    /// Say more about what is being done
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

/// When to colour the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Text for people, or JSON for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// Text for people, or something for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DriftFormat {
    /// For people.
    Text,
    /// For scripts.
    Json,
    /// For pull requests.
    Markdown,
    /// For CI systems that show tests.
    Junit,
    /// For code scanning.
    Sarif,
    /// For GitHub's annotations.
    Github,
}

/// A plan for people, for psql, or for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// For psql.
    Sql,
    /// For scripts.
    Json,
}

/// Generated legacy rows, and which.
#[derive(Clone, Copy, Debug, Args)]
pub struct Generated {
    /// Generate this many legacy rows, about one in a hundred of them bad, instead of using the fixtures
    #[arg(long, value_name = "N", value_parser = parse_count::<1, MOST_ROWS>)]
    rows: Option<usize>,
    /// The same seed gives the same rows [default: 1]
    #[arg(long, value_name = "S", requires = "rows")]
    seed: Option<u64>,
}

impl Generated {
    /// What makes the rows, if some are wanted.
    pub fn generator(self) -> Option<Generator> {
        self.rows.map(|rows| Generator { rows: rows as u64, seed: self.seed.unwrap_or(1) })
    }
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Rehearse the whole cutover on an ephemeral Postgres: schemas, rows, migration, verification
    ///
    /// Without --source-url the rows are the fixtures; with it, the rows of that database's legacy table, which is
    /// only read; with --rows, generated ones.
    Rehearse {
        /// Generated legacy rows
        #[command(flatten)]
        generated: Generated,
        /// What runs the ephemeral server
        #[arg(long, env = "PAD_PROVIDER", hide_env_values = true, default_value = "auto")]
        provider: Provider,
        /// Leave the server running, and say how to connect and how to stop it
        #[arg(long)]
        keep: bool,
        /// Write the summary to a file too
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Text for people, or JSON for scripts
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Hold an ephemeral Postgres for the tests, until the standard input or a process ends
    #[command(hide = true)]
    Ephemeral {
        /// What runs the ephemeral server
        #[arg(long, env = "PAD_PROVIDER", hide_env_values = true, default_value = "auto")]
        provider: Provider,
        /// The process whose end ends the server
        #[arg(long, value_name = "PID")]
        process: Option<u32>,
        /// A private directory, in which the server is announced
        folder: PathBuf,
    },
    /// Examine an environment: configuration, connection, server, tables, rights, history
    ///
    /// Reads only. Rows are estimates of the planner unless --exact is given.
    Doctor {
        /// Count the rows of every table
        #[arg(long)]
        exact: bool,
        /// Text for people, or JSON for scripts
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Fill a local database with test data: reference mirror, legacy table, rows
    Seed {
        /// Create the tables only
        #[arg(long, conflicts_with = "rows")]
        empty: bool,
        /// Generated legacy rows
        #[command(flatten)]
        generated: Generated,
    },
    /// Show where the schema stands: history, current revision, what is pending, what is skipped here and why
    ///
    /// Reads only. Exits with 1 if something is pending.
    Status {
        /// Text for people, or JSON for scripts
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Show what apply would do: a decision for each table, the SQL, its locks, what it rewrites, what needs a person
    ///
    /// Reads only.
    Plan {
        /// How to print the plan; sql is what psql can run
        #[arg(long, default_value = "text")]
        format: PlanFormat,
        /// Write to a file instead of the standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Exit with 1 if there is something to do
        #[arg(long)]
        check: bool,
        /// The revision to go to [default: the newest]
        #[arg(long, value_name = "REVISION")]
        to: Option<String>,
    },
    /// Bring the schema padealing to a revision: run the plan, read the schema again, commit only if it is as expected
    Apply {
        /// Don't ask; needed when the standard input is no terminal
        #[arg(long)]
        yes: bool,
        /// Back the schema up to a file first, as pg_dump -Fc does
        #[arg(long, value_name = "FILE")]
        backup: Option<PathBuf>,
        /// How long a statement waits for a lock, such as 500ms, 5s or 1min
        #[arg(long, value_name = "D", default_value = "5s", value_parser = parse_duration)]
        lock_timeout: Duration,
        /// The revision to go to, up or down [default: the newest]
        #[arg(long, value_name = "REVISION")]
        to: Option<String>,
        /// Build indexes on existing tables after the transaction, one by one, while others go on writing
        #[arg(long)]
        concurrently: bool,
    },
    /// Take the newest schema revision back, or all above one; refuses when data would be lost
    Revert {
        /// The revision to go back to; 0000 takes all of them [default: the one before the newest]
        #[arg(long, value_name = "REVISION")]
        to: Option<String>,
        /// Don't ask; needed when the standard input is no terminal
        #[arg(long)]
        yes: bool,
        /// Take back what holds rows or values, too, and lose them
        #[arg(long)]
        allow_data_loss: bool,
        /// How long a statement waits for a lock, such as 500ms, 5s or 1min
        #[arg(long, value_name = "D", default_value = "5s", value_parser = parse_duration)]
        lock_timeout: Duration,
    },
    /// Migrate the legacy rows that have not been migrated yet
    Migrate {
        /// Write nothing; show what would be rejected, and a few rows old and new
        #[arg(long)]
        dry_run: bool,
        /// Try this many rows at most
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        /// Rows of one transaction
        #[arg(long, value_name = "N", default_value_t = 500, value_parser = parse_count::<1, 100_000>)]
        batch_size: usize,
        /// Workers
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = parse_count::<1, 64>)]
        jobs: usize,
        /// What to do with a row whose inst_symbol no security has
        #[arg(long, value_name = "WHAT", default_value = "reject")]
        on_missing_security: OnMissingSecurity,
        /// What to do with a row whose id the target uses for another request
        #[arg(long, value_name = "WHAT", default_value = "reject")]
        on_id_collision: OnIdCollision,
        /// Write every rejection to a file, .jsonl or .csv
        #[arg(long, value_name = "FILE", value_parser = parse_rejects)]
        rejects: Option<PathBuf>,
        /// Text for people, or JSON for scripts
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Compare the live schemas with what they should be
    ///
    /// Reads only. Expected is what migrations/ produce, or what --expected names: a file of `snapshot`, or another
    /// database.
    Drift {
        /// How to print the findings
        #[arg(long, default_value = "text")]
        format: DriftFormat,
        /// Exit with 1 from this severity on
        #[arg(long, value_name = "SEVERITY", default_value = "warning")]
        fail_on: Severity,
        /// What is expected: a file that `snapshot` wrote, or a database's URL [default: what migrations/ produce]
        #[arg(long, value_name = "FILE|URL")]
        expected: Option<String>,
        /// A schema, and no others; repeatable [default: all that something is expected of]
        #[arg(long, value_name = "NAME")]
        schema: Vec<String>,
        /// Findings that are agreed upon, each with a reason and a day (docs/drift.md)
        #[arg(long, value_name = "FILE")]
        exceptions: Option<PathBuf>,
    },
    /// Write down the live catalog as JSON, for `drift --expected` elsewhere or later
    Snapshot {
        /// A schema, and no others; repeatable [default: padealing and bo_airflow]
        #[arg(long, value_name = "NAME")]
        schema: Vec<String>,
        /// Write to a file instead of the standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Prove every migrated row against its legacy row, and every lineage row against its target
    Verify {
        /// Text for people, or JSON for scripts
        #[arg(long, default_value = "text")]
        format: Format,
    },
}

impl Command {
    /// The command's name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rehearse { .. } => "rehearse",
            Self::Ephemeral { .. } => "ephemeral",
            Self::Doctor { .. } => "doctor",
            Self::Seed { .. } => "seed",
            Self::Status { .. } => "status",
            Self::Plan { .. } => "plan",
            Self::Apply { .. } => "apply",
            Self::Revert { .. } => "revert",
            Self::Migrate { .. } => "migrate",
            Self::Drift { .. } => "drift",
            Self::Snapshot { .. } => "snapshot",
            Self::Verify { .. } => "verify",
        }
    }

    /// Whether the result is to be JSON.
    pub fn is_json(&self) -> bool {
        match self {
            Self::Rehearse { format, .. }
            | Self::Doctor { format, .. }
            | Self::Status { format }
            | Self::Migrate { format, .. }
            | Self::Verify { format } => *format == Format::Json,
            Self::Plan { format, out, .. } => *format == PlanFormat::Json && out.is_none(),
            Self::Drift { format, .. } => *format == DriftFormat::Json,
            Self::Snapshot { out, .. } => out.is_none(),
            Self::Ephemeral { .. } | Self::Seed { .. } | Self::Apply { .. } | Self::Revert { .. } => false,
        }
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| "write a number and ms, s or min, such as 5s".to_owned())?;
    let milliseconds = match &text[digits.len()..] {
        "ms" => number,
        "s" => number.saturating_mul(1000),
        "min" => number.saturating_mul(60_000),
        _ => return Err("write a number and ms, s or min, such as 5s".to_owned()),
    };
    // lock_timeout is an integer of milliseconds, and 0 would mean forever.
    if (1..=i32::MAX as u64).contains(&milliseconds) {
        Ok(Duration::from_millis(milliseconds))
    } else {
        Err("it must be between 1ms and 24 days".to_owned())
    }
}

fn parse_count<const MIN: usize, const MAX: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|it| (MIN..=MAX).contains(it));
    number.ok_or_else(|| format!("it must be a number from {MIN} to {MAX}"))
}

fn parse_rejects(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|it| it.to_str()) {
        Some("jsonl" | "csv") => Ok(path),
        _ => Err("the file's name must end in .jsonl or .csv".to_owned()),
    }
}
