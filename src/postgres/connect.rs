//! Sessions with pinned settings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Row};

use crate::base::version::SUPPORTED;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::pooler;
use crate::postgres::query_error::{Attempt, located};
use crate::postgres::session::Session;
use crate::postgres::transaction::pin;
use crate::postgres::watch::Watch;

impl Database {
    /// Opens a session. `activity` is what `pg_stat_activity` shows of it.
    pub(crate) async fn connect(&self, access: Access, activity: &str) -> Result<Session, ConnectError> {
        self.connect_within(self.timeout, access, activity).await
    }

    /// The same, in what is left of the time.
    pub(crate) async fn connect_within(
        &self,
        left: Duration,
        access: Access,
        activity: &str,
    ) -> Result<Session, ConnectError> {
        let half = left / 2;
        let is_dialled = AtomicBool::new(false);
        let mut opening = std::pin::pin!(self.open(access, activity, &is_dialled));
        if let Ok(opened) = tokio::time::timeout(half, &mut opening).await {
            return opened;
        }
        // Half the time is gone: find out whether the port accepts connections at all.
        let probe = tokio::spawn(self.clone().probe());
        if let Ok(opened) = tokio::time::timeout(left - half, opening).await {
            return opened;
        }
        if is_dialled.load(Ordering::Relaxed) {
            let open = self.sessions().len();
            return Err(ConnectError::NoSession {
                place: self.place(),
                seconds: self.timeout.as_secs(),
                is_set: true,
                open,
            });
        }
        let accepted = probe.is_finished() && matches!(probe.await, Ok(Ok(())));
        let (place, seconds) = (self.place(), self.timeout.as_secs());
        Err(if accepted { ConnectError::Silent { place, seconds } } else { ConnectError::Timeout { place, seconds } })
    }

    async fn open(&self, access: Access, activity: &str, is_dialled: &AtomicBool) -> Result<Session, ConnectError> {
        let dialled = self.dial_when_there_is_room(activity).await;
        let mut connection = dialled.map_err(|error| self.connect_error(error))?;
        is_dialled.store(true, Ordering::Relaxed);
        let place = self.place();
        let version = connection.server_version_num().unwrap_or_default();
        if version != 0 && version < SUPPORTED.start() * 10_000 {
            // 9.6.24 was 90624, 12.22 is 120022.
            let minor = if version < 100_000 { version / 100 % 100 } else { version % 10_000 };
            let version = format!("{}.{minor}", version / 10_000);
            return Err(ConnectError::Version { place, version });
        }
        self.is_session.get_or_try_init(|| pooler::check(self, &mut connection)).await?;
        let settings = settings(access, version, self.patience.unheard);
        let facts = sqlx::raw_sql(AssertSqlSafe(settings)).fetch_one(&mut connection).await;
        let facts = facts.map_err(|error| located(error, || self.place())).attempt(SETTING_UP)?;
        let fact = |at: usize| facts.try_get::<String, _>(at).attempt(SETTING_UP);
        let process = fact(0)?.parse().unwrap_or_default();
        if access == Access::Write && fact(2)? == "true" {
            return Err(ConnectError::Standby { place });
        }
        if access == Access::Write && fact(3)? != "origin" {
            return Err(ConnectError::Replica { place, value: fact(3)? });
        }
        Ok(Session::watched(connection, Watch::new(self.clone(), process, fact(1)?)))
    }
}

const SETTING_UP: &str = "setting up the session";

/// What a session is set to before anything else, and what is asked of it then: its process, since when that is there,
/// whether it is a standby's, whether triggers fire.
///
/// Nothing that a database, a role or the server's configuration sets may change a result or end a command. The server
/// ends a session that it hears nothing of: `idle_…` counts while it waits for us, the rest notices a connection that
/// carries nothing any more. [`Session::while_waiting`] says something in time.
fn settings(access: Access, version: u32, unheard: Duration) -> String {
    let unheard = unheard.as_millis();
    // A cached plan would stay the one for empty tables: force_custom_plan plans each batch for the tables as they are.
    // Just-in-time compilation costs more than these short statements take.
    let mut settings = pin("set");
    settings.push_str(&format!(
        "set plan_cache_mode = force_custom_plan; set jit = off; set gin_fuzzy_search_limit = 0; \
         set exit_on_error = off; set lock_timeout = '30s'; \
         set default_transaction_isolation = 'read committed'; set default_transaction_deferrable = off; \
         set idle_in_transaction_session_timeout = {unheard}; set tcp_user_timeout = {unheard}; \
         set tcp_keepalives_idle = 15; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4; ",
    ));
    if version >= 140_000 {
        settings.push_str(&format!("set idle_session_timeout = {unheard}; "));
    }
    if version >= 170_000 {
        settings.push_str("set transaction_timeout = 0; ");
    }
    settings.push_str(match access {
        Access::Read => "set default_transaction_read_only = on; set statement_timeout = '10min'; ",
        Access::Write => "set default_transaction_read_only = off; set statement_timeout = 0; ",
    });
    settings.push_str(
        "select pg_backend_pid()::text, coalesce(extract(epoch from backend_start)::text, ''), pg_is_in_recovery()::text, \
         current_setting('session_replication_role')",
    );
    if access == Access::Write {
        // What is said to be done is on the disk. Where commits wait for a standby, too, they do so here.
        settings.push_str(
            ", case when current_setting('synchronous_commit') = 'off' then \
                 set_config('synchronous_commit', 'on', false) end",
        );
    }
    settings.push_str(" from pg_stat_activity where pid = pg_backend_pid()");
    settings
}
