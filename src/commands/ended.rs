//! How a command ends.

use crate::base::outcome::Verdict;

/// What a command could not do; the sources say why.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// How a command ends that could do its work.
pub(crate) type Ended = Result<Verdict, Failure>;
