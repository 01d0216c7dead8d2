//! A named check and how it went. Pure.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::base::outcome::Verdict;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It could not be made, or has no meaning here; the message says why.
    Skip,
    /// As it should be.
    Pass,
    /// It works, and a person should look.
    Warn,
    /// Something would go wrong.
    Fail,
}

impl Status {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check has to show beside its message: columns, and rows of as many cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns' names, as JSON has them.
    pub columns: &'static [&'static str],
    /// The cells: texts, numbers, booleans and nulls.
    pub rows: Vec<Vec<Value>>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, which stays the same from version to version.
    pub name: &'static str,
    /// How it went.
    pub status: Status,
    /// What was found, and what to do if it isn't as it should be.
    pub message: String,
    /// How long it took, where that says something.
    pub elapsed: Option<Duration>,
    /// The particulars.
    pub table: Table,
}

impl Check {
    /// A check without particulars.
    pub fn new(name: &'static str, status: Status, message: impl Into<String>) -> Self {
        Self { name, status, message: message.into(), elapsed: None, table: Table::default() }
    }

    /// The same check with particulars.
    pub fn with_table(self, columns: &'static [&'static str], rows: Vec<Vec<Value>>) -> Self {
        Self { table: Table { columns, rows }, ..self }
    }

    /// The same check with its time.
    pub fn took(self, elapsed: Duration) -> Self {
        Self { elapsed: Some(elapsed), ..self }
    }

    /// As the contract has it: name, status, message, rows; and milliseconds where there are some.
    pub fn json(&self) -> Value {
        let row = |cells: &Vec<Value>| {
            let pairs = self.table.columns.iter().zip(cells);
            Value::Object(pairs.map(|(column, cell)| ((*column).to_owned(), cell.clone())).collect())
        };
        let mut object = Map::new();
        object.insert("name".to_owned(), json!(self.name));
        object.insert("status".to_owned(), json!(self.status.as_str()));
        object.insert("message".to_owned(), json!(self.message));
        object.insert("rows".to_owned(), self.table.rows.iter().map(row).collect());
        if let Some(elapsed) = self.elapsed {
            object.insert("milliseconds".to_owned(), json!((elapsed.as_secs_f64() * 10_000.0).round() / 10.0));
        }
        Value::Object(object)
    }
}

/// A person must look at whatever is not as it should be.
pub fn verdict(checks: &[Check]) -> Verdict {
    Verdict::clean_if(checks.iter().all(|it| it.status <= Status::Pass))
}
