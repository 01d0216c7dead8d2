//! What developers wait for: a test's database, and the suite.

use std::process::Command;
use std::time::Instant;

use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::request::Durability;

use super::Result;
use super::measured::{Cost, MILLISECONDS, Measured, SECONDS, Table};
use super::program::seconds;
use super::site::{apply_all, start};

/// Databases that are made to measure one.
const DATABASES: usize = 40;

/// A clone of a sealed template as large as the tests', until the first query on it is answered; one at a time, and
/// two.
pub(super) async fn database() -> Result<String> {
    let server = start(Durability::Memory, None).await?;
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
        Ok(ready.as_secs_f64())
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for number in 0..DATABASES {
        let name = |what: &str| server.database_name(&format!("{what}_{number}"));
        alone.push(one(name("alone")).await?);
        let (left, right) = tokio::join!(one(name("left")), one(name("right")));
        beside.extend([left?, right?]);
    }
    let mut table = Table::spreads();
    table.spread("one at a time", alone, MILLISECONDS);
    table.spread("two at a time", beside, MILLISECONDS);
    Ok(format!(
        "\nA test's database, cloned and connected to, PostgreSQL {}, {DATABASES} times\n{table}",
        server.version
    ))
}

/// The suite as developers run it, built beforehand.
pub(super) fn suite(rounds: u32) -> Result<String> {
    let mut measured = Measured::default();
    for round in 0..=rounds {
        for (name, arguments) in [("cargo test", ["test", "--locked"]), ("cargo nextest", ["nextest", "run"])] {
            let seconds = seconds(Command::new(env!("CARGO")).args(arguments), 0)?;
            // The first time it was built.
            if round > 0 {
                measured.add(name, Cost::wall(seconds));
            }
        }
    }
    let mut table = Table::spreads();
    for name in ["cargo test", "cargo nextest"] {
        table.walls(&measured, name, name, SECONDS);
    }
    Ok(format!("\nThe suite, {rounds} rounds in turn\n{table}"))
}
