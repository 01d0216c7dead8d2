//! What of the target depends on migrated rows, and isn't the migration's: rows that refer to them, columns that it
//! doesn't write.
//!
//! What has a foreign key is asked for with each page, and the key itself sees what comes later. What names rows without
//! one is asked for with each page, too, and once more by another session before the COMMIT.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;

use sqlx::AssertSqlSafe;

use crate::base::quote::{quote_identifier, quote_literal};
use crate::ledger::permission::Need;
use crate::migration::effects::Firing;
use crate::migration::pg::foreign_keys::{ForeignKey, foreign_keys};
use crate::migration::pg::names::{Marks, NAMED_TABLE, Named};
use crate::migration::pg::rollback::error::RollbackError;
use crate::migration::pg::side_effects::{Checked, check_side_effects, is_plain};
use crate::migration::pg::stored_page::Rows;
use crate::migration::rollback::{DELETED, Referring};
use crate::migration::stored::{APPROVAL, AUDIT, EXECUTION, REQUEST, Stored, StoredLineage};
use crate::migration::target::{Role, SOURCE_TABLE};
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// A column that the migration doesn't write.
struct OtherColumn {
    table: String,
    column: String,
    /// Whether a row gets a value in it by itself.
    has_default: bool,
}

/// What is found out once.
#[derive(Default)]
pub(crate) struct Surroundings {
    keys: Vec<ForeignKey>,
    columns: Vec<OtherColumn>,
    /// The target rows that several lineage rows claim, each with its table.
    claimed_twice: HashSet<(String, i64)>,
    /// Audit entries that name a row of one request and belong to another one, by the legacy row of the first.
    named: HashMap<i64, (u64, String)>,
    /// What there was before.
    pub(crate) marks: Marks,
    /// What fires when rows are deleted.
    firing: Vec<Firing>,
    /// Whether deletes were plain when that was last looked at; then there is nothing to watch.
    pub(crate) is_plain: AtomicBool,
}

impl Surroundings {
    /// Which tables refer to the deleted ones, beside those that are deleted with them.
    pub(crate) async fn keys(session: &mut Session) -> Result<Self, QueryError> {
        let mut keys = foreign_keys(session, &DELETED).await?;
        // What belongs to a request is read with it.
        keys.retain(|it| !(it.is_of_request() && DELETED[..3].contains(&&*it.table)));
        Ok(Self { keys, ..Self::default() })
    }

    /// What a role needs to see what refers to migrated rows.
    pub(crate) fn needs(&self, role: &str) -> Vec<Need> {
        self.keys.iter().flat_map(|key| key.needs(role)).collect()
    }

    /// Refuses to go on where deletes can't be watched, and finds what fires when rows are deleted.
    pub(crate) async fn check(mut self, session: &mut Session, target: &Database) -> Result<Self, RollbackError> {
        match check_side_effects(session, target, &DELETED).await? {
            Checked::Unsafe(error) => return Err(error.into()),
            Checked::Safe(firing) => self.firing = firing,
        }
        self.is_plain = is_plain(session, &DELETED).await?.into();
        Ok(self)
    }

