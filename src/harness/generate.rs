//! Legacy rows by the million: what `--rows N --seed S` means, to the program, the tests and the benchmark alike.
//!
//! Pure. [`columns`] and [`faults`] say, as data, what each cell of a legacy row can be, and which faults a row can
//! have; this module makes rows of it. Row `i` is a function of the seed and `i` alone, so any row, and what must
//! become of it, can be recomputed at any time, and nothing has to be remembered.
//!
//! Invariant: what is expected of a row follows from the faults that were put into it. Nothing here asks
//! [`crate::migration::transform`], whose rejections are judged by it.

pub mod columns;
pub mod faults;
pub mod page;
pub mod reference;
pub mod shape;
pub mod words;

use std::fmt::Write as _;

use crate::harness::generate::columns::{STAGE_WORDS, STATUS_WEIGHTS, STATUS_WORDS, UNKNOWN};
use crate::harness::generate::faults::{FAULTS, Fault};
use crate::harness::generate::reference::{FIRST_PERSON, PEOPLE, SECURITIES, listed, manager_of, pair_of, write_name};
use crate::harness::generate::shape::{Cells, Shape, When};
use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::rejection::Rule;
use crate::migration::text::LARGE;
use crate::migration::value::{Decimal, Timestamp};

/// The most rows that can be asked for.
pub(crate) const MOST_ROWS: usize = 100_000_000;

/// Cells of a row: the known columns, then the unknown ones.
pub const WIDTH: usize = Col::ALL.len() + UNKNOWN.len();

/// The slot that decides whether the row is bad: its first choice, near its largest value, makes it so. It and those
/// below are shared by several cells; each cell has a slot of its own, its number.
pub const GOOD_OR_BAD: usize = WIDTH;
const FAULT: usize = WIDTH + 1;
const COMBINATION: usize = WIDTH + 2;
const SECURITY: usize = WIDTH + 3;
const GAP: usize = WIDTH + 4;

/// One row in this many is bad.
const GOOD_TO_BAD: u64 = 100;
/// Ids are this far apart on average.
const STRIDE: u64 = 3;

/// Where a row's choices come from. Each slot has its own, so that one cell's choices don't move another's.
#[derive(Clone, Copy, Debug)]
pub enum Choices<'a> {
    /// Drawn from this key.
    Seeded(u64),
    /// Written down, by slot; those that are missing are 0, which is the simplest. This is how a property test makes,
    /// and shrinks, a row.
    Given(&'a [Vec<u64>]),
}

/// The choices of one slot, one after another.
enum Draw<'a> {
    Seeded(u64),
    Given(std::slice::Iter<'a, u64>),
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators). Written out here
/// because a library's generator may change its values with its version.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl<'a> Choices<'a> {
    fn slot(self, slot: usize) -> Draw<'a> {
        match self {
            Self::Seeded(key) => Draw::Seeded(mix(key ^ (slot as u64 + 1).wrapping_mul(GOLDEN))),
            Self::Given(slots) => Draw::Given(slots.get(slot).map_or(&[][..], Vec::as_slice).iter()),
        }
    }
}

impl Draw<'_> {
    /// A number below `bound`; the smaller the choice, the smaller the number.
    fn below(&mut self, bound: u64) -> u64 {
        let choice = match self {
            Self::Seeded(state) => {
                *state = state.wrapping_add(GOLDEN);
                mix(*state)
            }
            Self::Given(choices) => choices.next().copied().unwrap_or(0),
        };
        ((u128::from(choice) * u128::from(bound)) >> 64) as u64
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// The index that a number below the sum of the weights falls on.
    fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let mut left = self.below(weights.clone().map(u64::from).sum());
        for (at, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return at,
            }
        }
        0
    }
}

/// The rows of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Generator {
    pub rows: u64,
    pub seed: u64,
}

impl std::fmt::Display for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "generated, {} rows, seed {}", self.rows, self.seed)
    }
}

