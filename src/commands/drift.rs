//! `drift`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::commands::context::{Context, read};
use crate::commands::ended::Ended;
use crate::commands::integrity;
use crate::config::mask::Secret;
use crate::config::settings::Endpoint;
use crate::report::drift as report;
use crate::report::drift::formats;
use crate::report::drift::json::DriftJson;
use crate::schema::drift::finding::Severity;
use crate::schema::pg::drift::{DriftRequest, Expected, drift, today};
use crate::schema::snapshot::Snapshot;

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DriftFormat {
    /// For a terminal
    Text,
    /// For scripts
    Json,
    /// A table for pull requests
    Markdown,
    /// For CI systems that show test results
    Junit,
    /// For code scanning
    Sarif,
    /// Annotations for GitHub's workflows
    Github,
    /// The remedies, in the order in which they work together
    Sql,
}

/// Compare the live schemas with the expected ones
///
/// Reads only. The expected schemas are those that migrations/ produce, or those that --expected names: a file written
/// by `snapshot`, or another database.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Output format
    #[arg(long, default_value = "text")]
    pub(crate) format: DriftFormat,
    /// Exit with 1 if a finding has this severity or a higher one
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    pub(crate) fail_on: Severity,
    /// What to compare with: a file that `snapshot` wrote, or a database's URL [default: what migrations/ produce]
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) expected: Option<String>,
    /// Compare this schema only; repeatable [default: all expected schemas]
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Vec<String>,
    /// Accepted findings, each with a reason and an expiry date (docs/drift.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) exceptions: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let exceptions = integrity::exceptions(args.exceptions.as_ref()).await?.unwrap_or_default();
    let expected = match args.expected.as_deref() {
        None => Expected::Embedded,
        Some(url) if url.contains("://") => {
            Expected::Database(Box::new(context.another(&Endpoint::Url(Secret(url.to_owned())), &target)?))
        }
        Some(path) => {
            let text = read(Path::new(path)).await?;
            Expected::Snapshot {
                name: path.to_owned(),
                snapshot: tokio::task::spawn_blocking(move || Snapshot::read(&text)),
            }
        }
    };
    let request = DriftRequest {
        target: &target,
        environment: context.config.environment,
        roles: &context.config.roles,
        expected,
        schemas: &args.schema,
        exceptions: &exceptions,
        today: today(),
    };
    let drift = drift(request).await?;
    let printer = &context.printer;
    match args.format {
        DriftFormat::Text => printer.page(&report::page(&drift, args.fail_on))?,
        DriftFormat::Json => printer.json(&DriftJson::new(&drift, args.fail_on))?,
        DriftFormat::Markdown => printer.document(&formats::markdown(&drift, args.fail_on))?,
        DriftFormat::Junit => printer.document(&formats::junit(&drift, args.fail_on)?)?,
        DriftFormat::Sarif => printer.json(&formats::sarif(&drift))?,
        DriftFormat::Github => printer.document(&formats::github(&drift))?,
        DriftFormat::Sql => printer.document(&formats::sql(&drift))?,
    }
    Ok(report::verdict(&drift, args.fail_on))
}
