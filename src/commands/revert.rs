//! `revert`.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::outcome::Verdict;
use crate::commands::context::{BACKUP_AT_ONCE, Context};
use crate::commands::ended::Ended;
use crate::commands::global::{Format, parse_duration, parse_object, parse_revision};
use crate::commands::progress;
use crate::report::apply::ChangeJson;
use crate::report::page::Page;
use crate::report::revert::{RevertJson, done_reversal, planned_reversal, reversal_summary};
use crate::schema::pg::backup::BackupFiles;
use crate::schema::pg::request::ChangeRequest;
use crate::schema::pg::revert::{check_losses, look_first, plan_reversal, revert};

/// Roll back the newest schema revision, or all above one; refuses if data would be lost
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The revision to go back to; 0000 rolls back all of them [default: the one before the newest]
    #[arg(long, value_name = "REVISION", value_parser = parse_revision)]
    pub(crate) to: Option<String>,
    /// Roll back without asking; required when standard input is not a terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Also drop tables and columns that hold data
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
    /// Back the schema up to a file first, as `backup --out FILE` does
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,
    /// How long a statement waits for a lock, such as 500ms, 5s or 1min
    #[arg(long, value_name = "D", default_value = "5s", value_parser = parse_duration)]
    pub(crate) lock_timeout: Duration,
    /// A table outside padealing, as SCHEMA.TABLE, that triggers or event triggers may lock, such as that of a DDL log;
    /// may be given several times
    #[arg(long, value_name = "NAME", value_parser = parse_object)]
    pub(crate) allow_object: Vec<String>,
    /// Show the statements first
    #[arg(long)]
    pub(crate) show_sql: bool,
    /// Text for people, or JSON for scripts, which is not asked for confirmation and needs --yes
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

/// How a schema is rolled back, and what is printed of it.
pub(crate) struct RollBack {
    pub(crate) command: &'static str,
    pub(crate) yes: bool,
    pub(crate) allow_data_loss: bool,
    pub(crate) show_sql: bool,
    pub(crate) format: Format,
    pub(crate) backup: Option<BackupFiles>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let at_once = if args.backup.is_some() { BACKUP_AT_ONCE } else { 1 };
    let target = context.target()?.for_sessions(at_once);
    let backup = Context::backup_files(args.backup.as_deref())?;
    let request = ChangeRequest {
        lock_timeout: args.lock_timeout,
        allow_objects: &args.allow_object,
        ..context.schema_request(&target, args.to.as_deref())
    };
    let Args { yes, allow_data_loss, show_sql, format, .. } = *args;
    roll_back(context, &request, RollBack { command: "revert", yes, allow_data_loss, show_sql, format, backup }).await
}

/// Shows what is rolled back and what would be lost with it, and asks, before anything is changed.
pub(crate) async fn roll_back(context: &Context, request: &ChangeRequest<'_>, how: RollBack) -> Ended {
    let RollBack { command, yes, allow_data_loss, show_sql, format, backup } = how;
    let reversal = plan_reversal(request).await?;
    let place = request.database.place();
    let page = planned_reversal(&reversal, show_sql);
    // Statements that are asked for are a result, whatever becomes of the question.
    let mut asked = match show_sql && format == Format::Text {
        true => {
            context.printer.page(&page)?;
            Page::default()
        }
        false => page,
    };
    if check_losses(request, &reversal, allow_data_loss).is_ok() {
        asked.append(reversal_summary(&reversal, request.environment, &place));
        context.printer.confirm(command, format, &asked, "Revert?", request.environment, yes).await?;
    }
    if backup.is_some() {
        check_losses(request, &reversal, allow_data_loss)?;
        look_first(request).await?;
        // What is rolled back was applied, so there is something to back up.
        context.back_up(request.database, backup).await?;
    }
    progress::phase("rolling back");
    let reverted = revert(request, allow_data_loss, Some(&reversal)).await?;
    context.printer.committed("the schema was reverted, which is committed");
    match format {
        Format::Text => context.printer.page(&done_reversal(&reverted))?,
        Format::Json => {
            let json = RevertJson::new(command, &reverted, request.environment, &place);
            context.printer.json(&ChangeJson::Reverted(json))?;
        }
    }
    Ok(Verdict::Clean)
}
