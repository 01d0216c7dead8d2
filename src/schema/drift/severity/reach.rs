//! What reaches less far than expected: a sequence that runs out, a publication that leaves out what it had.

use crate::schema::catalog::{Object, Property, Value};
use crate::schema::drift::finding::Severity::{self, Breaking, Warning};
use crate::schema::drift::severity::{Case, has, text};

impl Case<'_> {
    /// Breaking if the live sequence ends before the expected one does, or where the expected one goes on.
    pub(super) fn sequence_limit(&self, property: Property) -> Severity {
        let number = |object, property| text(object, property).parse::<i64>().unwrap_or_default();
        let both = |property| (number(self.expected, property), number(self.live, property));
        let (by, live_by) = both(Property::Increment);
        let ends_before = match property {
            Property::Cycle => true,
            Property::Increment => (by < 0) != (live_by < 0),
            Property::Maximum => live_by > 0 && both(property).1 < both(property).0,
            Property::Minimum => live_by < 0 && both(property).1 > both(property).0,
            _ => false,
        };
        if ends_before { Breaking } else { Warning }
    }

    /// Breaking if a subscriber no longer gets what it is expected to get.
    pub(super) fn publication(&self, property: Property) -> Severity {
        let loses = match property {
            Property::AllTables => {
                let live = text(self.live, property);
                let expected = text(self.expected, property);
                expected.split_terminator(", ").any(|one| !live.split(", ").any(|other| one == other))
            }
            Property::Schemas if has(self.live, Property::AllTables) => false,
            Property::Operations | Property::Schemas => {
                let live = list(self.live, property);
                list(self.expected, property).iter().any(|one| !live.contains(one))
            }
            Property::Tables => self.loses_tables(),
            _ => false,
        };
        if loses { Breaking } else { Warning }
    }

    fn loses_tables(&self) -> bool {
        let live: Vec<Published<'_>> =
            list(self.live, Property::Tables).iter().map(|text| Published::of(text)).collect();
        let takes_all = |table: &str| {
            let schemas = list(self.live, Property::Schemas);
            let is_of = |schema: &String| table.split('.').next().is_some_and(|of| of.trim_matches('"') == schema);
            has(self.live, Property::AllTables) || schemas.iter().any(is_of)
        };
        let expected = list(self.expected, Property::Tables).iter().map(|text| Published::of(text));
        let leaves_out = live.iter().any(|one| one.is_left_out && !expected.clone().any(|other| other == *one));
        let mut published = expected.filter(|one| !one.is_left_out);
        leaves_out
            || published.any(|one| match live.iter().find(|other| other.table == one.table) {
                Some(other) => other.takes_less_than(&one),
                None => !takes_all(one.table),
            })
    }
}

fn list(object: Option<&Object>, property: Property) -> &[String] {
    object.and_then(|object| object.get(&property)).map(Value::parts).unwrap_or_default()
}

/// A table of a publication, as `objects.sql` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Published<'a> {
    table: &'a str,
    is_left_out: bool,
    /// All, if none are named.
    columns: Option<Vec<&'a str>>,
    rows: Option<&'a str>,
}

impl<'a> Published<'a> {
    fn of(text: &'a str) -> Self {
        let (rest, rows) = match text.split_once(" where ") {
            Some((rest, rows)) => (rest, Some(rows)),
            None => (text, None),
        };
        let (rest, columns) = match rest.split_once(" (") {
            Some((rest, columns)) => (rest, Some(columns.trim_end_matches(')').split(", ").collect())),
            None => (rest, None),
        };
        let table = rest.strip_suffix(" left out");
        Self { table: table.unwrap_or(rest), is_left_out: table.is_some(), columns, rows }
    }

    fn takes_less_than(&self, expected: &Self) -> bool {
        let lacks_columns = match (&self.columns, &expected.columns) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(live), Some(expected)) => expected.iter().any(|column| !live.contains(column)),
        };
        lacks_columns || self.rows.is_some() && self.rows != expected.rows
    }
}
