//! Large texts on their way from the source into a COPY, in pieces, so that no text is ever held whole.

use std::sync::Arc;
use std::time::Instant;

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::base::text::hex;
use crate::migration::copy_rows::LargeTextRef;
use crate::migration::copy_text::{escape, escape_json};
use crate::migration::pg::legacy::Legacy;
use crate::migration::pg::source::Source;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::{CopyIn, Session};
use crate::postgres::statement::round_trip;

const READING: &str = "reading a large text from the source";

/// Reads large texts, one at a time, on a session with the source that is opened when the first one comes.
///
/// All workers of a run share it: large texts are rare, and a session for each worker would be one that nearly never
/// works.
pub(crate) struct LargeTextReader {
    /// None for a source whose texts are held whole.
    from: Option<(Arc<Database>, Arc<Source>)>,
    idle: Mutex<Option<Idle>>,
}

/// The session between two texts.
struct Idle {
    session: Session,
    since: Instant,
}

impl LargeTextReader {
    pub(crate) fn new(legacy: &Legacy) -> Self {
        let from = match legacy {
            Legacy::Table { database, source, .. } => Some((Arc::clone(database), Arc::clone(source))),
            Legacy::Csv(_) => None,
        };
        Self { from, idle: Mutex::new(None) }
    }

    /// Sends a text to a COPY, and fails unless it is the one of the digest.
    pub(crate) async fn send(&self, text: &LargeTextRef, copy: &mut CopyIn<'_>) -> Result<(), QueryError> {
        let held = || sqlx::Error::Protocol("a file's texts are held whole".to_owned());
        let (database, source) = self.from.as_ref().ok_or_else(held).attempt(READING)?;
        let mut idle = self.idle.lock().await;
        let mut session = session(idle.take(), database).await?;
        let sent = send_pieces(&mut session, source, text, copy).await;
        // One that failed may be in the middle of an answer.
        if sent.is_ok() {
            *idle = Some(Idle { session, since: Instant::now() });
        }
        sent
    }

    /// Ends its session, if there is one.
    pub(crate) async fn close(&self) {
        if let Some(Idle { session, .. }) = self.idle.lock().await.take() {
            let _ = session.close().await;
        }
    }
}

/// The session, or another one, where the server is about to end it since it has heard nothing of it.
async fn session(idle: Option<Idle>, database: &Database) -> Result<Session, QueryError> {
    if let Some(Idle { mut session, since }) = idle {
        // It may have ended meanwhile, which is no reason to fail.
        if since.elapsed() < session.unheard() / 2 && round_trip(&mut session).await.is_ok() {
            return Ok(session);
        }
        let _ = session.close().await;
    }
    let opened = database.connect(Access::Read, "migrate large texts").await;
    opened.map_err(|error| error.in_the_middle("connecting to the source once more"))
}

async fn send_pieces(
    session: &mut Session,
    source: &Source,
    text: &LargeTextRef,
    copy: &mut CopyIn<'_>,
) -> Result<(), QueryError> {
    let pieces = source.pieces(text.source_id, &text.column);
    // Binary COPY, since a piece may end within a character; what must be escaped is ASCII, which no other
    // character's bytes contain.
    let query = format!("copy ({pieces}) to stdout (format binary)");
    let mut stream = session.copy_out(&query).await.attempt(READING)?;
    let mut digest = Sha256::new();
    let (mut quoted, mut escaped) = (Vec::new(), Vec::new());
    while let Some(message) = stream.try_next().await.attempt(READING)? {
        let piece = binary_value(message.as_ref());
        digest.update(piece);
        escaped.clear();
        if text.in_json {
            quoted.clear();
            escape_json(piece, &mut quoted);
            escape(&quoted, &mut escaped);
        } else {
            escape(piece, &mut escaped);
        }
        copy.send(&*escaped).await.attempt("writing a large text")?;
    }
    if hex(&digest.finalize()) == text.sha256 {
        return Ok(());
    }
    let (column, id) = (&text.column, text.source_id);
    let changed = format!("{column} of the row with id {id} was changed while the row was being read");
    Err(sqlx::Error::Protocol(changed)).attempt(READING)
}

/// The one value in a message of a binary COPY; empty for the trailer (documentation, COPY, Binary Format).
fn binary_value(message: &[u8]) -> &[u8] {
    const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
    // The signature is followed by flags and the length of an extension that no server sends.
    let tuple = message.strip_prefix(SIGNATURE).map_or(message, |rest| rest.get(8..).unwrap_or_default());
    // A count of fields, then the field's length; the trailer is a count of -1.
    tuple.get(6..).unwrap_or_default()
}
