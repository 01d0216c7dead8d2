//! Kinds of nodes that the guard distinguishes, by the parser's own names.
//!
//! `Cargo.toml` pins the parser, and a test (`guard::the_parser_is_the_one_that_was_reviewed`) fails with any other
//! version: a new kind of statement is refused here until it is listed, but a kind that is split or renamed must be
//! looked at.

use squawk_syntax::{SyntaxKind as S, SyntaxNode};

use crate::schema::guard::tree::tokens;

/// Whether a statement drops something that holds rows or numbers: only a down migration does.
pub(super) fn keeps_data(kind: S) -> bool {
    !matches!(kind, S::DROP_SCHEMA | S::DROP_TABLE | S::DROP_FOREIGN_TABLE | S::DROP_SEQUENCE)
}

/// Whether statements of this kind are sent at all.
pub(super) fn is_listed(kind: S) -> bool {
    is_query(kind) || creates(kind) || alters(kind) || drops(kind) || acts(kind)
}

/// Statements that only read, unless they call a function that writes.
pub(super) fn is_query(kind: S) -> bool {
    matches!(kind, S::SELECT | S::COMPOUND_SELECT | S::PAREN_SELECT | S::VALUES | S::TABLE)
}

fn creates(kind: S) -> bool {
    matches!(
        kind,
        S::CREATE_AGGREGATE
            | S::CREATE_CAST
            | S::CREATE_COLLATION
            | S::CREATE_DOMAIN
            | S::CREATE_FOREIGN_TABLE
            | S::CREATE_FUNCTION
            | S::CREATE_INDEX
            | S::CREATE_MATERIALIZED_VIEW
            | S::CREATE_OPERATOR
            | S::CREATE_POLICY
            | S::CREATE_PROCEDURE
            | S::CREATE_RULE
            | S::CREATE_SCHEMA
            | S::CREATE_SEQUENCE
            | S::CREATE_STATISTICS
            | S::CREATE_TABLE
            | S::CREATE_TABLE_AS
            | S::CREATE_TEXT_SEARCH_CONFIGURATION
            | S::CREATE_TEXT_SEARCH_DICTIONARY
            | S::CREATE_TRIGGER
            | S::CREATE_TYPE
            | S::CREATE_VIEW
    )
}

fn alters(kind: S) -> bool {
    matches!(
        kind,
        S::ALTER_AGGREGATE
            | S::ALTER_COLLATION
            | S::ALTER_DEFAULT_PRIVILEGES
            | S::ALTER_DOMAIN
            | S::ALTER_FOREIGN_TABLE
            | S::ALTER_FUNCTION
            | S::ALTER_INDEX
            | S::ALTER_MATERIALIZED_VIEW
            | S::ALTER_OPERATOR
            | S::ALTER_POLICY
            | S::ALTER_PROCEDURE
            | S::ALTER_ROUTINE
            | S::ALTER_RULE
            | S::ALTER_SCHEMA
            | S::ALTER_SEQUENCE
            | S::ALTER_STATISTICS
            | S::ALTER_TABLE
            | S::ALTER_TEXT_SEARCH_CONFIGURATION
            | S::ALTER_TEXT_SEARCH_DICTIONARY
            | S::ALTER_TRIGGER
            | S::ALTER_TYPE
            | S::ALTER_VIEW
    )
}

fn drops(kind: S) -> bool {
    matches!(
        kind,
        S::DROP_AGGREGATE
            | S::DROP_CAST
            | S::DROP_COLLATION
            | S::DROP_DOMAIN
            | S::DROP_FOREIGN_TABLE
            | S::DROP_FUNCTION
            | S::DROP_INDEX
            | S::DROP_MATERIALIZED_VIEW
            | S::DROP_OPERATOR
            | S::DROP_POLICY
            | S::DROP_PROCEDURE
            | S::DROP_ROUTINE
            | S::DROP_RULE
            | S::DROP_SCHEMA
            | S::DROP_SEQUENCE
            | S::DROP_STATISTICS
            | S::DROP_TABLE
            | S::DROP_TEXT_SEARCH_CONFIG
            | S::DROP_TEXT_SEARCH_DICT
            | S::DROP_TRIGGER
            | S::DROP_TYPE
            | S::DROP_VIEW
    )
}

/// Statements that create, alter and drop nothing.
fn acts(kind: S) -> bool {
    matches!(
        kind,
        S::COMMENT_ON
            | S::DELETE
            | S::DO
            | S::EMPTY_STMT
            | S::GRANT
            | S::INSERT
            | S::REFRESH
            | S::REINDEX
            | S::REVOKE
            | S::UPDATE
    )
}

/// Statements that only say what is to be computed later, by others.
pub(super) fn is_definition(kind: S) -> bool {
    matches!(
        kind,
        S::ALTER_POLICY | S::CREATE_FUNCTION | S::CREATE_POLICY | S::CREATE_PROCEDURE | S::CREATE_RULE | S::CREATE_VIEW
    )
}

