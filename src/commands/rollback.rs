//! `rollback`.

use std::path::PathBuf;

use crate::base::text::plural;
use crate::commands::context::{AtOnce, Context};
use crate::commands::csv::LegacyRows;
use crate::commands::ended::{Ended, Failure};
use crate::commands::global::{Format, parse_run};
use crate::commands::progress;
use crate::migration::pg::rollback::{BATCH_SIZE, JOBS, RollbackRequest, check_room, look_first, rollback, survey};
use crate::migration::rollback::{RollbackReport, Selection, Survey};
use crate::report::rollback::{RollbackJson, planned_rollback, rollback_page};

/// Roll back what migrate wrote, by lineage; rows that were changed since, or that are in use, are kept and named
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the rows that this run of migrate has written; status lists the runs
    #[arg(long, value_name = "ID", value_parser = parse_run, conflicts_with = "source_id")]
    pub(crate) run: Option<String>,
    /// Only the row that came from this legacy row, also if the legacy row was changed since; may be given several times
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) source_id: Vec<i64>,
    /// Delete nothing; count what would be rolled back, and name what would be kept
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Roll back without asking; required when standard input is not a terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Back the schema up to a file first, as `backup --out FILE` does
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) backup: Option<PathBuf>,
    /// Text for people, or JSON for scripts, which is not asked for confirmation and needs --yes
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

/// A session that holds the lock, the workers, and one that sees what others commit, where anything is deleted.
fn at_once(dry_run: bool) -> AtOnce {
    AtOnce::fixed(1 + JOBS + usize::from(!dry_run), 1)
}

/// Rolls back until it is done or `interrupted` is ready, which is recorded.
pub(crate) async fn run(args: &Args, context: &Context, interrupted: impl Future<Output = ()> + Clone) -> Ended {
    let (target, rows) = tokio::select! {
        proved = context.target_and_rows(at_once(args.dry_run)) => proved?,
        () = interrupted.clone() => return Err("interrupted. Nothing was changed.".into()),
    };
    let selection = match (&args.run, &args.source_id[..]) {
        (Some(id), _) => Selection::Run(id.clone()),
        (None, []) => Selection::All,
        (None, ids) => Selection::Sources(ids.iter().copied().collect()),
    };
    let request = RollbackRequest {
        target: &target,
        source: rows.source(&context.config.legacy_table),
        environment: context.config.environment,
        selection,
        batch_size: BATCH_SIZE,
        dry_run: args.dry_run,
    };
    // With the rest, a dry run says how the legacy rows are read.
    if !args.dry_run || matches!(request.selection, Selection::Sources(_)) {
        let nothing_left = tokio::select! {
            agreed = agree(args, context, &request, &rows) => agreed?,
            () = interrupted.clone() => return Err("interrupted. Nothing was changed.".into()),
        };
        if let Some(Survey { server_version, counts, not_migrated, notes }) = nothing_left {
            return print(
                args,
                context,
                (&request, &rows),
                &RollbackReport { server_version, counts, not_migrated, notes, ..RollbackReport::default() },
            );
        }
    }
    progress::phase("connecting");
    let report = rollback(&request, &mut progress::rows, interrupted).await?;
    if !args.dry_run {
        let rows = plural(report.counts.rolled_back, "row was", "rows were");
        context.printer.committed(&format!("{rows} rolled back, and {} kept", report.counts.kept));
    }
    print(args, context, (&request, &rows), &report)
}

/// Asks, and backs up what is about to change. Gives what was counted back if there is nothing to roll back.
async fn agree(
    args: &Args,
    context: &Context,
    request: &RollbackRequest<'_>,
    rows: &LegacyRows,
) -> Result<Option<Survey>, Failure> {
    let backup = Context::backup_files(args.backup.as_deref())?;
    progress::phase("counting");
    // There may be nothing to do for more than one session.
    let alone = request.target.for_one_session();
    let survey = survey(&RollbackRequest { target: &alone, ..request.clone() }).await?;
    if survey.counts.selected == 0 {
        if backup.is_some() {
            context.printer.note("no backup was taken: there is nothing to roll back");
        }
        return Ok(Some(survey));
    }
    if args.dry_run {
        return Ok(None);
    }
    // Whether there is room for the others is known before anybody is asked.
    check_room(request).await?;
    let databases = context.between(request.target, rows);
    let page = planned_rollback(&survey, &request.selection, &databases);
    let environment = context.config.environment;
    context.printer.confirm("rollback", args.format, &page, "Roll back?", environment, args.yes).await?;
    if backup.is_some() {
        look_first(request).await?;
    }
    context.back_up(request.target, backup).await?;
    Ok(None)
}

fn print(
    args: &Args,
    context: &Context,
    (request, rows): (&RollbackRequest<'_>, &LegacyRows),
    report: &RollbackReport,
) -> Ended {
    let databases = context.between(request.target, rows);
    match args.format {
        Format::Text => context.printer.page(&rollback_page(report, &request.selection, &databases, args.dry_run))?,
        Format::Json => {
            context.printer.json(&RollbackJson::new(report, &request.selection, databases, args.dry_run))?;
        }
    }
    Ok(report.verdict())
}
