//! Plans: what they say, that they lead where they should, and that nothing is half done whatever happens on the way.

mod apply;
mod cases;
mod killed;
mod laws;
mod output;
mod route;
