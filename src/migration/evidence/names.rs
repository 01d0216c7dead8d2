//! The names of a bundle's files.

/// A line for each legacy row.
pub(crate) const ROWS: &str = "rows.txt";
/// The reasons of rejected rows, a JSON object each.
pub(crate) const REJECTIONS: &str = "rejections.jsonl";
/// The claims.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The hashes of all other files, as sha256sum checks them.
pub(crate) const SUMS: &str = "SHA256SUMS";
/// The signature of the manifest.
pub(crate) const SIGNATURE: &str = "manifest.json.sig";
/// The question for a timestamp token of the manifest.
pub(crate) const TIMESTAMP_QUERY: &str = "manifest.tsq";
