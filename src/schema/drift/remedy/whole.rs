//! An object with all that it is expected to have: owner, privileges, comments, and what belongs to it. Pure.

use std::collections::BTreeSet;

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Id, Kind, Object, Property, Value};
use crate::schema::ddl::{Ddl, qualified};
use crate::schema::drift::remedy::Case;
use crate::schema::drift::remedy::draft::{Draft, Drafted};

/// What can refuse rows, or wait for them.
const REFUSED: &str = "it fails while rows violate it, which must be corrected first";

impl<'a> Case<'a> {
    pub(super) fn missing(&self) -> Drafted {
        let id = self.id;
        let draft = match id.kind {
            // A revision creates tables and schemas, with more than one statement.
            Kind::Table | Kind::Schema => return Err(self.words()),
            Kind::Extension => {
                let schema = self.wanted(Property::InSchema);
                let place = schema.map(|it| format!(" schema {}", identifier(&it))).unwrap_or_default();
                Draft::of([format!("create extension {}{place}", self.ddl.bare())])
            }
            Kind::Setting => Draft::of([self.setting(self.wanted(Property::Value))]),
            Kind::Range if self.multirange_is_taken() => {
                return Err(
                    "another type has the name of its multirange: probably it was renamed; rename it back".to_owned()
                );
            }
            _ if self.has(Property::Inherited) => {
                return Err("it comes with that of the parent: see what is said of the parent".to_owned());
            }
            // A part of a view comes with the view.
            Kind::Column if self.is_of_view(id) => return Err(self.words()),
            _ => Draft::of(self.whole(id).ok_or_else(|| self.words())?),
        };
        Ok(self.with_obstacles(draft))
    }

    /// Drops it and creates it with all that it had, or says what is in the way.
    pub(super) fn again(&self) -> Drafted {
        let dependents = self.dependents();
        if !dependents.is_empty() {
            return Err(format!(
                "it must be dropped and created again, and this depends on it: {}; drop that first, and create it again \
                 afterwards",
                dependents.join(", ")
            ));
        }
        let has = |property| self.live.is_some_and(|it| it.contains_key(&property));
        let is_part = has(Property::Inherited) || self.id.kind == Kind::Index && has(Property::Constraint);
        let id = self.live_id;
        let whole = Ddl::new(self.catalog, id).drop().zip(self.whole(id)).filter(|_| !is_part);
        let (drop, whole) = whole.ok_or_else(|| self.words())?;
        let draft = Draft::of(std::iter::once(drop).chain(whole));
        let draft = match id.kind {
            Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Statistics => draft,
            Kind::Constraint if matches!(self.live(Property::Type).as_deref(), Some("check" | "foreign key")) => draft,
            Kind::Index if self.live(Property::Unique).is_none() => draft,
            _ => draft.but("it fails while an object elsewhere depends on it"),
        };
        Ok(self.with_obstacles(draft))
    }

    fn with_obstacles(&self, draft: Draft) -> Draft {
        let is_filled = [Property::Default, Property::Identity, Property::Generated].into_iter().any(|it| self.has(it));
        match self.id.kind {
            Kind::Constraint | Kind::Index if self.id.kind == Kind::Constraint || self.has(Property::Unique) => {
                draft.but(REFUSED)
            }
            Kind::Column if self.has(Property::NotNull) && !is_filled => {
                draft.but("it fails while the table has rows; then add it without NOT NULL, fill it, and set NOT NULL")
            }
            Kind::Column if !is_filled && self.wanted(Property::Type).is_some_and(|it| it.contains('.')) => draft
                .but("it fails while the table has rows, if its type is a domain that refuses NULL or its own default"),
            Kind::Column => draft.but("if it was dropped, this doesn't bring its values back"),
            Kind::Sequence if !draft.statements.iter().any(|it| it.starts_with("select setval(")) => {
                draft.but("its numbers begin again; set it after the greatest that is in use, with setval")
            }
            _ => draft,
        }
    }

