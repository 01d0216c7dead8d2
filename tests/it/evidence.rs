//! Evidence: bundles, what is found in them and in the database afterwards, and proofs of rows.

mod bundle;
mod changes;
