//! Whether rows fit what is to become of their table: conditions and queries. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};

/// How values of one type become values of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Each value as it is.
    All {
        /// Whether every row is rewritten.
        rewrite: bool,
        /// Whether a cast must be named.
        cast: bool,
    },
    /// Those for which a condition holds.
    Some {
        /// The condition, which no value may fail.
        condition: String,
        /// Whether a cast must be named.
        cast: bool,
    },
    /// No conversion keeps every value, and why.
    None(&'static str),
}

/// A type's name without its modifiers, and these.
fn parts(text: &str) -> (String, Vec<i64>) {
    let Some((before, rest)) = text.split_once('(') else { return (text.to_owned(), Vec::new()) };
    let Some((inside, after)) = rest.split_once(')') else { return (text.to_owned(), Vec::new()) };
    let numbers = inside.split(',').filter_map(|it| it.trim().parse().ok()).collect();
    (format!("{before}{after}"), numbers)
}

/// A domain's type, and its conditions on `VALUE`.
fn domain<'a>(catalog: &'a Catalog, of_type: &str) -> Option<(String, Vec<&'a Value>)> {
    let (id, object) = named(catalog, of_type, Kind::Domain)?;
    let constraints = catalog.children(&id.schema, &id.name).filter(|(id, _)| id.kind == Kind::Constraint);
    let checks = constraints.filter_map(|(_, object)| object.get(&Property::Definition)).collect();
    Some((object.get(&Property::Type)?.to_string(), checks))
}

fn named<'a>(catalog: &'a Catalog, of_type: &str, kind: Kind) -> Option<(&'a Id, &'a Object)> {
    catalog
        .objects
        .iter()
        .find(|(id, _)| id.kind == kind && format!("{}.{}", identifier(&id.schema), identifier(&id.name)) == *of_type)
}

const WHOLE: [(&str, &str, &str); 3] = [
    ("smallint", "-32768", "32767"),
    ("integer", "-2147483648", "2147483647"),
    ("bigint", "-9223372036854775808", "9223372036854775807"),
];

/// How the values of a column, which `column` is in SQL, become values of another type.
pub(crate) fn fit(column: &str, from: &str, to: &str, live: &Catalog, expected: &Catalog) -> Fit {
    if let Some((base, _)) = domain(live, from) {
        return match fit(column, &base, to, live, expected) {
            Fit::All { cast, .. } => Fit::All { rewrite: true, cast },
            other => other,
        };
    }
    if let Some((base, checks)) = domain(expected, to) {
        let conditions = checks.iter().filter_map(|check| {
            let check = check.to_string();
            let condition = check.strip_prefix("CHECK ")?.trim_end_matches(" NOT VALID").to_owned();
            Some(condition.replace("VALUE", column))
        });
        let mut conditions: Vec<String> = conditions.collect();
        let cast = match fit(column, from, &base, live, expected) {
            Fit::All { cast, .. } => cast,
            Fit::Some { condition, cast } => {
                conditions.push(condition);
                cast
            }
            none => return none,
        };
        return match conditions.is_empty() {
            true => Fit::All { rewrite: true, cast },
            false => Fit::Some { condition: conditions.join(" and "), cast },
        };
    }
    fit_without_domains(column, from, to, live, expected)
}

