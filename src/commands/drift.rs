//! `drift`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::commands::context::{Context, read};
use crate::commands::ended::Ended;
use crate::config::mask::Secret;
use crate::config::settings::Endpoint;
use crate::report::drift as report;
use crate::report::drift::formats;
use crate::schema::drift::exceptions::Exceptions;
use crate::schema::drift::finding::Severity;
use crate::schema::pg::drift::{Expected, Request, drift, today};
use crate::schema::snapshot::Snapshot;

/// Text for people, or something for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DriftFormat {
    /// For people.
    Text,
    /// For scripts.
    Json,
    /// For pull requests.
    Markdown,
    /// For CI systems that show tests.
    Junit,
    /// For code scanning.
    Sarif,
    /// For GitHub's annotations.
    Github,
}

/// Compare the live schemas with what they should be
///
/// Reads only. Expected is what migrations/ produce, or what --expected names: a file of `snapshot`, or another
/// database.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How to print the findings
    #[arg(long, default_value = "text")]
    pub(crate) format: DriftFormat,
    /// Exit with 1 from this severity on
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    pub(crate) fail_on: Severity,
    /// What is expected: a file that `snapshot` wrote, or a database's URL [default: what migrations/ produce]
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) expected: Option<String>,
    /// A schema, and no others; repeatable [default: all that something is expected of]
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Vec<String>,
    /// Findings that are agreed upon, each with a reason and a day (docs/drift.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) exceptions: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let exceptions = match &args.exceptions {
        None => Exceptions::default(),
        Some(path) => Exceptions::read(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
    };
    let expected = match args.expected.as_deref() {
        None => Expected::Embedded,
        Some(url) if url.contains("://") => {
            Expected::Database(Box::new(context.database(&Endpoint::Url(Secret(url.to_owned())))?))
        }
        Some(path) => {
            let text = read(Path::new(path))?;
            Expected::Snapshot {
                name: path.to_owned(),
                snapshot: tokio::task::spawn_blocking(move || Snapshot::read(&text)),
            }
        }
    };
    let request = Request {
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
        DriftFormat::Text => printer.text(&report::text(&drift, args.fail_on, printer.width()))?,
        DriftFormat::Json => printer.json(&report::json(&drift, args.fail_on))?,
        DriftFormat::Markdown => printer.plain(&formats::markdown(&drift, args.fail_on))?,
        DriftFormat::Junit => printer.plain(&formats::junit(&drift, args.fail_on)?)?,
        DriftFormat::Sarif => printer.json(&formats::sarif(&drift))?,
        DriftFormat::Github => printer.plain(&formats::github(&drift))?,
    }
    Ok(report::verdict(&drift, args.fail_on))
}
