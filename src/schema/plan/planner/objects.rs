//! What an object is to the plan: managed or unknown, of its own or a part of another, and the names it needs. Pure.

use std::collections::BTreeSet;

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::ddl::Ddl;
use crate::schema::drift::spelling::words_of;
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::plan::planner::Planner;

impl<'a> Planner<'a> {
    /// Whether it is in the application schema, or is to be.
    pub(super) fn is_managed(&self, id: &Id) -> bool {
        let in_schema = |id: &Id| self.comparison.origin_key(id).schema == APPLICATION_SCHEMA;
        let table = Id { parent: String::new(), kind: Kind::Table, name: id.parent.clone(), ..id.clone() };
        in_schema(id) || !id.parent.is_empty() && in_schema(&table)
    }

    /// What comes and goes with something else that does: a key's index, an identity's sequence, a view's columns.
    pub(super) fn is_implied(&self, id: &Id) -> bool {
        let object = self.live(id).or_else(|| self.wanted.objects.get(id));
        let has = |property| object.is_some_and(|it| it.contains_key(&property));
        match id.kind {
            Kind::Index => has(Property::Constraint) || has(Property::Inherited),
            Kind::Constraint | Kind::Trigger => has(Property::Inherited),
            Kind::Column => has(Property::Inherited) || self.is_of_view(id),
            Kind::Sequence => {
                let owner = Self::property(object, Property::OwnedBy).unwrap_or_default();
                let column = owner.rsplit_once('.').map(|(table, column)| Id {
                    parent: table.to_owned(),
                    kind: Kind::Column,
                    name: column.to_owned(),
                    ..id.clone()
                });
                has(Property::Identity) || column.is_some_and(|it| self.is_unknown(&it))
            }
            _ => false,
        }
    }

    /// Whether it is live and unexpected.
    pub(super) fn is_unknown(&self, id: &Id) -> bool {
        self.live(id).is_some() && !self.wanted.objects.contains_key(self.comparison.origin_key(id))
    }

    /// Whether it is a part of something unexpected.
    pub(super) fn is_of_unknown(&self, id: &Id) -> bool {
        let kinds =
            [Kind::Table, Kind::View, Kind::MaterializedView, Kind::ForeignTable, Kind::Domain, Kind::Composite];
        let parent = |kind| Id { parent: String::new(), kind, name: id.parent.clone(), ..id.clone() };
        !id.parent.is_empty() && kinds.into_iter().any(|kind| self.is_unknown(&parent(kind)))
    }

    pub(super) fn is_of_view(&self, id: &Id) -> bool {
        [&self.comparison.live, self.wanted].into_iter().any(|catalog| {
            let relation = catalog.relation(&id.schema, &id.parent);
            relation.is_some_and(|(id, _)| matches!(id.kind, Kind::View | Kind::MaterializedView))
        })
    }

    /// The name by which others call it, if it can be needed.
    pub(super) fn provided(id: &Id) -> Vec<String> {
        let stands_alone = id.parent.is_empty() && !matches!(id.kind, Kind::Schema | Kind::Statistics);
        let name = id.name.split('(').next().unwrap_or_default();
        if stands_alone { vec![name.to_owned()] } else { Vec::new() }
    }

    /// The names that stand in an object. What a function's body says in a text is looked up when it runs.
    pub(super) fn needs(object: Option<&Object>) -> BTreeSet<String> {
        let texts = object.into_iter().flatten().filter(|(property, value)| match property {
            Property::Body => value.to_string().trim_start().starts_with("BEGIN ATOMIC"),
            Property::Comment | Property::Owner | Property::Privileges | Property::Revoked | Property::OwnedBy => false,
            _ => true,
        });
        texts.flat_map(|(_, value)| value.parts()).flat_map(|text| words_of(text)).collect()
    }

    pub(super) fn needs_of(&self, catalog: &Catalog, id: &Id) -> BTreeSet<String> {
        let mut needs = Self::needs(catalog.objects.get(id));
        if id.kind.is_relation() || matches!(id.kind, Kind::Composite | Kind::Domain) {
            for (id, object) in catalog.children(&id.schema, &id.name) {
                let inline = id.kind == Kind::Column && !self.is_of_view(id)
                    || id.kind == Kind::Attribute
                    || Ddl::new(catalog, id).is_inline();
                if inline {
                    needs.extend(Self::needs(Some(object)));
                }
            }
        }
        if id.kind == Kind::Operator || id.kind == Kind::Aggregate {
            needs.extend(words_of(&id.name));
        }
        needs
    }

    /// The expected parent is new, and has this with it.
    pub(super) fn comes_with_parent(&self, id: &Id) -> bool {
        let parent = |kind| Id { parent: String::new(), kind, name: id.parent.clone(), ..id.clone() };
        let kinds =
            [Kind::Table, Kind::View, Kind::MaterializedView, Kind::ForeignTable, Kind::Domain, Kind::Composite];
        !id.parent.is_empty() && kinds.into_iter().any(|kind| self.created.contains(&parent(kind)))
    }

    /// A partition takes with it what it had from its parent.
    pub(super) fn leaves_its_parent(&self, id: &Id) -> bool {
        let bound = |catalog: &Catalog| {
            let table = catalog.relation(&id.schema, &id.parent)?;
            table.1.get(&Property::PartitionBound).map(Value::to_string)
        };
        matches!(id.kind, Kind::Constraint | Kind::Index)
            && bound(&self.comparison.live).is_some()
            && bound(self.wanted).is_none()
    }

    /// The table that a sequence numbers, or that something belongs to.
    pub(super) fn table_touched(&self, id: &Id) -> String {
        let owned = Self::property(self.wanted.objects.get(id), Property::OwnedBy);
        match owned.as_deref().and_then(|it| it.rsplit_once('.')) {
            Some((table, _)) if id.kind == Kind::Sequence => table.to_owned(),
            _ => id.top().to_owned(),
        }
    }
}
