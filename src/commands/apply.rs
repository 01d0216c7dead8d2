//! `apply`.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::hint::PLAN;
use crate::commands::context::{BACKUP_AT_ONCE, Context};
use crate::commands::ended::Ended;
use crate::commands::global::{Format, parse_duration, parse_object, parse_plan_hash, parse_revision};
use crate::commands::progress;
use crate::commands::revert::{RollBack, roll_back};
use crate::config::environment::Environment;
use crate::ledger::history::applied;
use crate::report::apply::{ApplyJson, ChangeJson, applied_page, applied_verdict};
use crate::report::plan::Planned;
use crate::schema::pg::apply::{apply, look_first};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::plan::plan;
use crate::schema::pg::request::ChangeRequest;
use crate::schema::plan::outcome::Applied;

/// Bring the schema padealing to a revision: run the plan, read the schema back, commit only if it is as expected
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Apply without asking; required when standard input is not a terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Back the schema up to a file first, as `backup --out FILE` does
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,
    /// How long a statement waits for a lock, such as 500ms, 5s or 1min
    #[arg(long, value_name = "D", default_value = "5s", value_parser = parse_duration)]
    pub(crate) lock_timeout: Duration,
    /// The revision to go to, up or down [default: the newest]
    #[arg(long, value_name = "REVISION", value_parser = parse_revision)]
    pub(crate) to: Option<String>,
    /// Build indexes on existing tables after the transaction, one by one, without blocking writes
    #[arg(long)]
    pub(crate) concurrently: bool,
    /// Apply this plan only: the hash that plan printed when it was reviewed
    #[arg(long, value_name = "HASH", value_parser = parse_plan_hash)]
    pub(crate) plan_hash: Option<String>,
    /// Text for people, or JSON for scripts, which is not asked for confirmation and needs --yes
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// A table outside padealing, as SCHEMA.TABLE, that triggers or event triggers may lock, such as that of a DDL log;
    /// may be given several times
    #[arg(long, value_name = "NAME", value_parser = parse_object)]
    pub(crate) allow_object: Vec<String>,
    /// The environment that the database was set up as, if it is a copy that was restored here; dev and qa only
    #[arg(long, value_name = "ENV")]
    pub(crate) adopt_environment: Option<Environment>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let at_once = if args.backup.is_some() { BACKUP_AT_ONCE } else { 1 };
    let target = context.target()?.for_sessions(at_once);
    let backup = Context::backup_files(args.backup.as_deref())?;
    let request = ChangeRequest {
        lock_timeout: args.lock_timeout,
        concurrently: args.concurrently,
        allow_objects: &args.allow_object,
        adopts: args.adopt_environment,
        ..context.schema_request(&target, args.to.as_deref())
    };
    let found = plan(&request).await?;
    let applied_before = applied(&found.history);
    if args.to.as_deref().is_some_and(|to| applied_before.keys().any(|it| it.as_str() > to)) {
        if args.plan_hash.is_some() {
            return Err("--plan-hash is the hash of a plan; going down to a revision has none, so leave it out".into());
        }
        let Args { yes, format, .. } = *args;
        let how = RollBack { command: "apply", yes, allow_data_loss: false, show_sql: false, format, backup };
        return roll_back(context, &request, how).await;
    }
    let environment = context.config.environment;
    let hash = found.hash(environment);
    if let Some(reviewed) = args.plan_hash.as_deref().filter(|it| *it != hash) {
        let to = args.to.as_deref().map(|to| format!(" --to {to}")).unwrap_or_default();
        return Err(format!(
            "the plan is not the one that was reviewed: its hash is {hash}, --plan-hash is {reviewed}, so nothing was \
             changed; review `{PLAN}{to}` again"
        )
        .into());
    }
    let (place, server_version) = (target.place(), found.server_version.clone());
    let planned = Planned { environment, place: &place, found: &found, check: false };
    let is_blocked = found.route.plan.blocking().next().is_some();
    let is_done = found.route.is_empty() && !found.makes_mirror && args.adopt_environment.is_none();
    if !found.permissions.are_complete() && !is_blocked {
        return Err(ApplyError::NotPermitted { place: target.place(), permissions: found.permissions }.into());
    }
    let is_wanted = backup.is_some();
    let mut no_backup = (is_wanted && is_done).then_some("nothing is to be changed");
    // A plan that can't be applied is refused without asking.
    if !is_done && !is_blocked {
        let mut page = planned.page(false);
        page.append(planned.summary_page());
        if let Some(given_up) = args.adopt_environment {
            page.row("Environment", format!("recorded as {given_up}; becomes {environment}"));
        }
        context.printer.confirm("apply", args.format, &page, "Apply?", environment, args.yes).await?;
        if is_wanted {
            look_first(&request, &found).await?;
            no_backup = context.back_up(&target, backup).await?;
        }
        progress::phase("applying");
    }
    let done = if is_done && !is_blocked {
        Applied { mirror_created: false, route: found.route, built: 0, unbuilt: Vec::new() }
    } else {
        let applied = apply(&request, Some(&found.route)).await?;
        context.printer.committed("the schema was changed, which is committed");
        applied
    };
    let before = applied_before.keys().next_back().map(String::as_str);
    match args.format {
        Format::Text => {
            let mut page = applied_page(&done, before, no_backup);
            if let Some(given_up) = args.adopt_environment {
                page.row("Adopted", format!("the copy of {given_up} is the database of {environment} from now on"));
            }
            context.printer.page(&page)?;
        }
        Format::Json => {
            let json = ApplyJson { no_backup, ..ApplyJson::new(&done, before, environment, &place, &server_version) };
            context.printer.json(&ChangeJson::Applied(json))?;
        }
    }
    Ok(applied_verdict(&done))
}
