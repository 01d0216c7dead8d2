//! Reads what is stored for legacy rows: for the verification, and for the rollback.
//!
//! Through COPY, which costs least for a row, and not through the code that `migrate` reads and writes with.

mod json;
mod line;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use compact_str::CompactString;
use futures_util::TryStreamExt;

use crate::base::quote::quote_literal;
use crate::migration::legacy::{LARGE, Text};
use crate::migration::pg::source::{companion, parse_companion};
use crate::migration::pg::stored_page::json::Json;
use crate::migration::pg::stored_page::line::{Ends, Line};
use crate::migration::stored::{APPROVAL, AUDIT, Cells, EXECUTION, REQUEST, Stored, StoredLineage};
use crate::migration::target::{Assessment, Role, SOURCE_TABLE};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Legacy rows by their ids.
pub(crate) enum Rows {
    /// Those after an id, up to another; without either, from the first or to the last.
    Between { after: Option<i64>, until: Option<i64> },
    /// These.
    Only(Vec<i64>),
}

impl Rows {
    /// The condition on `source_table` and `source_id` of a lineage or rejection row.
    pub(crate) fn condition(&self, alias: &str) -> String {
        let mut condition = format!("{alias}.source_table = {}", quote_literal(SOURCE_TABLE));
        match self {
            Self::Between { after, until } => {
                if let Some(after) = after {
                    condition.push_str(&format!(" and {alias}.source_id > {after}"));
                }
                if let Some(until) = until {
                    condition.push_str(&format!(" and {alias}.source_id <= {until}"));
                }
            }
            Self::Only(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                condition.push_str(&format!(" and {alias}.source_id = any('{{{}}}'::int8[])", ids.join(",")));
            }
        }
        condition
    }
}

/// SQL of a stored text column and its companion for large texts.
fn text_column(column: &str) -> String {
    let large = format!("octet_length({column}) > {LARGE}");
    format!("case when {large} then null else {column} end, case when {large} then {} end", companion(column))
}

/// Stored columns that have no limit, and so a companion in the select list.
const UNLIMITED: [&str; 4] = ["justification", "conflict_comments", "other_comments", "comments"];

