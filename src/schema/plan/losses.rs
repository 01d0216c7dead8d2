//! What a revert would lose: tables and columns that go, and which of the tables an adoption found. Pure.

use std::collections::BTreeSet;

use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use crate::config::settings::Roles;
use crate::ledger::revisions::{self, MOVED_NOTE};
use crate::schema::catalog::{Catalog, Id, Kind, Property};
use crate::schema::drift::expectation::Expectation;
use crate::schema::guard::tree::names;
use crate::schema::names::APPLICATION_SCHEMA;

/// A table, or a column of it, that a revert drops with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) table: String,
    pub(crate) column: Option<String>,
}

/// Tables and columns that are there at a revision and not at an earlier one. What moves back keeps its rows; the
/// history goes with its table.
pub(crate) fn losses(live: &Catalog, to: &str, from: &str) -> Vec<Loss> {
    let recorded = |number: &str| recorded(number).unwrap_or_default();
    let (high, low) = (recorded(from), recorded(to));
    let is_moved = |table: &str| {
        let comment = live.relation(APPLICATION_SCHEMA, table).and_then(|(_, object)| object.get(&Property::Comment));
        comment.is_some_and(|comment| comment.to_string().starts_with(MOVED_NOTE))
    };
    let gone = high.objects.keys().filter(|id| id.schema == APPLICATION_SCHEMA && !low.objects.contains_key(id));
    let of_table = |id: &Id| low.relation(APPLICATION_SCHEMA, id.top()).is_some() || is_moved(id.top());
    gone.filter(|id| live.objects.contains_key(*id))
        .filter_map(|id| match id.kind {
            Kind::Table if id.name != "schema_revision" && !is_moved(&id.name) => {
                Some(Loss { table: id.name.clone(), column: None })
            }
            // The columns of a table that goes aren't listed; those of one that moves back stay with it, unless a
            // revision has added them.
            Kind::Column if of_table(id) && (is_added_later(id) || !is_moved(&id.parent)) => {
                Some(Loss { table: id.parent.clone(), column: Some(id.name.clone()) })
            }
            _ => None,
        })
        .collect()
}

fn recorded(number: &str) -> Option<Catalog> {
    Expectation::recorded(number).map(|expected| expected.named(&Roles::default()))
}

/// Whether a column came with a later revision than its table.
fn is_added_later(id: &Id) -> bool {
    let mut stages = revisions::ALL.iter().filter_map(|revision| recorded(revision.number));
    let first = stages.find(|stage| stage.relation(&id.schema, &id.parent).is_some());
    first.is_some_and(|stage| !stage.objects.contains_key(id))
}

/// The tables of padealing that recorded statements have created, by their syntax trees: what a comment or a literal
/// says is not a statement.
pub fn created_tables(sql: &str) -> BTreeSet<String> {
    let parsed = SourceFile::parse(sql);
    let created = parsed.syntax_node().children().filter(|node| ast::CreateTable::can_cast(node.kind()));
    let path = |node: SyntaxNode| node.descendants().find(|part| part.kind() == SyntaxKind::PATH);
    created
        .filter_map(path)
        .filter_map(|path| match &names(&path)[..] {
            [schema, table] if schema == APPLICATION_SCHEMA => Some(table.clone()),
            _ => None,
        })
        .collect()
}
