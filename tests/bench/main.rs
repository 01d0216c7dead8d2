//! `scripts/bench [--rows N] [--rounds N]`: migrate and verify against the set-based yardstick.
//!
//! Starts its own server with production durability. Each round migrates the same rows twice, once each way, in two
//! fresh databases, in turn; what the two ways stored is compared row by row, so the yardstick is a second oracle.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use pad_migrate::config::{Environment, Roles, TableName};
use pad_migrate::pg::migrate::{self, Observer, Options, Progress};
use pad_migrate::pg::{Database, admin, apply, verify};
use pad_migrate::rehearse::ephemeral;
use pad_migrate::server::{self, Durability, Provider};
use pad_migrate::transform::Rejection;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const ROWS: &str = include_str!("rows.sql");
const YARDSTICK: &str = include_str!("yardstick.sql");

struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _: Progress) {}

    fn rejected(&mut self, _: &Rejection) -> std::io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its result and its failure")]
fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(Into::into).and_then(|it| it.block_on(bench()));
    match result {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let causes = std::iter::successors(error.source(), |it| it.source()).map(|it| format!(": {it}"));
            eprintln!("bench: {error}{}", causes.collect::<String>());
            ExitCode::FAILURE
        }
    }
}

fn argument(name: &str, default: usize) -> Result<usize> {
    let mut arguments = std::env::args().skip_while(|it| it != name).skip(1);
    Ok(arguments.next().map(|it| it.parse()).transpose()?.unwrap_or(default))
}

async fn bench() -> Result<String> {
    let (rows, rounds) = (argument("--rows", 100_000)?, argument("--rounds", 3)?);
    let server = server::start(Provider::Auto, Durability::Full)?;
    let admin = ephemeral(&server.url)?;
    let version = admin::server_version(&admin).await?;
    let template = prepare(&admin, rows).await?;
    let (mut ours, mut theirs, mut proofs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let name = |what: &str| format!("{template}_{what}_{round}");
        let yardstick = admin::create_database(&admin, &name("yardstick"), Some(&template)).await?;
        let migrated = admin::create_database(&admin, &name("migrate"), Some(&template)).await?;
        // In turn, so that a machine that slows down slows both.
        for first in [round % 2 == 0, round % 2 != 0] {
            admin::execute(&admin, "checkpoint").await?;
            if first {
                let since = Instant::now();
                admin::execute(&yardstick, YARDSTICK).await?;
                theirs.push(since.elapsed());
            } else {
                ours.push(migrate_all(&migrated).await?);
            }
        }
        proofs.push(verify_all(&migrated).await?);
        compare(&server.database_url(&name("yardstick")), &server.database_url(&name("migrate"))).await?;
        for what in ["yardstick", "migrate"] {
            admin::execute(&admin, &format!("drop database {}", name(what))).await?;
        }
    }
    let ratios = |a: &[Duration], b: &[Duration]| -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect()
    };
    let seconds = |all: &[Duration]| all.iter().map(Duration::as_secs_f64).collect::<Vec<f64>>();
    Ok(format!(
        "{rows} rows, {rounds} rounds, PostgreSQL {version}, fsync on, {} cores\n\
         yardstick            {}\n\
         migrate              {}\n\
         verify               {}\n\
         migrate / yardstick  {}\n\
         verify / migrate     {}\n\
         The two ways stored the same rows.\n",
        std::thread::available_parallelism().map_or(0, usize::from),
        spread(seconds(&theirs), " s"),
        spread(seconds(&ours), " s"),
        spread(seconds(&proofs), " s"),
        spread(ratios(&ours, &theirs), ""),
        spread(ratios(&proofs, &ours), ""),
    ))
}

fn spread(mut values: Vec<f64>, unit: &str) -> String {
    values.sort_by(f64::total_cmp);
    let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    format!("median {median:.2}{unit}, from {least:.2}{unit} to {most:.2}{unit}")
}

async fn prepare(admin: &Database, rows: usize) -> Result<String> {
    let name = "pad_migrate_bench".to_owned();
    let database = admin::create_database(admin, &name, None).await?;
    let fixtures = [pad_migrate::fixtures::REFERENCE_SCHEMA, pad_migrate::fixtures::LEGACY_TABLE];
    for sql in fixtures {
        admin::execute(&database, sql).await?;
    }
    for statement in ROWS.replace("{rows}", &rows.to_string()).split_inclusive(";\n") {
        admin::execute(&database, statement).await?;
    }
    let roles = Roles::default();
    let lock_timeout = Duration::from_secs(5);
    apply::apply(&apply::Request { database: &database, environment: Environment::Local, roles: &roles, lock_timeout })
        .await?;
    Ok(name)
}

async fn migrate_all(database: &Database) -> Result<Duration> {
    let request = migrate::Request {
        target: database,
        source: database,
        table: &TableName::legacy(),
        environment: Environment::Local,
        options: Options::default(),
    };
    let since = Instant::now();
    migrate::migrate(&request, &mut Nobody, std::future::pending()).await?;
    Ok(since.elapsed())
}

async fn verify_all(database: &Database) -> Result<Duration> {
    let table = TableName::legacy();
    let request =
        verify::Request { target: database, source: database, table: &table, environment: Environment::Local };
    let since = Instant::now();
    let report = verify::verify(&request, |_| ()).await?;
    let elapsed = since.elapsed();
    if !report.counts.is_clean() {
        return Err(format!("verify found {:?}, first {:?}", report.counts, report.differences.first()).into());
    }
    Ok(elapsed)
}

/// Every row that each way stored, side by side, surrogate keys and times of migration aside.
async fn compare(yardstick: &str, migrated: &str) -> Result<()> {
    for (table, order) in [
        ("pad_request", "id"),
        ("pad_approval", "request_id, approval_type"),
        ("pad_execution", "request_id"),
        ("audit_log", "request_id, action_type"),
        ("migration_mapping", "source_id, target_table"),
    ] {
        // A lineage row's target id is a surrogate key too, unless it is the request's.
        let row = match table {
            "pad_request" => "to_jsonb(t)",
            "migration_mapping" => "jsonb_build_array(t.source_table, t.source_id, t.target_table)",
            _ => "to_jsonb(t) - 'id'",
        };
        let sql = format!("select ({row})::text from padealing.{table} t order by {order}");
        let (mut left, mut right) = (PgConnection::connect(yardstick).await?, PgConnection::connect(migrated).await?);
        let mut theirs = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql.clone())).fetch(&mut left);
        let mut ours = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch(&mut right);
        loop {
            let rows = (theirs.try_next().await?, ours.try_next().await?);
            match rows {
                (None, None) => break,
                (theirs, ours) if theirs == ours => {}
                (theirs, ours) => {
                    return Err(format!("{table}: the yardstick stored\n{theirs:?}\nand migrate\n{ours:?}").into());
                }
            }
        }
    }
    Ok(())
}