    fn multirange_is_taken(&self) -> bool {
        let name = &self.id.name;
        let own = match name.contains("range") {
            true => name.replacen("range", "multirange", 1),
            false => format!("{name}_multirange"),
        };
        let ranges = self.comparison.live.objects.iter().filter(|(id, _)| id.kind == Kind::Range);
        let definition = |object: &Object| object.get(&Property::Definition).map(Value::to_string).unwrap_or_default();
        ranges.into_iter().any(|(_, object)| definition(object).split(' ').any(|word| word == own))
    }

    pub(super) fn is_of_view(&self, id: &Id) -> bool {
        let relations = [self.catalog, &self.comparison.live].map(|it| it.relation(&id.schema, &id.parent));
        relations.into_iter().flatten().any(|(id, _)| matches!(id.kind, Kind::View | Kind::MaterializedView))
    }

    /// The statements that create it with what it has. None, if this program creates no such objects.
    fn whole(&self, id: &'a Id) -> Option<Vec<String>> {
        let (id, object) = self.catalog.objects.get_key_value(id)?;
        let ddl = Ddl::new(self.catalog, id);
        let sequences = self.sequences_of(id);
        let mut all = Vec::new();
        for (sequence, _) in sequences.iter().filter(|(it, object)| !is_identity(object) && self.is_missing(it)) {
            all.push(Ddl::new(self.catalog, sequence).create()?);
            all.extend(self.given_to_owner_of(sequence, id));
        }
        match id.kind {
            Kind::Constraint => all.extend(self.constraint(ddl)?),
            _ => all.push(ddl.create()?),
        }
        all.extend(ddl.attributes().into_iter().map(|(_, sql)| sql));
        if id.kind == Kind::Sequence {
            all.extend(self.numbers_go_on(id, object));
        }
        if id.kind == Kind::Constraint {
            let index = Id { kind: Kind::Index, ..id.clone() };
            all.extend(Ddl::new(self.catalog, &index).attributes().into_iter().map(|(_, sql)| sql));
        }
        all.extend(self.granted(ddl));
        for (sequence, _) in sequences {
            let ddl = Ddl::new(self.catalog, sequence);
            all.extend(ddl.attributes().into_iter().map(|(_, sql)| sql));
            all.extend(self.granted(ddl));
        }
        if id.parent.is_empty() {
            for (part, object) in self.catalog.children(&id.schema, &id.name) {
                all.extend(self.part(part, object, id.kind)?);
            }
        }
        Some(all)
    }

    /// What a part needs that its whole has just been created with, or the part itself.
    fn part(&self, part: &'a Id, object: &Object, of: Kind) -> Option<Vec<String>> {
        let ddl = Ddl::new(self.catalog, part);
        let has = |property| object.contains_key(&property);
        let comes_along = match part.kind {
            Kind::Column | Kind::Attribute => true,
            Kind::Constraint => ddl.is_inline() || of == Kind::Domain,
            Kind::Index => has(Property::Constraint),
            // They are objects of their own.
            Kind::Statistics => return Some(Vec::new()),
            _ => false,
        };
        if !comes_along && !has(Property::Inherited) {
            return self.whole(part);
        }
        let mut all: Vec<String> = ddl.attributes().into_iter().map(|(_, sql)| sql).collect();
        if of == Kind::View && part.kind == Kind::Column && has(Property::Default) {
            all.extend(ddl.alter(Property::Default, None).unwrap_or_default());
        }
        all.extend(self.granted(ddl));
        Some(all)
    }

    fn granted(&self, ddl: Ddl<'_>) -> Vec<String> {
        let (taken, given) = ddl.grants(&self.comparison.live);
        [taken, given].concat()
    }

    fn is_missing(&self, id: &Id) -> bool {
        !self.comparison.live.objects.contains_key(id)
    }

    /// The sequences that number a column.
    fn sequences_of(&self, id: &Id) -> Vec<(&'a Id, &'a Object)> {
        let owner = (id.kind == Kind::Column).then(|| id.object());
        let owned = |object: &Object| object.get(&Property::OwnedBy).map(Value::to_string);
        let all = self.catalog.objects.iter().filter(|(it, _)| it.kind == Kind::Sequence && it.schema == id.schema);
        all.filter(|(_, object)| owner.is_some() && owned(object) == owner).collect()
    }

