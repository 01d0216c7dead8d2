//! What deletes may do beside what they are meant to: the target's triggers, rules and child tables.

use std::collections::{BTreeMap, HashSet};

use sqlx::postgres::types::Oid;

use crate::base::quote::quote_identifier;
use crate::base::text::list;
use crate::migration::effects::{Firing, Tally, suspects};
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::fetch_value;

/// Why nothing is deleted here.
#[derive(Debug, thiserror::Error)]
pub enum UnsafeError {
    /// A delete would reach rows of a table that isn't managed.
    #[error(
        "{child} at {place}, which pad-migrate doesn't manage, inherits from {parent}, so that its rows would be deleted, \
         too; nothing was deleted; `{remedy}` parts them"
    )]
    Inherited { place: String, child: String, parent: String, remedy: String },
    /// The server doesn't count what triggers do.
    #[error(
        "the server at {place} has track_counts = off, so that what triggers write can't be seen; nothing was deleted; set \
         track_counts = on; or: {suspects}"
    )]
    Uncounted { place: String, suspects: String },
    /// A function doesn't let it.
    #[error(
        "the function {function} at {place}, which runs when rows are deleted, sets track_counts or resets settings, \
         so that what it writes can't be seen; nothing was deleted; {suspects}"
    )]
    Hidden { place: String, function: String, suspects: String },
}

/// The first function that may keep the server from counting and leave no trace of that, by its own settings or by its
/// text: that of `$function`, or one that `$text` names. What computes the setting's name leaves a trace, which
/// [`Written`] sees, unless it goes back by RESET or its like.
const HIDES: &str = "(select h.oid::regprocedure::text from pg_proc h \
    where (h.oid = $function or position(lower(h.proname) in lower($text)) > 0) \
      and h.pronamespace <> 'pg_catalog'::regnamespace \
      and (h.prosrc ~* 'track_counts|\\mreset\\s+all\\M|\\mreset\\s*''|set_config\\s*\\([^;]*\\mnull\\M' \
           or exists (select from unnest(h.proconfig) s (setting) where s.setting like 'track\\_counts=%')) \
    order by 1 limit 1)";

/// The tables of padealing that `$1` names, with their partitions and children, as `t`.
const TREE: &str = "with recursive t as (\
        select c.oid from pg_class c where c.relnamespace = to_regnamespace('padealing') and c.relname = any($1) \
        union select h.inhrelid from t join pg_inherits h on h.inhparent = t.oid)";

/// What fires when rows of some tables are deleted, foreign keys aside.
pub(crate) async fn firing(session: &mut Session, tables: &[&str]) -> Result<Vec<Firing>, QueryError> {
    type Row = (String, String, String, bool, bool, Option<String>, bool);
    // A partition's copy of its table's trigger is no other one.
    let hides = |function: &str, text: &str| HIDES.replace("$function", function).replace("$text", text);
    let by_trigger = hides("g.tgfoid", "p.prosrc");
    let by_rule = hides("0", "pg_get_ruledef(r.oid)");
    let sql = format!(
        "{TREE} select n.nspname::text, c.relname::text, f.name::text, f.is_rule, f.is_always, f.hides, f.may_hide \
         from t join pg_class c on c.oid = t.oid join pg_namespace n on n.oid = c.relnamespace \
         cross join lateral ( \
             select g.tgname, false, g.tgenabled = 'A', {by_trigger}, p.prosrc ~* '\\mexecute\\M' and (select bool_or(o.rolsuper) \
                 from pg_roles o where o.rolname = current_user or p.prosecdef and o.oid = p.proowner) \
             from pg_trigger g join pg_proc p on p.oid = g.tgfoid where g.tgrelid = t.oid and not g.tgisinternal \
               and g.tgparentid = 0 and g.tgenabled in ('O', 'A') and g.tgtype & 8 = 8 \
             union all select r.rulename, true, r.ev_enabled = 'A', {by_rule}, false \
             from pg_rewrite r where r.ev_class = t.oid and r.ev_type = '4' and r.ev_enabled in ('O', 'A') \
         ) f (name, is_rule, is_always, hides, may_hide) order by 1, 2, 3"
    );
    let found: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tables)
        .fetch_all(session)
        .await
        .attempt("looking for triggers that fire when rows are deleted")?;
    let firing = |(schema, table, name, is_rule, is_always, hides, may_hide)| Firing {
        schema,
        table,
        name,
        is_rule,
        is_always,
        hides,
        may_hide,
    };
    Ok(found.into_iter().map(firing).collect())
}

