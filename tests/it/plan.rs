//! Plans: what they say, that they lead where they should, and that nothing is half done whatever happens on the way.

mod adoption;
mod apply;
mod cases;
mod concurrency;
mod foreseen;
mod hash;
mod killed;
mod laws;
mod output;
mod pairs;
mod read;
mod route;
mod tolerated;

pub(crate) use killed::accepts_again;
