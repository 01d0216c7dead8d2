//! Flags of the commands that can generate legacy rows.

use crate::commands::global::parse_count;
use crate::harness::generate::{Generator, MOST_ROWS};

/// Generated legacy rows, and which.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Generated {
    /// Generate this many legacy rows instead of using the fixtures; about one in a hundred must be rejected
    #[arg(long, value_name = "N", value_parser = parse_count::<1, MOST_ROWS>)]
    rows: Option<usize>,
    /// Seed of the generated rows; the same seed gives the same rows [default: 1]
    #[arg(long, value_name = "S", requires = "rows")]
    seed: Option<u64>,
}

impl Generated {
    /// What makes the rows, if some are wanted.
    pub(crate) fn generator(self) -> Option<Generator> {
        self.rows.map(|rows| Generator { rows: rows as u64, seed: self.seed.unwrap_or(1) })
    }
}
