//! What is fuzzed: each target takes any bytes and asserts what holds of them. `fuzz/` compiles this file, too, under
//! libFuzzer, so that it uses the crate's own doors and nothing of the tests but what `fuzz/src/main.rs` names.

mod config;
mod csv;
mod escape;
pub(crate) mod schema;
mod transform;

/// A target.
pub(crate) type Target = fn(&[u8]);

/// All targets by their names, which are those of their corpora.
pub(crate) const TARGETS: [(&str, Target); 11] = [
    ("csv_file", csv::file),
    ("csv_records", csv::records),
    ("document", escape::document),
    ("env_file", config::env_file),
    ("escape", escape::texts),
    ("exceptions", schema::exceptions),
    ("guard", schema::guard),
    ("snapshot", schema::snapshot),
    ("spelling", schema::spelling),
    ("transform", transform::transform_and_back),
    ("url", config::url),
];

/// The bytes as text, if they are.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
