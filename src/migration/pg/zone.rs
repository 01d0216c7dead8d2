//! The time zone in which a source's moments are read.
//!
//! A `timestamptz` is a moment, and the target stores what a clock showed. Which clock isn't known from the data: it is
//! named once, recorded with the run, and the same from then on.

use sqlx::AssertSqlSafe;

use crate::base::text::list;
use crate::migration::pg::evidence::records::counted;
use crate::migration::pg::source::{Source, SourceError};
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "looking for the time zone of the source";

impl Source {
    /// Settles the time zone, if a column needs one: the one that is asked for, or the one of earlier runs.
    pub(crate) async fn in_zone(
        mut self,
        database: &Database,
        connection: &mut Session,
        target: &mut Session,
    ) -> Result<Self, SourceError> {
        if let Some(zone) = &database.timezone
            && !is_known(connection, zone).await?
        {
            return Err(SourceError::UnknownTimeZone { zone: zone.clone(), place: database.place() });
        }
        if self.moment_names().is_empty() {
            return Ok(self);
        }
        let zone = match (database.timezone.clone(), recorded(target).await?) {
            (Some(zone), Some(recorded)) if zone != recorded => {
                return Err(SourceError::OtherTimeZone { zone, recorded });
            }
            (zone, recorded) => zone.or(recorded),
        };
        if zone.is_none() {
            let (table, columns) = (self.table.clone(), list(self.moment_names()));
            return Err(SourceError::NoTimeZone { table, columns, example: example(connection).await? });
        }
        self.zone = zone;
        Ok(self)
    }
}

async fn is_known(connection: &mut Session, zone: &str) -> Result<bool, QueryError> {
    sqlx::query_scalar("select exists (select from pg_timezone_names where name = $1)")
        .bind(zone)
        .fetch_one(connection)
        .await
        .attempt(WHAT)
}

/// The zone of the runs that have migrated rows.
async fn recorded(target: &mut Session) -> Result<Option<String>, QueryError> {
    let sql = format!(
        "select options ->> 'source_timezone' from padealing.migration_run \
         where command = 'migrate' and options ->> 'source_timezone' is not null \
           and coalesce({}, 1) > 0 order by started_at desc limit 1",
        counted("migrated")
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(target).await.attempt(WHAT)
}

/// What the database, or a role in it, is set to.
pub(crate) async fn example(connection: &mut Session) -> Result<String, QueryError> {
    let set: Option<String> = sqlx::query_scalar(
        "select split_part(setting, '=', 2) from pg_db_role_setting s, unnest(s.setconfig) setting \
         where s.setdatabase in (0, (select oid from pg_database where datname = current_database())) \
           and lower(split_part(setting, '=', 1)) = 'timezone' order by s.setdatabase desc, s.setrole limit 1",
    )
    .fetch_optional(connection)
    .await
    .attempt(WHAT)?;
    let other = "Europe/London (`show timezone` in a session of the application shows it)".to_owned();
    Ok(set.map_or(other, |zone| format!("{zone} (a setting of the database or of a role)")))
}
