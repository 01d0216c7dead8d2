//! The migration of the rows: what a legacy row becomes, how it is restored from that, and a second opinion. Pure but
//! for [`pg`].
//!
//! The path of a row: [`pg::reader`] reads pages, [`pg::worker`] looks up what they refer to ([`lookups`]) and calls
//! [`transform`], and [`pg::write`] sends the [`target`] rows to Postgres, as declared in [`columns`] and encoded by
//! [`copy_rows`].
//! Afterwards [`pg::verify`] reads source and target side by side, and [`check`] compares them.
//!
//! Where a decision (D1–D23, `docs/field-mapping.md`) is made: the table in [`transform`].
//!
//! For a new column of the legacy table, these must change, in this order:
//!
//! 1. [`legacy`]: the column, its name and kind.
//! 2. [`target`] and [`columns`]: the field and the written column, if the value gets a column of its own. The column
//!    itself comes with a revision in `migrations/`.
//! 3. [`transform`]: the decision, and `transform/residual.rs` for what the typed column doesn't give back.
//! 4. [`reconstruct`]: the default inverse, written without looking at the transform.
//! 5. [`stored`] and [`check`]: what must be stored, likewise; and once more in SQL: `proof/rules.sql`,
//!    `proof/fields.rs`, `proof/rebuild.rs`.
//! 6. `harness/generate/columns.rs`: what the column can hold; `fixtures/legacy/table.sql` and a case in
//!    `fixtures/legacy/cases`; `tests/bench/yardstick.sql`.
//! 7. `docs/field-mapping.md`.
//!
//! A column that the legacy table has and this list doesn't is kept in the residual as it is (D20), so none of this is
//! needed for nothing to be lost.

pub mod accounting;
pub mod causes;
pub(crate) mod check;
pub mod clean;
pub(crate) mod columns;
pub mod control_totals;
pub(crate) mod copy_rows;
pub(crate) mod copy_text;
pub mod csv;
pub mod decision;
pub mod destination;
pub mod difference;
pub(crate) mod effects;
pub mod evidence;
pub mod groups;
pub mod identity;
pub mod ids;
pub mod legacy;
pub mod lookups;
pub(crate) mod needs;
pub mod pg;
pub mod phases;
pub(crate) mod printed;
pub mod proof;
pub mod reconstruct;
pub mod recorded;
pub mod refusal;
pub mod rejection;
pub mod rollback;
pub mod run;
pub mod sample;
pub mod standing;
pub(crate) mod stored;
pub mod target;
pub mod text;
pub mod traits;
pub mod transform;
pub mod value;
pub mod verification;
