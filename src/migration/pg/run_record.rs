//! The record of a run in `padealing.migration_run`.

use std::error::Error;

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use crate::base::outcome::Verdict;
use crate::base::text::sentence;
use crate::config::environment::Environment;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, Cause, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;

const START: &str = "recording the run";
const END: &str = "recording the end of the run";

/// Why a run failed, as it is recorded for everybody who may read the runs: without a function's own words, which may
/// quote a row.
pub(crate) fn recorded(error: &(dyn Error + 'static)) -> String {
    let mut causes = std::iter::successors(Some(error), |it: &&(dyn Error + 'static)| (*it).source());
    match causes.find_map(|it| it.downcast_ref::<Cause>().filter(|it| it.is_raised())) {
        None => sentence(error),
        Some(cause) => format!(
            "{error}: a function raised an error of its own, with the words that the run reported \
                                (SQLSTATE {})",
            cause.sqlstate().unwrap_or_default()
        ),
    }
}

/// What is recorded of a run.
pub(crate) struct RunRecord {
    pub(crate) id: String,
    /// `migrate` or `rollback`.
    pub(crate) command: &'static str,
    pub(crate) environment: Environment,
    pub(crate) options: Value,
}

impl RunRecord {
    /// A record under a new id. Nothing is stored yet.
    pub(crate) async fn new(
        connection: &mut Session,
        command: &'static str,
        environment: Environment,
        options: Value,
    ) -> Result<Self, QueryError> {
        let id = sqlx::query_scalar("select gen_random_uuid()::text").fetch_one(connection).await.attempt(START)?;
        Ok(Self { id, command, environment, options })
    }

    /// Stores the record. The session holds the lock of a migration: a run that has no end by now died with its machine.
    pub(crate) async fn start(&self, connection: &mut Session) -> Result<(), QueryError> {
        const LOST: &str = "update padealing.migration_run set finished_at = clock_timestamp(), outcome = 'lost' \
                            where command in ('migrate', 'rollback') and finished_at is null";
        run(connection, LOST, START).await?;
        const NEW: &str = "insert into padealing.migration_run (id, command, environment, program_version, options) \
                           values ($1::uuid, $2, $3, $4, $5::jsonb)";
        self.bind(NEW, &self.options).execute(connection).await.map(|_| ()).attempt(START)
    }

    /// Records a run that is one transaction, in that transaction.
    pub(crate) async fn whole(
        &self,
        connection: &mut Session,
        counts: &impl Serialize,
        verdict: Verdict,
    ) -> Result<(), QueryError> {
        const WHOLE: &str = "insert into padealing.migration_run \
                 (id, command, environment, program_version, options, finished_at, counts, outcome) \
             values ($1::uuid, $2, $3, $4, $5::jsonb, clock_timestamp(), $6::jsonb, $7)";
        let counts = json!(counts).to_string();
        let query = self.bind(WHOLE, &self.options).bind(counts).bind(verdict.as_str());
        query.execute(connection).await.map(|_| ()).attempt(END)
    }

    /// Records that the run came to its end.
    pub(crate) async fn finish(
        &self,
        connection: &mut Session,
        counts: &impl Serialize,
        verdict: Verdict,
    ) -> Result<(), QueryError> {
        // This commit waits for the disk, and vouches for those of the pages.
        sqlx::query(
            "update padealing.migration_run set finished_at = clock_timestamp(), counts = $2::jsonb, outcome = $3 \
             where id = $1::uuid",
        )
        .bind(&self.id)
        .bind(json!(counts).to_string())
        .bind(verdict.as_str())
        .execute(connection)
        .await
        .map(|_| ())
        .attempt(END)
    }

    /// Records that the run ended early, if the database can still be reached; the run's own error matters more. The
    /// server may still have to execute what was sent to record the start, which then finds the run recorded and fails.
    /// The reason is kept beside the options, since the table has no other place for it.
    pub(crate) async fn abandon(&self, target: &Database, outcome: &str, reason: Option<&str>) {
        const ENDED: &str = "insert into padealing.migration_run \
                 (id, command, environment, program_version, options, finished_at, outcome) \
             values ($1::uuid, $2, $3, $4, $5::jsonb, clock_timestamp(), $6) \
             on conflict (id) do update set finished_at = excluded.finished_at, outcome = excluded.outcome, \
                 options = excluded.options \
             where migration_run.finished_at is null";
        let Ok(mut connection) = target.connect(Access::Write, self.command).await else {
            return;
        };
        let mut options = self.options.clone();
        if let (Some(options), Some(reason)) = (options.as_object_mut(), reason) {
            options.insert("reason".to_owned(), reason.into());
        }
        let _ = self.bind(ENDED, &options).bind(outcome).execute(&mut connection).await;
        let _ = connection.close().await;
    }

    /// Binds the parameters that both inserts begin with.
    fn bind<'q>(&'q self, sql: &'static str, options: &Value) -> Query<'q, Postgres, PgArguments> {
        let (environment, version) = (self.environment.as_str(), env!("CARGO_PKG_VERSION"));
        sqlx::query(sql).bind(&self.id).bind(self.command).bind(environment).bind(version).bind(options.to_string())
    }
}
