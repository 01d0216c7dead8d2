//! What the target says when it refuses rows, and whether that is about a row or about the whole run (D21).

use crate::config::mask::{mask_quoted, mask_urls, quotes_values};
use crate::migration::legacy::LegacyColumn;
use crate::migration::rejection::{Reason, Rule};
use crate::migration::text::Text;

/// What an error of the target is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// A row: without it the others can be written.
    Row,
    /// The run: the next row would meet the same, or it passes by itself.
    Run,
}

/// Decides by the SQLSTATE's class (documentation, appendix A, PostgreSQL Error Codes).
pub fn culprit(sqlstate: &str) -> Culprit {
    match sqlstate.get(..2).unwrap_or_default() {
        // A sequence at its end: every next row would meet it.
        "22" if sqlstate == "2200H" => Culprit::Run,
        // Data that a type, a domain or a function can't take; a violated constraint or check option; no partition.
        "22" | "23" | "44" => Culprit::Row,
        // A row that no page or no index entry can hold, or that makes a trigger's work too deep. Other codes of the
        // class are about statements.
        "54" if sqlstate == "54000" => Culprit::Row,
        // What a trigger's function meets while it works at the row: no case for it, several rows where one may be, no
        // value to return, and what it raises by itself.
        "20" | "21" | "2F" | "38" | "P0" => Culprit::Row,
        // Connections (08), transactions and conflicts (25, 2D, 40), missing rights and broken definitions (42: a
        // right that a trigger's function lacks stops every row that meets it, until it is granted), disk and memory
        // (53), objects in use (55), cancelled or shut down (57), the system (58, XX), foreign servers (HV), and the
        // rest of what PostgreSQL itself defines.
        "00" | "01" | "02" | "03" | "08" | "09" | "0A" | "0B" | "0F" | "0L" | "0P" | "0Z" | "10" | "24" | "25"
        | "26" | "27" | "28" | "2B" | "2D" | "34" | "39" | "3B" | "3D" | "3F" | "40" | "42" | "53" | "54" | "55"
        | "57" | "58" | "72" | "F0" | "HV" | "XX" => Culprit::Run,
        // A class of its own, which only a function can have raised.
        _ => Culprit::Row,
    }
}

/// A row's refusal, as far as it may be recorded: the server's short message without the values that it quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The table that was being written; none when deferred constraints are checked.
    pub table: Option<String>,
    /// The server's message without the values that it quotes, or what became of the row.
    message: String,
    /// None where the row was dropped without an error.
    pub sqlstate: Option<String>,
    /// The function that raised the error.
    pub function: Option<String>,
}

impl Refusal {
    /// What the server said, while it worked at a table or checked what is checked last; the context is where it was.
    pub fn new(table: Option<String>, sqlstate: &str, message: &str, context: Option<&str>) -> Self {
        let is_masked = quotes_values(sqlstate, context);
        let message = if is_masked { mask_quoted(message) } else { message.to_owned() };
        // What else the context says quotes the row.
        let frame = context.and_then(|it| it.lines().find_map(|line| line.strip_prefix("PL/pgSQL function ")));
        let function = frame.and_then(|it| it.split_once(" line ")).map(|(name, _)| name.to_owned());
        Self { table, message, sqlstate: Some(sqlstate.to_owned()), function }
    }

    /// A table dropped the row without an error.
    pub(crate) fn dropped(table: &str) -> Self {
        let message = "a trigger or a rule of the table drops it".to_owned();
        Self { table: Some(table.to_owned()), message, sqlstate: None, function: None }
    }

    /// A table kept the row without an error.
    pub(crate) fn left(table: &str) -> Self {
        let message = "a trigger or a rule of the table keeps it".to_owned();
        Self { table: Some(table.to_owned()), message, sqlstate: None, function: None }
    }

    /// Which table refuses what, and what it says.
    pub(crate) fn sentence(&self, refuses: &str) -> String {
        let place = self.table.as_ref().map_or("padealing".to_owned(), |table| format!("padealing.{table}"));
        let mut origin: Vec<String> = self.sqlstate.iter().map(|code| format!("SQLSTATE {code}")).collect();
        origin.extend(self.function.iter().map(|name| format!("function {name}")));
        let origin = if origin.is_empty() { String::new() } else { format!(" ({})", origin.join(", ")) };
        format!("{place} {refuses}: {}{origin}", self.words())
    }

    /// Why the row is rejected.
    pub fn reason(&self, source_id: i64) -> Reason {
        Reason {
            field: LegacyColumn::Id.name().to_owned(),
            rule: Rule::RefusedByTarget,
            value: Some(source_id.to_string()),
            message: format!(
                "{}; correct the row in the source, or what refuses it in the target",
                self.sentence("refuses the row")
            ),
        }
    }

    /// Whether another row is refused by the same thing.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (&self.table, &self.sqlstate, &self.function) == (&other.table, &other.sqlstate, &other.function)
    }

    /// The message, masked and shortened.
    pub(crate) fn words(&self) -> String {
        Text::from(&*mask_urls(&self.message)).excerpt()
    }
}
