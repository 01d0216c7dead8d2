//! Why a statement is not sent.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode as _};

/// Why a statement is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused to send `{statement}`: {reason}")]
pub struct Refusal {
    /// How the statement begins, on one line.
    pub statement: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Stands for what `%I` and `%L` of a dynamic statement will be. No text that is checked may hold the character.
pub(super) const HOLE: char = '\u{F8FF}';

pub(super) type Checked = Result<(), Refusal>;

pub(super) fn refuse(node: &SyntaxNode, reason: &str) -> Checked {
    let whole = node.ancestors().find(|it| ast::Stmt::can_cast(it.kind())).unwrap_or_else(|| node.clone());
    Err(refusal(&whole.text().to_string(), reason))
}

pub(super) fn refusal(statement: &str, reason: &str) -> Refusal {
    let shown =
        |it: &str| it.replace(&format!("\"{HOLE}\""), "%I").replace(&format!("'{HOLE}'"), "%L").replace(HOLE, "%I");
    let line = shown(&statement.split_whitespace().collect::<Vec<_>>().join(" "));
    let line = line.trim_end_matches(';');
    let mut statement: String = line.chars().take(80).collect();
    if statement.len() < line.len() {
        statement.push('…');
    }
    Refusal { statement, reason: shown(reason) }
}
