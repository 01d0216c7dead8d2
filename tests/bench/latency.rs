//! `migrate` and `verify` with the legacy table in another database: on this machine, and as far away as a round trip
//! of 20 ms.

use std::time::Instant;

use sqlx::{Connection, PgConnection};

use super::Result;
use super::delay::far;
use super::measured::{Cost, MILLISECONDS, Measured, Table};
use super::site::Site;

/// Round trips that are measured, so that one sees how far away it is.
const TRIPS: usize = 20;

const COMMANDS: [(&str, i32); 2] = [("migrate", 1), ("verify", 0)];

pub(super) async fn latency(rows: u64, rounds: u32) -> Result<String> {
    let mut site = Site::start(rows, None).await?;
    let local = site.database("source").await?;
    let sources = [("local", local.clone()), ("far", far(&local)?)];
    let mut measured = Measured::default();
    for (place, source) in &sources {
        round_trips(place, source, &mut measured).await?;
    }
    for round in 0..rounds as usize {
        for at in [round % 2, (round + 1) % 2] {
            let (place, source) = &sources[at];
            let target = site.database("target").await?;
            for (command, code) in COMMANDS {
                let cost = site.meter.program(&[command, "--source-url", source], &target, code).await?;
                measured.add(&format!("{command}, {place}"), cost);
            }
            site.drop("target").await?;
        }
    }
    let (mut costs, mut others) = (Table::costs(), Table::spreads());
    for (place, _) in &sources {
        others.walls(&measured, &trip(place), &trip(place), MILLISECONDS);
    }
    for (command, _) in COMMANDS {
        let [near, far] = ["local", "far"].map(|place| format!("{command}, {place}"));
        costs.cost(&measured, &near, &near);
        costs.cost(&measured, &far, &far);
        others.times(&measured, &far, &near);
    }
    let (generator, version) = (site.generator, &site.server.version);
    Ok(format!(
        "\nA source in another database, {generator}, PostgreSQL {version}, fsync on, {rounds} rounds in turn\n\
         {costs}{others}"
    ))
}

fn trip(place: &str) -> String {
    format!("select 1, {place}")
}

async fn round_trips(place: &str, source: &str, measured: &mut Measured) -> Result<()> {
    let mut connection = PgConnection::connect(source).await?;
    for _ in 0..TRIPS {
        let since = Instant::now();
        sqlx::raw_sql("select 1").execute(&mut connection).await?;
        measured.add(&trip(place), Cost::wall(since.elapsed().as_secs_f64()));
    }
    Ok(connection.close().await?)
}
