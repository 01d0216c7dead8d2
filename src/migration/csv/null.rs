//! What stands for NULL in a CSV file.

use std::convert::Infallible;
use std::str::FromStr;

/// A spelling of NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Null {
    /// A value without anything, with quotation marks or without: to Oracle an empty text is NULL.
    Empty,
    /// A value without anything and without quotation marks: `""` is then an empty text, as in Postgres's CSV.
    Unquoted,
    /// A word without quotation marks, such as `\N`.
    Word(String),
}

impl FromStr for Null {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "empty" => Self::Empty,
            "unquoted" => Self::Unquoted,
            word => Self::Word(word.to_owned()),
        })
    }
}

impl Null {
    /// As it is declared.
    pub fn name(&self) -> &str {
        match self {
            Self::Empty => "empty",
            Self::Unquoted => "unquoted",
            Self::Word(word) => word,
        }
    }

    /// Whether a value is NULL.
    pub fn is(&self, text: &str, quoted: bool) -> bool {
        match self {
            Self::Empty => text.is_empty(),
            Self::Unquoted => text.is_empty() && !quoted,
            Self::Word(word) => !quoted && text == word,
        }
    }
}

/// Words that programs write for NULL: SQL*Plus and SQL Developer as they are set, DBeaver, MySQL, psql as it is set.
pub const NULL_WORDS: [&str; 7] = ["\\N", "(null)", "NULL", "null", "[NULL]", "<null>", "#N/A"];
