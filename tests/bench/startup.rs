//! From the exec of a program to its end, where it needs no server.

use std::process::Command;

use super::Result;
use super::measured::{Cost, MILLISECONDS, Measured, Table};
use super::program::{pad_migrate, programs, seconds};

/// How often each is started.
const TIMES: usize = 50;

/// What is started, by its name in the table.
type Start = (&'static str, Box<dyn Fn() -> Command>);

pub(super) fn start() -> Result<String> {
    let mut starts: Vec<Start> = vec![
        ("pad-migrate --version", Box::new(|| pad_migrate(&["--version"]))),
        ("pad-migrate completions bash", Box::new(|| pad_migrate(&["completions", "bash"]))),
    ];
    if let Some(psql) = programs("psql").next() {
        let version = move || {
            let mut command = Command::new(&psql);
            command.arg("--version");
            command
        };
        starts.push(("psql --version", Box::new(version)));
    }
    let mut measured = Measured::default();
    // The first time the program is read from the disk.
    for time in 0..=TIMES {
        for (name, command) in &starts {
            let seconds = seconds(&mut command(), 0)?;
            if time > 0 {
                measured.add(name, Cost::wall(seconds));
            }
        }
    }
    let mut table = Table::spreads();
    for (name, _) in &starts {
        table.walls(&measured, name, name, MILLISECONDS);
    }
    table.times(&measured, "pad-migrate --version", "psql --version");
    Ok(format!("\nFrom exec to the end, {TIMES} times in turn\n{table}"))
}
