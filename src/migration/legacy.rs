//! One row of the legacy table, with all its mess.
//!
//! Invariant: every value is kept as the text that the source's output function prints. Nothing is interpreted here,
//! so nothing can be lost here; [`crate::migration::transform`] decides what a text means.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use crate::migration::text::{Large, Text};

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
            pub const fn kind(self) -> Kind {
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

/// Where a text is among the bytes of a row or a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    start: u32,
    end: u32,
}

impl Field {
    /// No text.
    pub(crate) const NULL: Self = Self { start: u32::MAX, end: 0 };

    /// The bytes from one place to another; none of a page or a row has 4 GB.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let place = |at| u32::try_from(at).expect("a row has less than 4 GB");
        Self { start: place(start), end: place(end) }
    }

    /// The same, of bytes that stand behind others.
    fn after(self, start: usize) -> Self {
        self.range().map_or(self, |range| Self::new(start + range.start, start + range.end))
    }

    /// The range, unless it is null.
    #[inline]
    pub(crate) fn range(self) -> Option<std::ops::Range<usize>> {
        (self != Self::NULL).then_some(self.start as usize..self.end as usize)
    }
}

/// The names of the columns that the data model doesn't name, in order; all rows of a source share them.
pub type Names = Arc<[Arc<str>]>;

/// Where a column goes in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Known(LegacyColumn),
    /// Among the names of the unknown columns.
    Unknown(usize),
}

impl Place {
    /// The place among all columns of a row.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Known(column) => column as usize,
            Self::Unknown(place) => LegacyColumn::ALL.len() + place,
        }
    }
}

/// Where the columns of a source go in its rows, in the order of the source.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    names: Names,
    places: Vec<Place>,
}

impl Places {
    /// Those of columns with these names.
    pub(crate) fn of<'a>(columns: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let columns: Vec<(&Arc<str>, Option<LegacyColumn>)> =
            columns.map(|name| (name, LegacyColumn::from_name(name))).collect();
        let mut names: Vec<Arc<str>> =
            columns.iter().filter(|(_, known)| known.is_none()).map(|(name, _)| Arc::clone(name)).collect();
        names.sort();
        let place = |(name, known): &(&Arc<str>, Option<LegacyColumn>)| match known {
            Some(known) => Place::Known(*known),
            None => Place::Unknown(names.partition_point(|it| it < *name)),
        };
        let places = columns.iter().map(place).collect();
        Self { names: names.into(), places }
    }

    /// The names of the columns that the data model doesn't name.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The place of each column.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Place> {
        self.places.iter().copied()
    }
}

impl Index<usize> for Places {
    type Output = Place;

    fn index(&self, column: usize) -> &Self::Output {
        &self.places[column]
    }
}

/// One row of the legacy table: the text of every column, known or not. Its texts are among those of a page, so that a
/// row costs no allocation.
#[derive(Clone, Debug)]
pub struct LegacyRow {
    texts: Arc<Texts>,
    /// Where its fields begin: known columns first, then the others in the order of their names.
    first: usize,
    names: Names,
    odd: Option<Box<Odd>>,
    /// Where in a file the row is. No part of equality.
    pub origin: Option<Origin>,
    /// Columns of the type char(n), whose texts end in padding. Says nothing about the row, so it takes no part in
    /// equality.
    pub padded: Option<Arc<[LegacyColumn]>>,
}

/// The texts of some rows.
#[derive(Clone, Debug, Default)]
struct Texts {
    text: String,
    /// Where each is, of one row after the other.
    fields: Vec<Field>,
}

/// Rows that are being read.
#[derive(Debug)]
pub(crate) struct RowsOfPage<'a> {
    places: &'a Places,
    texts: Texts,
    /// How many there will be, about.
    about: usize,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct RowOfPage(usize);

impl<'a> RowsOfPage<'a> {
    pub(crate) fn of(places: &'a Places, about: usize) -> Self {
        Self { places, texts: Texts::default(), about }
    }

    /// Adds the row of some texts, which are those of its columns in the order of the source.
    pub(crate) fn add(&mut self, text: &str, fields: impl Iterator<Item = Field>) -> RowOfPage {
        /// Bytes that room is made for before there are any.
        const ROOM: usize = 1024 * 1024;
        let Self { places, texts, about } = self;
        let (start, first) = (texts.text.len(), texts.fields.len());
        let width = LegacyColumn::ALL.len() + places.names().len();
        if first == 0 {
            texts.text.reserve(about.saturating_mul(text.len()).min(ROOM));
            texts.fields.reserve(about.saturating_mul(width).min(ROOM));
        }
        texts.text.push_str(text);
        texts.fields.resize(first + width, Field::NULL);
        for (place, field) in places.iter().zip(fields) {
            texts.fields[first + place.index()] = field.after(start);
        }
        RowOfPage(first)
    }

