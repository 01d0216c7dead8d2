//! The legacy table as an export of the Oracle table: a CSV file (`docs/csv.md` explains it).
//!
//! A file has no types, and programs that write CSV differ in all that matters, so nothing is guessed by value. The file
//! is read twice. The first time ([`prove`]) every record is looked at: what is declared by a flag must hold, and of what
//! is not declared exactly one reading must be left over. Only then are rows read ([`layout`]), by what was proved, and
//! each block of the file must be the one that was proved ([`file`]).

pub mod alarm;
pub mod date;
pub mod declared;
pub mod encoding;
pub mod error;
pub mod facts;
pub mod file;
pub mod header;
pub mod layout;
pub mod null;
pub(crate) mod nulls;
pub mod number;
pub mod prove;
pub mod proved;
pub mod race;
pub(crate) mod reading;
pub mod record;
pub(crate) mod spreadsheet;
pub mod sum;
pub mod summary;
pub(crate) mod watch;
