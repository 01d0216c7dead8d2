//! One row of the legacy table, with all its mess.
//!
//! Invariant: every value is kept as the text that the source's output function prints. Nothing is interpreted here,
//! so nothing can be lost here; [`crate::migration::transform`] decides what a text means.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use compact_str::CompactString;
use sha2::{Digest, Sha256};

use crate::base::text::hex;
use crate::migration::legacy::unknown::Unknown;

pub(crate) mod places;
pub mod unknown;

/// What the text of a legacy column is meant to be (the data model's types, by family).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `bigint`.
    Identifier,
    /// A `numeric(20,4)`.
    Number,
    /// A `timestamp`.
    Timestamp,
    /// A one-character flag, `1` or `2` (D1).
    YesNo,
    /// A word from a small set, compared after normalisation (D3).
    Code,
    /// Text, copied to the byte (D4).
    Text,
}

macro_rules! legacy_columns {
    ($($variant:ident $name:literal $kind:ident),* $(,)?) => {
        /// A column of the legacy table that the data model names, in table order.
        #[expect(missing_docs, reason = "each variant is the column of the same name")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum LegacyColumn { $($variant),* }

        impl LegacyColumn {
            /// Every known column, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The column's name in the database.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The known column of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// What the column's text is meant to be.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind),* }
            }
        }
    };
}

legacy_columns! {
    Id "id" Identifier,
    Employee "employee" Identifier,
    RequestedDate "requested_date" Timestamp,
    Name "name" Text,
    Related "related_yn" YesNo,
    Relation "relation" Text,
    BrokerReporting "broker_reporting_yn" YesNo,
    SecurityDescription "security_description" Text,
    Isin "isin" Text,
    Sedol "sedol" Text,
    Bloomberg "bloomberg" Text,
    Ticker "ticker" Text,
    TradeSize "trade_size" Number,
    Value "value" Number,
    Currency "currency" Text,
    DerivativeContract "derivative_contract_yn" YesNo,
    Justification "justification" Text,
    Leveraged "leveraged_yn" YesNo,
    BuySell "buysell" Code,
    InsideInfo "inside_info_yn" YesNo,
    ExistingPos "existing_pos_yn" YesNo,
    Signed "signed_yn" YesNo,
    Status "status" Code,
    Restricted "restricted_yn" YesNo,
    HoldingPeriod "holding_period_yn" YesNo,
    Conflicts "conflicts_yn" YesNo,
    ConflictComments "conflict_comments" Text,
    OtherComments "other_comments" Text,
    InstSymbol "inst_symbol" Text,
    TwoBusinessDaysExecution "two_business_days_execution_yn" YesNo,
    ContractNotesReceived "contract_notes_received_yn" YesNo,
    LastModifiedBy "last_modified_by" Identifier,
    LastModifiedDate "last_modified_date" Timestamp,
    IsDeleted "is_deleted_yn" Code,
    AuthManager "auth_manager" Identifier,
    AuthManagerDate "auth_manager_date" Timestamp,
    StatusManager "status_manager" Code,
    CommentsManager "comments_manager" Text,
    AuthCompliance "auth_compliance" Identifier,
    AuthComplianceDate "auth_compliance_date" Timestamp,
    StatusCompliance "status_compliance" Code,
    CommentsCompliance "comments_compliance" Text,
}

impl fmt::Display for LegacyColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text of the source or the target. Equal texts are equal whichever way each is held.
#[derive(Clone, Debug)]
pub enum Text {
    /// The text itself. Most are short, and those cost no allocation.
    Plain(CompactString),
    /// A text too long to be held in memory, known by what the server says about it.
    Large(Arc<Large>),
}

/// A text longer than [`LARGE`], left in the database: it is moved in pieces and compared by digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Large {
    /// Length in bytes of UTF-8.
    pub octets: u64,
    /// SHA-256 of the UTF-8 bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// The first few characters, for messages.
    pub head: String,
}

impl Large {
    /// The text that a server describes as `octets sha256 head`.
    pub(crate) fn described(description: &str) -> Option<Self> {
        let (octets, rest) = description.split_once(' ')?;
        let (sha256, head) = rest.split_once(' ')?;
        Some(Self { octets: octets.parse().ok()?, sha256: sha256.to_owned(), head: head.to_owned() })
    }
}

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

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(one), Self::Plain(other)) => one == other,
            (Self::Large(one), Self::Large(other)) => one.octets == other.octets && one.sha256 == other.sha256,
            (Self::Plain(plain), Self::Large(large)) | (Self::Large(large), Self::Plain(plain)) => {
                plain.len() as u64 == large.octets && hex(&Sha256::digest(plain.as_bytes())) == large.sha256
            }
        }
    }
}

impl Eq for Text {}