    /// All of them: what makes a row of one that was added.
    pub(crate) fn finish(self) -> impl Fn(RowOfPage) -> LegacyRow {
        let (texts, names) = (Arc::new(self.texts), Arc::clone(self.places.names()));
        move |RowOfPage(first)| LegacyRow {
            texts: Arc::clone(&texts),
            first,
            names: Arc::clone(&names),
            odd: None,
            origin: None,
            padded: None,
        }
    }
}

/// What few rows have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Odd {
    /// The places of the columns whose texts are too large to be held: what is held is the description.
    large: Vec<usize>,
    /// Columns whose bytes can't be read as text, with the bytes as [`crate::migration::text::spelled`]. Their cells are
    /// null.
    pub unreadable: BTreeMap<Arc<str>, String>,
    /// Columns whose values the source fails to compute, such as a view's casts, with its words. Their cells are null.
    pub failed: BTreeMap<Arc<str>, String>,
    /// Columns of a file whose values aren't what the file's format says. Their cells are null.
    pub misread: BTreeMap<LegacyColumn, Misread>,
    /// What the columns of the type timestamptz are in the time zone of the source. No part of a row's equality: the
    /// moments themselves are in the cells.
    pub local: BTreeMap<LegacyColumn, String>,
}

static NOTHING_ODD: Odd = Odd {
    large: Vec::new(),
    unreadable: BTreeMap::new(),
    failed: BTreeMap::new(),
    misread: BTreeMap::new(),
    local: BTreeMap::new(),
};

impl Odd {
    /// Whether every value could be read.
    pub fn is_whole(&self) -> bool {
        self.unreadable.is_empty() && self.failed.is_empty() && self.misread.is_empty()
    }

    /// What a text stands for that is held at a place.
    #[cold]
    fn text<'a>(&self, place: usize, text: &'a str) -> Text<'a> {
        let large = self.large.contains(&place).then(|| Large::described(text));
        large.flatten().map_or(Text::Plain(text), Text::Large)
    }

    fn same_unread(&self, other: &Self) -> bool {
        (&self.unreadable, &self.failed, &self.misread) == (&other.unreadable, &other.failed, &other.misread)
    }
}

impl PartialEq for LegacyRow {
    fn eq(&self, other: &Self) -> bool {
        self.agrees_on_known(other) && self.unknown().eq(other.unknown())
    }
}

impl Eq for LegacyRow {}

impl Default for LegacyRow {
    fn default() -> Self {
        Self::null(&Names::default())
    }
}

impl LegacyRow {
    /// A row whose columns are null.
    pub fn null(unknown: &Names) -> Self {
        let fields = vec![Field::NULL; LegacyColumn::ALL.len() + unknown.len()];
        let texts = Arc::new(Texts { text: String::new(), fields });
        Self { texts, first: 0, names: Arc::clone(unknown), odd: None, origin: None, padded: None }
    }

    fn fields(&self) -> &[Field] {
        &self.texts.fields[self.first..self.first + LegacyColumn::ALL.len() + self.names.len()]
    }

    /// Its texts, which are its own from then on.
    fn own(&mut self) -> &mut Texts {
        if self.first > 0 || Arc::get_mut(&mut self.texts).is_none() {
            let mut own = Texts::default();
            for field in self.fields() {
                let start = own.text.len();
                own.fields.push(match field.range() {
                    None => Field::NULL,
                    Some(range) => {
                        own.text.push_str(&self.texts.text[range]);
                        Field::new(start, own.text.len())
                    }
                });
            }
            (self.texts, self.first) = (Arc::new(own), 0);
        }
        Arc::make_mut(&mut self.texts)
    }

