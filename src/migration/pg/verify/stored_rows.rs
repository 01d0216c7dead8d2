//! What is stored for some legacy rows, and what lineage doesn't explain. Read through plain queries.

use std::collections::{BTreeMap, HashSet};

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use crate::base::quote::quote_literal;
use crate::base::text::list;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::difference::Difference;
use crate::migration::legacy::{LARGE, LegacyRow, Text};
use crate::migration::pg::lookup::Securities;
use crate::migration::pg::source::{companion, parse_companion, raw_values};
use crate::migration::stored::{APPROVAL, AUDIT, Cells, EXECUTION, REQUEST, Stored, StoredLineage};
use crate::migration::target::{Assessment, LEGACY_MARK, Role, SOURCE_TABLE};
use crate::migration::verification::BothPages;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;

/// Ids of one look for lineage without a legacy row.
const IDS: usize = 4000;

/// The ids with lineage, after one, that a file has no row of; and the last id that was looked at, if there was one.
pub(super) async fn read_missing(
    target: &mut Session,
    csv: &ProvedCsv,
    after: Option<i64>,
) -> Result<(Vec<i64>, Option<i64>), QueryError> {
    run(target, "set local enable_seqscan = off", "setting up the transaction").await?;
    let range = Ids::Range { after, until: None }.condition("m");
    let sql = format!(
        "select distinct m.source_id from padealing.migration_mapping m where {range} order by 1 limit {}",
        IDS
    );
    let (mut missing, mut last) = (Vec::new(), None);
    for_each_row(target, sql, "looking for lineage without a legacy row", |values| {
        let id = number(values[0])?;
        last = Some(id);
        missing.extend(Some(id).filter(|id| !csv.facts.has(*id)));
        Ok(())
    })
    .await?;
    Ok((missing, last))
}

/// Rows of the source with what is stored for them.
pub(super) async fn both_pages(
    target: &mut Session,
    securities: &mut Securities,
    range: &Ids,
    rows: Vec<(i64, LegacyRow)>,
) -> Result<BothPages, QueryError> {
    // A page is a small part of a large table; the planner, which takes random reads for expensive, would read the
    // whole table for each page, which makes the verification quadratic.
    run(target, "set local enable_seqscan = off", "setting up the transaction").await?;
    let stored = read_stored(target, range).await?;
    let rejected = read_rejected(target, range).await?;
    let securities = securities.of(target, rows.iter().map(|(_, row)| row)).await?;
    Ok(BothPages { rows, stored, rejected, securities })
}

/// Ids of legacy rows.
pub(super) enum Ids {
    /// After the first, up to the second, or all of the rest.
    Range { after: Option<i64>, until: Option<i64> },
    /// These.
    Listed(Vec<i64>),
}

impl Ids {
    /// The condition on `source_table` and `source_id` of a lineage or rejection row.
    fn condition(&self, alias: &str) -> String {
        let mut condition = format!("{alias}.source_table = {}", quote_literal(SOURCE_TABLE));
        let (after, until) = match self {
            Self::Range { after, until } => (*after, *until),
            Self::Listed(ids) => {
                let ids = list(ids.iter().map(ToString::to_string));
                condition.push_str(&format!(" and {alias}.source_id = any('{{{ids}}}'::int8[])"));
                (None, None)
            }
        };
        if let Some(after) = after {
            condition.push_str(&format!(" and {alias}.source_id > {after}"));
        }
        if let Some(until) = until {
            condition.push_str(&format!(" and {alias}.source_id <= {until}"));
        }
        condition
    }
}

/// SQL of a stored text column and its companion for large texts.
pub(super) fn text_column(column: &str) -> String {
    let large = format!("octet_length({column}) > {LARGE}");
    format!("case when {large} then null else {column} end, case when {large} then {} end", companion(column))
}

/// Stored columns that have no limit, and so a companion in the select list.
const UNLIMITED: [&str; 4] = ["justification", "conflict_comments", "other_comments", "comments"];

