//! Bytes to text. UTF-8 is proved; any other encoding has to be named, since it takes any bytes for text.

use std::borrow::Cow;
use std::str::FromStr;

use encoding_rs::mem::decode_latin1;

/// What the bytes of a file mean. The delimiter, quotation marks and line ends are ASCII in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Strict: what isn't UTF-8 is a fault.
    Utf8,
    /// ISO 8859-1, in which every byte is a character.
    Latin1,
    /// Another one of a byte a character.
    SingleByte(&'static encoding_rs::Encoding),
}

/// Why a name is no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write utf-8, windows-1252, iso-8859-1, iso-8859-15, windows-1250 or another encoding of one byte a character; convert a \
     file in any other, such as UTF-16, with iconv"
)]
pub struct NoEncoding;

impl FromStr for Encoding {
    type Err = NoEncoding;

    fn from_str(text: &str) -> Result<Self, NoEncoding> {
        if ["iso-8859-1", "latin1", "l1"].contains(&text.to_ascii_lowercase().as_str()) {
            // The web's registry takes it for Windows-1252.
            return Ok(Self::Latin1);
        }
        let found = encoding_rs::Encoding::for_label(text.as_bytes()).ok_or(NoEncoding)?;
        match found {
            found if found == encoding_rs::UTF_8 => Ok(Self::Utf8),
            found if found.is_single_byte() => Ok(Self::SingleByte(found)),
            _ => Err(NoEncoding),
        }
    }
}

impl Encoding {
    /// Its name, as it is declared.
    pub fn name(self) -> String {
        match self {
            Self::Utf8 => "utf-8".to_owned(),
            Self::Latin1 => "iso-8859-1".to_owned(),
            Self::SingleByte(encoding) => encoding.name().to_ascii_lowercase(),
        }
    }

    /// The text, or where the first byte is that means nothing.
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
        if self == Self::Utf8 {
            return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| error.valid_up_to());
        }
        if let (true, Ok(text)) = (bytes.is_ascii(), std::str::from_utf8(bytes)) {
            return Ok(Cow::Borrowed(text));
        }
        match self {
            Self::SingleByte(encoding) => {
                let decoded = encoding.decode_without_bom_handling_and_without_replacement(bytes);
                let text = decoded.ok_or_else(|| bytes.iter().position(|it| !it.is_ascii()).unwrap_or(0))?;
                // The web's registry gives the bytes that Windows-1252 and its like leave undefined to control characters.
                let undefined = text.chars().position(|it| ('\u{80}'..'\u{a0}').contains(&it));
                let is_windows = encoding.name().starts_with("windows");
                undefined.filter(|_| is_windows).map_or(Ok(text), Err)
            }
            _ => Ok(decode_latin1(bytes)),
        }
    }
}
