//! Templates: databases that are built once for each content of migrations and fixtures, sealed, and cloned per test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use tokio::sync::{Mutex, OnceCell};

use super::{apply_with, cases, host};
use pad_migrate::base::quote::{quote_identifier, quote_literal};
use pad_migrate::base::text::hex;
use pad_migrate::config::settings::Roles;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::pg::lease::ROLE_MARK;
use pad_migrate::harness::pg::{databases as admin, seed};
use pad_migrate::harness::server::names::{PREFIX, database_url};
use pad_migrate::ledger::revisions::{ALL, RoleNames, render};

/// What a test's database holds at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// Nothing.
    Empty,
    /// The reference mirror with its rows, and the legacy table without rows.
    Reference,
    /// The same, and `padealing` at the current revision, with the roles' privileges.
    Applied,
    /// The same, and the fixtures' legacy rows and what they want in the target.
    Seeded,
    /// The same, and migrated.
    Migrated,
    /// As Reference, and what Alembic left in QA: without legacy fields and lineage.
    Alembic,
    /// The same with legacy fields and lineage, its history in `padealing`.
    AlembicLater,
    /// As Reference, and the application's tables in `public`, with rows.
    Public,
    /// Two schemas with something of every kind, for drift.
    Drift,
}

/// A role that exists on every test server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Owner,
    App,
    Reader,
    Stranger,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Owner, Self::App, Self::Reader, Self::Stranger];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Owner => "pad_migrate_owner",
            Self::App => "pad_migrate_app",
            Self::Reader => "pad_migrate_reader",
            Self::Stranger => "pad_migrate_stranger",
        }
    }
}

/// The role's password: the same for every process that uses the server.
pub(crate) async fn password(role: Role) -> String {
    hex(&Sha256::digest(format!("{}/{}", secret().await, role.name())))[..32].to_owned()
}

pub(crate) fn roles() -> Roles {
    let name = |it: Role| Some(it.name().to_owned());
    Roles { owner: name(Role::Owner), app: name(Role::App), reader: name(Role::Reader) }
}

/// Rows for every table of the application, as far as its columns exist at a revision.
pub(crate) const ROWS: &str = "
    insert into padealing.pad_request (id, employee_id, status, justification) values (1, 1003, 'approved', 'kept');
    insert into padealing.pad_approval (request_id, approval_type, decision, decided_at) values (1, 'manager', \
    'approved', '2021-01-01');
    insert into padealing.pad_execution (request_id, executed_at) values (1, '2021-01-02');
    insert into padealing.pad_breach (employee_id, breach_type, severity) values (1003, 'late_note', 'low');
    insert into padealing.audit_log (action_type, action_status, actor_type, request_id) values ('x', 'success', \
    'user', 1);
    insert into padealing.employee_role (employee_id, role) values (1002, 'compliance_officer');
    insert into padealing.restricted_security (reason, added_by_id) values ('r', 1002);
    insert into padealing.compliance_config (config_key, config_value) values ('k', '1');
    insert into padealing.compliance_decision_outcome (request_id, outcome) values (1, 'o');
    insert into padealing.chatbot_session (session_key) values ('s');";

const ALEMBIC: &str = include_str!("../../../fixtures/alembic/tables.sql");
const DRIFT: &str = include_str!("../../../fixtures/drift/base.sql");
const ALEMBIC_LATER: &str = include_str!("../../../fixtures/alembic/later.sql");

/// What a template's content depends on, beside the server: migrations, fixtures, and the code that builds with them.
fn content() -> &'static str {
    static CONTENT: LazyLock<String> = LazyLock::new(|| {
        let mut files = Vec::new();
        let mut folders: Vec<PathBuf> =
            ["src", "migrations", "fixtures"].map(|it| Path::new(env!("CARGO_MANIFEST_DIR")).join(it)).into();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("the folder can be read").flatten() {
                let into = if entry.path().is_dir() { &mut folders } else { &mut files };
                into.push(entry.path());
            }
        }
        files.sort();
        let mut digest = Sha256::new();
        for file in files {
            digest.update(std::fs::read(file).expect("the file can be read"));
        }
        digest.update(include_str!("template.rs"));
        hex(&digest.finalize())[..12].to_owned()
    });
    &CONTENT
}

