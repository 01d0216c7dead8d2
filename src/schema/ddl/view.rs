//! Views and materialized views. Pure.

use crate::schema::catalog::{Kind, Object, Property};
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
    pub(super) fn create_view(&self) -> Option<String> {
        let query = self.property(Property::Definition)?;
        let query = query.trim().trim_end_matches(';');
        Some(format!("create or replace view {}{} as\n{query}", self.name(), self.with_options()))
    }

    /// Whether `create or replace` makes this of the live view: its columns are those that there are, and perhaps more.
    pub(crate) fn can_replace(&self, live: &Ddl<'_>) -> bool {
        let columns = |view: &Ddl<'_>| -> Vec<(String, Option<String>)> {
            view.columns(Kind::Column).iter().map(|it| (it.bare(), it.property(Property::Type))).collect()
        };
        let (wanted, live) = (columns(self), columns(live));
        live.len() <= wanted.len() && wanted.iter().zip(&live).all(|(wanted, live)| wanted == live)
    }

    pub(super) fn create_materialized_view(&self) -> Option<String> {
        let query = self.property(Property::Definition)?;
        let query = query.trim().trim_end_matches(';');
        let data = if self.has(Property::Populated) { " with no data" } else { "" };
        Some(format!("create materialized view {}{} as\n{query}{data}", self.name(), self.with_options()))
    }

    pub(super) fn alter_view(&self, property: Property, live: Option<&Object>) -> Option<Vec<String>> {
        let is_materialized = self.id.kind == Kind::MaterializedView;
        match property {
            Property::Options => Some(self.alter_options(property, live, "")),
            Property::ToastOptions if is_materialized => Some(self.alter_options(property, live, "toast.")),
            Property::Populated if is_materialized => {
                let data = if self.has(property) { " with no data" } else { "" };
                Some(vec![format!("refresh materialized view {}{data}", self.name())])
            }
            _ => None,
        }
    }
}
