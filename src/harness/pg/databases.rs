//! Databases of an ephemeral server: created, filled with what a rehearsal needs, dropped.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use crate::base::quote::{quote_identifier, quote_literal};
use crate::config::environment::Environment;
use crate::config::mask::Secret;
use crate::config::settings::{Endpoint, TableName, Transport};
use crate::harness::fixtures::{self, Case, FixtureError};
use crate::harness::generate::Generator;
use crate::harness::pg::seed::{load_cases, load_generated, load_reference, settle};
use crate::harness::server::names::{PREFIX, TOKEN};
use crate::migration::legacy::LegacyColumn;
use crate::migration::pg::source::{Source, SourceError};
use crate::migration::value::parse_identifier;
use crate::postgres::connect::{Access, Database};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::session::{Attempt, QueryError, run, server_facts};
use crate::postgres::sqlstate;
use crate::schema::mirror;

/// Why a rehearsal's database could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The fixtures are wrong.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// The legacy table is not fit to be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nobody has reference rows.
    #[error(
        "neither the source nor the target has a table bo_airflow.oracle_employee to copy the referenced people from; \
         give the database that has it as --database-url"
    )]
    NoReference,
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The role can't do what an ephemeral server is for.
    #[error("{place} may not create databases there; grant it CREATEDB, or name another role")]
    MayNotCreate {
        /// Host, port, database and role.
        place: String,
    },
    /// Another run is removing what is left there, and does not come to an end.
    #[error("another run holds the lock of the databases on {place}; wait for it to end, or end it")]
    Locked {
        /// Host, port, database and role.
        place: String,
    },
}

/// Connection settings of an ephemeral database. It is no environment, whatever its address says.
pub fn ephemeral(url: &str) -> Result<Database, ConnectError> {
    let transport =
        Transport { ssl_mode: None, ssl_root_cert: None, client_cert: None, connect_timeout: Duration::from_secs(30) };
    Database::new(&Endpoint::Url(Secret(url.to_owned())), Environment::Local, &transport)
}

/// Runs SQL of our own on a database of an ephemeral server.
pub async fn execute(database: &Database, sql: &str) -> Result<(), PrepareError> {
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    run(&mut connection, sql, "preparing the ephemeral database").await?;
    let _ = connection.close().await;
    Ok(())
}

/// The version that a server says it has.
pub async fn server_version(database: &Database) -> Result<String, PrepareError> {
    let mut connection = database.connect(Access::Read, "rehearse").await?;
    let facts = server_facts(&mut connection).await?;
    let _ = connection.close().await;
    Ok(facts.version)
}

/// Creates the reference mirror, the legacy table and the rows of the cases in an ephemeral database.
pub async fn fill_with_fixtures(database: &Database, cases: &[Case]) -> Result<usize, PrepareError> {
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    for sql in [mirror::REFERENCE_SCHEMA, fixtures::REFERENCE_ROWS, fixtures::LEGACY_TABLE] {
        run(&mut connection, sql, "loading the fixtures").await?;
    }
    let count = load_cases(&mut connection, "public.personal_account_dealing", cases).await?;
    let _ = connection.close().await;
    Ok(count)
}

/// Creates the reference mirror and the legacy table in an ephemeral database, and fills them with generated rows;
/// `progress` hears how many legacy rows are there.
pub async fn fill_with_generated(
    database: &Database,
    generator: Generator,
    progress: impl FnMut(u64),
) -> Result<(), PrepareError> {
    const TABLE: &str = "public.personal_account_dealing";
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    for sql in [mirror::REFERENCE_SCHEMA, fixtures::LEGACY_TABLE] {
        run(&mut connection, sql, "creating the reference mirror and the legacy table").await?;
    }
    load_reference(&mut connection).await?;
    load_generated(&mut connection, TABLE, generator, progress).await?;
    settle(&mut connection, TABLE).await?;
    let _ = connection.close().await;
    Ok(())
}

/// Adds the people and securities that generated rows refer to.
pub async fn add_generated_reference(database: &Database) -> Result<(), PrepareError> {
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    load_reference(&mut connection).await?;
    let _ = connection.close().await;
    Ok(())
}