/// A session in the database where all runs' locks are, whichever databases their URLs name.
async fn locking() -> PgConnection {
    let url = &host().announcement.url;
    match PgConnection::connect(&database_url(url, "postgres")).await {
        Ok(connection) => connection,
        Err(_) => PgConnection::connect(url).await.expect("the server accepts connections"),
    }
}

impl Start {
    /// The name of the sealed template, which is built if nobody has built it on this server.
    pub(crate) async fn template(self) -> Option<String> {
        static KNOWN: Mutex<BTreeMap<Start, String>> = Mutex::const_new(BTreeMap::new());
        if self == Self::Empty {
            return None;
        }
        let mut known = KNOWN.lock().await;
        if let Some(name) = known.get(&self) {
            return Some(name.clone());
        }
        let name = format!("{PREFIX}template_{}_{self:?}", content()).to_lowercase();
        let url = &host().announcement.url;
        let admin = EphemeralDatabase::at(url).expect("the server's URL is right");
        // Other processes, and other runs on the same server, want the same. The lock goes with its session.
        let mut connection = locking().await;
        let key = u64::from_be_bytes(Sha256::digest(&name)[..8].try_into().expect("a digest has 32 bytes")) as i64;
        query(&mut connection, &format!("select pg_advisory_lock({key})")).await;
        let sealed = format!("select true from pg_database where datname = '{name}' and not datallowconn");
        let ready: Option<bool> =
            sqlx::query_scalar(AssertSqlSafe(sealed)).fetch_optional(&mut connection).await.expect("the query runs");
        if ready.is_none() {
            // One that isn't sealed was left by a builder that died.
            query(&mut connection, &format!("drop database if exists {name} with (force)")).await;
            let database = admin::create_database(&admin, &name, None).await.expect("the template is created");
            self.build(&database).await;
            let seal = format!("alter database {name} with is_template true allow_connections false");
            query(&mut connection, &seal).await;
        }
        connection.close().await.expect("the connection closes");
        known.insert(self, name.clone());
        Some(name)
    }

    async fn build(self, database: &EphemeralDatabase) {
        if self == Self::Drift {
            return execute(database, DRIFT).await;
        }
        let legacy = if matches!(self, Self::Seeded | Self::Migrated) { cases() } else { Vec::new() };
        admin::fill_with_fixtures(database, &legacy).await.expect("the fixtures load");
        for role in Role::ALL {
            let grant = format!(
                "grant usage on schema bo_airflow to {role}; grant select, references on all tables in schema \
                 bo_airflow to {role}",
                role = role.name()
            );
            if role != Role::Stranger {
                execute(database, &grant).await;
            }
        }
        match self {
            Self::Empty | Self::Drift | Self::Reference => {}
            Self::Applied => {
                apply_with(database, &roles()).await;
            }
            Self::Seeded | Self::Migrated => {
                apply_with(database, &roles()).await;
                seed::prepare_target(database, &legacy).await.expect("the target takes what the fixtures want");
                if self == Self::Migrated {
                    super::migrate_all(database).await;
                }
            }
            Self::Alembic | Self::AlembicLater => {
                execute(database, ALEMBIC).await;
                if self == Self::AlembicLater {
                    execute(database, ALEMBIC_LATER).await;
                }
                let [app, reader] = [Role::App, Role::Reader].map(Role::name);
                let grants = format!(
                    "grant usage on schema padealing to {app}, {reader}; grant select on all tables in schema \
                     padealing to {reader}; \
                     grant select, insert, update, delete on all tables in schema padealing to {app}; \
                     grant usage on all sequences in schema padealing to {app}; grant select on \
                     public.personal_account_dealing to {app}"
                );
                execute(database, &grants).await;
                // Its owner is nobody that pad-migrate knows, and nobody else may touch it.
                let neighbour = format!(
                    "alter table padealing.active_stocks owner to {owner}; \
                     revoke all on padealing.active_stocks from {app}, {reader}; \
                     revoke all on sequence padealing.active_stocks_id_seq from {app}, {reader}",
                    owner = Role::Stranger.name()
                );
                execute(database, &neighbour).await;
            }
            Self::Public => {
                let tables = ALL.iter().find(|it| it.number == "0003").expect("revision 0003 creates the tables").up;
                let options: PgConnectOptions = host().announcement.url.parse().expect("the URL is right");
                let owner = options.get_username().to_owned();
                let tables = render(tables, &RoleNames { owner, ..RoleNames::default() });
                execute(database, &tables.replace("padealing.", "public.")).await;
                execute(database, &ROWS.replace("padealing.", "public.")).await;
                execute(database, PUBLIC_ODDITIES).await;
            }
        }
    }
}

