//! Whether a property means the same in both catalogs, whatever its spelling.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::drift::comparison::Comparison;
use crate::schema::drift::comparison::RenamedColumn;
use crate::schema::drift::spelling::{Normalizer, Rename, alike, bodies, equality, values, words_of};

impl Comparison<'_> {
    /// What to ignore in an object's texts: renamed columns count only where it belongs to their relation or names it.
    pub(crate) fn normalizer(&self, id: &Id, object: &Object) -> Cow<'_, Normalizer> {
        if self.columns.is_empty() {
            return Cow::Borrowed(&self.normalizer);
        }
        let mut words = BTreeSet::from([id.parent.clone(), id.name.clone()]);
        words.extend(object.values().flat_map(Value::parts).flat_map(|it| words_of(it)));
        let mut normalizer = self.normalizer.clone();
        let known = self.columns.iter().filter(|column| words.contains(&column.relation));
        let known = known.filter(|column| !self.is_ambiguous(column, &words));
        let renames = known.map(|column| Rename::Column { old: column.old.clone(), new: column.new.clone() });
        normalizer.renames.0.extend(renames);
        Cow::Owned(normalizer)
    }

    /// Whether another relation that is named has columns of both names: a text may have changed from one to the other.
    fn is_ambiguous(&self, column: &RenamedColumn, words: &BTreeSet<String>) -> bool {
        let has = |catalog: &Catalog, id: &Id, name: &str| {
            let column = Id { kind: Kind::Column, name: name.to_owned(), ..id.clone() };
            catalog.objects.contains_key(&column)
        };
        let relations = self.live.objects.keys().filter(|id| id.kind.is_relation() && words.contains(&id.name));
        let others = relations.filter(|id| (&id.schema, &id.name) != (&column.schema, &column.relation));
        others
            .map(|id| Id {
                schema: id.schema.clone(),
                parent: id.name.clone(),
                kind: Kind::Column,
                name: String::new(),
            })
            .any(|id| has(&self.expected, &id, &column.old) && has(&self.live, &id, &column.new))
    }

    /// Whether a property means the same on both sides.
    pub(super) fn same(
        &self,
        id: &Id,
        property: Property,
        expected: Option<&Value>,
        live: Option<&Value>,
        normalizer: &Normalizer,
    ) -> bool {
        match (expected, live) {
            (Some(Value::List(one)), Some(Value::List(other))) if property == Property::Inherits => {
                let is_same = |(one, other): (&String, &String)| alike::texts(one, other, &normalizer.renames);
                one.len() == other.len() && one.iter().zip(other).all(is_same)
            }
            // The values of a list partition in another order.
            (Some(Value::Text(one)), Some(Value::Text(other))) if property == Property::PartitionBound => {
                let values = |text: &str| {
                    let list = text.strip_prefix("FOR VALUES IN (").and_then(|it| it.strip_suffix(')'))?;
                    Some(alike::items(list).into_iter().collect::<BTreeSet<String>>())
                };
                one == other || values(one).is_some() && values(one) == values(other)
            }
            (Some(Value::Text(one)), Some(Value::Text(other))) if id.kind == Kind::Setting => {
                values::same_setting(&id.name, one, other)
            }
            (Some(Value::Text(one)), Some(Value::Text(other))) => {
                let is_source = || property == Property::Body && self.is_of_lines(id);
                equality::same(id.kind, property, one, other, normalizer)
                    || is_source() && bodies::same_lines(one, other)
            }
            (Some(Value::List(_)), _) | (_, Some(Value::List(_)))
                if matches!(property, Property::Options | Property::ToastOptions) =>
            {
                let parts = |value: Option<&Value>| -> Vec<String> {
                    let parts = value.map(Value::parts).unwrap_or_default().iter();
                    parts.filter(|option| !values::is_default_option(option)).cloned().collect()
                };
                alike::as_sets(&parts(expected), &parts(live), |one, other| values::same_option(one, other))
            }
            (Some(Value::List(one)), Some(Value::List(other))) if property == Property::Configuration => {
                let is_same = |one: &String, other: &String| match (one.split_once('='), other.split_once('=')) {
                    (Some((name, one)), Some((other_name, other))) => {
                        name == other_name && values::same_setting(name, one, other)
                    }
                    _ => one == other,
                };
                alike::as_sets(one, other, is_same)
            }
            (Some(Value::List(one)), Some(Value::List(other))) if property != Property::Labels => {
                let renames = &normalizer.renames;
                let is_same = |one: &String, other: &String| match equality::names_objects(property) {
                    true => alike::texts(one, other, renames),
                    false => one == other,
                };
                one == other || alike::as_sets(one, other, is_same)
            }
            (Some(Value::Text(default)), None) | (None, Some(Value::Text(default)))
                if property == Property::Default =>
            {
                equality::is_null(default) && self.is_built_in(id)
            }
            (one, other) => one == other,
        }
    }

    /// Whether a function's body is of a language in which a line may end in either way.
    fn is_of_lines(&self, id: &Id) -> bool {
        let language = |catalog: &Catalog| catalog.objects.get(id).and_then(|it| it.get(&Property::Language)).cloned();
        let is_known = |language: Value| matches!(&*language.to_string(), "sql" | "plpgsql");
        language(&self.live).is_some_and(is_known)
    }

    /// Whether a column's type is built-in: a domain may have a default, which NULL overrides.
    fn is_built_in(&self, id: &Id) -> bool {
        let of = |catalog: &Catalog| catalog.objects.get(id).and_then(|it| it.get(&Property::Type)).cloned();
        [of(&self.expected), of(&self.live)].into_iter().flatten().all(|it| !it.to_string().contains('.'))
    }
}
