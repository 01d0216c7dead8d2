//! The proof of one row: its text, and what leads from its hash to the root. `check-row.sh` of a bundle checks it, too.

use crate::migration::accounting::State;
use crate::migration::evidence::entry::{Entry, Rejected, rejected_lines};
use crate::migration::evidence::text::Lines;
use crate::migration::evidence::tree::{Hash, LEVELS, Path, node};
use crate::migration::legacy::LegacyRow;
use crate::migration::value::parse_identifier;

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
    of_row.row(row, row.names());
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

/// Reads a proof, and computes the root that it leads to; or says what is wrong. What its head says of the row has to be
/// what the row itself says.
pub(crate) fn read_proof(bytes: &[u8]) -> Result<RowProof, ProofFault> {
    let wrong = |what: &str| ProofFault::Wrong(what.to_owned());
    let Some(end) = bytes.windows(2).position(|it| it == b"\n\n") else { return Err(ProofFault::NoProof) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| ProofFault::NoProof)?;
    let mut lines = head.lines();
    if lines.next() != Some(TITLE) {
        return Err(ProofFault::NoProof);
    }
    let mut due = |name: &str| {
        let line = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.ok_or_else(|| ProofFault::Wrong(format!("the line {name} of its head is not where it must be")))
    };
    let (id, state, claimed) = (due("id")?, due("state")?, due("root")?);
    let id: i64 = id.parse().map_err(|_| wrong("its id is no number"))?;
    let claimed = Hash::parse(claimed).ok_or_else(|| wrong("its root is no hash"))?;
    let nodes = (0..LEVELS).map(|_| due("node")).collect::<Result<Vec<_>, _>>()?;
    let leaf = if state == State::Migrated.as_str() { "0" } else { due("leaf-bytes")? };
    let row = due("row-bytes")?;
    let [leaf, row] = [leaf, row].map(str::parse::<usize>);
    let (Ok(leaf), Ok(row)) = (leaf, row) else { return Err(wrong("a number of bytes is none")) };
    let body = &bytes[end + 2..];
    if lines.next().is_some() || body.len() != row.saturating_add(leaf) {
        return Err(wrong("it is longer or shorter than it says"));
    }
    let (leaf, row) = body.split_at(leaf);
    let line = |text: &[u8], at: usize| {
        let line = text.split(|it| *it == b'\n').nth(at);
        line.map(|line| String::from_utf8_lossy(line).into_owned()).unwrap_or_default()
    };
    let named = line(row, 1);
    let named = named.strip_prefix("2:id=").and_then(|it| it.split_once(':')).map(|(_, text)| text);
    if line(row, 0) != "row" || named.and_then(|text| parse_identifier(text).ok()) != Some(id) {
        return Err(wrong("its text is not that of a row with its id"));
    }
    let mut hash = Hash::of(row);
    if state != State::Migrated.as_str() {
        let is_of_row = line(leaf, 1) == format!("3:row=64:{hash}");
        if ![State::Rejected, State::Pending].iter().any(|it| it.as_str() == state && line(leaf, 0) == state) {
            return Err(wrong("its leaf is not of its state"));
        }
        if !is_of_row {
            return Err(wrong("its leaf is not of its row"));
        }
        hash = Hash::of(leaf);
    }
    for text in nodes {
        let own = |word: &str| if word == "*" { Some(hash) } else { Hash::parse(word) };
        let children: Option<Vec<Hash>> = text.split(' ').map(own).collect();
        let is_whole = text.split(' ').filter(|it| *it == "*").count() == 1;
        hash = node(&children.filter(|_| is_whole).ok_or_else(|| wrong("a node is not hashes and one star"))?);
    }
    Ok(RowProof { id, state: state.to_owned(), claimed, found: hash })
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofFault {
    /// It is another file.
    NoProof,
    /// It is not as `evidence show` writes it.
    Wrong(String),
}
