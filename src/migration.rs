//! The migration of the rows: a legacy row, what it becomes, its way back, and a second opinion. Pure but for `pg`.

pub(crate) mod check;
pub(crate) mod columns;
pub(crate) mod copy_rows;
pub(crate) mod copy_text;
pub mod difference;
pub mod legacy;
pub mod lookups;
pub mod pg;
pub mod reconstruct;
pub mod rejection;
pub mod run;
pub mod sample;
pub(crate) mod stored;
pub mod target;
pub mod transform;
pub mod value;
pub mod verification;
