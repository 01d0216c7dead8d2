//! What gives a property its expected value, alone: by altering the object, or by creating it again. Pure.

use crate::schema::catalog::{Kind, Object, Property, Value};
use crate::schema::ddl::Ddl;
use crate::schema::drift::remedy::Case;
use crate::schema::drift::remedy::draft::{Draft, Drafted};

/// What stands in one statement for a sequence: one of them alone may not fit the others.
const NUMBERS: [Property; 7] = [
    Property::Type,
    Property::Increment,
    Property::Minimum,
    Property::Maximum,
    Property::Start,
    Property::Cache,
    Property::Cycle,
];

impl Case<'_> {
    pub(super) fn alter(&self, property: Property) -> Drafted {
        if let Some(draft) = self.alter_of_database(property) {
            return Ok(draft);
        }
        match (self.id.kind, property) {
            (_, Property::Comment) => self.plain(property),
            (_, Property::Owner) => self.owner(),
            (Kind::Column, _) => self.alter_column(property),
            (Kind::Constraint, _) => self.alter_constraint(property),
            (Kind::Function | Kind::Procedure, _) => self.alter_routine(property),
            (Kind::Aggregate, _) => self.alter_aggregate(property),
            (Kind::Sequence, _) => self.alter_sequence(property),
            (Kind::View, Property::Definition) => {
                let live = Ddl::new(&self.comparison.live, self.live_id);
                match self.ddl.create() {
                    Some(sql) if self.ddl.can_replace(&live) => Ok(Draft::of([sql])),
                    _ => self.again(),
                }
            }
            (Kind::Rule, Property::Definition) => self.plain(property),
            (Kind::Index, Property::Definition | Property::Unique)
            | (Kind::Policy, Property::Command | Property::Type) => self.again(),
            (
                Kind::MaterializedView
                | Kind::Trigger
                | Kind::Statistics
                | Kind::Operator
                | Kind::Collation
                | Kind::Range
                | Kind::TextSearchConfiguration
                | Kind::TextSearchDictionary,
                Property::Definition,
            ) => self.again(),
            (Kind::Policy, Property::Using | Property::WithCheck) if !self.has(property) => self.again(),
            (Kind::Index, Property::ReplicaIdentity) if self.has(property) => {
                let (table, bare) = (self.ddl.owner(), self.ddl.bare());
                Ok(Draft::of([format!("alter {table} replica identity using index {bare}")]))
            }
            (Kind::Index, Property::ReplicaIdentity) => Err("its table says which index it is".to_owned()),
            (Kind::Index, Property::Valid) if !self.has(property) => {
                Ok(self.plain(property)?.but("it fails while rows violate it, and keeps others from writing meanwhile"))
            }
            (Kind::Table, Property::Persistence) => Ok(self.plain(property)?.but(
                "this rewrites the table, and fails while a table that isn't logged depends on it or the reverse",
            )),
            (Kind::Table, Property::Inherits | Property::PartitionBound) => {
                Ok(self.plain(property)?.but("it fails while rows are in the wrong table"))
            }
            (Kind::Domain, Property::NotNull) if self.has(property) => {
                Ok(self.plain(property)?.but("it fails while rows have no value, which must be filled first"))
            }
            (Kind::ForeignTable, Property::ServerOptions) => self.plain(property),
            _ => self.plain(property),
        }
    }

    /// Gives it to its owner, and to the former one what that is to have.
    fn owner(&self) -> Drafted {
        let mut draft = self.plain(Property::Owner)?;
        if let Some(former) = self.live(Property::Owner) {
            let parts = self.ddl.with_parts().into_iter().filter(|id| self.comparison.live.objects.contains_key(id));
            let grants = parts.flat_map(|id| Ddl::new(self.catalog, id).grants_of_former_owner(&former));
            draft.statements.extend(grants);
        }
        Ok(draft)
    }

    /// The statements that alter it.
    pub(super) fn plain(&self, property: Property) -> Drafted {
        let statements = self.ddl.alter(property, self.live).filter(|it| !it.is_empty());
        statements.map(Draft::of).ok_or_else(|| self.words())
    }

    fn alter_constraint(&self, property: Property) -> Drafted {
        match property {
            Property::Definition => self.again(),
            Property::Validated if self.has(property) => {
                Err("no action needed: it is validated, which is stricter than expected".to_owned())
            }
            Property::Validated => {
                Ok(self.plain(property)?.but("it fails while rows violate it, which must be corrected first"))
            }
            Property::Triggers => {
                Err("a superuser enables them with `alter table … enable trigger all`, which enables \
                                       every other trigger of the table, too: look at these first"
                    .to_owned())
            }
            _ => self.plain(property).or_else(|_| self.again()),
        }
    }

    /// It is replaced as a whole, and keeps its owner, its privileges and what depends on it; unless its parameters or
    /// its result are others.
    fn alter_routine(&self, property: Property) -> Drafted {
        let same = |property| self.wanted(property) == self.live(property);
        let defaults = |text: Option<String>| text.unwrap_or_default().matches(" DEFAULT ").count();
        // A default can be added and changed, not taken away.
        let keeps_defaults = same(Property::Arguments)
            || self.id.kind == Kind::Function
                && !self.is_renamed()
                && defaults(self.live(Property::Arguments)) <= defaults(self.wanted(Property::Arguments))
                && self.has_same_outputs();
        if !same(Property::Returns) || !same(Property::Window) || !keeps_defaults {
            return self.again();
        }
        match property {
            Property::Arguments => self.ddl.create().map(|sql| Draft::of([sql])).ok_or_else(|| self.words()),
            _ => self.plain(property),
        }
    }

    /// Whether the parameters have other names than are expected.
    fn is_renamed(&self) -> bool {
        self.comparison.origin_key(self.live_id) != self.live_id
    }

    fn has_same_outputs(&self) -> bool {
        let outputs = |text: Option<String>| {
            let text = text.unwrap_or_default();
            text.split(", ")
                .filter(|it| it.contains("OUT ") || it.contains("TABLE"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        outputs(self.wanted(Property::Arguments)) == outputs(self.live(Property::Arguments))
    }

    fn alter_aggregate(&self, property: Property) -> Drafted {
        let same = |property| self.wanted(property) == self.live(property);
        match self.ddl.create() {
            Some(sql)
                if same(Property::Returns) && same(Property::Arguments) && property != Property::SecurityLabels =>
            {
                Ok(Draft::of([sql]))
            }
            _ => self.again(),
        }
    }

    fn alter_sequence(&self, property: Property) -> Drafted {
        let is_identity = self.has(Property::Identity) || self.live(Property::Identity).is_some();
        match property {
            Property::Identity => Err(self.words()),
            Property::OwnedBy if is_identity => Err("its column owns it, and can't be changed alone".to_owned()),
            _ if NUMBERS.contains(&property) => self.numbers(),
            _ => self.plain(property),
        }
    }

    /// All that differs in the numbers of a sequence, in one statement.
    fn numbers(&self) -> Drafted {
        let of = |object: Option<&Object>, property| object.and_then(|it| it.get(&property)).map(Value::to_string);
        let wanted = self.catalog.objects.get(self.live_id);
        let differs = |property| of(wanted, property) != of(self.live, property);
        // With another type, PostgreSQL gives it that type's limits.
        let is_changed = |property| match property {
            Property::Minimum | Property::Maximum => differs(property) || differs(Property::Type),
            _ => differs(property),
        };
        let statements = NUMBERS.into_iter().filter(|it| is_changed(*it));
        let statements = statements.filter_map(|it| self.ddl.alter(it, self.live)).flatten();
        let prefix = format!("alter sequence {} ", self.ddl.name());
        let clauses: Vec<String> = statements.filter_map(|it| it.strip_prefix(&prefix).map(str::to_owned)).collect();
        if clauses.is_empty() {
            return Err(self.words());
        }
        Ok(Draft::of([format!("{prefix}{}", clauses.join(" "))])
            .but("it fails while the last value of the sequence is beyond the limits"))
    }
}
