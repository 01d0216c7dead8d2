//! The text that is hashed of a row: lines of a name and a value, such as `6:status=8:approved`.
//!
//! The numbers are octets of UTF-8, so nothing that a value holds can be taken for a line, and null (nothing after the
//! equals sign) is distinct from every text.

use std::io::Write as _;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::base::text::hex;
use crate::migration::evidence::tree::Hash;
use crate::migration::legacy::Names;
use crate::migration::legacy::{LegacyColumn, LegacyRow};
use crate::migration::text::{LARGE, Text};

/// A text of lines that is being written. The buffer is kept from row to row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

/// What the line of each known column begins with.
static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| LegacyColumn::ALL.iter().map(|it| start(it.name())).collect());

/// What a line begins with.
fn start(name: &str) -> String {
    format!("{}:{name}=", name.len())
}

impl Lines {
    /// Begins a text of a kind.
    pub(crate) fn begin(&mut self, kind: &str) {
        self.0.clear();
        self.0.extend_from_slice(kind.as_bytes());
        self.0.push(b'\n');
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, name: &str, value: Option<&str>) {
        self.0.extend_from_slice(start(name).as_bytes());
        self.value(value);
    }

    fn value(&mut self, value: Option<&str>) {
        match value {
            // A text that a server leaves out as too large has the same line wherever it is held.
            Some(text) if text.len() > LARGE => self.digest(text.len() as u64, &hex(&Sha256::digest(text))),
            Some(text) => {
                self.number(text.len() as u64);
                self.0.push(b':');
                self.0.extend_from_slice(text.as_bytes());
            }
            None => {}
        }
        self.0.push(b'\n');
    }

    fn text(&mut self, text: Option<Text<'_>>) {
        match text {
            Some(Text::Large(large)) => {
                self.digest(large.octets(), large.sha256());
                self.0.push(b'\n');
            }
            text => self.value(text.and_then(Text::plain)),
        }
    }

    fn digest(&mut self, octets: u64, sha256: &str) {
        self.number(octets);
        self.0.push(b'#');
        self.0.extend_from_slice(sha256.as_bytes());
    }

    fn number(&mut self, number: u64) {
        let _ = write!(self.0, "{number}");
    }

    /// The text of a legacy row: the known columns in the order of the data model, then the source's others in that of
    /// their names. What the row has beyond these is no column of the source, and in no line.
    pub(crate) fn row(&mut self, row: &LegacyRow, others: &Names) {
        self.begin("row");
        let odd = row.odd();
        let is_whole = odd.is_whole();
        for column in LegacyColumn::ALL {
            self.0.extend_from_slice(KNOWN[*column as usize].as_bytes());
            let misread = odd.misread.get(column).map(|it| it.text.as_str()).filter(|_| !is_whole);
            self.cell(row, column.name(), is_whole, misread, row.get(*column));
        }
        let mut held = row.unknown().peekable();
        for name in others.iter() {
            while held.next_if(|(it, _)| *it < name).is_some() {}
            let text = held.next_if(|(it, _)| *it == name).and_then(|(_, text)| text);
            self.0.extend_from_slice(start(name).as_bytes());
            self.cell(row, name, is_whole, None, text);
        }
    }

    /// What a column holds. What is no text has a mark of its own before it.
    fn cell(&mut self, row: &LegacyRow, name: &str, is_whole: bool, misread: Option<&str>, text: Option<Text<'_>>) {
        let odd = || {
            misread
                .or_else(|| row.odd().unreadable.get(name).or_else(|| row.odd().failed.get(name)).map(String::as_str))
        };
        match (!is_whole).then(odd).flatten() {
            None => self.text(text),
            Some(odd) => {
                self.0.push(b'!');
                self.value(Some(odd));
            }
        }
    }

    /// The text so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hash of the text so far.
    pub(crate) fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }
}