    /// What people are to know of what fires when rows are deleted.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.firing.iter().map(|it| it.note("rollback")).collect()
    }

    /// Finds out the rest, which is the same for every page.
    pub(crate) async fn read(mut self, session: &mut Session) -> Result<Self, QueryError> {
        self.marks = Marks::now(session).await?;
        let columns: Vec<(String, String, bool)> = sqlx::query_as(
            "select c.relname::text, a.attname::text, a.atthasdef or a.attidentity <> '' \
             from pg_attribute a join pg_class c on c.oid = a.attrelid \
             where c.relnamespace = to_regnamespace('padealing') and c.relname = any($1) and a.attnum > 0 \
               and not a.attisdropped and a.attgenerated = '' order by 1, a.attnum",
        )
        .bind(&DELETED[..4])
        .fetch_all(&mut *session)
        .await
        .attempt("looking for columns that the migration doesn't write")?;
        self.columns = columns
            .into_iter()
            .filter(|(table, column, _)| !is_known(table, column))
            .map(|(table, column, has_default)| OtherColumn { table, column, has_default })
            .collect();
        // Enough to tell tables apart, and found faster than what is before a colon.
        let twice: Vec<(String, i64)> = sqlx::query_as(
            "select min(split_part(target_table, ':', 1)), target_id from padealing.migration_mapping \
             group by left(target_table, 7), target_id having count(*) > 1",
        )
        .fetch_all(&mut *session)
        .await
        .attempt("looking for rows that lineage claims twice")?;
        self.claimed_twice = twice.into_iter().collect();
        // What the migration writes, and mostly the application too, names its request by the foreign key.
        let are_named: bool = sqlx::query_scalar(
            "select exists (select from padealing.audit_log where entity_id is not null and request_id is not null \
                              and (entity_type <> 'pad_request' or request_id <> entity_id))",
        )
        .fetch_one(&mut *session)
        .await
        .attempt("looking for audit entries that name rows")?;
        if !are_named {
            return Ok(self);
        }
        let named: Vec<(i64, i64, String)> = sqlx::query_as(AssertSqlSafe(format!(
            "select m.source_id, count(*), min(a.id)::text from padealing.audit_log a \
             join padealing.migration_mapping m on m.source_table = $1 and m.target_id = a.entity_id \
              and split_part(m.target_table, ':', 1) = {NAMED_TABLE} \
             join padealing.migration_mapping r on r.source_table = $1 and r.source_id = m.source_id \
              and r.target_table = 'pad_request' and r.target_id <> a.request_id \
             where a.entity_id is not null and a.id <= $2 group by m.source_id"
        )))
        .bind(SOURCE_TABLE)
        .bind(self.marks.audit_log())
        .fetch_all(session)
        .await
        .attempt("looking for audit entries that name migrated rows")?;
        self.named = named.into_iter().map(|(id, count, one)| (id, (count.unsigned_abs(), one))).collect();
        Ok(self)
    }

    /// The role of a row that another lineage row claims, too.
    pub(crate) fn claimed_twice(&self, stored: &Stored) -> Option<Role> {
        let roles = stored.lineage.iter().filter_map(|it| it.role.as_ref().ok().map(|role| (*role, it.target_id)));
        let twice = |(role, id): &(Role, i64)| self.claimed_twice.contains(&(role.table().to_owned(), *id));
        if self.claimed_twice.is_empty() { None } else { roles.into_iter().find(twice).map(|(role, _)| role) }
    }

    /// What names the rows of a page without a foreign key, by legacy row.
    pub(crate) async fn naming(
        &self,
        session: &mut Session,
        stored: &[(i64, &Stored)],
    ) -> Result<Vec<(i64, Referring)>, QueryError> {
        let found = self.marks.naming(session, &named(stored), &[]).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let of_row: HashMap<(&str, i64), i64> = stored
            .iter()
            .flat_map(|(source_id, stored)| {
                let of = |it: &StoredLineage| Some(((it.role.as_ref().ok()?.table(), it.target_id), *source_id));
                stored.lineage.iter().filter_map(of).collect::<Vec<_>>()
            })
            .collect();
        Ok(found.into_iter().filter_map(|(table, id, it)| Some((*of_row.get(&(&*table, id))?, it))).collect())
    }

    /// What refers to the rows of a page by a foreign key, and what has named them from the beginning, by legacy row.
    pub(crate) async fn referring(
        &self,
        session: &mut Session,
        stored: &[(i64, &Stored)],
    ) -> Result<HashMap<i64, Vec<Referring>>, QueryError> {
        let mut found: HashMap<i64, Vec<Referring>> = HashMap::new();
        for key in &self.keys {
            let of_row: HashMap<i64, i64> = match &*key.referred {
                "migration_mapping" => stored.iter().map(|(id, _)| (*id, *id)).collect(),
                table => claimed(stored, table).collect(),
            };
            if of_row.is_empty() {
                continue;
            }
            let rows: Vec<(i64, i64, Option<String>)> = sqlx::query_as(AssertSqlSafe(key.query()))
                .bind(of_row.keys().copied().collect::<Vec<_>>())
                .fetch_all(&mut *session)
                .await
                .attempt(&format!("looking for rows of {} that refer to migrated ones", key.shown()))?;
            for (target, count, example) in rows {
                let referring = Referring { table: key.shown(), count: count.unsigned_abs(), example };
                if let Some(id) = of_row.get(&target) {
                    found.entry(*id).or_default().push(referring);
                }
            }
        }
        for (id, _) in stored {
            if let Some((count, example)) = self.named.get(id) {
                let (table, example) = ("padealing.audit_log".to_owned(), Some(example.clone()));
                found.entry(*id).or_default().push(Referring { table, count: *count, example });
            }
        }
        Ok(found)
    }

    /// The columns that the migration doesn't write and that hold something, by legacy row: the role of the row, the
    /// column. Where a row gets a value by itself, another one is known by the row's having been written again.
    pub(crate) async fn filled(
        &self,
        session: &mut Session,
        rows: &Rows,
    ) -> Result<HashMap<i64, Vec<(String, String)>>, QueryError> {
        let mut found: HashMap<i64, Vec<(String, String)>> = HashMap::new();
        for OtherColumn { table, column, has_default } in &self.columns {
            let is_filled = match has_default {
                true => "t.xmin <> m.xmin".to_owned(),
                false => format!("t.{} is not null", quote_identifier(column)),
            };
            let sql = format!(
                "select m.source_id, m.target_table::text from padealing.migration_mapping m \
                 join padealing.{table} t on t.id = m.target_id \
                 where {} and split_part(m.target_table, ':', 1) = {} and {is_filled}",
                rows.condition("m"),
                quote_literal(table)
            );
            let rows: Vec<(i64, String)> = sqlx::query_as(AssertSqlSafe(sql))
                .fetch_all(&mut *session)
                .await
                .attempt("looking at columns that the migration doesn't write")?;
            for (id, role) in rows {
                found.entry(id).or_default().push((role, column.clone()));
            }
        }
        Ok(found)
    }
}

/// The target rows of a page, as an audit entry may name them.
pub(crate) fn named(stored: &[(i64, &Stored)]) -> Vec<Named> {
    let all = stored.iter().flat_map(|(_, stored)| {
        let request = stored.lineage_id(Role::Request);
        let of =
            move |it: &StoredLineage| Some(Named { table: it.role.as_ref().ok()?.table(), id: it.target_id, request });
        stored.lineage.iter().filter_map(of)
    });
    all.collect()
}

/// The target rows of a table that lineage claims, each with its legacy row.
pub(crate) fn claimed<'a>(stored: &'a [(i64, &Stored)], table: &'a str) -> impl Iterator<Item = (i64, i64)> + 'a {
    let of = move |lineage: &StoredLineage| lineage.role.as_ref().is_ok_and(|role| role.table() == table);
    stored.iter().flat_map(move |(id, stored)| {
        let ids = stored.lineage.iter().filter(move |it| of(it)).map(|it| it.target_id);
        ids.map(move |target| (target, *id))
    })
}

fn is_known(table: &str, column: &str) -> bool {
    match table {
        "pad_request" => REQUEST.names().contains(&column) || column == "compliance_assessment",
        "pad_approval" => APPROVAL.names().contains(&column),
        "pad_execution" => EXECUTION.names().contains(&column),
        _ => AUDIT.names().contains(&column),
    }
}