const PUBLIC_ODDITIES: &str = "select setval('public.pad_request_id_seq', 1); create sequence public.loose; \
    alter table public.pad_breach alter column id drop identity, alter column id set default nextval('public.loose'); \
    select nextval('public.loose'); \
    comment on table public.pad_approval is 'decisions'; \
    create table public.alembic_version (version_num varchar(32)); \
    insert into public.alembic_version values ('fc3b6e7695d9')";

/// What the roles' passwords are made of, and the roles with them. Nobody learns it who can't read the superuser's
/// view of the server.
pub(crate) async fn secret() -> &'static str {
    static SECRET: OnceCell<String> = OnceCell::const_new();
    SECRET
        .get_or_init(async || {
            let mut connection = locking().await;
            // Until the end of the session: whoever comes next finds the roles.
            query(&mut connection, &format!("select pg_advisory_lock({ROLES})")).await;
            // A verifier is random, and only superusers may read it.
            let verifier = "select rolpassword from pg_authid where rolname = 'pad_migrate_secret'";
            let find = async |connection: &mut PgConnection| -> Option<String> {
                sqlx::query_scalar(verifier).fetch_optional(connection).await.expect("the query runs")
            };
            let mut found = find(&mut connection).await;
            if found.is_none() {
                let random = "do $$ begin execute format('create role pad_migrate_secret nologin password %L', \
                              gen_random_uuid()); end $$";
                query(&mut connection, random).await;
                mark(&mut connection, "pad_migrate_secret").await;
                found = find(&mut connection).await;
            }
            let secret = found.expect("the role has a password");
            for role in Role::ALL {
                let password = hex(&Sha256::digest(format!("{secret}/{}", role.name())))[..32].to_owned();
                let create = format!(
                    "do $$ begin if to_regrole('{name}') is null then create role {name} login; end if; end $$; \
                     alter role {name} password {password}",
                    name = role.name(),
                    password = quote_literal(&password)
                );
                query(&mut connection, &create).await;
                mark(&mut connection, role.name()).await;
            }
            connection.close().await.expect("the connection closes");
            secret
        })
        .await
}

/// Key of the advisory lock under which the roles are made.
const ROLES: i64 = 0x7061_645f_726f_6c65;

/// Marks a role as ours, to be removed by the last run.
pub(crate) async fn mark(connection: &mut PgConnection, role: &str) {
    let (role, mark) = (quote_identifier(role), quote_literal(ROLE_MARK));
    query(connection, &format!("comment on role {role} is {mark}")).await;
}

async fn execute(database: &EphemeralDatabase, sql: &str) {
    admin::execute(database, sql).await.expect("the SQL runs");
}

async fn query(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.expect("the SQL runs");
}
