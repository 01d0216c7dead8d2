//! What a route's statements need of the role that runs them: read from the statements as the guard reads them, and
//! from the catalog, which knows who owns what. Pure.
//!
//! The statements are followed in their order, since they create objects and give them to other roles: after
//! `alter schema padealing owner to x`, everything else needs the privileges of x.

use std::collections::BTreeMap;

use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::{SourceFile, SyntaxKind as S, SyntaxNode};

use crate::ledger::permission::{Need, Right};
use crate::schema::catalog::{Catalog, Id, Kind, Property};
use crate::schema::ddl::{Ddl, qualified};
use crate::schema::guard::tree::{child, names, text_of};
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA};
use crate::schema::plan::route::Route;
use crate::schema::plan::step::Decision;

/// A table that inherits from another one, or is a partition of it: changes of the parent's columns change it too.
#[derive(Clone, Debug)]
pub(crate) struct Heir {
    /// The schema and the name of a table that it inherits from, be it through others.
    pub(crate) parent: (String, String),
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) owner: String,
}

/// What a role needs to take a route.
pub(crate) fn needs(route: &Route, live: &Catalog, role: &str, heirs: &[Heir], makes_mirror: bool) -> Vec<Need> {
    let mut reader = Reader { live, role, heirs, given: BTreeMap::new(), schema: None, needs: Vec::new() };
    if makes_mirror {
        reader.mirror();
    }
    if route.is_empty() {
        return reader.needs;
    }
    reader.begin();
    for (table, _) in route.plan.tables.iter().filter(|(_, decision)| **decision == Decision::Move) {
        reader.moved(table);
    }
    for step in &route.plan.steps {
        for node in SourceFile::parse(&step.sql).syntax_node().children() {
            reader.statement(&node);
        }
    }
    if !route.records.is_empty() {
        reader.record();
    }
    reader.needs
}

/// What a role needs to roll revisions back, whose down migrations these are.
pub(crate) fn needs_of_down_migrations(sql: &[String], live: &Catalog, role: &str, heirs: &[Heir]) -> Vec<Need> {
    let mut reader = Reader { live, role, heirs, given: BTreeMap::new(), schema: None, needs: Vec::new() };
    reader.begin();
    reader.record();
    for text in sql {
        for node in SourceFile::parse(text).syntax_node().children() {
            reader.statement(&node);
        }
    }
    reader.needs
}

struct Reader<'a> {
    live: &'a Catalog,
    role: &'a str,
    heirs: &'a [Heir],
    /// The owners of what the statements so far have created or given away, by schema and name.
    given: BTreeMap<(String, String), String>,
    /// The owner of the application schema, once the statements have created it or given it away.
    schema: Option<String>,
    needs: Vec<Need>,
}