/// Copies the people and securities that a real source's rows refer to into the mirror of an ephemeral database:
/// from the source's own reference schema, or else from `other`. Reads only.
pub async fn copy_references(
    database: &Database,
    source: &Database,
    table: &TableName,
    other: Option<&Database>,
) -> Result<(), PrepareError> {
    let mut to = database.connect(Access::Write, "rehearse").await?;
    run(&mut to, mirror::REFERENCE_SCHEMA, "creating the reference mirror").await?;
    let mut from = source.connect(Access::Read, "rehearse").await?;
    let legacy = Source::describe(&mut from, table, &source.place()).await?;
    let mut reference = source.connect(Access::Read, "rehearse").await?;
    if !has_reference(&mut reference).await? {
        let _ = reference.close().await;
        reference = other.ok_or(PrepareError::NoReference)?.connect(Access::Read, "rehearse").await?;
        if !has_reference(&mut reference).await? {
            return Err(PrepareError::NoReference);
        }
    }
    let people = Copied { table: "oracle_employee", key: "id", array: "int8[]" };
    people.widen(&mut to).await?;
    for column in
        [LegacyColumn::Employee, LegacyColumn::LastModifiedBy, LegacyColumn::AuthManager, LegacyColumn::AuthCompliance]
    {
        let readable = |text: String| parse_identifier(&text).ok().map(|it| it.to_string());
        people.copy(&mut from, distinct(&legacy, column), &mut reference, &mut to, readable).await?;
    }
    let securities = Copied { table: "oracle_bloomberg", key: "inst_symbol", array: "text[]" };
    securities.widen(&mut to).await?;
    securities.copy(&mut from, distinct(&legacy, LegacyColumn::InstSymbol), &mut reference, &mut to, Some).await?;
    for connection in [from, reference, to] {
        let _ = connection.close().await;
    }
    Ok(())
}

/// The query for what a column of the legacy table refers to.
fn distinct(legacy: &Source, column: LegacyColumn) -> String {
    format!(
        "select distinct {name}::text from {table} where {name} is not null",
        name = quote_identifier(column.name()),
        table = legacy.qualified
    )
}

async fn has_reference(connection: &mut PgConnection) -> Result<bool, QueryError> {
    sqlx::query_scalar(
        "select to_regclass('bo_airflow.oracle_employee') is not null \
         and to_regclass('bo_airflow.oracle_bloomberg') is not null",
    )
    .fetch_one(connection)
    .await
    .attempt("looking for the reference tables")
}

/// A reference table of which the rows that are referred to are copied.
struct Copied {
    table: &'static str,
    key: &'static str,
    array: &'static str,
}

impl Copied {
    /// Keys that are looked up at a time.
    const CHUNK: usize = 5000;

    /// The real table's texts may be longer than our mirror's: lets the mirror hold any.
    async fn widen(&self, to: &mut PgConnection) -> Result<(), QueryError> {
        let columns = self.columns(to).await?;
        for (column, _) in columns.iter().filter(|(_, category)| category == "S") {
            let sql = format!("alter table bo_airflow.{} alter column {column} type text", self.table);
            run(to, &sql, "widening the reference mirror").await?;
        }
        Ok(())
    }

    async fn columns(&self, connection: &mut PgConnection) -> Result<Vec<(String, String)>, QueryError> {
        sqlx::query_as(
            "select quote_ident(a.attname), t.typcategory::text from pg_attribute a join pg_type t on t.oid = a.atttypid \
             where a.attrelid = to_regclass('bo_airflow.' || $1) and a.attnum > 0 and not a.attisdropped \
               and a.attname <> 'manager_id' order by a.attnum",
        )
        .bind(self.table)
        .fetch_all(connection)
        .await
        .attempt("reading the columns of a reference table")
    }

    async fn copy(
        &self,
        from: &mut PgConnection,
        distinct: String,
        reference: &mut PgConnection,
        to: &mut PgConnection,
        key: impl Fn(String) -> Option<String>,
    ) -> Result<(), QueryError> {
        const WHAT: &str = "reading what the legacy rows refer to";
        let theirs = self.columns(reference).await?;
        let common: Vec<String> =
            self.columns(to).await?.into_iter().filter(|it| theirs.contains(it)).map(|it| it.0).collect();
        let common = common.join(", ");
        let mut chunk: Vec<String> = Vec::new();
        let mut stream = sqlx::query_scalar::<_, String>(AssertSqlSafe(distinct)).fetch(from);
        loop {
            let next = stream.try_next().await.attempt(WHAT)?;
            let ended = next.is_none();
            chunk.extend(next.and_then(&key));
            if chunk.len() == Self::CHUNK || ended && !chunk.is_empty() {
                self.copy_chunk(&chunk, &common, reference, to).await?;
                chunk.clear();
            }
            if ended {
                return Ok(());
            }
        }
    }

