//! `status`.

use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::global::Format;
use crate::report::status::{StatusJson, status_page, status_verdict};
use crate::schema::pg::status::status;

/// Show where the schema stands: history, current revision, what is pending, what is skipped here and why
///
/// Reads only. Exits with 1 if something is pending.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let status = status(&context.schema_request(&target, None)).await?;
    match args.format {
        Format::Text => context.printer.page(&status_page(&status))?,
        Format::Json => context.printer.json(&StatusJson::new(&status))?,
    }
    Ok(status_verdict(&status))
}
