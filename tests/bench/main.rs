//! `scripts/bench [--rows N[,N…]] [--rounds N] [WHAT…]`: how fast, as ratios against named yardsticks.
//!
//! - `migrate`, `verify`: against the set-based SQL of `yardstick.sql`, whose result is compared with migrate's row by
//!   row, so that it is a second oracle; against two connections that COPY the ready-made rows and do nothing else; and
//!   `verify` against sessions that COPY what it reads and throw it away.
//! - `evidence`: `verify --evidence`, and the `proof.sql` that it writes, against `verify`.
//! - `csv`: `migrate` from a CSV file of the same table, against `migrate`.
//! - `integrity`: its seconds on what was migrated. `rollback`: against `migrate`, and against the deletes alone.
//! - `latency`: `migrate` and `verify` from a source that is 20 ms away, against a local one.
//! - `peers`: beside a script that goes row by row, pgloader, pgcopydb, reladiff, and EXCEPT.
//! - `start`: from exec to the end, beside psql.
//! - `database`: until a test's database is ready.
//! - `drift`: against psql that fetches the catalogs, and beside pg_dump with diff, and migra.
//! - `serve`: the dashboard's pages, beside the rows of one in a session.
//! - `suite`: the test suite, after the build, under both runners.
//!
//! With several numbers of rows the cutover is measured at each, and its rows per second are compared; what else has
//! rows has the first number. `--against VERSION` measures `migrate`, `verify` and the COPY of the ready-made rows on
//! the server of PAD_POSTGRES_VERSION and on one of another version, and nothing else.
//!
//! Servers are its own; where data is moved they have a production server's durability. Whatever is compared is done in
//! turn within a round, so that a machine that slows down slows all of it. Beside the time by the clock there is that
//! of the processors, where the server's processes are on this machine: the client's, the server's, and the share of
//! all cores that both kept busy.

mod address;
mod copy;
mod cutover;
mod delay;
mod delete;
mod drift;
mod evidence;
mod floor;
mod latency;
mod measured;
mod meter;
mod oracle;
mod peers;
mod program;
mod serve;
mod shares;
mod site;
mod startup;
mod suite;
mod versions;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
struct Arguments {
    /// Legacy rows; the cutover is measured at each of several numbers
    #[arg(long, default_value = "100000", value_delimiter = ',')]
    rows: Vec<u64>,
    /// Rounds, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Measure migrate and verify on this version of PostgreSQL, too, and nothing else
    #[arg(long, value_name = "VERSION")]
    against: Option<String>,
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
    Evidence,
    Csv,
    Integrity,
    Rollback,
    Latency,
    Peers,
    Start,
    Database,
    Drift,
    Serve,
    Suite,
}

impl Arguments {
    /// Everything, if nothing is named.
    fn wants(&self, what: What) -> bool {
        self.what.is_empty() || self.what.contains(&what)
    }
}

#[expect(clippy::print_stderr, reason = "a benchmark prints its failure")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|it| it.block_on(bench(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {}", pad_migrate::base::text::sentence(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Prints a part of the result: what comes after it may take hours, and may fail.
#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn show(text: &str) {
    print!("{text}");
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let wants = |what: What| arguments.wants(what);
    let (rows, rounds) = (arguments.rows[0], arguments.rounds);
    show(&machine());
    if let Some(version) = &arguments.against {
        if arguments.what.iter().any(|what| ![What::Migrate, What::Verify].contains(what)) {
            return Err("--against measures migrate and verify; name nothing else with it".into());
        }
        show(&versions::versions(rows, rounds, version).await?);
        return Ok(());
    }
    if cutover::PARTS.into_iter().any(wants) {
        cutover::cutover(arguments).await?;
    }
    if wants(What::Latency) {
        show(&latency::latency(rows, rounds).await?);
    }
    if wants(What::Peers) {
        show(&peers::peers(rows, rounds).await?);
    }
    if wants(What::Start) {
        show(&startup::start()?);
    }
    if wants(What::Database) {
        show(&suite::database().await?);
    }
    if wants(What::Drift) {
        show(&drift::drift(rounds).await?);
    }
    if wants(What::Serve) {
        show(&serve::serve(rows, rounds).await?);
    }
    if wants(What::Suite) {
        show(&suite::suite(rounds)?);
    }
    Ok(())
}

/// What the figures were measured on.
fn machine() -> String {
    let read = |path: &str, key: &str| {
        let text = fs_text(path);
        let line = text.lines().find(|it| it.starts_with(key)).and_then(|it| it.split_once(':')).map(|it| it.1.trim());
        line.unwrap_or("unknown").to_owned()
    };
    let (model, memory) = (read("/proc/cpuinfo", "model name"), read("/proc/meminfo", "MemTotal"));
    format!("{} cores of {model}, {memory} of memory, {}\n", cores(), std::env::consts::OS)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A file of the kernel's, or nothing where there is none.
fn fs_text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
