//! `migrate`.

use std::path::PathBuf;

use crate::base::text::plural;
use crate::commands::context::{AtOnce, Context};
use crate::commands::ended::Ended;
use crate::commands::global::{Format, parse_count};
use crate::commands::screen::{Screen, named, parse_rejects};
use crate::migration::pg::migrate::{MigrateRequest, look_first, migrate};
use crate::migration::run::{FEWEST_JOBS, OnIdCollision, OnMissingSecurity, Options, SOURCE_SESSIONS};
use crate::report::migrate::{MigrateJson, migrate_page};

/// Migrate the legacy rows that have not been migrated yet
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; show what would be rejected, and a few rows before and after
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Migrate or reject at most this many rows that aren't migrated yet
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Rows per transaction
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = parse_count::<1, 100_000>)]
    pub(crate) batch_size: usize,
    /// Number of workers, each with a connection of its own [default: 2, or more where the server is far away or has more
    /// cores, and has room for them]
    #[arg(long, value_name = "N", value_parser = parse_count::<1, 64>)]
    pub(crate) jobs: Option<usize>,
    /// What to do with a row whose inst_symbol isn't in the reference schema
    #[arg(long, value_name = "WHAT", default_value = "reject")]
    pub(crate) on_missing_security: OnMissingSecurity,
    /// What to do with a row whose id is taken by another request in the target
    #[arg(long, value_name = "WHAT", default_value = "reject")]
    pub(crate) on_id_collision: OnIdCollision,
    /// Back the schema up to a file first, as `backup --out FILE` does
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) backup: Option<PathBuf>,
    /// Write every rejection to a file, .jsonl or .csv
    #[arg(long, value_name = "FILE", value_parser = parse_rejects)]
    pub(crate) rejects: Option<PathBuf>,
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

/// Beside the source's, a session that holds the lock, and one of each worker.
fn at_once(jobs: usize) -> AtOnce {
    AtOnce { target: 1 + jobs, source: SOURCE_SESSIONS, spare: jobs.saturating_sub(1) }
}

/// Migrates until it is done or `interrupted` is ready, which it records.
pub(crate) async fn run(args: &Args, context: &Context, interrupted: impl Future<Output = ()> + Clone) -> Ended {
    let jobs = args.jobs.unwrap_or(FEWEST_JOBS);
    let (target, rows) = tokio::select! {
        proved = context.target_and_rows(at_once(jobs)) => proved?,
        () = interrupted.clone() => return Err("interrupted. Nothing was written.".into()),
    };
    let request = MigrateRequest {
        target: &target,
        source: rows.source(&context.config.legacy_table),
        environment: context.config.environment,
        options: Options {
            dry_run: args.dry_run,
            limit: args.limit,
            batch_size: args.batch_size,
            jobs,
            more_jobs: args.jobs.is_none(),
            on_missing_security: args.on_missing_security,
            on_id_collision: args.on_id_collision,
        },
    };
    let backup = Context::backup_files(args.backup.as_deref())?;
    let mut screen = Screen::new(&context.printer, args.rejects.as_deref())?;
    if backup.is_some() {
        let backed_up = async {
            look_first(&request).await?;
            context.back_up(&target, backup).await
        };
        tokio::select! {
            done = backed_up => done?,
            () = interrupted.clone() => return Err("interrupted. Nothing was changed.".into()),
        };
    }
    context.printer.detail(&format!("migrating from {} to {}", rows.place(), target.place()));
    screen.begin("connecting");
    let result = migrate(&request, &mut screen, interrupted.clone()).await;
    let report = result?;
    if !args.dry_run {
        let rows = plural(report.counts.migrated, "row was", "rows were");
        context.printer.committed(&format!("{rows} migrated, and {} rejected", report.counts.rejected));
    }
    tokio::select! {
        kept = screen.keep_rejects() => kept?,
        () = interrupted => {
            let what = "interrupted while the file of rejections was written; rows that were committed stay";
            return Err(what.into());
        }
    }
    let databases = context.between(&target, &rows);
    let file = named(&args.rejects);
    match args.format {
        Format::Text => context.printer.page(&migrate_page(&report, &databases, args.dry_run, file.as_deref()))?,
        Format::Json => context.printer.json(&MigrateJson::new(&report, databases, args.dry_run))?,
    }
    Ok(report.verdict())
}
