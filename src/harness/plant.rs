//! Faults that are planted on purpose, so that a rehearsal shows what the verification finds.
//!
//! Pure. [`columns`] and [`rows`] declare the faults, the columns being those of the live catalog; this module chooses
//! a migrated row for each, and judges what was named. Each fault has rows of its own, so that what is named shows
//! which fault was found, and a row without a fault that is named is a false alarm.

pub mod columns;
pub mod fault;
pub mod legacy;
pub mod rows;

use std::collections::BTreeSet;

use crate::harness::plant::fault::{Chosen, Migrated, Name, Names, Needs, Partner, Place, Stock, Wanted};
use crate::migration::difference::Difference;
use crate::migration::run::LISTED;
use crate::migration::target::Role;
use crate::report::planted::{FalseAlarm, NotChecked, NotPlanted, Planted, PlantedFault, Refused};

/// A fault with its rows.
#[derive(Clone, Debug)]
pub struct Fault {
    /// As it is reported.
    pub described: PlantedFault,
    /// Plants it, and affects a row exactly if something is changed.
    pub statement: String,
    named: Vec<(i64, Vec<Name>)>,
    taken: Vec<i64>,
}

impl Fault {
    /// Whether the differences name it.
    fn is_found(&self, differences: &[Difference]) -> bool {
        let is_named = |(id, names): &(i64, Vec<Name>)| {
            let of_row = differences.iter().filter(|it| it.source_id == *id);
            of_row.into_iter().any(|it| names.iter().any(|name| is_name(name, it)))
        };
        self.named.iter().all(is_named)
    }
}

fn is_name((target, field): &Name, difference: &Difference) -> bool {
    let rest = difference.field.strip_prefix(field.as_str());
    *target == difference.target
        && (field.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// All faults, in rounds: in each round no row has more than one.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Rounds {
    pub rounds: Vec<Vec<Fault>>,
    pub not_planted: Vec<NotPlanted>,
}

/// Faults of one round, at most: the report of a verification lists so many differences, and a fault may cause several.
const ROUND: usize = LISTED / 2;

/// The first id that no row has.
const NEW: i64 = 9_000_000_000_000;

/// Chooses rows for the faults that are declared: for those that fit the fewest rows first.
pub fn rounds(stock: &Stock) -> Rounds {
    let mut found = Rounds::default();
    let mut wanted = columns::faults(stock);
    wanted.extend(rows::faults(stock));
    let mut counted: Vec<(usize, Wanted)> =
        wanted.into_iter().map(|it| (stock.migrated.iter().filter(|row| it.fits(row)).count(), it)).collect();
    counted.sort_by_key(|(count, _)| *count);
    let mut left: Vec<Wanted> = counted.into_iter().map(|(_, it)| it).collect();
    let mut new = NEW;
    while !left.is_empty() {
        let (mut round, mut later, mut taken) = (Vec::new(), Vec::new(), BTreeSet::<i64>::new());
        for wanted in left {
            let full = round.len() >= ROUND;
            match choose(&wanted, stock, &taken).filter(|_| !full) {
                Some((first, other)) => {
                    new += 1;
                    let fault = fault(&wanted, first, other, new);
                    taken.extend(&fault.taken);
                    round.push(fault);
                }
                None => later.push(wanted),
            }
        }
        if round.is_empty() {
            // Not even alone.
            found.not_planted.extend(later.iter().map(not_planted));
            break;
        }
        found.rounds.push(round);
        left = later;
    }
    found
}

fn choose<'a>(
    wanted: &Wanted,
    stock: &'a Stock,
    taken: &BTreeSet<i64>,
) -> Option<(&'a Migrated, Option<&'a Migrated>)> {
    let mut free = stock.migrated.iter().filter(|it| !taken.contains(&it.source_id));
    let first = free.clone().find(|it| wanted.fits(it))?;
    match wanted.partner {
        Partner::None => Some((first, None)),
        // If none pairs with the first, all hold the same value, and none pairs with another.
        _ => free.find(|other| wanted.pairs(first, other)).map(|other| (first, Some(other))),
    }
}

