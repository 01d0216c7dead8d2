//! The dashboard in a real browser: what people and other sites' pages can do with it.
//!
//! `cargo test --test browser` runs these, and nothing else does: they need Chromium with its driver, and axe-core. What
//! is missing fails, and the failure says how to get it.
//!
//! - `site`: a server, a migrated database with odd rows, the built program.
//! - `window`: a browser.

mod attacked;
mod odd;
mod site;
mod used;
mod window;
