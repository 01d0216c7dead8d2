//! Who may write to the legacy table, as far as the catalogs say it.

use sqlx::AssertSqlSafe;

use crate::checks::gate::source::{Means, Subscriptions, Way, Writers};
use crate::config::settings::TableName;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::fetch_value;

const WHAT: &str = "asking who writes to the legacy table";

/// The relations whose rows are the table's: itself, its partitions and children, and what a view reads.
pub(crate) const TREE: &str = "with recursive tree(oid) as ( \
        select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace \
        where n.nspname = $1 and c.relname = $2 \
        union select below.oid from tree, lateral ( \
            select inhrelid as oid from pg_inherits where inhparent = tree.oid \
            union all select d.refobjid from pg_rewrite r join pg_depend d \
                on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass \
            where r.ev_class = tree.oid and r.ev_type = '1' and d.refobjid <> tree.oid) below) ";

const WRITERS: &str = include_str!("writers.sql");

/// A row of what it returns: kind, role, acting role, event, object, means, their name, whether it writes (an owner:
/// whether it is here), grantee.
type Row = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    bool,
    Option<String>,
);

/// Everybody who may, and everybody who has.
pub(crate) async fn writers(session: &mut Session, table: &TableName) -> Result<Writers, QueryError> {
    // From version 16 membership and the right to SET ROLE are two things (release notes of 16).
    let is_newer = fetch_value::<bool>(session, "select current_setting('server_version_num')::int4 >= 160000", WHAT);
    let membership = if is_newer.await? { "SET" } else { "MEMBER" };
    let found: Vec<Row> = sqlx::query_as(WRITERS)
        .bind(&table.schema)
        .bind(&table.name)
        .bind(membership)
        .fetch_all(&mut *session)
        .await
        .attempt(WHAT)?;
    let mut writers = Writers {
        subscriptions: subscriptions(session, table).await?,
        writing: of_tree(session, table, WRITING).await?,
        elsewhere: elsewhere(session, table).await?,
        ..Writers::default()
    };
    for row in found {
        let (kind, role, is_here) = (&*row.0, row.1.clone(), row.7);
        match kind {
            "owner" => {
                writers.owners_here.extend(is_here.then(|| role.clone()));
                writers.owners.push(role);
            }
            "grantor" => writers.grantors.push(role),
            _ => writers.ways.push(way(row)),
        }
    }
    Ok(writers)
}

fn way((_, role, acting, event, object, means, name, writes, grantee): Row) -> Way {
    let name = name.unwrap_or_default();
    let means = match means.as_deref() {
        None => Means::Table,
        Some("view" | "parent") => Means::View,
        Some("rule") => Means::Rule(name),
        Some("foreign key") => Means::ForeignKey(name),
        Some("trigger") => Means::Trigger(name),
        Some(_) => Means::Function,
    };
    let [event, object, grantee] = [event, object, grantee].map(Option::unwrap_or_default);
    Way { role, acting, event, object, means, grantee, writes }
}

/// Processes with a lock that writing takes, and that is kept until the transaction ends.
const WRITING: &str = "select distinct l.pid from pg_locks l join tree on tree.oid = l.relation \
     where l.locktype = 'relation' and l.granted and l.pid is not null and l.pid <> pg_backend_pid() \
       and l.database = (select oid from pg_database where datname = current_database()) \
       and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') \
     order by 1";

async fn of_tree<T>(session: &mut Session, table: &TableName, query: &str) -> Result<Vec<T>, QueryError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let sql = format!("{TREE} {query}");
    let values = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&table.schema).bind(&table.name);
    values.fetch_all(session).await.attempt(WHAT)
}

/// Which subscriptions write to it. Not every version lets every role see their names.
async fn subscriptions(session: &mut Session, table: &TableName) -> Result<Subscriptions, QueryError> {
    let none = Subscriptions::default();
    let any = "select r.srsubid from pg_subscription_rel r join tree on tree.oid = r.srrelid";
    if of_tree::<sqlx::postgres::types::Oid>(session, table, any).await?.is_empty() {
        return Ok(none);
    }
    let visible = "select bool_and(has_column_privilege('pg_subscription', a, 'select')) \
                   from unnest(array['oid', 'subname', 'subenabled']) a";
    if !fetch_value::<bool>(session, visible, WHAT).await? {
        return Ok(Subscriptions::Hidden(fetch_value(session, "select current_user::text", WHAT).await?));
    }
    let sql = format!(
        "{TREE} select distinct s.subname::text, s.subenabled from pg_subscription s \
         join pg_subscription_rel r on r.srsubid = s.oid join tree on tree.oid = r.srrelid order by 1"
    );
    let found = sqlx::query_as(AssertSqlSafe(sql)).bind(&table.schema).bind(&table.name).fetch_all(session).await;
    Ok(Subscriptions::Known(found.attempt(WHAT)?))
}

/// Why writes can't be seen here.
async fn elsewhere(session: &mut Session, table: &TableName) -> Result<Option<String>, QueryError> {
    let foreign =
        "select c.oid::regclass::text from tree join pg_class c on c.oid = tree.oid where c.relkind = 'f' limit 1";
    let foreign: Vec<String> = of_tree(session, table, foreign).await?;
    if let Some(name) = foreign.first() {
        return Ok(Some(format!("{name} is a foreign table")));
    }
    let counts: bool = fetch_value(session, "select current_setting('track_counts')::bool", WHAT).await?;
    Ok((!counts).then(|| "track_counts is off".to_owned()))
}
