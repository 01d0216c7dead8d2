//! A file of rejections.

use std::fmt::Write as _;

use serde_json::json;

use crate::migration::rejection::Rejection;
use crate::migration::run::RejectedField;

/// The lines of a rejection in a `.jsonl` file: one object a reason.
pub fn rejects_jsonl(rejection: &Rejection) -> String {
    let mut out = String::new();
    for reason in &rejection.reasons {
        let rejected = RejectedField { source_id: rejection.source_id, reason: reason.clone() };
        let _ = writeln!(out, "{}", json!(rejected));
    }
    out
}

/// The first line of a `.csv` file of rejections.
pub const REJECTS_CSV_HEAD: &str = "source_id,field,rule,value,message\r\n";

/// The lines of a rejection in a `.csv` file (RFC 4180); a null value is empty and not quoted.
pub fn rejects_csv(rejection: &Rejection) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut out = String::new();
    for it in &rejection.reasons {
        let value = it.value.as_deref().map(quoted).unwrap_or_default();
        let _ = write!(
            out,
            "{},{},{},{value},{}\r\n",
            rejection.source_id,
            quoted(&it.field),
            it.rule,
            quoted(&it.message)
        );
    }
    out
}
