//! What a report says, laid out for a width: labels in a column, texts wrapped beside them, tables, SQL.
//!
//! A report hands texts over as they are. [`Page::render`] escapes each of them, so that nothing from a database, a
//! file or the environment begins a line or reaches a terminal that obeys it.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use unicode_width::UnicodeWidthStr;

use crate::base::{escape, sql_text, style};

/// A text with styles.
#[derive(Clone, Debug, Default)]
pub struct Text(Vec<(Style, String)>);

impl Text {
    /// A text in a style.
    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Self(vec![(style, text.into())])
    }

    /// A conclusion such as `CLEAN: nothing to do`, its first word in the colour of what it says.
    pub(crate) fn verdict(sentence: &str) -> Self {
        let style = match sentence.split_once(':') {
            Some(("CLEAN", _)) => style::GOOD,
            Some(("ATTENTION" | "FAILED", _)) => style::BAD,
            _ => return sentence.into(),
        };
        let (word, rest) = sentence.split_at(sentence.find(':').unwrap_or_default());
        Self::styled(style.bold(), word).and(rest)
    }

    /// With another text after it.
    pub(crate) fn and(mut self, text: impl Into<Self>) -> Self {
        self.0.extend(text.into().0);
        self
    }

    /// Its words, each of the pieces of its styles, escaped.
    fn words(&self) -> Vec<Word> {
        let mut words = vec![Word::default()];
        for (style, text) in &self.0 {
            for (at, piece) in escape::text(text).split(' ').enumerate() {
                if at > 0 {
                    words.push(Word::default());
                }
                if let Some(word) = words.last_mut().filter(|_| !piece.is_empty()) {
                    word.width += piece.width();
                    word.pieces.push((*style, piece.to_owned()));
                }
            }
        }
        words
    }

    /// The columns that it takes on a line.
    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| escape::text(text).width()).sum()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::styled(Style::new(), text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::styled(Style::new(), text)
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::styled(Style::new(), text)
    }
}

/// What stands between two blanks.
#[derive(Clone, Debug, Default)]
struct Word {
    pieces: Vec<(Style, String)>,
    width: usize,
}

/// Rows in columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    pub(crate) header: Option<Vec<String>>,
    pub(crate) rows: Vec<Vec<String>>,
    /// The columns that are aligned to the right.
    pub(crate) numbers: Vec<usize>,
    /// Columns of blanks between two columns.
    pub(crate) gap: u16,
}

/// A part of a page.
#[derive(Clone, Debug)]
enum Block {
    Blank,
    /// A label at the indentation, and a text beside it, wrapped at blanks within its column.
    Row {
        indent: usize,
        column: usize,
        label: Text,
        text: Text,
    },
    /// A line as it is, whatever its width: what it points at stands above, or it is compared with the next.
    Line {
        indent: usize,
        text: Text,
    },
    /// Two labelled texts; where they are mostly the same and fit on a line, marks below what differs in the second.
    Compared {
        indent: usize,
        labels: [&'static str; 2],
        texts: [String; 2],
    },
    /// A label, and statements beside it, wrapped where SQL may be: they mean the same.
    Statements {
        indent: usize,
        label: &'static str,
        sql: String,
    },
    /// Statements without a label, wrapped likewise.
    Wrapped {
        indent: usize,
        sql: String,
    },
    /// Statements with their own lines, never wrapped.
    Sql {
        indent: usize,
        sql: String,
    },
    /// The one that fits.
    Either(Box<Grid>, usize, Box<Page>),
    Grid(Box<Grid>, usize),
}

/// A page for people.
#[derive(Clone, Debug, Default)]
pub struct Page(Vec<Block>);

/// The column of texts beside labels.
pub(crate) const COLUMN: usize = 12;

/// Narrower than this nothing can be laid out.
const NARROWEST: usize = 40;

/// So many characters are the same of two texts that are mostly the same.
const MOSTLY: usize = 12;

/// The least room for a text beside a label.
const LEAST_ROOM: usize = 20;

impl Page {
    /// An empty line.
    pub(crate) fn blank(&mut self) {
        self.0.push(Block::Blank);
    }

