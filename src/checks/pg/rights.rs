//! What the roles can do: the connected one and those that are configured.

use sqlx::AssertSqlSafe;

use crate::checks::facts::{Attribute, NamedOwner, PasswordExpiry, Role, SchemaRights, TableRights};
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

pub(crate) async fn role(connection: &mut Session, owner: Option<&str>, major: u32) -> Result<Role, QueryError> {
    type Row = (String, Option<String>, Option<f64>, bool, Option<String>, Option<bool>, Option<bool>, Option<bool>);
    // ALTER … OWNER TO requires SET ROLE, which since 16 is granted apart from membership.
    let become_it = if major >= 16 { "set" } else { "member" };
    let sql = format!(
        "select rolname::text, to_char(rolvaliduntil, 'YYYY-MM-DD'), \
                (extract(epoch from rolvaliduntil - now()) / 86400)::float8, \
                has_database_privilege(current_database(), 'create'), \
                (select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'padealing'), \
                (select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'padealing'), \
                (select pg_has_role(oid, '{become_it}') from pg_roles where rolname = $1), \
                (select has_database_privilege(oid, current_database(), 'create') from pg_roles where rolname = $1) \
         from (select rolname, case when isfinite(rolvaliduntil) then rolvaliduntil end as rolvaliduntil \
               from pg_roles) it where rolname = current_user"
    );
    let (name, date, days, creates_schemas, application_owner, owns_application, can_become, owner_creates): Row =
        sqlx::query_as(AssertSqlSafe(sql)).bind(owner).fetch_one(connection).await.attempt("reading the role")?;
    Ok(Role {
        name,
        password_expiry: date.zip(days).map(|(date, days)| PasswordExpiry { date, days }),
        creates_schemas,
        application_owner,
        owns_application,
        named_owner: can_become
            .zip(owner_creates)
            .map(|(can_become, creates_schemas)| NamedOwner { can_become, creates_schemas }),
    })
}

/// A role with what lets it past privileges or policies, if anything does.
pub(crate) type Attributes = (String, Option<Attribute>);

/// Those of the roles that exist, with their attributes.
pub(crate) async fn attributes(connection: &mut Session, roles: &[String]) -> Result<Vec<Attributes>, QueryError> {
    let rows: Vec<(String, bool, bool)> =
        sqlx::query_as("select rolname::text, rolsuper, rolbypassrls from pg_roles where rolname = any($1) order by 1")
            .bind(roles)
            .fetch_all(connection)
            .await
            .attempt("reading the roles")?;
    let attribute = |(role, superuser, bypasses)| match (superuser, bypasses) {
        (true, _) => (role, Some(Attribute::Superuser)),
        (false, true) => (role, Some(Attribute::BypassRls)),
        (false, false) => (role, None),
    };
    Ok(rows.into_iter().map(attribute).collect())
}

/// Role, schema, USAGE, CREATE, sequences.
type SchemaRow = (String, String, bool, bool, Vec<String>, i64, i64);

pub(crate) async fn schema_rights(connection: &mut Session, roles: &[String]) -> Result<Vec<SchemaRights>, QueryError> {
    // An insert needs no privilege on an identity column's sequence; migrate, which calls nextval, does.
    let rows: Vec<SchemaRow> = sqlx::query_as(
        "select r.rolname::text, n.nspname::text, has_schema_privilege(r.oid, n.oid, 'usage'), \
                has_schema_privilege(r.oid, n.oid, 'create'), \
                coalesce(array_agg(c.relname::text order by c.relname) filter (where c.managed and c.serial \
                    and not coalesce(has_sequence_privilege(r.oid, c.oid, 'usage'), true)), '{}'), \
                count(c.oid) filter (where c.managed and not coalesce(has_sequence_privilege(r.oid, c.oid, 'usage') \
                    and has_sequence_privilege(r.oid, c.oid, 'select'), true)), \
                count(c.oid) filter (where has_sequence_privilege(r.oid, c.oid, 'usage, update')) \
         from pg_roles r cross join pg_namespace n \
         left join lateral (\
             select s.oid, s.relname, coalesce(d.deptype = 'a', true) as serial, coalesce(t.relname = any($2), false) as managed \
             from pg_class s \
             left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid \
                  and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') \
             left join pg_class t on t.oid = d.refobjid \
             where s.relnamespace = n.oid and s.relkind = 'S' offset 0) c on true \
         where r.rolname = any($1) and n.nspname in ('padealing', 'bo_airflow') \
         group by r.oid, r.rolname, n.oid, n.nspname order by 1, n.nspname = 'padealing' desc",
    )
    .bind(roles)
    .bind(MANAGED_TABLES)
    .fetch_all(connection)
    .await
    .attempt("reading privileges on the schemas")?;
    let rights = |(role, schema, usage, create, closed_sequences, undrawable_sequences, open_sequences)| SchemaRights {
        role,
        schema,
        usage,
        create,
        closed_sequences,
        undrawable_sequences,
        open_sequences,
    };
    Ok(rows.into_iter().map(rights).collect())
}

pub(crate) async fn table_rights(connection: &mut Session, roles: &[String]) -> Result<Vec<TableRights>, QueryError> {
    let rows: Vec<(String, String, String, Vec<String>, bool)> = sqlx::query_as(
        "select r.rolname::text, n.nspname::text, c.relname::text, \
                array(select it from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES']) \
                      it where has_table_privilege(r.oid, c.oid, it)), \
                coalesce(has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate') \
                    or has_any_column_privilege(r.oid, c.oid, 'insert, update'), false) \
         from pg_roles r, pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where r.rolname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f') \
           and n.nspname in ('bo_airflow', 'padealing') order by 1, 2, 3",
    )
    .bind(roles)
    .fetch_all(connection)
    .await
    .attempt("reading privileges on the tables")?;
    let rights = |(role, schema, table, privileges, writes)| TableRights { role, schema, table, privileges, writes };
    Ok(rows.into_iter().map(rights).collect())
}
