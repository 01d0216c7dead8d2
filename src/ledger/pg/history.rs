//! The history that a database keeps of its revisions.

use std::str::FromStr;

use crate::ledger::history::{Record, RecordKind};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// What this role can see of `padealing.schema_revision`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryAccess {
    pub(crate) exists: bool,
    /// SELECT is granted, and no policy hides rows.
    pub(crate) is_readable: bool,
}

/// Whether the history is there, and whether this role can read all of it.
pub(crate) async fn history_access(connection: &mut Session) -> Result<HistoryAccess, QueryError> {
    let access: Option<bool> = sqlx::query_scalar(
        "select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') \
                and not row_security_active(c.oid) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'padealing' and c.relname = 'schema_revision'",
    )
    .fetch_optional(connection)
    .await
    .attempt("looking for the schema's history")?;
    Ok(HistoryAccess { exists: access.is_some(), is_readable: access == Some(true) })
}

/// The history, oldest line first; none, if there is no table of that name.
pub(crate) async fn read_history(connection: &mut Session) -> Result<Vec<Record>, QueryError> {
    type Row = (String, String, String, String, String, String, String, String, Option<String>);
    const WHAT: &str = "reading pad-migrate's history in padealing.schema_revision";
    if !history_access(connection).await?.exists {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select revision, name, checksum, kind, to_char(applied_at, 'YYYY-MM-DD HH24:MI'), database_role, \
                program_version, environment, substring(sql from '-- allowed with --allow-object: ([^\n]*)') \
         from padealing.schema_revision order by id",
    )
    .fetch_all(connection)
    .await
    .attempt(WHAT)?;
    let record = |(revision, name, checksum, kind, applied_at, role, version, environment, allowed): Row| {
        let kind = RecordKind::from_str(&kind).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Record { revision, name, checksum, kind, applied_at, role, version, environment, allowed })
    };
    rows.into_iter().map(record).collect::<Result<_, sqlx::Error>>().attempt(WHAT)
}
