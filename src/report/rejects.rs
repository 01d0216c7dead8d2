//! A file of rejections.

use std::fmt::Write as _;

use crate::base::escape;
use crate::migration::rejection::{Reason, Rejection};
use crate::migration::run::RejectedField;

/// The lines of a rejection in a `.jsonl` file: one object a reason.
pub(crate) fn rejects_jsonl(rejection: &Rejection) -> String {
    let mut out = String::new();
    for rejected in RejectedField::all(rejection.clone()) {
        let _ = writeln!(
            out,
            "{}",
            escape::json(&serde_json::to_string(&rejected).expect("it has only texts and numbers"))
        );
    }
    out
}

/// The first line of a `.csv` file of rejections.
pub(crate) const REJECTS_CSV_HEAD: &str = "source_id,field,rule,value,message\r\n";

/// The lines of a rejection in a `.csv` file (RFC 4180).
///
/// A null value is empty and not quoted, an empty text is quoted: Postgres's `copy … csv` reads them as what they are.
/// The csv crate quotes by writer, not by cell (`QuoteStyle`), and can't tell the two apart. Such files are opened in
/// spreadsheets: a text is escaped for these, and `.jsonl` has it as it is.
pub(crate) fn rejects_csv(rejection: &Rejection) -> String {
    let quoted = |text: &str| format!("\"{}\"", escape::cell(text).replace('"', "\"\""));
    let mut out = String::new();
    for Reason { field, rule, value, message } in &rejection.reasons {
        let (field, message) = (quoted(field), quoted(message));
        let value = value.as_deref().map(quoted).unwrap_or_default();
        let _ = write!(out, "{},{field},{rule},{value},{message}\r\n", rejection.source_id);
    }
    out
}