    /// The text of a column.
    #[inline]
    pub fn get(&self, column: LegacyColumn) -> Option<Text<'_>> {
        self.at(column as usize)
    }

    /// Whether a column is null.
    pub fn is_null(&self, column: LegacyColumn) -> bool {
        self.fields()[column as usize] == Field::NULL
    }

    /// Whether a column holds a text of no characters.
    pub(crate) fn is_empty(&self, column: LegacyColumn) -> bool {
        self.fields()[column as usize].range().is_some_and(|it| it.is_empty())
    }

    /// As many bytes as all its names and texts have together, or more; none if one of them is too large to be held.
    pub(crate) fn octets_at_most(&self) -> Option<u64> {
        let names: usize =
            self.names.iter().map(|it| it.len()).chain(LegacyColumn::ALL.iter().map(|it| it.name().len())).sum();
        self.odd().large.is_empty().then_some((self.texts.text.len() + names) as u64)
    }

    #[inline]
    fn at(&self, place: usize) -> Option<Text<'_>> {
        let text = &self.texts.text[self.texts.fields[self.first + place].range()?];
        Some(match &self.odd {
            None => Text::Plain(text),
            Some(odd) => odd.text(place, text),
        })
    }

    /// Sets a column.
    pub fn set(&mut self, column: LegacyColumn, text: Option<Text<'_>>) {
        self.set_at(Place::Known(column), text);
    }

    /// Sets the column at a place.
    pub(crate) fn set_at(&mut self, place: Place, text: Option<Text<'_>>) {
        let place = place.index();
        if let Some(odd) = &mut self.odd {
            odd.large.retain(|it| *it != place);
        }
        if matches!(text, Some(Text::Large(_))) {
            self.odd_mut().large.push(place);
        }
        let own = self.own();
        let start = own.text.len();
        match text {
            None => {
                own.fields[place] = Field::NULL;
                return;
            }
            Some(Text::Plain(text)) => own.text.push_str(text),
            Some(Text::Large(large)) => own.text.push_str(large.description()),
        }
        own.fields[place] = Field::new(start, own.text.len());
    }

    /// Sets a column that the data model doesn't name, and adds it if it isn't there, which costs a copy of
    /// all names.
    pub fn set_unknown(&mut self, name: &str, text: Option<Text<'_>>) {
        let place = match self.names.binary_search_by(|it| (**it).cmp(name)) {
            Ok(place) => place,
            Err(place) => {
                let place_of_field = LegacyColumn::ALL.len() + place;
                self.own().fields.insert(place_of_field, Field::NULL);
                let mut names = self.names.to_vec();
                names.insert(place, name.into());
                self.names = names.into();
                if let Some(odd) = &mut self.odd {
                    odd.large.iter_mut().filter(|it| **it >= place_of_field).for_each(|it| *it += 1);
                }
                place
            }
        };
        self.set_at(Place::Unknown(place), text);
    }

    /// The names of the columns that the data model doesn't name.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Each of these columns with its text.
    pub fn unknown(&self) -> impl Iterator<Item = (&Arc<str>, Option<Text<'_>>)> {
        self.names.iter().enumerate().map(|(at, name)| (name, self.at(LegacyColumn::ALL.len() + at)))
    }

    /// What of it couldn't be read.
    pub fn odd(&self) -> &Odd {
        self.odd.as_deref().unwrap_or(&NOTHING_ODD)
    }

    /// The same, to be added to.
    pub fn odd_mut(&mut self) -> &mut Odd {
        self.odd.get_or_insert_default()
    }

    /// The text of a column, if it is not null and held in memory.
    #[inline]
    pub fn plain(&self, column: LegacyColumn) -> Option<&str> {
        self.get(column).and_then(Text::plain)
    }

    /// Whether a column is neither null nor empty.
    pub fn has_text(&self, column: LegacyColumn) -> bool {
        self.fields()[column as usize].range().is_some_and(|it| !it.is_empty())
    }

    /// Whether the columns that the data model names hold the same, and the same couldn't be read.
    pub(crate) fn agrees_on_known(&self, other: &Self) -> bool {
        LegacyColumn::ALL.iter().all(|it| self.get(*it) == other.get(*it))
            && (self.odd.is_none() && other.odd.is_none() || self.odd().same_unread(other.odd()))
    }

    /// The text of a timestamp: where the column has moments, what a clock in the source's time zone showed.
    pub(crate) fn clock(&self, column: LegacyColumn) -> Option<&str> {
        let local = self.odd.as_ref().and_then(|odd| odd.local.get(&column));
        local.map(String::as_str).or_else(|| self.plain(column))
    }

    /// The text of a column as it is compared with the reference schema's (D7): without the padding of a char(n), which
    /// PostgreSQL doesn't compare either.
    pub(crate) fn compared(&self, column: LegacyColumn) -> Option<&str> {
        let is_padded = self.padded.as_ref().is_some_and(|padded| padded.contains(&column));
        self.plain(column).map(|text| if is_padded { text.trim_end_matches(' ') } else { text })
    }

    /// Every column by name, known ones first.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Option<Text<'_>>)> {
        let known = LegacyColumn::ALL.iter().map(|it| (it.name(), self.get(*it)));
        known.chain(self.unknown().map(|(name, text)| (&**name, text)))
    }
}
