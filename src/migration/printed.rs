//! A text by the value that it prints. It is compared without being kept.

use crate::migration::text::{Text, TextBuf};
use crate::migration::value::{Amount, Digits, Price, Timestamp};

/// What a column must hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Printed<'a> {
    Text(Text<'a>),
    Word(&'static str),
    Id(i64),
    Time(Timestamp),
    Amount(Amount),
    Price(Price),
}

/// One of a flag's words, if there is a flag.
pub(crate) fn flag(value: Option<bool>, words: [&'static str; 2]) -> Option<Printed<'static>> {
    value.map(|is_set| Printed::Word(words[usize::from(is_set)]))
}

impl<'a> Printed<'a> {
    /// A text of a row, if there is one.
    pub(crate) fn text(text: Option<Text<'a>>) -> Option<Self> {
        text.map(Self::Text)
    }

    /// Whether it prints exactly this text.
    #[inline]
    pub(crate) fn is(self, text: &str) -> bool {
        match self {
            Self::Text(own) => own == Text::from(text),
            Self::Word(word) => word == text,
            Self::Id(id) => Digits::of(id).as_bytes() == text.as_bytes(),
            Self::Time(time) => time.prints(text),
            Self::Amount(amount) => amount.prints(text),
            Self::Price(price) => price.prints(text),
        }
    }

    /// Whether it prints what a text is, held in memory or not.
    #[inline]
    pub(crate) fn is_text(self, text: Text<'_>) -> bool {
        match (self, text.plain()) {
            (Self::Text(own), _) => own == text,
            (_, Some(text)) => self.is(text),
            (_, None) => self.into_text().as_text() == text,
        }
    }

    /// The text on its own.
    pub(crate) fn into_text(self) -> TextBuf {
        match self {
            Self::Text(text) => text.into(),
            Self::Word(word) => word.into(),
            Self::Id(id) => Digits::of(id).as_str().into(),
            Self::Time(time) => time.digits().as_str().into(),
            Self::Amount(amount) => amount.to_string().into(),
            Self::Price(price) => price.to_string().into(),
        }
    }
}
