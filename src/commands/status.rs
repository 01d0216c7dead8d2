//! `status`.

use crate::base::hint::VERIFY;
use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::global::Format;
use crate::migration::pg::standing::standing;
use crate::report::status::{StatusJson, status_page, status_verdict};
use crate::schema::pg::status::status;

/// Show where schema and data stand: revisions, history, what is pending or skipped here; runs, rows migrated and left
///
/// Reads only. Exits with 1 if a revision is pending. What the connected role may not read is named.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let source = match (&context.csv.source_csv, &context.config.source) {
        (Some(file), _) => Some(Err(format!(
            "they come from {}, which status doesn't read; `{VERIFY}` compares row by row",
            file.display()
        ))),
        (None, Some(source)) => Some(Ok(context.another(source, &target)?)),
        (None, None) => None,
    };
    let status = status(&context.schema_request(&target, None)).await?;
    let data = standing(&target, source, &context.config.legacy_table).await?;
    match args.format {
        Format::Text => context.printer.page(&status_page(&status, &data))?,
        Format::Json => context.printer.json(&StatusJson::new(&status, &data))?,
    }
    Ok(status_verdict(&status))
}
