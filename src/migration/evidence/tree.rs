//! Leaves in order, folded into one root: sixteen hashes at a time, eight times.
//!
//! A node is the SHA-256 of the text `node`, then a blank and a hash for each child, and a line feed. The depth is the
//! same for every number of rows, which is up to 16^8, so a path to the root always has eight lines.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::base::text::hex;

/// Children of a node.
pub(crate) const ARITY: usize = 16;
/// Levels above the leaves.
pub(crate) const LEVELS: usize = 8;

/// A SHA-256. It is printed in lower-case hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads what is printed.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |it: u8| match it {
                b'0'..=b'9' => Some(it - b'0'),
                b'a'..=b'f' => Some(it - b'a' + 10),
                _ => None,
            };
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A tree that grows leaf by leaf. It holds sixteen hashes a level, whatever the number of leaves.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The hashes of each level that have no parent yet, the leaves first.
    open: [Vec<Hash>; LEVELS],
    /// How many nodes each level has so far.
    done: [u64; LEVELS],
    /// The node of the second level above the leaves, each of which stands for 256 of them, as far as they are complete.
    pub(crate) sections: Vec<Hash>,
    path: Option<Path>,
}

/// What leads from a leaf to the root: at each level the siblings, among them the place of the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The leaf's place, from 0.
    pub leaf: u64,
    /// A level each: the hashes of a node's children, and which of them leads to the leaf.
    pub levels: Vec<(Vec<Hash>, usize)>,
}

impl Tree {
    /// A tree that also keeps the path of a leaf.
    pub(crate) fn keeping_path_of(leaf: u64) -> Self {
        Self { path: Some(Path { leaf, levels: Vec::with_capacity(LEVELS) }), ..Self::default() }
    }

    /// Adds the next leaf.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0..LEVELS {
            self.open[level].push(hash);
            if self.open[level].len() < ARITY {
                return;
            }
            hash = self.close(level);
        }
        // Beyond 16^8 leaves a root is one of the children that come after: no leaf is lost, but `proof.sql` stops there.
        self.open[LEVELS - 1].push(hash);
    }

    /// Makes a node of what is open at a level.
    fn close(&mut self, level: usize) -> Hash {
        let children = std::mem::take(&mut self.open[level]);
        let node = node(&children);
        if let Some(path) = &mut self.path
            && path.levels.len() == level
            && path.leaf >> (4 * (level + 1)) == self.done[level]
        {
            let place = usize::try_from(path.leaf >> (4 * level)).unwrap_or(usize::MAX) % ARITY;
            path.levels.push((children, place));
        }
        self.done[level] += 1;
        if level == 1 {
            self.sections.push(node);
        }
        node
    }

    /// The root of all leaves; with the path, if one was asked for and its leaf is there.
    pub(crate) fn finish(mut self) -> (Hash, Vec<Hash>, Option<Path>) {
        let mut root = None;
        for level in 0..LEVELS {
            self.open[level].extend(root);
            root = (!self.open[level].is_empty()).then(|| self.close(level));
        }
        let path = self.path.filter(|it| it.levels.len() == LEVELS);
        (root.unwrap_or_else(|| node(&[])), self.sections, path)
    }
}

/// The hash of a node with these children.
pub(crate) fn node(children: &[Hash]) -> Hash {
    let mut digest = Sha256::new();
    digest.update("node");
    for child in children {
        digest.update(" ");
        digest.update(hex(&child.0));
    }
    digest.update("\n");
    Hash(digest.finalize().into())
}
