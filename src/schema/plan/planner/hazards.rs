//! What statements hurt where a table is there already. Pure.

use crate::schema::catalog::{Id, Kind, Object, Property};
use crate::schema::ddl::qualified;
use crate::schema::drift::spelling::words_of;
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::nodes::{Part, target_of};
use crate::schema::plan::step::{Answer, Hazard, HazardKind, LockMode, Size};

impl<'a> Planner<'a> {
    /// The live table that something belongs to or is, as it is called when the steps run; none, if it is new.
    pub(super) fn table_of(&self, id: &Id) -> Option<String> {
        let top = id.top();
        let is_created =
            self.created.iter().any(|it| it.kind.is_relation() && it.schema == id.schema && it.name == top);
        let relation =
            self.wanted.relation(&id.schema, top).or_else(|| self.comparison.live.relation(&id.schema, top))?;
        (!is_created && relation.0.kind == Kind::Table).then(|| qualified(&id.schema, top))
    }

    pub(super) fn size(&self, id: &Id) -> Option<Size> {
        let top = id.top();
        let live = self.comparison.live_name(&id.schema, top);
        let (schema, name) =
            live.as_ref().map_or((id.schema.as_str(), top), |it| (it.schema.as_str(), it.name.as_str()));
        self.facts.sizes.get(&(schema.to_owned(), name.to_owned())).copied()
    }

    /// What a statement on an existing table may hurt.
    pub(super) fn on_table(&self, id: &Id, lock: LockMode, kinds: &[HazardKind]) -> Vec<Hazard> {
        let Some(table) = self.table_of(id) else { return Vec::new() };
        let size = self.size(id).map(|it| format!(" ({it})")).unwrap_or_default();
        let kinds = if kinds.is_empty() { &[HazardKind::Lock] } else { kinds };
        kinds
            .iter()
            .map(|kind| {
                let note = match kind {
                    HazardKind::Rewrite => format!("rewrites {table} and its indexes{size}"),
                    HazardKind::Scan => format!("scans all of {table}{size}"),
                    HazardKind::IndexBuild => format!("builds an index of {table}{size}"),
                    HazardKind::NotUndone => "revert won't restore what was there before".to_owned(),
                    HazardKind::Rename => format!("queries that use the old name of {table} will fail"),
                    HazardKind::Move => format!("queries that use {table} in its old schema will fail"),
                    _ => format!("locks {table} briefly, unless another step takes long"),
                };
                let lock = (*kind != HazardKind::NotUndone).then_some(lock);
                Hazard { kind: *kind, lock, table: table.clone(), note }
            })
            .collect()
    }

    pub(super) fn part(&self, id: &Id, lock: LockMode, kinds: &[HazardKind], sql: String) -> Part {
        Part { hazards: self.on_table(id, lock, kinds), ..Part::from(sql) }
    }

    /// A warning that rows could not be checked.
    pub(super) fn unverified(&self, query: &str, table: &str) -> Option<Hazard> {
        let note = match self.facts.answers.get(query) {
            Some(Answer::Unknown(why)) => format!(
                "could not check whether rows of {table} violate it: {why}; if some do, everything is rolled back"
            ),
            _ => return None,
        };
        Some(Hazard { kind: HazardKind::Unverified, lock: None, table: table.to_owned(), note })
    }

    /// The table of another schema that a foreign key points at.
    pub(super) fn target_outside(&self, object: Option<&Object>) -> Option<String> {
        let definition = Self::property(object, Property::Definition)?;
        let (schema, name) = target_of(&definition)?;
        let table = Id { schema, parent: String::new(), kind: Kind::Table, name };
        (!self.is_managed(&table)).then(|| qualified(&table.schema, &table.name))
    }

    /// The table of another schema that a column's foreign key points at.
    pub(super) fn referenced_outside(&self, id: &Id) -> Option<String> {
        let constraints =
            self.comparison.live.children(&id.schema, &id.parent).filter(|(id, _)| id.kind == Kind::Constraint);
        constraints
            .filter(|(_, object)| {
                let definition = Self::property(Some(object), Property::Definition).unwrap_or_default();
                let own = definition.split(" REFERENCES ").next().unwrap_or_default();
                words_of(own).any(|it| it == id.name)
            })
            .find_map(|(_, object)| self.target_outside(Some(object)))
    }

    /// The table that a foreign key points at is locked too.
    pub(super) fn on_target(&self, id: &Id) -> Option<Hazard> {
        let definition = Self::property(self.wanted.objects.get(id), Property::Definition)?;
        let (schema, name) = target_of(&definition)?;
        let lock = Some(LockMode::ShareRowExclusive);
        let table = qualified(&schema, &name);
        if schema != APPLICATION_SCHEMA {
            let note = format!("blocks writes to {table}, not reads, until the transaction ends");
            return Some(Hazard { kind: HazardKind::ReferenceLock, lock, table, note });
        }
        let target = Id { schema, parent: String::new(), kind: Kind::Table, name };
        if self.created.contains(&target) || target.name == id.parent {
            return None;
        }
        let note = format!("locks {table} briefly, unless another step takes long");
        Some(Hazard { kind: HazardKind::Lock, lock, table, note })
    }
}
