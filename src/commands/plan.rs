//! `plan`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::base::file::PendingFile;
use crate::base::hint::REVERT;
use crate::commands::context::{Context, save};
use crate::commands::ended::Ended;
use crate::commands::global::{parse_object, parse_revision};
use crate::commands::printer::{FILE_WIDTH, json_text};
use crate::ledger::history::applied;
use crate::report::plan::Planned;
use crate::report::plan::json::PlanJson;
use crate::schema::pg::plan::plan;
use crate::schema::pg::request::ChangeRequest;

/// A plan for people, for psql, or for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people.
    Text,
    /// For psql.
    Sql,
    /// For scripts.
    Json,
}

/// Show what apply would do: a decision for each table, the SQL, its locks, what it rewrites, what must be done by hand
///
/// Reads only.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How to print the plan; sql is what psql can run
    #[arg(long, default_value = "text")]
    pub(crate) format: PlanFormat,
    /// Write to a file instead of the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Show each step's SQL, with its hazards
    #[arg(long)]
    pub(crate) show_sql: bool,
    /// Exit with 1 if there is something to do
    #[arg(long)]
    pub(crate) check: bool,
    /// The revision to go to [default: the newest]
    #[arg(long, value_name = "REVISION", value_parser = parse_revision)]
    pub(crate) to: Option<String>,
    /// A table outside padealing, as SCHEMA.TABLE, that triggers or event triggers may lock, such as that of a DDL log;
    /// may be given several times
    #[arg(long, value_name = "NAME", value_parser = parse_object)]
    pub(crate) allow_object: Vec<String>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let out = args.out.as_deref().map(PendingFile::create).transpose()?;
    let request = context.schema_request(&target, args.to.as_deref());
    let found = plan(&ChangeRequest { allow_objects: &args.allow_object, ..request }).await?;
    if let Some(to) = args.to.as_deref().filter(|to| applied(&found.history).keys().any(|it| it.as_str() > *to)) {
        let how = format!("`{REVERT} --to {to}` shows what it would roll back and lose, and asks first");
        return Err(format!("the schema is at a later revision than {to}: {how}").into());
    }
    let environment = context.config.environment;
    let planned = Planned { environment, place: &target.place(), found: &found, check: args.check };
    let text = match args.format {
        PlanFormat::Text if out.is_none() => {
            context.printer.page(&planned.page(args.show_sql))?;
            return Ok(planned.verdict());
        }
        PlanFormat::Text => planned.page(args.show_sql).render(FILE_WIDTH, false),
        PlanFormat::Sql => planned.sql(),
        PlanFormat::Json => json_text(&PlanJson::new(&planned))?,
    };
    match out {
        Some(file) => save(file, text).await?,
        None => context.printer.document(&text)?,
    }
    Ok(planned.verdict())
}