    /// A heading, after an empty line.
    pub(crate) fn heading(&mut self, text: impl Into<Text>) {
        self.blank();
        self.line(0, text);
    }

    /// A label, and a text in the page's column beside it.
    pub(crate) fn row(&mut self, label: impl Into<Text>, text: impl Into<Text>) {
        self.labelled(0, label, text);
    }

    /// A label, and an address or a path beside it, which is never broken.
    pub(crate) fn address(&mut self, label: &str, address: &str) {
        self.line(0, format!("{label:<COLUMN$}{address}"));
    }

    /// A label at an indentation, and a text beside it.
    pub(crate) fn labelled(&mut self, indent: usize, label: impl Into<Text>, text: impl Into<Text>) {
        self.beside(indent, COLUMN, label, text);
    }

    /// The same, the text beginning so many columns after the indentation, or two after the label.
    pub(crate) fn beside(&mut self, indent: usize, column: usize, label: impl Into<Text>, text: impl Into<Text>) {
        let (label, text) = (label.into(), text.into());
        self.0.push(Block::Row { indent, column, label, text });
    }

    /// Two labelled texts that differ in a part.
    pub(crate) fn compared(&mut self, indent: usize, labels: [&'static str; 2], texts: [String; 2]) {
        self.0.push(Block::Compared { indent, labels, texts });
    }

    /// A text wrapped at blanks, its other lines indented by two more.
    pub(crate) fn paragraph(&mut self, indent: usize, text: impl Into<Text>) {
        self.beside(indent, 0, Text::default(), text);
    }

    /// A line that isn't wrapped.
    pub(crate) fn line(&mut self, indent: usize, text: impl Into<Text>) {
        self.0.push(Block::Line { indent, text: text.into() });
    }

    /// Statements, with their own lines.
    pub(crate) fn sql(&mut self, indent: usize, sql: impl Into<String>) {
        self.0.push(Block::Sql { indent, sql: sql.into() });
    }

    /// Statements, wrapped between their words.
    pub(crate) fn wrapped_sql(&mut self, indent: usize, sql: impl Into<String>) {
        self.0.push(Block::Wrapped { indent, sql: sql.into() });
    }

    /// A label, and statements beside it, if there are any.
    pub(crate) fn statements(&mut self, indent: usize, label: &'static str, sql: &str) {
        if !sql.is_empty() {
            self.0.push(Block::Statements { indent, label, sql: sql.to_owned() });
        }
    }

    /// Rows in columns.
    pub(crate) fn grid(&mut self, indent: usize, grid: Grid) {
        self.0.push(Block::Grid(Box::new(grid), indent));
    }

    /// Rows in columns where they fit without breaking words, and else the other page.
    pub(crate) fn grid_or(&mut self, indent: usize, grid: Grid, narrow: Page) {
        self.0.push(Block::Either(Box::new(grid), indent, Box::new(narrow)));
    }

    /// Everything of another page.
    pub(crate) fn append(&mut self, page: Page) {
        self.0.extend(page.0);
    }

    /// The page for a width, in columns; with terminal sequences for its styles if it is coloured.
    pub fn render(&self, width: u16, is_coloured: bool) -> String {
        let mut out = Rendered { lines: String::new(), width: usize::from(width).max(NARROWEST), is_coloured };
        out.page(self);
        out.lines
    }
}

struct Rendered {
    lines: String,
    width: usize,
    is_coloured: bool,
}

impl Rendered {
    fn page(&mut self, page: &Page) {
        for block in &page.0 {
            match block {
                Block::Blank => self.lines.push('\n'),
                Block::Row { indent, column, label, text } => self.row(*indent, *column, label, text),
                Block::Line { indent, text } => {
                    let mut line = " ".repeat(*indent);
                    text.words().iter().enumerate().for_each(|(at, word)| self.word(&mut line, at > 0, word));
                    self.end(&line);
                }
                Block::Compared { indent, labels, texts } => {
                    for (label, text) in labels.iter().zip(texts) {
                        self.row(*indent, COLUMN, &(*label).into(), &text.into());
                    }
                    let [one, other] = texts;
                    self.marks(indent + COLUMN, &escape::text(one), &escape::text(other));
                }
                Block::Statements { indent, label, sql } => {
                    let start = indent + COLUMN.max(label.len() + 2);
                    let mut label = *label;
                    for line in sql_text::words(sql.trim_end()) {
                        self.statement_line(*indent, std::mem::take(&mut label), start, &line);
                    }
                }
                Block::Wrapped { indent, sql } => {
                    for line in sql_text::words(sql.trim_end()) {
                        self.statement_line(*indent, "", *indent, &line);
                    }
                }
                Block::Sql { indent, sql } => {
                    for line in sql_text::statement(sql.trim_end()).split('\n') {
                        self.end(&format!("{:indent$}{line}", ""));
                    }
                }
                Block::Grid(grid, indent) => self.grid(grid, *indent),
                Block::Either(grid, indent, narrow) => {
                    if natural_width(grid) > self.width.saturating_sub(*indent) {
                        self.page(narrow);
                    } else {
                        self.grid(grid, *indent);
                    }
                }
            }
        }
    }

