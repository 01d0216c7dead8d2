//! A cutover from `migrate` to `rollback`, and its yardsticks, on one size of the legacy table after another.

use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use tempfile::NamedTempFile;

use super::copy::{Afterwards, Ready};
use super::measured::{Measured, Table};
use super::meter::Client;
use super::oracle::Stored;
use super::shares::shares;
use super::site::Site;
use super::{Arguments, Result, What, copy, cores, delete, evidence, floor, show};

const YARDSTICK: &str = include_str!("yardstick.sql");

/// What needs a cutover.
pub(super) const PARTS: [What; 6] =
    [What::Migrate, What::Verify, What::Evidence, What::Csv, What::Integrity, What::Rollback];

/// What is run, in the order of the table, and what it is called there.
const RUNS: [(&str, &str); 11] = [
    ("yardstick", "yardstick, set-based SQL"),
    ("copy", "copy, ready-made rows on two connections"),
    ("migrate", "migrate, default flags"),
    ("verify", "verify, default flags"),
    ("its floor", "floor of verify, COPY of what it reads on every core"),
    ("evidence", "verify --evidence"),
    ("proof", "proof.sql of that"),
    ("migrate from CSV", "migrate from a CSV file"),
    ("integrity", "integrity, every check"),
    ("rollback", "rollback of all of it"),
    ("delete", "delete, by sets on two connections"),
];

/// What is compared with what.
const RATIOS: [(&str, &str); 8] = [
    ("migrate", "yardstick"),
    ("migrate", "copy"),
    ("verify", "migrate"),
    ("verify", "its floor"),
    ("proof", "verify"),
    ("migrate from CSV", "migrate"),
    ("rollback", "migrate"),
    ("rollback", "delete"),
];

/// What is wanted of it. Rows are migrated in any case.
#[derive(Clone, Copy)]
struct Wanted {
    /// The migration and its proof, with their yardsticks.
    moved: bool,
    evidence: bool,
    integrity: bool,
    csv: bool,
    rollback: bool,
}

/// One size of the legacy table.
struct Cutover {
    site: Site,
    wanted: Wanted,
    /// The legacy table as a file, where that is migrated.
    csv: Option<NamedTempFile>,
    measured: Measured,
}

/// Measures what is wanted at every size, and at the end compares the sizes.
pub(super) async fn cutover(arguments: &Arguments) -> Result<()> {
    let wanted = Wanted {
        moved: arguments.wants(What::Migrate) || arguments.wants(What::Verify),
        evidence: arguments.wants(What::Evidence),
        integrity: arguments.wants(What::Integrity),
        csv: arguments.wants(What::Csv),
        rollback: arguments.wants(What::Rollback),
    };
    let mut sizes = Vec::new();
    for &rows in &arguments.rows {
        let mut cutover = Cutover::start(rows, wanted).await?;
        for round in 0..arguments.rounds {
            cutover.round(round).await?;
        }
        show(&cutover.report(arguments.rounds));
        sizes.push((rows, cutover.measured));
    }
    show(&speeds(&sizes));
    Ok(())
}

impl Cutover {
    async fn start(rows: u64, wanted: Wanted) -> Result<Self> {
        let site = Site::start(rows, None).await?;
        let mut csv = None;
        if wanted.csv {
            let file = NamedTempFile::new()?;
            copy::export_csv(&site.url("template"), file.path()).await?;
            csv = Some(file);
        }
        Ok(Self { site, wanted, csv, measured: Measured::default() })
    }

    /// Each database is there only as long as it is needed: at some sizes a disk has no room for two that are migrated.
    async fn round(&mut self, round: u32) -> Result<()> {
        let mut yardstick = self.yardstick().await?;
        let migrated = self.site.database("migrated").await?;
        // Rows are rejected, as they should be.
        self.program("migrate", &["migrate"], &migrated, 1).await?;
        self.verify(&migrated, round.is_multiple_of(2)).await?;
        if self.wanted.integrity {
            self.program("integrity", &["integrity"], &migrated, 0).await?;
        }
        if let Some(yardstick) = &mut yardstick {
            yardstick.compare(&migrated).await?;
        }
        let mut ready = None;
        if self.wanted.moved || self.wanted.rollback {
            let afterwards = if self.wanted.rollback { Afterwards::Kept } else { Afterwards::Emptied };
            ready = Some(Ready::export(&migrated, afterwards).await?);
        }
        if self.wanted.rollback {
            self.program("rollback", &["rollback", "--yes"], &migrated, 0).await?;
        }
        self.site.drop("migrated").await?;
        if let Some(ready) = ready {
            self.copy(ready).await?;
        }
        self.csv(yardstick).await
    }

