//! Evidence: bundles, what is found in them and in the database afterwards, proofs of rows; and that each opinion stands
//! alone.

mod bundle;
mod changes;
mod decided;
pub(crate) mod proof;
mod random;
mod view;