pub(super) fn select_list(alias: &str, columns: &[&str]) -> String {
    let each = columns.iter().map(|column| {
        let qualified = format!("{alias}.\"{column}\"");
        if UNLIMITED.contains(column) { text_column(&qualified) } else { qualified }
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Reads `columns` from the values of a row, starting at `at`.
pub(super) fn cells(
    values: &[Option<&[u8]>],
    mut at: usize,
    columns: &'static [&'static str],
) -> Result<Cells, sqlx::Error> {
    let mut cells = Cells { columns, values: Vec::with_capacity(columns.len()) };
    for column in columns {
        let text = utf8(values[at])?;
        at += 1;
        let mut cell = text.map(Text::from);
        if UNLIMITED.contains(column) {
            if let Some(companion) = utf8(values[at])? {
                cell = parse_companion(companion);
            }
            at += 1;
        }
        cells.values.push(cell);
    }
    Ok(cells)
}

pub(super) fn utf8(value: Option<&[u8]>) -> Result<Option<&str>, sqlx::Error> {
    value.map(std::str::from_utf8).transpose().map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(super) fn number(value: Option<&[u8]>) -> Result<i64, sqlx::Error> {
    let text = utf8(value)?.unwrap_or_default();
    text.parse().map_err(|_| sqlx::Error::Protocol(format!("{text:?} is not an id")))
}

/// Runs a query of texts and hands each row's values to `each`.
pub(super) async fn for_each_row(
    target: &mut Session,
    sql: String,
    what: &str,
    mut each: impl FnMut(&[Option<&[u8]>]) -> Result<(), sqlx::Error>,
) -> Result<(), QueryError> {
    let mut stream = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(target);
    while let Some(row) = stream.try_next().await.attempt(what)? {
        raw_values(&row).and_then(|values| each(&values)).attempt(what)?;
    }
    Ok(())
}

pub(super) async fn read_stored(target: &mut Session, range: &Ids) -> Result<BTreeMap<i64, Stored>, QueryError> {
    let mut stored: BTreeMap<i64, Stored> = BTreeMap::new();
    let of_range = range.condition("m");
    let sql =
        format!("select m.source_id, m.target_table, m.target_id from padealing.migration_mapping m where {of_range}");
    for_each_row(target, sql, "reading the lineage", |values| {
        let name = utf8(values[1])?.unwrap_or_default();
        let role = Role::from_word(name).ok_or_else(|| name.to_owned());
        let row = StoredLineage { role, target_id: number(values[2])? };
        stored.entry(number(values[0])?).or_default().lineage.push(row);
        Ok(())
    })
    .await?;
    if stored.is_empty() {
        return Ok(stored);
    }

    let requests = format!(
        "padealing.migration_mapping m join padealing.pad_request r on r.id = m.target_id \
         where {of_range} and m.target_table = 'pad_request'"
    );
    // A large residual comes with its large strings replaced by their descriptions. What isn't a residual is
    // read as it is, and reported.
    let is_large = format!(
        "(pg_column_size(r.compliance_assessment) > 2000 and octet_length(r.compliance_assessment::text) > {LARGE} \
         and jsonb_typeof(r.compliance_assessment) = 'object' \
         and jsonb_typeof(r.compliance_assessment -> 'legacy') = 'object')"
    );
    let sql = format!(
        "select m.source_id, case when {is_large} then r.compliance_assessment - 'legacy' \
             else r.compliance_assessment end, \
         case when {is_large} then (select jsonb_object_agg(key, case when jsonb_typeof(value) = 'string' \
             and octet_length(value #>> '{{}}') > {LARGE} then jsonb_build_object('large', {large}) else value end) \
             from jsonb_each(r.compliance_assessment -> 'legacy')) end, {list} from {requests}",
        large = companion("(value #>> '{}')"),
        list = select_list("r", REQUEST),
    );
    for_each_row(target, sql, "reading requests", |values| {
        let cells = cells(values, 3, REQUEST)?;
        if let Some(entry) = stored.get_mut(&number(values[0])?) {
            read_assessment(utf8(values[1])?, utf8(values[2])?, entry)?;
            entry.request = Some(cells);
        }
        Ok(())
    })
    .await?;

    for (table, columns) in [("pad_approval", APPROVAL), ("pad_execution", EXECUTION), ("audit_log", AUDIT)] {
        let sql = format!(
            "select m.source_id, {} from padealing.migration_mapping m \
             join padealing.{table} t on t.request_id = m.target_id \
             where {of_range} and m.target_table = 'pad_request' order by t.id",
            select_list("t", columns)
        );
        for_each_row(target, sql, &format!("reading {table}"), |values| {
            let cells = cells(values, 1, columns)?;
            if let Some(entry) = stored.get_mut(&number(values[0])?) {
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
    Ok(stored)
}

/// Parses `compliance_assessment`. What the migration would not have written is reported as a difference.
pub(super) fn read_assessment(json: Option<&str>, large: Option<&str>, stored: &mut Stored) -> Result<(), sqlx::Error> {
    let parse =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).map_err(|error| sqlx::Error::Decode(error.into()));
    let mut assessment = Assessment::default();
    let Some(json) = json else { return Ok(()) };
    let serde_json::Value::Object(mut object) = parse(json)? else {
        stored.unexpected_keys.push("a value that is not an object".to_owned());
        return Ok(());
    };
    if let Some(large) = large {
        object.insert("legacy".to_owned(), parse(large)?);
    }
    for (key, value) in object {
        match (key.as_str(), value) {
            ("holding_period", serde_json::Value::Bool(flag)) => assessment.holding_period = Some(flag),
            ("legacy", serde_json::Value::Object(legacy)) => {
                for (column, value) in legacy {
                    let text = match value {
                        serde_json::Value::Null => None,
                        serde_json::Value::String(text) => Some(Text::from(text)),
                        other => match other.get("large").and_then(|it| parse_companion(it.as_str()?)) {
                            Some(text) if large.is_some() => Some(text),
                            _ => {
                                stored.unexpected_keys.push(format!("legacy.{column} that is not text"));
                                continue;
                            }
                        },
                    };
                    assessment.legacy.insert(column, text);
                }
            }
            _ => stored.unexpected_keys.push(key),
        }
    }
    stored.assessment = assessment;
    Ok(())
}

pub(super) async fn read_rejected(target: &mut Session, range: &Ids) -> Result<HashSet<i64>, QueryError> {
    let sql = format!(
        "select distinct r.source_id from padealing.migration_reject r where {} and r.resolved_run_id is null",
        range.condition("r")
    );
    let mut rejected = HashSet::new();
    for_each_row(target, sql, "reading the rejections", |values| {
        rejected.insert(number(values[0])?);
        Ok(())
    })
    .await?;
    Ok(rejected)
}

/// Target rows that no range shows: those that lineage claims twice, and marked ones that belong to no migrated row.
pub(super) async fn read_unclaimed(target: &mut Session) -> Result<Vec<Difference>, QueryError> {
    run(target, "set local enable_seqscan = on", "setting up the transaction").await?;
    let source_table = quote_literal(SOURCE_TABLE);
    let migrated = format!(
        "select from padealing.migration_mapping m where m.source_table = {source_table} \
         and m.target_table = 'pad_request'"
    );
    let mark = quote_literal(LEGACY_MARK);
    let sql = format!(
        "select min(source_id), 'pad_request', target_id, count(*) || ' lineage rows' \
             from padealing.migration_mapping where source_table = {source_table} and target_table = 'pad_request' \
             group by target_id having count(*) > 1 \
         union all \
         select a.entity_id, 'audit_log:' || a.action_type, a.id, 'no migrated row' from padealing.audit_log a \
             where a.details ->> 'source' = {mark} and not exists ({migrated} and m.target_id = a.request_id) \
         union all \
         select r.id, 'pad_request', r.id, 'no lineage row' from padealing.pad_request r \
             where r.compliance_assessment ? 'legacy' and not exists ({migrated} and m.target_id = r.id) \
         order by 1, 2, 3"
    );
    let mut unclaimed = Vec::new();
    for_each_row(target, sql, "looking for rows that lineage doesn't explain", |values| {
        unclaimed.push(Difference {
            source_id: if values[0].is_some() { number(values[0])? } else { 0 },
            target: utf8(values[1])?.unwrap_or_default().to_owned(),
            field: "id".to_owned(),
            expected: Some("one lineage row".to_owned()),
            actual: Some(format!("{} has {}", number(values[2])?, utf8(values[3])?.unwrap_or_default())),
        });
        Ok(())
    })
    .await?;
    Ok(unclaimed)
}
