//! The order in which remedies work together: nothing before what it needs, renames after what uses the old name. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::hint::DRIFT;
use crate::schema::catalog::{Id, Kind, Property};
use crate::schema::ddl::Ddl;
use crate::schema::drift::finding::{Change, kind_of};
use crate::schema::drift::remedy::draft::{Draft, Drafted};
use crate::schema::drift::spelling::words_of;
use crate::schema::plan::order::{Place, order};

const TYPED: u8 = 20;
const RENAMED: u8 = 90;

/// What comes first if nothing else decides.
pub(super) fn rank(id: &Id, change: Change, wanted: Ddl<'_>) -> u8 {
    let of_kind = match id.kind {
        Kind::Schema | Kind::Extension => 0,
        Kind::Sequence => 11,
        Kind::Function | Kind::Procedure | Kind::Aggregate | Kind::Operator => 12,
        Kind::Table | Kind::ForeignTable => 13,
        Kind::Column if wanted.property(Property::Generated).is_some() => 23,
        Kind::Column | Kind::Attribute => 22,
        Kind::Constraint => match wanted.property(Property::Type).as_deref() {
            Some("foreign key") => 33,
            Some("check") => 32,
            _ => 30,
        },
        Kind::Index if wanted.of_kind(Kind::MaterializedView) => 51,
        Kind::Index => 31,
        Kind::View | Kind::MaterializedView => 50,
        Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Statistics => 60,
        Kind::Publication | Kind::Setting | Kind::DefaultPrivileges => 88,
        _ => 10,
    };
    match change {
        Change::Missing => of_kind,
        Change::Renamed if !id.parent.is_empty() => RENAMED,
        Change::Renamed => RENAMED + 1,
        Change::Moved => RENAMED + 2,
        Change::Lost | Change::Gained => 80,
        Change::Differs(property) => match property {
            Property::Owner if id.kind == Kind::Schema => 1,
            Property::Owner => 70,
            Property::Comment => 85,
            Property::OfType => 13,
            Property::Type | Property::Collation if id.kind == Kind::Column => TYPED,
            Property::NotNull | Property::Default | Property::Identity | Property::Generated => 24,
            // A mark that is set takes it from the index that has it.
            Property::Clustered if wanted.property(property).is_none() => 39,
            Property::Definition | Property::Unique | Property::Deferrable | Property::Body => of_kind,
            Property::Arguments | Property::Returns | Property::Window | Property::Language => of_kind,
            Property::OwnedBy => 72,
            _ => of_kind.max(40),
        },
        _ => of_kind,
    }
}

/// The names that stand in SQL.
struct Mentions {
    words: BTreeSet<String>,
    /// Those with a schema, or a table, before them.
    pairs: BTreeSet<(String, String)>,
}

impl Mentions {
    fn of(statements: &[String]) -> Self {
        let mut all = Self { words: BTreeSet::new(), pairs: BTreeSet::new() };
        for statement in statements {
            let words: Vec<String> = words_of(statement).collect();
            for part in words.windows(3).filter(|part| part[1] == ".") {
                all.pairs.insert((part[0].clone(), part[2].clone()));
            }
            all.words.extend(words);
        }
        all
    }

    fn has(&self, id: &Id) -> bool {
        let pair = |schema: &str, name: &str| self.pairs.contains(&(schema.to_owned(), bare(name).to_owned()));
        match id.parent.as_str() {
            "" if id.schema.is_empty() => self.words.contains(&id.name),
            "" => pair(&id.schema, &id.name),
            parent => pair(&id.schema, parent) && self.words.contains(&id.name),
        }
    }
}

fn bare(name: &str) -> &str {
    name.split('(').next().unwrap_or_default()
}

fn key(id: &Id) -> String {
    format!("{}.{}.{}", id.schema, id.parent, bare(&id.name))
}

/// Kinds that others name in their SQL.
fn is_named(id: &Id) -> bool {
    !matches!(id.kind, Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Statistics | Kind::Setting | Kind::Constraint)
}

