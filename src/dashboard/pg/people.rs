//! Who employees are: through oracle_contact, and only when somebody asked.

use sqlx::Row as _;

use crate::dashboard::rows::{People, Person};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "looking up names in bo_airflow.oracle_contact";

/// Names and addresses of employees. Of several contacts, the first with an address.
pub(crate) async fn people(session: &mut Session, mut ids: Vec<i64>) -> Result<People, QueryError> {
    ids.sort_unstable();
    ids.dedup();
    let rows = sqlx::query(
        "select distinct on (employee_id) employee_id::bigint, left(full_name::text, 200), left(email::text, 200) \
         from bo_airflow.oracle_contact where employee_id = any($1) order by employee_id, email is null, id",
    )
    .bind(ids)
    .fetch_all(session)
    .await
    .attempt(WHAT)?;
    let person = |row: &sqlx::postgres::PgRow| {
        Ok((row.try_get(0)?, Person { full_name: row.try_get(1)?, email: row.try_get(2)? }))
    };
    rows.iter().map(person).collect::<Result<_, sqlx::Error>>().attempt(WHAT)
}
