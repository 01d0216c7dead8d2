//! Who is answered, with which limits, and what the answer is.
//!
//! The dashboard shows an operator's rights to any page of their browser that can reach it, unless it looks who asks: a
//! page of another site sends requests here, too, with the cookie or without (cross-site requests), and a name that
//! resolves to this machine makes them look like its own (DNS rebinding). `guard` refuses both.

mod answer;
mod export;
mod guard;
mod job;
pub mod options;
mod routes;
pub mod server;
