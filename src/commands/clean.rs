//! `clean`.

use std::collections::BTreeSet;

use crate::base::text::plural;
use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::global::Format;
use crate::commands::progress;
use crate::migration::pg::clean::{CleanRequest, check_writable, clean};
use crate::report::clean::{CleanJson, clean_page, planned_clean};

/// Remove test data: the application's rows of given employees; never in prod
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The employees, by their ids in oracle_employee
    #[arg(long, value_name = "ID", required = true, num_args = 1.., allow_negative_numbers = true)]
    pub(crate) employee: Vec<i64>,
    /// Delete nothing; count what would be removed, and name what would stay
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove without asking; required when standard input is not a terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Text for people, or JSON for scripts, which is not asked for confirmation and needs --yes
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    // The second sees what others commit.
    let target = context.target()?.for_sessions(2);
    let employees: BTreeSet<i64> = args.employee.iter().copied().collect();
    let environment = context.config.environment;
    let request = CleanRequest { target: &target, environment, employees: &employees, dry_run: true };
    let place = target.place();
    if !args.dry_run {
        check_writable(&request).await?;
    }
    // What is shown before the question is what a dry run finds.
    let mut report = clean(&request).await?;
    if !args.dry_run && report.deleted() > 0 {
        let page = planned_clean(&report, environment, &place);
        context.printer.confirm("clean", args.format, &page, "Remove?", environment, args.yes).await?;
        progress::phase("removing");
        report = clean(&CleanRequest { dry_run: false, ..request }).await?;
        let rows = plural(report.deleted(), "row was", "rows were");
        context.printer.committed(&format!("{rows} removed"));
    }
    match args.format {
        Format::Text => context.printer.page(&clean_page(&report, environment, &place, args.dry_run))?,
        Format::Json => context.printer.json(&CleanJson::new(&report, environment, &place, args.dry_run))?,
    }
    Ok(report.verdict())
}
