//! The proof of one row: its text, and what leads from its hash to the root. `check-row.sh` of a bundle checks it, too.

use crate::migration::evidence::entry::{Entry, Rejected, rejected_lines};
use crate::migration::evidence::text::Lines;
use crate::migration::evidence::tree::{Hash, LEVELS, Path, node};
use crate::migration::legacy::LegacyRow;

/// What the first line says.
const TITLE: &str = "pad-migrate row proof 1";

/// The most that a proof holds: a row whose columns are all just short enough to be written out.
pub(crate) const LIMIT: usize = 64 << 20;

/// A proof that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProof {
    /// The legacy row's id, as the proof has it.
    pub id: i64,
    /// Its state, likewise.
    pub state: String,
    /// The root, as the proof has it.
    pub claimed: Hash,
    /// The root that its row and its path give.
    pub found: Hash,
}

/// The proof of a row.
pub(crate) fn proof_of(entry: &Entry, row: &LegacyRow, reasons: &[Rejected], path: &Path, root: Hash) -> Vec<u8> {
    let mut of_row = Lines::default();
    of_row.row(row, row.unknown.names());
    let row = of_row;
    let mut text = format!("{TITLE}\nid {}\nstate {}\nroot {root}\n", entry.id, entry.state().as_str());
    for (children, place) in &path.levels {
        text.push_str("node");
        for (at, child) in children.iter().enumerate() {
            text.push(' ');
            if at == *place {
                text.push('*');
            } else {
                text.push_str(&child.to_string());
            }
        }
        text.push('\n');
    }
    let leaf = entry.leaf_text(|source| rejected_lines(source, reasons));
    if let Some(leaf) = &leaf {
        text.push_str(&format!("leaf-bytes {}\n", leaf.as_bytes().len()));
    }
    text.push_str(&format!("row-bytes {}\n\n", row.as_bytes().len()));
    [text.as_bytes(), leaf.as_ref().map_or(&[], Lines::as_bytes), row.as_bytes()].concat()
}

/// Reads a proof, and computes the root that it leads to; or says what is wrong.
pub(crate) fn read_proof(bytes: &[u8]) -> Result<RowProof, String> {
    let bad = |what: &str| format!("it has no {what}");
    let end = bytes.windows(2).position(|it| it == b"\n\n").ok_or_else(|| bad("empty line"))?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| bad("text before the empty line"))?;
    let body = &bytes[end + 2..];
    let mut lines = head.lines();
    if lines.next() != Some(TITLE) {
        return Err(format!("its first line is not {TITLE:?}"));
    }
    let (mut id, mut state, mut claimed, mut leaf, mut row, mut nodes) = (None, None, None, 0, None, Vec::new());
    for line in lines {
        match line.split_once(' ').ok_or_else(|| bad("value on a line"))? {
            ("id", text) => id = text.parse().ok(),
            ("state", text) => state = Some(text.to_owned()),
            ("root", text) => claimed = Hash::parse(text),
            ("leaf-bytes", text) => leaf = text.parse().map_err(|_| bad("number of leaf-bytes"))?,
            ("row-bytes", text) => row = text.parse::<usize>().ok(),
            ("node", text) => nodes.push(text.to_owned()),
            (name, _) => return Err(format!("it has a line {name:?}, which no proof has")),
        }
    }
    let row = row.ok_or_else(|| bad("number of row-bytes"))?;
    if body.len() != row.saturating_add(leaf) {
        return Err("its text is longer or shorter than it says".to_owned());
    }
    if nodes.len() != LEVELS {
        return Err(format!("it has {} lines with a node, and must have {LEVELS}", nodes.len()));
    }
    let (leaf, row) = body.split_at(leaf);
    let mut hash = Hash::of(row);
    if !leaf.is_empty() {
        let named = leaf.split(|it| *it == b'\n').nth(1);
        if named != Some(format!("3:row=64:{hash}").as_bytes()) {
            return Err("its leaf is not of its row".to_owned());
        }
        hash = Hash::of(leaf);
    }
    for line in nodes {
        let own = |word: &str| if word == "*" { Some(hash) } else { Hash::parse(word) };
        let children: Option<Vec<Hash>> = line.split(' ').map(own).collect();
        let is_whole = line.split(' ').filter(|it| *it == "*").count() == 1;
        hash = node(&children.filter(|_| is_whole).ok_or_else(|| bad("node with hashes and one star"))?);
    }
    let (Some(id), Some(state), Some(claimed)) = (id, state, claimed) else { return Err(bad("id, state or root")) };
    Ok(RowProof { id, state, claimed, found: hash })
}