impl Generator {
    fn choices(&self, index: u64) -> Choices<'static> {
        Choices::Seeded(mix(mix(self.seed.wrapping_add(GOLDEN)) ^ index.wrapping_mul(GOLDEN)))
    }

    /// The id of the row at this index: ids ascend, with gaps.
    pub fn id(&self, index: u64) -> i64 {
        (1 + index * STRIDE + self.choices(index).slot(GAP).below(STRIDE)) as i64
    }

    /// The index of the row with this id, if there is one.
    pub fn index_of(&self, id: i64) -> Option<u64> {
        let index = u64::try_from(id).ok()?.checked_sub(1)? / STRIDE;
        (index < self.rows && self.id(index) == id).then_some(index)
    }

    /// The row at this index, which may be beyond the last.
    pub fn row(&self, index: u64) -> GeneratedRow<'static> {
        GeneratedRow::new(self.choices(index), self.id(index))
    }

    /// Why the row with this id must be rejected: field and rule, in order; nothing if it must be migrated.
    pub fn expected(&self, source_id: i64) -> Vec<(&'static str, Rule)> {
        self.index_of(source_id).map(|index| self.row(index).expected()).unwrap_or_default()
    }

    /// Every row that must be rejected, with the reasons, in id order.
    pub fn rejections(self) -> impl Iterator<Item = (i64, Vec<(&'static str, Rule)>)> {
        (0..self.rows)
            .map(move |index| self.row(index))
            .filter(GeneratedRow::is_bad)
            .map(|row| (row.id, row.expected()))
    }
}