    fn row(&mut self, indent: usize, column: usize, label: &Text, text: &Text) {
        let label_width = label.width();
        let start = match label_width {
            0 if column == 0 => indent + 2,
            0 => indent + column,
            width => indent + column.max(width + 2),
        };
        // Under a label that leaves no room, a text begins on a line of its own.
        let is_below = start + LEAST_ROOM > self.width && label_width > 0;
        let start = if is_below { indent + 2 } else { start };
        let first = if label_width == 0 && column == 0 { indent } else { start };
        let mut line = " ".repeat(indent);
        let mut at = indent;
        for (number, word) in label.words().iter().enumerate() {
            self.word(&mut line, number > 0, word);
        }
        at += label_width;
        if is_below {
            self.end(&line);
            (line, at) = (String::new(), 0);
        }
        let _ = write!(line, "{:1$}", "", first.saturating_sub(at));
        at = at.max(first);
        let room = self.width.saturating_sub(start).max(LEAST_ROOM);
        let (mut is_first, mut is_ended) = (true, false);
        for word in text.words() {
            // A hash is copied: it has a line of its own rather than two.
            if word.width > room && is_hash(&word) {
                if !line.trim().is_empty() {
                    self.end(&line);
                }
                line = " ".repeat(indent + 2);
                self.word(&mut line, false, &word);
                self.end(&line);
                (line, at, is_first, is_ended) = (" ".repeat(start), start, true, true);
                continue;
            }
            is_ended = false;
            for part in fitting(word, room) {
                if !is_first && at + 1 + part.width > self.width {
                    self.end(&line);
                    (line, at, is_first) = (" ".repeat(start), start, true);
                }
                at += part.width + usize::from(!is_first);
                self.word(&mut line, !is_first, &part);
                is_first = false;
            }
        }
        if !is_ended {
            self.end(&line);
        }
    }

    fn statement_line(&mut self, indent: usize, label: &str, start: usize, words: &[String]) {
        let mut line = format!("{:indent$}{label:<1$}", "", start - indent);
        let mut at = start;
        for (number, word) in words.iter().enumerate() {
            if number > 0 && at + 1 + first_width(word) > self.width && at > start {
                self.end(&line);
                (line, at) = (" ".repeat(start), start);
            } else if number > 0 {
                line.push(' ');
                at += 1;
            }
            line.push_str(word);
            // A string of several lines isn't indented: it would be another one.
            at = word.rsplit_once('\n').map_or_else(|| at + word.width(), |(_, end)| end.width());
        }
        self.end(&line);
    }

