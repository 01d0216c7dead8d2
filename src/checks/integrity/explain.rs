//! What a plan says about an index: whether it can be used, and whether it is used at the size that the table has. Pure.
//!
//! Two judgements, since the planner is right to scan a small table, and a large one of which most rows are wanted.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::text::{plural, size, thousands};
use crate::checks::check::Status;

/// How a query would be run, as `explain (format json)` says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plans {
    /// With `enable_seqscan` off.
    pub without_scans: Value,
    /// As the application would have it.
    pub usual: Value,
}

/// What is known of the table of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannedTable {
    /// Its bytes, without indexes.
    pub bytes: i64,
    /// Its rows as the planner knows them; negative if it was never analysed.
    pub rows: f64,
    /// Its indexes by name, and the column or expression that each leads with.
    pub indexes: BTreeMap<String, String>,
}

/// Smaller tables are read from the cache at once: how they are read says nothing.
const SMALL: i64 = 8 << 20;

/// Where a larger part of a table is wanted, a scan of all of it may be cheaper.
const LARGE_PART: f64 = 0.05;

/// The nodes of a plan.
fn nodes(plan: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    let mut open: Vec<&Value> = plan.as_array().into_iter().flatten().filter_map(|it| it.get("Plan")).collect();
    while let Some(node) = open.pop() {
        found.push(node);
        open.extend(node.get("Plans").and_then(Value::as_array).into_iter().flatten());
    }
    found
}

impl PlannedTable {
    /// The index that leads with the column and that a plan uses.
    fn index_of<'p>(&self, plan: &'p Value, column: &str) -> Option<&'p str> {
        let names = nodes(plan).into_iter().filter_map(|node| node.get("Index Name")?.as_str());
        names.into_iter().find(|name| self.indexes.get(*name).is_some_and(|leading| leading == column))
    }
}

/// The rows that a plan expects of a sequential scan of a table.
fn scanned_rows(plan: &Value, table: &str) -> Option<f64> {
    let is_scan = |node: &&Value| {
        let kind = node.get("Node Type").and_then(Value::as_str).unwrap_or_default();
        kind.ends_with("Seq Scan") && node.get("Relation Name").and_then(Value::as_str) == Some(table)
    };
    nodes(plan).into_iter().find(is_scan)?.get("Plan Rows")?.as_f64()
}

/// The result, and why.
pub fn judge(plans: &Plans, found: &PlannedTable, table: &str, column: &str) -> (Status, String) {
    let name = table.rsplit_once('.').map_or(table, |(_, name)| name);
    if found.index_of(&plans.without_scans, column).is_none() {
        let text = format!("no index of {table} that leads with {column} can be used for this");
        return (Status::Fail, text);
    }
    if let Some(index) = found.index_of(&plans.usual, column) {
        return (Status::Pass, format!("by {index}"));
    }
    if found.bytes < SMALL {
        let text =
            format!("an index can be used; at this size ({}) a scan of the whole table is as good", size(found.bytes));
        return (Status::Pass, text);
    }
    if found.rows <= 0.0 {
        let text = format!("an index can be used, and isn't: {table} was never analysed; run `analyze {table}`");
        return (Status::Warn, text);
    }
    let part = scanned_rows(&plans.usual, name).unwrap_or_default() / found.rows;
    if part > LARGE_PART {
        let text = format!(
            "an index can be used; about {} % of the rows are wanted, for which a scan of the whole table is as good",
            (part * 100.0).round()
        );
        return (Status::Pass, text);
    }
    let rows = plural(found.rows as u64, "row", "rows");
    let wanted = thousands((part * found.rows).round() as u64);
    let text = format!(
        "an index can be used, and isn't, for about {wanted} of {rows}; run `analyze {table}`, and if that doesn't help, \
         look at random_page_cost and effective_cache_size"
    );
    (Status::Warn, text)
}
