//! Names in a statement: where one is only read, and where it is what the statement changes.

use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::{SyntaxKind as S, SyntaxNode};

use crate::ledger::tables::MANAGED_TABLES;
use crate::schema::guard::check::{Calls, Guard, Place};
use crate::schema::guard::kinds::is_rename;
use crate::schema::guard::refusal::{Checked, HOLE, refuse};
use crate::schema::guard::tree::{among, child, is_our_name, names, text_of};
use crate::schema::names::{APPLICATION_SCHEMA as OURS, CONTRACT_SCHEMA as REFERENCE};

/// Settings that a function may have. None changes how a statement is read or as whom it runs.
const SETTINGS: &str = "search_path work_mem timezone datestyle intervalstyle statement_timeout lock_timeout \
    client_min_messages enable_seqscan jit plan_cache_mode extra_float_digits";
/// Options of types and operators that create or change what they name.
const NAMING_OPTIONS: &str = "commutator negator multirange_type_name";

impl Guard<'_> {
    /// A name with its qualifiers, in whatever place it has.
    pub(super) fn name(self, path: &SyntaxNode, targets: &mut usize) -> Checked {
        let parts = names(path);
        let (Some(schema), Some(last)) = (parts.first(), parts.last()) else {
            return refuse(path, "a name is missing");
        };
        let (written, alone) = (parts.join("."), parts.len() == 1);
        let mut above = path.ancestors().skip(1).map(|it| it.kind()).chain([S::ERROR; 3]);
        let places = [above.next(), above.next(), above.next()].map(|it| it.unwrap_or(S::ERROR));
        let statement =
            path.ancestors().map(|node| node.kind()).find(|kind| ast::Stmt::can_cast(*kind)).unwrap_or(S::ERROR);
        let (managed, hole) = (MANAGED_TABLES.contains(&&**last), last.contains(HOLE));
        match places {
            // A cast has no name; it is in padealing if one of its types is.
            [S::PATH_TYPE, S::CAST_SIG, _] => {
                *targets += usize::from(parts.len() == 2 && schema == OURS);
                return Ok(());
            }
            [S::OP, S::OPERATOR_CALL, _] if self.calls == Calls::Listed && schema != "pg_catalog" => {
                return refuse(path, &format!("an operator of {schema} is not listed"));
            }
            // Here a name is only read.
            [S::PATH_TYPE | S::PERCENT_TYPE | S::PLPGSQL_PERCENT_ROWTYPE | S::PLPGSQL_ALIAS_TARGET, ..]
            | [S::OP, S::OPERATOR_CALL | S::CONSTRAINT_EXCLUSION, _]
            | [S::OP_CLASS_REF, S::PARTITION_ITEM | S::CONFLICT_INDEX_ITEM, _]
            | [S::COLLATION_REF, S::COLLATE | S::COLLATION_FROM, _]
            | [S::TABLE_NAME_REF, S::FOREIGN_KEY_CONSTRAINT | S::REFERENCES_CONSTRAINT, _]
            | [S::RELATION_NAME_REF, S::LIKE_CLAUSE | S::RELATION_FROM_ITEM, _]
            | [S::RELATION_NAME_REF, S::RELATION_NAME, S::TABLE]
            | [S::FUNCTION_NAME_REF, S::SUPPORT_FUNC_OPTION, _]
            | [S::FUNCTION_NAME_REF, S::FUNCTION_SIG, S::WITH_FUNCTION]
            | [S::TEXT_SEARCH_DICTIONARY_REF, S::ADD_MAPPING | S::ALTER_MAPPING | S::REPLACE_DICTIONARY, _] => {
                return Ok(());
            }
            [S::CONFIG_PARAMETER_REF, place, _] => {
                let listed = place != S::PRIVILEGE_PARAMETER && alone && among(SETTINGS, last);
                return if listed { Ok(()) } else { refuse(path, &format!("setting {written} is not listed")) };
            }
            // A view or a foreign table would be written through under a managed table's name.
            [_, S::TABLE_RENAME_TO | S::VIEW_RENAME_TO | S::INDEX_RENAME_TO | S::SEQUENCE_RENAME_TO, _]
            | [_, S::CREATE_VIEW | S::CREATE_MATERIALIZED_VIEW | S::CREATE_FOREIGN_TABLE, _]
                if managed || hole =>
            {
                return refuse(path, "the name is a managed table's");
            }
            // Such a name has no schema: it stays in that of what it belongs to.
            [S::CONSTRAINT_NAME_REF, ..]
            | [S::INDEX_REF, S::CLUSTER_ON | S::USING_INDEX_NAME | S::USING_INDEX, _]
            | [S::INDEX, S::CREATE_INDEX, _]
                if alone =>
            {
                return Ok(());
            }
            [_, place, _] if alone && is_rename(place) => return Ok(()),
            _ => {}
        }
        let mirrored =
            self.scope.mirror && [S::CREATE_TABLE, S::CREATE_INDEX].contains(&statement) && schema == REFERENCE;
        let kinds = [S::CREATE_FUNCTION, S::CREATE_PROCEDURE, S::CREATE_TYPE, S::CREATE_DOMAIN, S::CREATE_COLLATION];
        let stands_in = self.scope.stand_ins
            && kinds.contains(&statement)
            && !schema.starts_with("pg_")
            && schema != "information_schema";
        // With one part more, the first is a database: `padealing.bo_airflow.x`.
        let length = if places[0] == S::QUALIFIED_COLUMN_NAME_REF { 3 } else { 2 };
        *targets += 1;
        match statement {
            _ if parts.len() != length || schema != OURS && !mirrored && !stands_in => {
                refuse(path, &format!("{written} is not in padealing, or its name does not say so"))
            }
            S::INSERT | S::UPDATE | S::DELETE if !managed && self.place != Place::Body => {
                refuse(path, &format!("{written} is not a managed table, and might be a view"))
            }
            S::DROP_TABLE if !managed && !hole => refuse(path, &format!("{written} is not a managed table")),
            _ => Ok(()),
        }
    }

    /// `commutator = operator(bo_airflow.+)` and the like.
    pub(super) fn option(self, option: &SyntaxNode) -> Checked {
        let name = child(option, S::ATTRIBUTE_NAME).map(|it| text_of(&it).to_lowercase());
        let path = option.descendants().find(|node| node.kind() == S::PATH_REF).map(|node| node.text().to_string());
        match name {
            Some(name) if name.contains(HOLE) => refuse(option, "which option it is, is not known"),
            Some(name) if among(NAMING_OPTIONS, &name) && !path.is_some_and(|it| is_our_name(&it)) => {
                refuse(option, &format!("{name} is not in padealing, or its name does not say so"))
            }
            _ => Ok(()),
        }
    }

    /// A managed table or a sequence that goes to its other schema, or a comment on one that has gone there.
    pub(super) fn is_move(self, node: &SyntaxNode) -> bool {
        let children: Vec<SyntaxNode> = node.children().filter(|it| it.kind() != S::IF_EXISTS).collect();
        let path = children.first().and_then(|child| child.descendants().find(|node| node.kind() == S::PATH_REF));
        let Some(path) = path else { return false };
        let parts = names(&path);
        let [from, name] = &parts[..] else { return false };
        let known = MANAGED_TABLES.contains(&&**name) || name.contains(HOLE);
        let may = |schema: &str| self.scope.moves_from.iter().any(|it| it == schema);
        match (node.kind(), &children[..]) {
            (S::ALTER_TABLE | S::ALTER_SEQUENCE, [_, set]) if set.kind() == S::SET_SCHEMA => {
                let Some(to) = child(set, S::SCHEMA_REF).map(|it| text_of(&it)) else { return false };
                let up = to == OURS && may(from);
                let down = self.scope.down && from == OURS && to == "public" && may("public");
                (up || down) && (known || node.kind() == S::ALTER_SEQUENCE)
            }
            (S::COMMENT_ON, [on, ..]) if on.kind() == S::OBJECT_TABLE => {
                self.scope.down && known && from == "public" && may("public")
            }
            _ => false,
        }
    }
}
