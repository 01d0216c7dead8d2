//! Large texts on their way from the source into a COPY, in pieces, so that no text is ever held whole.

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

use crate::base::text::hex;
use crate::migration::copy_rows::LargeTextRef;
use crate::migration::copy_text::{escape, escape_json};
use crate::migration::pg::legacy::Legacy;
use crate::migration::pg::source::Source;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::{CopyIn, Session};

/// Reads large texts on a connection to the source that is opened when the first one comes.
pub(crate) struct LargeTextReader<'a> {
    /// None for a source whose texts are held whole.
    from: Option<(&'a Database, &'a Source)>,
    connection: Option<Session>,
}

impl<'a> LargeTextReader<'a> {
    pub(crate) fn new(legacy: &'a Legacy) -> Self {
        let from = match legacy {
            Legacy::Table { database, source, .. } => Some((&**database, &**source)),
            Legacy::Csv(_) => None,
        };
        Self { from, connection: None }
    }

    /// Sends a text to a COPY, and fails unless it is the one of the digest.
    pub(crate) async fn send(&mut self, text: &LargeTextRef, copy: &mut CopyIn<'_>) -> Result<(), QueryError> {
        const WHAT: &str = "reading a large text from the source";
        let held = || sqlx::Error::Protocol("a file's texts are held whole".to_owned());
        let (database, source) = self.from.ok_or_else(held).attempt(WHAT)?;
        let pieces = source.pieces(text.source_id, &text.column);
        // Binary COPY, since a piece may end within a character; what must be escaped is ASCII, which no other
        // character's bytes contain.
        let query = format!("copy ({pieces}) to stdout (format binary)");
        let mut stream = self.connect(database).await?.copy_out(&query).await.attempt(WHAT)?;
        let mut digest = Sha256::new();
        let (mut quoted, mut escaped) = (Vec::new(), Vec::new());
        while let Some(message) = stream.try_next().await.attempt(WHAT)? {
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
            copy.send(&*escaped).await.attempt(WHAT)?;
        }
        if hex(&digest.finalize()) == text.sha256 {
            return Ok(());
        }
        let changed = "the row was changed while it was being read; run this again".to_owned();
        Err(sqlx::Error::Protocol(changed)).attempt(WHAT)
    }

    /// Ends its session, if there is one.
    pub(crate) async fn close(self) {
        if let Some(connection) = self.connection {
            let _ = connection.close().await;
        }
    }

    async fn connect(&mut self, database: &Database) -> Result<&mut Session, QueryError> {
        if self.connection.is_none() {
            let opened = database.connect(Access::Read, "migrate large texts").await;
            let failed = |error: ConnectError| sqlx::Error::Protocol(error.to_string());
            self.connection = Some(opened.map_err(failed).attempt("connecting to the source once more")?);
        }
        Ok(self.connection.as_mut().expect("it was opened above"))
    }
}

/// The one value in a message of a binary COPY; empty for the trailer (documentation, COPY, Binary Format).
fn binary_value(message: &[u8]) -> &[u8] {
    const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
    // The signature is followed by flags and the length of an extension that no server sends.
    let tuple = message.strip_prefix(SIGNATURE).map_or(message, |rest| rest.get(8..).unwrap_or_default());
    // A count of fields, then the field's length; the trailer is a count of -1.
    tuple.get(6..).unwrap_or_default()
}
