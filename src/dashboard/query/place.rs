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
}

/// Which securities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// The one with this id in oracle_bloomberg.
    Id(i64),
    /// Requests that name none.
    None,
}