/// Whether deletes from some tables set off nothing but the looks of foreign keys, and reach no other table's rows.
///
/// Asked after the deletes and before their transaction ends, by a session that sees what others have committed, it is the
/// answer for them: until that end their locks keep off whatever makes a trigger, a rule or a key, and whatever drops one
/// (documentation, Table-Level Locks).
pub(crate) async fn is_plain(session: &mut Session, tables: &[&str]) -> Result<bool, QueryError> {
    let sql = format!(
        "{TREE} select not exists (select from t where \
             exists (select from pg_trigger g join pg_proc p on p.oid = g.tgfoid where g.tgrelid = t.oid \
                 and g.tgenabled <> 'D' and g.tgtype & 8 = 8 \
                 and not (g.tgisinternal and p.pronamespace = 'pg_catalog'::regnamespace \
                          and p.proname in ('RI_FKey_noaction_del', 'RI_FKey_restrict_del'))) \
             or exists (select from pg_rewrite r where r.ev_class = t.oid and r.ev_enabled <> 'D') \
             or exists (select from pg_inherits h join pg_class c on c.oid = h.inhrelid \
                 where h.inhparent = t.oid and not c.relispartition))"
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(tables)
        .fetch_one(session)
        .await
        .attempt("looking for what fires when rows are deleted")
}

/// Whether deletes can be watched here, and reach nothing that isn't managed.
pub(crate) enum Checked {
    Safe(Vec<Firing>),
    Unsafe(UnsafeError),
}

/// Looks at what deletes from some tables would do beside.
pub(crate) async fn check_side_effects(
    session: &mut Session,
    database: &Database,
    tables: &[&str],
) -> Result<Checked, QueryError> {
    let place = database.place();
    let child: Option<(String, String, String, String)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{TREE} select n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text \
         from t join pg_inherits h on h.inhparent = t.oid join pg_class c on c.oid = h.inhrelid and not c.relispartition \
         join pg_namespace n on n.oid = c.relnamespace join pg_class p on p.oid = t.oid \
         join pg_namespace pn on pn.oid = p.relnamespace order by 1, 2, 3, 4 limit 1"
    )))
    .bind(tables)
    .fetch_optional(&mut *session)
    .await
    .attempt("looking for tables that inherit")?;
    if let Some((schema, table, parent_schema, parent)) = child {
        let quoted = [&schema, &table, &parent_schema, &parent].map(|it| quote_identifier(it));
        let remedy = format!("alter table {}.{} no inherit {}.{}", quoted[0], quoted[1], quoted[2], quoted[3]);
        let (child, parent) = (format!("{schema}.{table}"), format!("{parent_schema}.{parent}"));
        return Ok(Checked::Unsafe(UnsafeError::Inherited { place, child, parent, remedy }));
    }
    let firing = firing(session, tables).await?;
    let counts = fetch_value::<String>(session, "select current_setting('track_counts')", "reading track_counts");
    if counts.await? != "on" && !firing.is_empty() {
        return Ok(Checked::Unsafe(UnsafeError::Uncounted { place, suspects: suspects(&firing) }));
    }
    if let Some(hiding) = firing.iter().find(|it| it.hides.is_some()) {
        let (function, suspects) = (hiding.hides.clone().unwrap_or_default(), suspects(std::slice::from_ref(hiding)));
        return Ok(Checked::Unsafe(UnsafeError::Hidden { place, function, suspects }));
    }
    Ok(Checked::Safe(firing))
}

/// What the transaction, and perhaps the one before it, has written so far, by table. Only what is added between two
/// looks says something.
pub(crate) struct Written {
    tallies: BTreeMap<String, Tally>,
    /// The relations that there are, indexes aside.
    there: HashSet<Oid>,
    /// Those that it has locked, and that are not there any more: they have no name.
    gone: Vec<Oid>,
    /// The value of track_counts, and where it comes from: what set it, and set it back, leaves `session` there.
    counting: String,
}

