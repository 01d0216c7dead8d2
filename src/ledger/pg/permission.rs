//! Asks the server whether roles have what they need. Reads only.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use crate::config::settings::Roles;
use crate::ledger::permission::{Need, Permissions, Refused, Right, Server, lacks};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "asking what the role may do";

/// The connected role.
pub(crate) async fn current_role(connection: &mut Session) -> Result<String, QueryError> {
    sqlx::query_scalar("select current_user::text").fetch_one(connection).await.attempt(WHAT)
}

/// Which of the needs are not met. What doesn't exist is no lack: other checks say so. `roles` are those of the
/// application schema.
pub(crate) async fn permissions(
    connection: &mut Session,
    needs: &[Need],
    roles: &Roles,
) -> Result<Permissions, QueryError> {
    let role = current_role(connection).await?;
    type Facts = (i32, String, Vec<String>, Vec<String>, Vec<String>, bool);
    let (server_version, database, of_owner, noinherit, superusers, has_reader): Facts = sqlx::query_as(
        "select current_setting('server_version_num')::int4, current_database()::text, \
                array(select r.rolname::text from pg_roles r, pg_roles o \
                      where o.rolname = $1 and pg_has_role(r.oid, o.oid, 'usage')), \
                array(select rolname::text from pg_roles where not rolinherit), \
                array(select rolname::text from pg_roles where rolsuper), \
                exists (select from pg_roles where rolname = $2)",
    )
    .bind(&roles.owner)
    .bind(&roles.reader)
    .fetch_one(&mut *connection)
    .await
    .attempt(WHAT)?;
    let major = server_version.unsigned_abs() / 10_000;
    // SET ROLE is granted apart from membership since 16.
    let become_it = if major >= 16 { "set" } else { "member" };
    let columns = |each: fn(&Need) -> String| needs.iter().map(each).collect::<Vec<String>>();
    // A foreign key needs REFERENCES on the columns that it refers to: the primary key's.
    let sql = format!(
        "select w.at, coalesce(pg_get_userbyid(case when w.kind = 'database' then d.datdba \
                    when c.oid is null then n.nspowner \
                    when has_schema_privilege(c.relowner, n.oid, 'usage') then c.relowner end), '')::text, \
                case when n.nspname is distinct from 'padealing' then '' when c.oid is null then format('schema %I', n.nspname) \
                    else format('table %I.%I', n.nspname, coalesce(t.relname, c.relname)) end, \
                coalesce(pg_get_userbyid(coalesce(c.relowner, n.nspowner)), '')::text, \
                coalesce(c.relforcerowsecurity, false) \
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) with ordinality \
              w (role, kind, schema, name, privilege, at) \
         left join pg_roles r on r.rolname = w.role \
         join pg_database d on d.datname = current_database() \
         left join pg_namespace n on n.nspname = w.schema \
         left join pg_class c on c.relnamespace = n.oid and c.relname = w.name \
         left join lateral (select it.relname from pg_depend d join pg_class it on it.oid = d.refobjid \
             where c.relkind = 'S' and d.classid = 'pg_class'::regclass and d.objid = c.oid \
               and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') limit 1) t on true \
         left join pg_roles g on g.rolname = w.name and w.schema = '' \
         where not coalesce(case w.kind \
             when 'database' then has_database_privilege(r.oid, d.oid, w.privilege) \
             when 'schema' then has_schema_privilege(r.oid, n.oid, w.privilege) \
             when 'relation' then case c.relkind when 'S' then has_sequence_privilege(r.oid, c.oid, w.privilege) \
                 else has_table_privilege(r.oid, c.oid, w.privilege) or w.privilege = 'REFERENCES' and coalesce(( \
                     select bool_and(has_column_privilege(r.oid, c.oid, k.at, w.privilege)) \
                     from pg_constraint p, unnest(p.conkey) k (at) where p.conrelid = c.oid and p.contype = 'p'), false) end \
             when 'rows' then not c.relrowsecurity or r.rolsuper or r.rolbypassrls \
                 or not c.relforcerowsecurity and pg_has_role(r.oid, c.relowner, 'usage') \
             when 'existence' then r.oid is not null \
             when 'possession' then false \
             when 'inherit' then pg_has_role(r.oid, g.oid, 'usage') \
             when 'become' then pg_has_role(r.oid, g.oid, '{become_it}') end, true) \
         order by w.at"
    );
    let rows: Vec<(i64, String, String, String, bool)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(columns(|it| it.role.clone()))
        .bind(columns(|it| kind(&it.right).to_owned()))
        .bind(columns(|it| place(&it.right).0))
        .bind(columns(|it| place(&it.right).1))
        .bind(columns(|it| privilege(&it.right).to_owned()))
        .fetch_all(&mut *connection)
        .await
        .attempt(WHAT)?;
    let refused = |(at, owner, object, holder, is_forced): (i64, String, String, String, bool)| {
        let need = needs.get(usize::try_from(at).ok()?.checked_sub(1)?)?;
        let holder = (!object.is_empty()).then_some((object, holder));
        Some(Refused { need: need.clone(), owner, holder, is_forced })
    };
    let server = Server {
        major,
        database,
        noinherit: noinherit.into_iter().collect(),
        superusers: superusers.into_iter().collect(),
        roles: roles.clone(),
        has_reader,
        of_owner: of_owner.into_iter().collect(),
        sequences: owned_sequences(connection, roles).await?,
    };
    Ok(Permissions { role, lacks: lacks(rows.into_iter().filter_map(refused).collect(), &server) })
}

/// The sequences of the tables that the application's role owns, by table.
async fn owned_sequences(connection: &mut Session, roles: &Roles) -> Result<BTreeMap<String, Vec<String>>, QueryError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select format('%I.%I', tn.nspname, t.relname), format('%I.%I', sn.nspname, s.relname) \
         from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' \
         join pg_namespace sn on sn.oid = s.relnamespace join pg_class t on t.oid = d.refobjid \
         join pg_namespace tn on tn.oid = t.relnamespace join pg_roles r on r.oid = t.relowner \
         where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') \
           and r.rolname = $1 order by 1, 2",
    )
    .bind(&roles.app)
    .fetch_all(connection)
    .await
    .attempt(WHAT)?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, sequence) in rows {
        found.entry(table).or_default().push(sequence);
    }
    Ok(found)
}

fn kind(right: &Right) -> &'static str {
    match right {
        Right::Database => "database",
        Right::Schema { .. } => "schema",
        Right::Relation { .. } => "relation",
        Right::Rows { .. } => "rows",
        Right::Ownership { .. } | Right::Inherit { .. } => "inherit",
        Right::Become { .. } => "become",
        Right::Existence => "existence",
        Right::Possession { .. } => "possession",
    }
}

/// The schema and the name; a role's name has no schema.
fn place(right: &Right) -> (String, String) {
    match right {
        Right::Database | Right::Existence | Right::Possession { .. } => Default::default(),
        Right::Schema { schema, .. } => (schema.clone(), String::new()),
        Right::Relation { schema, name, .. } | Right::Rows { schema, name } => (schema.clone(), name.clone()),
        Right::Ownership { owner: role, .. } | Right::Inherit { role } | Right::Become { role } => {
            (String::new(), role.clone())
        }
    }
}

fn privilege(right: &Right) -> &'static str {
    match right {
        Right::Schema { privilege, .. } | Right::Relation { privilege, .. } => privilege,
        Right::Database => "CREATE",
        _ => "",
    }
}
