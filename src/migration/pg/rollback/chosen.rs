//! Which migrated rows are rolled back: by lineage, and by what is recorded of runs.

use sqlx::AssertSqlSafe;

use crate::base::hint::ROLLBACK;
use crate::base::quote::quote_literal;
use crate::base::text::plural;
use crate::migration::pg::rollback::error::RollbackError;
use crate::migration::rollback::{Selection, Survey};
use crate::migration::target::{Role, SOURCE_TABLE};
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::fetch_value;

const WHAT: &str = "reading the lineage";

/// Named rows without lineage that a report shows.
const SHOWN: usize = 10;

/// A selection in SQL, over lineage rows `m` that are grouped by their legacy row.
pub(crate) struct Chosen {
    /// Of each lineage row.
    condition: String,
    /// Of each legacy row.
    having: String,
    named: Option<Vec<i64>>,
    /// Whether every row with lineage is chosen.
    pub(crate) is_all: bool,
    is_of_run: bool,
}

/// Whether `migrated_at` of a lineage row `m` is within a run that is on record.
const IS_RECORDED: &str = "exists (select from padealing.migration_run r where r.command = 'migrate' \
    and m.migrated_at between r.started_at and coalesce(r.finished_at, 'infinity'))";

impl Chosen {
    /// Finds what a selection means here.
    pub(crate) async fn of(
        session: &mut Session,
        database: &Database,
        selection: &Selection,
    ) -> Result<Self, RollbackError> {
        let mut chosen = Self {
            condition: format!("m.source_table = {}", quote_literal(SOURCE_TABLE)),
            having: "true".to_owned(),
            named: None,
            is_all: *selection == Selection::All,
            is_of_run: matches!(selection, Selection::Run(_)),
        };
        match selection {
            Selection::All => {}
            Selection::Sources(ids) => {
                let ids: Vec<i64> = ids.iter().copied().collect();
                let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
                chosen.condition += &format!(" and m.source_id = any('{{{}}}'::int8[])", texts.join(","));
                chosen.named = Some(ids);
            }
            Selection::Run(id) => {
                let (from, until) = interval(session, database, id).await?;
                let (from, until) = (quote_literal(&from), quote_literal(&until));
                chosen.having = format!(
                    "bool_or(m.target_table = 'pad_request' and m.migrated_at between {from}::timestamp and \
                     {until}::timestamp)"
                );
            }
        }
        Ok(chosen)
    }

