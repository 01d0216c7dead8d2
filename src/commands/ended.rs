//! How a command ends.

use crate::base::outcome::Verdict;

/// Why a command could not do its work.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The result of a command: its verdict, or why it failed.
pub(crate) type Ended = Result<Verdict, Failure>;

/// What is said of a command that was interrupted before it changed anything.
pub(crate) const UNCHANGED: &str = "interrupted. Nothing was changed.";
