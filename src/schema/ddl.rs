//! The statements that create, alter and drop one object, from what a catalog says of it. Pure.
//!
//! Definitions in a catalog are printed with everything qualified but `pg_catalog`, so these statements mean what they
//! say where `search_path` is `pg_catalog`. No statement has CASCADE.

mod column;
mod constraint;
pub(crate) mod function;
mod index;
mod option;
mod policy;
mod privilege;
pub(crate) mod sequence;
mod table;
mod text_search;
mod trigger;
mod types;
mod view;

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};

/// An object, in the catalog that says what it and its neighbours are.
#[derive(Clone, Copy)]
pub(crate) struct Ddl<'a> {
    catalog: &'a Catalog,
    id: &'a Id,
    object: Option<&'a Object>,
}

/// An object's name with its schema.
pub(crate) fn qualified(schema: &str, name: &str) -> String {
    if schema.is_empty() { identifier(name) } else { format!("{}.{}", identifier(schema), identifier(name)) }
}

impl<'a> Ddl<'a> {
    pub(crate) fn new(catalog: &'a Catalog, id: &'a Id) -> Self {
        Self { catalog, id, object: catalog.objects.get(id) }
    }

    pub(crate) fn id(&self) -> &'a Id {
        self.id
    }

    pub(crate) fn property(&self, property: Property) -> Option<String> {
        self.object.and_then(|it| it.get(&property)).map(Value::to_string)
    }

    fn parts(&self, property: Property) -> &'a [String] {
        self.object.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default()
    }

    fn has(&self, property: Property) -> bool {
        self.object.is_some_and(|it| it.contains_key(&property))
    }

    /// What it is called where its schema need not be named.
    pub(crate) fn bare(&self) -> String {
        match (self.id.kind, self.id.name.split_once('(')) {
            (Kind::Function | Kind::Procedure | Kind::Aggregate, Some((name, _))) => identifier(name),
            _ => identifier(&self.id.name),
        }
    }

    /// The name in SQL: with the schema, and with a function's arguments.
    pub(crate) fn name(&self) -> String {
        let arguments = match (self.id.kind, self.id.name.split_once('(')) {
            (Kind::Function | Kind::Procedure | Kind::Aggregate, Some((_, arguments))) => format!("({arguments}"),
            _ => String::new(),
        };
        match self.id.kind {
            Kind::Schema => identifier(&self.id.schema),
            _ if self.id.schema.is_empty() => self.bare() + &arguments,
            _ => format!("{}.{}{arguments}", identifier(&self.id.schema), self.bare()),
        }
    }

    /// What SQL calls its kind.
    pub(crate) fn keyword(&self) -> String {
        match self.id.kind {
            Kind::Enum | Kind::Composite | Kind::Range | Kind::BaseType => "type".to_owned(),
            Kind::Statistics => "statistics".to_owned(),
            Kind::ForeignServer => "server".to_owned(),
            kind => kind.words(),
        }
    }

    /// The table, or whatever else a column, a constraint and the like belong to.
    pub(crate) fn table(&self) -> String {
        qualified(&self.id.schema, &self.id.parent)
    }

    pub(crate) fn of_kind(&self, kind: Kind) -> bool {
        let parent = Id { parent: String::new(), kind, name: self.id.parent.clone(), ..self.id.clone() };
        self.catalog.objects.contains_key(&parent)
    }

    /// `table padealing.pad_request`, with the word for what a constraint or a column belongs to.
    pub(crate) fn owner(&self) -> String {
        let word = match () {
            () if self.of_kind(Kind::Domain) => "domain",
            () if self.of_kind(Kind::Composite) => "type",
            () if self.of_kind(Kind::View) => "view",
            () if self.of_kind(Kind::MaterializedView) => "materialized view",
            () if self.of_kind(Kind::ForeignTable) => "foreign table",
            () => "table",
        };
        format!("{word} {}", self.table())
    }

    fn children(&self, kind: Kind) -> impl Iterator<Item = Ddl<'a>> {
        let all = self.catalog.children(&self.id.schema, &self.id.name);
        let catalog = self.catalog;
        all.filter(move |(id, _)| id.kind == kind).map(move |(id, object)| Ddl { catalog, id, object: Some(object) })
    }

    /// Columns or attributes, in their order.
    pub(crate) fn columns(&self, kind: Kind) -> Vec<Ddl<'a>> {
        let mut columns: Vec<Ddl<'a>> = self.children(kind).collect();
        columns.sort_by_key(|column| {
            column.property(Property::Position).and_then(|position| position.parse::<u32>().ok())
        });
        columns
    }

    /// The statement that creates it, without what is said in statements of its own. A constraint on a table with rows
    /// is added not valid. None, if this program creates no such objects.
    pub(crate) fn create(&self) -> Option<String> {
        Some(match self.id.kind {
            Kind::Schema => format!("create schema {}", self.name()),
            Kind::Table | Kind::ForeignTable => self.create_table()?,
            Kind::Column => {
                format!("alter {} add column {} {}", self.owner(), self.bare(), self.definition_of_column())
            }
            Kind::Attribute => {
                format!("alter {} add attribute {} {}", self.owner(), self.bare(), self.definition_of_column())
            }
            Kind::Constraint => self.create_constraint()?,
            Kind::Index => self.create_index(false)?,
            Kind::Trigger => self.create_trigger()?,
            Kind::Rule => self.create_rule()?,
            Kind::View => self.create_view()?,
            Kind::MaterializedView => self.create_materialized_view()?,
            Kind::Statistics => format!("create statistics {} {}", self.name(), self.property(Property::Definition)?),
            Kind::Policy => self.create_policy()?,
            Kind::Sequence => self.create_sequence()?,
            Kind::Enum => self.create_enum(),
            Kind::Domain => self.create_domain(),
            Kind::Composite => self.create_composite(),
            Kind::Range => self.create_range()?,
            Kind::Function | Kind::Procedure => self.create_function()?,
            Kind::Aggregate => self.create_aggregate()?,
            Kind::Operator => self.create_operator()?,
            Kind::Collation => self.create_collation()?,
            Kind::TextSearchConfiguration => self.create_configuration()?,
            Kind::TextSearchDictionary => self.create_dictionary()?,
            _ => return None,
        })
    }

    /// The statement that drops it. None for whatever has rows, numbers or values in it: that is never dropped.
    pub(crate) fn drop(&self) -> Option<String> {
        let bare = self.bare();
        Some(match self.id.kind {
            Kind::View
            | Kind::MaterializedView
            | Kind::Statistics
            | Kind::Function
            | Kind::Procedure
            | Kind::Aggregate
            | Kind::Range
            | Kind::Collation
            | Kind::TextSearchConfiguration
            | Kind::TextSearchDictionary => {
                format!("drop {} {}", self.keyword(), self.name())
            }
            Kind::Index => format!("drop index {}", self.name()),
            Kind::Constraint => format!("alter {} drop constraint {bare}", self.owner()),
            Kind::Trigger | Kind::Rule | Kind::Policy => format!("drop {} {bare} on {}", self.keyword(), self.table()),
            Kind::Operator => {
                self.id.name.split_once('(')?;
                format!("drop {}", self.on())
            }
            _ => return None,
        })
    }

    /// The statement that gives it this name, after `from`, in the same schema and of the same parent.
    pub(crate) fn rename(&self, from: &Id) -> Option<String> {
        let old = Ddl { id: from, ..*self };
        let bare = self.bare();
        Some(match self.id.kind {
            Kind::Column => format!("alter {} rename column {} to {bare}", self.owner(), old.bare()),
            Kind::Attribute => format!("alter {} rename attribute {} to {bare}", self.owner(), old.bare()),
            Kind::Constraint => format!("alter {} rename constraint {} to {bare}", self.owner(), old.bare()),
            Kind::Trigger | Kind::Policy | Kind::Rule => {
                format!("alter {} {} on {} rename to {bare}", self.keyword(), old.bare(), self.table())
            }
            Kind::Operator | Kind::OperatorClass | Kind::OperatorFamily | Kind::Cast => return None,
            _ => format!("alter {} {} rename to {bare}", self.keyword(), old.name()),
        })
    }

    /// The statement that moves it here.
    pub(crate) fn set_schema(&self, from: &Id) -> String {
        let old = Ddl { id: from, ..*self };
        format!("alter {} {} set schema {}", self.keyword(), old.name(), identifier(&self.id.schema))
    }

    /// The statements that make a property what the catalog says, where the object has another; `live` has the others.
    /// None, if no statement does, or only one that recreates the object.
    pub(crate) fn alter(&self, property: Property, live: Option<&Object>) -> Option<Vec<String>> {
        match (self.id.kind, property) {
            (Kind::Database, _) => None,
            (_, Property::Comment) => {
                let text = self.property(property).as_deref().map_or_else(|| "null".to_owned(), literal);
                Some(vec![format!("comment on {} is {text}", self.on())])
            }
            (Kind::Sequence, Property::Persistence) if self.has(Property::OwnedBy) => Some(Vec::new()),
            (_, Property::Owner) => self.alter_owner(live),
            (Kind::Table | Kind::ForeignTable, _) => self.alter_table(property, live),
            (Kind::Column, _) => self.alter_column(property, live),
            (Kind::Constraint, _) => self.alter_constraint(property),
            (Kind::Index, _) => self.alter_index(property, live),
            (Kind::View | Kind::MaterializedView, _) => self.alter_view(property, live),
            (Kind::Trigger | Kind::Rule, _) => self.alter_trigger(property),
            (Kind::Policy, _) => self.alter_policy(property),
            (Kind::Sequence, _) => self.alter_sequence(property),
            (Kind::Enum, _) => self.alter_enum(property, live),
            (Kind::Domain, _) => self.alter_domain(property),
            (Kind::Function | Kind::Procedure, _) => self.alter_function(property),
            (Kind::Statistics, Property::Target) => {
                let target = self.property(property);
                self.alter_with(&format!("set statistics {}", target.as_deref().unwrap_or("-1")))
            }
            _ => None,
        }
    }

    /// The statements that say of something new what its creation can't: owner, comment and so on, without privileges.
    pub(crate) fn attributes(&self) -> Vec<(Property, String)> {
        let mut all = Vec::new();
        let Some(object) = self.object else { return all };
        let nothing = Object::new();
        for (property, value) in object {
            let applies = match property {
                Property::Comment | Property::Owner | Property::OwnedBy => true,
                Property::Statistics | Property::Storage | Property::Compression => {
                    self.id.kind == Kind::Column || self.id.kind == Kind::Index
                }
                Property::Options => self.id.kind == Kind::Column,
                Property::Enabled => matches!(self.id.kind, Kind::Trigger | Kind::Rule) && value.to_string() != "yes",
                Property::RowSecurity
                | Property::RowSecurityForced
                | Property::ReplicaIdentity
                | Property::Clustered
                | Property::Target
                | Property::OfType => true,
                _ => false,
            };
            let implied = self.id.kind == Kind::Sequence && object.contains_key(&Property::Identity);
            if applies && !(implied && matches!(property, Property::OwnedBy | Property::Owner)) {
                let statements = self.alter(*property, Some(&nothing)).unwrap_or_default();
                all.extend(statements.into_iter().map(|sql| (*property, sql)));
            }
        }
        all
    }

    fn alter_owner(&self, live: Option<&Object>) -> Option<Vec<String>> {
        let owner = self.property(Property::Owner);
        match self.id.kind {
            Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Constraint | Kind::Index => None,
            Kind::Operator => Some(vec![format!("alter {} owner to {}", self.on(), identifier(&owner?))]),
            // It goes with its table, unless it doesn't belong to it yet.
            Kind::Sequence
                if self.has(Property::OwnedBy) && live.is_none_or(|it| it.contains_key(&Property::OwnedBy)) =>
            {
                Some(Vec::new())
            }
            _ => self.alter_with(&format!("owner to {}", identifier(&owner?))),
        }
    }

    /// `alter table padealing.pad_request`.
    fn altered(&self) -> String {
        format!("alter {} {}", self.keyword(), self.name())
    }

    /// One statement that alters the whole object.
    fn alter_with(&self, change: &str) -> Option<Vec<String>> {
        Some(vec![format!("{} {change}", self.altered())])
    }

    /// What a comment or a privilege is on.
    fn on(&self) -> String {
        match self.id.kind {
            Kind::Column | Kind::Attribute => format!("column {}.{}", self.table(), self.bare()),
            Kind::Constraint if self.of_kind(Kind::Domain) => {
                format!("constraint {} on domain {}", self.bare(), self.table())
            }
            Kind::Constraint | Kind::Trigger | Kind::Policy | Kind::Rule => {
                format!("{} {} on {}", self.keyword(), self.bare(), self.table())
            }
            Kind::Operator => match self.id.name.split_once('(') {
                Some((name, arguments)) => {
                    let none = if arguments.starts_with(", ") { "none" } else { "" };
                    format!("operator {}.{name} ({none}{arguments}", identifier(&self.id.schema))
                }
                None => self.name(),
            },
            _ => format!("{} {}", self.keyword(), self.name()),
        }
    }
}
