//! A network that carries nothing any more: what waits for an answer ends, on both sides.
//!
//! With little patience, so that a test doesn't take the minute that people wait.

use std::time::Duration;

use futures_util::future::join_all;

use crate::generate::with_generated;
use crate::harness::proxy::{NewOnes, Proxy};
use crate::harness::{Db, Role, Seen, Start, apply_request, roles, try_migrate, with_db};
use crate::waiting::{LIMIT, until_true};
use pad_migrate::base::text::sentence;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::mask::Secret;
use pad_migrate::config::settings::{Endpoint, TableName, Transport};
use pad_migrate::harness::generate::Generator;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::rollback::{RollbackRequest, rollback};
use pad_migrate::migration::pg::{migrate, verify};
use pad_migrate::migration::rollback::Selection;
use pad_migrate::migration::run::Options;
use pad_migrate::postgres::database::{Database, Patience};
use pad_migrate::schema::pg::backup::{self, BackupFiles, BackupRequest};
use pad_migrate::schema::pg::{apply, introspect, plan, status};

const PATIENCE: Patience = Patience {
    first: Duration::from_millis(200),
    every: Duration::from_millis(200),
    asking: Duration::from_millis(500),
    on_its_way: Duration::from_millis(600),
    standby: Duration::from_secs(2),
    unheard: Duration::from_secs(2),
};

pub(crate) fn database(url: &str) -> Database {
    let endpoint = Endpoint::Url(Secret(url.to_owned()));
    let connect_timeout = Duration::from_secs(2);
    let transport = Transport { ssl_mode: None, ssl_root_cert: None, client_cert: None, connect_timeout };
    Database::new(&endpoint, Environment::Local, &transport).expect("the URL is right").with_patience(PATIENCE)
}

/// Runs a command through the proxy; its error.
async fn command(name: &str, database: &Database) -> Option<String> {
    let roles = roles();
    let request = apply_request(database, &roles);
    let table = TableName::legacy();
    let of = |error: &dyn std::error::Error| Some(pad_migrate::base::text::sentence(error));
    match name {
        "status" => status::status(&request).await.err().and_then(|error| of(&error)),
        "plan" => plan::plan(&request).await.err().and_then(|error| of(&error)),
        "apply" => apply::apply(&request, None).await.err().and_then(|error| of(&error)),
        "drift" => {
            let schemas = ["padealing".to_owned()];
            introspect::introspect(database, None, &schemas, "drift").await.err().and_then(|error| of(&error))
        }
        "verify" => {
            let environment = Environment::Local;
            let request = verify::VerifyRequest {
                target: database,
                source: LegacySource::Table { database, table: &table },
                environment,
            };
            verify::verify(&request, |_| ()).await.err().and_then(|error| of(&error))
        }
        "rollback" => {
            let request = RollbackRequest {
                target: database,
                source: LegacySource::Table { database, table: &table },
                environment: Environment::Local,
                selection: Selection::All,
                batch_size: 20,
                dry_run: false,
            };
            let taken = rollback(&request, &mut |_| (), std::future::pending()).await;
            taken.err().and_then(|error| of(&error))
        }
        "backup" => {
            let folder = tempfile::tempdir().expect("a directory is made");
            let files = BackupFiles::create(&folder.path().join("it.dump")).expect("it can be written");
            let environment = Environment::Local;
            let request = BackupRequest { database, environment, roles: &roles, legacy: None };
            let error = backup::backup(&request, files).await.err().and_then(|error| of(&error));
            assert_eq!(folder.path().read_dir().expect("it is there").count(), 0, "no file has a name");
            error
        }
        _ => {
            let request = migrate::MigrateRequest {
                target: database,
                source: LegacySource::Table { database, table: &table },
                environment: Environment::Local,
                options: Options { batch_size: 20, ..Options::default() },
            };
            let migrated = migrate::migrate(&request, &mut Seen::default(), std::future::pending()).await;
            migrated.err().and_then(|error| of(&error))
        }
    }
}

