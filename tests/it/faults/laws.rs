//! What has to be true whatever has failed, in SQL that shares nothing with the program. A law gives what it found wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection};

use super::subject::Effect;
use crate::harness::Db;

/// What there is, by name: a digest of each object of the catalog, of each table's rows, of each migrated row with its
/// lineage, of each rejected row with its reasons; and what is wrong by itself.
pub(super) type Picture = BTreeMap<String, String>;

/// Objects of the catalog, as they would be created.
const CATALOG: &str = "
    with n as (select oid, nspname, nspacl from pg_namespace where nspname in ('padealing', 'public', 'bo_airflow')),
         c as (select c.*, n.nspname from pg_class c join n on n.oid = c.relnamespace)
    select 'schema ' || nspname as key, coalesce(nspacl::text, '') as value from n
    union all
    select 'relation ' || nspname || '.' || relname, concat_ws(' ', relkind, relacl,
        obj_description(oid, 'pg_class')) from c
    union all
    select 'column ' || nspname || '.' || relname || '.' || attname, concat_ws(' ', format_type(atttypid, atttypmod),
        attnotnull, attidentity, pg_get_expr(adbin, adrelid))
        from c join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where relkind in ('r', 'v')
    union all
    select 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(k.oid) || ' ' || convalidated
        from pg_constraint k join c on c.oid = conrelid where contype <> 'n'
    union all
    select 'index ' || nspname || '.' || relname, pg_get_indexdef(indexrelid) || ' ' || indisvalid
        from c join pg_index on indexrelid = c.oid
    union all
    select 'trigger ' || tgrelid::regclass || '.' || tgname, pg_get_triggerdef(t.oid)
        from pg_trigger t join c on c.oid = tgrelid where not tgisinternal
    union all
    select 'function ' || nspname || '.' || proname, md5(prosrc) from pg_proc p join n on n.oid = pronamespace";

/// Rows of a migrated legacy row's tables, without the keys that are drawn.
const TARGETS: [(&str, &str); 4] = [
    ("pad_request", "to_jsonb(t)"),
    ("pad_approval", "to_jsonb(t) - 'id'"),
    ("pad_execution", "to_jsonb(t) - 'id'"),
    ("audit_log", "to_jsonb(t) - '{id,entity_id}'::text[]"),
];

/// What is true of everything: one row for each thing that isn't.
const ALWAYS: &str = "
    select 'wrong: two lineage rows claim one ' || target_table, target_id::text from padealing.migration_mapping
        group by target_table, target_id having count(*) > 1
    union all
    select 'wrong: rejected and migrated, row ' || source_id, '' from padealing.migration_reject r
        where resolved_run_id is null and exists (select from padealing.migration_mapping m
            where m.source_id = r.source_id and m.source_table = r.source_table)";

async fn rows(db: &Db, sql: &str) -> Vec<(String, String)> {
    let mut connection = db.connect().await;
    let sql = format!("set timezone = 'UTC'; set datestyle = 'ISO'; {sql}");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("the rows are read");
    connection.close().await.expect("the connection closes");
    let text = |row: &sqlx::postgres::PgRow, at: usize| {
        sqlx::Row::try_get::<Option<String>, _>(row, at).expect("a text").unwrap_or_default()
    };
    rows.iter().map(|row| (text(row, 0), text(row, 1))).collect()
}

/// The rows of a table that no lineage claims.
fn table(name: &str, has_lineage: bool) -> Option<String> {
    let (_, bare) = name.split_once('.').expect("a schema");
    let mut without = "'{}'::text[]";
    let mut condition = "true".to_owned();
    match name {
        // By legacy row, or of one run only.
        "padealing.migration_mapping" | "padealing.migration_reject" | "padealing.migration_run" => return None,
        "padealing.schema_revision" => without = "'{id,applied_at}'::text[]",
        _ => {}
    }
    if has_lineage && TARGETS.iter().any(|it| format!("padealing.{}", it.0) == name) {
        condition = format!(
            "not exists (select from padealing.migration_mapping m where m.target_id = t.id and \
             split_part(m.target_table, ':', 1) = '{bare}')"
        );
    }
    Some(format!(
        "select 'rows of {name}', count(*) || ' ' || coalesce(md5(string_agg(it, '|' order by it)), '') from \
         (select (to_jsonb(t) - {without})::text as it from {name} t where {condition}) s"
    ))
}

fn migrated() -> String {
    let target = |(name, row): &(&str, &str)| {
        format!(
            "select ({row})::text as it from padealing.{name} t where t.id = m.target_id and \
             split_part(m.target_table, ':', 1) = '{name}'"
        )
    };
    let targets: Vec<String> = TARGETS.iter().map(target).collect();
    format!(
        "select 'row ' || m.source_id, md5(string_agg(concat_ws(' ', m.source_table, m.target_table, \
             coalesce(r.it, 'IS GONE')), '|' order by m.target_table, r.it)) \
         from padealing.migration_mapping m left join lateral ({}) r on true group by m.source_id \
         union all \
         select 'rejected ' || source_id, md5(string_agg(concat_ws(' ', source_table, field, rule, value, message, \
             resolved_run_id is null), '|' order by field, rule)) from padealing.migration_reject group by source_id",
        targets.join(" union all ")
    )
}

