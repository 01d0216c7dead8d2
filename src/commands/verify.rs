//! `verify`.

use crate::base::outcome::Verdict;
use crate::commands::context::{AtOnce, Context};
use crate::commands::ended::Ended;
use crate::commands::global::Format;
use crate::commands::screen::Screen;
use crate::migration::pg::verify::{VerifyRequest, verify};
use crate::migration::run::Observer;
use crate::report::verify::{VerifyJson, verify_page};

/// Check every migrated row against its legacy row, and every lineage row against its target row
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let (target, rows) = context.target_and_rows(AtOnce::fixed(1, 1)).await?;
    let environment = context.config.environment;
    let request = VerifyRequest { target: &target, source: rows.source(&context.config.legacy_table), environment };
    let mut screen = Screen::new(&context.printer, None)?;
    screen.begin("connecting");
    let result = verify(&request, |progress| screen.progress(progress)).await;
    let report = result?;
    let databases = context.between(&target, &rows);
    match args.format {
        Format::Text => context.printer.page(&verify_page(&report, &databases))?,
        Format::Json => context.printer.json(&VerifyJson::new(&report, databases))?,
    }
    Ok(Verdict::clean_if(report.counts.is_clean()))
}
