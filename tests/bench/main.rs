//! `scripts/bench [--rows N] [--rounds N] [WHAT…]`: how fast, as ratios against named yardsticks.
//!
//! - `migrate`: against the set-based SQL of `yardstick.sql`, whose result is compared with ours row by row, so that it
//!   is a second oracle; and against two connections that COPY the ready-made rows and do nothing else.
//! - `verify`, `rollback`: against `migrate`; `rollback` also against the deletes alone. With them, `migrate` from a CSV
//!   file of the same table, against `migrate`. `integrity`: its seconds on what was migrated. `verify --evidence`, and the
//!   `proof.sql` that it writes, against `verify`.
//! - `database`: until a test's database is ready.
//! - `drift`: against psql that fetches the catalogs, and beside pg_dump with diff, and migra.
//! - `serve`: the dashboard's pages, beside the rows of one in a session.
//! - `suite`: the test suite, after the build, under both runners.
//!
//! Servers are its own; where data is moved they have a production server's durability. Whatever is compared is done in
//! turn within a round, so that a machine that slows down slows all of it.

mod copy;
mod delete;
mod drift;
mod evidence;
mod oracle;
mod serve;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::Roles;
use pad_migrate::harness::generate::Generator;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::error::Provider;
use pad_migrate::harness::server::lease::Server;
use pad_migrate::harness::server::request::Durability;
use pad_migrate::harness::server::{self, names};
use pad_migrate::postgres::database::Database;
use pad_migrate::schema::pg::{apply, request};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const YARDSTICK: &str = include_str!("yardstick.sql");

/// Databases that are made to measure one.
const DATABASES: usize = 40;