    async fn program(&mut self, name: &str, command: &[&str], url: &str, code: i32) -> Result<()> {
        let cost = self.site.meter.program(command, url, code).await?;
        self.measured.add(name, cost);
        Ok(())
    }

    async fn yardstick(&mut self) -> Result<Option<Stored>> {
        if !self.wanted.moved {
            return Ok(None);
        }
        let url = self.site.database("yardstick").await?;
        let database = EphemeralDatabase::at(&url)?;
        let work = async { Ok(admin::execute(&database, YARDSTICK).await?) };
        self.measured.add("yardstick", self.site.meter.bench(work).await?);
        let stored = Stored::of(&url).await?;
        self.site.drop("yardstick").await?;
        Ok(Some(stored))
    }

    /// The first that reads new rows also writes which of them are committed; which one that is changes with the round.
    async fn verify(&mut self, migrated: &str, is_first: bool) -> Result<()> {
        for is_ours in [is_first, !is_first] {
            if is_ours && (self.wanted.moved || self.wanted.evidence) {
                self.program("verify", &["verify"], migrated, 0).await?;
            } else if !is_ours && self.wanted.moved {
                let shares = shares(migrated, cores()).await?;
                self.measured.add("its floor", self.site.meter.bench(floor::read(migrated, &shares)).await?);
            }
        }
        if self.wanted.evidence {
            let folder = tempfile::tempdir()?;
            let bundle = folder.path().join("evidence");
            self.program("evidence", &["verify", "--evidence", &bundle.display().to_string()], migrated, 0).await?;
            let prove = async { evidence::prove(migrated, &bundle) };
            let (cost, ()) = self.site.meter.time(Client::Program, prove).await?;
            self.measured.add("proof", cost);
        }
        Ok(())
    }

    /// The floors of a migration and of a rollback.
    async fn copy(&mut self, ready: Ready) -> Result<()> {
        let url = self.site.database("copied").await?;
        self.measured.add("copy", self.site.meter.bench(ready.load(&url)).await?);
        if self.wanted.rollback {
            delete::analyze(&url).await?;
            let halves = shares(&url, 2).await?;
            self.measured.add("delete", self.site.meter.bench(delete::delete(&url, &halves)).await?);
            delete::check(&url).await?;
        }
        self.site.drop("copied").await
    }

    async fn csv(&mut self, yardstick: Option<Stored>) -> Result<()> {
        let Some(file) = &self.csv else { return Ok(()) };
        let path = file.path().display().to_string();
        let url = self.site.database("csv").await?;
        let command = ["migrate", "--source-csv", &path, "--csv-null", "unquoted"];
        self.program("migrate from CSV", &command, &url, 1).await?;
        if let Some(mut yardstick) = yardstick {
            yardstick.compare(&url).await?;
        }
        self.site.drop("csv").await
    }

    fn report(&self, rounds: u32) -> String {
        let (mut costs, mut others) = (Table::costs(), Table::spreads());
        for (name, label) in RUNS {
            costs.cost(&self.measured, name, label);
        }
        for (one, other) in RATIOS {
            others.times(&self.measured, one, other);
        }
        for (name, _) in RUNS {
            others.peak(&self.measured, name);
        }
        let proved = match self.wanted.moved {
            true => "; what the yardstick stored and what migrate stored were the same, row by row",
            false => "",
        };
        let (generator, version) = (self.site.generator, &self.site.server.version);
        format!(
            "\n{generator}, PostgreSQL {version}, fsync on, {rounds} rounds in turn, {} cores{proved}\n{costs}{others}",
            cores()
        )
    }
}

/// Rows per second by the median, and how they change with the size.
fn speeds(sizes: &[(u64, Measured)]) -> String {
    let mut table = Table::new(&["rows", "rows per second", "times the first"]);
    for name in ["migrate", "verify"] {
        let speeds = sizes.iter().filter_map(|(rows, measured)| Some((*rows, *rows as f64 / measured.seconds(name)?)));
        let speeds: Vec<(u64, f64)> = speeds.collect();
        for (rows, speed) in &speeds {
            let times = speed / speeds[0].1;
            table.row(name, vec![rows.to_string(), format!("{speed:.0}"), format!("{times:.2}")]);
        }
    }
    table.to_string()
}