/// Statements that compute rows now, with whatever functions they call.
pub(super) fn runs_functions(kind: S) -> bool {
    is_query(kind)
        || matches!(kind, S::INSERT | S::UPDATE | S::DELETE | S::CREATE_TABLE_AS | S::CREATE_MATERIALIZED_VIEW)
}

/// Nodes of PL/pgSQL that hold a statement.
pub(super) fn holds_a_statement(kind: S) -> bool {
    matches!(
        kind,
        S::PLPGSQL_CALL_STMT
            | S::PLPGSQL_CURSOR_DECL
            | S::PLPGSQL_DO_STMT
            | S::PLPGSQL_EXEC_SQL_STMT
            | S::PLPGSQL_FOR_QUERY_STMT
            | S::PLPGSQL_OPEN_QUERY
            | S::PLPGSQL_RETURN_QUERY_STMT
    )
}

/// Statements that execute a text.
pub(super) fn is_dynamic(kind: S) -> bool {
    matches!(
        kind,
        S::PLPGSQL_DYN_EXECUTE_STMT
            | S::PLPGSQL_FOR_DYN_STMT
            | S::PLPGSQL_OPEN_EXECUTE
            | S::PLPGSQL_RETURN_QUERY_EXECUTE_STMT
    )
}

/// Clauses that give an object another name, which stays in its schema.
pub(super) fn is_rename(kind: S) -> bool {
    matches!(
        kind,
        S::AGGREGATE_RENAME_TO
            | S::COLLATION_RENAME_TO
            | S::DOMAIN_RENAME_TO
            | S::FUNCTION_RENAME_TO
            | S::INDEX_RENAME_TO
            | S::POLICY_RENAME_TO
            | S::PROCEDURE_RENAME_TO
            | S::ROUTINE_RENAME_TO
            | S::RULE_RENAME_TO
            | S::SEQUENCE_RENAME_TO
            | S::STATISTICS_RENAME_TO
            | S::TABLE_RENAME_TO
            | S::TEXT_SEARCH_CONFIGURATION_RENAME_TO
            | S::TEXT_SEARCH_DICTIONARY_RENAME_TO
            | S::TRIGGER_RENAME_TO
            | S::TYPE_RENAME_TO
            | S::VIEW_RENAME_TO
    )
}

/// Functions that the standard spells in words, such as `extract(year from …)`.
pub(super) fn is_standard_function(kind: S) -> bool {
    matches!(
        kind,
        S::ALL_FN
            | S::ANY_FN
            | S::COLLATION_FOR_FN
            | S::EXISTS_FN
            | S::EXTRACT_FN
            | S::GRAPH_TABLE_FN
            | S::JSON_ARRAY_AGG_FN
            | S::JSON_ARRAY_FN
            | S::JSON_EXISTS_FN
            | S::JSON_FN
            | S::JSON_OBJECT_AGG_FN
            | S::JSON_OBJECT_FN
            | S::JSON_QUERY_FN
            | S::JSON_SCALAR_FN
            | S::JSON_SERIALIZE_FN
            | S::JSON_VALUE_FN
            | S::OVERLAY_FN
            | S::POSITION_FN
            | S::SOME_FN
            | S::SUBSTRING_FN
            | S::TRIM_FN
            | S::XML_ELEMENT_FN
            | S::XML_EXISTS_FN
            | S::XML_FOREST_FN
            | S::XML_PARSE_FN
            | S::XML_PI_FN
            | S::XML_ROOT_FN
            | S::XML_SERIALIZE_FN
    )
}

pub(super) const TRANSACTIONS: &str = "only pad-migrate starts and ends transactions";

/// Why a statement that isn't listed is not sent.
pub(super) fn why_not(statement: &SyntaxNode) -> &'static str {
    if statement.kind() == S::SELECT_INTO {
        return "SELECT INTO creates a table";
    }
    match tokens(statement).next().map(|token| token.kind()) {
        Some(
            S::ABORT_KW
            | S::BEGIN_KW
            | S::COMMIT_KW
            | S::END_KW
            | S::PREPARE_KW
            | S::RELEASE_KW
            | S::ROLLBACK_KW
            | S::SAVEPOINT_KW
            | S::START_KW,
        ) => TRANSACTIONS,
        Some(S::DISCARD_KW | S::RESET_KW | S::SET_KW | S::SHOW_KW) => "only pad-migrate sets session parameters",
        Some(S::TRUNCATE_KW) => "TRUNCATE empties a table",
        Some(S::LOCK_KW) => "LOCK locks more than its own change needs",
        Some(S::ALTER_KW | S::CREATE_KW | S::DROP_KW) => {
            "such objects are in no schema, or are not managed by pad-migrate"
        }
        _ => "it is not among the statements that a change of the schema needs",
    }
}
