//! SQL that is printed, and that people run: psql ends a comment at a newline, and then obeys what begins with a
//! backslash.

use std::borrow::Cow;
use std::fmt::Write as _;

use squawk_lexer::{LiteralKind, TokenKind, tokenize};

use crate::base::escape::{escaped, is_plain, line, lines, marker, text};

/// A text as a comment of one line, for SQL that people run.
pub fn comment(words: &str) -> String {
    format!("-- {}", text(words)).trim_end().to_owned()
}

/// Statements for psql and for a terminal. They mean the same, whatever `standard_conforming_strings` is, and:
///
/// - a name or a string with a character that isn't shown, or with a newline, is spelt with escapes
///   (documentation, Lexical Structure: `U&"…"` and `E'…'`);
/// - a string of several lines, such as the body of a function, keeps its lines, unless one of them is a command to
///   psql or to a CI system;
/// - comments have visible characters only.
pub fn statement(sql: &str) -> String {
    printed(sql, false)
}

/// Statements on one line. They mean the same.
pub fn statement_line(sql: &str) -> String {
    printed(sql, true)
}

/// The lines of [`statement`], each in the parts between which another line may begin.
pub fn words(sql: &str) -> Vec<Vec<String>> {
    let printed = statement(sql);
    let (mut lines, mut rest) = (vec![vec![String::new()]], printed.as_str());
    for token in tokenize(&printed) {
        let (part, after) = rest.split_at(token.len as usize);
        rest = after;
        let line = lines.last_mut().expect("there is always one");
        match token.kind {
            TokenKind::Whitespace => match part.rsplit_once('\n') {
                // The indentation belongs to the first word.
                Some((_, indentation)) => lines.push(vec![indentation.to_owned()]),
                None => line.push(String::new()),
            },
            _ => line.last_mut().expect("a line has a word").push_str(part),
        }
    }
    lines
}

fn printed(sql: &str, is_one_line: bool) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    for token in tokenize(sql) {
        let (part, after) = rest.split_at(token.len as usize);
        rest = after;
        match token.kind {
            TokenKind::Whitespace if is_one_line && part.contains(['\n', '\r']) => out.push(' '),
            TokenKind::LineComment if is_one_line => {
                let words = text(part.trim_start_matches('-').trim()).replace("*/", "* /");
                let _ = write!(out, "/* {words} */");
            }
            TokenKind::Whitespace => {
                out.extend(part.chars().map(|c| if matches!(c, '\n' | '\r') { '\n' } else { ' ' }))
            }
            TokenKind::Ident if !part.chars().all(is_plain) => name(&part.to_ascii_lowercase(), false, &mut out),
            TokenKind::QuotedIdent { uescape, .. } => {
                let inner = part.trim_start_matches(['U', 'u', '&']);
                let inner = inner.strip_prefix('"').unwrap_or(inner);
                let inner = inner.strip_suffix('"').unwrap_or(inner);
                if inner.chars().all(is_plain) && marker(inner).is_none() {
                    out.push_str(part);
                } else {
                    name(inner, uescape, &mut out);
                }
            }
            TokenKind::Literal { kind } => literal(kind, part, is_one_line, &mut out),
            TokenKind::BlockComment { .. } if is_one_line => out.push_str(&text(part)),
            TokenKind::LineComment | TokenKind::BlockComment { .. } => out.push_str(&lines(part)),
            _ if part.chars().all(|c| c == '\n' || is_plain(c)) => out.push_str(part),
            _ => out.push_str(&text(part)),
        }
    }
    out
}

/// A name with escapes. `inner` is the name with its quotation marks doubled, and with escapes already if `is_escaped`.
fn name(inner: &str, is_escaped: bool, out: &mut String) {
    let has_marker = marker(inner).is_some();
    out.push_str("U&\"");
    for c in inner.chars() {
        match c {
            '\\' if !is_escaped => out.push_str("\\\\"),
            c if is_plain(c) && !(has_marker && c == '#') => out.push(c),
            c if u32::from(c) > 0xffff => {
                let _ = write!(out, "\\+{:06x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\{:04x}", u32::from(c));
            }
        }
    }
    out.push('"');
}

fn literal(kind: LiteralKind, part: &str, is_one_line: bool, out: &mut String) {
    match kind {
        // A backslash is one whether or not the session has standard_conforming_strings only with escapes.
        LiteralKind::Str { .. } | LiteralKind::EscStr { .. } | LiteralKind::DollarQuotedString { .. }
            if has_plain_lines(part)
                && !(is_one_line && part.contains('\n'))
                && !(matches!(kind, LiteralKind::Str { .. }) && part.contains('\\')) =>
        {
            out.push_str(part);
        }
        LiteralKind::Str { terminated: true } => string(&part[1..part.len() - 1].replace('\\', "\\\\"), out),
        LiteralKind::EscStr { terminated: true } => string(&part[2..part.len() - 1], out),
        LiteralKind::DollarQuotedString { terminated: true } => {
            let tag = part[1..].find('$').map_or(0, |at| at + 2);
            let body = &part[tag..part.len() - tag];
            string(&body.replace('\\', "\\\\").replace('\'', "''"), out);
        }
        _ if part.chars().all(is_plain) => out.push_str(part),
        _ => part.chars().for_each(|c| if is_plain(c) { out.push(c) } else { escaped(c, out) }),
    }
}

/// Whether lines can be printed as they are, as a part of a statement.
fn has_plain_lines(part: &str) -> bool {
    let is_command = |one: &str| one.trim_start().starts_with('\\') || matches!(line(one), Cow::Owned(_));
    part.chars().all(|c| matches!(c, '\n' | '\t') || is_plain(c))
        && marker(part).is_none()
        && !part.split('\n').skip(1).any(is_command)
}

/// A string with escapes. `inner` has its backslashes and quotation marks doubled, or other escapes already.
fn string(inner: &str, out: &mut String) {
    out.push_str("E'");
    let mut is_after_backslash = false;
    let has_marker = marker(inner).is_some();
    let is_plain = |c: char| is_plain(c) && !(has_marker && c == '#');
    for c in inner.chars() {
        // A backslash before a character that needs none.
        if is_after_backslash && !is_plain(c) {
            out.pop();
        }
        is_after_backslash = c == '\\' && !is_after_backslash;
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_plain(c) => out.push(c),
            c if u32::from(c) > 0xffff => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
        }
    }
    out.push('\'');
}