#[derive(Parser)]
struct Arguments {
    /// Legacy rows
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// Rounds, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// What cargo says to a benchmark
    #[arg(long, hide = true)]
    bench: bool,
    /// What to measure [default: all]
    what: Vec<What>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Migrate,
    Verify,
    Integrity,
    Rollback,
    Database,
    Drift,
    Serve,
    Suite,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its result and its failure")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|it| it.block_on(bench(&arguments))) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {}", pad_migrate::base::text::sentence(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn bench(arguments: &Arguments) -> Result<String> {
    let wanted = |what: What| arguments.what.is_empty() || arguments.what.contains(&what);
    let mut text = machine();
    if [What::Migrate, What::Verify, What::Integrity, What::Rollback].into_iter().any(wanted) {
        text += &cutover(arguments).await?;
    }
    if wanted(What::Database) {
        text += &database().await?;
    }
    if wanted(What::Drift) {
        text += &drift::drift(arguments.rounds).await?;
    }
    if wanted(What::Serve) {
        text += &serve::serve(arguments.rows, arguments.rounds).await?;
    }
    if wanted(What::Suite) {
        text += &suite(arguments.rounds)?;
    }
    Ok(text)
}

/// What the figures were measured on.
fn machine() -> String {
    let read = |path: &str, key: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|it| it.starts_with(key)).and_then(|it| it.split_once(':')).map(|it| it.1.trim());
        line.unwrap_or("unknown").to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (model, memory) = (read("/proc/cpuinfo", "model name"), read("/proc/meminfo", "MemTotal"));
    format!("{cores} cores of {model}, {memory} of memory, {}\n", std::env::consts::OS)
}

/// A server of our own; blocks, as it may take a while.
async fn start(durability: Durability) -> Result<Server> {
    let wanted =
        server::request::ServerRequest { durability, ..server::request::ServerRequest::new(Provider::Auto, None) };
    Ok(tokio::task::spawn_blocking(move || server::start(&wanted)).await??)
}

/// Medians, and the spread.
#[derive(Default)]
struct Measured(BTreeMap<&'static str, Vec<f64>>);

impl Measured {
    fn add(&mut self, name: &'static str, value: f64) {
        self.0.entry(name).or_default().push(value);
    }

    fn row(&self, name: &str, label: &str, unit: &str) -> String {
        spread(label, self.0.get(name).cloned().unwrap_or_default(), unit)
    }

    /// How many times as fast one is as another, round by round.
    fn times(&self, one: &str, other: &str) -> String {
        let ratios = self.0[one].iter().zip(&self.0[other]).map(|(one, other)| other / one).collect();
        spread(&format!("{one}, times as fast as {other}"), ratios, "")
    }
}

fn spread(label: &str, mut values: Vec<f64>, unit: &str) -> String {
    values.sort_by(f64::total_cmp);
    let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    format!("| {label} | {median:.2}{unit} | {least:.2}{unit} | {most:.2}{unit} |\n")
}

const HEAD: &str = "| | median | least | most |\n| --- | --- | --- | --- |\n";

async fn cutover(arguments: &Arguments) -> Result<String> {
    let server = start(Durability::Full).await?;
    let admin = EphemeralDatabase::at(&server.url)?;
    let generator = Generator { rows: arguments.rows, seed: 1 };
    let template = server.database_name("bench");
    prepare(&admin, &template, generator).await?;
    let file = tempfile::NamedTempFile::new()?;
    copy::export_csv(&names::database_url(&server.url, &template), file.path()).await?;
    let csv = file.path().display().to_string();
    let mut measured = Measured::default();
    for round in 0..arguments.rounds {
        let names = ["yardstick", "migrate", "copy", "csv"].map(|it| server.database_name(&format!("{it}_{round}")));
        for name in &names {
            admin::create_database(&admin, name, Some(&template)).await?;
        }
        let [yardstick, migrated, copied, from_csv] = names.each_ref().map(|it| names::database_url(&server.url, it));
        for first in [round % 2 == 0, round % 2 != 0] {
            admin::execute(&admin, "checkpoint").await?;
            if first {
                let since = Instant::now();
                admin::execute(&EphemeralDatabase::at(&yardstick)?, YARDSTICK).await?;
                measured.add("yardstick", since.elapsed().as_secs_f64());
            } else {
                // Rows are rejected, as they should be.
                let (seconds, peak) = run(&["migrate"], &migrated, 1)?;
                measured.add("migrate", seconds);
                measured.add("memory of migrate", peak);
            }
        }
        admin::execute(&admin, "checkpoint").await?;
        let (seconds, peak) = run(&["verify"], &migrated, 0)?;
        measured.add("verify", seconds);
        measured.add("memory of verify", peak);
        let folder = tempfile::tempdir()?;
        let bundle = folder.path().join("evidence");
        let (seconds, peak) = run(&["verify", "--evidence", &bundle.display().to_string()], &migrated, 0)?;
        measured.add("evidence", seconds);
        measured.add("memory of evidence", peak);
        measured.add("proof", evidence::prove(&migrated, &bundle)?.as_secs_f64());
        let (seconds, peak) = run(&["integrity"], &migrated, 0)?;
        measured.add("integrity", seconds);
        measured.add("memory of integrity", peak);
        oracle::compare(&yardstick, &migrated).await?;
        admin::execute(&admin, "checkpoint").await?;
        let (seconds, peak) = run(&["migrate", "--source-csv", &csv, "--csv-null", "unquoted"], &from_csv, 1)?;
        measured.add("migrate from CSV", seconds);
        measured.add("memory of migrate from CSV", peak);
        oracle::compare(&yardstick, &from_csv).await?;
        let ready = copy::Ready::export(&migrated).await?;
        admin::execute(&admin, "checkpoint").await?;
        measured.add("copy", ready.load(&copied).await?.as_secs_f64());
        admin::execute(&admin, "checkpoint").await?;
        measured.add("delete", delete::delete(&copied).await?.as_secs_f64());
        admin::execute(&admin, "checkpoint").await?;
        let (seconds, peak) = run(&["rollback", "--yes"], &migrated, 0)?;
        measured.add("rollback", seconds);
        measured.add("memory of rollback", peak);
        for name in &names {
            admin::execute(&admin, &format!("drop database {name}")).await?;
        }
    }
    let mut text = format!(
        "\n{generator}, PostgreSQL {}, fsync on, {} rounds in turn; what the yardstick stored and what migrate stored \
         were the same, row by row\n\n{HEAD}",
        server.version, arguments.rounds
    );
    for (name, label) in [
        ("yardstick", "yardstick, set-based SQL"),
        ("copy", "copy, ready-made rows on two connections"),
        ("migrate", "migrate, default flags"),
        ("verify", "verify, default flags"),
        ("evidence", "verify --evidence"),
        ("proof", "proof.sql of that"),
        ("migrate from CSV", "migrate from a CSV file"),
        ("integrity", "integrity, every check"),
        ("rollback", "rollback of all of it"),
        ("delete", "delete, by sets on two connections"),
    ] {
        text += &measured.row(name, label, " s");
    }
    text += &measured.times("migrate", "yardstick");
    text += &measured.times("migrate", "copy");
    text += &measured.times("verify", "migrate");
    text += &measured.times("proof", "verify");
    text += &measured.times("migrate from CSV", "migrate");
    text += &measured.times("rollback", "migrate");
    text += &measured.times("rollback", "delete");
    for name in [
        "memory of migrate",
        "memory of verify",
        "memory of evidence",
        "memory of integrity",
        "memory of rollback",
        "memory of migrate from CSV",
    ] {
        text += &measured.row(name, &format!("{name}, peak"), " MB");
    }
    Ok(text)
}

async fn prepare(admin: &EphemeralDatabase, name: &str, generator: Generator) -> Result<()> {
    let database = admin::create_database(admin, name, None).await?;
    admin::fill_with_generated(&database, generator, |_| ()).await?;
    apply_all(&database).await
}

async fn apply_all(database: &Database) -> Result<()> {
    let roles = Roles::default();
    apply::apply(&request::ChangeRequest::new(database, Environment::Local, &roles), None).await?;
    Ok(())
}

/// Runs a command of the built program: seconds, and the peak of its resident memory in megabytes.
fn run(command: &[&str], url: &str, code: i32) -> Result<(f64, f64)> {
    let since = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pad-migrate"))
        .args(command)
        .args(["-q", "--database-url", url])
        .current_dir("/")
        .stdout(Stdio::null())
        .spawn()?;
    // The kernel keeps the highest mark; the last look is a few milliseconds before the end.
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|it| it.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = mark.and_then(|it| it.parse::<f64>().ok()).map_or(peak, |it| it * 1024.0 / 1e6);
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if ended.code() == Some(code) {
        Ok((since.elapsed().as_secs_f64(), peak))
    } else {
        Err(format!("{} ended with {ended}, and {code} was expected", command.join(" ")).into())
    }
}

/// A clone of a sealed template as large as the tests', until the first query on it is answered; one at a time, and
/// two.
async fn database() -> Result<String> {
    let server = start(Durability::Memory).await?;
    let admin = EphemeralDatabase::at(&server.url)?;
    let template = server.database_name("template");
    let database = admin::create_database(&admin, &template, None).await?;
    admin::fill_with_fixtures(&database, &pad_migrate::harness::fixtures::cases()?).await?;
    apply_all(&database).await?;
    admin::execute(&admin, &format!("alter database {template} with is_template true allow_connections false")).await?;
    let one = async |name: String| -> Result<f64> {
        let since = Instant::now();
        let database = admin::create_database(&admin, &name, Some(&template)).await?;
        admin::server_version(&database).await?;
        let ready = since.elapsed();
        admin::execute(&admin, &format!("drop database {name} with (force)")).await?;
        Ok(ready.as_secs_f64() * 1e3)
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for number in 0..DATABASES {
        let name = |what: &str| server.database_name(&format!("{what}_{number}"));
        alone.push(one(name("alone")).await?);
        let (left, right) = tokio::join!(one(name("left")), one(name("right")));
        beside.extend([left?, right?]);
    }
    Ok(format!(
        "\nA test's database, cloned and connected to, PostgreSQL {}, {DATABASES} times\n\n{HEAD}{}{}",
        server.version,
        spread("one at a time", alone, " ms"),
        spread("two at a time", beside, " ms"),
    ))
}

/// The suite as developers run it, built beforehand.
fn suite(rounds: u32) -> Result<String> {
    let mut measured = Measured::default();
    for round in 0..=rounds {
        for (name, arguments) in [("cargo test", ["test", "--locked"]), ("cargo nextest", ["nextest", "run"])] {
            let since = Instant::now();
            let mut command = Command::new(env!("CARGO"));
            let ended = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
            if !ended.success() {
                return Err(format!("{name} ended with {ended}").into());
            }
            // The first time it was built.
            if round > 0 {
                measured.add(name, since.elapsed().as_secs_f64());
            }
        }
    }
    let rows = ["cargo test", "cargo nextest"].map(|it| measured.row(it, it, " s"));
    Ok(format!("\nThe suite, {rounds} rounds in turn\n\n{HEAD}{}", rows.concat()))
}
