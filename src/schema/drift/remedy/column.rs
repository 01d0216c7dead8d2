//! What gives a column its type, its numbers, its expression. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::base::text::list;
use crate::schema::catalog::{Kind, Property, Value};
use crate::schema::ddl::{Ddl, qualified};
use crate::schema::drift::remedy::Case;
use crate::schema::drift::remedy::draft::{Draft, Drafted};
use crate::schema::plan::data::{Fit, fit};

/// The first version that changes the expression of a generated column.
const SETS_EXPRESSIONS: u32 = 17;

impl Case<'_> {
    pub(super) fn alter_column(&self, property: Property) -> Drafted {
        let is_there = |property| self.live(property).is_some();
        let words = |text: &str| Err(text.to_owned());
        let is_inherited = self.has(Property::Inherited) || is_there(Property::Inherited);
        match property {
            Property::Type | Property::Collation | Property::NotNull if self.is_of_view(self.live_id) => {
                words("it follows from the definition of the view")
            }
            Property::Type | Property::Collation | Property::Generated | Property::Identity if is_inherited => {
                words("it has this from its parent: change the parent's column")
            }
            Property::Type | Property::Collation => self.retyped(),
            Property::NotNull if self.has(property) => {
                Ok(self.plain(property)?.but("it fails while rows have no value, which must be filled first"))
            }
            Property::NotNull
                if is_there(Property::Identity) || self.comparison.primary_key_of(self.live_id).is_some() =>
            {
                words("an identity or a primary key keeps it NOT NULL: see what is said of these")
            }
            Property::Default if is_there(Property::Identity) || is_there(Property::Generated) => {
                words("it gets its values by itself: see what is said of its identity or its expression")
            }
            Property::Default if self.has(Property::Identity) => {
                words("no action needed: a sequence supplies the numbers that an identity would")
            }
            Property::Default if self.has(Property::Generated) => words("see what is said of its expression"),
            Property::Generated => self.generated(),
            Property::Identity => self.identity(),
            _ => self.plain(property),
        }
    }

    /// Never by a cast that cuts or rounds: what doesn't fit fails.
    fn retyped(&self) -> Drafted {
        let (Some(from), Some(to)) = (self.live(Property::Type), self.wanted(Property::Type)) else {
            return Err(self.words());
        };
        let users = self.users_of_column();
        if !users.is_empty() {
            return Err(format!(
                "it can't change while these use it: {}; drop them, change it with `alter column … type {to}`, and create \
                 them again",
                list(users)
            ));
        }
        let column = identifier(&self.live_id.name);
        let (fits, cast) = match fit(&column, &from, &to, &self.comparison.live, self.catalog) {
            _ if from == to => (None, false),
            Fit::All { cast, .. } => (None, cast),
            Fit::Some { condition, cast } => (Some(condition), cast),
            Fit::None(reason) => {
                return Err(format!("no statement makes {to} of {from} and keeps every value: {reason}"));
            }
        };
        let table = self.ddl.table();
        let query = |condition: &str| format!("`select * from {table} where not ({condition})`");
        if let Some(condition) = fits.as_deref().filter(|_| cast) {
            return Err(format!(
                "see whether there are rows that don't fit {to}: {}; correct them, then change the type",
                query(condition)
            ));
        }
        let change = self.ddl.retype(&to, cast);
        let draft = Draft::of([format!("alter {} {change}", self.ddl.owner())])
            .but("this may rewrite the table, and fails while an object elsewhere depends on the column");
        Ok(match fits {
            Some(condition) => {
                draft.but(format!("it fails while there are rows that don't fit: {}", query(&condition)))
            }
            None => draft,
        })
    }

    fn generated(&self) -> Drafted {
        let kind = |text: &Option<String>| text.as_deref().and_then(|it| it.split_once(' ')).map(|it| it.0.to_owned());
        let (wanted, live) = (self.wanted(Property::Generated), self.live(Property::Generated));
        let altered = format!("alter {} alter column {}", self.ddl.owner(), self.ddl.bare());
        match (&wanted, &live) {
            (Some(text), Some(_)) if kind(&wanted) == kind(&live) && self.comparison.live.major >= SETS_EXPRESSIONS => {
                let expression = text.split_once(' ').map(|it| it.1).unwrap_or_default();
                Ok(Draft::of([format!("{altered} set expression as ({expression})")]).but("this rewrites the table"))
            }
            (Some(_), _) => Err("its values would be overwritten: drop the column, and add it again".to_owned()),
            (None, Some(live)) if live.starts_with("stored") => Ok(Draft::of([format!("{altered} drop expression")])),
            _ => Err("its values are computed when they are read: drop the column, and add it again".to_owned()),
        }
    }

    /// Numbers go on after the greatest that is there.
    fn identity(&self) -> Drafted {
        let is_there = |property| self.live(property).is_some();
        if !self.has(Property::Identity) {
            return Err("its sequence would go with it: give the column a sequence of its own first".to_owned());
        }
        if is_there(Property::Default) {
            return Err("no action needed: a sequence supplies the numbers that an identity would".to_owned());
        }
        if is_there(Property::Identity) {
            return self.plain(Property::Identity);
        }
        let owner = self.live_id.object();
        let own = self.catalog.objects.iter().find(|(id, object)| {
            let owned = object.get(&Property::OwnedBy).map(Value::to_string);
            id.kind == Kind::Sequence && id.schema == self.live_id.schema && owned.as_ref() == Some(&owner)
        });
        let Some((sequence, _)) = own else { return Err(self.words()) };
        let (table, column) = (self.ddl.table(), self.ddl.bare());
        let name = qualified(&sequence.schema, &sequence.name);
        let quoted = literal(&name);
        let go_on = format!("select setval({quoted}, coalesce(greatest(max({column}), 0), 0) + 1, false) from {table}");
        if self.comparison.live.objects.contains_key(sequence) {
            let default = format!("alter table {table} alter column {column} set default nextval({quoted}::regclass)");
            return Ok(Draft::of([default, format!("alter sequence {name} owned by {table}.{column}"), go_on]));
        }
        let mut statements = Vec::new();
        if !is_there(Property::NotNull) {
            statements.push(format!("alter table {table} alter column {column} set not null"));
        }
        statements.extend(self.plain(Property::Identity)?.statements);
        statements.push(go_on);
        let ddl = Ddl::new(self.catalog, sequence);
        statements.extend(ddl.attributes().into_iter().map(|(_, sql)| sql));
        let (taken, given) = ddl.grants(&self.comparison.live);
        Ok(Draft::of(statements.into_iter().chain(taken).chain(given))
            .but("it fails while rows have no value, which must be filled first"))
    }
}
