//! The text of a legacy row as it is hashed, and how values and names become SQL.

use crate::base::quote::{quote_identifier, quote_literal};
use crate::base::sql_text::statement;
use crate::migration::legacy::LegacyColumn;
use crate::migration::proof::facts::{Column, Proof};

/// Octets of a text above which its hash stands for it.
const LARGE: usize = 262_144;

/// Arguments of one call; PostgreSQL takes 100.
const ARGUMENTS: usize = 96;

/// A template with each `{{name}}` replaced, in one pass: what is put in may hold braces.
pub(super) fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut pieces = template.split("{{");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, after) = piece.split_once("}}").unwrap_or((piece, ""));
        let part = parts.iter().find(|(of, _)| *of == name).map(|(_, part)| *part);
        text.push_str(part.unwrap_or_else(|| panic!("the template names {name}, which nothing fills")));
        text.push_str(after);
    }
    text
}

/// A string constant that shows nothing but visible characters.
pub(super) fn literal(text: &str) -> String {
    statement(&quote_literal(text))
}

/// A name, likewise.
pub(super) fn identifier(name: &str) -> String {
    statement(&quote_identifier(name))
}

/// An array of texts.
pub(super) fn array<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let each: Vec<String> = texts.into_iter().map(literal).collect();
    format!("array[{}]::text[]", each.join(", "))
}

/// Rows of constants; `none` is a select list for no rows.
pub(super) fn values(rows: impl Iterator<Item = String>, none: &str) -> String {
    let rows: Vec<String> = rows.collect();
    match rows.is_empty() {
        true => format!("    select {none} where false"),
        false => format!("    values {}", rows.join(",\n           ")),
    }
}

impl Column {
    /// The text that the type's output function prints for a value, as COPY does: a cast to text drops the padding of a
    /// char(n), and prints a boolean in another way.
    pub(super) fn printed(&self, alias: &str) -> String {
        let value = format!("{alias}.{}", identifier(&self.name));
        let same = [
            "text",
            "varchar",
            "int2",
            "int4",
            "int8",
            "numeric",
            "timestamp",
            "timestamptz",
            "date",
            "uuid",
            "json",
            "jsonb",
        ];
        match same.contains(&self.base_type.as_str()) {
            true => format!("{value}::text"),
            false => format!("case when {value} is not null then format('%s', {value}) end"),
        }
    }
}

/// SHA-256 of a text.
pub(super) fn sha256(text: &str) -> String {
    format!("sha256(convert_to({text}, 'UTF8'))")
}

/// Lines as they are hashed, `NAME_OCTETS:NAME=VALUE`, after a first line. `values` are columns.
pub(super) fn lines(first: &str, values: &[(&str, String)]) -> String {
    let mut arguments = Vec::new();
    let mut before = format!("{first}\n");
    for (name, value) in values {
        arguments.push(literal(&format!("{before}{}:{name}=", name.len())));
        arguments.push(format!("octet_length({value})"));
        arguments.push(format!(
            "case when octet_length({value}) > {LARGE} then '#' || encode({}, 'hex') else ':' || {value} end",
            sha256(value)
        ));
        before = "\n".to_owned();
    }
    arguments.push(literal(&before));
    let calls = arguments.chunks(ARGUMENTS).map(|chunk| format!("concat({})", chunk.join(",\n        ")));
    calls.collect::<Vec<_>>().join("\n     || ")
}

impl Proof {
    /// The names of the columns in the order of a row's text: the known ones, then the others in the order of bytes.
    pub(super) fn in_order(&self) -> Vec<&str> {
        let mut others: Vec<&str> =
            self.columns.iter().filter(|it| it.known().is_none()).map(|it| it.name.as_str()).collect();
        others.sort_unstable();
        LegacyColumn::ALL.iter().map(|it| it.name()).chain(others).collect()
    }

    /// SQL of the hash of a legacy row whose texts are the columns `c0`, `c1`, ….
    pub(super) fn row_hash(&self) -> String {
        let names = self.in_order();
        let values: Vec<(&str, String)> =
            names.into_iter().enumerate().map(|(at, name)| (name, format!("c{at}"))).collect();
        sha256(&lines("row", &values))
    }
}
