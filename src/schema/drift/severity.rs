//! How much a difference matters (`docs/drift.md` has the rule in words). Pure.

use crate::schema::catalog::{Kind, Object, Property, Value};
use crate::schema::drift::comparison::{Comparison, Difference, SERIAL, is_cosmetic};
use crate::schema::drift::finding::Change;
use crate::schema::drift::finding::Severity::{self, Breaking, Info, Warning};

/// The weight of a difference; none if it is nothing under the policy.
pub(crate) fn weigh(difference: &Difference, comparison: &Comparison<'_>) -> Option<Severity> {
    let live_id = difference.live_id.as_ref().unwrap_or(&difference.id);
    let (expected, _) = comparison.both(live_id);
    let live = comparison.live.objects.get(live_id);
    let expected = expected.or_else(|| comparison.expected.objects.get(&difference.id));
    let case = Case { difference, comparison, expected, live };
    match () {
        () if comparison.is_contract(&difference.id) => case.contract(),
        () if difference.id.schema.is_empty() => Some(case.database()),
        () => Some(case.strict()),
    }
}

struct Case<'a> {
    difference: &'a Difference,
    comparison: &'a Comparison<'a>,
    expected: Option<&'a Object>,
    live: Option<&'a Object>,
}

/// What may be done to what is there, and not only read of it.
fn is_writing(privileges: &str) -> bool {
    privileges.split(", ").any(|it| {
        let plain = it.trim_start_matches("grant option for ").split(" with ").next().unwrap_or_default();
        !matches!(plain, "SELECT" | "REFERENCES" | "USAGE" | "EXECUTE" | "CONNECT")
    })
}

