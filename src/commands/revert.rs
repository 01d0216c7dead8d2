//! `revert`.

use std::time::Duration;

use crate::base::outcome::Verdict;
use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::global::parse_duration;
use crate::ledger::pg::admission::RefusedError;
use crate::report::page::Page;
use crate::report::revert::{done_reversal, planned_reversal};
use crate::schema::pg::request::ChangeRequest;
use crate::schema::pg::revert::{plan_reversal, revert};

/// Roll back the newest schema revision, or all above one; refuses if data would be lost
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The revision to go back to; 0000 rolls back all of them [default: the one before the newest]
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<String>,
    /// Roll back without asking; required when standard input is not a terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Also drop tables and columns that hold data
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
    /// How long a statement waits for a lock, such as 500ms, 5s or 1min
    #[arg(long, value_name = "D", default_value = "5s", value_parser = parse_duration)]
    pub(crate) lock_timeout: Duration,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let request =
        ChangeRequest { lock_timeout: args.lock_timeout, ..context.schema_request(&target, args.to.as_deref()) };
    roll_back(context, &request, args.yes, args.allow_data_loss).await
}

/// Shows what is rolled back and what would be lost with it, and asks, before anything is changed.
pub(crate) async fn roll_back(
    context: &Context,
    request: &ChangeRequest<'_>,
    yes: bool,
    allow_data_loss: bool,
) -> Ended {
    let reversal = plan_reversal(request).await?;
    if !reversal.permissions.are_complete() {
        let (place, permissions) = (request.database.place(), reversal.permissions);
        return Err(RefusedError::NotPermitted { place, what: "revert", permissions }.into());
    }
    if reversal.losses.is_empty() || allow_data_loss {
        let place = request.database.place();
        let mut page = Page::default();
        page.line(0, format!("On {place} (environment {}):", request.environment));
        page.append(planned_reversal(&reversal));
        context.printer.confirm("revert", &page, "Revert?", request.environment, yes).await?;
    }
    let reverted = revert(request, allow_data_loss, Some(&reversal)).await?;
    context.printer.page(&done_reversal(&reverted))?;
    Ok(Verdict::Clean)
}