/// One row: its choices, and the faults that were put into it, each with the column it shows in.
#[derive(Clone, Copy, Debug)]
pub struct GeneratedRow<'a> {
    /// The legacy id.
    pub id: i64,
    choices: Choices<'a>,
    faults: [Option<(&'static Fault, Col)>; 3],
}

impl<'a> GeneratedRow<'a> {
    /// The row of these choices.
    pub fn new(choices: Choices<'a>, id: i64) -> Self {
        let mut row = Self { id, choices, faults: [None; 3] };
        if choices.slot(GOOD_OR_BAD).below(GOOD_TO_BAD) == GOOD_TO_BAD - 1 {
            let mut draw = choices.slot(FAULT);
            let wanted = 1 + draw.weighted([14, 5, 1].into_iter());
            for at in 0..wanted {
                let fault = &FAULTS[draw.weighted(FAULTS.iter().map(|it| it.weight))];
                let field = draw.pick(fault.fields);
                // A fault that another would hide, or change the meaning of, is left out; the first one never is.
                let clashes =
                    row.faults.iter().flatten().any(|(other, other_field)| other.clashes(*other_field, fault, field));
                if !clashes {
                    row.faults[at] = Some((fault, field));
                }
            }
        }
        row
    }

    fn is_bad(&self) -> bool {
        self.faults[0].is_some()
    }

    /// Why the row must be rejected: field and rule, in order; nothing if it must be migrated.
    pub fn expected(&self) -> Vec<(&'static str, Rule)> {
        let mut expected: Vec<_> = self.faults.iter().flatten().map(|(fault, it)| (it.name(), fault.rule)).collect();
        expected.sort_unstable();
        expected
    }

    /// Every cell in column order, the unknown ones last: its text as Postgres prints it, null as `None`. The buffer
    /// is overwritten for each.
    pub fn cells(&self, buffer: &mut String, mut cell: impl FnMut(Option<&str>)) {
        for column in Col::ALL {
            buffer.clear();
            let mut draw = self.choices.slot(*column as usize);
            let text = match self.shape(*column, &mut draw) {
                _ if *column == Col::Id => write!(buffer, "{}", self.id).is_ok(),
                shape => self.write(shape, *column, &mut draw, buffer),
            };
            cell(text.then_some(&*buffer));
        }
        for (at, unknown) in UNKNOWN.iter().enumerate() {
            buffer.clear();
            let mut draw = self.choices.slot(Col::ALL.len() + at);
            let shape = choose(unknown.shapes, &mut draw);
            cell(self.write(shape, Col::Id, &mut draw, buffer).then_some(&*buffer));
        }
    }

    /// What a cell is, before its own details are chosen.
    fn shape(&self, column: Col, draw: &mut Draw<'_>) -> &'static Shape {
        for (fault, field) in self.faults.iter().flatten() {
            if *field == column {
                return choose(fault.shapes, draw);
            }
            if let Some((_, shapes)) = fault.with.iter().find(|(it, _)| *it == column) {
                return choose(shapes, draw);
            }
        }
        let cells: Cells = columns::cells(column);
        let shapes = cells.iter().find(|(when, _)| self.holds(*when)).map_or(&[][..], |(_, shapes)| shapes);
        choose(shapes, draw)
    }

    fn peek(&self, column: Col) -> &'static Shape {
        self.shape(column, &mut self.choices.slot(column as usize))
    }

    fn holds(&self, when: When) -> bool {
        match when {
            When::Always => true,
            When::Decided(column) => match self.peek(column) {
                Shape::Combined => matches!(self.word(column), Some("approved" | "declined")),
                shape => matches!(shape, Shape::Code(_)),
            },
            When::Executed => [Col::TwoBusinessDaysExecution, Col::ContractNotesReceived]
                .iter()
                .any(|it| !matches!(self.peek(*it), Shape::Null | Shape::Empty)),
            When::IsNull(column) => matches!(self.peek(column), Shape::Null),
            When::Pair => pair_of(self.security()).is_some(),
            When::SharedTicker => pair_of(self.security()) == Some(true),
        }
    }

    /// The security that the row is about, whatever it says of it.
    fn security(&self) -> u64 {
        let chosen = self.choices.slot(SECURITY).below(SECURITIES);
        if matches!(self.peek(Col::InstSymbol), Shape::Twin) { reference::twin(chosen) } else { chosen }
    }

    fn requester(&self) -> u64 {
        let mut draw = self.choices.slot(Col::Employee as usize);
        let _ = self.shape(Col::Employee, &mut draw);
        draw.below(PEOPLE)
    }

    /// The word of a status column in the row's combination of the three.
    fn word(&self, column: Col) -> Option<&'static str> {
        let at = self.choices.slot(COMBINATION).weighted(STATUS_WEIGHTS.as_flattened().as_flattened().iter().copied());
        match column {
            Col::Status => Some(STATUS_WORDS[at / 16]),
            Col::StatusManager => STAGE_WORDS[at / 4 % 4],
            _ => STAGE_WORDS[at % 4],
        }
    }

    /// The moment of the request, whether or not the row says it: in working hours of a weekday of 2012 to 2025, but
    /// for the months in which the old system was down.
    fn requested(&self) -> i64 {
        const DAY: i64 = 86_400_000_000;
        /// Monday, 2 January 2012, in days since 2000.
        const MONDAY: i64 = 4384;
        let mut draw = self.choices.slot(Col::RequestedDate as usize);
        let _ = self.shape(Col::RequestedDate, &mut draw);
        let week = draw.below(715) as i64;
        let week = if week < 200 { week } else { week + 9 };
        let micros = (8 * 3600 + draw.below(10 * 3600) as i64) * 1_000_000;
        let fraction = if draw.below(4) == 3 { draw.below(1_000_000) as i64 } else { 0 };
        (MONDAY + week * 7 + draw.below(5) as i64) * DAY + micros + fraction
    }

    /// Writes a cell's text; false is null.
    fn write(&self, shape: &Shape, column: Col, draw: &mut Draw<'_>, out: &mut String) -> bool {
        let after = |draw: &mut Draw<'_>, days: u64| {
            Timestamp(self.requested() + (draw.below(days * 86_400) * 1_000_000 + draw.below(1000)) as i64)
        };
        let person = |n: u64, out: &mut String| write!(out, "{}", FIRST_PERSON + n as i64);
        let written = match *shape {
            Shape::Null => return false,
            Shape::Empty => Ok(()),
            Shape::OneOf(texts) => out.write_str(draw.pick(texts)),
            Shape::Code(words) => spell(draw.pick(words), draw, out),
            Shape::Combined => match self.word(column) {
                Some(word) => spell(word, draw, out),
                // A code that isn't there is spelled in several ways too (D3).
                None => match draw.below(40) {
                    39 => out.write_str(" "),
                    38 => out.write_str("\t "),
                    36..38 => Ok(()),
                    _ => return false,
                },
            },
            Shape::Requester => person(self.requester(), out),
            Shape::Manager => person(manager_of(self.requester()).unwrap_or(0), out),
            Shape::Officer => person(1 + draw.below(12), out),
            Shape::Anyone => person(draw.below(PEOPLE), out),
            Shape::UnknownPerson => write!(out, "{}", 900_000_000 + draw.below(1000)),
            Shape::OwnName => write_name(self.requester(), draw.below(4) == 3, out),
            Shape::Listed | Shape::Twin => return listed(self.security(), column, out),
            Shape::Stale => write!(out, "OLD{}", draw.below(1000)),
            Shape::Amount(digits) => write!(out, "{}", Decimal::<4>(amount(draw, digits + 4))),
            Shape::Number(digits) => match draw.below(5) {
                0 => write!(out, "{}", Decimal::<0>(amount(draw, digits))),
                1 => write!(out, "{}", Decimal::<1>(amount(draw, digits + 1))),
                2 => write!(out, "{}", Decimal::<2>(amount(draw, digits + 2))),
                _ => write!(out, "{}", Decimal::<4>(amount(draw, digits + 4))),
            },
            Shape::Requested => write!(out, "{}", Timestamp(self.requested())),
            Shape::After(days) => write!(out, "{}", after(draw, days)),
            Shape::Zoned(days) => write!(out, "{}+00", after(draw, days)),
            Shape::Date => write!(out, "{:.10}", after(draw, 30).to_string()),
            // An eighth is printed in full by every shortest-digits algorithm.
            Shape::Float => write!(out, "{}", draw.below(1_000_000) as f64 / 8.0),
            Shape::Hex(most) => {
                let _ = out.write_str("\\x");
                (0..draw.below(most)).try_for_each(|_| write!(out, "{:02x}", draw.below(256)))
            }
            // A jsonb prints its keys by length.
            Shape::Json => {
                write!(out, "{{\"n\": {}, \"desk\": \"{}\"}}", draw.below(1000), draw.pick(&["EU", "אסיה", "👍"]))
            }
            Shape::Prose { from, to, odd } => prose(draw, from, to, odd, out),
            Shape::Long { from, to } => write!(out, "{:x<1$}", "Brother-in-law's ", draw.between(from, to) as usize),
            Shape::Huge => {
                let written = prose(draw, 5, 20, 3, out);
                out.push(' ');
                let once = out.clone();
                while out.len() <= LARGE {
                    out.push_str(&once);
                }
                written
            }
        };
        written.is_ok()
    }
}