fn fault(wanted: &Wanted, first: &Migrated, other: Option<&Migrated>, new: i64) -> Fault {
    let id = |row: &Migrated, place: Place| row.rows.get(&place).map_or(0, |it| it.id);
    let place = match wanted.partner {
        Partner::Request => Place::Target(Role::Request),
        _ => wanted.place,
    };
    let chosen = Chosen { id: id(first, wanted.anchor()), new, other: other.map_or(0, |other| id(other, place)) };
    let Names { first: of_first, other: of_other, new: of_new } = wanted.names.clone();
    let other = other.map(|it| it.source_id);
    let named = [(Some(first.source_id), of_first), (other, of_other), (Some(new), of_new)];
    let is_due = |(id, names): (Option<i64>, Vec<Name>)| id.filter(|_| !names.is_empty()).map(|id| (id, names));
    Fault {
        described: wanted.described(first.source_id),
        statement: (wanted.statement)(chosen),
        named: named.into_iter().filter_map(is_due).collect(),
        taken: [first.source_id, new].into_iter().chain(other).collect(),
    }
}

fn not_planted(wanted: &Wanted) -> NotPlanted {
    let PlantedFault { table, role, column, fault, .. } = wanted.described(0);
    let reason = match wanted.needs {
        Needs::Null(_) => "no migrated row has null there",
        Needs::Value(..) => "no migrated row has such a value there",
        Needs::Row | Needs::Absence => "there are too few migrated rows",
    };
    NotPlanted { table, role, column, fault, reason }
}

/// What became of one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// It is there.
    Planted,
    /// The schema forbids it, by this constraint.
    Refused(String),
}

/// The columns in which nothing was planted, and why.
pub fn not_checked(stock: &Stock, planted: &Planted) -> Vec<NotChecked> {
    let mut found = Vec::new();
    let tables: BTreeSet<&'static str> = Place::all().map(Place::table).collect();
    for table in tables {
        let columns = stock.columns.get(table).into_iter().flatten();
        for column in columns.filter(|it| !planted.is_touched(table, &it.name)) {
            let reason = columns::without_promise(table, &column.name);
            let reason = reason.unwrap_or("no fault could be planted there");
            found.push(NotChecked { table, column: column.name.clone(), reason });
        }
    }
    found
}

/// Adds the outcome of a round: what was planted or refused, and what the verification names.
pub fn judge(planted: &mut Planted, round: &[(Fault, Attempted)], differences: &[Difference]) {
    let mut with_fault: BTreeSet<i64> = BTreeSet::new();
    for (fault, attempted) in round {
        match attempted {
            Attempted::Refused(constraint) => {
                planted.refused_by_schema += 1;
                match planted.refused.iter_mut().find(|it| it.constraint == *constraint) {
                    Some(refused) => refused.faults += 1,
                    None => planted.refused.push(Refused { constraint: constraint.clone(), faults: 1 }),
                }
            }
            Attempted::Planted => {
                with_fault.extend(&fault.taken);
                planted.touch(&fault.described);
                planted.faults += 1;
                match fault.is_found(differences) {
                    true => planted.found_by_verify += 1,
                    false => planted.missed.push(fault.described.clone()),
                }
            }
        }
    }
    let alarms = differences.iter().filter(|it| !with_fault.contains(&it.source_id));
    planted.false_alarms.extend(alarms.map(|it| FalseAlarm {
        source_id: it.source_id,
        target: it.target.clone(),
        field: it.field.clone(),
    }));
}

/// Adds what `proof.sql` names of a round: the legacy rows of all faults, and no other.
pub fn judge_proof(planted: &mut Planted, round: &[(Fault, Attempted)], named: &BTreeSet<i64>) {
    let there = round.iter().filter(|(_, attempted)| *attempted == Attempted::Planted).map(|(fault, _)| fault);
    let mut with_fault: BTreeSet<i64> = BTreeSet::new();
    for fault in there {
        with_fault.extend(&fault.taken);
        match fault.named.iter().all(|(id, _)| named.contains(id)) {
            true => *planted.found_by_proof.get_or_insert(0) += 1,
            false => planted.missed_by_proof.push(fault.described.clone()),
        }
    }
    planted.false_alarms_of_proof.extend(named.difference(&with_fault));
}
