//! Where legacy rows come from: a table, or a CSV file that was proved; and what of them must be known before the first.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;

use crate::config::settings::TableName;
use crate::migration::csv::error::{CsvError, CsvFault};
use crate::migration::csv::file::CsvRecords;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::csv::reading::flags_to_read_as;
use crate::migration::csv::record::Record;
use crate::migration::csv::summary::CsvSummary;
use crate::migration::ids::OddIds;
use crate::migration::legacy::LegacyRow;
use crate::migration::pg::source::Source;
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Where legacy rows come from.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub enum LegacySource<'a> {
    /// The legacy table of a database.
    Table { database: &'a Database, table: &'a TableName },
    /// An export of it.
    Csv(&'a Arc<ProvedCsv>),
}

impl LegacySource<'_> {
    /// The file, if it is one.
    pub fn csv(&self) -> Option<CsvSummary> {
        match self {
            Self::Table { .. } => None,
            Self::Csv(csv) => Some(CsvSummary::from(&***csv)),
        }
    }
}

/// The source of a run, examined.
#[derive(Clone)]
pub(crate) enum Legacy {
    Table { database: Arc<Database>, source: Arc<Source> },
    Csv(Arc<ProvedCsv>),
}

impl Legacy {
    /// The rows that their ids don't identify.
    pub(crate) fn odd_ids(&self) -> OddIds {
        match self {
            Self::Table { source, .. } => source.odd_ids.clone(),
            Self::Csv(csv) => csv.facts.odd_ids(),
        }
    }

    /// What people are to know of these.
    pub(crate) fn sentences_about_ids(&self) -> Vec<String> {
        match self {
            Self::Table { source, .. } => source.odd_ids.sentences(&source.table),
            Self::Csv(csv) => {
                let mut sentences = csv.facts.odd_ids().sentences(&csv.name());
                let without = &csv.facts.without;
                if without.count > 0 {
                    sentences.push(format!("rows of {} without a usable id: {}", csv.name(), without.shown()));
                }
                sentences
            }
        }
    }
}

/// What people are to know of a file: its alarms, and that rows came from another one.
pub(crate) struct FileNotes {
    alarms: Vec<String>,
    pub(crate) other_file: Option<String>,
}

impl FileNotes {
    /// Compares the file with what the rows came from. The same file read in another way is refused: its rows would be
    /// others.
    pub(crate) async fn read(session: &mut Session, csv: &ProvedCsv) -> Result<Result<Self, CsvError>, QueryError> {
        let runs = runs_of_rows(session).await?;
        // Earlier versions recorded the file's own digest only.
        let is_same = |it: &SourceRun| {
            let of_run = |name: &str| it.csv.as_ref().and_then(|of_run| of_run[name].as_str());
            let content = of_run("content_sha256").or(of_run("sha256"));
            of_run("sha256") == Some(&csv.sha256) || content == Some(&csv.content_sha256)
        };
        let now = CsvSummary::from(csv);
        for run in runs.iter().filter(|it| is_same(it)) {
            let flags = flags_to_read_as(run.csv.as_ref().unwrap_or(&Value::Null), &now);
            if !flags.is_empty() {
                let fault = CsvFault::ReadOtherwise { run: run.id.clone(), flags };
                return Ok(Err(CsvError::new(csv.name(), fault)));
            }
        }
        let other_file = runs.iter().find(|it| !is_same(it)).map(|it| {
            format!(
                "rows came from another file, or a table: the run {} read {}, and the SHA-256 of this file is {}; give that to \
                 compare these rows with what they came from",
                it.id,
                it.words(),
                hashes(&csv.sha256, Some(&csv.content_sha256))
            )
        });
        let alarms = csv.facts.alarms.iter().map(|it| it.message.clone()).collect();
        Ok(Ok(Self { alarms, other_file }))
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<String> {
        self.alarms.iter().chain(&self.other_file).cloned().collect()
    }
}

/// A note that rows came from a file, where a table is read.
pub(crate) async fn came_from_a_file(session: &mut Session) -> Result<Option<String>, QueryError> {
    let runs = runs_of_rows(session).await?;
    Ok(runs.iter().find(|it| it.csv.is_some()).map(|it| {
        format!(
            "rows came from a file: the run {} read {}; give it with --source-csv to compare them with what they came from",
            it.id,
            it.words()
        )
    }))
}

/// A run whose rows are still there.
struct SourceRun {
    id: String,
    source: String,
    /// What it recorded of its file, if it read one: a [`CsvSummary`].
    csv: Option<Value>,
}

impl SourceRun {
    fn words(&self) -> String {
        let of = |csv: &Value, name: &str| csv[name].as_str().unwrap_or("not recorded").to_owned();
        match &self.csv {
            Some(csv) => {
                let hashes = hashes(&of(csv, "sha256"), csv["content_sha256"].as_str());
                format!("{}, whose SHA-256 is {hashes}", of(csv, "file"))
            }
            None => format!("the table at {}", self.source),
        }
    }
}

/// The SHA-256 of a file, and of what it holds where it is packed: packed twice, or unpacked, the rows are the same.
fn hashes(of_file: &str, of_content: Option<&str>) -> String {
    match of_content.filter(|it| *it != of_file) {
        Some(content) => format!("{of_file}, and {content} unpacked"),
        None => of_file.to_owned(),
    }
}

/// The runs whose rows are still there, the last first; none where runs can't be read, as before the first one.
async fn runs_of_rows(session: &mut Session) -> Result<Vec<SourceRun>, QueryError> {
    const WHAT: &str = "reading what the rows came from";
    let is_readable: bool = sqlx::query_scalar(
        "select bool_and(coalesce(has_table_privilege(to_regclass(it), 'select'), false)) \
         from unnest(array['padealing.migration_run', 'padealing.migration_mapping']) it",
    )
    .fetch_one(&mut *session)
    .await
    .attempt(WHAT)?;
    if !is_readable {
        return Ok(Vec::new());
    }
    let runs: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
        "select r.id::text, r.options ->> 'source', (r.options -> 'csv')::text from padealing.migration_run r \
         where r.command = 'migrate' \
           and exists (select from padealing.migration_mapping m \
               where m.source_table = $1 and m.target_table = 'pad_request' \
                 and m.migrated_at between r.started_at and coalesce(r.finished_at, 'infinity')) \
         order by r.started_at desc limit 100",
    )
    .bind(SOURCE_TABLE)
    .fetch_all(session)
    .await
    .attempt(WHAT)?;
    let run = |(id, source, csv): (String, Option<String>, Option<String>)| SourceRun {
        id,
        source: source.unwrap_or_else(|| "a place that isn't recorded".to_owned()),
        // What can't be read is no other reading.
        csv: csv.and_then(|it| serde_json::from_str(&it).ok()),
    };
    Ok(runs.into_iter().map(run).collect())
}

