//! The parts of a document. Each function makes one, from what a command has found.

pub(super) mod checks;
pub(super) mod decisions;
pub(super) mod ends;
pub(super) mod issues;
pub(super) mod rejections;
pub(super) mod rows;
pub(super) mod runs;
pub(super) mod schema;