impl Reader<'_> {
    fn need(&mut self, right: Right) {
        self.need_of(self.role.to_owned(), right);
    }

    fn need_of(&mut self, role: String, right: Right) {
        // Who has the privileges of an object's owner has those of the role.
        let is_same = |it: &Need| match (&it.right, &right) {
            (Right::Ownership { owner, .. }, Right::Inherit { role: other }) => it.role == role && owner == other,
            _ => it.role == role && it.right == right,
        };
        if !self.needs.iter().any(is_same) {
            self.needs.push(Need { role, right });
        }
    }

    /// The reference mirror's schema: it is created, or it is empty and commented on.
    fn mirror(&mut self) {
        match self.schema_owner(CONTRACT_SCHEMA) {
            None => self.need(Right::Database),
            Some(owner) if owner == self.role => {}
            Some(owner) => self.need(Right::Ownership { object: format!("schema {CONTRACT_SCHEMA}"), owner }),
        }
    }

    /// The schema itself: it is there, or is created first.
    fn begin(&mut self) {
        if self.live.schemas.iter().any(|it| it == APPLICATION_SCHEMA) {
            self.use_schema("USAGE");
        } else {
            self.need(Right::Database);
            self.schema = Some(self.role.to_owned());
        }
    }

    fn use_schema(&mut self, privilege: &'static str) {
        match self.schema.clone() {
            Some(owner) if owner == self.role => {}
            Some(role) => self.need(Right::Inherit { role }),
            None => self.need(Right::Schema { schema: APPLICATION_SCHEMA.to_owned(), privilege }),
        }
    }

    /// A table that revision 0002 moves, with the sequences that it owns.
    fn moved(&mut self, table: &str) {
        let mut found = self.live.objects.keys().filter(|id| {
            id.kind == Kind::Table && id.name == table && ![APPLICATION_SCHEMA, CONTRACT_SCHEMA].contains(&&*id.schema)
        });
        let Some(id) = found.next().cloned() else { return };
        self.own(&id.schema, &id.name);
        self.use_schema("CREATE");
        if let Some(owner) = self.owner(&id.schema, &id.name) {
            self.given.insert((APPLICATION_SCHEMA.to_owned(), id.name), owner);
        }
    }

    /// The line of the history.
    fn record(&mut self) {
        const HISTORY: &str = "schema_revision";
        let schema = APPLICATION_SCHEMA.to_owned();
        match self.given.get(&(schema.clone(), HISTORY.to_owned())).cloned() {
            Some(owner) if owner == self.role => {}
            Some(role) => self.need(Right::Inherit { role }),
            None => {
                for privilege in ["SELECT", "INSERT"] {
                    self.needs.push(Need::table(self.role, &schema, HISTORY, privilege));
                }
            }
        }
    }

    /// The relation of this name; for an index or a sequence of a table, the table. Objects of other kinds share their
    /// names with relations (documentation, CREATE FUNCTION and so on), and `migrations/` has none of them.
    fn find(&self, schema: &str, name: &str) -> Option<&Id> {
        let is_it = |id: &&Id| {
            let is_top = matches!(id.kind, Kind::Sequence | Kind::Composite) || id.kind.is_relation();
            id.schema == schema && id.name == name && (is_top && id.parent.is_empty() || id.kind == Kind::Index)
        };
        let found = self.live.objects.keys().find(is_it)?;
        let table = match found.kind {
            Kind::Index => Some(found.parent.clone()),
            Kind::Sequence => {
                let column = self.live.objects[found].get(&Property::OwnedBy).map(ToString::to_string);
                column.and_then(|it| it.rsplit_once('.').map(|(table, _)| table.to_owned()))
            }
            _ => None,
        };
        let of = table.and_then(|table| self.live.relation(schema, &table)).map(|(id, _)| id);
        of.or(Some(found))
    }

    /// The owner of an object, if it is there or is created. A sequence that comes with a table is its owner's.
    fn owner(&self, schema: &str, name: &str) -> Option<String> {
        let given = |name: &str| self.given.get(&(schema.to_owned(), name.to_owned())).cloned();
        let of_table = || {
            let mut tables = self.given.iter().filter(|((of, table), _)| of == schema && is_sequence_of(name, table));
            tables.next().map(|(_, owner)| owner.clone())
        };
        let live = || {
            let id = self.find(schema, name)?;
            given(&id.name).or_else(|| self.live.objects[id].get(&Property::Owner).map(ToString::to_string))
        };
        given(name).or_else(of_table).or_else(live)
    }

    /// The role must have the privileges of an object's owner.
    fn own(&mut self, schema: &str, name: &str) {
        let of = self.find(schema, name).map_or(name, |id| &id.name);
        let key = (schema.to_owned(), of.to_owned());
        match self.owner(schema, name) {
            Some(owner) if owner == self.role => {}
            Some(role) if self.given.contains_key(&key) => self.need(Right::Inherit { role }),
            Some(owner) => match self.find(schema, name) {
                Some(id) => {
                    let ddl = Ddl::new(self.live, id);
                    let object = format!("{} {}", ddl.keyword(), ddl.name());
                    self.need(Right::Ownership { object, owner });
                }
                None => self.need(Right::Inherit { role: owner }),
            },
            None => {}
        }
    }

    /// The owner of a schema as it is now.
    fn schema_owner(&self, schema: &str) -> Option<String> {
        let id = self.live.objects.iter().find(|(id, _)| id.kind == Kind::Schema && id.schema == schema);
        id.and_then(|(_, object)| object.get(&Property::Owner)).map(ToString::to_string)
    }

    fn own_schema(&mut self) {
        match (self.schema.clone(), self.schema_owner(APPLICATION_SCHEMA)) {
            (Some(role), _) if role != self.role => self.need(Right::Inherit { role }),
            (None, Some(owner)) if owner != self.role => {
                self.need(Right::Ownership { object: format!("schema {APPLICATION_SCHEMA}"), owner });
            }
            _ => {}
        }
    }

    fn statement(&mut self, node: &SyntaxNode) {
        let kind = node.kind();
        let Some(word) = node.first_token().map(|it| it.kind()) else { return };
        let is_schema = matches!(kind, S::ALTER_SCHEMA | S::CREATE_SCHEMA)
            || matches!(kind, S::GRANT | S::REVOKE | S::COMMENT_ON)
                && node.descendants().any(|it| it.kind() == S::SCHEMA_REF);
        match kind {
            S::DO | S::INSERT | S::UPDATE | S::DELETE | S::EMPTY_STMT => return,
            S::ALTER_DEFAULT_PRIVILEGES => {
                if let Some(roles) = node.descendants().find(|it| it.kind() == S::FOR_ROLES) {
                    let roles: Vec<String> = role_names(&roles).collect();
                    roles.into_iter().for_each(|role| self.need(Right::Inherit { role }));
                }
            }
            S::CREATE_SCHEMA => return self.need(Right::Database),
            _ if is_schema => {
                self.own_schema();
                if let Some(to) = new_owner(node, self.role) {
                    self.give_schema(to);
                }
            }
            _ if word == S::CREATE_KW => self.create(node),
            _ => self.change(node),
        }
        if matches!(kind, S::GRANT | S::ALTER_DEFAULT_PRIVILEGES) {
            let grantees = node.descendants().filter(|it| it.kind() == S::ROLE_REF_LIST).last();
            let roles: Vec<String> = grantees.iter().flat_map(role_names).filter(|it| it != "public").collect();
            roles.into_iter().for_each(|role| self.need_of(role, Right::Existence));
        }
    }

    fn give_schema(&mut self, to: String) {
        let before = self.schema.clone().or_else(|| self.schema_owner(APPLICATION_SCHEMA));
        if before.as_ref() != Some(&to) {
            // PostgreSQL asks this of the role that gives a schema away, not of the one that gets it.
            self.need(Right::Database);
            self.become_owner(&to);
        }
        self.schema = Some(to);
    }

    fn become_owner(&mut self, to: &str) {
        if to != self.role {
            self.need_of(to.to_owned(), Right::Existence);
            self.need(Right::Become { role: to.to_owned() });
        }
    }

    fn create(&mut self, node: &SyntaxNode) {
        let is_of_table = matches!(node.kind(), S::CREATE_TRIGGER | S::CREATE_POLICY | S::CREATE_RULE);
        self.use_schema(if is_of_table { "USAGE" } else { "CREATE" });
        let targets = targets(node);
        let Some((schema, name)) = targets.first().cloned() else { return };
        let is_part = is_of_table || matches!(node.kind(), S::CREATE_INDEX | S::CREATE_STATISTICS);
        if is_part || self.owner(&schema, &name).is_some() {
            // It is there: it is left, replaced, or gets a part.
            let is_left = child(node, S::IF_NOT_EXISTS).is_some() && !is_part;
            if !is_left {
                self.own(&schema, &name);
            }
            return;
        }
        self.given.insert((schema, name), self.role.to_owned());
        self.refer(node);
    }

    /// The tables that foreign keys refer to.
    fn refer(&mut self, node: &SyntaxNode) {
        let keys =
            node.descendants().filter(|it| matches!(it.kind(), S::REFERENCES_CONSTRAINT | S::FOREIGN_KEY_CONSTRAINT));
        let referred: Vec<Vec<String>> = keys
            .filter_map(|it| child(&it, S::TABLE_NAME_REF))
            .filter_map(|it| it.first_child())
            .map(|it| names(&it))
            .collect();
        for path in referred {
            let [schema, table] = &path[..] else { continue };
            match self.given.get(&(schema.clone(), table.clone())).cloned() {
                Some(owner) if owner == self.role => {}
                Some(role) => self.need(Right::Inherit { role }),
                None => {
                    if schema != APPLICATION_SCHEMA {
                        self.needs_usage(schema);
                    }
                    let need = Need::table(self.role, schema, table, "REFERENCES");
                    if !self.needs.contains(&need) {
                        self.needs.push(need);
                    }
                }
            }
        }
    }

    fn needs_usage(&mut self, schema: &str) {
        self.need(Right::Schema { schema: schema.to_owned(), privilege: "USAGE" });
    }

    fn change(&mut self, node: &SyntaxNode) {
        self.use_schema("USAGE");
        let to = new_owner(node, self.role);
        let many =
            matches!(node.kind(), S::GRANT | S::REVOKE) || node.first_token().is_some_and(|it| it.kind() == S::DROP_KW);
        let all = targets(node);
        for (schema, name) in all.into_iter().take(if many { usize::MAX } else { 1 }) {
            let owner = self.owner(&schema, &name);
            if to.is_some() && to == owner {
                continue;
            }
            self.own(&schema, &name);
            if node.descendants().any(|it| is_inherited(it.kind())) {
                self.own_heirs(&schema, &name);
            }
            if node.descendants().any(|it| is_of_schema(it.kind())) {
                self.use_schema("CREATE");
            }
            if let Some(to) = &to {
                self.become_owner(to);
                if self.schema.as_ref() != Some(to) {
                    self.need_of(to.clone(), Right::Schema { schema: schema.clone(), privilege: "CREATE" });
                }
                self.given.insert((schema, name), to.clone());
            }
        }
        self.refer(node);
    }

    fn own_heirs(&mut self, schema: &str, name: &str) {
        for heir in self.heirs.iter().filter(|it| it.parent.0 == schema && it.parent.1 == name) {
            if heir.owner != self.role {
                let object = format!("table {}", qualified(&heir.schema, &heir.name));
                self.need(Right::Ownership { object, owner: heir.owner.clone() });
            }
        }
    }
}

