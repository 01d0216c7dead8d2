//! The order in which objects are created and dropped. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// A thing to do, among others.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What comes first if nothing else decides: renames, then drops, then what is created.
    pub(crate) rank: u8,
    /// The names that it creates or drops.
    pub(crate) provides: Vec<String>,
    /// The names in what it creates or drops.
    pub(crate) needs: BTreeSet<String>,
    /// Whether it drops: then what needs the names is dropped first.
    pub(crate) is_drop: bool,
}

/// The order: by rank, but nothing before what it needs. Where two need each other, rank decides.
pub(crate) fn order(places: &[Place]) -> Vec<usize> {
    let mut providers: BTreeMap<(bool, &str), Vec<usize>> = BTreeMap::new();
    for (at, place) in places.iter().enumerate() {
        for name in &place.provides {
            providers.entry((place.is_drop, name)).or_default().push(at);
        }
    }
    // What must come before each.
    let mut before: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); places.len()];
    for (at, place) in places.iter().enumerate() {
        for name in &place.needs {
            for provider in providers.get(&(place.is_drop, name.as_str())).into_iter().flatten() {
                if *provider != at {
                    let (first, then) = if place.is_drop { (at, *provider) } else { (*provider, at) };
                    before[then].insert(first);
                }
            }
        }
    }
    let mut open: BTreeSet<(u8, usize)> = places.iter().enumerate().map(|(at, it)| (it.rank, at)).collect();
    let mut done = vec![false; places.len()];
    let mut order = Vec::with_capacity(places.len());
    while let Some(first) = open.first().copied() {
        let is_ready = |at: usize| before[at].iter().all(|it| done[*it]);
        let next = open.iter().copied().find(|(_, at)| is_ready(*at)).unwrap_or(first);
        open.remove(&next);
        let (_, at) = next;
        done[at] = true;
        order.push(at);
    }
    order
}
