//! A text by the value that it prints. It is compared without being kept.

use compact_str::CompactString;

use crate::migration::legacy::Text;
use crate::migration::value::{Amount, Decimal, Digits, Price, Timestamp};

/// What a column must hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Printed<'a> {
    Text(&'a Text),
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
    pub(crate) fn text(text: &'a Option<Text>) -> Option<Self> {
        text.as_ref().map(Self::Text)
    }

    /// Whether it prints exactly this text.
    pub(crate) fn is(self, text: &str) -> bool {
        fn number<const SCALE: u32>(number: Decimal<SCALE>, text: &str) -> bool {
            match number.digits() {
                Some(digits) => digits.as_bytes() == text.as_bytes(),
                None => number.to_string() == text,
            }
        }
        match self {
            Self::Text(own) => match own.plain() {
                Some(own) => own == text,
                None => *own == Text::from(text),
            },
            Self::Word(word) => word == text,
            Self::Id(id) => Digits::of(id).as_bytes() == text.as_bytes(),
            Self::Time(time) => time.digits().as_bytes() == text.as_bytes(),
            Self::Amount(amount) => number(amount, text),
            Self::Price(price) => number(price, text),
        }
    }

    /// Whether it prints what a text is, held in memory or not.
    pub(crate) fn is_text(self, text: &Text) -> bool {
        match text.plain() {
            Some(text) => self.is(text),
            None => self.into_text() == *text,
        }
    }

    /// The text on its own.
    pub(crate) fn into_text(self) -> Text {
        match self {
            Self::Text(text) => text.clone(),
            Self::Word(word) => Text::Plain(CompactString::const_new(word)),
            Self::Id(id) => Digits::of(id).as_str().into(),
            Self::Time(time) => time.digits().as_str().into(),
            Self::Amount(amount) => amount.to_string().into(),
            Self::Price(price) => price.to_string().into(),
        }
    }
}