impl Text {
    /// The text, if it is held in memory.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Large(_) => None,
        }
    }

    /// Length in bytes of UTF-8.
    pub fn octets(&self) -> u64 {
        match self {
            Self::Plain(text) => text.len() as u64,
            Self::Large(large) => large.octets,
        }
    }

    /// Whether it has more than `limit` characters, as `varchar(limit)` counts them.
    pub(crate) fn exceeds(&self, limit: usize) -> bool {
        match self {
            Self::Plain(text) => text.len() > limit && text.chars().count() > limit,
            Self::Large(_) => true,
        }
    }

    /// The text for a message: its first 200 characters, and how long it is when that is not all.
    pub fn excerpt(&self) -> String {
        self.cut(200)
    }

    /// The text for a record: its first 4,000 characters, and how long it is when that is not all.
    pub fn record(&self) -> String {
        self.cut(4000)
    }

    fn cut(&self, characters: usize) -> String {
        let (head, octets) = match self {
            Self::Plain(text) => (text.as_str(), text.len() as u64),
            Self::Large(large) => (large.head.as_str(), large.octets),
        };
        match head.char_indices().nth(characters) {
            Some((end, _)) => format!("{}… ({octets} bytes)", &head[..end]),
            None if head.len() as u64 == octets => head.to_owned(),
            None => format!("{head}… ({octets} bytes)"),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Plain(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Plain(text.into())
    }
}

impl From<CompactString> for Text {
    fn from(text: CompactString) -> Self {
        Self::Plain(text)
    }
}

/// Where a row begins in the file that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The line, from 1.
    pub line: u64,
    /// The byte, from 0; of a compressed file, of what it holds.
    pub byte: u64,
}

/// A value of a file that isn't of its column's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// The value.
    pub text: String,
    /// Why it can't be read: `which is not …`.
    pub why: String,
}

/// One row of the legacy table: the text of every column, known or not.
#[derive(Clone, Debug)]
pub struct LegacyRow {
    cells: Box<[Option<Text>]>,
    /// Columns that the data model doesn't name.
    pub unknown: Unknown<Text>,
    /// Columns whose bytes can't be read as text, with the bytes as [`spelled`]. Their cells are null.
    pub unreadable: BTreeMap<Arc<str>, String>,
    /// Columns whose values the source fails to compute, such as a view's casts, with its words. Their cells are null.
    pub failed: BTreeMap<Arc<str>, String>,
    /// Columns of a file whose values aren't what the file's format says. Their cells are null.
    pub misread: BTreeMap<LegacyColumn, Misread>,
    /// Where in a file the row is. No part of equality.
    pub origin: Option<Origin>,
    /// Columns of the type char(n), whose texts end in padding. Says nothing about the row, so it takes no part in
    /// equality.
    pub padded: Option<Arc<[LegacyColumn]>>,
    /// What the columns of the type timestamptz are in the time zone of the source. No part of equality either: the
    /// moments themselves are in the cells.
    pub local: BTreeMap<LegacyColumn, String>,
}

impl PartialEq for LegacyRow {
    fn eq(&self, other: &Self) -> bool {
        self.agrees_on_known(other) && self.unknown == other.unknown
    }
}

impl Eq for LegacyRow {}

impl Default for LegacyRow {
    fn default() -> Self {
        Self {
            cells: vec![None; LegacyColumn::ALL.len()].into(),
            unknown: Unknown::default(),
            unreadable: BTreeMap::new(),
            failed: BTreeMap::new(),
            misread: BTreeMap::new(),
            origin: None,
            padded: None,
            local: BTreeMap::new(),
        }
    }
}

impl Index<LegacyColumn> for LegacyRow {
    type Output = Option<Text>;

    fn index(&self, column: LegacyColumn) -> &Self::Output {
        &self.cells[column as usize]
    }
}

impl IndexMut<LegacyColumn> for LegacyRow {
    fn index_mut(&mut self, column: LegacyColumn) -> &mut Self::Output {
        &mut self.cells[column as usize]
    }
}

impl LegacyRow {
    /// The text of a column, if it is not null and held in memory.
    pub fn plain(&self, column: LegacyColumn) -> Option<&str> {
        self[column].as_ref().and_then(Text::plain)
    }

    /// Whether the columns that the data model names hold the same, and the same couldn't be read.
    pub(crate) fn agrees_on_known(&self, other: &Self) -> bool {
        (&self.cells, &self.unreadable, &self.failed, &self.misread)
            == (&other.cells, &other.unreadable, &other.failed, &other.misread)
    }

    /// The text of a timestamp: where the column has moments, what a clock in the source's time zone showed.
    pub(crate) fn clock(&self, column: LegacyColumn) -> Option<&str> {
        self.local.get(&column).map(String::as_str).or_else(|| self.plain(column))
    }

    /// The text of a column as it is compared with the reference schema's (D7): without the padding of a char(n), which
    /// PostgreSQL doesn't compare either.
    pub(crate) fn compared(&self, column: LegacyColumn) -> Option<&str> {
        let is_padded = self.padded.as_ref().is_some_and(|padded| padded.contains(&column));
        self.plain(column).map(|text| if is_padded { text.trim_end_matches(' ') } else { text })
    }

    /// Every column by name, known ones first.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Option<&Text>)> {
        let known = LegacyColumn::ALL.iter().map(|it| (it.name(), self[*it].as_ref()));
        known.chain(self.unknown.iter().map(|(name, text)| (&**name, text)))
    }
}
