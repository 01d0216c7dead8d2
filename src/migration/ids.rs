//! Legacy rows that their ids don't identify: what can name them, and so migrate them, is missing (D5, D6).

use std::fmt::Display;

use crate::base::text::{list, plural, thousands};
use crate::migration::legacy::LegacyColumn;
use crate::migration::rejection::{Reason, Rejection, Rule};

/// Rows whose ids don't identify them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OddIds {
    /// Rows whose id is null, or no bigint.
    pub without: u64,
    /// Some of these ids, and how many rows have each; the most frequent first.
    pub examples: Vec<(Option<String>, u64)>,
    /// How many ids several rows have.
    pub repeated: u64,
    /// How many rows have these ids.
    pub repeating: u64,
    /// The first of these ids.
    pub first: Vec<i64>,
}

impl OddIds {
    /// What people are to know of such rows, a sentence each.
    pub fn sentences(&self, table: &dyn Display) -> Vec<String> {
        let without = (self.without > 0).then(|| {
            format!(
                "{} of {table} {} an id that is not a whole number of 64 bits ({}), and {} rejected; lists of rejections \
                 go by the id, so none names them; correct the ids in the source",
                plural(self.without, "row", "rows"),
                if self.without == 1 { "has" } else { "have" },
                self.shown(),
                if self.without == 1 { "is" } else { "are" },
            )
        });
        let repeated = (self.repeated > 0).then(|| {
            let first = list(self.first.iter().map(ToString::to_string));
            let others = if self.repeated > self.first.len() as u64 { " and others" } else { "" };
            format!(
                "{} of {table} {} more than once ({first}{others}), in {}, which can't be told apart and are rejected \
                 (id_collision); give each row an id of its own in the source",
                plural(self.repeated, "id", "ids"),
                if self.repeated == 1 { "occurs" } else { "occur" },
                plural(self.repeating, "row", "rows"),
            )
        });
        without.into_iter().chain(repeated).collect()
    }

    fn shown(&self) -> String {
        let each = self.examples.iter().map(|(id, rows)| {
            let id = id.as_ref().map_or_else(|| "null".to_owned(), |id| format!("'{id}'"));
            if *rows == 1 { id } else { format!("{id} {} times", thousands(*rows)) }
        });
        let others = if self.without > self.examples.iter().map(|(_, rows)| rows).sum() { " and others" } else { "" };
        list(each) + others
    }
}

/// The rejection of each row that shares its id with others; of one less, if one was migrated while it was alone.
pub(crate) fn repeated_id(source_id: i64, rows: i64, is_migrated: bool) -> Rejection {
    let none = match is_migrated {
        true => "; one of them was migrated while it was alone, and no other is",
        false => ", so none of them is migrated",
    };
    let message = format!("{rows} legacy rows have the id {source_id}{none}; give each an id of its own");
    let value = Some(source_id.to_string());
    let field = LegacyColumn::Id.name().to_owned();
    Rejection { source_id, reasons: vec![Reason { field, rule: Rule::IdCollision, value, message }], origin: None }
}
