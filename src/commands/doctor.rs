//! `doctor`.

use crate::base::hint::MIGRATE;
use crate::checks::pg::examine;
use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::global::Format;
use crate::report::doctor::Doctor;

/// Examine an environment: configuration, connection, server, tables, privileges, history
///
/// Reads only. Row counts are the planner's estimates unless --exact is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Count the rows of every table
    #[arg(long)]
    pub(crate) exact: bool,
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

/// A failure whose result is printed already, so that stdout gets no other.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Printed(pub(crate) String);

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let mut found = examine::examine_environment(&context.config, args.exact).await?;
    if let Some(file) = &context.csv.source_csv {
        found.skip(
            "legacy_table",
            format!("the legacy rows come from {}; `{MIGRATE} --dry-run` examines it", file.display()),
        );
    }
    let report = Doctor::new(&context.config, &found);
    match args.format {
        Format::Text => context.printer.page(&report.page())?,
        Format::Json => context.printer.json(&report.json())?,
    }
    let verdict = report.verdict();
    match found.failure {
        Some(failure) => Err(Printed(failure).into()),
        None => Ok(verdict),
    }
}
