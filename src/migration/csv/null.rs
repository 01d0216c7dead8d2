//! What stands for NULL in a CSV file.

use std::borrow::Cow;
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
    /// A word within quotation marks, such as `"(null)"`, of a program that quotes everything.
    Quoted(String),
}

impl FromStr for Null {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let quoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        Ok(match (text, quoted) {
            ("empty", _) => Self::Empty,
            ("unquoted", _) => Self::Unquoted,
            (_, Some(word)) => Self::Quoted(word.to_owned()),
            (word, None) => Self::Word(word.to_owned()),
        })
    }
}

impl Null {
    /// As it is declared.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => "empty".into(),
            Self::Unquoted => "unquoted".into(),
            Self::Word(word) => word.into(),
            Self::Quoted(word) => format!("\"{word}\"").into(),
        }
    }

    /// Whether a value is NULL.
    pub fn is(&self, text: &str, quoted: bool) -> bool {
        match self {
            Self::Empty => text.is_empty(),
            Self::Unquoted => text.is_empty() && !quoted,
            Self::Word(word) => !quoted && text == word,
            Self::Quoted(word) => quoted && text == word,
        }
    }
}

/// A word that programs write for NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NullWord {
    /// Few people write it.
    Marker,
    /// It is a word of texts too.
    Ordinary,
}

/// What to do about a value that is none of its column's, where it may stand for NULL.
pub(crate) fn undeclared_null(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("--csv-null names words only: say --csv-null empty too if a value without anything is NULL");
    }
    null_word(text).map(|_| {
        "if it stands for NULL, say so with --csv-null; a word that has quotation marks in the file is given with them, as in \
         --csv-null '\"(null)\"'"
    })
}

/// What SQL*Plus and SQL Developer write as they are set, DBeaver, MySQL, psql as it is set, spreadsheets, and pandas.
const MARKERS: [&str; 12] =
    ["\\n", "null", "nan", "-nan", "nat", "<na>", "#n/a", "#na", "#n/a n/a", "1.#qnan", "-1.#ind", "1.#ind"];
const ORDINARY: [&str; 4] = ["none", "na", "n/a", "nil"];

/// Whether a value is a word that programs write for NULL, in any case, also between brackets.
pub(crate) fn null_word(text: &str) -> Option<NullWord> {
    let begins =
        matches!(text.as_bytes().first()?, b'\\' | b'n' | b'N' | b'(' | b'[' | b'<' | b'{' | b'#' | b'-' | b'1');
    if !begins || !(2..=8).contains(&text.len()) {
        return None;
    }
    let is_among = |words: &[&str], text: &str| words.iter().any(|it| it.eq_ignore_ascii_case(text));
    let brackets = [('(', ')'), ('[', ']'), ('<', '>'), ('{', '}')];
    let inner = brackets.iter().find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
    match inner {
        Some(inner) if is_among(&MARKERS, inner) || is_among(&ORDINARY, inner) => Some(NullWord::Marker),
        _ if is_among(&MARKERS, text) => Some(NullWord::Marker),
        _ => is_among(&ORDINARY, text).then_some(NullWord::Ordinary),
    }
}