/// Whether a sequence is called as PostgreSQL calls that of a table's column.
fn is_sequence_of(name: &str, table: &str) -> bool {
    name.strip_prefix(table).is_some_and(|rest| rest.starts_with('_') && rest.ends_with("_seq"))
}

/// Whether a change of a table changes the tables that inherit from it.
fn is_inherited(kind: S) -> bool {
    matches!(
        kind,
        S::ADD_COLUMN
            | S::DROP_COLUMN
            | S::ALTER_COLUMN
            | S::RENAME_COLUMN
            | S::CHECK_CONSTRAINT
            | S::VALIDATE_CONSTRAINT
    )
}

/// Whether a change needs CREATE on the schema.
fn is_of_schema(kind: S) -> bool {
    matches!(kind, S::SET_SCHEMA | S::TABLE_RENAME_TO | S::INDEX_RENAME_TO | S::VIEW_RENAME_TO | S::SEQUENCE_RENAME_TO)
}

/// What a statement names as what it is about, in order. Names that it only reads have their own places.
fn targets(node: &SyntaxNode) -> Vec<(String, String)> {
    let is_read = |path: &SyntaxNode| {
        path.ancestors().take_while(|it| !ast::Stmt::can_cast(it.kind())).any(|it| {
            matches!(
                it.kind(),
                S::PATH_TYPE | S::REFERENCES_CONSTRAINT | S::FOREIGN_KEY_CONSTRAINT | S::COLLATE | S::CALL_EXPR
            )
        })
    };
    let paths = node.descendants().filter(|it| matches!(it.kind(), S::PATH | S::PATH_REF) && !is_read(it));
    let named = paths.filter_map(|it| match &names(&it)[..] {
        [schema, name] | [schema, name, _] => Some((schema.clone(), name.clone())),
        _ => None,
    });
    named.collect()
}

fn role_names(node: &SyntaxNode) -> impl Iterator<Item = String> {
    node.descendants().filter(|it| it.kind() == S::ROLE_REF).map(|it| text_of(&it))
}

/// The role that a statement gives its object to.
fn new_owner(node: &SyntaxNode, role: &str) -> Option<String> {
    let to = node.descendants().find(|it| it.kind() == S::OWNER_TO)?;
    let name = role_names(&to).next()?;
    Some(if ["current_user", "current_role", "session_user"].contains(&&*name) { role.to_owned() } else { name })
}
