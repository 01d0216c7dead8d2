//! The list of cargo-mutants, and the seeded choice from it.

use std::hash::Hasher;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::{Fallible, Places};

/// The areas, and the files of each: what decides what is moved, what is said of it, and what is sent.
pub const AREAS: [(&str, &[&str]); 8] = [
    ("transform", &["src/migration/transform", "src/migration/value"]),
    (
        "reconstruct",
        &[
            "src/migration/reconstruct",
            "src/migration/legacy",
            "src/migration/stored",
            "src/migration/target",
            "src/migration/identity",
            "src/migration/copy_",
        ],
    ),
    (
        "check",
        &["src/migration/check", "src/migration/verification", "src/migration/accounting", "src/migration/difference"],
    ),
    ("drift", &["src/schema/drift"]),
    ("plan", &["src/schema/plan"]),
    ("guard", &["src/schema/guard"]),
    // header.rs is a part of build.rs, too, where nothing chooses a mutant.
    (
        "integrity",
        &[
            "src/checks/integrity.rs",
            "src/checks/integrity/judge",
            "src/checks/integrity/explain",
            "src/checks/integrity/outcome",
            "src/checks/pg/integrity",
        ],
    ),
    (
        "evidence",
        &["src/migration/evidence", "src/migration/proof", "src/checks/evidence", "src/migration/pg/evidence"],
    ),
];

/// A place in a file, by line and column from 1 in characters, as cargo-mutants counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: Place,
    pub end: Place,
}

/// A mutant of cargo-mutants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mutant {
    pub name: String,
    pub file: String,
    pub genre: String,
    pub replacement: String,
    pub span: Span,
    #[serde(default)]
    pub area: String,
    /// Why it can't be compiled, if it can't.
    #[serde(default)]
    pub unbuilt: Option<String>,
}

/// The sample, in a file of its own, so that a later start goes on with it.
#[derive(Serialize, Deserialize)]
pub struct Sample {
    pub seed: u64,
    /// Of how many mutants it is a sample, by area.
    pub listed: Vec<usize>,
    pub mutants: Vec<Mutant>,
    /// Whether the copy has all that compile, so that a later start leaves its sources as they are.
    #[serde(default)]
    pub is_compiled: bool,
}

fn area(file: &str) -> Option<&'static str> {
    AREAS.iter().find(|(_, begins)| begins.iter().any(|begin| file.starts_with(begin))).map(|(name, _)| *name)
}

/// FNV, so that a seed means the same with every version of Rust.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        // The low bits alone would keep names that look alike side by side.
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn order(seed: u64, name: &str) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(&seed.to_le_bytes());
    hasher.write(name.as_bytes());
    hasher.finish()
}

/// The same number of mutants of each area: the first in an order that only the seed and their names decide.
pub fn choose(places: &Places, number: usize, seed: u64) -> Fallible<Sample> {
    let listed = Command::new(places.root.join("target/tools/bin/cargo-mutants"))
        .args(["mutants", "--list", "--json"])
        .current_dir(&places.root)
        .output()?;
    if !listed.status.success() {
        return Err(String::from_utf8_lossy(&listed.stderr).into());
    }
    let mut all: Vec<Mutant> = serde_json::from_slice(&listed.stdout)?;
    all.retain_mut(|mutant| area(&mutant.file).map(|name| mutant.area = name.to_owned()).is_some());
    all.sort_by_key(|mutant| order(seed, &mutant.name));
    let mut sample = Sample { seed, listed: Vec::new(), mutants: Vec::new(), is_compiled: false };
    for (area, _) in AREAS {
        let of_area = || all.iter().filter(|mutant| mutant.area == area);
        sample.listed.push(of_area().count());
        sample.mutants.extend(of_area().take(number.div_ceil(AREAS.len())).cloned());
    }
    keep(places, &sample)?;
    Ok(sample)
}

/// Writes the sample.
pub fn keep(places: &Places, sample: &Sample) -> Fallible<()> {
    Ok(std::fs::write(places.work.join("sample.json"), serde_json::to_string_pretty(sample)?)?)
}

/// The sample of an earlier start.
pub fn kept(places: &Places) -> Fallible<Sample> {
    let text = std::fs::read_to_string(places.work.join("sample.json"));
    let text = text.map_err(|error| format!("there is no sample to go on with: {error}"))?;
    Ok(serde_json::from_str(&text)?)
}
