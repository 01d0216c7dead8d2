//! The walk over a syntax tree: what each statement is, and every part of it.

use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::{SourceFile, SyntaxElement, SyntaxKind as S, SyntaxNode};

use crate::schema::guard::kinds::{
    TRANSACTIONS, holds_a_statement, is_definition, is_dynamic, is_listed, is_query, keeps_data, runs_functions,
    why_not,
};
use crate::schema::guard::refusal::{Checked, HOLE, refusal, refuse};
use crate::schema::guard::scope::Scope;
use crate::schema::guard::tree::{child, text_of, tokens};
use crate::schema::names::{APPLICATION_SCHEMA as OURS, CONTRACT_SCHEMA as REFERENCE};

/// Where a statement stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is sent as it is, or it is in a rule, whose action others run.
    Sent,
    /// In a DO block.
    Block,
    /// In the body of a function: it does not run now.
    Body,
}

/// Which functions may be called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    /// Those that are listed.
    Listed,
    /// All but those of the reference schema and those that may act.
    Harmless,
    /// Any: nothing runs now.
    Any,
}

#[derive(Clone, Copy)]
pub(super) struct Guard<'a> {
    pub(super) scope: &'a Scope,
    pub(super) place: Place,
    pub(super) calls: Calls,
}

impl Guard<'_> {
    pub(super) fn text(self, sql: &str) -> Checked {
        // The parser skips it; to PostgreSQL it is a part of the first word.
        if sql.starts_with('\u{feff}') {
            return Err(refusal(sql, "it begins with a byte order mark"));
        }
        let parsed = SourceFile::parse(sql);
        let root = parsed.syntax_node();
        if let Some(error) = parsed.errors().first() {
            let at = |it: &SyntaxNode| it.text_range().contains_inclusive(error.range().start());
            let text = root.children().find(at).map_or(sql.to_owned(), |it| it.text().to_string());
            return Err(refusal(&text, &format!("it can't be parsed: {}", error.message())));
        }
        check_tokens(&root)?;
        root.children().try_for_each(|it| self.statement(&it))
    }

    pub(super) fn statement(self, node: &SyntaxNode) -> Checked {
        let kind = node.kind();
        if !keeps_data(kind) && !self.scope.down {
            return refuse(node, "only a down migration drops what holds data");
        }
        if !is_listed(kind) {
            return refuse(node, why_not(node));
        }
        if self.is_move(node) {
            return Ok(());
        }
        match kind {
            S::DO => return self.block(node),
            S::CREATE_FUNCTION | S::CREATE_PROCEDURE => self.routine(node)?,
            S::REINDEX if child(node, S::REINDEX_TARGET_INDEX).is_none() => {
                return refuse(node, "only an index may be rebuilt");
            }
            _ if child(node, S::SET_SCHEMA).is_some() => {
                return refuse(node, "only managed tables and sequences are moved, and only where that is allowed");
            }
            _ => {}
        }
        let calls = match self.place {
            Place::Body if self.scope.stand_ins => Calls::Harmless,
            Place::Body => Calls::Any,
            _ if is_definition(kind) && !self.scope.stand_ins => Calls::Any,
            _ if runs_functions(kind) => Calls::Listed,
            _ => Calls::Harmless,
        };
        let mut targets = 0;
        Guard { calls, ..self }.walk(node, &mut targets)?;
        if targets == 0 && kind != S::EMPTY_STMT && !is_query(kind) {
            return refuse(node, "it names nothing in padealing");
        }
        Ok(())
    }

    /// Everything below a node. Counts what is named as a target.
    pub(super) fn walk(self, node: &SyntaxNode, targets: &mut usize) -> Checked {
        for it in node.children_with_tokens() {
            let it = match it {
                SyntaxElement::Node(it) => it,
                SyntaxElement::Token(it) if it.kind() == S::CASCADE_KW => {
                    let key = [S::ON_DELETE_ACTION, S::ON_UPDATE_ACTION];
                    if node.parent().is_some_and(|it| key.contains(&it.kind())) {
                        continue;
                    }
                    return refuse(node, "CASCADE may drop other objects");
                }
                SyntaxElement::Token(_) => continue,
            };
            if let Some(reason) = self.never(node.kind(), &it) {
                return refuse(&it, reason);
            }
            let is_statement = ast::Stmt::can_cast(it.kind()) && !is_query(it.kind());
            let parent = node.kind();
            match it.kind() {
                S::PATH | S::PATH_REF => self.name(&it, targets)?,
                S::SCHEMA | S::SCHEMA_REF => {
                    let schema = text_of(&it);
                    let place = [S::NAMED_SCHEMA, S::OBJECT_SCHEMA].contains(&node.kind())
                        || node.ancestors().any(|it| it.kind() == S::GRANT);
                    if schema != OURS && !(self.scope.mirror && place && schema == REFERENCE) {
                        return refuse(&it, &format!("schema {schema} is not padealing"));
                    }
                    *targets += 1;
                }
                _ if is_statement && matches!(parent, S::RULE_DO | S::RULE_STMT_LIST) => {
                    Guard { place: Place::Sent, ..self }.statement(&it)?;
                }
                _ if is_statement && parent == S::ATOMIC_BODY => Guard { place: Place::Body, ..self }.statement(&it)?,
                _ if is_statement && holds_a_statement(parent) => self.statement(&it)?,
                _ if is_statement => return refuse(&it, "it is within another statement"),
                kind => {
                    match kind {
                        S::ATTRIBUTE_OPTION => self.option(&it)?,
                        S::CALL_EXPR => self.call(&it)?,
                        S::PLPGSQL_EXPR if is_dynamic(node.kind()) => self.dynamic(&it)?,
                        _ => {}
                    }
                    self.walk(&it, targets)?;
                }
            }
        }
        Ok(())
    }

    /// Why a part of a statement is refused, whatever it says.
    fn never(self, parent: S, part: &SyntaxNode) -> Option<&'static str> {
        Some(match part.kind() {
            S::SET_SCHEMA => "it sets a schema",
            S::TABLESPACE_REF => "pad-migrate chooses no tablespaces",
            S::TEMP => "a temporary object is not in padealing",
            S::LOCKING_CLAUSE => "it locks rows",
            S::SELECT_INTO | S::INTO_CLAUSE => "SELECT INTO creates a table",
            S::DROP_COLUMN if !self.scope.down => "only a down migration drops columns",
            S::PLPGSQL_EXCEPTION_SECTION if self.place == Place::Block => "EXCEPTION hides what has failed",
            S::PLPGSQL_COMMIT_STMT | S::PLPGSQL_ROLLBACK_STMT => TRANSACTIONS,
            S::INHERITS | S::PARTITION_OF | S::INHERIT_TABLE
                if matches!(parent, S::CREATE_FOREIGN_TABLE | S::ALTER_FOREIGN_TABLE) =>
            {
                "its rows would go to a foreign table"
            }
            S::RULE_EVENT if tokens(part).any(|it| it.kind() == S::SELECT_KW) => "it makes a view of a table",
            S::FOREIGN_OPTION_NAME if text_of(part) == "program" || text_of(part).contains(HOLE) => "it runs a program",
            S::SET_FUNC_OPTION if child(part, S::SET_CONFIG_PARAM).is_none() => "a function may not set that",
            S::OP
                if ![S::OPERATOR_CALL, S::CONSTRAINT_EXCLUSION].contains(&parent)
                    && child(part, S::PATH_REF).is_none() =>
            {
                "the operator is named without a schema"
            }
            _ => return None,
        })
    }
}

/// Refuses what the parser and Postgres may read differently, and holes that would be filled otherwise than they look.
pub(super) fn check_tokens(root: &SyntaxNode) -> Checked {
    let mut escaped = false;
    for token in root.descendants_with_tokens().filter_map(SyntaxElement::into_token) {
        let (kind, text) = (token.kind(), token.text());
        let whole = matches!(kind, S::IDENT | S::STRING) && text.chars().count() == 3;
        let reason = match kind {
            S::ERROR => "it has a character that isn't SQL",
            S::IDENT if text.starts_with(['u', 'U']) && text[1..].starts_with('&') => {
                "U&\"\" spells a name with escapes"
            }
            // The string goes on with escapes, for Postgres; not for the parser.
            S::STRING if escaped => "a string with escapes goes on in a second one",
            _ if text.contains(HOLE) && !whole => "%I or %L would be part of something else",
            S::WHITESPACE | S::COMMENT => continue,
            _ => {
                escaped = kind == S::ESC_STRING;
                continue;
            }
        };
        return Err(refusal(&root.text().to_string(), reason));
    }
    Ok(())
}
