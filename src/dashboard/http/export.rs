//! What is filtered, as a CSV file: exactly that, seen at one moment, sent while it is read.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use crate::base::escape;
use crate::dashboard::http::answer::{Problem, typed};
use crate::dashboard::pg::people::people;
use crate::dashboard::pg::pool::Lease;
use crate::dashboard::pg::requests::{count, requests};
use crate::dashboard::query::{At, RequestsQuery};
use crate::dashboard::rows::{People, RequestRow};

/// More rows are refused before the first: a file that ends early would look whole.
const MOST: u64 = 100_000;

/// Rows of a statement.
const STEP: usize = 1000;

/// A file that takes longer is cut off.
const LONGEST: Duration = Duration::from_secs(60);

/// So is one of which nothing is taken for so long: no transaction stays open behind a stalled download.
const STALLED: Duration = Duration::from_secs(5);

const COLUMNS: [&str; 15] = [
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

/// Of these, the columns that say who somebody is.
const PERSONAL: [&str; 2] = ["full_name", "email"];

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

fn row(row: &RequestRow, query: &RequestsQuery, people: &People) -> String {
    let person = people.get(&row.employee_id);
    let maybe = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells: [String; 15] = [
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
    ];
    let shown = COLUMNS.iter().zip(&cells).filter(|(name, _)| query.people || !PERSONAL.contains(*name));
    line(shown.map(|(_, cell)| cell.as_str()))
}

/// Where the file is.
struct Reading {
    lease: Lease,
    query: RequestsQuery,
    at: At,
    /// The header's turn.
    is_first: bool,
}

/// The file, of what is found at this moment.
pub(crate) async fn export(
    mut lease: Lease,
    query: RequestsQuery,
    environment: &str,
    one_at_a_time: OwnedSemaphorePermit,
) -> Result<Response<Body>, Problem> {
    if count(&mut lease, &query, MOST).await?.is_more {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "Too many rows for one file",
            "More than 100,000 requests match, and one file has no more. Filter by year, status or employee, and download \
             several files.",
        ));
    }
    let (pieces, received) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut reading = Reading { lease, query, at: At::Start, is_first: true };
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
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"requests-{environment}.csv\"")) {
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
            let shown = COLUMNS.into_iter().filter(|it| self.query.people || !PERSONAL.contains(it));
            lines.push_str(&line(shown));
        }
        let page = requests(&mut self.lease, &self.query, (self.at, None), STEP).await?;
        let page = page.map_err(|_| Problem::not_found("the row is gone"))?;
        let who = match self.query.people {
            true => people(&mut self.lease, page.rows.iter().map(|it| it.employee_id).collect()).await?,
            false => People::new(),
        };
        lines.extend(page.rows.iter().map(|it| row(it, &self.query, &who)));
        if let Some(last) = page.rows.last() {
            self.at = At::After(last.id);
        }
        Ok((lines, page.has_after))
    }
}
