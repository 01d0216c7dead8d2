//! `seed`.

use crate::base::outcome::Verdict;
use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::generated::Generated;
use crate::commands::screen::Screen;
use crate::harness::pg::seed::{SeedRows, seed};
use crate::migration::run::{Observer, Progress};
use crate::report::page::Page;

/// Fill a local database with test data: reference mirror, legacy table, rows
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Create the tables, and leave them empty
    #[arg(long, conflicts_with = "rows")]
    pub(crate) empty: bool,
    /// Generated legacy rows
    #[command(flatten)]
    pub(crate) generated: Generated,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let rows = match (args.empty, args.generated.generator()) {
        (true, _) => SeedRows::None,
        (false, None) => SeedRows::Fixtures,
        (false, Some(generator)) => SeedRows::Generated(generator),
    };
    let (_, source) = context.databases()?;
    let config = &context.config;
    let mut screen = Screen::new(&context.printer, None)?;
    let total = if let SeedRows::Generated(generator) = rows { generator.rows } else { 0 };
    let progress = |done| screen.progress(Progress { done, total, rejected: 0 });
    let result = seed(&source, config.environment, &config.roles, &config.legacy_table, rows, progress).await;
    let seeded = result?;
    context.printer.done("the database is seeded".to_owned());
    let mut page = Page::default();
    seeded.done.iter().for_each(|name| page.row("Seeded", name));
    seeded.unchanged.iter().for_each(|name| page.row("Unchanged", name));
    context.printer.page(&page)?;
    Ok(Verdict::Clean)
}
