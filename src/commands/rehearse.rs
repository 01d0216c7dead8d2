//! `rehearse`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::commands::context::{Context, beside_result, save};
use crate::commands::ended::{Ended, Failure};
use crate::commands::generated::Generated;
use crate::commands::global::{Format, Global};
use crate::commands::printer::{FILE_WIDTH, json_text, print_message};
use crate::commands::report;
use crate::commands::screen::{Screen, named, parse_rejects};
use crate::harness::rehearse::{self, RehearseError};
use crate::harness::server::error::Provider;
use crate::harness::server::request::ServerRequest;
use crate::report::document::rehearsal::document;
use crate::report::rehearsal::RehearseJson;

/// Rehearse the whole cutover on an ephemeral Postgres: schemas, rows, migration, verification
///
/// The legacy rows are the fixtures. With --source-url, they are those of that database's legacy table, which is only
/// read, and with --real-rows those of the table that migrate reads. With --source-csv, they are those of a file. With
/// --rows, they are generated.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Generated legacy rows
    #[command(flatten)]
    pub(crate) generated: Generated,
    /// The rows that migrate reads: those of the source, or else of the target. The gate asks for such a rehearsal
    #[arg(long, conflicts_with = "rows")]
    pub(crate) real_rows: bool,
    /// What provides the ephemeral server
    #[arg(long, env = "PAD_PROVIDER", hide_env_values = true, default_value = "auto")]
    pub(crate) provider: Provider,
    /// Leave the server running, and print how to connect and how to stop it
    #[arg(long)]
    pub(crate) keep: bool,
    /// Write every rejection to a file, .jsonl or .csv
    #[arg(long, value_name = "FILE", value_parser = parse_rejects)]
    pub(crate) rejects: Option<PathBuf>,
    /// Write the summary to a file too: as a document if its name ends in .html or .md, else as it is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Text for people, or JSON for scripts
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) async fn run(args: &Args, global: &Global, context: &Context) -> Ended {
    let generator = args.generated.generator();
    if generator.is_some() && global.source_url.is_some() {
        return Err(
            "--rows and --source-url can't be used together: --rows generates legacy rows, --source-url reads \
            real ones"
                .into(),
        );
    }
    if generator.is_some() && global.csv.source_csv.is_some() {
        return Err("--rows and --source-csv can't be used together: --rows generates legacy rows, --source-csv reads real ones"
            .into());
    }
    let csv = context.csv.prove().await?;
    let rows = match (generator, &csv) {
        (Some(generator), _) => rehearse::Rows::Generated(generator),
        (None, Some(csv)) => rehearse::Rows::Csv(Arc::clone(csv)),
        (None, None) if args.real_rows => {
            // Without a database it says that one is missing.
            context.databases()?;
            rehearse::Rows::Real
        }
        (None, None) => rehearse::Rows::Configured,
    };
    let mut screen = Screen::new(&context.printer, args.rejects.as_deref())?;
    let file = beside_result("--report", args.report.as_deref())?;
    let wanted = ServerRequest::new(args.provider, (!global.quiet).then_some(print_message as fn(&str)));
    let result = rehearse::rehearse(&context.config, rows, wanted, &mut screen).await;
    let (rehearsal, server) = result.map_err(|error| match error {
        RehearseError::Server(error) => Failure::from(error),
        error => error.into(),
    })?;
    screen.keep_rejects().await?;
    let page = rehearsal.page(named(&args.rejects).as_deref());
    let json = (args.format == Format::Json).then(|| json_text(&RehearseJson::new(&rehearsal))).transpose()?;
    if let Some(file) = file {
        let accounting = rehearsal.verified.accounting.as_ref();
        let making = report::making(false);
        let document =
            report::for_file(args.report.as_deref(), || document(&RehearseJson::new(&rehearsal), accounting, &making))?;
        let text = document.or(json.clone()).unwrap_or_else(|| page.render(FILE_WIDTH, false));
        save(file, text).await?;
    }
    match json {
        Some(json) => context.printer.document(&json)?,
        None => context.printer.page(&page)?,
    }
    if args.keep {
        let database = server.database_name(rehearse::DATABASE);
        let kept = server.keep(&database);
        if cfg!(feature = "serve") {
            print_message(&format!("see the kept database in a browser with: {}", kept.serve));
        }
        print_message(&format!("server kept running; connect with {}; stop it with: {}", kept.connect, kept.stop));
    }
    Ok(rehearsal.verdict())
}
