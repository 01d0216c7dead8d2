//! `proof.sql` of an evidence bundle: a third opinion that needs psql and nothing of this program.
//!
//! Pure: what is here writes SQL. The script reads the tables itself, turns what is stored back into the legacy rows,
//! and judges by the decisions D1–D23 what `verify` judges. The rules in `proof/rules.sql` are written from their text
//! once more: neither the transform nor [`crate::migration::check`] has a part in them. Reconstruction is the view's,
//! too.
//!
//! - `facts`: what it is made for.
//! - `text`: the text of a row that is hashed (format 1), and SQL of values and names.
//! - `typed`: what the text of a legacy column means. `rules.sql`: what must be stored for a legacy row.
//! - `rebuild`: the legacy row from what is stored (D20).
//! - `rows`: the rows of both sides with their hashes. `tree`: roots of hashes, and among which rows they differ.
//! - `details`: which column of which row is wrong. `strays`: rows that lineage doesn't explain.
//! - `script`: the script that psql runs. `view`: the legacy table as a view.

mod details;
pub mod facts;
mod fields;
mod rebuild;
mod rows;
pub mod script;
mod strays;
mod text;
mod tree;
mod typed;
pub mod view;
