//! Functions whose parameters have other names. To PostgreSQL the function is the same; to who calls it by name, and to
//! `create or replace`, it isn't. Pure.

use std::collections::BTreeMap;

use crate::schema::catalog::{Id, Kind};
use crate::schema::drift::comparison::Comparison;
use crate::schema::drift::finding::Change;

/// Types of several words.
const LONG: [&str; 5] = ["double precision", "character varying", "bit varying", "timestamp with", "time with"];

/// The words that say which way a parameter goes.
const WAYS: [&str; 5] = ["IN ", "OUT ", "INOUT ", "VARIADIC ", "TABLE("];

fn is_routine(id: &Id) -> bool {
    matches!(id.kind, Kind::Function | Kind::Procedure | Kind::Aggregate)
}

/// Whether a renamed function has the same name, so that only its parameters are called otherwise.
pub(crate) fn is_same_but_parameters(id: &Id, live_id: &Id) -> bool {
    let bare = |id: &Id| id.name.split('(').next().unwrap_or_default().to_owned();
    is_routine(id) && id.name != live_id.name && id.schema == live_id.schema && bare(id) == bare(live_id)
}

/// The parameters, split where a comma is in no quotes and no parentheses.
fn split(arguments: &str) -> Vec<String> {
    let (mut all, mut depth, mut quote) = (vec![String::new()], 0_i32, None);
    for character in arguments.chars() {
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (end, Some(open)) if end == open => quote = None,
            ('(' | '[', None) => depth += 1,
            (')' | ']', None) => depth -= 1,
            _ => {}
        }
        match all.last_mut() {
            _ if character == ',' && depth == 0 && quote.is_none() => all.push(String::new()),
            Some(last) => last.push(character),
            None => {}
        }
    }
    all.into_iter().map(|it| it.trim().to_owned()).collect()
}

/// A parameter without its name.
fn without_name(parameter: &str) -> String {
    let way = WAYS.into_iter().find(|way| parameter.starts_with(way)).unwrap_or_default();
    let rest = &parameter[way.len()..];
    let (declared, default) = rest.split_once(" DEFAULT ").map_or((rest, None), |(one, other)| (one, Some(other)));
    let end = match declared.strip_prefix('"') {
        Some(quoted) => quoted.find("\" ").map(|at| at + 2),
        None => declared.find(' '),
    };
    let is_type = end.is_none() || LONG.iter().any(|long| declared.starts_with(long));
    let of_type = if is_type { declared } else { declared[end.unwrap_or_default()..].trim_start() };
    let default = default.map(|it| format!(" DEFAULT {it}")).unwrap_or_default();
    format!("{way}{of_type}{default}")
}

/// A list of parameters without their names.
pub(super) fn without_names(arguments: &str) -> Vec<String> {
    split(arguments).iter().map(|it| without_name(it)).collect()
}

impl Comparison<'_> {
    /// Finds functions that differ in the names of their parameters.
    pub(super) fn follow_parameters(&mut self) {
        let key = |id: &Id| {
            let (name, arguments) = id.name.split_once('(')?;
            let types = without_names(arguments.strip_suffix(')')?);
            is_routine(id).then(|| (id.kind, id.schema.clone(), name.to_owned(), types))
        };
        let joined = self.joined();
        let unexpected = joined.unexpected.iter().filter_map(|found| Some((key(found.id)?, found.id)));
        let there: BTreeMap<_, &Id> = unexpected.collect();
        let missing = joined.missing.iter().filter_map(|found| Some((key(found.id)?, found.id)));
        let pairs: Vec<(Id, Id)> =
            missing.filter_map(|(key, id)| Some((id.clone(), (*there.get(&key)?).clone()))).collect();
        for (from, to) in pairs {
            self.follow(Change::Renamed, &from, &to);
        }
    }
}
