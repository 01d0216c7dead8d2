//! What a document is made of. Each kind of block is laid out by both renderers.

use serde::Serialize;

use crate::base::escape::is_plain;
use crate::base::text::thousands;

/// A part of a document with a heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Section {
    /// Its name in links, the same in every document.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

impl Section {
    /// A part without blocks.
    pub(crate) fn new(id: &'static str, title: &str) -> Self {
        Self { id, title: title.to_owned(), blocks: Vec::new() }
    }

    /// Adds a block.
    pub(crate) fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Adds a paragraph.
    pub(crate) fn text(&mut self, text: impl Into<String>) {
        self.push(Block::Text { text: text.into() });
    }
}

/// A piece of a document. In texts, what stands between backticks is code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// The result.
    Verdict {
        /// Whether nothing needs attention.
        good: bool,
        /// In a few words.
        word: String,
        /// In a sentence.
        text: String,
    },
    /// A paragraph.
    Text {
        /// Its sentences.
        text: String,
    },
    /// A list.
    Items {
        /// Its sentences.
        items: Vec<String>,
    },
    /// A number that is the sum of others.
    Equation {
        /// The whole first, then its parts.
        terms: Vec<Term>,
    },
    /// Names and values.
    Facts {
        /// In order.
        facts: Vec<Fact>,
    },
    /// A table.
    Table(Table),
    /// Numbers as bars.
    Bars(Bars),
    /// A table whose rows stand in groups.
    Grouped(Grouped),
    /// What has changed, line by line.
    Diff {
        /// What the lines are about.
        caption: String,
        /// In order.
        lines: Vec<DiffLine>,
    },
    /// Where people sign.
    Signatures {
        /// What they decide about.
        caption: String,
        /// What each writes: name, date, decision.
        fields: Vec<String>,
        /// Who signs.
        people: Vec<String>,
    },
}

/// A number of an equation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Term {
    /// The number.
    pub count: u64,
    /// What is counted.
    pub label: String,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Fact {
    /// The name.
    pub label: String,
    /// The value.
    pub value: String,
    /// Its name in links; left out if nothing leads to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Fact {
    /// A name and its value.
    pub(crate) fn new(label: &str, value: impl Into<String>) -> Self {
        Self { label: label.to_owned(), value: value.into(), id: None }
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// As many cells in each row as there are columns; the first cell names the row.
    pub rows: Vec<Vec<Cell>>,
    /// How many rows at the end sum up those above them.
    pub total: usize,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(caption: &str, columns: &[(&str, ColumnKind)]) -> Self {
        Self { caption: caption.to_owned(), columns: self::columns(columns), ..Self::default() }
    }
}

/// Columns by their titles.
pub(crate) fn columns(columns: &[(&str, ColumnKind)]) -> Vec<Column> {
    columns.iter().map(|(title, kind)| Column { title: (*title).to_owned(), kind: *kind }).collect()
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// What its cells are.
    pub kind: ColumnKind,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Words.
    Text,
    /// Something that is spelt exactly so: a name of the database, a value.
    Code,
    /// A number, which lines up with those above it.
    Number,
    /// A result in a word: passed, failed, warning, not checked, open, closed.
    Status,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Cell {
    /// A count.
    Count(u64),
    /// What leads to another place in the document.
    Link(Link),
    /// Everything else, amounts and ids included, as it is to be shown.
    Text(String),
}

/// Words that lead to another place in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Link {
    /// The words.
    pub text: String,
    /// The name of the place.
    pub to: String,
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Numbers as bars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Bars {
    /// What they show.
    pub caption: String,
    /// In order.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// Its length, compared with the others'.
    pub length: u64,
    /// The number beside it.
    pub text: String,
}

/// A table whose rows stand in groups, of which a reader can choose one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Grouped {
    /// Its name in links.
    pub id: &'static str,
    /// What it shows.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// In order.
    pub groups: Vec<Group>,
}

/// Rows that have something in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Group {
    /// Its name in links.
    pub id: String,
    /// What they have in common.
    pub title: String,
    /// What is said of all of them.
    pub text: String,
    /// The decision behind it; null if there is none.
    pub decision: Option<Link>,
    /// The rows that are listed, a cell for each of the table's columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct DiffLine {
    /// What became of it.
    pub change: Change,
    /// What it is.
    pub text: String,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It heads the lines below it.
    Heading,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is there as it was.
    Same,
}

impl Change {
    /// The sign before the line.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Heading => "@@",
            Self::Added => "+",
            Self::Removed => "-",
            Self::Same => " ",
        }
    }
}

/// A part of a text: words, or code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span<'t> {
    Words(&'t str),
    Code(&'t str),
}

/// The parts of a text. A backtick without another one is a character like any other.
pub(crate) fn spans(text: &str) -> Vec<Span<'_>> {
    let mut parts: Vec<&str> = text.split('`').collect();
    // An even number of parts: the last backtick has no other one.
    let rest = if parts.len().is_multiple_of(2) { parts.pop() } else { None };
    let span = |(at, part)| if at % 2 == 0 { Span::Words(part) } else { Span::Code(part) };
    let mut spans: Vec<Span<'_>> = parts.into_iter().enumerate().map(span).collect();
    if let Some(rest) = rest {
        spans.push(Span::Words(&text[text.len() - rest.len() - 1..]));
    }
    spans.retain(|span| !matches!(span, Span::Words("") | Span::Code("")));
    spans
}

/// The most bytes that a text from outside takes in a document.
const SHOWN: usize = 300;

/// A text from outside, cut short if it is long: so is the document, whatever is in the database.
pub(crate) fn excerpt(text: &str) -> String {
    let bytes = |c: char| match c {
        '<' | '>' | '&' | '"' => "&quot;".len(),
        c if is_plain(c) => c.len_utf8(),
        _ => "\\u{10ffff}".len(),
    };
    let mut taken = 0;
    let cut = text.char_indices().find(|(_, c)| {
        taken += bytes(*c);
        taken > SHOWN
    });
    match cut {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], thousands(text.chars().count() as u64)),
        None => text.to_owned(),
    }
}
