//! Evidence: hashes of rows, folded into roots, by which anybody can check years later that every row is there and is
//! what it was. The format is in `docs/evidence.md`; nothing but SHA-256 of text is needed to follow it.
//!
//! A row's text ([`text`]) has a hash; what became of the row makes a leaf of it ([`entry`]); leaves in the order of their
//! ids are folded into a root ([`tree`]).

pub mod changes;
pub mod decisions;
pub mod entry;
pub(crate) mod folding;
pub mod manifest;
pub mod names;
pub(crate) mod one_row;
pub mod proof_of_row;
pub(crate) mod text;
pub mod tree;