    /// A sequence has the owner of the table whose column owns it.
    fn given_to_owner_of(&self, sequence: &Id, column: &Id) -> Option<String> {
        let (_, table) = self.comparison.live.relation(&column.schema, &column.parent)?;
        let owner = table.get(&Property::Owner)?.to_string();
        let name = qualified(&sequence.schema, &sequence.name);
        Some(format!("alter sequence {name} owner to {}", identifier(&owner)))
    }

    /// The columns that are there and get their numbers from a sequence: the one that owns it, and those whose default
    /// draws from it.
    fn numbered_by(&self, id: &Id) -> BTreeSet<(String, String)> {
        let name = qualified(&id.schema, &id.name);
        let owner = self.catalog.objects.get(id).and_then(|it| it.get(&Property::OwnedBy)).map(Value::to_string);
        let draws = format!("nextval({}::regclass)", literal(&name));
        let is_numbered = |column: &Id, object: &Object| {
            let of = |property| object.get(&property).map(Value::to_string).unwrap_or_default();
            let is_owner = column.schema == id.schema && owner.as_deref() == Some(&*column.object());
            is_owner
                || of(Property::Default).contains(&draws)
                    && matches!(&*of(Property::Type), "bigint" | "integer" | "smallint")
        };
        let columns = self.catalog.objects.iter().filter(|(it, _)| it.kind == Kind::Column && !self.is_missing(it));
        let columns = columns.filter(|(it, object)| is_numbered(it, object));
        columns.map(|(it, _)| (qualified(&it.schema, &it.parent), identifier(&it.name))).collect()
    }

    /// A sequence that comes back goes on after the greatest number that is there.
    fn numbers_go_on(&self, id: &Id, object: &Object) -> Option<String> {
        let downwards = object.get(&Property::Increment).is_some_and(|it| it.to_string().starts_with('-'));
        let columns = self.numbered_by(id);
        if columns.is_empty() || downwards || object.contains_key(&Property::Cycle) {
            return None;
        }
        let next = columns.iter().map(|(table, column)| format!("(select max({column}) + 1 from {table})"));
        let start = object.get(&Property::Start)?.to_string();
        let name = literal(&qualified(&id.schema, &id.name));
        Some(format!("select setval({name}, greatest({start}, {}), false)", next.collect::<Vec<_>>().join(", ")))
    }

    /// A constraint. What reads rows does so without keeping others from writing; an index that is there is used.
    fn constraint(&self, ddl: Ddl<'a>) -> Option<Vec<String>> {
        let id = ddl.id();
        let index = Id { kind: Kind::Index, ..id.clone() };
        let there = self.comparison.live.objects.get(&index);
        // One that belongs to a constraint goes with it.
        let there = there.filter(|it| !it.contains_key(&Property::Constraint));
        let kind = ddl.property(Property::Type)?;
        if let Some(there) = there {
            let word = matches!(&*kind, "primary key" | "unique").then_some(kind)?;
            let definition = ddl.property(Property::Definition)?;
            let columns = &definition[definition.find('(')?..];
            let is_same = there.get(&Property::Definition)?.to_string() == format!("btree {columns}");
            let deferrable = ddl.property(Property::Deferrable).map(|it| format!(" deferrable {it}"));
            let (owner, bare) = (ddl.owner(), ddl.bare());
            let using = format!(
                "alter {owner} add constraint {bare} {word} using index {bare}{}",
                deferrable.unwrap_or_default()
            );
            return (is_same && there.contains_key(&Property::Unique)).then(|| vec![using]);
        }
        let add = ddl.create()?;
        let is_two_steps = add.ends_with(" not valid") && ddl.property(Property::Validated).is_none();
        let validate = format!("alter {} validate constraint {}", ddl.owner(), ddl.bare());
        Some(std::iter::once(add).chain(is_two_steps.then_some(validate)).collect())
    }
}

fn is_identity(object: &Object) -> bool {
    object.contains_key(&Property::Identity)
}
