//! Code of others that the server runs while steps are sent: functions of event triggers, of triggers on the history,
//! of indexes and conditions on tables that are rewritten. What their text says for sure. Pure.

use std::collections::{BTreeMap, BTreeSet};

use squawk_lexer::{TokenKind, tokenize};

/// When a function runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// On an event of DDL, for these tags; for all of them, if there are none.
    Event {
        /// `ddl_command_start`, `ddl_command_end`, `sql_drop` or `table_rewrite`.
        event: String,
        /// Such as `ALTER TABLE`.
        tags: Vec<String>,
    },
    /// When the history gets a line.
    Record {
        /// Whether the line is what it returns.
        returns_row: bool,
    },
    /// When the rows of a table are written again: its schema and name.
    Rewrite(String, String),
}

/// A function that the server runs for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// What has it run: `event trigger ddl_logger`.
    pub caller: String,
    /// The name of that in SQL.
    pub name: String,
    /// When.
    pub occasion: Occasion,
    /// The function, with its arguments.
    pub function: String,
    /// Its text.
    pub source: String,
    /// Whether it sets its own `search_path`.
    pub has_search_path: bool,
    /// Who owns what has it run.
    pub owner: String,
    /// Whether it runs under a condition only (WHEN), which may not hold.
    pub is_conditional: bool,
}

/// What names mean outside `pg_catalog`: the schemas that have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meanings {
    /// Of relations.
    pub relations: BTreeMap<String, Vec<String>>,
    /// Of functions.
    pub functions: BTreeMap<String, Vec<String>>,
}

/// What a function's text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The message with which it refuses.
    pub refusal: Option<String>,
    /// The relations that it writes to or locks, each with its schema.
    pub written: BTreeSet<(String, String)>,
    /// A name that it gives without a schema, and the schema that has it.
    pub unqualified: Option<(String, String)>,
    /// What it does to the history's line: `drops it`.
    pub alteration: Option<String>,
    /// Whether all of that happens each time: nothing in the text is conditional.
    pub is_certain: bool,
}

/// The words and signs of a text, without comments; words in lower case.
pub(crate) fn tokens(source: &str) -> Vec<String> {
    let mut rest = source;
    let mut found = Vec::new();
    for token in tokenize(source) {
        let (part, after) = rest.split_at(token.len as usize);
        rest = after;
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => {}
            TokenKind::Ident => found.push(part.to_lowercase()),
            TokenKind::QuotedIdent { .. } => found.push(part.trim_matches('"').replace("\"\"", "\"")),
            _ => found.push(part.to_owned()),
        }
    }
    found
}

/// What follows RAISE where it refuses nothing, and in a handler where it raises again.
const NOT_REFUSING: [&str; 6] = ["debug", "log", "info", "notice", "warning", ";"];

/// What has its own course only under a condition.
const CONDITIONAL: [&str; 7] = ["if", "case", "when", "loop", "while", "for", "execute"];

/// The columns of the history that are read back.
const RECORDED: [&str; 5] = ["revision", "name", "checksum", "kind", "environment"];

impl Code {
    /// Reads the function's text.
    pub fn read(&self, meanings: &Meanings) -> Reading {
        let words = tokens(&self.source);
        let at = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
        let mut reading = Reading { is_certain: !self.is_conditional, ..Reading::default() };
        for (i, word) in words.iter().enumerate() {
            let before = if i == 0 { "" } else { at(i - 1) };
            match (word.as_str(), at(i + 1)) {
                ("exception", _) if before != "raise" => reading.is_certain = false,
                ("raise", "exception") => reading.refusal = Some(message(at(i + 2))),
                ("raise", next) if next.starts_with(['\'', '$']) => reading.refusal = Some(message(next)),
                // `raise sqlstate '…'`, `raise using message = '…'`, `raise some_condition`.
                ("raise", next) if !NOT_REFUSING.contains(&next) => {
                    let rest = &words[i..];
                    let end = rest.iter().position(|it| it == ";").unwrap_or(rest.len());
                    let text = rest[..end].iter().find(|it| it.starts_with(['\'', '$']));
                    reading.refusal = Some(text.map_or_else(|| next.to_owned(), |it| message(it)));
                }
                ("assert", "false") => reading.refusal = Some("assertion failed".to_owned()),
                ("insert" | "merge", "into") | ("delete", "from") | ("lock" | "truncate", "table") => {
                    self.names_relation(&words, i + 2, true, meanings, &mut reading);
                }
                ("update" | "lock" | "truncate", _) if before != "for" && before != "no" => {
                    self.names_relation(&words, i + 1, true, meanings, &mut reading);
                }
                ("from" | "join", _) => self.names_relation(&words, i + 1, false, meanings, &mut reading),
                ("return", "null") if reading.alteration.is_none() && self.returns_line() => {
                    reading.alteration = Some("drops it".to_owned());
                }
                ("new", ".") if matches!(before, ";" | "begin") && at(i + 3).starts_with([':', '=']) => {
                    let column = at(i + 2);
                    if self.returns_line() && RECORDED.contains(&column) {
                        reading.alteration = Some(format!("changes its {column}"));
                    }
                }
                (word, "(") if before != "." && before != "into" && before != "function" => {
                    self.names(word, meanings.functions.get(word), &mut reading);
                }
                (word, _) if CONDITIONAL.contains(&word) => reading.is_certain = false,
                _ => {}
            }
        }
        reading
    }

    fn returns_line(&self) -> bool {
        self.occasion == Occasion::Record { returns_row: true }
    }

    /// A relation that stands at a place in the text.
    fn names_relation(
        &self,
        words: &[String],
        at: usize,
        is_written: bool,
        meanings: &Meanings,
        reading: &mut Reading,
    ) {
        let Some(first) = words.get(at) else { return };
        let is_qualified = words.get(at + 1).is_some_and(|it| it == ".");
        if let Some(name) = words.get(at + 2).filter(|_| is_qualified) {
            if is_written {
                reading.written.insert((first.clone(), name.clone()));
            }
            return;
        }
        let schemas = meanings.relations.get(first);
        if let Some(schema) = schemas.and_then(|it| it.first()).filter(|_| is_written && self.has_search_path) {
            reading.written.insert((schema.clone(), first.clone()));
        }
        self.names(first, schemas, reading);
    }

    /// A name without a schema means nothing where only `pg_catalog` is searched.
    fn names(&self, name: &str, schemas: Option<&Vec<String>>, reading: &mut Reading) {
        if let (Some(schema), false, None) =
            (schemas.and_then(|it| it.first()), self.has_search_path, &reading.unqualified)
        {
            reading.unqualified = Some((name.to_owned(), schema.clone()));
        }
    }
}

fn message(literal: &str) -> String {
    let inner = match literal.strip_prefix('$').and_then(|it| it.split_once('$')) {
        Some((tag, rest)) => rest.strip_suffix(&format!("${tag}$")).unwrap_or(rest),
        None => literal.trim_matches('\''),
    };
    inner.replace("''", "'")
}
