//! What is stored for a page of legacy rows, and what lineage doesn't explain.

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_literal;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::difference::Difference;
use crate::migration::legacy::LegacyRow;
use crate::migration::pg::lookup::Securities;
use crate::migration::pg::stored_page::{Depth, Rooms, Rows, for_each_row, number, read_rejected, read_stored};
use crate::migration::target::{LEGACY_MARK, SOURCE_TABLE};
use crate::migration::verification::{BothPages, Count, Wanted, Which};
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
    let range = Rows::Between { after, until: None }.condition("m");
    let sql = format!(
        "select distinct m.source_id from padealing.migration_mapping m where {range} order by 1 limit {}",
        IDS
    );
    let (mut missing, mut last) = (Vec::new(), None);
    for_each_row(target, sql, "looking for lineage without a legacy row", |values| {
        let id = number(values.get(0))?;
        last = Some(id);
        missing.extend(Some(id).filter(|id| !csv.facts.has(*id)));
        Ok(())
    })
    .await?;
    Ok((missing, last))
}

/// What pages are read with.
#[derive(Default)]
pub(super) struct PageReader {
    securities: Securities,
    wanted: Wanted,
    rooms: Rooms,
}

impl PageReader {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, ..Self::default() }
    }
}

/// Rows of the source with what is stored for them. They are taken only if all of it could be read.
pub(super) async fn both_pages(
    target: &mut Session,
    reader: &mut PageReader,
    range: &Rows,
    rows: &mut Vec<(i64, LegacyRow)>,
) -> Result<BothPages, QueryError> {
    // A page is a small part of a large table; the planner, which takes random reads for expensive, would read the
    // whole table for each page, which makes the verification quadratic.
    run(target, "set local enable_seqscan = off", "setting up the transaction").await?;
    let depth = if reader.wanted.evidence { Depth::Records } else { Depth::Rows };
    let stored = read_stored(target, range, depth, &mut reader.rooms).await?;
    let rejected = read_rejected(target, range).await?;
    let securities = reader.securities.of(target, rows.iter().map(|(_, row)| row)).await?;
    Ok(BothPages { rows: std::mem::take(rows), stored, rejected, securities, wanted: reader.wanted })
}

/// Counts rows of the target.
pub(super) async fn count(target: &mut Session, which: Which) -> Result<Count, QueryError> {
    run(target, "set local enable_seqscan = on", "setting up the transaction").await?;
    let (entry, request) = match which {
        Which::All => ("true".to_owned(), "true"),
        Which::Marked => {
            let mark = quote_literal(LEGACY_MARK);
            (format!("a.details ->> 'source' = {mark}"), "r.compliance_assessment -> 'legacy' is not null")
        }
    };
    let sql = format!(
        "select (select count(*) from padealing.audit_log a where {entry}), \
                (select count(*) from padealing.pad_request r where {request})"
    );
    let counted = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(target);
    let (entries, requests): (i64, i64) = counted.await.attempt("counting what is stored")?;
    Ok(Count { entries: entries.unsigned_abs(), requests: requests.unsigned_abs() })
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
         select coalesce(a.entity_id, a.request_id), 'audit_log:' || a.action_type, a.id, 'no migrated row' from padealing.audit_log a \
             where a.details ->> 'source' = {mark} and not exists ({migrated} and m.target_id = a.request_id) \
         union all \
         select r.id, 'pad_request', r.id, 'no lineage row' from padealing.pad_request r \
             where r.compliance_assessment -> 'legacy' is not null and not exists ({migrated} and m.target_id = r.id) \
         order by 1, 2, 3"
    );
    let mut unclaimed = Vec::new();
    for_each_row(target, sql, "looking for rows that lineage doesn't explain", |values| {
        unclaimed.push(Difference {
            source_id: if values.get(0).is_some() { number(values.get(0))? } else { 0 },
            target: values.get(1).unwrap_or_default().to_owned(),
            field: "id".to_owned(),
            expected: Some("one lineage row".to_owned()),
            actual: Some(format!("{} has {}", number(values.get(2))?, values.get(3).unwrap_or_default())),
        });
        Ok(())
    })
    .await?;
    Ok(unclaimed)
}
