//! Servers and databases for the runs, and what is known of a subject before it is disturbed.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::laws::{Picture, picture};
use super::run::{Run, TURNS, run};
use super::strike::proved;
use super::subject::{Stage, Subject};
use crate::csv::export;
use crate::harness::other::{self, Other};
use crate::harness::proxy::{Failure, Point, Proxy};
use crate::harness::{Db, apply_all, host};
use pad_migrate::harness::generate::Generator;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::names::database_url;
use pad_migrate::migration::run::Options;

/// Several pages of each command, and a few rows that are rejected.
const ROWS: Generator = Generator { rows: 600, seed: 28 };

/// Rows that the application wrote. Their ids are beyond those of the legacy rows, and the sequences know of them.
const APPLICATION: &str = "
    insert into padealing.pad_request (id, employee_id, status, justification)
        select 900000000 + n, 20001, 'approved', 'kept' from generate_series(1, 20) n;
    select setval('padealing.pad_request_id_seq', 900000020);
    insert into padealing.pad_approval (request_id, approval_type, decision, decided_at)
        select 900000000 + n, 'manager', 'approved', '2021-01-01' from generate_series(1, 20) n;
    insert into padealing.pad_execution (request_id, executed_at) values (900000001, '2021-01-02');
    insert into padealing.pad_breach (employee_id, breach_type, severity) values (20002, 'late_note', 'low');
    insert into padealing.audit_log (action_type, action_status, actor_type, request_id)
        select 'seen', 'success', 'user', 900000000 + n from generate_series(1, 20) n;
    insert into padealing.employee_role (employee_id, role) values (20002, 'compliance_officer');
    insert into padealing.compliance_config (config_key, config_value) values ('k', '1');
    insert into padealing.chatbot_session (session_key) values ('s');";

/// A server whose databases are cloned.
pub(super) struct Ground {
    url: String,
    prefix: String,
    /// Ends with the value.
    _own: Option<Other>,
}

impl Ground {
    /// The server of all tests.
    pub(super) fn shared() -> Self {
        let server = &host().announcement;
        let prefix = format!("{}faults_{}", server.prefix, std::process::id());
        Self { url: server.url.clone(), prefix, _own: None }
    }

    /// One that may be killed.
    pub(super) async fn own() -> Self {
        let own = other::start("").await;
        let prefix = "faults".to_owned();
        Self { url: own.url("postgres"), prefix, _own: Some(own) }
    }

    /// Whether it is nobody else's.
    pub(super) fn is_own(&self) -> bool {
        self._own.is_some()
    }

    fn admin(&self) -> EphemeralDatabase {
        EphemeralDatabase::at(&self.url).expect("the server's URL is right")
    }

    pub(super) async fn create(&self, template: Option<&Db>) -> Db {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}_{}", self.prefix, NUMBER.fetch_add(1, Ordering::Relaxed));
        let template = template.map(|it| it.place().name);
        admin::create_database(&self.admin(), &name, template.as_deref()).await.expect("a database is created");
        let url = database_url(&self.url, &name);
        Db { database: EphemeralDatabase::at(&url).expect("the URL is right"), url }
    }

    /// Nobody may connect any more: it can be cloned.
    async fn seal(&self, db: &Db) {
        let sql = format!("alter database {} with is_template true allow_connections false", db.place().name);
        admin::execute(&self.admin(), &sql).await.expect("it is sealed");
    }

    pub(super) async fn drop(&self, db: &Db) {
        let name = db.place().name;
        for sql in
            [format!("alter database {name} with is_template false"), format!("drop database {name} with (force)")]
        {
            admin::execute(&self.admin(), &sql).await.expect("the database is dropped");
        }
    }
}

/// A subject, ready to be disturbed as often as one likes.
pub(super) struct Prepared {
    pub(super) subject: &'static Subject,
    pub(super) template: Db,
    /// What it reads.
    pub(super) folder: TempDir,
    pub(super) before: Picture,
    pub(super) after: Picture,
    /// Its exit code when nothing disturbs it.
    pub(super) code: i32,
    /// How many messages there are then, and how many COMMITs.
    pub(super) messages: u64,
    pub(super) commits: u64,
}

impl Prepared {
    pub(super) async fn new(ground: &Ground, subject: &'static Subject) -> Self {
        let _turn = TURNS.acquire().await;
        let folder = tempfile::tempdir().expect("a directory is made");
        let template = ground.create(None).await;
        stage(ground, &template, subject.stage, folder.path()).await;
        let before = picture(&template).await;
        ground.seal(&template).await;
        let db = ground.create(Some(&template)).await;
        let never = (Point::Says("commit\0", u64::MAX), Failure::Cut);
        let proxy = Proxy::start(&db, Some(never));
        let dir = tempfile::tempdir().expect("a directory is made");
        let Run { code, printed, .. } = run(&db, Some(&proxy), subject.arguments, folder.path(), dir.path()).await;
        let code = code.filter(|it| matches!(it, 0 | 1)).unwrap_or_else(|| panic!("{}: {printed}", subject.name));
        let (messages, commits) = (proxy.count(), proxy.said());
        let after = picture(&db).await;
        assert_eq!(proved(&db, folder.path(), subject.proofs, dir.path()).await, Vec::<String>::new());
        ground.drop(&db).await;
        Self { subject, template, folder, before, after, code, messages, commits }
    }

    pub(super) async fn drop(self, ground: &Ground) {
        ground.drop(&self.template).await;
    }
}

async fn stage(ground: &Ground, db: &Db, stage: Stage, folder: &Path) {
    if stage == Stage::Alembic {
        admin::fill_with_fixtures(&db.database, &[]).await.expect("the reference rows load");
        db.execute(include_str!("../../../fixtures/alembic/tables.sql")).await;
        return;
    }
    admin::fill_with_generated(&db.database, ROWS, |_| ()).await.expect("the rows load");
    if stage == Stage::Bare {
        let from = ground.create(Some(db)).await;
        applied(&from).await;
        from.migrate(Options::default()).await;
        let done = run(&from, None, &["backup", "--out", "it.dump"], folder, folder).await;
        assert_eq!(done.code, Some(0), "{}", done.printed);
        ground.drop(&from).await;
        return;
    }
    applied(db).await;
    match stage {
        Stage::Legacy => export(db, "id", &folder.join("rows.csv")).await,
        Stage::Migrated => drop(db.migrate(Options::default()).await),
        Stage::Bare | Stage::Alembic | Stage::Applied => {}
    }
}

async fn applied(db: &Db) {
    apply_all(&db.database).await;
    db.execute(APPLICATION).await;
}