fn select_list(alias: &str, columns: &[&str]) -> String {
    let each = columns.iter().map(|column| {
        let qualified = format!("{alias}.\"{column}\"");
        if UNLIMITED.contains(column) { text_column(&qualified) } else { qualified }
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Reads `columns` from the values of a row, starting at `at`.
fn cells(values: &Line<'_>, mut at: usize, columns: &'static [&'static str]) -> Cells {
    let mut cells = Cells { columns, values: Vec::with_capacity(columns.len()) };
    for column in columns {
        let mut cell = values.get(at).map(|it| Text::from(&*it));
        at += 1;
        if UNLIMITED.contains(column) {
            if let Some(companion) = values.get(at) {
                cell = parse_companion(&companion);
            }
            at += 1;
        }
        cells.values.push(cell);
    }
    cells
}

/// A value of a row that is an id.
pub(crate) fn number(value: Option<Cow<'_, str>>) -> Result<i64, sqlx::Error> {
    let text = value.unwrap_or_default();
    text.parse().map_err(|_| sqlx::Error::Protocol(format!("{text:?} is not an id")))
}

/// Runs a query and hands each row's values to `each`, as text.
pub(crate) async fn for_each_row(
    target: &mut Session,
    sql: String,
    what: &str,
    mut each: impl FnMut(&Line<'_>) -> Result<(), sqlx::Error>,
) -> Result<(), QueryError> {
    let copy = format!("copy ({sql}) to stdout");
    let mut stream = target.copy_out(&copy).await.attempt(what)?;
    let mut ends = Ends::default();
    while let Some(line) = stream.try_next().await.attempt(what)? {
        let values = ends.of(line.as_ref()).map_err(|error| sqlx::Error::Decode(error.into()));
        values.and_then(|values| each(&values)).attempt(what)?;
    }
    Ok(())
}

/// The lineage of each of them that has any.
async fn read_lineage(target: &mut Session, range: &Rows) -> Result<BTreeMap<i64, Stored>, QueryError> {
    let mut stored: BTreeMap<i64, Stored> = BTreeMap::new();
    let sql = format!(
        "select m.source_id, m.target_table, m.target_id from padealing.migration_mapping m where {}",
        range.condition("m")
    );
    for_each_row(target, sql, "reading the lineage", |values| {
        let name = values.get(1).unwrap_or_default();
        let role = Role::from_word(&name).ok_or_else(|| name.into_owned());
        let row = StoredLineage { role, target_id: number(values.get(2))? };
        let entry = stored.entry(number(values.get(0))?).or_default();
        if entry.lineage.is_empty() {
            entry.lineage.reserve_exact(Role::ALL.len());
        }
        entry.lineage.push(row);
        Ok(())
    })
    .await?;
    Ok(stored)
}

/// What is stored for each of them that has lineage.
pub(crate) async fn read_stored(target: &mut Session, range: &Rows) -> Result<BTreeMap<i64, Stored>, QueryError> {
    let mut stored = read_lineage(target, range).await?;
    if stored.is_empty() {
        return Ok(stored);
    }

    // By the ids that lineage names, without lineage: the server needn't find it again for each table.
    let (mut of_request, mut again) = (HashMap::with_capacity(stored.len()), Vec::new());
    for (id, entry) in &stored {
        if let Some(request) = entry.lineage_id(Role::Request) {
            let first = *of_request.entry(request).or_insert(*id);
            again.extend((first != *id).then_some((*id, first)));
        }
    }
    let ids = of_request.keys().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let ids = format!("any('{{{ids}}}'::int8[])");
    // A large residual comes with its large strings replaced by their descriptions. What isn't a residual is
    // read as it is, and reported.
    let is_large = format!(
        "(pg_column_size(r.compliance_assessment) > 2000 and octet_length(r.compliance_assessment::text) > {LARGE} \
         and jsonb_typeof(r.compliance_assessment) = 'object' \
         and jsonb_typeof(r.compliance_assessment -> 'legacy') = 'object')"
    );
    let sql = format!(
        "select r.id, case when {is_large} then r.compliance_assessment - 'legacy' \
             else r.compliance_assessment end, \
         case when {is_large} then (select jsonb_object_agg(key, case when jsonb_typeof(value) = 'string' \
             and octet_length(value #>> '{{}}') > {LARGE} then jsonb_build_object('large', {large}) else value end) \
             from jsonb_each(r.compliance_assessment -> 'legacy')) end, {list} \
         from padealing.pad_request r where r.id = {ids}",
        large = companion("(value #>> '{}')"),
        list = select_list("r", REQUEST),
    );
    for_each_row(target, sql, "reading requests", |values| {
        let cells = cells(values, 3, REQUEST);
        if let Some(entry) = of_request.get(&number(values.get(0))?).and_then(|id| stored.get_mut(id)) {
            read_assessment(values.get(1).as_deref(), values.get(2).as_deref(), entry);
            entry.request = Some(cells);
        }
        Ok(())
    })
    .await?;

    for (table, columns) in [("pad_approval", APPROVAL), ("pad_execution", EXECUTION), ("audit_log", AUDIT)] {
        let sql = format!(
            "select t.request_id, {} from padealing.{table} t where t.request_id = {ids} order by t.id",
            select_list("t", columns)
        );
        for_each_row(target, sql, &format!("reading {table}"), |values| {
            let cells = cells(values, 1, columns);
            if let Some(entry) = of_request.get(&number(values.get(0))?).and_then(|id| stored.get_mut(id)) {
                match table {
                    "pad_approval" => entry.approvals.push(cells),
                    "pad_execution" => entry.executions.push(cells),
                    _ => entry.audit.push(cells),
                }
            }
            Ok(())
        })
        .await?;
    }
    // Several legacy rows whose lineage claims the same request.
    for (id, first) in again {
        if let Some(same) = stored.get(&first).cloned()
            && let Some(entry) = stored.get_mut(&id)
        {
            let lineage = std::mem::take(&mut entry.lineage);
            *entry = Stored { lineage, ..same };
        }
    }
    Ok(stored)
}

/// Parses `compliance_assessment`. What the migration would not have written is reported as a difference: so is a number
/// or a depth that a jsonb has and its parser here hasn't.
fn read_assessment(json: Option<&str>, large: Option<&str>, stored: &mut Stored) {
    let parse = |text: &str| serde_json::from_str::<Json>(text).unwrap_or(Json::Other);
    let mut assessment = Assessment::default();
    let Some(json) = json else { return };
    let Json::Object(mut object) = parse(json) else {
        stored.unexpected_keys.push("another value".to_owned());
        return;
    };
    if let Some(large) = large {
        object.push(("legacy".into(), parse(large)));
    }
    if object.is_empty() {
        stored.unexpected_keys.push("an empty object".to_owned());
    }
    for (key, value) in object {
        match (key.as_str(), value) {
            ("holding_period", Json::Flag(flag)) => assessment.holding_period = Some(flag),
            ("legacy", Json::Object(legacy)) if legacy.is_empty() => {
                stored.unexpected_keys.push("an empty legacy".to_owned());
            }
            ("legacy", Json::Object(legacy)) => {
                for (column, value) in legacy {
                    let text = match value {
                        Json::Null => None,
                        Json::Text(text) => Some(Text::Plain(text)),
                        Json::Object(object) if large.is_some() && described(&object).is_some() => described(&object),
                        _ => {
                            stored.unexpected_keys.push(format!("legacy.{column} that is not text"));
                            continue;
                        }
                    };
                    assessment.legacy.insert(column, text);
                }
            }
            _ => stored.unexpected_keys.push(key.into()),
        }
    }
    stored.assessment = assessment;
}

/// The large text that an object stands for.
fn described(object: &[(CompactString, Json)]) -> Option<Text> {
    match object {
        [(name, Json::Text(text))] if name == "large" => parse_companion(text),
        _ => None,
    }
}

/// Which of them are rejected.
pub(crate) async fn read_rejected(target: &mut Session, range: &Rows) -> Result<HashSet<i64>, QueryError> {
    let sql = format!(
        "select distinct r.source_id from padealing.migration_reject r where {} and r.resolved_run_id is null",
        range.condition("r")
    );
    let mut rejected = HashSet::new();
    for_each_row(target, sql, "reading the rejections", |values| {
        rejected.insert(number(values.get(0))?);
        Ok(())
    })
    .await?;
    Ok(rejected)
}
