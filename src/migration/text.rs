//! Texts of the source and the target, to be looked at or to be kept; and those that are too long to be held.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::base::text::hex;

/// A text of the source or the target, held elsewhere. Equal texts are equal whichever way each is held.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// The text itself.
    Plain(&'a str),
    /// A text too long to be held in memory, known by what the server says about it.
    Large(Large<'a>),
}

/// A text longer than [`LARGE`], left in the database: it is moved in pieces and compared by digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large<'a> {
    /// `octets sha256 head`, as the server says it. Held in one piece, so that a [`Text`] is small: a row has dozens.
    description: &'a str,
}

impl<'a> Large<'a> {
    /// The text that a server describes as `octets sha256 head`.
    pub fn described(description: &'a str) -> Option<Self> {
        let (octets, rest) = description.split_once(' ')?;
        (rest.contains(' ') && octets.parse::<u64>().is_ok()).then_some(Self { description })
    }

    /// What [`Self::described`] reads.
    pub(crate) fn description(self) -> &'a str {
        self.description
    }

    fn parts(self) -> (&'a str, &'a str, &'a str) {
        let (octets, rest) = self.description.split_once(' ').unwrap_or_default();
        let (sha256, head) = rest.split_once(' ').unwrap_or_default();
        (octets, sha256, head)
    }

    /// Length in bytes of UTF-8.
    pub fn octets(self) -> u64 {
        self.parts().0.parse().unwrap_or_default()
    }

    /// SHA-256 of the UTF-8 bytes, in lower-case hexadecimal.
    pub fn sha256(self) -> &'a str {
        self.parts().1
    }

    /// The first few characters, for messages.
    pub fn head(self) -> &'a str {
        self.parts().2
    }
}

/// A text on its own.
#[derive(Clone, Debug)]
pub struct TextBuf {
    /// The text itself, or the description of one that is too long to be held.
    text: String,
    is_large: bool,
}

impl TextBuf {
    /// The text that a server describes, if it does ([`Large::described`]).
    pub(crate) fn described(description: &str) -> Option<Self> {
        Large::described(description).map(|large| Text::Large(large).into())
    }

    /// The text, to be looked at.
    pub fn as_text(&self) -> Text<'_> {
        match self.is_large.then(|| Large::described(&self.text)).flatten() {
            Some(large) => Text::Large(large),
            None => Text::Plain(&self.text),
        }
    }
}

impl From<Text<'_>> for TextBuf {
    fn from(text: Text<'_>) -> Self {
        match text {
            Text::Plain(text) => Self { text: text.to_owned(), is_large: false },
            Text::Large(large) => Self { text: large.description().to_owned(), is_large: true },
        }
    }
}

impl From<&str> for TextBuf {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for TextBuf {
    fn from(text: String) -> Self {
        Self { text, is_large: false }
    }
}

impl PartialEq for TextBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_text() == other.as_text()
    }
}

impl Eq for TextBuf {}

/// Bytes that are no text: ASCII as it is, any other byte in hexadecimal.
pub(crate) fn spelled(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "\\x{byte:02x}");
        }
        text
    })
}

/// Bytes from which on a text is not read whole. A page of rows then needs a bounded amount of memory whatever its
/// comments hold.
pub const LARGE: usize = 256 * 1024;

impl PartialEq for Text<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(one), Self::Plain(other)) => one == other,
            (Self::Large(one), Self::Large(other)) => (one.octets(), one.sha256()) == (other.octets(), other.sha256()),
            (Self::Plain(plain), Self::Large(large)) | (Self::Large(large), Self::Plain(plain)) => {
                plain.len() as u64 == large.octets() && hex(&Sha256::digest(plain.as_bytes())) == large.sha256()
            }
        }
    }
}

impl Eq for Text<'_> {}

impl<'a> Text<'a> {
    /// The text, if it is held in memory.
    #[inline]
    pub fn plain(self) -> Option<&'a str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Large(_) => None,
        }
    }

    /// Length in bytes of UTF-8.
    pub fn octets(self) -> u64 {
        match self {
            Self::Plain(text) => text.len() as u64,
            Self::Large(large) => large.octets(),
        }
    }

    /// Whether it has more than `limit` characters, as `varchar(limit)` counts them.
    pub(crate) fn exceeds(self, limit: usize) -> bool {
        match self {
            Self::Plain(text) => text.len() > limit && text.chars().count() > limit,
            Self::Large(_) => true,
        }
    }

    /// The text for a message: its first 200 characters, and how long it is when that is not all.
    pub fn excerpt(self) -> String {
        self.cut(200)
    }

    /// The text for a record: its first 4,000 characters, and how long it is when that is not all.
    pub fn record(self) -> String {
        self.cut(4000)
    }

    fn cut(self, characters: usize) -> String {
        let (head, octets) = match self {
            Self::Plain(text) => (text, text.len() as u64),
            Self::Large(large) => (large.head(), large.octets()),
        };
        match head.char_indices().nth(characters) {
            Some((end, _)) => format!("{}… ({octets} bytes)", &head[..end]),
            None if head.len() as u64 == octets => head.to_owned(),
            None => format!("{head}… ({octets} bytes)"),
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Plain(text)
    }
}