/// What names something that is missing, and that no SQL brings back, is turned into words.
pub(super) fn without_what_is_gone(drafts: Vec<Drafted>, gone: &[&Id]) -> Vec<Drafted> {
    let checked = |draft: Drafted| {
        let draft = draft?;
        let mentions = Mentions::of(&draft.statements);
        let is_mentioned = |id: &&&Id| match id.kind {
            Kind::Schema => mentions.pairs.iter().any(|(schema, _)| *schema == id.schema),
            _ => is_named(id) && mentions.has(id),
        };
        match gone.iter().find(is_mentioned) {
            Some(id) => {
                Err(format!("{} {} must be there again first; then run `{DRIFT}` again", id.kind.words(), id.object()))
            }
            None => Ok(draft),
        }
    };
    drafts.into_iter().map(checked).collect()
}

/// The places of those that are SQL, counted from 1. A remedy that needs the old name of something and the new one is
/// turned into words; one that needs another first says so.
pub(super) fn in_turn(drafts: Vec<Drafted>) -> (Vec<Drafted>, Vec<Option<usize>>) {
    let mentions: Vec<Mentions> =
        drafts.iter().map(|it| Mentions::of(it.as_ref().map(|it| &it.statements[..]).unwrap_or_default())).collect();
    let of = |is: fn(&Draft) -> &Vec<Id>| -> Vec<(usize, Id)> {
        let each = drafts.iter().enumerate().filter_map(|(at, draft)| Some((at, draft.as_ref().ok()?)));
        each.flat_map(|(at, draft)| is(draft).iter().map(move |id| (at, id.clone()))).collect()
    };
    let (brought, taken) = (of(|it| &it.brings), of(|it| &it.takes));
    let (brought, taken): (Vec<_>, Vec<_>) = (
        brought.into_iter().filter(|it| is_named(&it.1)).collect(),
        taken.into_iter().filter(|it| is_named(&it.1)).collect(),
    );
    let mut places: Vec<Place> = drafts
        .iter()
        .map(|draft| Place {
            rank: draft.as_ref().map_or(u8::MAX, |it| it.rank),
            provides: Vec::new(),
            needs: BTreeSet::new(),
            is_drop: false,
        })
        .collect();
    let mut after: BTreeMap<usize, Vec<(usize, Id)>> = BTreeMap::new();
    for (at, id) in &brought {
        places[*at].provides.push(key(id));
        for other in (0..drafts.len()).filter(|other| other != at && mentions[*other].has(id)) {
            places[other].needs.insert(key(id));
            after.entry(other).or_default().push((*at, id.clone()));
        }
    }
    for (at, id) in &taken {
        let used = format!("use of {}", key(id));
        places[*at].needs.insert(used.clone());
        for other in (0..drafts.len()).filter(|other| other != at && mentions[*other].has(id)) {
            places[other].provides.push(used.clone());
        }
    }
    let drafts: Vec<Drafted> = drafts
        .into_iter()
        .enumerate()
        .map(|(at, draft)| {
            let draft = draft?;
            let needed = after.get(&at).map(Vec::as_slice).unwrap_or_default();
            for (other, id) in needed {
                let old = taken.iter().find(|(place, old)| place == other && mentions[at].has(old));
                if let Some((_, old)) = old.filter(|_| draft.takes.is_empty()) {
                    let (kind, name) = (kind_of(id.kind, Change::Renamed), id.object());
                    return Err(format!(
                        "it is about {} under both names: run the remedy of {kind} {name} first, then \
                         `{DRIFT}` again",
                        old.object()
                    ));
                }
            }
            Ok(needed.iter().fold(draft, |draft, (_, id)| {
                draft.after(format!("after the remedy of {} {}", id.kind.words(), id.object()))
            }))
        })
        .collect();
    // What has become words is in nobody's way.
    for (place, draft) in places.iter_mut().zip(&drafts) {
        if draft.is_err() {
            place.provides.clear();
            place.needs.clear();
        }
    }
    let mut order_of: Vec<Option<usize>> = vec![None; drafts.len()];
    let turns = order(&places).into_iter().filter(|at| drafts[*at].is_ok());
    for (turn, at) in turns.enumerate() {
        order_of[at] = Some(turn + 1);
    }
    (drafts, order_of)
}
