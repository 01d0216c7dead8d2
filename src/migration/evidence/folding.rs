//! Rows and reasons in order, folded into the three roots.

use std::collections::BTreeMap;

use crate::migration::accounting::State;
use crate::migration::evidence::entry::{Entry, Rejected, rejected_leaf};
use crate::migration::evidence::manifest::Roots;
use crate::migration::evidence::tree::{Hash, Path, Tree};

/// What is folded so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folding {
    trees: [Tree; 3],
    counts: [u64; 3],
    rules: BTreeMap<String, u64>,
    /// The first id of each 256 rows.
    starts: Vec<i64>,
    last: Option<i64>,
}

/// What rows are folded into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folded {
    /// Source, target and keys.
    pub(crate) roots: [Option<Hash>; 3],
    /// The nodes that stand for 256 rows each, of the three trees.
    pub(crate) sections: [Vec<Hash>; 3],
    /// The first id of each.
    pub(crate) starts: Vec<i64>,
    pub(crate) migrated: u64,
    pub(crate) rejected: u64,
    pub(crate) pending: u64,
    /// Reasons of rejected rows, by rule.
    pub(crate) rules: BTreeMap<String, u64>,
    /// The path of the row that one was asked for, in the source's tree.
    pub(crate) path: Option<Path>,
}

/// Rows are not in the order of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disordered;

impl Folding {
    /// Folds, and keeps the path of the row at a place, from 0.
    pub(crate) fn keeping_path_of(place: u64) -> Self {
        Self { trees: [Tree::keeping_path_of(place), Tree::default(), Tree::default()], ..Self::default() }
    }

    /// Adds the next row, with the reasons for which it is rejected.
    pub(crate) fn add(&mut self, entry: &Entry, reasons: &[Rejected]) -> Result<(), Disordered> {
        if self.last.is_some_and(|last| last >= entry.id) {
            return Err(Disordered);
        }
        self.last = Some(entry.id);
        if self.rows().is_multiple_of(256) {
            self.starts.push(entry.id);
        }
        let state = entry.state();
        let rejected = (state == State::Rejected).then(|| rejected_leaf(entry.source, reasons));
        for (tree, leaf) in self.trees.iter_mut().zip(entry.leaves(rejected)) {
            tree.push(leaf);
        }
        self.counts[state as usize] += 1;
        if state == State::Rejected {
            for reason in reasons {
                *self.rules.entry(reason.rule.clone()).or_default() += 1;
            }
        }
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The roots of all that was added.
    pub(crate) fn finish(self) -> Folded {
        let [migrated, rejected, pending] = self.counts;
        let [source, target, keys] = self.trees.map(Tree::finish);
        Folded {
            roots: [Some(source.0), Some(target.0), Some(keys.0)],
            sections: [source.1, target.1, keys.1],
            starts: self.starts,
            migrated,
            rejected,
            pending,
            rules: self.rules,
            path: source.2,
        }
    }
}

impl Folded {
    /// How many rows have a leaf.
    pub(crate) fn rows(&self) -> u64 {
        self.migrated + self.rejected + self.pending
    }
}

impl From<&Folded> for Roots {
    fn from(folded: &Folded) -> Self {
        let [source, target, keys] = folded.roots.map(|it| it.map(|hash| hash.to_string()).unwrap_or_default());
        Self { source, target, keys }
    }
}