/// Sequences that are behind their column.
async fn behind(db: &Db) -> Vec<(String, String)> {
    let owned = rows(
        db,
        "select format('%I.%I', n.nspname, t.relname), concat_ws(' ', quote_ident(a.attname), s.oid::regclass) \
         from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_class t on t.oid = d.refobjid \
         join pg_namespace n on n.oid = t.relnamespace join pg_attribute a on a.attrelid = t.oid and \
         a.attnum = d.refobjsubid where n.nspname = 'padealing' and d.deptype in ('a', 'i') and d.classid = \
         'pg_class'::regclass and d.refclassid = 'pg_class'::regclass",
    )
    .await;
    let each = owned.iter().map(|(table, rest)| {
        let (column, sequence) = rest.split_once(' ').expect("two names");
        format!(
            "select 'wrong: the sequence of {table} is behind', s.last_value::text from {sequence} s where \
             (select max({column}) from {table}) > case when s.is_called then s.last_value else s.last_value - 1 end"
        )
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { Vec::new() } else { rows(db, &each.join(" union all ")).await }
}

pub(super) async fn picture(db: &Db) -> Picture {
    let mut found: Picture = rows(db, CATALOG).await.into_iter().collect();
    let has = |name: &str| found.contains_key(&format!("relation {name}"));
    let has_lineage = has("padealing.migration_mapping");
    let has_all = has_lineage && has("padealing.migration_reject");
    let tables = found.iter().filter(|(key, value)| key.starts_with("relation ") && value.starts_with('r'));
    let tables = tables.filter_map(|(key, _)| table(key.trim_start_matches("relation "), has_lineage));
    let mut parts: Vec<String> = tables.collect();
    if has_all {
        parts.extend([migrated(), ALWAYS.to_owned()]);
    }
    found.extend(rows(db, &parts.join(" union all ")).await);
    found.extend(behind(db).await);
    found
}

fn named(keys: &BTreeSet<&String>) -> String {
    let few: Vec<&str> = keys.iter().take(5).map(|it| it.as_str()).collect();
    format!("{} in all, such as {few:?}", keys.len())
}

fn difference<'p>(one: &'p Picture, other: &'p Picture) -> BTreeSet<&'p String> {
    one.keys().chain(other.keys()).filter(|key| one.get(*key) != other.get(*key)).collect()
}

/// What is there is what was there before, or what is there when nothing fails: as the command promises, row by row or as
/// a whole; and if it says that it is done, it is.
pub(super) fn whole(effect: Effect, before: &Picture, after: &Picture, found: &Picture, is_done: bool) -> Vec<String> {
    let (to_before, to_after) = (difference(found, before), difference(found, after));
    let mut wrong = Vec::new();
    match effect {
        Effect::Nothing if !to_before.is_empty() => {
            wrong.push(format!("it changed what it only reads: {}", named(&to_before)));
        }
        Effect::Whole if !to_before.is_empty() && !to_after.is_empty() => {
            let nearer = if to_before.len() < to_after.len() { &to_before } else { &to_after };
            wrong.push(format!("it is done in part: {}", named(nearer)));
        }
        Effect::Rows => {
            let half: BTreeSet<&String> = to_before.intersection(&to_after).copied().collect();
            if !half.is_empty() {
                wrong.push(format!("neither as before nor as after: {}", named(&half)));
            }
        }
        _ => {}
    }
    if is_done && !to_after.is_empty() {
        wrong.push(format!("it said that it is done, and it isn't: {}", named(&to_after)));
    }
    wrong
}

/// The server keeps nothing of the program: no session, no lock, no prepared transaction, no temporary table.
///
/// Behind a proxy that is alive and carries nothing, the server hears no end, and its keepalives are answered. What it
/// then keeps is left out here: a session of the first moment (it has compared two connections, or asked for the limits),
/// which holds nothing; before version 14 any that holds
/// nothing; one that waits in the middle of a statement, as for the rows of a COPY, for which PostgreSQL has no limit; one
/// that waits for room to write to a Unix socket, as the proxy's are on a local server: `tcp_user_timeout`, which every
/// session sets, pg_dump's too, ends it only over TCP; and that of pg_dump, which sets the limit to none.
pub(super) async fn nothing_stays(db: &Db, is_silent: bool) -> Vec<String> {
    let patience = Duration::from_secs(if is_silent { 150 } else { 30 });
    let kept = if is_silent {
        "and not (state = 'idle' and (query in ('commit', '') or query like 'with clients as (%' \
                                      or current_setting('server_version_num')::int < 140000)) \
         and not (state = 'active' and wait_event = 'ClientRead') \
         and not (wait_event = 'ClientWrite' and client_addr is null) \
         and not (state = 'idle in transaction' and application_name ~ '^pad-migrate backup [0-9]+$')"
    } else {
        ""
    };
    let sql = &format!(
        "with s as (select * from pg_stat_activity where datname = current_database() \
             and pid <> pg_backend_pid() and backend_type = 'client backend' {kept}) \
         select 'a session', concat_ws(' ', application_name, state, wait_event, left(query, 80)) from s \
         union all select 'a lock', locktype from pg_locks join s using (pid) where locktype = 'advisory' \
         union all select 'a prepared transaction', gid from pg_prepared_xacts where database = current_database() \
         union all select 'a temporary table', c.relname::text from pg_class c where c.relpersistence = 't'"
    );
    let deadline = Instant::now() + patience;
    loop {
        let left = rows(db, sql).await;
        if left.is_empty() {
            return Vec::new();
        }
        if Instant::now() > deadline {
            return left.into_iter().map(|(what, which)| format!("the server keeps {what}: {which}")).collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All of the files that the command writes are there, or none, and nothing else is.
///
/// A program that is killed has no time to remove the folder in which it gathers evidence.
pub(super) fn files(folder: &Path, wanted: &[&str], is_done: bool, is_killed: bool) -> Vec<String> {
    let entries = folder.read_dir().expect("the folder is there").flatten();
    let mut found: Vec<String> = entries.map(|it| it.file_name().display().to_string()).collect();
    found.retain(|it| !(is_killed && it.starts_with(".evidence.")));
    found.sort();
    let is_right = found == wanted || (found.is_empty() && !is_done);
    if is_right { Vec::new() } else { vec![format!("there are the files {found:?}, where {wanted:?} are written")] }
}

/// What a backup's manifest says of the file beside it.
pub(super) fn backup(folder: &Path) -> Vec<String> {
    use sha2::Digest;
    let Ok(manifest) = std::fs::read(folder.join("it.dump.manifest.json")) else { return Vec::new() };
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("a manifest is JSON");
    let dump = std::fs::read(folder.join("it.dump")).unwrap_or_default();
    let digest = pad_migrate::base::text::hex(&sha2::Sha256::digest(dump));
    if manifest["sha256"] == digest { Vec::new() } else { vec!["the manifest is of another backup".to_owned()] }
}

/// What the sentence says of the database is true.
pub(super) fn claims(printed: &str, before: &Picture, found: &Picture) -> Vec<String> {
    let changed = difference(before, found);
    let of_nothing = ["othing was written", "othing was changed", "othing was committed", "othing was restored"];
    if of_nothing.iter().any(|it| printed.contains(it)) && !changed.is_empty() {
        return vec![format!("it says that nothing was changed, and there is: {}", named(&changed))];
    }
    let numbers = |text: &str| {
        let (first, rest) = text.split_once(" to ")?;
        Some((first.parse::<i64>().ok()?, rest.split(' ').next()?.parse::<i64>().ok()?))
    };
    let range = printed.split_once("the rows with ids from ").and_then(|it| numbers(it.1));
    let Some((first, last)) = range.filter(|_| printed.contains("none of them is stored")) else { return Vec::new() };
    let id = |key: &str| key.strip_prefix("row ").or(key.strip_prefix("rejected "))?.parse::<i64>().ok();
    let stored: BTreeSet<&String> =
        changed.into_iter().filter(|key| id(key).is_some_and(|it| (first..=last).contains(&it))).collect();
    if stored.is_empty() {
        return Vec::new();
    }
    vec![format!("it says that none of the rows from {first} to {last} is stored, and there is: {}", named(&stored))]
}

/// Words of a sentence that says what to do.
const TO_DO: [&str; 11] = [
    "`pad-migrate",
    "again",
    "correct ",
    "check ",
    "ask ",
    "interrupted",
    "othing was",
    "see ",
    "wait",
    "make room",
    "connect to ",
];

/// One sentence, with what happened and what to do, and nothing of the program's insides.
pub(super) fn sentence(printed: &str) -> Vec<String> {
    let notes = [
        "still ",
        "waiting ",
        "migrating: ",
        "rolling back: ",
        "verifying: ",
        "the connection was lost while committing; ",
    ];
    let is_note = |line: &str| notes.iter().any(|it| line.trim_start_matches("pad-migrate: ").starts_with(it));
    let lines: Vec<&str> = printed.lines().filter(|line| !is_note(line)).collect();
    let is_one = lines.len() == 1 && lines[0].starts_with("pad-migrate: ");
    let inside = ["panicked", "internal error", "RUST_BACKTRACE", "Os {", "Error {", "Protocol(", "unwrap"];
    let is_clear = !inside.iter().any(|it| printed.contains(it)) && TO_DO.iter().any(|it| printed.contains(it));
    if is_one && is_clear { Vec::new() } else { vec![format!("it is no clear sentence: {printed:?}")] }
}
