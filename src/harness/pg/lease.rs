//! Leases on a server that several runs share: each run can tell what dead ones have left, and removes it.

use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;

use crate::base::quote::{quote_identifier, quote_literal};
use crate::harness::pg::databases::PrepareError;
use crate::harness::server::names::{PREFIX, TOKEN};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::run;

/// How long a kept database stays, at least.
const KEPT_MINUTES: u32 = 30;

/// What the comment of a kept database begins with; the time in seconds since 1970 follows.
const KEPT_MARK: &str = "kept by pad-migrate at ";

/// The statement that marks a database as kept.
pub fn keep_statement(name: &str) -> String {
    format!(
        "do $$ begin execute format('comment on database %I is %L', {}, {} || extract(epoch from now())::int8); end $$",
        quote_literal(name),
        quote_literal(KEPT_MARK)
    )
}

/// A run's lease on a server that other runs use too. Its session holds two advisory locks: its own, which protects the
/// databases that bear its token, and one that all runs share, which protects templates and roles.
#[derive(Debug)]
pub struct DatabaseLease {
    connection: Session,
    server: Database,
    token: String,
}

/// What is said of a removal that fails.
const REMOVAL: &str = "removing databases that were left";

/// The token of the run that a database belongs to; a template belongs to all runs.
fn token_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.split('_').next().filter(|it| it.len() == TOKEN && key(it) != 0)
}

/// The key of a run's own lock.
fn key(token: &str) -> i64 {
    i64::from_str_radix(token, 16).unwrap_or_default()
}

/// The comment of a role that was created for tests, and that the last run drops.
pub const ROLE_MARK: &str = "made by pad-migrate for tests";

/// The database where all runs' locks are: an advisory lock belongs to one, and the URLs may name several.
async fn maintenance(server: &Database, activity: &str) -> Result<Session, ConnectError> {
    match server.named("postgres").connect(Access::Write, activity).await {
        // It doesn't exist, or this role may not connect to it.
        Err(ConnectError::Refused { source, .. })
            if source
                .0
                .as_database_error()
                .and_then(|it| it.code())
                .is_some_and(|it| it == sqlstate::UNKNOWN_DATABASE || it == sqlstate::INSUFFICIENT_PRIVILEGE) =>
        {
            server.connect(Access::Write, activity).await
        }
        connected => connected,
    }
}

/// Key of the advisory lock that all runs share; in ASCII `pad_temp`.
const SHARED_LOCK: i64 = 0x7061_645f_7465_6d70;

impl DatabaseLease {
    /// Takes a lease under a token of twelve hexadecimal digits, and removes what dead runs have left.
    pub(crate) async fn acquire(server: &Database, token: &str) -> Result<Self, PrepareError> {
        let connection = maintenance(server, "lease").await?;
        let mut lease = Self { connection, server: server.clone(), token: token.to_owned() };
        let may: bool = sqlx::query_scalar("select rolsuper or rolcreatedb from pg_roles where rolname = current_user")
            .fetch_one(&mut lease.connection)
            .await
            .attempt("reading the role's rights")?;
        if !may {
            return Err(PrepareError::MayNotCreate { place: server.place() });
        }
        lease.remove_leftovers().await?;
        lease.lock_both().await?;
        Ok(lease)
    }

    /// Takes both locks. A removal of leftovers, which holds the common one exclusively, is soon over.
    async fn lock_both(&mut self) -> Result<(), PrepareError> {
        const WHAT: &str = "locking the databases of the test server";
        // A client's machine that lost its power must not hold the locks for hours.
        let settings = "set tcp_keepalives_idle = 60; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3";
        run(&mut self.connection, settings, WHAT).await?;
        // It says nothing for as long as the run takes.
        let settings = "select set_config(name, '0', false) from pg_settings where name = 'idle_session_timeout'";
        run(&mut self.connection, settings, WHAT).await?;
        self.lock("pg_try_advisory_lock", key(&self.token)).await?;
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.lock("pg_try_advisory_lock_shared", SHARED_LOCK).await? {
            if Instant::now() > deadline {
                return Err(PrepareError::Locked { place: self.server.place() });
            }
            run(&mut self.connection, "select pg_sleep(0.05)", WHAT).await?;
        }
        Ok(())
    }

    /// Whether another session, in whichever database, holds an advisory lock.
    async fn is_held(&mut self, key: i64) -> Result<bool, QueryError> {
        sqlx::query_scalar(
            "select exists (select from pg_locks where locktype = 'advisory' and granted and objsubid = 1 \
             and pid <> pg_backend_pid() and (classid::int8 << 32) | objid::int8 = $1)",
        )
        .bind(key)
        .fetch_one(&mut self.connection)
        .await
        .attempt("reading the locks of the test server")
    }

