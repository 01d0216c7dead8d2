//! What isn't a session is refused before anything is set on it, and a pool of sessions is left as it was.
//!
//! The pooler is the harness's own; with `PAD_PGBOUNCER`, the path of a PgBouncer, a real one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};

use tempfile::TempDir;

use crate::harness::pooler::{Order, start};
use crate::harness::program::{command, run, stderr, stdout};
use crate::harness::{Db, Role, Seen, Start, try_migrate, with_db};
use crate::silence;
use crate::waiting::until;
use pad_migrate::base::text::sentence;
use pad_migrate::migration::run::Options;

/// What a command would leave in a pool.
const SETTINGS: &str = "select string_agg(name || '=' || setting, ',' order by name) from pg_settings where name in \
    ('default_transaction_read_only', 'search_path', 'row_security', 'statement_timeout', 'lock_timeout', 'jit', \
     'idle_in_transaction_session_timeout', 'plan_cache_mode', 'bytea_output')";

const COMMANDS: [&str; 16] = [
    "doctor",
    "status",
    "drift",
    "plan",
    "verify",
    "integrity",
    "report",
    "serve",
    "gate",
    "gate --stage before",
    "migrate",
    concat!("verify --source-csv ", env!("CARGO_MANIFEST_DIR"), "/fixtures/csv/dbeaver.csv"),
    "rollback --yes",
    "clean --employee 1003 --yes",
    "apply --yes",
    "backup --out it.dump",
];

