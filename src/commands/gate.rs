//! `gate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::base::outcome::Verdict;
use crate::checks::gate::Stage;
use crate::checks::gate::rehearsal::RehearsalReport;
use crate::checks::pg::gate::gate;
use crate::checks::pg::gate::request::GateRequest;
use crate::commands::context::{AtOnce, Context, beside_result, read, save};
use crate::commands::doctor::Printed;
use crate::commands::ended::Ended;
use crate::commands::global::{parse_duration, parse_object, parse_plan_hash};
use crate::commands::integrity;
use crate::commands::printer::{FILE_WIDTH, json_text};
use crate::commands::report;
use crate::report::document::gate::document;
use crate::report::gate::{FlagsJson, GateJson, flags_junit, junit, page, verdict};
use crate::schema::pg::archive::described;
use crate::schema::pg::drift::today;

/// How the decision is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateFormat {
    /// For a terminal
    Text,
    /// For scripts
    Json,
    /// For CI systems that show test results
    Junit,
}

/// Decide in one command whether the cutover may begin, or the application be opened: GO or NO-GO, and why
///
/// Reads only. Makes all checks side by side. What could not be known is NO-GO. Exit codes: 0 GO, 1 NO-GO, 2 there was
/// no session, or a flag is wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Before the cutover, or after it
    #[arg(long, value_name = "STAGE", default_value = "after")]
    pub(crate) stage: Stage,
    /// Before: the hash that plan printed when the plan was reviewed
    #[arg(long, value_name = "HASH", value_parser = parse_plan_hash)]
    pub(crate) plan_hash: Option<String>,
    /// Before: a table outside padealing, as SCHEMA.TABLE, that the plan was reviewed with; may be given several times
    #[arg(long, value_name = "NAME", value_parser = parse_object)]
    pub(crate) allow_object: Vec<String>,
    /// Before: the backup, as `backup --out` or `apply --backup` has written it
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,
    /// Before: the report of a rehearsal, as `rehearse --format json --report` has written it
    #[arg(long, value_name = "FILE")]
    pub(crate) rehearsal: Option<PathBuf>,
    /// Before: the time that there is for the cutover, such as 45min
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    pub(crate) window: Option<Duration>,
    /// Before: how long the legacy table is watched; 0 watches nothing, which is NO-GO
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=3600))]
    pub(crate) freeze_seconds: u64,
    /// What is accepted, each with a reason and an expiry date (docs/gate.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) exceptions: Option<PathBuf>,
    /// Output format
    #[arg(long, default_value = "text")]
    pub(crate) format: GateFormat,
    /// Write the decision to a file too: as a document if its name ends in .html or .md, else as it is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// For the whole; what is not known by then is NO-GO
    #[arg(long, value_name = "D", default_value = "10min", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
    /// Only read the flags and the files that they name, say what is wrong with them, and connect nowhere
    #[arg(long)]
    pub(crate) check_flags: bool,
}

/// What the gate takes beside the time in which the legacy table is watched, at least.
const BESIDE_FREEZE: Duration = Duration::from_secs(10);

impl Args {
    /// One for each part of the decision that is made side by side, two for `integrity`; `verify` and a dry run have more.
    fn at_once(&self) -> AtOnce {
        match self.stage {
            Stage::Before => AtOnce::fixed(9, 2),
            Stage::After => AtOnce::fixed(7, 1),
        }
    }

    /// Why the flags can't be used together.
    fn conflict(&self) -> Option<String> {
        let (freeze, timeout) = (self.freeze_seconds, self.timeout);
        let is_too_long = freeze > 0 && Duration::from_secs(freeze) + BESIDE_FREEZE > timeout;
        (self.stage == Stage::Before && is_too_long).then(|| {
            format!(
                "--freeze-seconds {freeze} and --timeout {timeout:?} contradict each other: the gate would end before \
                 the legacy table was watched for so long, and takes some seconds before that; it is watched up to \
                 three times if something changes, so give --timeout {}s, or a smaller --freeze-seconds",
                3 * freeze + 600
            )
        })
    }
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    if let Some(conflict) = args.conflict() {
        return Err(conflict.into());
    }
    let file = beside_result("--report", args.report.as_deref())?;
    let exceptions = integrity::exceptions(args.exceptions.as_ref()).await?;
    let rehearsal = match &args.rehearsal {
        None => None,
        Some(path) => {
            let report = RehearsalReport::read(&read(path).await?);
            Some(report.map_err(|error| format!("{}: {error}", path.display()))?)
        }
    };
    if args.check_flags
        && let Some(path) = &args.backup
    {
        described(path).await?;
    }
    let (target, rows) = context.target_and_rows(args.at_once()).await?;
    if args.check_flags {
        match args.format {
            GateFormat::Text => {}
            GateFormat::Json => context.printer.json(&FlagsJson::new(context.config.environment))?,
            GateFormat::Junit => context.printer.document(&flags_junit()?)?,
        }
        return Ok(Verdict::Clean);
    }
    let config = &context.config;
    let found = gate(&GateRequest {
        target: &target,
        source: rows.source(&config.legacy_table),
        source_elsewhere: config.source.is_some(),
        environment: config.environment,
        roles: &config.roles,
        table: &config.legacy_table,
        stage: args.stage,
        plan_hash: args.plan_hash.as_deref(),
        allow_objects: &args.allow_object,
        backup: args.backup.as_deref(),
        rehearsal: rehearsal.as_ref(),
        window: args.window,
        freeze: Duration::from_secs(args.freeze_seconds),
        exceptions: exceptions.as_ref(),
        today: today(),
        timeout: args.timeout,
    })
    .await;
    let page = page(&found);
    let of_file =
        report::for_file(args.report.as_deref(), || document(&GateJson::new(&found), &report::making(false)))?;
    let printed = match args.format {
        GateFormat::Text => None,
        GateFormat::Json => Some(json_text(&GateJson::new(&found))?),
        GateFormat::Junit => Some(junit(&found)?),
    };
    if let Some(file) = file {
        let text = of_file.or(printed.clone()).unwrap_or_else(|| page.render(FILE_WIDTH, false));
        save(file, text).await?;
    }
    match printed {
        Some(text) => context.printer.document(&text)?,
        None => context.printer.page(&page)?,
    }
    match &found.failure {
        Some(failure) => Err(Printed(failure.clone()).into()),
        None => Ok(verdict(&found)),
    }
}