    async fn copy_chunk(
        &self,
        keys: &[String],
        columns: &str,
        reference: &mut PgConnection,
        to: &mut PgConnection,
    ) -> Result<(), QueryError> {
        const WHAT: &str = "copying reference rows";
        let Self { table, key, array } = self;
        let elements: Vec<String> = keys.iter().map(|it| quote_literal(it)).collect();
        let select = format!(
            "copy (select {columns} from bo_airflow.{} where {} = any(array[{}]::{array})) to stdout",
            table,
            quote_identifier(key),
            elements.join(", ")
        );
        let incoming = format!(
            "create temp table incoming as select {columns} from bo_airflow.{table} where false; \
             truncate pg_temp.incoming"
        );
        run(to, &incoming, WHAT).await?;
        let mut out = reference.copy_out_raw(&select).await.attempt(WHAT)?;
        let mut copy = to.copy_in_raw(&format!("copy pg_temp.incoming ({columns}) from stdin")).await.attempt(WHAT)?;
        while let Some(line) = out.try_next().await.attempt(WHAT)? {
            copy.send(line).await.attempt(WHAT)?;
        }
        copy.finish().await.attempt(WHAT)?;
        let insert = format!(
            "insert into bo_airflow.{table} ({columns}) select {columns} from pg_temp.incoming \
             on conflict do nothing; drop table pg_temp.incoming"
        );
        run(to, &insert, WHAT).await
    }
}

/// Creates a database of our own on an ephemeral server, from a sealed template of ours, or else as initdb made it:
/// nobody may be connected to template0, so nobody is in the way.
pub async fn create_database(server: &Database, name: &str, template: Option<&str>) -> Result<Database, PrepareError> {
    let template = match template {
        Some(template) => quote_identifier(template),
        None => "template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'".to_owned(),
    };
    execute(server, &format!("create database {} template {template}", quote_identifier(name))).await?;
    Ok(server.named(name))
}

/// How long a database that was kept to be looked at stays, at least.
const KEPT_MINUTES: u32 = 30;

/// What the comment of a kept database begins with; the time in seconds since 1970 follows.
const KEPT_MARK: &str = "kept by pad-migrate at ";

/// Marks a database as kept.
pub async fn keep_database(server: &Database, name: &str) -> Result<(), PrepareError> {
    let mut connection = server.connect(Access::Write, "rehearse").await?;
    keep(&mut connection, name).await?;
    let _ = connection.close().await;
    Ok(())
}

async fn keep(connection: &mut PgConnection, name: &str) -> Result<(), QueryError> {
    let sql = format!(
        "do $$ begin execute format('comment on database %I is %L', {}, {} || extract(epoch from now())::int8); end $$",
        quote_literal(name),
        quote_literal(KEPT_MARK)
    );
    run(connection, &sql, "marking a database as kept").await
}

/// A run's stay on a server that others use too. Its session holds two advisory locks: its own, which keeps the databases
/// that bear its token, and a share in everybody's, which keeps templates and roles.
#[derive(Debug)]
pub struct Visit {
    connection: PgConnection,
    server: Database,
    token: String,
}

/// The key of a run's own lock.
fn key(token: &str) -> i64 {
    i64::from_str_radix(token, 16).unwrap_or_default()
}

/// The comment of a role that was made for tests, and that goes with the last run.
pub const ROLE_MARK: &str = "made by pad-migrate for tests";

