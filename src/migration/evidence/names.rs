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

/// How the folder is read.
pub(crate) const README: &str = "README.txt";
/// Checks the proof of one row.
pub(crate) const CHECK_ROW: &str = "check-row.sh";
/// Computes everything again.
pub(crate) const PROOF: &str = "proof.sql";
/// The same without the legacy table.
pub(crate) const PROOF_WITHOUT_TABLE: &str = "proof-without-legacy-table.sql";
/// The legacy table as a view.
pub(crate) const LEGACY_VIEW: &str = "legacy-view.sql";

/// The files that each manifest names.
pub(crate) const EACH: [&str; 6] = [README, CHECK_ROW, LEGACY_VIEW, PROOF, REJECTIONS, ROWS];

/// The files that are the same in each bundle of a version, with their texts.
pub const TEXTS: [(&str, &[u8]); 2] =
    [(README, include_bytes!("README.txt")), (CHECK_ROW, include_bytes!("check-row.sh"))];

/// What a version writes for the same rows and claims.
pub const WRITTEN: [&str; 3] = [PROOF, PROOF_WITHOUT_TABLE, LEGACY_VIEW];
