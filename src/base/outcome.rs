//! How a command ended, for its exit code and its JSON.

/// Whether a person must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to look at.
    Clean,
    /// A person must look.
    Attention,
}

impl Verdict {
    /// `Clean` if the condition holds.
    pub fn clean_if(condition: bool) -> Self {
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
