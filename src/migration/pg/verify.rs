//! Streams source and target side by side in id order, and proves every migrated row.
//!
//! Reads through plain queries, not through the COPY code that `migrate` reads and writes with: a mistake there must
//! not cancel itself out here. Both directions: each legacy row has its target rows, each lineage row its legacy row.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::base::quote::quote_literal;
use crate::base::text::list;
use crate::config::environment::Environment;
use crate::config::settings::TableName;
use crate::ledger::pg::admission::{check_applied, check_permitted};
use crate::ledger::pg::permission::current_role;
use crate::migration::difference::Difference;
use crate::migration::ids::OddIds;
use crate::migration::legacy::{LARGE, LegacyRow, Text};
use crate::migration::needs;
use crate::migration::pg::lookup::Securities;
use crate::migration::pg::missing::missing_columns;
use crate::migration::pg::plain_page::{LegacyCursor, PlainPage, read_plain_page};
use crate::migration::pg::reading::{Reading, is_cancelled, repeated};
use crate::migration::pg::source::{Source, companion, parse_companion, raw_values};
use crate::migration::pg::traits::traits_of_source;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::run::Progress;
use crate::migration::stored::{APPROVAL, AUDIT, Cells, EXECUTION, REQUEST, Stored, StoredLineage};
use crate::migration::target::{Assessment, LEGACY_MARK, Role, SOURCE_TABLE};
use crate::migration::verification::{BothPages, Judged, VerifyCounts, VerifyReport, judge};
use crate::postgres::database::{Access, Database};
use crate::postgres::lock::Lock;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{run, server_facts};
use crate::postgres::transaction::{Limits, begin_read_only};

/// Legacy rows of one step.
const PAGE_ROWS: usize = 400;

/// What to verify, where.
#[derive(Clone, Debug)]
pub struct VerifyRequest<'a> {
    /// Holds `padealing` and `bo_airflow`.
    pub target: &'a Database,
    /// Holds the legacy table.
    pub source: &'a Database,
    /// The legacy table.
    pub table: &'a TableName,
    /// The environment of the run.
    pub environment: Environment,
}

/// A page of the source, and the range of ids that it covers: after the first, up to the second, or all of the rest.
struct SourcePage {
    after: Option<i64>,
    until: Option<i64>,
    rows: Vec<(i64, LegacyRow)>,
}

/// Verifies every migrated row.
pub async fn verify(
    request: &VerifyRequest<'_>,
    mut progress: impl FnMut(Progress),
) -> Result<VerifyReport, VerifyError> {
    let started = Instant::now();
    let mut target = request.target.connect(Access::Read, "verify").await?;
    let role = current_role(&mut target).await?;
    check_permitted(&mut target, request.target, &needs::verify(&role), "verify").await?;
    check_applied(&mut target, request.target, request.environment).await?;
    let missing = missing_columns(&mut target).await?;
    if !missing.is_empty() {
        return Err(VerifyError::Incomplete { place: request.target.place(), columns: list(missing) });
    }
    let server_version = server_facts(&mut target).await?.version;
    let mut from = request.source.connect(Access::Read, "verify source").await?;
    request.target.phase("examining the legacy table");
    let role = current_role(&mut from).await?;
    check_permitted(&mut from, request.source, &needs::source(&role, request.table), "read the legacy table").await?;
    let source = Source::describe(&mut from, request.table, &request.source.place()).await?;
    let source = Arc::new(source.in_zone(request.source, &mut from, &mut target).await?);
    let traits = traits_of_source(&mut from, &source).await?;
    let (total, _) = source.extent(&mut from).await?;
    let migrating = Lock::Migrate.holder(&mut target).await?;
    // One snapshot each: what is committed meanwhile is not half seen.
    for connection in [&mut target, &mut from] {
        begin_read_only(connection, Limits::default()).await?;
    }

    let repeats = Arc::new(AtomicU32::new(0));
    let reading = |session, database| Reading::new(session, database, Arc::clone(&repeats));
    let (from, target) = (reading(from, request.source), reading(target, request.target));
    let (pages, source_pages) = mpsc::channel::<SourcePage>(1);
    let (both, mut both_pages) = mpsc::channel::<BothPages>(1);
    let mut readers = JoinSet::new();
    readers.spawn(read_source(from, Arc::clone(&source), traits.needs_cursor, pages));
    readers.spawn(read_target(target, source_pages, both));

    request.target.phase("verifying");
    let mut report = VerifyReport { server_version, notes: traits.notes(request.table), ..VerifyReport::default() };
    let mut doubtful = Doubtful { rows: Vec::new(), bound: if traits.needs_cursor { FEW } else { MANY } };
    let total = u64::try_from(total).unwrap_or(0);
    while let Some(page) = both_pages.recv().await {
        for (id, judged) in judge(page) {
            doubtful.settle_unless_doubtful(id, judged, &mut report);
        }
        let done = report.counts.source + doubtful.rows.len() as u64;
        progress(Progress { done, total: total.max(done), rejected: report.counts.rejected });
        // Where judging takes longer than reading there is always another page, and an interruption would not be heard.
        tokio::task::yield_now().await;
    }
    request.target.phase("looking for rows that lineage doesn't explain");
    let mut unclaimed = Vec::new();
    while let Some(ended) = readers.join_next().await {
        unclaimed.extend(ended.map_err(VerifyError::Worker)??.unwrap_or_default());
    }
    look_again(request, &source, doubtful, &mut report).await?;
    if source.odd_ids != OddIds::default() {
        count_odd_rows(request, &source, &mut report.counts).await?;
        report.notes.extend(source.odd_ids.sentences(request.table));
    }
    for difference in unclaimed {
        report.counts.extra += 1;
        report.differ(difference);
    }
    report.notes.extend(migrating.map(|holder| {
        format!("a migration was running meanwhile ({holder}); rows that it had not committed count as never tried")
    }));
    report.notes.extend(repeated(repeats.load(Ordering::Relaxed)));
    let VerifyCounts { source, verified, different, missing, rejected, pending, .. } = report.counts;
    assert_eq!(source, verified + different + missing + rejected + pending, "every legacy row is accounted for");
    report.elapsed = started.elapsed();
    Ok(report)
}

