//! What else happens when rows are deleted: triggers and rules of the target, and what they wrote. Pure.

use crate::base::quote::quote_identifier;
use crate::base::text::{list, plural};

/// A trigger or a rule that fires when rows of a table are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Firing {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) is_rule: bool,
    /// Whether it fires in replication, too (ENABLE ALWAYS).
    pub(crate) is_always: bool,
    /// The function, its own or one that it calls, that switches the server's counters off.
    pub(crate) hides: Option<String>,
    /// Whether its function runs text as SQL with the rights of a superuser, who can hide from the counters.
    pub(crate) may_hide: bool,
}

impl Firing {
    fn kind(&self) -> &'static str {
        if self.is_rule { "rule" } else { "trigger" }
    }

    fn shown(&self) -> String {
        format!("the {} {} of {}.{}", self.kind(), self.name, self.schema, self.table)
    }

    /// The statement that switches it off, or on again.
    fn switch(&self, word: &str) -> String {
        let [schema, table, name] = [&self.schema, &self.table, &self.name].map(|it| quote_identifier(it));
        format!("alter table {schema}.{table} {word} {} {name}", self.kind())
    }

    /// What is said of it before anything is deleted.
    pub(crate) fn note(&self, command: &str) -> String {
        let hidden = match self.may_hide {
            true => {
                "; its function runs text as SQL with the rights of a superuser, which can hide what it writes, so read it"
            }
            false => "",
        };
        format!(
            "{} fires when rows are deleted; if it writes to other rows, {command} refuses and deletes nothing of the \
             transaction{hidden}; `{}` switches it off, and `{}` on again",
            self.shown(),
            self.switch("disable"),
            self.switch(if self.is_always { "enable always" } else { "enable" })
        )
    }
}

/// Which triggers and rules there are, in words.
pub(crate) fn suspects(firing: &[Firing]) -> String {
    if firing.is_empty() {
        return "a trigger or a rule of another table does that; switch it off".to_owned();
    }
    let are = if firing.len() == 1 { "is" } else { "are" };
    let off: Vec<String> = firing.iter().map(|it| format!("`{}`", it.switch("disable"))).collect();
    format!(
        "what fires when these rows are deleted {are} {}; switch it off with {}, and on again afterwards",
        list(firing.iter().map(Firing::shown)),
        list(off)
    )
}

/// What a transaction did to the rows of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) inserted: i64,
    pub(crate) updated: i64,
    pub(crate) deleted: i64,
    /// Whether it was emptied or altered, or is another server's and was written to.
    pub(crate) is_seized: bool,
}

impl Tally {
    /// What was done after an earlier look, beside deletes that were meant.
    pub(crate) fn since(self, before: Self, deleted: i64) -> Self {
        Self {
            inserted: self.inserted - before.inserted,
            updated: self.updated - before.updated,
            deleted: self.deleted - before.deleted - deleted,
            is_seized: self.is_seized && !before.is_seized,
        }
    }

    /// What it did, in words; none if it did nothing.
    pub(crate) fn words(self, table: &str) -> Option<String> {
        let rows = |count: i64| plural(count.unsigned_abs(), "other row", "other rows");
        let did =
            |count: i64, what: &str, of: &str| (count != 0).then(|| format!("{what} {} {of} {table}", rows(count)));
        let all = [
            did(self.inserted, "inserted", "into"),
            did(self.updated, "changed", "of"),
            did(self.deleted, "deleted", "of"),
            self.is_seized.then(|| format!("emptied, altered or locked {table}, or wrote to it on another server")),
        ];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| list(all))
    }
}