impl Case<'_> {
    fn has(&self, object: Option<&Object>, property: Property) -> bool {
        object.is_some_and(|it| it.contains_key(&property))
    }

    fn text(&self, object: Option<&Object>, property: Property) -> String {
        object.and_then(|it| it.get(&property)).map(Value::to_string).unwrap_or_default()
    }

    /// A constraint or an index that keeps rows apart, or ties them.
    fn is_key(&self, object: Option<&Object>) -> bool {
        match self.difference.id.kind {
            Kind::Constraint => self.text(object, Property::Type) != "check",
            Kind::Index => self.has(object, Property::Unique) || self.has(object, Property::Constraint),
            _ => false,
        }
    }

    fn strict(&self) -> Severity {
        let difference = self.difference;
        match difference.change {
            Change::Missing => self.strict_missing(),
            Change::Unexpected => self.strict_unexpected(),
            Change::Renamed if is_cosmetic(difference.id.kind) => Info,
            Change::Renamed => Breaking,
            Change::Moved | Change::Replaced | Change::Empty => Breaking,
            Change::Order => Info,
            Change::Unmanaged => Info,
            Change::Unmodelled | Change::Expired | Change::Unused => Warning,
            Change::Unnamed => Info,
            Change::Lost if difference.id.kind == Kind::DefaultPrivileges => Warning,
            Change::Lost => Breaking,
            Change::Gained => {
                let to_everybody = difference.role.as_deref() == Some("PUBLIC");
                let writing = difference.actual.as_deref().is_some_and(is_writing);
                if to_everybody || writing { Breaking } else { Warning }
            }
            Change::Differs(property) => self.strict_property(property),
        }
    }

    fn strict_missing(&self) -> Severity {
        match self.difference.id.kind {
            Kind::Constraint | Kind::Index if !self.is_key(self.expected) => Warning,
            Kind::Statistics => Warning,
            _ => Breaking,
        }
    }

    fn strict_unexpected(&self) -> Severity {
        match self.difference.id.kind {
            // It refuses what was accepted, or changes what is written.
            Kind::Constraint | Kind::Trigger | Kind::Rule | Kind::Policy => Breaking,
            Kind::Index if self.is_key(self.live) => Breaking,
            Kind::Column => {
                let filled = [Property::Default, Property::Identity, Property::Generated];
                let needs_value =
                    self.has(self.live, Property::NotNull) && !filled.iter().any(|it| self.has(self.live, *it));
                if needs_value { Breaking } else { Warning }
            }
            _ => Warning,
        }
    }

    fn strict_property(&self, property: Property) -> Severity {
        let difference = self.difference;
        let kind = difference.id.kind;
        let (expected, actual) = (difference.expected.as_deref(), difference.actual.as_deref());
        match property {
            Property::Type if kind == Kind::Column || kind == Kind::Attribute => self.type_change(),
            Property::Type if kind == Kind::Sequence => Warning,
            Property::Type => Breaking,
            // It refuses what was accepted; the other way round it accepts what was refused.
            Property::NotNull => {
                if actual.is_some() {
                    Breaking
                } else {
                    Warning
                }
            }
            Property::Default => {
                let needs_value = self.has(self.live, Property::NotNull) && kind == Kind::Column;
                if actual.is_none() && needs_value { Breaking } else { Warning }
            }
            Property::Identity => match (expected, actual) {
                // A sequence of its own gives the same numbers.
                (Some("by default"), Some(SERIAL)) => Info,
                (_, Some("always")) | (Some(_), None) => Breaking,
                _ => Warning,
            },
            Property::Generated => Breaking,
            Property::Collation => Warning,
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
            | Property::Constraint => Info,
            Property::Options => match kind {
                // Who sees what through a view: security_barrier, security_invoker, check_option.
                Kind::View => Breaking,
                _ => Info,
            },
            Property::Definition => match kind {
                Kind::Index if !self.is_key(self.expected) => Warning,
                Kind::Statistics | Kind::EventTrigger | Kind::ForeignServer => Warning,
                _ => Breaking,
            },
            // A transaction that counts on it fails.
            Property::Deferrable => Breaking,
            Property::NoInherit => Warning,
            Property::Validated => {
                if actual.is_some() {
                    Warning
                } else {
                    Info
                }
            }
            Property::Enforced | Property::Triggers => Breaking,
            Property::Unique => Breaking,
            Property::Valid => {
                if self.is_key(self.expected) || self.is_key(self.live) {
                    Breaking
                } else {
                    Warning
                }
            }
            Property::Owner => match kind {
                Kind::Schema | Kind::View | Kind::MaterializedView => Breaking,
                // It runs with the rights of its owner.
                Kind::Function | Kind::Procedure if self.text(self.live, Property::Security) == "definer" => Breaking,
                _ => Warning,
            },
            Property::Persistence => {
                if actual.is_some() {
                    Breaking
                } else {
                    Warning
                }
            }
            Property::AccessMethod | Property::OfType | Property::Server | Property::ServerOptions => Warning,
            Property::ReplicaIdentity => Warning,
            Property::RowSecurity | Property::RowSecurityForced => Breaking,
            Property::Populated => {
                if actual.is_some() {
                    Breaking
                } else {
                    Info
                }
            }
            Property::PartitionKey | Property::PartitionBound | Property::Inherits => Breaking,
            Property::Start
            | Property::Increment
            | Property::Minimum
            | Property::Maximum
            | Property::Cache
            | Property::Cycle => Warning,
            Property::OwnedBy => Warning,
            Property::Labels => {
                let has_all = |list: Option<&Object>, other: Option<&Object>| {
                    let parts = |it: Option<&Object>| {
                        it.and_then(|it| it.get(&property)).map(|it| it.parts().to_vec()).unwrap_or_default()
                    };
                    let other = parts(other);
                    parts(list).iter().all(|it| other.contains(it))
                };
                if has_all(self.expected, self.live) { Warning } else { Breaking }
            }
            Property::Arguments
            | Property::Returns
            | Property::Language
            | Property::Body
            | Property::Strict
            | Property::Security
            | Property::Window
            | Property::Configuration => Breaking,
            Property::Volatility | Property::Leakproof | Property::Parallel | Property::Support => Warning,
            Property::Cost | Property::Rows => Info,
            Property::Enabled => Breaking,
            Property::Command | Property::Roles | Property::Using | Property::WithCheck => Breaking,
            Property::Version | Property::InSchema => Warning,
            Property::Operations | Property::AllTables | Property::ViaRoot | Property::Schemas | Property::Tables => {
                Warning
            }
            Property::Publications | Property::Mappings | Property::Value | Property::SecurityLabels => Warning,
            Property::Privileges | Property::Revoked => Breaking,
        }
    }

    /// Whether rows are told apart, or tied, by this column.
    fn is_key_column(&self) -> bool {
        let id = &self.difference.id;
        let of_table = self
            .comparison
            .expected
            .children(&id.schema, &id.parent)
            .chain(self.comparison.live.children(&id.schema, &id.parent));
        of_table.filter(|it| it.0.kind == Kind::Constraint).any(|(_, object)| {
            let is_key = matches!(&*self.text(Some(object), Property::Type), "primary key" | "foreign key");
            let definition = self.text(Some(object), Property::Definition);
            let columns = definition.split_once('(').and_then(|it| it.1.split_once(')')).map(|it| it.0.to_owned());
            is_key && columns.is_some_and(|it| it.split(", ").any(|it| it.trim_matches('"') == id.name))
        })
    }

    fn type_change(&self) -> Severity {
        let (expected, actual) = (self.text(self.expected, Property::Type), self.text(self.live, Property::Type));
        match () {
            () if is_at_least(&expected, &actual) => Warning,
            // What a key of the old tables is: it works until the numbers are used up.
            () if self.comparison.embedded && expected == "bigint" && actual == "integer" && self.is_key_column() => {
                Warning
            }
            () => Breaking,
        }
    }

    /// What belongs to the database as a whole.
    fn database(&self) -> Severity {
        let difference = self.difference;
        match (difference.id.kind, difference.change) {
            (Kind::Extension, Change::Missing) => Breaking,
            // Somebody else's, if we never asked for it.
            (Kind::Extension, Change::Unexpected) if self.comparison.embedded => Info,
            (Kind::Extension, change) if change != Change::Differs(Property::Comment) => Warning,
            (Kind::Subscription, Change::Unexpected) => Breaking,
            (Kind::Cast, Change::Missing) => Breaking,
            (Kind::EventTrigger | Kind::Publication | Kind::Subscription | Kind::Setting, Change::Renamed) => Warning,
            (
                Kind::EventTrigger | Kind::Publication | Kind::Subscription | Kind::Setting | Kind::ForeignServer,
                change,
            ) => match change {
                Change::Differs(Property::Comment) => Info,
                Change::Lost | Change::Gained => self.strict(),
                _ => Warning,
            },
            _ => self.strict(),
        }
    }

    /// What we don't rely on weighs less.
    fn contract(&self) -> Option<Severity> {
        let difference = self.difference;
        let kind = difference.id.kind;
        let embedded = self.comparison.embedded;
        let more_is_fine = |severity| if embedded { None } else { Some(severity) };
        match difference.change {
            Change::Missing => match kind {
                Kind::Schema
                | Kind::Table
                | Kind::ForeignTable
                | Kind::View
                | Kind::MaterializedView
                | Kind::Column => Some(Breaking),
                Kind::Constraint => match &*self.text(self.expected, Property::Type) {
                    "primary key" => Some(Breaking),
                    "unique" | "exclusion" => Some(Warning),
                    _ => Some(Info),
                },
                Kind::Index if self.is_key(self.expected) => Some(Warning),
                Kind::Function | Kind::Procedure | Kind::Aggregate => Some(Warning),
                Kind::Enum | Kind::Domain | Kind::Composite | Kind::Range | Kind::BaseType | Kind::Attribute => {
                    Some(Warning)
                }
                _ => Some(Info),
            },
            Change::Unexpected => match kind {
                Kind::Column | Kind::Attribute => None,
                kind if kind.is_relation() => None,
                _ => more_is_fine(Info),
            },
            Change::Unmanaged => None,
            Change::Renamed if is_cosmetic(kind) => Some(Info),
            Change::Renamed | Change::Moved | Change::Empty => match kind {
                Kind::Sequence | Kind::Enum | Kind::Domain | Kind::Composite | Kind::Range => Some(Info),
                Kind::Function | Kind::Procedure | Kind::Aggregate => Some(Warning),
                _ => Some(Breaking),
            },
            Change::Replaced => Some(Warning),
            Change::Order => more_is_fine(Info),
            Change::Unmodelled => Some(Warning),
            Change::Expired | Change::Unused => Some(Warning),
            Change::Unnamed => Some(Info),
            Change::Lost => match difference.expected.as_deref() {
                _ if kind == Kind::DefaultPrivileges => Some(Info),
                Some(lost)
                    if ["SELECT", "USAGE", "REFERENCES"].iter().any(|it| lost.split(", ").any(|lost| lost == *it)) =>
                {
                    Some(Breaking)
                }
                _ => Some(Info),
            },
            Change::Gained => {
                let actual = difference.actual.as_deref().unwrap_or_default();
                match () {
                    () if kind == Kind::DefaultPrivileges => more_is_fine(Info),
                    // A write privilege of ours on what is theirs.
                    () if is_writing(actual) => Some(Warning),
                    () if difference.role.as_deref() == Some("PUBLIC") => Some(Warning),
                    () => more_is_fine(Info),
                }
            }
            Change::Differs(property) => self.contract_property(property),
        }
    }

    fn contract_property(&self, property: Property) -> Option<Severity> {
        let difference = self.difference;
        let kind = difference.id.kind;
        let embedded = self.comparison.embedded;
        let more_is_fine = |severity| if embedded { None } else { Some(severity) };
        match property {
            Property::Type if kind == Kind::Column => {
                let fits =
                    is_at_least(&self.text(self.expected, Property::Type), &self.text(self.live, Property::Type));
                if fits { more_is_fine(Info) } else { Some(Breaking) }
            }
            Property::NotNull if kind == Kind::Column => match difference.expected {
                Some(_) => Some(Breaking),
                None => more_is_fine(Info),
            },
            Property::RowSecurity => {
                if difference.actual.is_some() {
                    Some(Breaking)
                } else {
                    Some(Warning)
                }
            }
            Property::RowSecurityForced => Some(Warning),
            Property::Populated => Some(if difference.actual.is_some() { Breaking } else { Info }),
            Property::Definition if matches!(kind, Kind::View | Kind::MaterializedView) => Some(Warning),
            Property::Definition | Property::Validated | Property::Enforced if kind == Kind::Constraint => {
                match &*self.text(self.expected, Property::Type) {
                    "primary key" => Some(Breaking),
                    "unique" => Some(Warning),
                    _ => Some(Info),
                }
            }
            Property::Unique => Some(Warning),
            Property::Valid if self.is_key(self.expected) => Some(Warning),
            Property::Body | Property::Returns | Property::Arguments | Property::Language | Property::Security => {
                Some(Warning)
            }
            Property::Labels | Property::PartitionBound | Property::PartitionKey | Property::Inherits => Some(Warning),
            Property::Comment => {
                if difference.expected.is_some() {
                    Some(Info)
                } else {
                    None
                }
            }
            _ => more_is_fine(Info),
        }
    }
}