/// Ends with the test.
struct Pooler {
    url: String,
    child: Option<Child>,
    /// Of its configuration.
    _folder: Option<TempDir>,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn pooler(db: &Db, mode: &str, order: Order, role: Role) -> Pooler {
    let url = db.url_as(role).await;
    let password = url.rsplit_once("password=").expect("a URL with a password").1.to_owned();
    let (name, user) = (db.place().name, role.name());
    let at = |port: u16| format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}?sslmode=disable");
    match std::env::var("PAD_PGBOUNCER").ok().filter(|it| !it.is_empty()) {
        None => Pooler { url: at(start(db, order)), child: None, _folder: None },
        Some(program) => {
            let port = free_port();
            let folder = tempfile::tempdir().expect("a folder is made");
            let child = pgbouncer(&program, folder.path(), db, mode, order, (user, &password), port);
            until("PgBouncer listens", async || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).await;
            Pooler { url: at(port), child: Some(child), _folder: Some(folder) }
        }
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

fn pgbouncer(
    program: &str,
    folder: &Path,
    db: &Db,
    mode: &str,
    order: Order,
    (user, password): (&str, &str),
    port: u16,
) -> Child {
    // It reads its configuration as another user.
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("the folder is ours");
    let place = db.place();
    let file = folder.join("pgbouncer.ini");
    let text = format!(
        "[databases]\n{name} = host={host} port={server_port} dbname={name} user={user} password={password}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = {mode}\nserver_round_robin = {round}\ndefault_pool_size = {size}\nserver_reset_query =\n",
        name = place.name,
        host = place.host,
        server_port = place.port,
        round = u8::from(order == Order::FirstFreed),
        size = match order {
            Order::Single => 1,
            Order::SessionsOf(size) => size,
            _ => 20,
        },
    );
    std::fs::write(&file, text).expect("the file is written");
    let mut command = command(program);
    // It refuses to be root.
    if rustix::process::geteuid().is_root() {
        command.args(["-u", "postgres"]);
    }
    command.arg("-q").arg(&file).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.spawn().expect("PgBouncer starts")
}

/// Longer than a pool takes that has a process to give.
const LONG: Duration = Duration::from_secs(10);

/// What the next client of the pool finds on the server's connections, which it gets one after the other.
async fn check_pool(url: &str, expected: Option<&str>) -> String {
    let options: PgConnectOptions = url.parse().expect("a URL");
    // The driver itself asks for a parameter that poolers refuse.
    let options = options.extra_float_digits(None);
    let connect = async || PgConnection::connect_with(&options).await.expect("the pool answers");
    let mut connection = connect().await;
    // A client that has gone may take its process with it when this one has come: another brings one.
    while tokio::time::timeout(LONG, sqlx::raw_sql("select 1").fetch_one(&mut connection)).await.is_err() {
        connection = connect().await;
    }
    let mut found = String::new();
    for _ in 0..4 {
        let row = sqlx::raw_sql(SETTINGS).fetch_one(&mut connection).await.expect("settings");
        found = row.get(0);
        assert!(expected.is_none_or(|it| it == found), "{found}");
        let left = "select count(*)::text from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()";
        let row = sqlx::raw_sql(left).fetch_one(&mut connection).await.expect("locks");
        assert_eq!(row.get::<String, _>(0), "0");
    }
    connection.close().await.expect("it closes");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_pool_of_transactions_is_refused_and_left_as_it_was() {
    let cases = [
        ("transaction", Order::LastFreed, &COMMANDS[..]),
        ("transaction", Order::FirstFreed, &COMMANDS[..]),
        // A pool of one is found out by waiting.
        ("transaction", Order::Single, &COMMANDS[1..2]),
        ("statement", Order::LastFreed, &COMMANDS[..]),
    ];
    join_all(cases.map(|(mode, order, commands)| is_refused(mode, order, commands))).await;
}

async fn is_refused(mode: &str, order: Order, commands: &[&str]) {
    with_db(Start::Migrated, async |db| {
        let pooler = pooler(&db, mode, order, Role::Reader).await;
        let before = check_pool(&pooler.url, None).await;
        for command in commands {
            let arguments = [&["--database-url", &pooler.url][..], &command.split(' ').collect::<Vec<_>>()].concat();
            let output = tokio::task::block_in_place(|| run(&arguments, &[]));
            assert_eq!(output.status.code(), Some(2), "{command}: {}", stderr(&output));
            let text = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("is a connection pooler in transaction or statement mode"), "{command}: {text}");
        }
        check_pool(&pooler.url, Some(&before)).await;
    })
    .await;
}

/// A pooler that gives each client a server process of its own works, and gets it back as it was, also when it resets
/// nothing by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_sessions_works_and_is_left_as_it_was() {
    with_db(Start::Migrated, async |db| {
        let pooler = pooler(&db, "session", Order::Sessions, Role::Reader).await;
        let before = check_pool(&pooler.url, None).await;
        for (command, code) in
            [("status", 0), ("plan", 0), ("drift", 0), ("gate", 1), ("gate --stage before --freeze-seconds 0", 1)]
        {
            let arguments = [&["--database-url", &pooler.url][..], &command.split(' ').collect::<Vec<_>>()].concat();
            let output = run(&arguments, &[]);
            assert_eq!(output.status.code(), Some(code), "{command}: {}", stderr(&output));
        }
        check_pool(&pooler.url, Some(&before)).await;
    })
    .await;
}

/// Sessions that each command has at once, and one that asks what becomes of the others. The last one writes.
const SIZES: [(&str, usize); 14] = [
    ("verify", 3),
    (concat!("verify --source-csv ", env!("CARGO_MANIFEST_DIR"), "/fixtures/csv/dbeaver.csv"), 2),
    ("migrate --dry-run", 6),
    ("migrate --jobs 1", 5),
    ("migrate", 6),
    ("gate --stage before --freeze-seconds 0", 12),
    ("gate", 9),
    ("backup --out it.dump", 4),
    ("apply --yes --backup it.dump", 4),
    ("clean --employee 1003 --yes", 3),
    ("rollback --dry-run", 6),
    // There is nothing to do for more.
    ("rollback --dry-run --source-id 999999", 2),
    ("rollback --yes --source-id 999999", 2),
    ("rollback --yes --backup it.dump", 7),
];

/// A pool that is too small for a command is known before it asks and before it writes; one that is as large is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_pool_that_is_too_small_is_found_before_anything_is_begun() {
    with_db(Start::Migrated, async |db| {
        db.execute("grant select on public.personal_account_dealing to pad_migrate_owner").await;
        let before = db.dump(&[]).await;
        // Without a pooler, the server's own limits.
        let name = db.place().name;
        db.execute(&format!("alter database {name} connection limit 4")).await;
        let output = run(&["--database-url", &db.url_as(Role::Owner).await, "rollback", "--yes"], &[]);
        let found = "sessions at once now, and this command needs 6: ";
        let text = stderr(&output);
        assert!(
            text.contains(found)
                && text.contains("the database allows 4 connections; nothing was begun: raise that limit"),
            "{text}"
        );
        assert_eq!(output.status.code(), Some(2), "{text}");
        let output = run(
            &["--database-url", &db.url_as(Role::Owner).await, "gate", "--stage", "before", "--freeze-seconds", "0"],
            &[],
        );
        assert!(stderr(&output).contains("this command needs 11: "), "{}", stderr(&output));
        let output = run(&["--database-url", &db.url_as(Role::Owner).await, "doctor", "--format", "json"], &[]);
        // As doctor says beforehand.
        let found = "at once are needed 5 by migrate, 6 by rollback, 11 by gate --stage before";
        assert!(stdout(&output).contains(found), "{}", stdout(&output));
        db.execute(&format!("alter database {name} connection limit 60")).await;
        let output = run(&["--database-url", &db.url_as(Role::Owner).await, "migrate", "--jobs", "64"], &[]);
        let text = stderr(&output);
        // Not by taking all of them.
        let found = "needs 67: the database allows 60 connections";
        assert!(text.contains(found) && text.contains("raise that limit, or give fewer --jobs"), "{text}");
        assert_eq!(output.status.code(), Some(2), "{text}");
        db.execute(&format!("alter database {name} connection limit -1")).await;
        let go = async |command: &'static str, size: usize| {
            let pooler = pooler(&db, "session", Order::SessionsOf(size), Role::Owner).await;
            let url = pooler.url.clone();
            let ran = tokio::task::spawn_blocking(move || {
                run(&[&["--database-url", &url][..], &command.split(' ').collect::<Vec<_>>()].concat(), &[])
            });
            let output = ran.await.expect("it ran");
            (output.status.code(), stderr(&output) + &String::from_utf8_lossy(&output.stdout))
        };
        join_all(SIZES.iter().filter(|(_, size)| *size > 2).map(async |(command, size)| {
            let (code, text) = go(command, size - 1).await;
            assert_eq!(code, Some(2), "{command}: {text}");
            let found = format!("gives {} sessions at once now, and this command needs {size}: ", size - 1);
            assert!(text.contains(&found) && text.contains("default_pool_size"), "{command}: {text}");
            let has_jobs = ["migrate", "migrate --dry-run"].contains(command);
            assert_eq!(text.contains("fewer --jobs"), has_jobs, "{command}: {text}");
        }))
        .await;
        // Before a server is started.
        let (code, text) = go("rehearse --real-rows", 2).await;
        let found = "gives 2 sessions at once now, and this command needs 3: ";
        assert!(code == Some(2) && text.contains(found), "{text}");
        assert_eq!(db.dump(&[]).await, before, "nothing was begun");
        for (command, size) in SIZES {
            let (code, text) = go(command, size).await;
            assert!(matches!(code, Some(0 | 1)), "{command}: {text}");
            assert!(!text.contains("connection pooler"), "{command}: {text}");
        }
    })
    .await;
}

