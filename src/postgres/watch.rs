//! Whether a server still works at what a session asked for: asked by another connection while the session waits.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Error, Row};
use tokio::time::{Instant, sleep, timeout};

use crate::postgres::database::Database;
use crate::postgres::query_error::{NotConfirmed, located};

/// Watches one session.
#[derive(Debug)]
pub(crate) struct Watch {
    database: Database,
    /// The server's process.
    process: i32,
    /// When it began, in seconds: another process may get the same number.
    since: String,
}

/// What the server says about the session.
enum State {
    /// It works, or it can't be known.
    Works,
    /// It waits for a lock: who holds it.
    Locked(String),
    /// Its commit waits for a standby: the setting that names it.
    Standby(String),
    /// It waits for us: it has answered, or hears nothing.
    WaitsForUs,
    /// It is no more.
    Gone,
    /// The server doesn't answer.
    Unreachable,
}

fn waiting(holder: &str) -> String {
    format!("waiting for a lock that {holder} holds")
}

/// What is shown of a wait for a lock, until the answer is there.
struct ShownWait<'d>(&'d Database);

impl ShownWait<'_> {
    fn show(&self, state: &State) {
        match state {
            State::Locked(holder) => self.0.wait(Some(&waiting(holder))),
            _ => self.0.wait(None),
        }
    }
}

impl Drop for ShownWait<'_> {
    fn drop(&mut self) {
        self.0.wait(None);
    }
}

impl Watch {
    pub(crate) fn new(database: Database, process: i32, since: String) -> Self {
        database.sessions().insert(process, since.clone());
        Self { database, process, since }
    }

    pub(crate) fn process(&self) -> i32 {
        self.process
    }

    /// An error of the session, with the place if the connection is gone, however that is said.
    pub(crate) fn located(&self, error: Error) -> Error {
        located(error, || self.database.place())
    }

    /// How long the server keeps the session when it hears nothing of it.
    pub(crate) fn unheard(&self) -> Duration {
        self.database.patience.unheard
    }

    /// Ready when the server no longer works at what the session waits for: why.
    pub(crate) async fn until_silent(&self) -> Error {
        self.located(self.silence().await)
    }

    async fn silence(&self) -> Error {
        let patience = self.database.patience;
        let began = Instant::now();
        let mut asking: Option<PgConnection> = None;
        let (mut doubts, mut doubtful_since, mut standby_since, mut is_noted) = (0, None, None, false);
        sleep(patience.first).await;
        let shown = ShownWait(&self.database);
        loop {
            let state = timeout(patience.asking, self.ask(&mut asking)).await.unwrap_or_else(|_| {
                asking = None;
                State::Unreachable
            });
            let mut note = |text: String| {
                if !std::mem::replace(&mut is_noted, true) {
                    self.database.note(&text);
                }
            };
            let now = Instant::now();
            shown.show(&state);
            match &state {
                State::Works => (doubts, doubtful_since, standby_since) = (0, None, None),
                State::Locked(holder) => {
                    note(waiting(holder));
                    (doubts, doubtful_since) = (0, None);
                }
                State::Standby(setting) => {
                    note(format!(
                        "the commit waits for a synchronous standby (synchronous_standby_names is '{setting}')"
                    ));
                    (doubts, doubtful_since) = (0, None);
                    if now - *standby_since.get_or_insert(now) > patience.standby {
                        // The server goes on waiting: the commit is done here, and not confirmed.
                        return Error::Io(std::io::Error::new(
                            ErrorKind::TimedOut,
                            NotConfirmed { setting: setting.clone() },
                        ));
                    }
                }
                State::WaitsForUs => {
                    if now - *doubtful_since.get_or_insert(now) > patience.on_its_way {
                        self.terminate(&mut asking).await;
                        return silent(
                            began,
                            "though the server has answered; check the network, or the proxy between",
                        );
                    }
                }
                State::Gone | State::Unreachable => {
                    doubts += 1;
                    if doubts >= 2 {
                        return match state {
                            State::Gone => lost("the server has ended the session".to_owned()),
                            _ => silent(began, "and a new connection gets none either; check the network"),
                        };
                    }
                }
            }
            sleep(patience.every).await;
        }
    }

    /// What the server says about the session.
    async fn ask(&self, asking: &mut Option<PgConnection>) -> State {
        if asking.is_none() {
            match self.database.dial("watch").await {
                Ok(connection) => *asking = Some(connection),
                // It is there, and has no room for another session.
                Err(Error::Database(_)) => return State::Works,
                Err(_) => return State::Unreachable,
            }
        }
        let Some(connection) = asking else { return State::Unreachable };
        let sql = format!(
            "select state, wait_event_type, wait_event, current_setting('synchronous_standby_names'), (\
                 select string_agg(case when pid = 0 then 'a prepared transaction (pg_prepared_xacts)' else \
                     coalesce(format('process %s (%s, role %s)', pid, coalesce(nullif(b.application_name, ''), 'an unnamed program'), b.usename), \
                     format('process %s', pid)) end, ', ') \
                 from (select distinct unnest(pg_blocking_pids(a.pid)) as pid) p left join pg_stat_activity b using (pid)) \
             from pg_catalog.pg_stat_activity a where a.pid = {} and coalesce(extract(epoch from a.backend_start)::text, '') = '{}'",
            self.process, self.since
        );
        match sqlx::raw_sql(AssertSqlSafe(sql)).fetch_optional(&mut *connection).await {
            Ok(Some(row)) => state(&row),
            Ok(None) => State::Gone,
            Err(Error::Database(_)) => State::Works,
            Err(_) => {
                *asking = None;
                State::Unreachable
            }
        }
    }

    /// Ends the session on the server, which wouldn't hear that we are gone, and all others of the command: it ends.
    async fn terminate(&self, asking: &mut Option<PgConnection>) {
        let Some(connection) = asking.take() else { return };
        let sessions: Vec<String> =
            self.database.sessions().iter().map(|(process, since)| format!("({process}, '{since}')")).collect();
        let end = async move {
            let mut connection = connection;
            let sql = format!(
                "select pg_terminate_backend(pid) from pg_catalog.pg_stat_activity \
                 where (pid, coalesce(extract(epoch from backend_start)::text, '')) in ({})",
                sessions.join(", ")
            );
            let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            let _ = connection.close().await;
        };
        let _ = timeout(self.database.patience.asking, end).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.database.sessions().remove(&self.process);
    }
}

fn state(row: &PgRow) -> State {
    let column = |at: usize| row.try_get::<Option<String>, _>(at).ok().flatten().unwrap_or_default();
    match (column(0).as_str(), column(1).as_str(), column(2).as_str()) {
        ("active" | "fastpath function call", "Client", _) => State::WaitsForUs,
        ("active" | "fastpath function call", _, "SyncRep") => State::Standby(column(3)),
        ("active" | "fastpath function call", "Lock", _) if !column(4).is_empty() => State::Locked(column(4)),
        ("idle" | "idle in transaction" | "idle in transaction (aborted)", ..) => State::WaitsForUs,
        _ => State::Works,
    }
}

fn lost(why: String) -> Error {
    Error::Io(std::io::Error::new(ErrorKind::TimedOut, why))
}

fn silent(began: Instant, more: &str) -> Error {
    lost(format!("no answer for {} s, {more}", began.elapsed().as_secs()))
}
