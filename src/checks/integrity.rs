//! The integrity checks: a SQL file each in the folder of this name, embedded in the program. Pure.

pub mod explain;
pub mod header;
pub mod judge;
pub mod outcome;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::base::hint::INTEGRITY;
use crate::base::quote::quote_identifier;
use crate::base::text::list;
use crate::checks::integrity::header::{Header, body};
use crate::schema::catalog::{Catalog, Kind, Property};
use crate::schema::drift::exceptions::similar;
use crate::schema::names::APPLICATION_SCHEMA;

include!(concat!(env!("OUT_DIR"), "/integrity_checks.rs"));

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name, that of its file, which stays the same from version to version.
    pub name: &'static str,
    /// The file: it runs in psql as it is.
    pub text: &'static str,
    /// What its head says.
    pub header: Header<'static>,
}

/// Every check, in the order of their names: those of rows and the catalog first, then those of plans.
pub static ALL: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let read = |(file, text): &(&'static str, &'static str)| {
        // The build has read them.
        let header = Header::parse(text).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        Definition { name: file.trim_end_matches(".sql"), text, header }
    };
    let mut all: Vec<Definition> = INTEGRITY_CHECKS.iter().map(read).collect();
    all.sort_by_key(|it| (it.header.index.is_some(), it.name));
    all
});

/// There is no check of a name.
#[derive(Debug, thiserror::Error)]
#[error("there is no check {name:?}{}; `{INTEGRITY} --list` shows them all", similar(near))]
pub struct UnknownCheck {
    name: String,
    near: Vec<String>,
}

/// The check of a name.
pub fn named(name: &str) -> Result<&'static Definition, UnknownCheck> {
    let found = ALL.iter().find(|it| it.name == name);
    found.ok_or_else(|| UnknownCheck { name: name.to_owned(), near: near(name).unwrap_or_default() })
}

/// The names that are like one that no check has; none if one has it.
pub fn near(name: &str) -> Option<Vec<String>> {
    let is_one = ALL.iter().any(|it| it.name == name);
    (!is_one).then(|| near_among(name, ALL.iter().map(|it| it.name)))
}

/// Which of these names are like a name, the nearest first.
pub(crate) fn near_among(name: &str, names: impl Iterator<Item = &'static str>) -> Vec<String> {
    const FEW: usize = 3;
    let name = name.trim().to_lowercase().replace(['-', ' '], "_");
    let distance = |it: &&str| strsim::damerau_levenshtein(it, &name);
    let is_part = |it: &&str| name.len() > FEW && (it.contains(&*name) || name.contains(it));
    let mut alike: Vec<&str> = names.filter(|it| distance(it) <= FEW || is_part(it)).collect();
    alike.sort_by_key(distance);
    alike.into_iter().take(FEW).map(str::to_owned).collect()
}

/// The checks of these names, each once, in the order of all; every check if none is named.
pub fn select(wanted: &[String]) -> Result<Vec<&'static Definition>, UnknownCheck> {
    for name in wanted {
        named(name)?;
    }
    Ok(ALL.iter().filter(|it| wanted.is_empty() || wanted.iter().any(|name| name == it.name)).collect())
}

/// Rows that are shown; the rest is a count.
pub const SHOWN: usize = 20;

/// The migration's own tables, and their columns. Where they don't exist nothing was migrated.
const OF_THE_MIGRATION: [(&str, &str); 3] = [
    (
        "padealing.migration_mapping",
        "null::int as id, null::text as source_table, null::bigint as source_id, null::text as target_table, \
         null::bigint as target_id, null::timestamp as migrated_at",
    ),
    (
        "padealing.migration_reject",
        "null::bigint as id, null::text as source_table, null::bigint as source_id, null::text as field, \
         null::text as rule, null::text as value, null::text as message, null::uuid as first_run_id, \
         null::uuid as last_run_id, null::uuid as resolved_run_id",
    ),
    (
        "padealing.migration_run",
        "null::uuid as id, null::text as command, null::text as environment, null::timestamp as started_at, \
         null::timestamp as finished_at, null::text as outcome",
    ),
];

/// Whether a table is one that the migration makes for itself.
pub(crate) fn is_of_the_migration(table: &str) -> bool {
    OF_THE_MIGRATION.iter().any(|(name, _)| *name == table)
}

/// A column that a table doesn't have yet, and whose value is known all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddedColumn {
    /// The table, with its schema.
    pub(crate) table: String,
    /// Its name.
    pub(crate) column: String,
    /// What it will hold, as an item of a SELECT.
    pub(crate) sql: String,
}