    /// A line that points at what differs in the text above it from the one before.
    fn marks(&mut self, start: usize, one: &str, other: &str) {
        let fits = one.width().max(other.width()) + start < self.width;
        let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
        let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
        let left = (one.len() - same).min(other.len() - same);
        let after = (1..=left).take_while(|back| one[one.len() - back] == other[other.len() - back]).count();
        // They help only where most is the same.
        if !fits || same + after < MOSTLY {
            return;
        }
        let width = |part: &[char]| part.iter().collect::<String>().width();
        let marks = "^".repeat(width(&other[same..other.len() - after]).max(1));
        let mut line = " ".repeat(start + width(&other[..same]));
        self.word(&mut line, false, &Word { width: marks.len(), pieces: vec![(style::BAD, marks)] });
        self.end(&line);
    }

    fn word(&self, line: &mut String, blank_before: bool, word: &Word) {
        if blank_before {
            line.push(' ');
        }
        for (style, piece) in &word.pieces {
            let _ = match self.is_coloured {
                true => write!(line, "{style}{piece}{style:#}"),
                false => write!(line, "{piece}"),
            };
        }
    }

    /// Ends a line.
    fn end(&mut self, line: &str) {
        self.lines.push_str(&escape::line(line.trim_end()));
        self.lines.push('\n');
    }

    /// Cells are wrapped within their columns where the width demands it.
    fn grid(&mut self, grid: &Grid, indent: usize) {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(self.width.saturating_sub(indent)).unwrap_or(u16::MAX));
        if let Some(header) = &grid.header {
            table.set_header(header.iter().map(|it| escape::text(it)));
        }
        for row in &grid.rows {
            table.add_row(row.iter().map(|cell| escape::text(cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, grid.gap));
        }
        for at in &grid.numbers {
            if let Some(column) = table.column_mut(*at) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.lines() {
            self.end(&format!("{:indent$}{line}", ""));
        }
    }
}

/// The columns that a grid takes if no cell is wrapped.
fn natural_width(grid: &Grid) -> usize {
    let rows = || grid.header.iter().chain(&grid.rows);
    let columns = rows().map(Vec::len).max().unwrap_or_default();
    let widest = |at: usize| rows().filter_map(|row| row.get(at)).map(|cell| escape::text(cell).width()).max();
    (0..columns).filter_map(widest).map(|it| it + usize::from(grid.gap)).sum()
}

/// The columns of a word's first line.
fn first_width(word: &str) -> usize {
    word.split('\n').next().unwrap_or_default().width()
}

/// Whether a word is a SHA-256 in hexadecimal, perhaps with a sign at its end.
fn is_hash(word: &Word) -> bool {
    let text: String = word.pieces.iter().map(|(_, piece)| piece.as_str()).collect();
    let text = text.trim_end_matches(|it: char| it.is_ascii_punctuation());
    text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit())
}

/// A word in parts that fit into the room: broken where it is longer, after what separates names where there is that.
fn fitting(word: Word, room: usize) -> Vec<Word> {
    if word.width <= room {
        return vec![word];
    }
    let mut parts = vec![Word::default()];
    for (style, piece) in word.pieces {
        let mut rest = piece.as_str();
        while !rest.is_empty() {
            let part = parts.last_mut().expect("there is always one");
            let taken = taken(rest, room - part.width);
            if taken > 0 {
                part.width += rest[..taken].width();
                part.pieces.push((style, rest[..taken].to_owned()));
                rest = &rest[taken..];
            }
            if !rest.is_empty() {
                parts.push(Word::default());
            }
        }
    }
    parts
}

/// How many bytes of a word go into the room.
fn taken(word: &str, room: usize) -> usize {
    let mut width = 0;
    let (mut end, mut after_separator) = (0, 0);
    for (at, c) in word.char_indices() {
        width += c.encode_utf8(&mut [0; 4]).width();
        if width > room {
            return if after_separator * 2 > end { after_separator } else { end };
        }
        end = at + c.len_utf8();
        if matches!(c, ',' | '.' | '/' | '_' | '-' | '=' | ';' | ')' | '&') {
            after_separator = end;
        }
    }
    end
}
