//! Whether two texts that Postgres has printed mean the same.

use crate::schema::catalog::{Kind, Property};
use crate::schema::drift::spelling::normal::normal_form;
use crate::schema::drift::spelling::retyped::{Side, forgiven};
use crate::schema::drift::spelling::{Normalizer, alike, values};

/// Whether two spellings of a property mean the same.
pub(crate) fn same(kind: Kind, property: Property, expected: &str, live: &str, normalizer: &Normalizer) -> bool {
    if expected == live {
        return true;
    }
    if kind == Kind::Collation && property == Property::Definition {
        return values::collation(expected) == values::collation(live);
    }
    let Some(statement) = statement(kind, property, [expected, live]) else {
        return names_objects(property) && alike::texts(expected, live, &normalizer.renames);
    };
    if property == Property::Generated {
        // `stored` or `virtual`, and the expression.
        let (Some((how, expected)), Some((other_how, live))) = (expected.split_once(' '), live.split_once(' ')) else {
            return false;
        };
        return how == other_how && same(kind, Property::Default, expected, live, normalizer);
    }
    let own = property == Property::Default;
    let tree = |text: &str, side: Side| {
        let tree = normal_form(&statement.replace("{}", text), normalizer.before_14)?;
        Some(if normalizer.retyped.is_empty() { tree } else { forgiven(tree, &normalizer.retyped, side, own) })
    };
    match (tree(expected, Side::Expected), tree(live, Side::Live)) {
        (Some(expected), Some(live)) => alike::trees(&expected, &live, &normalizer.renames),
        _ => alike::texts(expected, live, &normalizer.renames),
    }
}

/// Whether a default is the same as none: NULL, of whatever type.
pub(crate) fn is_null(default: &str) -> bool {
    let mut parts = default.split("::");
    let is_type = |part: &str| !part.contains(|sign: char| !(sign.is_alphanumeric() || " (),[]\"_.".contains(sign)));
    parts.next().is_some_and(|value| value.trim_start_matches('(') == "NULL") && parts.all(is_type)
}

/// Whether a text that is not parsed has the names of objects in it. Others have words, numbers or roles.
pub(crate) fn names_objects(property: Property) -> bool {
    matches!(
        property,
        Property::Type
            | Property::Returns
            | Property::Arguments
            | Property::Definition
            | Property::Body
            | Property::Collation
            | Property::OfType
            | Property::Support
            | Property::Triggers
            | Property::Tables
            | Property::Inherits
            | Property::PartitionKey
            | Property::OwnedBy
    )
}

/// A statement that holds the property's text, where that is SQL.
fn statement(kind: Kind, property: Property, texts: [&str; 2]) -> Option<&'static str> {
    let is_tree = |text: &str| text.starts_with("BEGIN ATOMIC\n") || text.starts_with("RETURN ");
    Some(match (kind, property) {
        (Kind::View | Kind::MaterializedView, Property::Definition) => "{}",
        (Kind::Constraint, Property::Definition) => "alter table t add {}",
        (Kind::Index, Property::Definition) => "create index on t using {}",
        (Kind::Trigger, Property::Definition) => "create trigger t {}",
        (Kind::Rule, Property::Definition) => "create rule r as {}",
        (Kind::Statistics, Property::Definition) => "create statistics s {}",
        (Kind::Function | Kind::Procedure, Property::Arguments) => {
            "create function f({}) returns int language sql as ''"
        }
        // A body in quotes is a text; one without, a tree that Postgres prints.
        (Kind::Function | Kind::Procedure, Property::Body) if texts.into_iter().all(is_tree) => {
            "create function f() returns int {}"
        }
        (Kind::Table, Property::PartitionKey) => "create table t (c int) partition by {}",
        (_, Property::Default | Property::Generated | Property::Using | Property::WithCheck) => "select {}",
        _ => return None,
    })
}