/// Bytes of a page that are kept in memory.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Pages of a file's rows, in the order of the file, without the rows that their ids don't identify.
pub(crate) struct CsvPages {
    pages: tokio::sync::mpsc::Receiver<Result<Vec<(i64, LegacyRow)>, CsvError>>,
}

impl CsvPages {
    /// Starts to read, on a thread of its own. It ends with the value.
    pub(crate) fn start(csv: Arc<ProvedCsv>, rows: usize) -> Self {
        let (sender, pages) = tokio::sync::mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(&csv, rows, &sender) {
                let _ = sender.blocking_send(Err(error));
            }
        });
        Self { pages }
    }

    /// The next page; none after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<(i64, LegacyRow)>>, CsvError> {
        self.pages.recv().await.transpose()
    }
}

/// The rows of a file with some ids; of several rows with one id there is none, as of a table.
pub(crate) async fn rows_with(csv: &Arc<ProvedCsv>, ids: HashSet<i64>) -> Result<HashMap<i64, LegacyRow>, CsvError> {
    let csv = Arc::clone(csv);
    let reading = tokio::task::spawn_blocking(move || {
        let (mut records, mut record) = (CsvRecords::open(&csv)?, Record::default());
        let mut found = HashMap::new();
        while records.next(&mut record)? {
            if let (Some(id), row) = csv.layout.row(&record)
                && ids.contains(&id)
                && !csv.facts.repeated.contains_key(&id)
            {
                found.insert(id, row);
            }
        }
        Ok(found)
    });
    reading.await.expect("reading a file doesn't panic")
}

type Sender = tokio::sync::mpsc::Sender<Result<Vec<(i64, LegacyRow)>, CsvError>>;

fn read(csv: &ProvedCsv, rows: usize, sender: &Sender) -> Result<(), CsvError> {
    let mut records = CsvRecords::open(csv)?;
    let mut record = Record::default();
    let (mut page, mut bytes) = (Vec::with_capacity(rows), 0);
    while records.next(&mut record)? {
        let (Some(id), row) = csv.layout.row(&record) else { continue };
        if csv.facts.repeated.contains_key(&id) {
            continue;
        }
        page.push((id, row));
        bytes += record.octets();
        if page.len() >= rows || bytes >= PAGE_BYTES {
            bytes = 0;
            // Nobody listens where the run was given up.
            if sender.blocking_send(Ok(std::mem::replace(&mut page, Vec::with_capacity(rows)))).is_err() {
                return Ok(());
            }
        }
    }
    if !page.is_empty() {
        let _ = sender.blocking_send(Ok(page));
    }
    Ok(())
}

/// The ids that several rows have, after one, with how many rows have each.
pub(crate) async fn repeated_ids(
    legacy: &Legacy,
    from: Option<&mut Session>,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<(i64, i64)>, QueryError> {
    match (legacy, from) {
        (Legacy::Table { source, .. }, Some(from)) => source.repeated_ids(from, after, limit).await,
        (Legacy::Table { .. }, None) => Ok(Vec::new()),
        (Legacy::Csv(csv), _) => {
            let start = after.map_or(Bound::Unbounded, Bound::Excluded);
            let ids = csv.facts.repeated.range((start, Bound::Unbounded)).take(limit);
            Ok(ids.map(|(id, repeated)| (*id, i64::try_from(repeated.rows).unwrap_or(i64::MAX))).collect())
        }
    }
}
