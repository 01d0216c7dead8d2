//! `integrity`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::base::outcome::Verdict;
use crate::checks::gate::waivers::{is_waivable, waivable};
use crate::checks::integrity::{ALL, named, near, near_among, select};
use crate::checks::pg::integrity::{IntegrityRequest, integrity};
use crate::commands::context::{Context, read};
use crate::commands::ended::{Ended, Failure};
use crate::commands::printer::Printer;
use crate::report::integrity::{IntegrityJson, catalogue, junit, page};
use crate::schema::drift::exceptions::Exceptions;
use crate::schema::pg::drift::today;

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IntegrityFormat {
    /// For a terminal
    Text,
    /// For scripts
    Json,
    /// For CI systems that show test results
    Junit,
}

/// Check the live rows: links, statuses, the audit log, lineage, and the plans of the key queries
///
/// Reads only, and sees one moment. Rows that came from the legacy table and are odd there already fail no check: they
/// are said to be that.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Output format
    #[arg(long, default_value = "text")]
    pub(crate) format: IntegrityFormat,
    /// Make these checks only [default: all]
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) check: Vec<String>,
    /// Print the names of all checks and what they mean; needs no database
    #[arg(long, conflicts_with_all = ["check", "sql", "exceptions"])]
    pub(crate) list: bool,
    /// Print the SQL of a check, which psql runs as it is; needs no database
    #[arg(long, value_name = "NAME", conflicts_with_all = ["check", "exceptions"])]
    pub(crate) sql: Option<String>,
    /// Accepted rows and checks, each with a reason and an expiry date (docs/integrity.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) exceptions: Option<PathBuf>,
}

impl Args {
    /// Whether it only prints what the program knows.
    pub(crate) fn is_about_catalogue(&self) -> bool {
        self.list || self.sql.is_some()
    }

    /// Prints the list of the checks, or the SQL of one.
    pub(crate) fn print_catalogue(&self, printer: &Printer) -> Ended {
        if self.format != IntegrityFormat::Text {
            return Err("--list and --sql print text; run the command without --format and --json".into());
        }
        match &self.sql {
            Some(name) => printer.document(named(name)?.text)?,
            None => printer.page(&catalogue(&ALL))?,
        }
        Ok(Verdict::Clean)
    }
}

/// The file of exceptions, if there is one.
pub(crate) async fn exceptions(path: Option<&PathBuf>) -> Result<Option<Exceptions>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let text = read(path).await?;
    Ok(Some(Exceptions::read(&text, near_waivable).map_err(|error| format!("{}: {error}", path.display()))?))
}

/// An exception may name a check of the gate, too.
fn near_waivable(name: &str) -> Option<Vec<String>> {
    near(name).filter(|_| !is_waivable(name)).map(|_| near_among(name, ALL.iter().map(|it| it.name).chain(waivable())))
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let checks = select(&args.check)?;
    let exceptions = exceptions(args.exceptions.as_ref()).await?;
    let target = context.target()?;
    let request = IntegrityRequest {
        target: &target,
        environment: context.config.environment,
        checks: &checks,
        exceptions: exceptions.as_ref(),
        today: today(),
    };
    let found = integrity(&request).await?;
    let printer = &context.printer;
    match args.format {
        IntegrityFormat::Text => printer.page(&page(&found))?,
        IntegrityFormat::Json => printer.json(&IntegrityJson::new(&found))?,
        IntegrityFormat::Junit => printer.document(&junit(&found)?)?,
    }
    Ok(found.verdict())
}