/// Nothing of ours stays, though the server hears of no end. Before version 14 it keeps a session that holds nothing.
async fn nothing_stays(db: &Db) {
    let idle = "(current_setting('server_version_num')::int >= 140000 or state <> 'idle')";
    let sessions = format!(
        "select string_agg(concat_ws(' ', application_name, state, wait_event, query), '; ') from pg_stat_activity \
         where datname = current_database() and application_name like 'pad-migrate%' and {idle}"
    );
    let mut left = Some(String::new());
    let deadline = std::time::Instant::now() + LIMIT;
    while left.is_some() {
        assert!(std::time::Instant::now() < deadline, "the server keeps {left:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        left = db.value(&sessions).await;
    }
    let locks = "select count(*) = 0 from pg_locks l join pg_stat_activity a using (pid) where a.datname = \
        current_database() and a.application_name like 'pad-migrate%' and l.locktype in ('advisory', 'relation')";
    until_true(db, "nothing of ours is locked", locks).await;
}

/// What is run, on what, what falls silent when it is sent, and what becomes of new connections then.
const CASES: [(&str, Start, &str, NewOnes); 10] = [
    ("status", Start::Applied, "schema_revision", NewOnes::AreSilent),
    ("plan", Start::Alembic, "as kind", NewOnes::AreSilent),
    ("drift", Start::Applied, "as kind", NewOnes::Work),
    ("apply", Start::Alembic, "alter table padealing", NewOnes::AreSilent),
    ("apply", Start::Alembic, "alter table padealing", NewOnes::Work),
    ("migrate", Start::Seeded, "copy (select", NewOnes::AreSilent),
    ("migrate", Start::Seeded, "copy padealing.audit_log", NewOnes::Work),
    ("migrate", Start::Seeded, "oracle_employee", NewOnes::AreSilent),
    ("verify", Start::Migrated, "from padealing.migration_mapping", NewOnes::Work),
    ("verify", Start::Migrated, "personal_account_dealing\" l order by", NewOnes::AreSilent),
];

/// All at once: they wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_and_leaves_nothing() {
    join_all(CASES.map(|(name, start, trigger, new_ones)| Box::pin(ends(name, start, trigger, new_ones)))).await;
}

