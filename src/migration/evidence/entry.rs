//! What is kept of each legacy row: its state, its hash on both sides, and the leaves that follow.

use std::fmt;

use crate::migration::accounting::State;
use crate::migration::evidence::text::Lines;
use crate::migration::evidence::tree::Hash;
use crate::migration::stored::Stored;
use crate::migration::target::Role;
use crate::migration::text::Text;

/// What the target gives back of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The legacy row, to the byte; and all else that is stored for it is right.
    Same,
    /// The legacy row, to the byte, though something that is stored for it is not right.
    Wrong,
    /// Another row, which has this hash.
    Other(Hash),
    /// Nothing: the request that lineage names isn't there, or holds what no migration writes.
    Missing,
}

/// A line of `rows.txt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The legacy row's id.
    pub id: i64,
    /// The hash of the legacy row.
    pub source: Hash,
    /// What became of it.
    pub fate: Fate,
    /// Whether a column holds what is no text, so that SQL can't compute the hash. In no line.
    pub opaque: bool,
}

/// What became of a legacy row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has lineage.
    Migrated {
        /// What the target gives back.
        target: Target,
        /// The hash of what the legacy row doesn't determine: keys, and when they were written.
        keys: Hash,
    },
    /// It is not migrated, for reasons on record. The leaf that they give is in its line, once they are known.
    Rejected(Option<Hash>),
    /// It was never tried.
    Pending,
}

impl Entry {
    /// What became of it, in a word.
    pub fn state(&self) -> State {
        match self.fate {
            Fate::Migrated { .. } => State::Migrated,
            Fate::Rejected(_) => State::Rejected,
            Fate::Pending => State::Pending,
        }
    }

    /// The leaves of the three trees: source, target and keys. `rejected` is the leaf of a rejected row.
    pub(crate) fn leaves(&self, rejected: Option<Hash>) -> [Hash; 3] {
        match self.fate {
            Fate::Migrated { target, keys } => {
                let target = match target {
                    Target::Same | Target::Wrong => self.source,
                    Target::Other(hash) => hash,
                    Target::Missing => Hash::of(b"missing\n"),
                };
                [self.source, target, keys]
            }
            Fate::Rejected(_) => [rejected.unwrap_or_else(|| rejected_leaf(self.source, &[])); 3],
            Fate::Pending => [pending_lines(self.source).hash(); 3],
        }
    }

    /// The text of the leaf in the source's tree, where that is not the row's text itself.
    pub(crate) fn leaf_text(&self, rejected: impl FnOnce(Hash) -> Lines) -> Option<Lines> {
        match self.fate {
            Fate::Migrated { .. } => None,
            Fate::Rejected(_) => Some(rejected(self.source)),
            Fate::Pending => Some(pending_lines(self.source)),
        }
    }

    /// The same, with the leaf that the reasons of a rejected row give.
    pub(crate) fn with_reasons(self, reasons: &[Rejected]) -> Self {
        match self.fate {
            Fate::Rejected(_) => Self { fate: Fate::Rejected(Some(rejected_leaf(self.source, reasons))), ..self },
            _ => self,
        }
    }

    /// Reads a line of `rows.txt`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(' ');
        let (id, state, source) = (fields.next()?.parse().ok()?, fields.next()?, Hash::parse(fields.next()?)?);
        let (target, keys) = (fields.next()?, fields.next()?);
        let fate = match (state, target, keys) {
            ("migrated", target, keys) => Fate::Migrated {
                target: match target {
                    "=" => Target::Same,
                    "wrong" => Target::Wrong,
                    "missing" => Target::Missing,
                    hash => Target::Other(Hash::parse(hash)?),
                },
                keys: Hash::parse(keys)?,
            },
            ("rejected", "-", leaf) => Fate::Rejected(Some(Hash::parse(leaf)?)),
            ("pending", "-", "-") => Fate::Pending,
            _ => return None,
        };
        let entry = Self { id, source, fate, opaque: false };
        // A number has one spelling, and a line no more fields.
        (fields.next().is_none() && entry.to_string() == line).then_some(entry)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, source, fate, .. } = self;
        write!(f, "{id} {} {source} ", self.state().as_str())?;
        match fate {
            Fate::Migrated { target: Target::Same, keys } => write!(f, "= {keys}"),
            Fate::Migrated { target: Target::Wrong, keys } => write!(f, "wrong {keys}"),
            Fate::Migrated { target: Target::Missing, keys } => write!(f, "missing {keys}"),
            Fate::Migrated { target: Target::Other(hash), keys } => write!(f, "{hash} {keys}"),
            Fate::Rejected(Some(leaf)) => write!(f, "- {leaf}"),
            Fate::Rejected(None) | Fate::Pending => f.write_str("- -"),
        }
    }
}

/// A row of `migration_reject` that is open, as text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// The legacy row's id.
    pub source_id: i64,
    /// `id` of the record.
    pub id: String,
    /// The legacy column.
    pub field: String,
    /// The rule that its value broke.
    pub rule: String,
    /// The value, as far as it is on record.
    pub value: Option<String>,
    /// The sentence about it.
    pub message: Option<String>,
    /// The run that rejected it first.
    pub first_run_id: Option<String>,
    /// The run that rejected it last.
    pub last_run_id: Option<String>,
}

fn pending_lines(source: Hash) -> Lines {
    let mut lines = Lines::default();
    lines.begin("pending");
    lines.line("row", Some(&source.to_string()));
    lines
}

/// The leaf of a rejected row, by the reasons on record in the order of field and rule.
pub(crate) fn rejected_leaf(source: Hash, reasons: &[Rejected]) -> Hash {
    rejected_lines(source, reasons).hash()
}

/// The text of such a leaf.
pub(crate) fn rejected_lines(source: Hash, reasons: &[Rejected]) -> Lines {
    let mut lines = Lines::default();
    lines.begin("rejected");
    lines.line("row", Some(&source.to_string()));
    for reason in reasons {
        let Rejected { source_id: _, id, field, rule, value, message, first_run_id, last_run_id } = reason;
        lines.line("id", Some(id));
        lines.line("field", Some(field));
        lines.line("rule", Some(rule));
        lines.line("value", value.as_deref());
        lines.line("message", message.as_deref());
        lines.line("first_run_id", first_run_id.as_deref());
        lines.line("last_run_id", last_run_id.as_deref());
    }
    lines
}

/// Writes the text of what the legacy row doesn't determine.
pub(crate) fn write_keys(lines: &mut Lines, stored: &Stored) {
    lines.begin("keys");
    let security = stored.request.as_ref().and_then(|cells| cells.get("security_id"));
    lines.line("security_id", security.and_then(Text::plain));
    for role in Role::ALL {
        let row = stored.lineage.iter().find(|row| row.role == Ok(*role));
        lines.line(role.as_str(), row.and_then(|row| row.record.as_deref()));
    }
}
