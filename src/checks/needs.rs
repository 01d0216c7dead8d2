//! What doctor's own questions and the configured roles need. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::checks::facts::Relation;
use crate::checks::part::Part;
use crate::ledger::permission::{Need, Right};
use crate::ledger::tables::{APPLICATION_TABLES, MANAGED_TABLES};
use crate::schema::names::{
    APPLICATION_SCHEMA as APPLICATION, CONTRACT_SCHEMA as REFERENCE, CRITICAL_REFERENCE_TABLES, REFERENCE_TABLES,
};

/// What doctor reads. The application has no use for the migration's own tables.
pub(crate) fn reading(role: &str, is_app: bool) -> Vec<Need> {
    let tables = if is_app { APPLICATION_TABLES } else { MANAGED_TABLES };
    let mut needs = on(role, APPLICATION, tables, &["SELECT"]);
    needs.extend(on(role, REFERENCE, &REFERENCE_TABLES, &["SELECT"]));
    needs
}

/// Every row of what doctor reads.
pub(crate) fn rows(role: &str, relations: &[Relation]) -> Vec<Need> {
    relations.iter().filter(|it| it.policed).map(|it| Need::rows(role, &it.schema, &it.name)).collect()
}

/// What a configured role needs for its part. `serials` are the sequences that defaults of the application's tables
/// draw from: an identity column's needs no privilege.
pub(crate) fn of_part(role: &str, part: Part, serials: &[String]) -> Vec<Need> {
    match part {
        Part::App => {
            let mut needs = on(role, APPLICATION, APPLICATION_TABLES, &["SELECT", "INSERT", "UPDATE", "DELETE"]);
            needs.extend(serials.iter().map(|name| Need::sequence(role, APPLICATION, name, "USAGE")));
            needs.extend(on(role, REFERENCE, &REFERENCE_TABLES, &["SELECT"]));
            needs
        }
        Part::Reader => reading(role, false),
        Part::Owner => on(role, REFERENCE, &CRITICAL_REFERENCE_TABLES[..2], &["SELECT", "REFERENCES"]),
        Part::Connected => Vec::new(),
    }
}

/// What a role needs to change padealing in whatever way: the privileges of its owner, and of the `grantors` of default
/// privileges in it.
pub(crate) fn owning(role: &str, owner: Option<&str>, grantors: &[String]) -> Vec<Need> {
    let others = owner.into_iter().chain(grantors.iter().map(String::as_str)).filter(|it| *it != role);
    let need = |it: &str| Need { role: role.to_owned(), right: Right::Inherit { role: it.to_owned() } };
    others.map(need).collect()
}

/// What of padealing must be given to the role that is to own it.
pub(crate) fn possession(role: &str, schema_owner: Option<&str>, relations: &[Relation]) -> Vec<Need> {
    let schema = schema_owner.map(|owner| (format!("schema {APPLICATION}"), owner));
    let managed = relations.iter().filter(|it| it.schema == APPLICATION && MANAGED_TABLES.contains(&&*it.name));
    let tables = managed.map(|it| (format!("{} {APPLICATION}.{}", it.kind, identifier(&it.name)), &*it.owner));
    let others = schema.into_iter().chain(tables).filter(|(_, owner)| *owner != role);
    let need = |(object, owner): (String, &str)| {
        let right = Right::Possession { object, owner: owner.to_owned() };
        Need { role: role.to_owned(), right }
    };
    others.map(need).collect()
}

fn on(role: &str, schema: &str, tables: &[&str], privileges: &[&'static str]) -> Vec<Need> {
    let mut needs = vec![Need::schema(role, schema, "USAGE")];
    for privilege in privileges {
        needs.extend(tables.iter().map(|table| Need::table(role, schema, table, privilege)));
    }
    needs
}