/// pg_dump has a session of its own, which is ended, too, when the server can be reached.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_ends_and_leaves_nothing() {
    for (trigger, new_ones) in [("pg_export_snapshot", NewOnes::AreSilent), ("COPY padealing.audit_log", NewOnes::Work)]
    {
        Box::pin(ends("backup", Start::Migrated, trigger, new_ones)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_ends_and_leaves_nothing() {
    ends("rollback", Start::Migrated, "delete from padealing.pad_approval", NewOnes::Work).await;
}

async fn ends(name: &str, start: Start, trigger: &'static str, new_ones: NewOnes) {
    // On a busy machine the server's own limit may come before the trigger.
    for _ in 0..3 {
        if Box::pin(has_ended(name, start, trigger, new_ones)).await {
            return;
        }
    }
    panic!("{name} never said {trigger}: the server's own limit came first, three times");
}

/// Whether it came as far as the trigger.
async fn has_ended(name: &str, start: Start, trigger: &'static str, new_ones: NewOnes) -> bool {
    let mut has_come = true;
    with_db(start, async |db| {
        let proxy = Proxy::silenced_by(&db, trigger, new_ones);
        let url = match name {
            "status" | "plan" | "drift" => db.url_as(Role::Reader).await,
            _ => format!("{}&user={}", db.url, db.place().user),
        };
        let database = database(&proxy.url(&db, &url));
        let error = tokio::time::timeout(LIMIT, command(name, &database)).await.expect("it ends by itself");
        let error = error.expect("it fails");
        if !proxy.is_silent() && error.contains("idle-session timeout") {
            has_come = false;
            return;
        }
        assert!(proxy.is_silent(), "{name} never said {trigger}: {error}");
        // On a busy machine the server's own limit may come first.
        let words =
            ["no answer", "isn't known", "timed out", "the server has ended the session", "idle-session timeout"];
        let is_said = words.iter().any(|it| error.contains(it));
        assert!(is_said, "{name} at {trigger}: {error}");
        nothing_stays(&db).await;
    })
    .await;
    has_come
}

/// A COMMIT of which nobody hears: what became of it is found out.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_commit_is_found_out() {
    with_db(Start::Alembic, async |db| {
        let proxy = Proxy::silenced_by(&db, "commit\0", NewOnes::Work);
        let database = database(&proxy.url(&db, &format!("{}&user={}", db.url, db.place().user)));
        let roles = roles();
        // Whether it is a session is found out with transactions of its own.
        proxy.arm(false);
        status::status(&apply_request(&database, &roles)).await.expect("a status");
        proxy.arm(true);
        let applied = apply::apply(&apply_request(&database, &roles), None).await.expect("it was committed");
        assert!(proxy.is_silent() && !applied.route.records.is_empty(), "the COMMIT was lost");
        let found = plan::plan(&apply_request(&db.database, &roles)).await.expect("a plan");
        assert!(found.route.is_empty(), "{:?}", found.route.plan.steps);
        nothing_stays(&db).await;
    })
    .await;
}

/// The last pages may take longer than the server keeps a session that it doesn't hear of: the one that holds the lock of
/// the run says something meanwhile. The limit is a second here, where it is a minute.
#[tokio::test]
async fn the_lock_of_a_run_outlives_its_last_page() {
    with_db(Start::Seeded, async |db| {
        let patience = Patience { unheard: Duration::from_secs(1), ..PATIENCE };
        let database = database(&db.url).with_patience(patience);
        let mut blocker = db.connect().await;
        let lock = "begin; lock table padealing.audit_log in exclusive mode";
        sqlx::raw_sql(lock).execute(&mut blocker).await.expect("the lock is taken");
        let request = migrate::MigrateRequest {
            target: &database,
            source: LegacySource::Table { database: &database, table: &TableName::legacy() },
            environment: Environment::Local,
            options: Options::default(),
        };
        let released = async {
            let waits = "select exists (select from pg_locks where not granted)";
            until_true(&db, "a worker waits for the lock", waits).await;
            tokio::time::sleep(patience.unheard * 3).await;
            sqlx::raw_sql("rollback").execute(&mut blocker).await.expect("the lock is released");
        };
        let mut seen = Seen::default();
        let (result, ()) = tokio::join!(migrate::migrate(&request, &mut seen, std::future::pending()), released);
        assert_eq!(result.expect("the run comes to its end").counts.migrated, 67);
    })
    .await;
}

/// Makes row 2 take long, and do something.
fn at_the_second_row(statement: &str) -> String {
    format!(
        "create function public.wait() returns trigger language plpgsql as $$ begin \
             if new.id = 2 then {statement}; end if; return new; end $$; \
         create trigger waits before insert on padealing.pad_request for each row execute function public.wait(); \
         insert into personal_account_dealing (id, employee, requested_date, status, is_deleted_yn, justification) \
             select id, 1003, '2021-01-01', 'request', 'N', case when id <> 2 then repeat('x', 300000) end \
             from generate_series(1, 3) id"
    )
}

/// The session for large texts has nothing to say between two of them, which may take longer than the server keeps it.
#[tokio::test]
async fn large_texts_may_be_far_apart() {
    with_db(Start::Applied, async |db| {
        let patience = Patience { unheard: Duration::from_secs(1), ..PATIENCE };
        let database = database(&db.url).with_patience(patience);
        db.execute(&at_the_second_row("perform pg_sleep(3)")).await;
        let options = Options { batch_size: 1, ..Options::default() };
        let report = try_migrate(&database, options, &mut Seen::default()).await.expect("the run comes to its end");
        assert_eq!(report.counts.migrated, 3);
    })
    .await;
}

/// Whatever ends between two pages: what is there, and how it goes on, is said.
#[tokio::test]
async fn a_run_that_loses_its_lock_says_what_stays() {
    with_db(Start::Applied, async |db| {
        let end = "perform pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pad-migrate migrate' \
                   and datname = current_database()";
        db.execute(&at_the_second_row(end)).await;
        let options = Options { batch_size: 1, ..Options::default() };
        let error = try_migrate(&database(&db.url), options, &mut Seen::default()).await.expect_err("it has no lock");
        let error = sentence(&error);
        let begins = "the run stopped before its end; rows that were committed stay, but for the last ones if the server";
        assert!(error.starts_with(begins) && error.contains("was lost: "), "{error}");
    })
    .await;
}

/// One of verify's two sessions with the target is lost on the first page, while the other has those after it: that one
/// gets no more, and waits for none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ahead_of_a_lost_session_waits_for_nothing() {
    with_generated(Generator { rows: 1500, seed: 5 }, async |db| {
        db.migrate(Options::default()).await;
        let mut holder = db.connect().await;
        let lock = "begin; lock table padealing.pad_approval in access exclusive mode";
        sqlx::raw_sql(lock).execute(&mut holder).await.expect("it is locked");
        let table = TableName::legacy();
        let source = LegacySource::Table { database: &db.database, table: &table };
        let request = verify::VerifyRequest { target: &db.database, source, environment: Environment::Local };
        let verifying = verify::verify(&request, |_| ());
        // The first session has the first page, since the second one counts before.
        let waiting = "from pg_stat_activity where application_name = 'pad-migrate verify' and wait_event_type = 'Lock' \
                       and datname = current_database()";
        let meanwhile = async {
            until_true(&db, "both wait for the lock", &format!("select (count(*) = 2)::text {waiting}")).await;
            let end = format!("select pg_terminate_backend(pid) {waiting} order by backend_start limit 1");
            db.value(&end).await;
            until_true(&db, "it is gone", &format!("select (count(*) = 1)::text {waiting}")).await;
            sqlx::raw_sql("rollback").execute(&mut holder).await.expect("it is free");
        };
        let both = async { tokio::join!(verifying, meanwhile).0 };
        let ended = tokio::time::timeout(LIMIT, both).await.expect("it ends");
        let error = sentence(&ended.expect_err("a session was lost"));
        assert!(error.contains("was lost") || error.contains("terminat"), "{error}");
    })
    .await;
}
