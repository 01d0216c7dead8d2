//! What a bundle of evidence holds, and that each opinion in it stands alone.

pub(crate) mod proof;
mod view;
