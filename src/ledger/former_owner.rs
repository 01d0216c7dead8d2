//! What a role keeps of what it owned. With the ownership, PostgreSQL gives all of it to the new owner. Pure.

use std::collections::BTreeMap;

use squawk_syntax::quote::quote_ident as identifier;

use crate::config::settings::Roles;
use crate::ledger::tables::{APPLICATION_TABLES, MANAGED_TABLES};

/// What `migrations/` give the application's role, or the reader's, on an object that it no longer owns. What they
/// don't create is used as their default privileges would let it be. `object` is as ALTER takes it; `sequences` are those
/// that columns of a table own, by the table.
pub(crate) fn kept(
    former: &str,
    object: &str,
    roles: &Roles,
    sequences: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let is_app = roles.app.as_deref() == Some(former);
    if !roles.confine(former) {
        return Vec::new();
    }
    let grant = |privileges: &str, on: &str| format!("grant {privileges} on {on} to {}", identifier(former));
    let relation = ["table ", "view ", "materialized view ", "foreign table "];
    let Some(name) = relation.iter().find_map(|it| object.strip_prefix(it)) else {
        return match object.split(' ').next() {
            Some("schema" | "type" | "domain") => vec![grant("usage", object)],
            Some("sequence") if is_app => vec![grant("usage", object)],
            Some("function" | "procedure") => vec![grant("execute", object)],
            _ => Vec::new(),
        };
    };
    let bare = name.rsplit('.').next().unwrap_or(name);
    let is_migration = MANAGED_TABLES.contains(&bare) && !APPLICATION_TABLES.contains(&bare);
    let privileges = match (is_app, is_migration) {
        (true, true) => None,
        (true, false) => Some("select, insert, update, delete"),
        (false, _) => Some("select"),
    };
    let own = privileges.map(|it| grant(it, name));
    let owned = sequences.get(name).into_iter().flatten().filter(|_| is_app);
    own.into_iter().chain(owned.map(|it| grant("usage", &format!("sequence {it}")))).collect()
}
