//! Whether a database can be shown.

use crate::config::environment::Environment;
use crate::ledger::pg::admission::{SessionError, check_applied, check_permitted};
use crate::ledger::pg::permission::current_role;
use crate::migration::needs;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::fetch_value;

/// A session with a database that is the run's, at the current revision, and that the role may read.
pub(crate) async fn admit(target: &Database, environment: Environment) -> Result<Session, SessionError> {
    let mut session = target.connect(Access::Read, "serve").await?;
    let role = current_role(&mut session).await?;
    check_permitted(&mut session, target, &needs::serve(&role), "show the rows").await?;
    check_applied(&mut session, target, environment).await?;
    Ok(session)
}

/// Whether the role may change rows of either schema.
pub(crate) async fn may_write(session: &mut Session) -> Result<bool, QueryError> {
    let sql = "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname in ('padealing', 'bo_airflow') and c.relkind in ('r', 'p') \
                 and has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))";
    fetch_value(session, sql, "asking what the role may change").await
}
