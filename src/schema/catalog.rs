//! The objects of some schemas, with their properties, as Postgres describes them. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A kind of object.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what PostgreSQL's documentation calls so")]
pub enum Kind {
    Database,
    Schema,
    Table,
    ForeignTable,
    View,
    MaterializedView,
    Column,
    Constraint,
    Index,
    Trigger,
    Rule,
    Policy,
    Statistics,
    Sequence,
    Enum,
    Domain,
    Composite,
    Attribute,
    Range,
    BaseType,
    Function,
    Procedure,
    Aggregate,
    Operator,
    OperatorClass,
    OperatorFamily,
    Cast,
    Collation,
    TextSearchConfiguration,
    TextSearchDictionary,
    DefaultPrivileges,
    Extension,
    EventTrigger,
    Publication,
    Subscription,
    ForeignServer,
    Setting,
    /// An object of a schema, of a kind that pad-migrate doesn't know.
    Unmodelled,
}

impl Kind {
    /// For sentences: `materialized view`.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Composite => "composite type".to_owned(),
            Self::Range => "range type".to_owned(),
            Self::BaseType => "base type".to_owned(),
            Self::Statistics => "extended statistics".to_owned(),
            Self::Unmodelled => "object".to_owned(),
            other => other.to_string().replace('_', " "),
        }
    }

    /// Whether it has columns and rows.
    pub(crate) fn is_relation(self) -> bool {
        matches!(self, Self::Table | Self::ForeignTable | Self::View | Self::MaterializedView)
    }
}

/// A property of an object. One that an object doesn't list is as Postgres has it by default.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what PostgreSQL's documentation calls so")]
pub enum Property {
    Type,
    NotNull,
    Default,
    Generated,
    Identity,
    Collation,
    Storage,
    Compression,
    Statistics,
    Inherited,
    NoInherit,
    /// The number of a column in its table; dropped columns count.
    Position,
    Definition,
    Deferrable,
    Validated,
    Enforced,
    /// The internal triggers of a foreign key that are disabled, or fire at other times.
    Triggers,
    Unique,
    Valid,
    Clustered,
    /// The constraint that an index belongs to.
    Constraint,
    Owner,
    Persistence,
    AccessMethod,
    Tablespace,
    Options,
    ToastOptions,
    RowSecurity,
    RowSecurityForced,
    ReplicaIdentity,
    PartitionKey,
    PartitionBound,
    Inherits,
    OfType,
    Populated,
    Server,
    ServerOptions,
    Start,
    Increment,
    Minimum,
    Maximum,
    Cache,
    Cycle,
    OwnedBy,
    Labels,
    Arguments,
    Returns,
    Language,
    Body,
    Volatility,
    Strict,
    Security,
    Leakproof,
    Parallel,
    Window,
    Configuration,
    Cost,
    Rows,
    Support,
    Enabled,
    Command,
    Roles,
    Using,
    WithCheck,
    Target,
    Version,
    InSchema,
    Operations,
    AllTables,
    ViaRoot,
    Schemas,
    Tables,
    Publications,
    Mappings,
    Value,
    /// Privileges beyond the built-in defaults (PostgreSQL 5.8): `role=PRIVILEGE`, with an asterisk for the grant
    /// option. `{self}` is the owner.
    Privileges,
    /// Built-in default privileges that were revoked.
    Revoked,
    Comment,
    SecurityLabels,
}

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Value {
    /// As Postgres spells it.
    Text(String),
    /// Several texts; their order matters where it does in Postgres.
    List(Vec<String>),
}

/// By hand: the derived implementation copies each value before it is read.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;
        impl<'de> serde::de::Visitor<'de> for TextOrList {
            type Value = Value;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Value::List(texts))
            }
        }
        deserializer.deserialize_any(TextOrList)
    }
}

impl Value {
    /// The parts: one, or those of the list.
    pub(crate) fn parts(&self) -> &[String] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::List(list) => list,
        }
    }

    fn parts_mut(&mut self) -> &mut [String] {
        match self {
            Self::Text(text) => std::slice::from_mut(text),
            Self::List(list) => list,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.parts().join(", "))
    }
}

