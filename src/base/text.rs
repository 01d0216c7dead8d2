//! Numbers, nouns, values and errors as text.

use std::borrow::Cow;

/// An error with its causes, on one line.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // A transparent variant prints its cause, which then comes again.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text.replace(['\n', '\r'], " ")
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    grouped(&number.to_string())
}

/// The same of digits, of which there may be more than a number holds.
pub(crate) fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and its noun.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// Bytes in the largest unit of which there are ten or more.
pub(crate) fn size(bytes: i64) -> String {
    match bytes {
        ..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{} kB", bytes / 1024),
        10_485_760..10_737_418_240 => format!("{} MB", bytes / (1 << 20)),
        _ => format!("{} GB", bytes / (1 << 30)),
    }
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A value as people read it: in quotes where its ends could not be seen, or where it is a word for none.
pub fn visible(value: &str) -> Cow<'_, str> {
    let is_end = |it: char| it.is_whitespace() || it == '\'';
    match value.is_empty() || value == "null" || value.starts_with(is_end) || value.ends_with(is_end) {
        true => Cow::Owned(format!("'{value}'")),
        false => Cow::Borrowed(value),
    }
}

pub(crate) fn list(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    names.into_iter().map(|it| it.as_ref().to_owned()).collect::<Vec<_>>().join(", ")
}
