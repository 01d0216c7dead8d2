//! Storage parameters and options. Pure.

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Object, Property, Value};
use crate::schema::ddl::Ddl;

/// A storage parameter or an option as catalogs have it, `name=value`, as SQL takes it.
pub(super) fn option(text: &str) -> String {
    match text.split_once('=') {
        Some((name, value)) => format!("{name} = {}", literal(value)),
        None => text.to_owned(),
    }
}

impl Ddl<'_> {
    /// ` with (…)` of a new object.
    pub(super) fn with_options(&self) -> String {
        let options: Vec<String> = self.parts(Property::Options).iter().map(|text| option(text)).collect();
        if options.is_empty() { String::new() } else { format!(" with ({})", options.join(", ")) }
    }

    /// `set (…)` and `reset (…)` that make options these.
    pub(super) fn changed_options(&self, property: Property, live: Option<&Object>, prefix: &str) -> Vec<String> {
        let wanted = self.parts(property);
        let there = live.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default();
        let name = |it: &String| it.split('=').next().unwrap_or_default().to_owned();
        let set: Vec<String> = wanted
            .iter()
            .filter(|wanted| !there.contains(wanted))
            .map(|set| format!("{prefix}{}", option(set)))
            .collect();
        let gone = there.iter().map(name).filter(|it| !wanted.iter().any(|wanted| name(wanted) == *it));
        let gone: Vec<String> = gone.map(|it| format!("{prefix}{it}")).collect();
        let verbs = [("set", set), ("reset", gone)];
        verbs
            .into_iter()
            .filter(|(_, options)| !options.is_empty())
            .map(|(verb, it)| format!("{verb} ({})", it.join(", ")))
            .collect()
    }

    /// Statements that make the options of the whole object these.
    pub(super) fn alter_options(&self, property: Property, live: Option<&Object>, prefix: &str) -> Vec<String> {
        let changes = self.changed_options(property, live, prefix).into_iter();
        changes.map(|change| format!("{} {change}", self.altered())).collect()
    }
}
