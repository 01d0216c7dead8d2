//! The legacy table as a view over `padealing`: for reports that read it, once it is gone.

use crate::base::quote::quote_literal;
use crate::base::sql_text::statement;
use crate::migration::proof::facts::Column;
use crate::migration::proof::rebuild::Rows;
use crate::migration::proof::text::{fill, identifier, literal};

const VIEW: &str = include_str!("view.sql");

/// The stored columns.
const STORED: Rows<'_> = Rows {
    request: "r.",
    manager: "m.",
    compliance: "k.",
    execution: "x.",
    holding: "a.holding",
    source_id: "n.source_id",
};

/// `create view`: the migrated rows as the legacy table had them, with its columns in its order and of its types.
/// `schema` and `name` are the view's. It runs on PostgreSQL 13 to 19.
pub fn legacy_view(columns: &[Column], (schema, name): (&str, &str)) -> String {
    let view = format!("{}.{}", identifier(schema), identifier(name));
    let each = columns.iter().map(|column| {
        let text = STORED.rebuilt(&column.name, "a.residual");
        format!("({text})::{} as {}", statement(&column.sql_type), identifier(&column.name))
    });
    let comment = "The rows of the legacy table personal_account_dealing that pad-migrate has migrated, as they were: \
                   rebuilt from the schema padealing at each query. Rows that were rejected are not among them. Texts \
                   of timestamps assume DateStyle ISO, and those of moments the time zone UTC.";
    let comments = columns.iter().map(|column| {
        let from = match column.known() {
            Some(_) => "From its column in padealing, or the text that was kept of it",
            None => "From the text that was kept of it",
        };
        format!("comment on column {view}.{} is {};", identifier(&column.name), literal(from))
    });
    fill(
        VIEW,
        &[
            ("view", &view),
            ("columns", &each.collect::<Vec<_>>().join(",\n       ")),
            ("comment", &quote_literal(comment)),
            ("comments", &comments.collect::<Vec<_>>().join("\n")),
        ],
    )
}
