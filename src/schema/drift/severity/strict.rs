//! The strict policy: of the application schema, and of any other schema that is compared with another database.

use crate::schema::catalog::{Kind, Object, Property, Value};
use crate::schema::drift::comparison::{SERIAL, is_cosmetic};
use crate::schema::drift::finding::Change;
use crate::schema::drift::finding::Severity::{self, Breaking, Info, Warning};
use crate::schema::drift::severity::types::is_at_least;
use crate::schema::drift::severity::{Case, has, is_writing, text};

impl Case<'_> {
    pub(super) fn strict(&self) -> Severity {
        let difference = self.difference;
        match difference.change {
            Change::Missing => self.missing(),
            Change::Unexpected => self.unexpected(),
            Change::Renamed if is_cosmetic(difference.id.kind) => Info,
            Change::Renamed | Change::Moved | Change::Replaced | Change::Empty => Breaking,
            Change::Order | Change::Unmanaged | Change::Unnamed => Info,
            Change::Unmodelled | Change::Expired | Change::Unused => Warning,
            Change::Lost if difference.id.kind == Kind::DefaultPrivileges => Warning,
            Change::Lost => Breaking,
            Change::Gained => {
                let to_everybody = difference.role.as_deref() == Some("PUBLIC");
                let writing = difference.actual.as_deref().is_some_and(is_writing);
                if to_everybody || writing { Breaking } else { Warning }
            }
            Change::Differs(property) => self.property(property),
        }
    }

    fn missing(&self) -> Severity {
        match self.difference.id.kind {
            Kind::Constraint | Kind::Index if !self.is_key(self.expected) => Warning,
            Kind::Statistics => Warning,
            _ => Breaking,
        }
    }

    fn unexpected(&self) -> Severity {
        match self.difference.id.kind {
            // It refuses what was accepted, or changes what is written.
            Kind::Constraint | Kind::Trigger | Kind::Rule | Kind::Policy => Breaking,
            Kind::Index if self.is_key(self.live) => Breaking,
            Kind::Column => {
                let filled = [Property::Default, Property::Identity, Property::Generated];
                let needs_value =
                    has(self.live, Property::NotNull) && !filled.iter().any(|property| has(self.live, *property));
                if needs_value { Breaking } else { Warning }
            }
            _ => Warning,
        }
    }

    /// A table with a line for each property, without a wildcard: a new property needs a decision here.
    fn property(&self, property: Property) -> Severity {
        match property {
            Property::Type => self.type_of_object(),
            Property::Default => self.default(),
            Property::Identity => self.identity(),
            Property::Options => self.options(),
            Property::Definition => self.definition(),
            Property::Valid => self.valid(),
            Property::OwnedBy => self.owned_by(),
            Property::Owner => self.owner(),
            Property::Labels => self.labels(),
            Property::Increment | Property::Minimum | Property::Maximum | Property::Cycle => {
                self.sequence_limit(property)
            }
            // NOT NULL refuses what was accepted; without it, what was refused is accepted.
            Property::NotNull | Property::Persistence => self.if_present(Breaking, Warning),
            Property::Populated => self.if_present(Breaking, Info),
            Property::Validated => self.if_present(Warning, Info),
            // Statements fail, rows are hidden or shown, or results change.
            Property::Generated
            | Property::Deferrable
            | Property::Enforced
            | Property::Triggers
            | Property::Unique
            | Property::RowSecurity
            | Property::RowSecurityForced
            | Property::PartitionKey
            | Property::PartitionBound
            | Property::Inherits
            | Property::Arguments
            | Property::Returns
            | Property::Language
            | Property::Body
            | Property::Strict
            | Property::Security
            | Property::Window
            | Property::Configuration
            | Property::Enabled
            | Property::Command
            | Property::Roles
            | Property::Using
            | Property::WithCheck
            | Property::Privileges
            | Property::Revoked => Breaking,
            Property::Collation
            | Property::NoInherit
            | Property::AccessMethod
            | Property::OfType
            | Property::Server
            | Property::ServerOptions
            | Property::ReplicaIdentity
            | Property::Start
            | Property::Cache
            | Property::Volatility
            | Property::Leakproof
            | Property::Parallel
            | Property::Support
            | Property::Version
            | Property::InSchema
            | Property::Operations
            | Property::AllTables
            | Property::ViaRoot
            | Property::Schemas
            | Property::Tables
            | Property::Publications
            | Property::Mappings
            | Property::Value
            | Property::SecurityLabels => Warning,
            Property::Storage
            | Property::Compression
            | Property::Statistics
            | Property::Target
            | Property::Comment
            | Property::ToastOptions
            | Property::Tablespace
            | Property::Clustered
            | Property::Position
            | Property::Inherited
            | Property::Constraint
            | Property::Cost
            | Property::Rows => Info,
        }
    }

    /// One severity if the live object has the property, another if it lacks it.
    fn if_present(&self, present: Severity, absent: Severity) -> Severity {
        if self.difference.actual.is_some() { present } else { absent }
    }

    fn type_of_object(&self) -> Severity {
        match self.difference.id.kind {
            Kind::Column | Kind::Attribute | Kind::Domain => self.value_type(),
            Kind::Sequence => self.sequence_limit(Property::Maximum).max(self.sequence_limit(Property::Minimum)),
            _ => Breaking,
        }
    }

    fn value_type(&self) -> Severity {
        let (expected, actual) = (text(self.expected, Property::Type), text(self.live, Property::Type));
        // The keys of the tables that Alembic made are integers: they work until the numbers are used up.
        let is_narrow_key =
            || self.comparison.embedded && expected == "bigint" && actual == "integer" && self.is_key_column();
        if is_at_least(&expected, &actual) || is_narrow_key() { Warning } else { Breaking }
    }

    /// Whether a primary key or a foreign key has this column.
    fn is_key_column(&self) -> bool {
        let id = &self.difference.id;
        let expected = self.comparison.expected.children(&id.schema, &id.parent);
        let mut all = expected.chain(self.comparison.live.children(&id.schema, &id.parent));
        all.any(|(other, object)| {
            let of = text(Some(object), Property::Type);
            if other.kind != Kind::Constraint || !matches!(&*of, "primary key" | "foreign key") {
                return false;
            }
            let definition = text(Some(object), Property::Definition);
            let columns = definition.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            columns.is_some_and(|(columns, _)| columns.split(", ").any(|name| name.trim_matches('"') == id.name))
        })
    }

    /// An INSERT that left the column out fails, if it has no default and is NOT NULL.
    fn default(&self) -> Severity {
        let needs_value = has(self.live, Property::NotNull) && self.difference.id.kind == Kind::Column;
        if self.difference.actual.is_none() && needs_value { Breaking } else { Warning }
    }

    fn identity(&self) -> Severity {
        match (self.difference.expected.as_deref(), self.difference.actual.as_deref()) {
            // A default from a sequence gives the same numbers.
            (Some("by default"), Some(SERIAL)) => Info,
            (_, Some("always")) | (Some(_), None) => Breaking,
            _ => Warning,
        }
    }

    /// The migration draws a table's ids from the sequence that belongs to the column.
    fn owned_by(&self) -> Severity {
        if has(self.expected, Property::Identity) { Breaking } else { Warning }
    }

    fn options(&self) -> Severity {
        match self.difference.id.kind {
            // Who sees what through a view: security_barrier, security_invoker, check_option.
            Kind::View => Breaking,
            _ => Info,
        }
    }

    fn definition(&self) -> Severity {
        match self.difference.id.kind {
            Kind::Index if !self.is_key(self.expected) => Warning,
            Kind::Statistics | Kind::EventTrigger | Kind::ForeignServer => Warning,
            _ => Breaking,
        }
    }

    fn valid(&self) -> Severity {
        if self.is_key(self.expected) || self.is_key(self.live) { Breaking } else { Warning }
    }

    fn owner(&self) -> Severity {
        match self.difference.id.kind {
            Kind::Schema | Kind::View | Kind::MaterializedView => Breaking,
            // It runs with the rights of its owner.
            Kind::Function | Kind::Procedure if text(self.live, Property::Security) == "definer" => Breaking,
            _ => Warning,
        }
    }

    /// More labels than expected, or another order, break nothing.
    fn labels(&self) -> Severity {
        let labels = |object: Option<&Object>| {
            object.and_then(|object| object.get(&Property::Labels)).map(Value::parts).unwrap_or_default().to_vec()
        };
        let live = labels(self.live);
        if labels(self.expected).iter().all(|label| live.contains(label)) { Warning } else { Breaking }
    }
}