/// The database where all runs' locks are: an advisory lock belongs to one, and the URLs may name several.
async fn maintenance(server: &Database, activity: &str) -> Result<PgConnection, ConnectError> {
    match server.named("postgres").connect(Access::Write, activity).await {
        // There is none, or none for us.
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

/// Key of the advisory lock; in ASCII `pad_temp`.
const VISITORS: i64 = 0x7061_645f_7465_6d70;

impl Visit {
    /// Enters under a token of twelve hexadecimal digits, and removes what dead runs have left.
    pub async fn enter(server: &Database, token: &str) -> Result<Self, PrepareError> {
        let connection = maintenance(server, "visit").await?;
        let mut visit = Self { connection, server: server.clone(), token: token.to_owned() };
        let may: bool = sqlx::query_scalar("select rolsuper or rolcreatedb from pg_roles where rolname = current_user")
            .fetch_one(&mut visit.connection)
            .await
            .attempt("reading the role's rights")?;
        if !may {
            return Err(PrepareError::MayNotCreate { place: server.place() });
        }
        visit.sweep().await?;
        visit.hold().await?;
        Ok(visit)
    }

    /// Takes both locks. A sweep, which takes the common one alone, is soon over.
    async fn hold(&mut self) -> Result<(), PrepareError> {
        const WHAT: &str = "locking the databases of the test server";
        // A client's machine that lost its power must not hold them for hours.
        let settings = "set tcp_keepalives_idle = 60; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3";
        run(&mut self.connection, settings, WHAT).await?;
        self.lock("pg_try_advisory_lock", key(&self.token)).await?;
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.lock("pg_try_advisory_lock_shared", VISITORS).await? {
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
        .attempt("looking at the locks of the test server")
    }

    async fn lock(&mut self, function: &str, key: i64) -> Result<bool, QueryError> {
        let sql = format!("select {function}({key})");
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut self.connection)
            .await
            .attempt("locking the databases of the test server")
    }

    /// Says something, so that the session isn't taken for dead; where it was, takes the locks anew.
    pub async fn pulse(&mut self) {
        if run(&mut self.connection, "select 1", "keeping the session alive").await.is_err()
            && let Ok(connection) = maintenance(&self.server, "visit").await
        {
            self.connection = connection;
            let _ = self.hold().await;
        }
    }

    /// Removes the run's databases but those that are kept, and templates and roles if it was the last run here. What
    /// can't be removed now is left to the next run.
    pub async fn leave(mut self, kept: Option<&str>) {
        if let Some(kept) = kept {
            let _ = keep(&mut self.connection, kept).await;
        }
        let _ = self.lock("pg_advisory_unlock", key(&self.token)).await;
        let _ = self.lock("pg_advisory_unlock_shared", VISITORS).await;
        let _ = self.sweep().await;
        let _ = self.connection.close().await;
    }

    /// Drops databases of ours whose run is dead, unless they are kept and young; and if no run is alive, templates and,
    /// when no database of ours is left, roles.
    async fn sweep(&mut self) -> Result<(), QueryError> {
        const WHAT: &str = "removing databases that were left";
        let locked = self.lock("pg_try_advisory_lock", VISITORS).await?;
        let alone = locked && !self.is_held(VISITORS).await?;
        let found: Vec<(String, bool)> = sqlx::query_as(
            "select datname::text, datistemplate from pg_database d \
             where datname ~ ('^' || $1 || '([0-9a-f]{' || $4 || '}_|template_[0-9a-f]{' || $4 || '}_)') \
               and datname <> current_database() and pg_has_role(datdba, 'usage') and not coalesce( \
                 starts_with(shobj_description(oid, 'pg_database'), $2) \
                 and substr(shobj_description(oid, 'pg_database'), length($2) + 1)::int8 \
                     > extract(epoch from now())::int8 - $3 * 60, false)",
        )
        .bind(PREFIX)
        .bind(KEPT_MARK)
        .bind(i64::from(KEPT_MINUTES))
        .bind(TOKEN.to_string())
        .fetch_all(&mut self.connection)
        .await
        .attempt(WHAT)?;
        for (name, is_template) in found {
            let token = name[PREFIX.len()..].split('_').next().filter(|it| it.len() == TOKEN && key(it) != 0);
            // Taking a run's lock keeps other sweeps off: of a database that somebody is dropping, PostgreSQL ends the
            // session that asks to alter it.
            let claimed = match token {
                Some(token) => self.lock("pg_try_advisory_lock", key(token)).await?,
                None => alone,
            };
            let dead = claimed && (token.is_none() || !self.is_held(key(token.unwrap_or_default())).await?);
            if dead {
                let quoted = quote_identifier(&name);
                if is_template {
                    let _ =
                        run(&mut self.connection, &format!("alter database {quoted} is_template false"), WHAT).await;
                }
                let _ =
                    run(&mut self.connection, &format!("drop database if exists {quoted} with (force)"), WHAT).await;
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
        .attempt(WHAT)?;
        for name in roles {
            let _ = run(&mut self.connection, &format!("drop role if exists {}", quote_identifier(&name)), WHAT).await;
        }
        self.lock("pg_advisory_unlock", VISITORS).await.map(|_| ())
    }
}
