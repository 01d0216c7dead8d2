//! What else would be used, on the same rows in the same run: a script that goes row by row; pgloader and pgcopydb,
//! which copy the legacy table and change nothing in it; to compare it with what was migrated, reladiff, and EXCEPT.
//!
//! Two columns are made such as all of them can read: pgloader takes no quotation mark in a name, reladiff no infinity.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use pad_migrate::base::escape::{cell, markdown};
use pad_migrate::base::version::major;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use sqlx::{Connection, PgConnection};

use super::Result;
use super::address::Address;
use super::measured::{Cost, Measured, Table};
use super::meter::Client;
use super::program::{pad_migrate, programs};
use super::site::Site;

const ROW_BY_ROW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/row_by_row.py");

const PLAIN: &str = "alter table public.personal_account_dealing rename \"Legacy \"\"Ref\"\"\" to legacy_ref; \
    alter table public.personal_account_dealing alter score type text";

/// What is left of a copy of the template is the legacy table.
const ALONE: &str = "drop schema padealing, bo_airflow cascade";

/// The view that `evidence legacy-view` prints, as a table.
const AS_TABLE: &str = "create table public.as_it_was as select * from public.personal_account_dealing_as_it_was; \
    alter table public.as_it_was add primary key (id)";

/// Rows that only one has, and those that only the other has.
const EXCEPT: [&str; 2] = [
    "select count(*)::text from (select * from public.personal_account_dealing \
     except select * from public.personal_account_dealing_as_it_was) only_here",
    "select count(*)::text from (select * from public.personal_account_dealing_as_it_was \
     except select * from public.personal_account_dealing) only_here",
];

/// Rows of each table that is written.
const STORED: &str = "select concat_ws(' ', (select count(*) from padealing.pad_request), \
    (select count(*) from padealing.pad_approval), (select count(*) from padealing.pad_execution), \
    (select count(*) from padealing.audit_log), (select count(*) from padealing.migration_mapping))";

const LEGACY: &str = "select count(*)::text from public.personal_account_dealing";
const REQUESTS: &str = "select count(*)::text from padealing.pad_request";

/// What is run, and what it is called in the table.
const RUNS: [(&str, &str); 8] = [
    ("migrate", "migrate, default flags"),
    ("row by row", "row by row, Python with psycopg"),
    ("pgloader", "pgloader, a copy of the legacy table"),
    ("pgcopydb", "pgcopydb clone, a copy of the legacy table"),
    ("verify", "verify, default flags"),
    ("a table", "the legacy view as a table, for reladiff"),
    ("reladiff", "reladiff, the legacy table against that"),
    ("EXCEPT", "EXCEPT both ways, the legacy table and its view"),
];

const RATIOS: [(&str, &str); 5] = [
    ("migrate", "row by row"),
    ("migrate", "pgloader"),
    ("migrate", "pgcopydb"),
    ("verify", "reladiff"),
    ("verify", "EXCEPT"),
];

struct Peers {
    site: Site,
    measured: Measured,
    /// Why others were not.
    missing: BTreeMap<&'static str, String>,
}

pub(super) async fn peers(rows: u64, rounds: u32) -> Result<String> {
    let site = Site::start(rows, None).await?;
    let template = EphemeralDatabase::at(&site.url("template"))?;
    admin::execute(&template, PLAIN).await?;
    admin::execute(&template, "vacuum analyze").await?;
    let mut peers = Peers { site, measured: Measured::default(), missing: BTreeMap::new() };
    for _ in 0..rounds {
        let migrated = peers.site.database("migrated").await?;
        peers.run("migrate", &migrated, 1).await?;
        peers.row_by_row(&migrated).await?;
        peers.copies().await?;
        peers.run("verify", &migrated, 0).await?;
        peers.comparisons(&migrated).await?;
        peers.site.drop("migrated").await?;
    }
    Ok(peers.report(rounds))
}

impl Peers {
    async fn run(&mut self, name: &str, url: &str, code: i32) -> Result<()> {
        let cost = self.site.meter.program(&[name], url, code).await?;
        self.measured.add(name, cost);
        Ok(())
    }

    /// The script has to store as many rows as `migrate`, in each table.
    async fn row_by_row(&mut self, migrated: &str) -> Result<()> {
        let has_driver = |python: &Path| {
            let tried = Command::new(python).args(["-c", "import psycopg"]).stderr(Stdio::null()).status();
            tried.is_ok_and(|ended| ended.success())
        };
        let url = self.site.database("row_by_row").await?;
        let python = programs("python3").find(|python| has_driver(python));
        let command = python.map(|python| command(&python, &[ROW_BY_ROW, &url]));
        if let Some((cost, _)) = self.other("row by row", command).await? {
            let [expected, stored] = [value(migrated, STORED).await?, value(&url, STORED).await?];
            if expected != stored {
                return Err(format!("row by row stored {stored} rows, and migrate {expected}").into());
            }
            self.measured.add("row by row", cost);
        }
        self.site.drop("row_by_row").await
    }

