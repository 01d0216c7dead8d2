//! `migrate`, `verify` and the copy floor on two versions of PostgreSQL.

use super::Result;
use super::copy::{Afterwards, Ready};
use super::measured::{Measured, Table};
use super::site::Site;

/// The environment's version against another.
pub(super) async fn versions(rows: u64, rounds: u32, against: &str) -> Result<String> {
    let mut sites = [Site::start(rows, None).await?, Site::start(rows, Some(against)).await?];
    if sites[0].server.version == sites[1].server.version {
        let version = &sites[0].server.version;
        return Err(
            format!("both servers are PostgreSQL {version}; PAD_POSTGRES_VERSION says which is compared").into()
        );
    }
    let mut measured = Measured::default();
    for round in 0..rounds as usize {
        for at in [round % 2, (round + 1) % 2] {
            cutover(&mut sites[at], &mut measured).await?;
        }
    }
    let [site, other] = &sites;
    let (mut costs, mut ratios) = (Table::costs(), Table::spreads());
    for what in ["migrate", "verify", "copy"] {
        let [one, two] = [site, other].map(|site| name(what, site));
        costs.cost(&measured, &one, &one);
        costs.cost(&measured, &two, &two);
        ratios.times(&measured, &two, &one);
    }
    let generator = site.generator;
    Ok(format!("\nTwo versions, {generator}, fsync on, {rounds} rounds in turn\n{costs}{ratios}"))
}

fn name(what: &str, site: &Site) -> String {
    format!("{what} on {}", site.server.version)
}

async fn cutover(site: &mut Site, measured: &mut Measured) -> Result<()> {
    let migrated = site.database("migrated").await?;
    for (command, code) in [("migrate", 1), ("verify", 0)] {
        measured.add(&name(command, site), site.meter.program(&[command], &migrated, code).await?);
    }
    let ready = Ready::export(&migrated, Afterwards::Emptied).await?;
    let copied = site.database("copied").await?;
    measured.add(&name("copy", site), site.meter.bench(ready.load(&copied)).await?);
    site.drop("copied").await?;
    site.drop("migrated").await
}
