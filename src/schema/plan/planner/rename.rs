//! Renames, and moves from another schema. Pure.

use crate::ledger::tables::MANAGED_TABLES;
use crate::schema::catalog::{Id, Kind, Property};
use crate::schema::ddl::qualified;
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::comparison::parameters::is_same_but_parameters;
use crate::schema::drift::finding::Change;
use crate::schema::names::CONTRACT_SCHEMA;
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::nodes::rank;
use crate::schema::plan::step::{Action, HazardKind, LockMode};

impl<'a> Planner<'a> {
    /// What looks like a table may be another, and who has moved one elsewhere had a reason.
    pub(super) fn needs_decision(&self, id: &Id, difference: &Difference) -> bool {
        let Some(live_id) = &difference.live_id else { return false };
        let is_managed = id.kind == Kind::Table && MANAGED_TABLES.contains(&&*id.name) || id.kind == Kind::Sequence;
        match difference.change {
            Change::Moved => !is_managed || live_id.schema == CONTRACT_SCHEMA,
            _ => matches!(id.kind, Kind::Table | Kind::ForeignTable),
        }
    }

    pub(super) fn rename(&mut self, difference: &Difference) {
        let Some(live_id) = &difference.live_id else { return };
        let id = self.origin(live_id);
        // It is recreated.
        if is_same_but_parameters(&difference.id, live_id) {
            return;
        }
        // Nothing else renames an identity's sequence.
        let is_implied = self.is_implied(live_id) && live_id.kind != Kind::Sequence && !self.is_of_view(live_id);
        if is_implied {
            return;
        }
        let sql = if difference.change == Change::Moved {
            Some(self.ddl(id).set_schema(live_id))
        } else {
            // Whatever it belongs to has its expected name by then.
            self.ddl(id).rename(&Id { name: live_id.name.clone(), ..id.clone() })
        };
        // A sequence goes with the table that owns it.
        let owned = Self::property(self.live(live_id), Property::OwnedBy).is_some();
        if difference.change == Change::Moved && id.kind == Kind::Sequence && owned {
            return;
        }
        let Some(sql) = sql else {
            let reason = format!("pad-migrate can't rename a {}", id.kind.words());
            return self.leave(difference, reason, None);
        };
        if difference.change == Change::Moved && self.needs_decision(id, difference) {
            let reason = format!("it is in schema {}; find out why, then move it back: {sql}", live_id.schema);
            return self.leave(difference, reason, None);
        }
        if difference.change == Change::Renamed && self.needs_decision(id, difference) {
            let reason = format!("{} has the same columns; if it is the same table, rename it: {sql}", live_id.name);
            let query = format!("select * from {}", qualified(&live_id.schema, &live_id.name));
            return self.leave(difference, reason, Some(query));
        }
        if difference.change == Change::Moved {
            self.moved_schemas.insert(live_id.schema.clone());
        }
        if difference.change == Change::Moved && id.kind == Kind::Table {
            self.moved.insert(id.name.clone());
        }
        if difference.change == Change::Moved && self.moved_from == Some(&live_id.schema) {
            return;
        }
        let (lock, kind) = match (difference.change, id.kind) {
            (Change::Moved, _) => (LockMode::AccessExclusive, HazardKind::Move),
            (_, Kind::Index) => (LockMode::ShareUpdateExclusive, HazardKind::Lock),
            (_, Kind::Table | Kind::Column) => (LockMode::AccessExclusive, HazardKind::Rename),
            _ => (LockMode::AccessExclusive, HazardKind::Lock),
        };
        let rank = match (difference.change, id.parent.is_empty()) {
            (Change::Moved, _) => rank::MOVE,
            (_, true) => rank::RENAME,
            (_, false) => rank::RENAME_PART,
        };
        let mut part = self.part(id, lock, &[kind], sql);
        for hazard in part.hazards.iter_mut().filter(|it| matches!(it.kind, HazardKind::Move | HazardKind::Rename)) {
            let old = match id.parent.as_str() {
                "" => qualified(&live_id.schema, &live_id.name),
                _ => live_id.object(),
            };
            let new = match id.parent.as_str() {
                "" => qualified(&id.schema, &id.name),
                _ => id.object(),
            };
            hazard.note = format!("{old} becomes {new}; queries that use the old name will fail");
        }
        let action = if difference.change == Change::Moved { Action::Move } else { Action::Rename };
        self.push(rank, id, vec![part.with(action)]);
    }
}