/// Sessions that were closed a moment ago still count: room that comes a moment later is found, whichever session lacked it.
#[tokio::test(flavor = "multi_thread")]
async fn room_that_comes_a_moment_later_is_found() {
    with_db(Start::Migrated, async |db| {
        let name = db.place().name;
        db.execute("grant select on public.personal_account_dealing to pad_migrate_reader").await;
        for limit in [1, 3] {
            db.execute(&format!("alter database {name} connection limit {limit}")).await;
            let url = db.url_as(Role::Reader).await;
            let ran = tokio::task::spawn_blocking(move || run(&["--database-url", &url, "verify"], &[]));
            tokio::time::sleep(Duration::from_millis(300)).await;
            db.execute(&format!("alter database {name} connection limit -1")).await;
            let output = ran.await.expect("it ran");
            assert!(output.status.success(), "{limit}: {}", stderr(&output));
        }
    })
    .await;
}

/// Where the limits can't be asked for, the sessions themselves show whether there is room.
#[tokio::test(flavor = "multi_thread")]
async fn limits_that_cannot_be_asked_for_are_none() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "grant select on public.personal_account_dealing to pad_migrate_reader; \
             revoke select on pg_catalog.pg_database from public",
        )
        .await;
        let url = db.url_as(Role::Reader).await;
        let output = run(&["--database-url", &url, "verify"], &[]);
        // There was room, and the role lacks it for a question of its own.
        let found = "asking what the role may do failed: permission denied for table pg_database";
        assert!(stderr(&output).contains(found), "{}", stderr(&output));
    })
    .await;
}

/// A pool that has nothing left, at once or later on, is said to be that: the port is not to blame.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_connection_left_is_said_to_be_that() {
    with_db(Start::Seeded, async |db| {
        let pooler = pooler(&db, "session", Order::SessionsOf(2), Role::Owner).await;
        db.execute("grant select on public.personal_account_dealing to pad_migrate_owner").await;
        // Nobody has counted beforehand, and the reader waits for the workers.
        let options = Options { batch_size: 1, ..Options::default() };
        let error = try_migrate(&silence::database(&pooler.url), options, &mut Seen::default()).await;
        let error = error.expect_err("it needs four sessions");
        let error = sentence(&error);
        let found = "timed out after 2 s: the connection was accepted, and no session came, while this command has 2 open; a connection pooler";
        assert!(error.contains(found) && error.contains("default_pool_size"), "{error}");
        let pooler = self::pooler(&db, "session", Order::SessionsOf(1), Role::Owner).await;
        let options: PgConnectOptions = pooler.url.parse().expect("a URL");
        let mut other = PgConnection::connect_with(&options.extra_float_digits(None)).await.expect("the pool answers");
        sqlx::raw_sql("select 1").execute(&mut other).await.expect("it has the pool's one connection");
        let output = run(&["--database-url", &pooler.url, "status"], &[]);
        let found = "timed out after 5 s: the connection was accepted, and no session came; a connection pooler there has no connection left";
        let text = stderr(&output);
        assert!(output.status.code() == Some(2) && text.contains(found), "{text}");
        // It isn't that which ended the wait.
        assert!(!text.contains("DB_CONNECT_TIMEOUT") && error.contains("DB_CONNECT_TIMEOUT"), "{text}");
    })
    .await;
}

/// Whatever it looked like at first: a transaction that another server process runs ends the command.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_does_not_stay_one_is_noticed() {
    with_db(Start::Migrated, async |db| {
        let role = Role::Reader;
        let url = db.url_as(role).await;
        let password = url.rsplit_once("password=").expect("a URL with a password").1;
        let (name, port) = (db.place().name, start(&db, Order::SessionsAtFirst));
        let url = format!("postgres://{}:{password}@127.0.0.1:{port}/{name}?sslmode=disable", role.name());
        let output = run(&["--database-url", &url, "doctor", "--exact"], &[]);
        let text = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("gave the session another server process"), "{text}");
    })
    .await;
}
