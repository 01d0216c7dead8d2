//! `revert`.

use std::time::Duration;

use crate::base::outcome::Verdict;
use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::global::parse_duration;
use crate::report::plan::descent_text;
use crate::schema::pg::request::Request;
use crate::schema::pg::revert::{descent, revert};

/// Take the newest schema revision back, or all above one; refuses when data would be lost
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The revision to go back to; 0000 takes all of them [default: the one before the newest]
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<String>,
    /// Don't ask; needed when the standard input is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Take back what holds rows or values, too, and lose them
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
    /// How long a statement waits for a lock, such as 500ms, 5s or 1min
    #[arg(long, value_name = "D", default_value = "5s", value_parser = parse_duration)]
    pub(crate) lock_timeout: Duration,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let request = Request { lock_timeout: args.lock_timeout, ..context.schema_request(&target, args.to.as_deref()) };
    go_down(context, &request, args.yes, args.allow_data_loss).await
}

/// Says what goes, and what would be lost with it, before anything does.
pub(crate) async fn go_down(context: &Context, request: &Request<'_>, yes: bool, allow_data_loss: bool) -> Ended {
    let width = context.printer.width();
    let descent = descent(request).await?;
    if descent.losses.is_empty() || allow_data_loss {
        let place = request.database.place();
        let text = descent_text(&descent, "Take back", width);
        let question = format!("On {place} (environment {}):\n{text}Revert?", request.environment);
        context.printer.confirm("revert", &question, yes).await?;
    }
    let reverted = revert(request, allow_data_loss, Some(&descent)).await?;
    context.printer.plain(&descent_text(&reverted, "Taken back", width))?;
    Ok(Verdict::Clean)
}