fn choose(shapes: &'static [(u32, Shape)], draw: &mut Draw<'_>) -> &'static Shape {
    &shapes[draw.weighted(shapes.iter().map(|(weight, _)| *weight))].1
}

/// A code in one of the spellings that D3 takes for the same.
fn spell(word: &str, draw: &mut Draw<'_>, out: &mut String) -> std::fmt::Result {
    let (first, rest) = word.split_at(1);
    match draw.below(40) {
        39 => write!(out, "\t{word} "),
        38 => write!(out, "{} ", word.to_ascii_uppercase()),
        37 => write!(out, " {word}"),
        36 => out.write_str(&word.to_ascii_uppercase()),
        34..36 => write!(out, "{}{rest}", first.to_ascii_uppercase()),
        _ => out.write_str(word),
    }
}

/// A number of up to so many digits: as many short ones as long ones, some negative.
fn amount(draw: &mut Draw<'_>, digits: u32) -> i128 {
    let magnitude = 10u64.pow(1 + draw.below(u64::from(digits)) as u32);
    let number = i128::from(draw.below(magnitude));
    if draw.below(50) == 49 { -number } else { number }
}

/// Words, one in `odd` of which is none of the plain ones; 0 for plain words only.
fn prose(draw: &mut Draw<'_>, from: u64, to: u64, odd: u64, out: &mut String) -> std::fmt::Result {
    for at in 0..draw.between(from, to) {
        if at > 0 {
            out.push(' ');
        }
        let is_odd = odd > 0 && draw.below(odd) == odd - 1;
        out.push_str(draw.pick(if is_odd { words::ODD } else { words::WORDS }));
    }
    Ok(())
}