    /// The next legacy rows in the order of their ids.
    pub(crate) async fn page(
        &self,
        session: &mut Session,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<i64>, QueryError> {
        let Self { condition, having, .. } = self;
        let after = after.map(|after| format!(" and m.source_id > {after}")).unwrap_or_default();
        let sql = format!(
            "select m.source_id from padealing.migration_mapping m where {condition}{after} \
             group by m.source_id having {having} order by m.source_id limit {limit}"
        );
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(session).await.attempt(WHAT)
    }

    /// Which of these legacy rows are chosen, in the order of their ids.
    pub(crate) async fn among(&self, session: &mut Session, ids: Vec<i64>) -> Result<Vec<i64>, QueryError> {
        let Self { condition, having, .. } = self;
        let sql = format!(
            "select m.source_id from padealing.migration_mapping m where {condition} and m.source_id = any($1) \
             group by m.source_id having {having} order by m.source_id"
        );
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(ids).fetch_all(session).await.attempt(WHAT)
    }

    /// How many rows there are, by what lineage says.
    pub(crate) async fn survey(&self, session: &mut Session, server_version: String) -> Result<Survey, QueryError> {
        let Self { condition, having, named, is_all, is_of_run } = self;
        let mut survey = Survey { server_version, ..Survey::default() };
        let chosen = match is_all {
            // One scan, whose result is every row but those that have lineage without a request's.
            true => String::new(),
            false => format!(
                " and m.source_id in (select m.source_id from padealing.migration_mapping m where {condition} \
                 group by m.source_id having {having})"
            ),
        };
        let sql = format!(
            "select m.target_table::text, count(*) from padealing.migration_mapping m where {condition}{chosen} group by 1"
        );
        let rows: Vec<(String, i64)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *session).await.attempt(WHAT)?;
        for (target, count) in rows {
            let count = count.unsigned_abs();
            survey.counts.migration_mapping += count;
            if let Some(role) = Role::from_word(&target) {
                survey.counts.count(role.table(), count);
            }
        }
        survey.counts.selected = survey.counts.pad_request;
        if survey.counts.selected == 0 && survey.counts.migration_mapping > 0 {
            let sql = format!(
                "select count(distinct m.source_id) from padealing.migration_mapping m where {condition}{chosen}"
            );
            survey.counts.selected = fetch_value::<i64>(session, &sql, WHAT).await?.unsigned_abs();
        }
        if let Some(named) = named {
            let sql = format!(
                "select n.id, count(*) over () from unnest($1::int8[]) n (id) where not exists \
                     (select from padealing.migration_mapping m where {condition} and m.source_id = n.id) \
                 order by 1 limit {SHOWN}"
            );
            let lacking: Vec<(i64, i64)> =
                sqlx::query_as(AssertSqlSafe(sql)).bind(named).fetch_all(&mut *session).await.attempt(WHAT)?;
            survey.counts.not_migrated = lacking.first().map_or(0, |(_, count)| count.unsigned_abs());
            survey.not_migrated = lacking.into_iter().map(|(id, _)| id).collect();
        }
        if *is_of_run {
            survey.notes.extend(unrecorded(session).await?);
        }
        Ok(survey)
    }
}

/// What no run takes, in words: rows whose lineage another tool wrote, or has a time that was changed.
async fn unrecorded(session: &mut Session) -> Result<Option<String>, QueryError> {
    let (count, first): (i64, Option<i64>) = sqlx::query_as(AssertSqlSafe(format!(
        "select count(*), min(u.source_id) from ( \
             select m.source_id from padealing.migration_mapping m where m.source_table = $1 group by m.source_id \
             having not coalesce(bool_or(m.target_table = 'pad_request' and {IS_RECORDED}), false)) u"
    )))
    .bind(SOURCE_TABLE)
    .fetch_one(session)
    .await
    .attempt(WHAT)?;
    let rows = plural(count.unsigned_abs(), "row with lineage belongs", "rows with lineage belong");
    Ok(first.map(|first| {
        format!(
            "{rows} to no run that is on record, by migrated_at of the lineage, so that --run takes none of them; \
             `{ROLLBACK} --source-id {first}` takes the first, `{ROLLBACK}` without --run every migrated row"
        )
    }))
}

/// When a run was at work, by the server's clock. Each page of a run is one transaction, and `migrated_at` is when that
/// began; runs hold a lock, so that no other has begun a transaction meanwhile. Every version has recorded both times.
async fn interval(session: &mut Session, database: &Database, id: &str) -> Result<(String, String), RollbackError> {
    let found: Option<(String, String, String, Option<String>)> = sqlx::query_as(
        "select r.command::text, r.started_at::text, coalesce(r.finished_at, 'infinity')::text, \
                (select min(o.id::text) from padealing.migration_run o \
                 where o.command = 'migrate' and o.id <> r.id and o.started_at <= coalesce(r.finished_at, 'infinity') \
                   and coalesce(o.finished_at, 'infinity') >= r.started_at) \
         from padealing.migration_run r where r.id = $1::uuid",
    )
    .bind(id)
    .fetch_optional(session)
    .await
    .attempt("reading the runs of migrate")?;
    let (place, id) = (database.place(), id.to_owned());
    match found {
        None => Err(RollbackError::NoRun { place, id }),
        Some((command, ..)) if command != "migrate" => Err(RollbackError::OtherRun { place, id, command }),
        Some((_, _, _, Some(other))) => Err(RollbackError::Overlapping { place, id, other }),
        Some((_, from, until, None)) => Ok((from, until)),
    }
}