/// Rows that are looked at again before something is claimed of them. More than these are not explained by what was
/// committed meanwhile.
const MANY: usize = 1000;
/// The same where each look is a scan of the legacy table.
const FEW: usize = 10;

/// Rows of which something is wrong at first sight, in id order.
struct Doubtful {
    rows: Vec<(i64, Judged)>,
    /// How many are looked at again; none once there were more.
    bound: usize,
}

impl Doubtful {
    fn settle_unless_doubtful(&mut self, id: i64, judged: Judged, report: &mut VerifyReport) {
        if !judged.is_doubtful() {
            return report.settle(judged);
        }
        self.rows.push((id, judged));
        if self.rows.len() > self.bound {
            self.bound = 0;
            self.rows.drain(..).for_each(|(_, judged)| report.settle(judged));
        }
    }
}

/// Source and target are two snapshots, of two servers maybe: a row that was migrated, changed or removed meanwhile, or
/// that a standby doesn't have yet, looks wrong. Each such row is compared once more, in new snapshots.
async fn look_again(
    request: &VerifyRequest<'_>,
    source: &Source,
    doubtful: Doubtful,
    report: &mut VerifyReport,
) -> Result<(), VerifyError> {
    if doubtful.rows.is_empty() {
        return Ok(());
    }
    let mut target = request.target.connect(Access::Read, "verify").await?;
    let mut from = request.source.connect(Access::Read, "verify source").await?;
    let mut securities = Securities::default();
    let mut since = Instant::now();
    for connection in [&mut target, &mut from] {
        begin_read_only(connection, Limits::default()).await?;
    }
    for (id, first) in doubtful.rows {
        if since.elapsed() > NEW_VIEW {
            since = Instant::now();
            for (connection, database) in [(&mut target, request.target), (&mut from, request.source)] {
                if run(connection, "rollback", "ending the transaction").await.is_err() {
                    *connection = database.connect(Access::Read, "verify").await?;
                }
                begin_read_only(connection, Limits::default()).await?;
            }
        }
        let range = Range { after: id.checked_sub(1), until: Some(id) };
        let again = async {
            let mut rows = read_plain_page(&mut from, source, range.after, 1).await?.rows;
            rows.retain(|(found, _)| *found == id);
            both_pages(&mut target, &mut securities, &range, rows).await
        };
        match again.await {
            Ok(page) => judge(page).into_iter().for_each(|(_, judged)| report.settle(judged)),
            // A standby cancels this look, too: what was seen first stands.
            Err(error) if is_cancelled(request.target, &error).await || is_cancelled(request.source, &error).await => {
                report.settle(first);
                since = Instant::now() - NEW_VIEW * 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let _ = target.close().await;
    let _ = from.close().await;
    Ok(())
}

/// Counts the rows that their ids don't identify: rejected if that is on record.
async fn count_odd_rows(
    request: &VerifyRequest<'_>,
    source: &Source,
    counts: &mut VerifyCounts,
) -> Result<(), VerifyError> {
    const IDS: usize = 10_000;
    let mut target = request.target.connect(Access::Read, "verify").await?;
    let mut from = request.source.connect(Access::Read, "verify source").await?;
    let mut count = |rows: u64, is_rejected: bool| {
        counts.source += rows;
        *if is_rejected { &mut counts.rejected } else { &mut counts.pending } += rows;
    };
    let mut after = None;
    loop {
        let ids = source.repeated_ids(&mut from, after, IDS).await?;
        let Some((last, _)) = ids.last().copied() else { break };
        let rejected = read_rejected(&mut target, &Range { after, until: Some(last) }).await?;
        ids.into_iter().for_each(|(id, rows)| count(rows.unsigned_abs(), rejected.contains(&id)));
        after = Some(last);
    }
    // Nothing names them one by one: as many are on record as the last run that came to its end has counted.
    let last = "select (counts ->> 'without_id')::int8 from padealing.migration_run \
                where command = 'migrate' and counts is not null order by started_at desc limit 1";
    let recorded: Option<Option<i64>> =
        sqlx::query_scalar(last).fetch_optional(&mut target).await.attempt("reading the runs of migrate")?;
    let recorded = recorded.flatten().map_or(0, i64::unsigned_abs).min(source.odd_ids.without);
    count(recorded, true);
    count(source.odd_ids.without - recorded, false);
    let _ = target.close().await;
    let _ = from.close().await;
    Ok(())
}

/// How long a second look keeps its snapshots.
const NEW_VIEW: Duration = Duration::from_secs(5);

/// What a reader has found beyond the rows: target rows that lineage doesn't explain.
type Unclaimed = Option<Vec<Difference>>;

async fn read_source(
    mut from: Reading,
    source: Arc<Source>,
    needs_cursor: bool,
    pages: mpsc::Sender<SourcePage>,
) -> Result<Unclaimed, VerifyError> {
    let (mut after, mut size) = (None, PAGE_ROWS);
    let (mut cursor, mut snapshot) = (needs_cursor.then(LegacyCursor::default), 0);
    loop {
        if snapshot != from.snapshots {
            // The cursor has ended with its snapshot.
            (cursor, snapshot) = (needs_cursor.then(LegacyCursor::default), from.snapshots);
        }
        let read = match &mut cursor {
            Some(cursor) => cursor.page(&mut from.session, &source, after, size).await,
            None => read_plain_page(&mut from.session, &source, after, size).await,
        };
        let PlainPage { rows, cut } = match read {
            Ok(page) => page,
            Err(error) => {
                from.recover(error).await?;
                continue;
            }
        };
        from.in_a_row = 0;
        let done = rows.is_empty() || rows.len() < size && !cut;
        size = if cut { rows.len().max(1) } else { (size * 2).min(PAGE_ROWS) };
        // The last range is open, so that lineage beyond the last legacy row is seen too.
        let until = if done { None } else { rows.last().map(|(id, _)| *id) };
        let Ok(room) = from.wait(pages.reserve()).await? else { break };
        room.send(SourcePage { after, until, rows });
        if done {
            break;
        }
        after = until;
    }
    let _ = from.session.close().await;
    Ok(None)
}

async fn read_target(
    mut target: Reading,
    mut source_pages: mpsc::Receiver<SourcePage>,
    both: mpsc::Sender<BothPages>,
) -> Result<Unclaimed, VerifyError> {
    let mut securities = Securities::default();
    while let Some(page) = target.wait(source_pages.recv()).await? {
        let range = Range { after: page.after, until: page.until };
        let page = loop {
            match both_pages(&mut target.session, &mut securities, &range, page.rows.clone()).await {
                Ok(page) => break page,
                Err(error) => target.recover(error).await?,
            }
        };
        target.in_a_row = 0;
        let Ok(room) = target.wait(both.reserve()).await? else { return Ok(None) };
        room.send(page);
    }
    let unclaimed = loop {
        match read_unclaimed(&mut target.session).await {
            Ok(unclaimed) => break unclaimed,
            Err(error) => target.recover(error).await?,
        }
    };
    let _ = target.session.close().await;
    Ok(Some(unclaimed))
}

/// Rows of the source with what is stored for them.
async fn both_pages(
    target: &mut Session,
    securities: &mut Securities,
    range: &Range,
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

struct Range {
    after: Option<i64>,
    until: Option<i64>,
}

impl Range {
    /// The condition on `source_table` and `source_id` of a lineage or rejection row.
    fn condition(&self, alias: &str) -> String {
        let mut condition = format!("{alias}.source_table = {}", quote_literal(SOURCE_TABLE));
        if let Some(after) = self.after {
            condition.push_str(&format!(" and {alias}.source_id > {after}"));
        }
        if let Some(until) = self.until {
            condition.push_str(&format!(" and {alias}.source_id <= {until}"));
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
fn cells(values: &[Option<&[u8]>], mut at: usize, columns: &'static [&'static str]) -> Result<Cells, sqlx::Error> {
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

fn utf8(value: Option<&[u8]>) -> Result<Option<&str>, sqlx::Error> {
    value.map(std::str::from_utf8).transpose().map_err(|error| sqlx::Error::Decode(error.into()))
}

fn number(value: Option<&[u8]>) -> Result<i64, sqlx::Error> {
    let text = utf8(value)?.unwrap_or_default();
    text.parse().map_err(|_| sqlx::Error::Protocol(format!("{text:?} is not an id")))
}

/// Runs a query of texts and hands each row's values to `each`.
async fn for_each_row(
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

async fn read_stored(target: &mut Session, range: &Range) -> Result<BTreeMap<i64, Stored>, QueryError> {
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
fn read_assessment(json: Option<&str>, large: Option<&str>, stored: &mut Stored) -> Result<(), sqlx::Error> {
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

async fn read_rejected(target: &mut Session, range: &Range) -> Result<HashSet<i64>, QueryError> {
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
async fn read_unclaimed(target: &mut Session) -> Result<Vec<Difference>, QueryError> {
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
