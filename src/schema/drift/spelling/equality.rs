//! Whether two texts that Postgres has printed mean the same.

use crate::schema::catalog::{Kind, Property};
use crate::schema::drift::spelling::Normalizer;
use crate::schema::drift::spelling::normal::normal_form;

/// Whether two spellings of a property mean the same.
pub(crate) fn same(kind: Kind, property: Property, one: &str, other: &str, normalizer: &Normalizer) -> bool {
    if one == other {
        return true;
    }
    let Some(statement) = statement(kind, property) else {
        return !normalizer.renames.is_empty() && normalizer.in_words(one) == normalizer.in_words(other);
    };
    if property == Property::Generated {
        // `stored` or `virtual`, and the expression.
        let (Some((how, one)), Some((other_how, other))) = (one.split_once(' '), other.split_once(' ')) else {
            return false;
        };
        return how == other_how && same(kind, Property::Default, one, other, normalizer);
    }
    if kind == Kind::Statistics {
        // Columns are printed in their order in the table.
        let sorted = |text: &str| {
            let (kinds, rest) = text.split_once("ON ")?;
            let (columns, table) = rest.rsplit_once(" FROM ")?;
            let mut columns: Vec<&str> = columns.split(", ").collect();
            columns.sort_unstable();
            Some(format!("{kinds}ON {} FROM {table}", columns.join(", ")))
        };
        let (one, other) = (sorted(one), sorted(other));
        let (Some(one), Some(other)) = (one, other) else { return false };
        return normalizer.in_words(&one) == normalizer.in_words(&other);
    }
    let tree = |text: &str| normal_form(&statement.replace("{}", text), normalizer);
    matches!((tree(one), tree(other)), (Some(one), Some(other)) if one == other)
}

/// A statement that holds the property's text, where that is SQL.
fn statement(kind: Kind, property: Property) -> Option<&'static str> {
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
        (_, Property::Default | Property::Generated | Property::Using | Property::WithCheck) => "select {}",
        _ => return None,
    })
}
