//! The legacy table as a CSV file: bytes to records, files that programs write and what goes wrong with them, and rows
//! that become what the table's rows become.

mod files;
mod formats;
mod proofs;
mod readings;
mod records;
mod rows;

pub(crate) use rows::export;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pad_migrate::migration::csv::declared::Declared;
use pad_migrate::migration::csv::error::CsvError;
use pad_migrate::migration::csv::file::prove;
use pad_migrate::migration::csv::proved::ProvedCsv;
use pad_migrate::migration::legacy::LegacyColumn;

/// A file that is in order.
pub(crate) const EXPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/csv/dbeaver.csv");

/// The folder of files as programs write them.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/csv").join(name)
}

fn prove_file(path: &Path, declared: &Declared) -> Result<ProvedCsv, CsvError> {
    prove(path, declared, &AtomicBool::new(false))
}

/// The text of a file with a value in some columns of each row, and nothing in the others.
fn csv_text(rows: &[&[(&str, &str)]]) -> String {
    let names: Vec<&str> = LegacyColumn::ALL.iter().map(|it| it.name()).collect();
    let mut text = names.join(",") + "\n";
    for row in rows {
        let cell = |name: &&str| row.iter().find(|(column, _)| column == name).map_or("", |(_, value)| value);
        text += &(names.iter().map(cell).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

/// What is proved of a file with this content.
fn prove_bytes(name: &str, bytes: &[u8], declared: &Declared) -> Result<ProvedCsv, String> {
    let dir = tempfile::tempdir().expect("a directory is made");
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).expect("the file is written");
    prove_file(&path, declared).map_err(|error| pad_migrate::base::text::sentence(&error))
}
