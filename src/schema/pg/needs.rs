//! Whether the connected role may take a route. Reads only.

use crate::config::settings::Roles;
use crate::ledger::permission::{Need, Permissions};
use crate::ledger::pg::permission::{current_role, permissions};
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::schema::catalog::Catalog;
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::plan::losses::Loss;
use crate::schema::plan::needs::{Heir, needs, needs_of_down_migrations};
use crate::schema::plan::route::Route;

/// What it takes to apply a plan, and what of that the connected role lacks.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) needs: Vec<Need>,
    pub(crate) permissions: Permissions,
}

/// What the connected role lacks to take a route. `roles` are those of padealing.
pub(crate) async fn route_permissions(
    connection: &mut Session,
    route: &Route,
    live: &Catalog,
    makes_mirror: bool,
    roles: &Roles,
) -> Result<Wanted, QueryError> {
    let role = current_role(connection).await?;
    let heirs = heirs(connection).await?;
    let needs = needs(route, live, &role, &heirs, makes_mirror);
    let permissions = permissions(connection, &needs, roles).await?;
    Ok(Wanted { needs, permissions })
}

/// What the connected role lacks to roll back, of these down migrations, which drop `counted` tables or columns of them.
pub(crate) async fn down_permissions(
    connection: &mut Session,
    sql: &[String],
    counted: &[Loss],
    live: &Catalog,
    roles: &Roles,
) -> Result<Permissions, QueryError> {
    let role = current_role(connection).await?;
    let heirs = heirs(connection).await?;
    let mut needs = needs_of_down_migrations(sql, live, &role, &heirs);
    for loss in counted {
        let need = Need::table(&role, APPLICATION_SCHEMA, &loss.table, "SELECT");
        if !needs.contains(&need) {
            needs.push(need);
        }
    }
    permissions(connection, &needs, roles).await
}

/// The tables that inherit from managed tables, in whatever schema.
async fn heirs(connection: &mut Session) -> Result<Vec<Heir>, QueryError> {
    let rows: Vec<(String, String, String, String, String)> = sqlx::query_as(
        "with recursive heir (top, oid) as ( \
             select i.inhparent, i.inhrelid from pg_inherits i join pg_class c on c.oid = i.inhparent \
             where c.relname = any($1) and c.relkind in ('r', 'p') \
             union select h.top, i.inhrelid from heir h join pg_inherits i on i.inhparent = h.oid) \
         select tn.nspname::text, t.relname::text, n.nspname::text, c.relname::text, \
                pg_get_userbyid(c.relowner)::text \
         from heir h join pg_class t on t.oid = h.top join pg_namespace tn on tn.oid = t.relnamespace \
         join pg_class c on c.oid = h.oid join pg_namespace n on n.oid = c.relnamespace order by 1, 2, 3, 4",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(connection)
    .await
    .attempt("looking for tables that inherit from managed tables")?;
    let heir = |(of, parent, schema, name, owner)| Heir { parent: (of, parent), schema, name, owner };
    Ok(rows.into_iter().map(heir).collect())
}
