//! Names and texts as SQL takes them.

/// An identifier as SQL takes it, whatever its characters (documentation, Identifiers and Key Words).
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string constant as SQL takes it under `standard_conforming_strings`.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
