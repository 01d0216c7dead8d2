//! The parts that roles have.

/// What a role is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The connected role.
    Connected,
    /// DB_OWNER_ROLE.
    Owner,
    /// DB_APP_ROLE.
    App,
    /// DB_READER_ROLE.
    Reader,
}

impl Part {
    /// In messages.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Owner => "owner",
            Self::App => "app",
            Self::Reader => "reader",
        }
    }
}
