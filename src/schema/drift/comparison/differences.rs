//! Everything that differs: objects that only one of the catalogs has, and properties of those that both have.

use std::collections::BTreeSet;

use crate::schema::catalog::{Id, Kind, Object, Property, Value};
use crate::schema::drift::comparison::parameters::{is_same_but_parameters, without_names};
use crate::schema::drift::comparison::{Both, Comparison, Difference, Found, SERIAL};
use crate::schema::drift::finding::Change;
use crate::schema::names::UNMANAGED_TABLES;

impl Comparison<'_> {
    /// Everything that differs, causes and consequences alike.
    pub(crate) fn differences(&self) -> Vec<Difference> {
        let mut all = self.renamed.clone();
        let joined = self.joined();
        all.extend(joined.missing.iter().flat_map(|found| self.missing(found)));
        all.extend(joined.unexpected.iter().flat_map(|found| self.unexpected(found)));
        all.extend(joined.changed.iter().flat_map(|both| self.changed(both)));
        let reordered = joined
            .changed
            .iter()
            .filter(|both| both.expected.get(&Property::Position) != both.live.get(&Property::Position));
        let relations: BTreeSet<(&str, &str)> = reordered.map(|both| (&*both.id.schema, &*both.id.parent)).collect();
        all.extend(relations.into_iter().flat_map(|(schema, relation)| self.order(schema, relation)));
        all.extend(self.live.schemas.iter().filter_map(|schema| self.empty(schema)));
        all
    }

    fn missing(&self, &Found { id, object }: &Found<'_>) -> Vec<Difference> {
        let replaced = id.kind.is_relation().then(|| self.live.relation(&id.schema, &id.name)).flatten();
        if let Some((other, live)) = replaced {
            let a = |id: &Id| format!("a {}", id.kind.words());
            let replaced = Difference::new(Change::Replaced, id).between(a(id), a(other)).renamed_to(other);
            // What is read has to be readable, whatever it is.
            let lost = self.privileges(id, object, live).into_iter();
            let lost = lost.filter(|it| self.is_contract(id) && it.change == Change::Lost);
            return std::iter::once(replaced).chain(lost).collect();
        }
        match id.kind {
            Kind::DefaultPrivileges => self.privileges(id, object, &Object::new()),
            Kind::Sequence => {
                let instead = self.drawn_instead(id).map(|it| format!("{}.{}", it.schema, it.name));
                vec![Difference::new(Change::Missing, id).between(self.describe(id, &self.expected), instead)]
            }
            _ => vec![Difference::new(Change::Missing, id).between(self.describe(id, &self.expected), None)],
        }
    }

    fn unexpected(&self, &Found { id, object }: &Found<'_>) -> Vec<Difference> {
        // The embedded catalog has only that part of the reference schema that the application relies on.
        let is_more = self.embedded && self.is_contract(id) && id.kind != Kind::Unmodelled;
        let is_replacement = id.kind.is_relation() && self.expected.relation(&id.schema, &id.name).is_some();
        if is_more || is_replacement || id.kind == Kind::Schema {
            return Vec::new();
        }
        let change = match id.kind {
            Kind::DefaultPrivileges => return self.privileges(id, &Object::new(), object),
            Kind::Unmodelled => Change::Unmodelled,
            Kind::Table | Kind::ForeignTable | Kind::View if UNMANAGED_TABLES.contains(&&*id.name) => Change::Unmanaged,
            _ => Change::Unexpected,
        };
        vec![Difference::new(change, id).between(None, self.describe(id, &self.live))]
    }

    /// Properties and privileges of an object that both catalogs have.
    fn changed(&self, &Both { id, expected, live }: &Both<'_>) -> Vec<Difference> {
        let mut all = Vec::new();
        if id.kind == Kind::Unmodelled {
            all.push(Difference::new(Change::Unmodelled, id).between(None, self.describe(id, &self.live)));
        }
        let properties: BTreeSet<Property> = expected.keys().chain(live.keys()).copied().collect();
        let normalizer = self.normalizer(id, live);
        for property in properties {
            let (one, other) = (expected.get(&property), live.get(&property));
            let ignored = one.is_none() && self.is_ignored(id, property);
            let renamed = property == Property::Arguments && self.is_renamed_only(id, one, other);
            if is_compared_elsewhere(property) || ignored || renamed || self.same(id, property, one, other, &normalizer)
            {
                continue;
            }
            let (one, mut other) = (one.map(Value::to_string), other.map(Value::to_string));
            let default = live.get(&Property::Default).map(Value::to_string).unwrap_or_default();
            if property == Property::Identity && default.starts_with("nextval(") {
                other = Some(SERIAL.to_owned());
            }
            all.push(Difference::new(Change::Differs(property), id).between(one, other));
        }
        all.extend(self.privileges(id, expected, live));
        all
    }

    /// Whether parameters differ in their names only, which is what the finding says.
    fn is_renamed_only(&self, id: &Id, one: Option<&Value>, other: Option<&Value>) -> bool {
        let names = |value: Option<&Value>| without_names(&value.map(Value::to_string).unwrap_or_default());
        is_same_but_parameters(self.origin_key(id), id) && names(one) == names(other)
    }

    /// Whether the embedded catalog leaves a property open that it doesn't have.
    fn is_ignored(&self, id: &Id, property: Property) -> bool {
        // Without a configured role it has no owners.
        self.embedded && (property == Property::Owner || self.is_contract(id) && !is_closing(property))
    }

    /// A schema that has none of the expected relations.
    fn empty(&self, schema: &str) -> Option<Difference> {
        let id = Id { schema: schema.to_owned(), parent: String::new(), kind: Kind::Schema, name: String::new() };
        let mut expected =
            self.expected.objects.keys().filter(|it| it.kind.is_relation() && it.schema == schema).peekable();
        let is_empty = expected.peek().is_some() && expected.all(|relation| !self.live.objects.contains_key(relation));
        (is_empty && self.expected.objects.contains_key(&id)).then(|| {
            let (expected, live) = (self.describe(&id, &self.expected), self.describe(&id, &self.live));
            Difference::new(Change::Empty, &id).between(expected, live)
        })
    }
}

/// Properties that are no findings by themselves: position, privileges, and what only separates causes from
/// consequences.
fn is_compared_elsewhere(property: Property) -> bool {
    use Property::{Constraint, Inherited, Position, Privileges, Revoked};
    matches!(property, Position | Inherited | Constraint | Privileges | Revoked)
}

/// Whether a property hides rows, which matters even where the embedded catalog doesn't mention it.
fn is_closing(property: Property) -> bool {
    matches!(property, Property::RowSecurity | Property::RowSecurityForced | Property::Populated)
}
