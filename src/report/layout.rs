//! What every report shares: the JSON's first fields, and lines of text.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::base::outcome::Verdict;
use crate::config::environment::Environment;

/// The fields that every command's JSON begins with.
pub fn head(command: &str, environment: Environment, server_version: &str, verdict: Verdict) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("tool".to_owned(), json!("pad-migrate"));
    object.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    object.insert("command".to_owned(), json!(command));
    object.insert("environment".to_owned(), json!(environment.as_str()));
    object.insert("server_version".to_owned(), json!(server_version));
    object.insert("outcome".to_owned(), json!(verdict.as_str()));
    object
}

/// What a command prints as JSON when it could not do its work; the environment as far as the command line names it.
pub fn failed_json(command: &str, environment: Option<Environment>, error: &str) -> Value {
    json!({
        "tool": "pad-migrate",
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "environment": environment.map(Environment::as_str),
        "server_version": null,
        "outcome": "failed",
        "error": error,
    })
}

/// A line of `label  text`, the text aligned with the other lines' texts.
pub(crate) fn line(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "{label:<12}{text}");
}

pub(crate) fn rate(rows: u64, elapsed: Duration) -> f64 {
    rows as f64 / elapsed.as_secs_f64().max(1e-9)
}

/// Rejections that the text shows; the rest is a count.
pub(crate) const SHOWN: usize = 20;
