//! Bodies of functions: how a line ends is a matter of the editor, but for what a literal says.

use squawk_syntax::{SourceFile, SyntaxKind as S};

/// Whether two bodies in SQL or PL/pgSQL are the same but for the ends of lines.
pub(crate) fn same_lines(one: &str, other: &str) -> bool {
    one == other || one.replace("\r\n", "\n") == other.replace("\r\n", "\n") && unified(one) == unified(other)
}

/// With the line ends of Unix, but within literals and quoted names.
fn unified(body: &str) -> String {
    let parsed = SourceFile::parse(body);
    let tokens = parsed.syntax_node().descendants_with_tokens().filter_map(|part| part.into_token());
    let mut text = String::new();
    for token in tokens {
        match token.kind() {
            S::WHITESPACE | S::COMMENT => text.push_str(&token.text().replace("\r\n", "\n")),
            _ => text.push_str(token.text()),
        }
    }
    text
}
