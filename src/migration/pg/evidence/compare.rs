//! Compares two bundles row by row: the one that was kept, and what the database gives now. Blocks.

use crate::migration::evidence::changes::{Changes, Part, compare_row};
use crate::migration::pg::evidence::bundle::{Bundle, BundleError};

/// Compares the rows of two bundles.
pub fn compare(kept: &Bundle, now: &Bundle) -> Result<Changes, BundleError> {
    let (mut kept, mut now) = (kept.rows()?, now.rows()?);
    let mut changes = Changes::default();
    let (mut one, mut other) = (kept.next()?, now.next()?);
    loop {
        match (&one, &other) {
            (None, None) => return Ok(changes),
            (Some((was, _)), is) if is.as_ref().is_none_or(|(is, _)| is.id > was.id) => {
                changes.add(was.id, Part::Row, was.state().as_str(), "not there");
                one = kept.next()?;
            }
            (was, Some((is, _))) if was.as_ref().is_none_or(|(was, _)| was.id > is.id) => {
                changes.add(is.id, Part::Row, "not there", is.state().as_str());
                other = now.next()?;
            }
            (Some(was), Some(is)) => {
                changes.rows += 1;
                compare_row(&mut changes, was, is);
                (one, other) = (kept.next()?, now.next()?);
            }
            // One of the guards above holds.
            _ => return Ok(changes),
        }
    }
}
