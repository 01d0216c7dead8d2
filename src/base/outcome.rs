//! How a command ended, for its exit code and its JSON.

/// Whether a result needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing does.
    Clean,
    /// Something does.
    Attention,
}

impl Verdict {
    /// `Clean` if the condition holds.
    pub(crate) fn clean_if(condition: bool) -> Self {
        if condition { Self::Clean } else { Self::Attention }
    }

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Attention => "attention",
        }
    }
}
