//! Reads the backup in full, and the rows of the database beside it.

use std::path::Path;

use crate::base::text::sentence;
use crate::checks::check::{Check, Status};
use crate::checks::gate::backup::{BackupFacts, NAME, check, missing};
use crate::checks::pg::gate::request::GateRequest;
use crate::ledger::pg::admission::SessionError;
use crate::postgres::database::Access;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_read_only};
use crate::schema::backup::{Rehearsed, TableRows, rehearsed_path};
use crate::schema::pg::archive::open;
use crate::schema::pg::backup::select;
use crate::schema::pg::rows::measure;

/// Whether there is a good backup; none is needed where there is nothing to back up.
pub(crate) async fn backed_up(request: &GateRequest<'_>) -> Result<Check, String> {
    let now = rows(request).await.map_err(|error| sentence(&error))?;
    if now.is_empty() {
        return Ok(Check::new(NAME, Status::Pass, "there is nothing to back up yet"));
    }
    let Some(path) = request.backup else { return Ok(missing()) };
    let archive = match open(path, |_| {}).await {
        Ok(archive) => archive,
        Err(error) => return Ok(Check::new(NAME, Status::Fail, sentence(&error))),
    };
    let facts = BackupFacts {
        manifest: archive.manifest,
        now,
        rehearsed: rehearsed(path).await,
        file: path.display().to_string(),
    };
    Ok(check(&facts, request.environment))
}

async fn rehearsed(path: &Path) -> Option<Rehearsed> {
    let beside = rehearsed_path(path);
    let read = tokio::task::spawn_blocking(move || crate::base::input::read_within(&beside, LIMIT)).await.ok()?.ok()?;
    serde_json::from_slice(&read).ok()
}

/// More than any record has.
const LIMIT: usize = 1 << 20;

/// The rows of the managed tables, in one snapshot.
async fn rows(request: &GateRequest<'_>) -> Result<Vec<TableRows>, SessionError> {
    let mut session = request.target.connect(Access::Read, "gate").await?;
    begin_read_only(&mut session, Limits::default()).await?;
    // The whole gate ends in time.
    run(&mut session, "set local statement_timeout = 0", "setting up the transaction").await?;
    let selection = select(&mut session, Some(request.table)).await?;
    let mut tables = Vec::new();
    for it in &selection.stored {
        tables.push(measure(&mut session, it).await?);
    }
    run(&mut session, "commit", "ending the transaction").await?;
    let _ = session.close().await;
    Ok(tables)
}
