//! What else goes on at the server.

use crate::base::text::sentence;
use crate::checks::gate::server::{Activity, LONG, LongTransaction, Slot};
use crate::checks::pg::request::LIMITS;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::begin_reading;

const WHAT: &str = "asking what else goes on at the server";

/// What goes on, by a session of its own.
pub(crate) async fn activity(target: &Database) -> Result<Activity, String> {
    let mut session = target.connect(Access::Read, "gate").await.map_err(|error| sentence(&error))?;
    let found = read(&mut session).await.map_err(|error| sentence(&error));
    let _ = session.close().await;
    found
}

async fn read(session: &mut Session) -> Result<Activity, QueryError> {
    begin_reading(session, LIMITS).await?;
    let (role, age, multixact_age) = sqlx::query_as(
        "select current_user::text, age(datfrozenxid)::int8, mxid_age(datminmxid)::int8 \
         from pg_database where datname = current_database()",
    )
    .fetch_one(&mut *session)
    .await
    .attempt(WHAT)?;
    // Whose state is hidden: xact_start is null as it is without a transaction, and so is the state.
    let hidden = sqlx::query_scalar(
        "select distinct coalesce(usename::text, '?') from pg_stat_activity \
         where datname = current_database() and backend_type = 'client backend' and state is null \
           and pid <> pg_backend_pid() and not pg_has_role('pg_read_all_stats', 'usage') \
           and not pg_has_role(usesysid, 'usage') order by 1",
    )
    .fetch_all(&mut *session)
    .await
    .attempt(WHAT)?;
    let long: Vec<(i32, String, String, String, i64)> = sqlx::query_as(
        "select pid, coalesce(usename::text, '?'), coalesce(application_name, ''), coalesce(state, ''), \
                extract(epoch from clock_timestamp() - xact_start)::int8 \
         from pg_stat_activity where datname = current_database() and backend_type = 'client backend' \
           and pid <> pg_backend_pid() and clock_timestamp() - xact_start > make_interval(secs => $1) \
         order by xact_start limit 20",
    )
    .bind(LONG as f64)
    .fetch_all(&mut *session)
    .await
    .attempt(WHAT)?;
    let prepared = sqlx::query_as(
        "select gid::text, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS') from pg_prepared_xacts \
         where database = current_database() order by prepared limit 20",
    )
    .fetch_all(&mut *session)
    .await
    .attempt(WHAT)?;
    let slots: Vec<(String, bool, Option<String>)> =
        sqlx::query_as("select slot_name::text, active, wal_status from pg_replication_slots order by 1")
            .fetch_all(&mut *session)
            .await
            .attempt(WHAT)?;
    run(session, "commit", "ending the transaction").await?;
    let long = long.into_iter().map(|(process, role, application, state, seconds)| LongTransaction {
        process,
        role,
        application,
        state,
        seconds,
    });
    let slots = slots.into_iter().map(|(name, is_active, wal_status)| Slot {
        name,
        is_active,
        wal_status: wal_status.unwrap_or_default(),
    });
    Ok(Activity { role, hidden, long: long.collect(), prepared, slots: slots.collect(), age, multixact_age })
}