/// Whether whatever fits the one type fits the other, and is read from it as from the one.
pub(super) fn is_at_least(expected: &str, actual: &str) -> bool {
    if expected == actual {
        return true;
    }
    let (expected, actual) = (Type::of(expected), Type::of(actual));
    if expected.array != actual.array {
        return false;
    }
    const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];
    const FLOATS: [&str; 2] = ["real", "double precision"];
    let rank = |family: &[&str], name: &str| family.iter().position(|it| *it == name);
    for family in [&INTEGERS[..], &FLOATS[..]] {
        if let (Some(one), Some(other)) = (rank(family, &expected.name), rank(family, &actual.name)) {
            return other >= one;
        }
    }
    // No modifier is no limit.
    let is_wider = |at: usize| match (expected.modifiers.get(at), actual.modifiers.get(at)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(one), Some(other)) => other >= one,
    };
    match (&*expected.name, &*actual.name) {
        ("text" | "character varying", "text") => true,
        ("text" | "character varying", "character varying") => is_wider(0),
        ("numeric", "numeric") => match (&expected.modifiers[..], &actual.modifiers[..]) {
            (_, []) => true,
            ([], _) => false,
            ([precision, scale], [more_precision, more_scale]) => {
                more_scale >= scale && more_precision - more_scale >= precision - scale
            }
            _ => false,
        },
        ("inet", "cidr") => true,
        (one, other) if one == other && !matches!(one, "character" | "bit") => is_wider(0),
        _ => false,
    }
}

/// A type as `format_type` prints it.
struct Type {
    name: String,
    modifiers: Vec<i64>,
    array: String,
}

impl Type {
    fn of(text: &str) -> Self {
        let base = text.trim_end_matches("[]");
        let array = text[base.len()..].to_owned();
        let Some((before, rest)) = base.split_once('(') else {
            return Self { name: base.to_owned(), modifiers: Vec::new(), array };
        };
        let (inner, after) = rest.split_once(')').unwrap_or((rest, ""));
        let modifiers = inner.split(',').filter_map(|it| it.trim().parse().ok()).collect();
        Self { name: format!("{before}{after}"), modifiers, array }
    }
}
