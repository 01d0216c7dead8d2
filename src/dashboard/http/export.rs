//! What is filtered, as a CSV file: exactly that, seen at one moment, sent while it is read.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use crate::base::escape;
use crate::dashboard::http::answer::{Problem, typed};
use crate::dashboard::pg;
use crate::dashboard::pg::keyset::EdgeGone;
use crate::dashboard::pg::people::people;
use crate::dashboard::pg::pool::Lease;
use crate::dashboard::query::{At, RejectionsQuery, RequestsQuery, STATES};
use crate::dashboard::rows::{Counted, People, Record, RequestRow};

/// More rows are refused before the first: a file that ends early would look whole.
const MOST: u64 = 100_000;

/// Rows of a statement.
const STEP: usize = 1000;

/// A file that takes longer is cut off.
const LONGEST: Duration = Duration::from_secs(60);

/// So is one of which nothing is taken for so long: no transaction stays open behind a stalled download.
const STALLED: Duration = Duration::from_secs(5);

/// What a file is made of.
pub(crate) enum Listed {
    Requests(RequestsQuery),
    Rejections(RejectionsQuery),
}

const REQUESTS: [&str; 15] = [
    "id",
    "created_at",
    "status",
    "employee_id",
    "full_name",
    "email",
    "direction",
    "security_id",
    "security_name",
    "ticker",
    "isin",
    "quantity",
    "estimated_value",
    "currency",
    "is_deleted",
];

const REJECTIONS: [&str; 6] = ["source_id", "rule", "field", "value", "message", "state"];

/// Columns that say who somebody is, or may.
const PERSONAL: [&str; 4] = ["full_name", "email", "value", "message"];

/// A line of the file. A spreadsheet takes no cell for a formula.
fn line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let quoted = |cell: &str| {
        let cell = escape::cell(cell);
        match cell.contains([',', ';', '"']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.into_owned(),
        }
    };
    let cells: Vec<String> = cells.map(quoted).collect();
    format!("{}\r\n", cells.join(","))
}

fn request(row: &RequestRow, people: &People) -> [String; 15] {
    let person = people.get(&row.employee_id);
    let maybe = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        row.id.to_string(),
        row.created_at.clone(),
        row.status.clone(),
        row.employee_id.to_string(),
        person.map(|it| maybe(&it.full_name)).unwrap_or_default(),
        person.map(|it| maybe(&it.email)).unwrap_or_default(),
        maybe(&row.direction),
        row.security_id.map(|it| it.to_string()).unwrap_or_default(),
        maybe(&row.security_name),
        maybe(&row.ticker),
        maybe(&row.isin),
        maybe(&row.quantity),
        maybe(&row.estimated_value),
        maybe(&row.currency),
        row.is_deleted.to_string(),
    ]
}

fn rejection(record: &Record) -> [String; 6] {
    let state = STATES[usize::from(record.get("resolved_run_id").is_some())];
    REJECTIONS.map(|column| record.get(column).unwrap_or(if column == "state" { state } else { "" }).to_owned())
}

