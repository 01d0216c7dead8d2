//! Consequences of a property: other properties of the same object.

use crate::schema::catalog::{Kind, Property};
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::effects::Search;
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::{Normalizer, Retyped, equality};

impl Search<'_> {
    /// Another property of the same object is the cause.
    pub(super) fn of_itself(&self, difference: &Difference) -> Option<usize> {
        let Change::Differs(property) = difference.change else { return None };
        let by = |cause| self.of(&difference.id, |it| it == Change::Differs(cause));
        match (difference.id.kind, property) {
            (Kind::Column, Property::Default) => {
                by(Property::Identity).or_else(|| by(Property::Generated)).or_else(|| {
                    // The same value with a cast to the new type.
                    by(Property::Type).filter(|place| self.same_but_for_casts(difference, Property::Default, &[*place]))
                })
            }
            (Kind::Column, Property::Collation) => by(Property::Type),
            (Kind::Column, Property::Storage | Property::Compression) => {
                by(Property::Type).or_else(|| by(Property::Collation))
            }
            (Kind::Table, Property::PartitionBound) => by(Property::Inherits),
            (Kind::Sequence, Property::Minimum | Property::Maximum) => by(Property::Type),
            // A type of an extension is in the extension's schema.
            (_, Property::Type) => self.all.iter().position(|it| {
                let schemas = it.expected.as_ref().zip(it.actual.as_ref());
                let types = difference.expected.as_ref().zip(difference.actual.as_ref());
                it.change == Change::Differs(Property::InSchema)
                    && schemas.zip(types).is_some_and(|((from, to), (one, other))| {
                        one.replace(&format!("{from}."), &format!("{to}.")) == *other
                    })
            }),
            (Kind::Index, Property::Definition) => {
                by(Property::Options).filter(|_| self.same_but_for_options(difference))
            }
            (Kind::Constraint, Property::Validated) => by(Property::Enforced),
            (Kind::Function | Kind::Procedure, Property::Cost | Property::Rows | Property::Body) => {
                by(Property::Language)
            }
            _ => None,
        }
    }

    /// Whether an expression differs by casts only that another type of these columns explains.
    pub(super) fn same_but_for_casts(&self, difference: &Difference, property: Property, retyped: &[usize]) -> bool {
        let normalizer = match self.comparison.live.objects.get(&difference.id) {
            Some(object) => self.comparison.normalizer(&difference.id, object).into_owned(),
            None => Normalizer::default(),
        };
        let retyped = retyped.iter().filter_map(|place| {
            let Difference { id, expected, actual, .. } = &self.all[*place];
            let column = if id.kind == Kind::Domain { "value".to_owned() } else { id.name.clone() };
            Some(Retyped { column, types: [expected.clone()?, actual.clone()?] })
        });
        let normalizer = Normalizer { retyped: retyped.collect(), ..normalizer };
        match (&difference.expected, &difference.actual) {
            (Some(one), Some(other)) => equality::same(difference.id.kind, property, one, other, &normalizer),
            _ => false,
        }
    }

    /// An index's definition has `WITH (…)`; its options are a property of their own, too.
    fn same_but_for_options(&self, difference: &Difference) -> bool {
        let without = |text: &Option<String>| {
            let text = text.clone().unwrap_or_default();
            match text.split_once(" WITH (") {
                Some((before, after)) => format!("{before}{}", after.split_once(')').map_or("", |(_, rest)| rest)),
                None => text,
            }
        };
        without(&difference.expected) == without(&difference.actual)
    }
}
