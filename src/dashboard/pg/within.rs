//! A query that may take only so long, after which the transaction goes on.

use std::time::Duration;

use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate::QUERY_CANCELED;
use crate::postgres::statement::run;

/// The rows; none if it takes longer than the limit, or, without one, than a page's statement may.
pub(crate) async fn within(
    session: &mut Session,
    limit: Option<Duration>,
    query: Query<'static, Postgres, PgArguments>,
    what: &str,
) -> Result<Option<Vec<PgRow>>, QueryError> {
    let limit = limit.map(|it| format!("; set local statement_timeout = {}", it.as_millis())).unwrap_or_default();
    run(session, &format!("savepoint within{limit}"), what).await?;
    let found = match query.fetch_all(&mut *session).await.attempt(what) {
        Ok(rows) => Some(rows),
        Err(error) if error.sqlstate().as_deref() == Some(QUERY_CANCELED) => None,
        Err(error) => return Err(error),
    };
    run(session, "rollback to savepoint within; release savepoint within", what).await?;
    Ok(found)
}
