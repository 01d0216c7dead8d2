//! The integrity checks: a SQL file each in the folder of this name, embedded in the program. Pure.

pub mod explain;
pub mod header;
pub mod judge;
pub mod outcome;

use std::sync::LazyLock;

use crate::base::text::list;
use crate::checks::integrity::header::{Header, body};
use crate::schema::drift::exceptions::similar;

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
#[error("there is no check {name:?}{}; `pad-migrate integrity --list` shows them all", similar(near))]
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
    const FEW: usize = 3;
    if ALL.iter().any(|it| it.name == name) {
        return None;
    }
    let name = name.trim().to_lowercase().replace(['-', ' '], "_");
    let distance = |it: &&Definition| strsim::damerau_levenshtein(it.name, &name);
    let is_part = |it: &&Definition| name.len() > FEW && (it.name.contains(&*name) || name.contains(it.name));
    let mut alike: Vec<&Definition> = ALL.iter().filter(|it| distance(it) <= FEW || is_part(it)).collect();
    alike.sort_by_key(distance);
    Some(alike.iter().take(FEW).map(|it| it.name.to_owned()).collect())
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

impl Definition {
    /// The query without its semicolon.
    fn query(&self) -> &'static str {
        body(self.text).trim_end().trim_end_matches(';')
    }

    /// The statement that counts what the query finds, and shows the first rows: how many count, how many are odd as in
    /// their source, how many are excepted, the ids of `$1` that were found, and the rows, those that count first.
    pub fn counting(&self) -> String {
        let as_in_source = if self.header.legacy.is_some() { "coalesce(f.as_in_source, false)" } else { "false" };
        format!(
            "with pad_found as materialized (\n{}\n), pad_judged as materialized (select f as pad_row, \
             row_number() over () as pad_at, {as_in_source} as pad_source, \
             case when cardinality($1) = 0 then false else f.id::text = any($1) end as pad_excepted from pad_found f) \
             select count(*) filter (where not pad_excepted and not pad_source), \
             count(*) filter (where not pad_excepted and pad_source), count(*) filter (where pad_excepted), \
             array(select distinct (pad_row).id::text from pad_judged where pad_excepted), \
             coalesce((select json_agg(pad_row order by pad_source, pad_at) from (select * from pad_judged \
             where not pad_excepted order by pad_source, pad_at limit {SHOWN}) shown), '[]')::text from pad_judged",
            self.query()
        )
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