impl Written {
    /// Asks the server's counters, which see every table of the database. They don't see what TRUNCATE and DDL do, nor
    /// what goes to another server: the locks on tables do.
    pub(crate) async fn so_far(session: &mut Session) -> Result<Self, QueryError> {
        type Row = (Option<String>, i64, i64, i64, bool, Vec<Oid>, Vec<Oid>);
        let rows: Vec<Row> = sqlx::query_as(
            "with written as materialized ( \
                 select oid, pg_stat_get_xact_tuples_inserted(oid) as inserted, \
                        pg_stat_get_xact_tuples_updated(oid) as updated, pg_stat_get_xact_tuples_deleted(oid) as deleted \
                 from pg_class where relkind in ('r', 'm') and relpersistence <> 't' \
                   and (relnamespace <> 'pg_catalog'::regnamespace or relname like 'pg\\_largeobject%')), \
             locked as materialized ( \
                 select l.relation as oid, l.mode from pg_locks l \
                 where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.granted \
                   and l.database = (select d.oid from pg_database d where d.datname = current_database()) \
                   and l.mode in ('AccessExclusiveLock', 'RowExclusiveLock')), \
             found as ( \
                 select oid, inserted, updated, deleted, false as is_seized from written \
                 where inserted > 0 or updated > 0 or deleted > 0 \
                 union all select c.oid, 0, 0, 0, true from locked l join pg_class c on c.oid = l.oid \
                 where c.relpersistence <> 't' and (l.mode = 'AccessExclusiveLock' and c.relkind in ('r', 'p', 'm', 'v', 'f') \
                        or c.relkind = 'f' and l.mode = 'RowExclusiveLock')) \
             select n.nspname || '.' || c.relname, sum(f.inserted)::int8, sum(f.updated)::int8, sum(f.deleted)::int8, \
                    bool_or(f.is_seized), '{}'::oid[], '{}'::oid[] \
             from found f join pg_class c on c.oid = coalesce(pg_partition_root(f.oid), f.oid) \
             join pg_namespace n on n.oid = c.relnamespace group by 1 \
             union all select null, 0, 0, 0, false, \
                 array(select oid from pg_class where relkind not in ('i', 'I', 't') and relpersistence <> 't'), \
                 array(select l.oid from locked l where l.mode = 'AccessExclusiveLock' \
                           and not exists (select from pg_class c where c.oid = l.oid) order by 1)",
        )
        .fetch_all(&mut *session)
        .await
        .attempt("asking what was written")?;
        let counting = "select setting || ' ' || source from pg_settings where name = 'track_counts'";
        let counting = fetch_value(session, counting, "reading track_counts").await?;
        let mut written = Self { tallies: BTreeMap::new(), there: HashSet::new(), gone: Vec::new(), counting };
        for (table, inserted, updated, deleted, is_seized, there, gone) in rows {
            match table {
                Some(table) => {
                    written.tallies.insert(table, Tally { inserted, updated, deleted, is_seized });
                }
                None => (written.there, written.gone) = (there.into_iter().collect(), gone),
            }
        }
        Ok(written)
    }

    /// What was written since an earlier look beside rows that were meant to be deleted, in words; none if nothing was.
    pub(crate) fn beside(&self, before: &Self, meant: &[(&str, u64)]) -> Option<String> {
        let rows = |(table, rows): &(&str, u64)| (format!("padealing.{table}"), rows.cast_signed());
        let deleted: BTreeMap<String, i64> = meant.iter().map(rows).collect();
        let of = |written: &Self, table: &str| written.tallies.get(table).copied().unwrap_or_default();
        // Where the server counts nothing, nothing fires.
        let is_counted = deleted.iter().all(|(table, rows)| *rows == 0 || self.tallies.contains_key(table));
        let words = self.tallies.iter().filter_map(|(table, tally)| {
            let meant = deleted.get(table).copied().filter(|_| is_counted).unwrap_or(0);
            tally.since(of(before, table), meant).words(table)
        });
        // A temporary table that came and went meanwhile was never there.
        let dropped = self.gone.iter().filter(|it| before.there.contains(it));
        let dropped = dropped.map(|it| format!("dropped the relation that `select {}::regclass` names", it.0));
        let hidden = "set track_counts, so that what else it wrote can't be seen".to_owned();
        let hidden = (self.counting != before.counting).then_some(hidden);
        let words: Vec<String> = words.chain(dropped).chain(hidden).collect();
        (!words.is_empty()).then(|| list(words))
    }
}

/// Refuses what was written beside the rows that were deleted.
pub(crate) async fn refuse(session: &mut Session, tables: &[&str], written: &str) -> Result<String, QueryError> {
    let counted = "the server also counts what a trigger undoes itself";
    Ok(format!("the target also {written} ({counted}); {}", suspects(&firing(session, tables).await?)))
}