impl Listed {
    /// In the name of the file.
    fn name(&self) -> &'static str {
        match self {
            Self::Requests(_) => "requests",
            Self::Rejections(_) => "rejections",
        }
    }

    fn columns(&self) -> &'static [&'static str] {
        match self {
            Self::Requests(_) => &REQUESTS,
            Self::Rejections(_) => &REJECTIONS,
        }
    }

    fn people(&self) -> bool {
        match self {
            Self::Requests(query) => query.people,
            Self::Rejections(query) => query.people,
        }
    }

    async fn count(&self, lease: &mut Lease, bound: u64) -> Result<Counted, Problem> {
        Ok(match self {
            Self::Requests(query) => pg::requests::count(lease, query, bound).await?,
            Self::Rejections(query) => pg::lists::count_rejections(lease, query, bound).await?,
        })
    }

    /// A line of those of the cells that are shown.
    fn line(&self, cells: &[impl AsRef<str>]) -> String {
        let shown = self.columns().iter().zip(cells).filter(|(name, _)| self.people() || !PERSONAL.contains(*name));
        line(shown.map(|(_, cell)| cell.as_ref()))
    }

    /// Some lines, the row of the last one, and whether there are more.
    async fn lines(&self, lease: &mut Lease, at: At) -> Result<(String, Option<i64>, bool), Problem> {
        let gone = |_: EdgeGone| Problem::not_found("the row is gone");
        match self {
            Self::Requests(query) => {
                let page = pg::requests::requests(lease, query, (at, None), STEP).await?.map_err(gone)?;
                let people = match query.people {
                    true => people(lease, page.rows.iter().map(|it| it.employee_id).collect()).await?,
                    false => People::new(),
                };
                let lines = page.rows.iter().map(|it| self.line(&request(it, &people))).collect();
                Ok((lines, page.rows.last().map(|it| it.id), page.has_after))
            }
            Self::Rejections(query) => {
                let page = pg::lists::rejections(lease, query, (at, None), STEP).await?.map_err(gone)?;
                let lines = page.rows.iter().map(|it| self.line(&rejection(it))).collect();
                Ok((lines, page.rows.last().map(|it| it.id), page.has_after))
            }
        }
    }
}

/// Where the file is.
struct Reading {
    lease: Lease,
    listed: Listed,
    at: At,
    /// The header's turn.
    is_first: bool,
}

/// The file, of what is found at this moment.
pub(crate) async fn export(
    mut lease: Lease,
    listed: Listed,
    environment: &str,
    one_at_a_time: OwnedSemaphorePermit,
) -> Result<Response<Body>, Problem> {
    if listed.count(&mut lease, MOST).await?.is_more {
        let (rows, by) = match listed {
            Listed::Requests(_) => ("requests", "year, status or employee"),
            Listed::Rejections(_) => ("reasons", "rule or state"),
        };
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "Too many rows for one file",
            format!(
                "More than 100,000 {rows} match, and one file has no more. Filter by {by}, and download several files."
            ),
        ));
    }
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H%M%SZ");
    let name = format!("attachment; filename=\"{}-{environment}-{now}.csv\"", listed.name());
    let (pieces, received) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut reading = Reading { lease, listed, at: At::Start, is_first: true };
        // However it ends, the transaction does, too: a reader who takes no more is not waited for.
        let is_whole = timeout(LONGEST, reading.send(&pieces)).await.unwrap_or(false);
        let _ = reading.lease.done().await;
        // Before the end is known, after which the next file may be asked for.
        drop(one_at_a_time);
        if is_whole {
            let _ = pieces.send_timeout(Piece::End, STALLED).await;
        }
    });
    let body = Body::from_stream(stream::unfold(Some(received), |received| async {
        let mut received = received?;
        match received.recv().await {
            Some(Piece::Lines(lines)) => Some((Ok(lines), Some(received))),
            Some(Piece::End) => None,
            // The connection is broken off, so that the browser knows that the file isn't whole.
            None => Some((Err(std::io::Error::other("the rows could not be read")), None)),
        }
    }));
    let mut answer = typed(StatusCode::OK, "text/csv; charset=utf-8", body);
    if let Ok(name) = HeaderValue::from_str(&name) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(answer)
}

/// A part of the file.
enum Piece {
    Lines(String),
    End,
}

impl Reading {
    /// Reads and sends, until nothing is taken for a while; whether that was all.
    async fn send(&mut self, pieces: &mpsc::Sender<Piece>) -> bool {
        loop {
            let Ok((lines, is_more)) = self.lines().await else { return false };
            if pieces.send_timeout(Piece::Lines(lines), STALLED).await.is_err() {
                return false;
            }
            if !is_more {
                return true;
            }
        }
    }

    /// Some lines, and whether there are more.
    async fn lines(&mut self) -> Result<(String, bool), Problem> {
        let mut lines = String::new();
        if std::mem::take(&mut self.is_first) {
            lines.push_str(&self.listed.line(self.listed.columns()));
        }
        let (more, last, is_more) = self.listed.lines(&mut self.lease, self.at).await?;
        lines += &more;
        self.at = last.map_or(self.at, At::After);
        Ok((lines, is_more))
    }
}
