//! `apply`.

use std::path::PathBuf;
use std::time::Duration;

use crate::commands::context::{Context, beside_result};
use crate::commands::ended::Ended;
use crate::commands::global::parse_duration;
use crate::commands::revert::roll_back;
use crate::config::environment::Environment;
use crate::ledger::history::applied;
use crate::report::apply::{applied_page, applied_verdict};
use crate::report::plan::Planned;
use crate::schema::pg::apply::apply;
use crate::schema::pg::plan::plan;
use crate::schema::pg::request::ChangeRequest;
use crate::schema::plan::outcome::Applied;

/// Bring the schema padealing to a revision: run the plan, read the schema back, commit only if it is as expected
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Apply without asking; required when standard input is not a terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Back the schema up to a file first, as pg_dump -Fc does
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,
    /// How long a statement waits for a lock, such as 500ms, 5s or 1min
    #[arg(long, value_name = "D", default_value = "5s", value_parser = parse_duration)]
    pub(crate) lock_timeout: Duration,
    /// The revision to go to, up or down [default: the newest]
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<String>,
    /// Build indexes on existing tables after the transaction, one by one, without blocking writes
    #[arg(long)]
    pub(crate) concurrently: bool,
    /// The environment that the database was set up as, if it is a copy that was restored here; dev and qa only
    #[arg(long, value_name = "ENV")]
    pub(crate) adopt_environment: Option<Environment>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let backup = beside_result("--backup", args.backup.as_deref())?;
    let request = ChangeRequest {
        lock_timeout: args.lock_timeout,
        concurrently: args.concurrently,
        adopts: args.adopt_environment,
        ..context.schema_request(&target, args.to.as_deref())
    };
    let found = plan(&request).await?;
    let applied_before = applied(&found.history);
    if args.to.as_deref().is_some_and(|to| applied_before.keys().any(|it| it.as_str() > to)) {
        context.back_up(&target, &found, backup).await?;
        return roll_back(context, &request, args.yes, false).await;
    }
    let environment = context.config.environment;
    let planned = Planned { environment, place: &target.place(), found: &found, check: false };
    let is_blocked = found.route.plan.blocking().next().is_some();
    let is_done = found.route.is_empty() && !found.makes_mirror && args.adopt_environment.is_none();
    // A plan that can't be applied is refused without asking.
    if !is_done && !is_blocked {
        let mut page = planned.page(false);
        page.append(planned.summary_page());
        if let Some(given_up) = args.adopt_environment {
            page.row("Environment", format!("recorded as {given_up}; becomes {environment}"));
        }
        context.printer.confirm("apply", &page, "Apply?", environment, args.yes).await?;
        context.back_up(&target, &found, backup).await?;
    }
    let done = if is_done && !is_blocked {
        Applied { mirror_created: false, route: found.route, built: 0, unbuilt: Vec::new() }
    } else {
        apply(&request, Some(&found.route)).await?
    };
    let mut page = applied_page(&done, applied_before.keys().next_back().map(String::as_str));
    if let Some(given_up) = args.adopt_environment {
        page.row("Adopted", format!("the copy of {given_up} is the database of {environment} from now on"));
    }
    context.printer.page(&page)?;
    Ok(applied_verdict(&done))
}