/// The same, where neither type is a domain.
fn fit_without_domains(column: &str, from: &str, to: &str, live: &Catalog, expected: &Catalog) -> Fit {
    let text = |name: &str| matches!(name, "text" | "character varying");
    let whole = |name: &str| WHOLE.iter().position(|(of_type, _, _)| *of_type == name);
    let all = |rewrite| Fit::All { rewrite, cast: false };
    let some = |condition: String| Fit::Some { condition, cast: false };
    let ((old, was), (new, is)) = (parts(from), parts(to));
    match (old.as_str(), new.as_str()) {
        (old, new) if text(old) && text(new) => match (was.first(), is.first()) {
            (_, None) => all(false),
            (Some(was), Some(is)) if was <= is => all(false),
            (_, Some(is)) => some(format!("length({column}) <= {is}")),
        },
        (old, new) if whole(old).is_some() && whole(new).is_some() => {
            let (old, new) = (whole(old), whole(new));
            match new.map(|it| WHOLE[it]) {
                Some((_, least, most)) if new < old => some(format!("{column} between {least} and {most}")),
                _ => all(true),
            }
        }
        (old, "numeric") if whole(old).is_some() => match is[..] {
            [precision, scale] => some(format!("abs({column}) < 1e{}", precision - scale)),
            _ => all(true),
        },
        ("numeric", new) if whole(new).is_some() => {
            let (_, least, most) = WHOLE[whole(new).unwrap_or_default()];
            some(format!("{column} = trunc({column}) and {column} between {least} and {most}"))
        }
        ("numeric", "numeric") => match (&was[..], &is[..]) {
            (_, []) => all(false),
            ([was, old_scale], [is, scale]) if scale == old_scale && is >= was => all(false),
            ([was, old_scale], [is, scale]) if scale >= old_scale && is - scale >= was - old_scale => all(true),
            (_, [is, scale]) => {
                some(format!("{column} = round({column}, {scale}) and abs({column}) < 1e{}", is - scale))
            }
            _ => Fit::None("no lossless conversion is known"),
        },
        ("real", "double precision") => all(true),
        (old, new) if old == new && (old.starts_with("timestamp") || old.starts_with("time ")) => {
            match (was.first(), is.first()) {
                (_, None) => all(false),
                (Some(was), Some(is)) if was <= is => all(false),
                _ => some(format!("{column} = {column}::{to}")),
            }
        }
        ("date", "timestamp without time zone") => all(true),
        ("timestamp without time zone", "date") => some(format!("{column} = {column}::date::timestamp")),
        (old, new) if old.starts_with("timestamp") && new.starts_with("timestamp") => {
            Fit::None("the result depends on a time zone; convert the column by hand")
        }
        ("json", "jsonb") => Fit::None("jsonb loses the order of keys, and all but the last of duplicate keys"),
        ("jsonb", "json") => all(true),
        (old, _) if text(old) && named(expected, to, Kind::Enum).is_some() => {
            let labels = named(expected, to, Kind::Enum).and_then(|(_, object)| object.get(&Property::Labels));
            let labels: Vec<String> =
                labels.map(Value::parts).unwrap_or_default().iter().map(|it| literal(it)).collect();
            Fit::Some { condition: format!("{column}::text in ({})", labels.join(", ")), cast: true }
        }
        (_, new) if named(live, from, Kind::Enum).is_some() && text(new) => match is.first() {
            None => Fit::All { rewrite: true, cast: true },
            Some(is) => Fit::Some { condition: format!("length({column}::text) <= {is}"), cast: true },
        },
        (old, new) if old == new && was == is => all(true),
        _ => Fit::None("no lossless conversion is known"),
    }
}

/// The names in the first parentheses of a definition, if there are only names.
pub(super) fn columns(definition: &str) -> Option<Vec<&str>> {
    let (_, rest) = definition.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    let is_name = |it: &&str| it.starts_with('"') || it.chars().all(|it| it.is_alphanumeric() || it == '_');
    let columns: Vec<&str> = inside.split(", ").collect();
    columns.iter().all(is_name).then_some(columns)
}

/// The query that finds rows which a constraint refuses. The table that a foreign key points at is `target`, or isn't
/// there yet.
pub(crate) fn refused_by(table: &str, kind: &str, definition: &str, target: Option<&str>) -> Option<String> {
    match kind {
        "check" => {
            let condition = definition.strip_prefix("CHECK ")?;
            let end = condition.rfind(')')? + 1;
            Some(format!("select * from {table} where not {}", &condition[..end]))
        }
        "unique" | "primary key" => {
            let columns = columns(definition)?;
            let list = columns.join(", ");
            let filled = || columns.iter().map(|it| format!("{it} is not null")).collect::<Vec<_>>().join(" and ");
            let (rows, or_null) = match kind {
                "primary key" => {
                    let null = columns.iter().map(|it| format!(" or {it} is null")).collect::<String>();
                    (String::new(), null)
                }
                _ if definition.contains("NULLS NOT DISTINCT") => (String::new(), String::new()),
                _ => (format!(" where {}", filled()), String::new()),
            };
            Some(format!("select {list}, count(*) from {table}{rows} group by {list} having count(*) > 1{or_null}"))
        }
        "foreign key" => {
            let own = columns(definition)?;
            let referenced = columns(definition.split_once(" REFERENCES ")?.1)?;
            let set = own.iter().map(|it| format!("o.{it} is not null")).collect::<Vec<_>>().join(" and ");
            let same = own.iter().zip(&referenced).map(|(own, other)| format!("r.{other} = o.{own}"));
            let same = same.collect::<Vec<_>>().join(" and ");
            let there = target.map(|it| format!(" and not exists (select from {it} r where {same})"));
            Some(format!("select o.* from {table} o where {set}{}", there.unwrap_or_default()))
        }
        _ => None,
    }
}

/// The query that finds rows which a unique index refuses, if it is over columns.
pub(crate) fn refused_by_index(table: &str, definition: &str) -> Option<String> {
    let columns = columns(definition)?;
    let list = columns.join(", ");
    let filled = columns.iter().map(|it| format!("{it} is not null")).collect::<Vec<_>>().join(" and ");
    let condition =
        definition.split_once(" WHERE ").map(|(_, condition)| format!(" and {condition}")).unwrap_or_default();
    let filled = if definition.contains("NULLS NOT DISTINCT") { "true".to_owned() } else { filled };
    Some(format!("select {list}, count(*) from {table} where {filled}{condition} group by {list} having count(*) > 1"))
}
