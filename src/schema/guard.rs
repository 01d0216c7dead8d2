//! What may be sent for a change of the schema: the half of the guard that reads statements beforehand. Pure.
//!
//! A text is parsed, and its tree walked. Whatever would create, alter, drop, write, grant on or lock something
//! outside `padealing` is refused, and so is whatever isn't listed here or can't be parsed. Three rules do most of it:
//! a statement is of a kind that is listed (`kinds`); **a name in a tree is a target unless its place is listed as one
//! that only reads** (`names`); and a statement that names nothing in `padealing` is refused. What the text doesn't
//! say (that a table is a view, what an existing trigger or function does) is for the half that asks for locks before
//! COMMIT (`schema::pg::locks`).
//!
//! This holds for sessions with `search_path = pg_catalog` and `standard_conforming_strings = on`.

mod bodies;
mod calls;
mod check;
mod kinds;
mod names;
pub mod refusal;
pub mod scope;
pub(crate) mod tree;

use crate::schema::guard::check::{Calls, Guard, Place};
use crate::schema::guard::refusal::{HOLE, Refusal, refusal};
use crate::schema::guard::scope::Scope;

/// Checks every statement of a text.
pub fn check(sql: &str, scope: &Scope) -> Result<(), Refusal> {
    if sql.contains(['\0', HOLE]) {
        return Err(refusal(sql, "it has a character that no statement of pad-migrate has"));
    }
    Guard { scope, place: Place::Sent, calls: Calls::Listed }.text(sql)
}