    /// Whether a database is one that a run has kept, and still young.
    async fn is_kept(&mut self, name: &str) -> Result<bool, QueryError> {
        sqlx::query_scalar(
            "select coalesce(bool_or(starts_with(mark, $2) \
               and substr(mark, length($2) + 1)::int8 > extract(epoch from now())::int8 - $3 * 60), false) \
             from (select shobj_description(oid, 'pg_database') as mark from pg_database where datname = $1) as found",
        )
        .bind(name)
        .bind(KEPT_MARK)
        .bind(i64::from(KEPT_MINUTES))
        .fetch_one(&mut self.connection)
        .await
        .attempt("reading whether a database is kept")
    }

    async fn lock(&mut self, function: &str, key: i64) -> Result<bool, QueryError> {
        let sql = format!("select {function}({key})");
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut self.connection)
            .await
            .attempt("locking the databases of the test server")
    }

    /// Sends a statement, so that nothing ends the session as idle; if something has, takes the locks again.
    pub(crate) async fn keep_alive(&mut self) {
        if run(&mut self.connection, "select 1", "keeping the session alive").await.is_err()
            && let Ok(connection) = maintenance(&self.server, "lease").await
        {
            self.connection = connection;
            let _ = self.lock_both().await;
        }
    }

    /// Removes the run's databases but those that are kept, and templates and roles if it was the last run. What can't
    /// be removed now is left to the next run.
    pub async fn release(mut self, kept: Option<&str>) {
        if let Some(kept) = kept {
            let _ = run(&mut self.connection, &keep_statement(kept), "marking a database as kept").await;
        }
        // While the lock is held no other run's visit is at them, so that they are gone when this returns.
        let own = self.token.clone();
        for (name, is_template) in self.databases().await.unwrap_or_default() {
            // Others may be marked, too: a failed test's.
            if token_of(&name) == Some(&own) && !self.is_kept(&name).await.unwrap_or(true) {
                self.drop_database(&name, is_template).await;
            }
        }
        let _ = self.lock("pg_advisory_unlock", key(&own)).await;
        let _ = self.lock("pg_advisory_unlock_shared", SHARED_LOCK).await;
        let _ = self.remove_leftovers().await;
        let _ = self.connection.close().await;
    }

    /// Databases that runs have created and this role may drop, in the order of their names, and whether each is a
    /// template.
    async fn databases(&mut self) -> Result<Vec<(String, bool)>, QueryError> {
        sqlx::query_as(
            "select datname::text, datistemplate from pg_database \
             where datname ~ ('^' || $1 || '([0-9a-f]{' || $2 || '}_|template_[0-9a-f]{' || $2 || '}_)') \
               and datname <> current_database() and pg_has_role(datdba, 'usage') order by datname",
        )
        .bind(PREFIX)
        .bind(TOKEN.to_string())
        .fetch_all(&mut self.connection)
        .await
        .attempt(REMOVAL)
    }

    /// Drops a database and ends the sessions in it. What can't be dropped now is left to the next run.
    async fn drop_database(&mut self, name: &str, is_template: bool) {
        let quoted = quote_identifier(name);
        if is_template {
            let statement = format!("alter database {quoted} is_template false");
            let _ = run(&mut self.connection, &statement, REMOVAL).await;
        }
        let statement = format!("drop database if exists {quoted} with (force)");
        let _ = run(&mut self.connection, &statement, REMOVAL).await;
    }

    /// Drops databases whose run is dead, unless they are kept and young; and if no run is alive, templates and, when
    /// no database is left, roles.
    async fn remove_leftovers(&mut self) -> Result<(), QueryError> {
        let locked = self.lock("pg_try_advisory_lock", SHARED_LOCK).await?;
        let alone = locked && !self.is_held(SHARED_LOCK).await?;
        for (name, is_template) in self.databases().await? {
            let token = token_of(&name);
            // Taking a run's lock keeps other sweeps off: of a database that is being dropped, PostgreSQL ends the
            // session that asks to alter it.
            let claimed = match token {
                Some(token) => self.lock("pg_try_advisory_lock", key(token)).await?,
                None => alone,
            };
            let dead = claimed && (token.is_none() || !self.is_held(key(token.unwrap_or_default())).await?);
            // Asked after the run, which marks the database it keeps before it ends; the list may be older than that.
            if dead && !self.is_kept(&name).await? {
                self.drop_database(&name, is_template).await;
            }
            if let Some(token) = token.filter(|_| claimed) {
                self.lock("pg_advisory_unlock", key(token)).await?;
            }
        }
        if !locked {
            return Ok(());
        }
        let roles: Vec<String> = sqlx::query_scalar(
            "select rolname::text from pg_roles where shobj_description(oid, 'pg_authid') = $1 \
             and $2 and not exists (select from pg_database where starts_with(datname, $3))",
        )
        .bind(ROLE_MARK)
        .bind(alone)
        .bind(PREFIX)
        .fetch_all(&mut self.connection)
        .await
        .attempt(REMOVAL)?;
        for name in roles {
            let _ =
                run(&mut self.connection, &format!("drop role if exists {}", quote_identifier(&name)), REMOVAL).await;
        }
        self.lock("pg_advisory_unlock", SHARED_LOCK).await.map(|_| ())
    }
}