/// Identifies an object in a catalog. Names are bare, not quoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Id {
    /// The schema; empty for what belongs to the database.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub schema: String,
    /// The table that a column, an index, a constraint and the like belong to; empty for what has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parent: String,
    /// The kind of object.
    pub kind: Kind,
    /// Its name; a function's with the types of its arguments. Empty for a schema and for the database.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Id {
    /// What findings call it: `pad_request.status`.
    pub fn object(&self) -> String {
        match self.kind {
            Kind::Database => "database".to_owned(),
            Kind::Schema => self.schema.clone(),
            Kind::Setting => {
                format!("{} of {}", self.name, if self.parent.is_empty() { "the database" } else { &self.parent })
            }
            _ if self.parent.is_empty() => self.name.clone(),
            _ => format!("{}.{}", self.parent, self.name),
        }
    }

    /// The object without a parent that this is or belongs to.
    pub fn top(&self) -> &str {
        if self.parent.is_empty() { &self.name } else { &self.parent }
    }
}

/// An object's properties.
pub type Object = BTreeMap<Property, Value>;

/// The objects of some schemas, and those of the database that they depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The server's major version.
    pub major: u32,
    /// The schemas that were asked for.
    pub schemas: Vec<String>,
    /// All objects.
    pub objects: BTreeMap<Id, Object>,
}

impl Catalog {
    /// The relation of this name.
    pub fn relation(&self, schema: &str, name: &str) -> Option<(&Id, &Object)> {
        let id = |kind| Id { schema: schema.to_owned(), parent: String::new(), kind, name: name.to_owned() };
        [Kind::Table, Kind::View, Kind::MaterializedView, Kind::ForeignTable]
            .into_iter()
            .find_map(|kind| self.objects.get_key_value(&id(kind)))
    }

    /// What belongs to a relation, a domain or a composite type: columns, constraints, indexes and so on.
    pub fn children<'a>(&'a self, schema: &'a str, parent: &'a str) -> impl Iterator<Item = (&'a Id, &'a Object)> {
        let first =
            Id { schema: schema.to_owned(), parent: parent.to_owned(), kind: Kind::Database, name: String::new() };
        self.objects.range(first..).take_while(move |(id, _)| id.schema == schema && id.parent == parent)
    }

    /// Some of the schemas only.
    pub fn restricted(mut self, schemas: &[String]) -> Self {
        self.objects.retain(|id, _| id.schema.is_empty() || schemas.contains(&id.schema));
        self.schemas.retain(|schema| schemas.contains(schema));
        self
    }

    /// Replaces role names in owners, privileges, policies and settings.
    #[must_use]
    pub fn with_roles(self, rename: impl Fn(&str) -> Option<String>) -> Self {
        let renamed = |name: &mut String| {
            if let Some(other) = rename(name) {
                *name = other;
            }
        };
        let mut objects = BTreeMap::new();
        for (mut id, mut object) in self.objects {
            for (property, value) in &mut object {
                match property {
                    Property::Owner | Property::Roles => value.parts_mut().iter_mut().for_each(renamed),
                    Property::Privileges | Property::Revoked => {
                        for item in value.parts_mut() {
                            if let Some((role, privilege)) = item.rsplit_once('=')
                                && let Some(other) = rename(role)
                            {
                                *item = format!("{other}={privilege}");
                            }
                        }
                        if let Value::List(list) = value {
                            list.sort();
                        }
                    }
                    _ => {}
                }
            }
            match id.kind {
                Kind::Setting => renamed(&mut id.parent),
                Kind::DefaultPrivileges => {
                    if let Some((what, role)) = id.name.split_once(" of ")
                        && let Some(other) = rename(role)
                    {
                        id.name = format!("{what} of {other}");
                    }
                }
                _ => {}
            }
            objects.insert(id, object);
        }
        Self { objects, ..self }
    }
}
