//! What addresses of several lists have.

/// Why an address can't be read, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadQuery(pub String);

/// Which page of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// The first.
    #[default]
    Start,
    /// The one that begins after a row.
    After(i64),
    /// The one that ends before a row.
    Before(i64),
    /// What is found after the last row that was looked at, with more patience.
    Beyond(i64),
    /// What is found before it, with more patience.
    Ahead(i64),
}

impl At {
    /// Its name in an address, and the row.
    pub(super) fn printed(self) -> Option<(&'static str, i64)> {
        match self {
            Self::Start => None,
            Self::After(id) => Some(("after", id)),
            Self::Before(id) => Some(("before", id)),
            Self::Beyond(id) => Some(("beyond", id)),
            Self::Ahead(id) => Some(("ahead", id)),
        }
    }

    /// The row at the page's edge.
    pub(crate) fn row(self) -> Option<i64> {
        self.printed().map(|(_, id)| id)
    }

    /// Whether the page is read towards the first one.
    pub(crate) fn is_backwards(self) -> bool {
        matches!(self, Self::Before(_) | Self::Ahead(_))
    }
}

/// Which securities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// The one with this id in oracle_bloomberg.
    Id(i64),
    /// Requests that name none.
    None,
}
