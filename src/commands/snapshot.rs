//! `snapshot`.

use std::path::PathBuf;

use crate::base::escape;
use crate::base::file::PendingFile;
use crate::base::outcome::Verdict;
use crate::commands::context::{Context, save};
use crate::commands::ended::Ended;
use crate::schema::names::schemas_or_both;
use crate::schema::pg::introspect::introspect;
use crate::schema::snapshot::Snapshot;

/// Write the live catalog as JSON, for a later `drift --expected`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Include this schema only; repeatable [default: padealing and bo_airflow]
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Vec<String>,
    /// Write to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    let target = context.target()?;
    let out = args.out.as_deref().map(PendingFile::create).transpose()?;
    let environment = context.config.environment;
    let schemas = schemas_or_both(&args.schema);
    let found = introspect(&target, Some(environment), &schemas, "snapshot").await?;
    if let Some(missing) = schemas.iter().find(|it| !found.catalog.schemas.contains(it)) {
        return Err(format!(
            "the database at {} has no schema {missing}; name existing schemas with --schema",
            target.place()
        )
        .into());
    }
    let snapshot = Snapshot {
        environment: environment.to_string(),
        server_version: found.server_version,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalog: found.catalog,
    };
    let text = escape::json(&snapshot.write());
    match out {
        Some(file) => save(file, text).await?,
        None => context.printer.document(&text)?,
    }
    Ok(Verdict::Clean)
}
