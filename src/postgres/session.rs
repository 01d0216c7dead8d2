//! A session with a server: a connection whose waits end.
//!
//! A network that falls silent ends no wait by itself: nothing comes, and the operating system asks after hours. While
//! a session waits, [`Watch`] asks by another connection whether the server still works at what it was asked for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt};
use sqlx::postgres::{PgConnection, PgCopyIn, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Connection, Either, Error, Execute, Executor, Postgres, SqlStr};

use crate::postgres::database::Patience;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::watch::Watch;

/// A session. Statements run on it as on the driver's connection.
#[derive(Debug)]
pub struct Session {
    connection: PgConnection,
    /// None if nobody watches: the caller has its own way to end.
    watch: Option<Arc<Watch>>,
    /// The number of the transaction that writes, while it is open.
    pub(crate) transaction: Option<String>,
}

/// Nothing ends its waits: for tests, which end by themselves.
impl From<PgConnection> for Session {
    fn from(connection: PgConnection) -> Self {
        Self { connection, watch: None, transaction: None }
    }
}

/// For the farewell.
const CLOSING: Duration = Duration::from_secs(2);

impl Session {
    pub(crate) fn watched(connection: PgConnection, watch: Watch) -> Self {
        Self { connection, watch: Some(Arc::new(watch)), transaction: None }
    }

    /// The server's process, as far as it is known.
    pub(crate) fn process(&self) -> Option<i32> {
        self.watch.as_ref().map(|watch| watch.process())
    }

    /// How long the server keeps the session when it hears nothing of it.
    pub(crate) fn unheard(&self) -> Duration {
        self.watch.as_ref().map_or(Patience::default().unheard, |watch| watch.unheard())
    }

    /// Begins a COPY into a table.
    pub(crate) async fn copy_in(&mut self, statement: &str) -> Result<CopyIn<'_>, Error> {
        let watch = self.watch.clone();
        let copy = answer(watch.as_ref(), self.connection.copy_in_raw(statement)).await?;
        Ok(CopyIn { copy, watch })
    }

    /// Begins a COPY out of a table or a query: the messages, which for text are lines.
    pub(crate) async fn copy_out(
        &mut self,
        statement: &str,
    ) -> Result<impl Stream<Item = Result<impl AsRef<[u8]> + use<>, Error>> + Unpin + Send, Error> {
        let watch = self.watch.clone();
        let stream = answer(watch.as_ref(), self.connection.copy_out_raw(statement)).await?;
        Ok(Watched { stream, watch, silence: None, is_ended: false })
    }

    /// Waits for something else than the server, which hears from this session meanwhile.
    pub(crate) async fn while_waiting<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, QueryError> {
        let mut wait = std::pin::pin!(wait);
        let often = self.unheard() / 4;
        loop {
            match tokio::time::timeout(often, &mut wait).await {
                Ok(done) => return Ok(done),
                Err(_) => {
                    let word = self.connection.execute("select 1");
                    answer(self.watch.as_ref(), word).await.attempt("keeping the session")?;
                }
            }
        }
    }

    /// Ends the session. A pool that gives the server's process to the next client finds it as it was.
    pub async fn close(mut self) -> Result<(), Error> {
        let farewell = async {
            for statement in ["rollback", "discard all"] {
                self.connection.execute(sqlx::raw_sql(statement)).await?;
            }
            self.connection.close().await
        };
        tokio::time::timeout(CLOSING, farewell).await.unwrap_or(Ok(()))
    }
}

/// Waits as long as the server works at it.
async fn answer<T>(watch: Option<&Arc<Watch>>, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let Some(watch) = watch else { return work.await };
    tokio::select! {
        biased;
        result = work => result.map_err(|error| watch.located(error)),
        error = watch.until_silent() => Err(error),
    }
}

/// A COPY into a table.
pub(crate) struct CopyIn<'c> {
    copy: PgCopyIn<&'c mut PgConnection>,
    watch: Option<Arc<Watch>>,
}

impl CopyIn<'_> {
    /// Sends bytes, which need not end where a line ends.
    pub(crate) async fn send(&mut self, data: impl std::ops::Deref<Target = [u8]>) -> Result<(), Error> {
        answer(self.watch.as_ref(), self.copy.send(data)).await.map(|_| ())
    }

    /// Ends it; the number of rows.
    pub(crate) async fn finish(self) -> Result<u64, Error> {
        answer(self.watch.as_ref(), self.copy.finish()).await
    }

    /// Has the server forget it.
    pub(crate) async fn abort(self, message: &str) -> Result<(), Error> {
        answer(self.watch.as_ref(), self.copy.abort(message)).await
    }
}

/// Items, as long as the server works at the next.
struct Watched<'e, T> {
    stream: BoxStream<'e, Result<T, Error>>,
    watch: Option<Arc<Watch>>,
    /// Ready when the server no longer works at the next item; only while that isn't there.
    silence: Option<BoxFuture<'static, Error>>,
    is_ended: bool,
}

impl<T> Stream for Watched<'_, T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(item) = self.stream.poll_next_unpin(context) {
            self.silence = None;
            let watch = self.watch.as_ref();
            return Poll::Ready(item.map(|it| {
                it.map_err(|error| match watch {
                    Some(watch) => watch.located(error),
                    None => error,
                })
            }));
        }
        let Some(watch) = self.watch.clone() else { return Poll::Pending };
        let silence = self.silence.get_or_insert_with(|| async move { watch.until_silent().await }.boxed());
        match silence.poll_unpin(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(error) => {
                self.is_ended = true;
                self.silence = None;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl<'c> Executor<'c> for &'c mut Session {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let Session { connection, watch, .. } = self;
        Watched { stream: connection.fetch_many(query), watch: watch.clone(), silence: None, is_ended: false }.boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let Session { connection, watch, .. } = self;
        let work = connection.fetch_optional(query);
        async move { answer(watch.as_ref(), work).await }.boxed()
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        let Session { connection, watch, .. } = self;
        let work = connection.prepare_with(sql, parameters);
        async move { answer(watch.as_ref(), work).await }.boxed()
    }
}
