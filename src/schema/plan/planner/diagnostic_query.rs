//! Queries that show what a difference is about. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Id, Kind};
use crate::schema::ddl::qualified;

/// The query that shows what an object is, or holds.
pub(super) fn diagnostic_query(id: &Id) -> Option<String> {
    let name = qualified(&id.schema, id.name.split('(').next().unwrap_or_default());
    let table = qualified(&id.schema, &id.parent);
    let (of_table, bare) = (format!("{}::regclass", literal(&table)), literal(&id.name));
    Some(match id.kind {
        Kind::Table | Kind::ForeignTable | Kind::View | Kind::MaterializedView | Kind::Sequence => {
            format!("select * from {name}")
        }
        Kind::Column => {
            let column = identifier(&id.name);
            format!("select {column}, count(*) from {table} group by 1 order by 2 desc")
        }
        Kind::Constraint => {
            format!(
                "select pg_get_constraintdef(oid) from pg_constraint where conrelid = {of_table} and conname = {bare}"
            )
        }
        Kind::Index => format!("select pg_get_indexdef({}::regclass)", literal(&name)),
        Kind::Trigger => {
            format!("select pg_get_triggerdef(oid) from pg_trigger where tgrelid = {of_table} and tgname = {bare}")
        }
        Kind::Rule => {
            format!("select pg_get_ruledef(oid) from pg_rewrite where ev_class = {of_table} and rulename = {bare}")
        }
        Kind::Policy => format!("select * from pg_policy where polrelid = {of_table} and polname = {bare}"),
        Kind::Function | Kind::Procedure => {
            let bare = literal(id.name.split('(').next().unwrap_or_default());
            let schema = literal(&id.schema);
            format!(
                "select pg_get_functiondef(oid) from pg_proc where pronamespace = {schema}::regnamespace \
                 and proname = {bare}"
            )
        }
        Kind::Enum => format!("select enumlabel from pg_enum where enumtypid = {}::regtype", literal(&name)),
        Kind::Domain | Kind::Composite | Kind::Range | Kind::BaseType => {
            format!("select * from pg_type where oid = {}::regtype", literal(&name))
        }
        _ => return None,
    })
}