    async fn copies(&mut self) -> Result<()> {
        let source = self.site.database("source").await?;
        admin::execute(&EphemeralDatabase::at(&source)?, ALONE).await?;
        for name in ["pgloader", "pgcopydb"] {
            let copy = self.site.empty("copy").await?;
            let folder = tempfile::tempdir()?;
            let program = programs(name).next();
            let command = match name {
                "pgloader" => {
                    let [from, to] = [Address::of(&source)?, Address::of(&copy)?].map(|it| it.for_pgloader());
                    program.map(|it| command(&it, &["--root-dir", &folder.path().display().to_string(), &from, &to]))
                }
                _ => program.map(|it| self.pgcopydb(&it, &source, &copy, &folder.path().join("work"))),
            };
            if let Some((cost, _)) = self.other(name, command).await? {
                // Without the table there is no number.
                let copied = value(&copy, LEGACY).await.unwrap_or_default();
                self.judge(name, cost, copied == value(&source, LEGACY).await?);
            }
            self.site.drop("copy").await?;
        }
        self.site.drop("source").await
    }

    /// It runs pg_dump and pg_restore, which have to be the server's; and when it fails, it ends its process group.
    fn pgcopydb(&self, program: &Path, source: &str, target: &str, folder: &Path) -> Command {
        let folder = folder.display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = command(program, &["clone", "--dir", &folder, "--source", source, "--target", target]);
        let programs = format!("/usr/lib/postgresql/{}/bin", major(&self.site.server.version));
        command.env("PATH", format!("{programs}:{path}")).process_group(0);
        command
    }

    /// The rows that were rejected are in the legacy table only; nothing else differs.
    async fn comparisons(&mut self, migrated: &str) -> Result<()> {
        let database = EphemeralDatabase::at(migrated)?;
        let view = pad_migrate(&["evidence", "legacy-view", "-q", "--database-url", migrated])
            .stdout(Stdio::piped())
            .output()?;
        admin::execute(&database, std::str::from_utf8(&view.stdout)?).await?;
        let work = async { Ok(admin::execute(&database, AS_TABLE).await?) };
        self.measured.add("a table", self.site.meter.bench(work).await?);
        let [legacy, requests] = [value(migrated, LEGACY).await?, value(migrated, REQUESTS).await?];
        let rejected = legacy.parse::<u64>()? - requests.parse::<u64>()?;
        let url = Address::of(migrated)?.for_reladiff();
        let arguments = [url.as_str(), "personal_account_dealing", "as_it_was", "-k", "id", "-c", "%", "--stats"];
        let reladiff = programs("reladiff").next().map(|program| command(&program, &arguments));
        if let Some((cost, said)) = self.other("reladiff", reladiff).await? {
            let wanted = [format!("{rejected} rows exclusive to table A"), format!("{requests} rows unchanged")];
            self.judge("reladiff", cost, wanted.iter().all(|wanted| said.lines().any(|line| line.starts_with(wanted))));
        }
        let work = async { Ok([value(migrated, EXCEPT[0]).await?, value(migrated, EXCEPT[1]).await?]) };
        let (cost, found) = self.site.meter.time(Client::Bench, work).await?;
        if found != [rejected.to_string(), "0".to_owned()] {
            return Err(format!("EXCEPT found {found:?} rows, and {rejected} and 0 were expected").into());
        }
        self.measured.add("EXCEPT", cost);
        Ok(())
    }

    /// What another program took and printed; nothing, if it isn't here or fails.
    async fn other(&mut self, name: &'static str, command: Option<Command>) -> Result<Option<(Cost, String)>> {
        let Some(mut command) = command else {
            self.missing.insert(name, "it isn't on this machine".to_owned());
            return Ok(None);
        };
        let work = async { Ok(command.stdin(Stdio::null()).output()?) };
        let (cost, output) = self.site.meter.time(Client::Program, work).await?;
        let [printed, complained] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
        if output.status.success() {
            return Ok(Some((cost, printed)));
        }
        let last = complained.lines().next_back().unwrap_or_default();
        self.missing.insert(name, format!("it ended with {}: {last}", output.status));
        Ok(None)
    }

    fn judge(&mut self, name: &'static str, cost: Cost, is_right: bool) {
        if is_right {
            self.measured.add(name, cost);
        } else {
            self.missing.insert(name, "its result was another".to_owned());
        }
    }

    fn report(&self, rounds: u32) -> String {
        let (mut costs, mut ratios) = (Table::costs(), Table::spreads());
        for (name, label) in RUNS {
            costs.cost(&self.measured, name, label);
            if let Some(reason) = self.missing.get(name) {
                costs.row(label, vec![format!("not measured: {}", markdown(&cell(reason)))]);
            }
        }
        for (one, other) in RATIOS {
            ratios.times(&self.measured, one, other);
        }
        let (generator, version) = (self.site.generator, &self.site.server.version);
        format!("\nPeers, {generator}, PostgreSQL {version}, fsync on, {rounds} rounds in turn\n{costs}{ratios}")
    }
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

async fn value(url: &str, sql: &'static str) -> Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    let value = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(value)
}
