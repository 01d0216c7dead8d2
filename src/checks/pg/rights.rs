//! What the roles can do: the connected one and those that are configured.

use crate::checks::facts::{Attribute, PasswordExpiry, Policy, Relation, Role, SchemaRights, TableRights};
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

pub(crate) async fn role(connection: &mut Session, owner: Option<&str>) -> Result<Role, QueryError> {
    type Row = (String, Option<String>, Option<f64>, Option<String>, bool);
    // A member that doesn't inherit is meant to change the schema all the same.
    let sql = "with schema as (select nspowner from pg_namespace where nspname = 'padealing') \
         select rolname::text, to_char(rolvaliduntil, 'YYYY-MM-DD'), \
                (extract(epoch from rolvaliduntil - now()) / 86400)::float8, \
                (select pg_get_userbyid(nspowner)::text from schema), \
                coalesce((select pg_has_role(oid, 'member') from pg_roles where rolname = $1), false) \
                or coalesce((select pg_has_role(nspowner, 'member') from schema), \
                    $1::text is null and has_database_privilege(current_database(), 'create')) \
                or exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                    where n.nspname = 'padealing' and c.relname = 'migration_mapping' \
                      and has_table_privilege(c.oid, 'insert')) \
         from (select rolname, case when isfinite(rolvaliduntil) then rolvaliduntil end as rolvaliduntil \
               from pg_roles) it where rolname = current_user";
    let (name, date, days, application_owner, is_operator): Row =
        sqlx::query_as(sql).bind(owner).fetch_one(connection).await.attempt("reading the role")?;
    let password_expiry = date.zip(days).map(|(date, days)| PasswordExpiry { date, days });
    Ok(Role { name, password_expiry, application_owner, is_operator })
}

/// The sequences of the application's tables that defaults draw from, as serial columns have them.
pub(crate) async fn serials(connection: &mut Session) -> Result<Vec<String>, QueryError> {
    sqlx::query_scalar(
        "select s.relname::text from pg_class s join pg_namespace n on n.oid = s.relnamespace \
         left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid \
              and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') \
         left join pg_class t on t.oid = d.refobjid \
         where n.nspname = 'padealing' and s.relkind = 'S' and d.deptype = 'a' and t.relname = any($1) order by 1",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(connection)
    .await
    .attempt("reading the sequences")
}

/// The policies of the relations whose rows they may hide from the connected role.
pub(crate) async fn policies(connection: &mut Session, relations: &[Relation]) -> Result<Vec<Policy>, QueryError> {
    let policed = || relations.iter().filter(|it| it.policed);
    type Row = (String, String, String, Vec<String>, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(
        "select schemaname || '.' || tablename, policyname::text, cmd, roles::text[], qual from pg_policies \
         where (schemaname, tablename) in (select * from unnest($1::text[], $2::text[])) order by 1, 2",
    )
    .bind(policed().map(|it| it.schema.clone()).collect::<Vec<_>>())
    .bind(policed().map(|it| it.name.clone()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .attempt("reading the policies")?;
    let policy = |(table, name, command, roles, shows)| Policy { table, name, command, roles, shows };
    Ok(rows.into_iter().map(policy).collect())
}

/// The roles that have default privileges in padealing; a superuser's are nobody else's.
pub(crate) async fn grantors(connection: &mut Session) -> Result<Vec<String>, QueryError> {
    sqlx::query_scalar(
        "select distinct r.rolname::text from pg_default_acl d join pg_roles r on r.oid = d.defaclrole \
         join pg_namespace n on n.oid = d.defaclnamespace where n.nspname = 'padealing' and not r.rolsuper order by 1",
    )
    .fetch_all(connection)
    .await
    .attempt("reading the default privileges")
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

pub(crate) async fn schema_rights(connection: &mut Session, roles: &[String]) -> Result<Vec<SchemaRights>, QueryError> {
    let rows: Vec<(String, String, bool, bool, i64)> = sqlx::query_as(
        "select r.rolname::text, n.nspname::text, has_schema_privilege(r.oid, n.oid, 'usage'), \
                has_schema_privilege(r.oid, n.oid, 'create'), \
                (select count(*) from (select oid from pg_class where relnamespace = n.oid and relkind = 'S' offset 0) c \
                 where has_sequence_privilege(r.oid, c.oid, 'usage, update')) \
         from pg_roles r cross join pg_namespace n \
         where r.rolname = any($1) and n.nspname in ('padealing', 'bo_airflow') \
         order by 1, n.nspname = 'padealing' desc",
    )
    .bind(roles)
    .fetch_all(connection)
    .await
    .attempt("reading privileges on the schemas")?;
    let rights =
        |(role, schema, usage, create, open_sequences)| SchemaRights { role, schema, usage, create, open_sequences };
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