/// What the plan adds to tables of padealing that have these columns, each of a table and with its type: null, or the
/// default. A column that has another name now has values, so what might be renamed isn't known.
pub(crate) fn added_columns(expected: &Catalog, live: &[(String, String, String)]) -> Vec<AddedColumn> {
    let tables: BTreeSet<&str> = live.iter().map(|(table, ..)| &**table).collect();
    let columns = tables.into_iter().flat_map(|table| expected.children(APPLICATION_SCHEMA, table));
    let columns: Vec<_> = columns.filter(|(id, _)| id.kind == Kind::Column).collect();
    let is_expected = |table: &str, name: &str| columns.iter().any(|(id, _)| id.parent == table && id.name == name);
    let mut added = Vec::new();
    for (id, object) in &columns {
        let (table, of) = (&id.parent, object.get(&Property::Type).map(ToString::to_string).unwrap_or_default());
        let mut there = live.iter().filter(|(of_table, ..)| of_table == table);
        let is_there = there.clone().any(|(_, name, _)| *name == id.name);
        let may_be_renamed = there.any(|(_, name, type_of)| *type_of == of && !is_expected(table, name));
        let default = object.get(&Property::Default).map(ToString::to_string);
        let is_unknown = [Property::Identity, Property::Generated].iter().any(|it| object.contains_key(it))
            || default.is_none() && object.contains_key(&Property::NotNull);
        if is_there || may_be_renamed || is_unknown {
            continue;
        }
        let (value, name) = (default.unwrap_or("null".to_owned()), quote_identifier(&id.name));
        added.push(AddedColumn {
            table: format!("{APPLICATION_SCHEMA}.{table}"),
            column: id.name.clone(),
            sql: format!("({value})::{of} as {name}"),
        });
    }
    added
}

fn is_of_name(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}

/// Replaces a table's name, and no longer one that begins with it.
fn replace_name(query: &str, name: &str, place: &str) -> String {
    let mut parts = query.split(name);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + if part.starts_with(is_of_name) { name } else { place } + part)
}

impl Definition {
    /// The query without its semicolon.
    fn query(&self) -> &'static str {
        body(self.text).trim_end().trim_end_matches(';')
    }

    /// The statement that counts what the query finds, and shows the first rows: how many count, how many are odd as in
    /// their source, how many are excepted, the ids of `$1` that were found, and the rows, those that count first.
    pub fn counting(&self) -> String {
        self.counting_before(&[], &[])
    }

    /// The same before the first migration. In place of the migration's own tables, if they don't exist, is one without
    /// rows; in place of a table that lacks columns is one that has them.
    pub(crate) fn counting_before(&self, absent: &[&str], added: &[&AddedColumn]) -> String {
        let mut query = self.query().to_owned();
        let mut instead = String::new();
        let tables: BTreeSet<&str> = added.iter().map(|it| &*it.table).collect();
        for name in tables {
            let place = name.replace("padealing.", "pad_now_");
            query = replace_name(&query, name, &place);
            let columns = added.iter().filter(|it| it.table == name).map(|it| format!(", {}", it.sql));
            let columns: String = columns.collect();
            instead.push_str(&format!("{place} as not materialized (select t.*{columns} from {name} t), "));
        }
        for (name, columns) in OF_THE_MIGRATION.iter().filter(|(name, _)| absent.contains(name)) {
            let place = name.replace("padealing.", "pad_no_");
            query = query.replace(name, &place);
            instead.push_str(&format!("{place} as (select {columns} where false), "));
        }
        let as_in_source = if self.header.legacy.is_some() { "coalesce(f.as_in_source, false)" } else { "false" };
        format!(
            "with {instead}pad_found as materialized (\n{query}\n), pad_judged as materialized (select f as pad_row, \
             row_number() over () as pad_at, {as_in_source} as pad_source, \
             case when cardinality($1) = 0 then false else f.id::text = any($1) end as pad_excepted from pad_found f) \
             select count(*) filter (where not pad_excepted and not pad_source), \
             count(*) filter (where not pad_excepted and pad_source), count(*) filter (where pad_excepted), \
             array(select distinct (pad_row).id::text from pad_judged where pad_excepted), \
             coalesce((select json_agg(pad_row order by pad_source, pad_at) from (select * from pad_judged \
             where not pad_excepted order by pad_source, pad_at limit {SHOWN}) shown), '[]')::text from pad_judged"
        )
    }

    /// The columns of these that the query names. What it reads may have none of the others.
    pub(crate) fn naming<'a>(&self, added: &'a [AddedColumn]) -> Vec<&'a AddedColumn> {
        let words: BTreeSet<&str> = self.query().split(|it: char| !is_of_name(it)).collect();
        let is_named = |it: &&AddedColumn| self.header.reads.contains(&&*it.table) && words.contains(&*it.column);
        added.iter().filter(is_named).collect()
    }

    /// The statement that asks for the plan of the query.
    pub fn explaining(&self) -> String {
        format!("explain (format json) {}", self.query().trim_start_matches("explain\n"))
    }

    /// The scenarios in words.
    pub fn scenarios(&self) -> String {
        list(self.header.scenarios.iter().map(u8::to_string))
    }
}
