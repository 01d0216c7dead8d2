//! Target rows encoded for COPY. The encoder is the hot path of `migrate`: a cell costs no allocation.

use crate::migration::columns::{CellWriter, TargetRow};
use crate::migration::copy_text::{escape, escape_json, is_plain_json};
use crate::migration::legacy::LegacyColumn;
use crate::migration::target::{Assessment, Plain};
use crate::migration::text::{Large, Text};

/// A part of what is sent to COPY.
pub(crate) enum CopyPart {
    /// Encoded bytes.
    Bytes(Vec<u8>),
    /// A text that is still in the source.
    LargeText(LargeTextRef),
}

/// A large text of a legacy row, and how it must be escaped.
pub(crate) struct LargeTextRef {
    /// The legacy row.
    pub(crate) source_id: i64,
    /// The legacy column.
    pub(crate) column: String,
    /// What the text's digest must be.
    pub(crate) sha256: String,
    /// Whether it is part of a JSON string.
    pub(crate) in_json: bool,
}

/// Rows of one table, encoded for one COPY.
#[derive(Default)]
pub(crate) struct CopyRows {
    parts: Vec<CopyPart>,
    open: Vec<u8>,
    row_is_empty: bool,
    source_id: i64,
    count: usize,
}

/// The COPY statement of a row type.
pub(crate) fn copy_statement<R: TargetRow>() -> String {
    // Quoted, because "timestamp" is a type's name too.
    let columns: Vec<String> = R::COLUMNS.iter().map(|column| format!("\"{column}\"")).collect();
    format!("copy padealing.{} ({}) from stdin", R::TABLE, columns.join(", "))
}

impl CopyRows {
    /// Adds a row that came from this legacy row.
    pub(crate) fn push(&mut self, source_id: i64, row: &impl TargetRow) {
        self.row_is_empty = true;
        self.source_id = source_id;
        self.count += 1;
        row.write_cells(self);
        self.open.push(b'\n');
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// What is to be sent, in order.
    pub(crate) fn into_parts(mut self) -> Vec<CopyPart> {
        self.parts.push(CopyPart::Bytes(self.open));
        self.parts
    }

    fn separate(&mut self) {
        if !self.row_is_empty {
            self.open.push(b'\t');
        }
        self.row_is_empty = false;
    }

    fn null(&mut self) {
        self.separate();
        self.open.extend_from_slice(b"\\N");
    }

    fn large_text(&mut self, column: &str, large: Large<'_>, in_json: bool) {
        self.parts.push(CopyPart::Bytes(std::mem::take(&mut self.open)));
        self.parts.push(CopyPart::LargeText(LargeTextRef {
            source_id: self.source_id,
            column: column.to_owned(),
            sha256: large.sha256().to_owned(),
            in_json,
        }));
    }

    fn json_string(&mut self, text: &str) {
        self.open.push(b'"');
        if is_plain_json(text.as_bytes()) {
            self.open.extend_from_slice(text.as_bytes());
        } else {
            let mut quoted = Vec::with_capacity(text.len() + 2);
            escape_json(text.as_bytes(), &mut quoted);
            escape(&quoted, &mut self.open);
        }
        self.open.push(b'"');
    }
}

impl CellWriter for CopyRows {
    fn implied(&mut self, column: &'static str, value: impl Plain) {
        self.value(column, Some(value));
    }

    fn value(&mut self, _: &'static str, value: Option<impl Plain>) {
        let Some(value) = value else { return self.null() };
        self.separate();
        value.with_bytes(|bytes| self.open.extend_from_slice(bytes));
    }

    fn flag(&mut self, _: &'static str, value: Option<bool>) {
        let Some(value) = value else { return self.null() };
        self.separate();
        self.open.push(if value { b't' } else { b'f' });
    }

    fn text(&mut self, _: &'static str, value: Option<Text<'_>>, from: LegacyColumn) {
        let Some(text) = value else { return self.null() };
        self.separate();
        match text {
            Text::Plain(text) => escape(text.as_bytes(), &mut self.open),
            Text::Large(large) => self.large_text(from.name(), large, false),
        }
    }

    fn assessment(&mut self, _: &'static str, assessment: &Assessment<'_>) {
        if assessment.is_empty() {
            return self.null();
        }
        self.separate();
        self.open.push(b'{');
        if let Some(holding_period) = assessment.holding_period {
            self.open.extend_from_slice(b"\"holding_period\":");
            self.open.extend_from_slice(if holding_period { b"true" } else { b"false" });
        }
        if !assessment.legacy.is_empty() {
            let start: &[u8] = if assessment.holding_period.is_some() { b",\"legacy\":{" } else { b"\"legacy\":{" };
            self.open.extend_from_slice(start);
            for (at, (name, text)) in assessment.legacy.iter().enumerate() {
                if at > 0 {
                    self.open.push(b',');
                }
                self.json_string(name);
                self.open.push(b':');
                match text {
                    None => self.open.extend_from_slice(b"null"),
                    Some(Text::Plain(text)) => self.json_string(text),
                    Some(Text::Large(large)) => {
                        self.open.push(b'"');
                        self.large_text(name, large, true);
                        self.open.push(b'"');
                    }
                }
            }
            self.open.push(b'}');
        }
        self.open.push(b'}');
    }
}
