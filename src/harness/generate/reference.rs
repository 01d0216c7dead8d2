//! The people and securities that generated rows refer to: always the same, so that a row doesn't depend on how many
//! rows there are. Their ids are beyond those of the fixtures, beside which they can stand.

use std::fmt::Write as _;

use crate::migration::legacy::LegacyColumn as Col;

/// How many people there are.
pub(crate) const PEOPLE: u64 = 2000;
/// The id of the first person.
pub(crate) const FIRST_PERSON: i64 = 20_001;
/// How many securities there are.
pub(crate) const SECURITIES: u64 = 4800;
/// The id of the first security.
pub(crate) const FIRST_SECURITY: i64 = 50_001;

/// A reference table and its generated rows.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The table, in `bo_airflow`.
    pub table: &'static str,
    /// The columns that are filled.
    pub columns: &'static str,
    /// How many rows.
    pub rows: u64,
    /// The cells of a row, as Postgres prints them.
    pub cells: fn(u64) -> Vec<Option<String>>,
}

/// What is generated of the reference schema, in the order in which it can be loaded.
pub const REFERENCE: [Reference; 3] = [
    Reference {
        table: "oracle_employee",
        columns: "id, forename, surname, division, cost_centre, manager_id, start_date, end_date",
        rows: PEOPLE,
        cells: employee,
    },
    Reference { table: "oracle_contact", columns: "id, employee_id, full_name, email", rows: PEOPLE, cells: contact },
    Reference {
        table: "oracle_bloomberg",
        columns: "id, inst_symbol, isin, sedol, bloomberg, ticker, description, inst_type, is_restricted",
        rows: SECURITIES,
        cells: security,
    },
];

/// Forenames, composed, decomposed and as in a mail address.
const FORENAMES: [[&str; 3]; 16] = [
    ["Ada", "Ada", "ada"],
    ["Bruno", "Bruno", "bruno"],
    ["Zoë", "Zoe\u{308}", "zoe"],
    ["Dinesh", "Dinesh", "dinesh"],
    ["José", "Jose\u{301}", "jose"],
    ["Farah", "Farah", "farah"],
    ["Grace", "Grace", "grace"],
    ["Håkon", "Ha\u{30a}kon", "hakon"],
    ["Ines", "Ines", "ines"],
    ["Jonas", "Jonas", "jonas"],
    ["Kwame", "Kwame", "kwame"],
    ["Łucja", "Łucja", "lucja"],
    ["Mei", "Mei", "mei"],
    ["Noor", "Noor", "noor"],
    ["Oluwaseun", "Oluwaseun", "oluwaseun"],
    ["Priya", "Priya", "priya"],
];
const SURNAMES: [&str; 12] = [
    "Abara",
    "Bergström",
    "Castell",
    "Demir",
    "Eklund",
    "Fontaine",
    "Grünwald",
    "Haddad",
    "Ito",
    "Jansen",
    "Kovács",
    "Lindqvist",
];

fn forename(n: u64) -> [&'static str; 3] {
    FORENAMES[n as usize % FORENAMES.len()]
}

fn surname(n: u64) -> &'static str {
    SURNAMES[n as usize / FORENAMES.len() % SURNAMES.len()]
}

/// The manager of a person: a tree, eight people to a manager.
pub(super) fn manager_of(n: u64) -> Option<u64> {
    (n > 0).then(|| (n - 1) / 8)
}

/// Writes a person's name, decomposed if so wanted.
pub(super) fn write_name(n: u64, decomposed: bool, out: &mut String) -> std::fmt::Result {
    write!(out, "{} {}", forename(n)[usize::from(decomposed)], surname(n))
}

fn employee(n: u64) -> Vec<Option<String>> {
    vec![
        Some((FIRST_PERSON + n as i64).to_string()),
        Some(forename(n)[0].to_owned()),
        Some(surname(n).to_owned()),
        Some(["Compliance", "Trading", "Technology", "Research"][if n <= 12 { 0 } else { n as usize % 4 }].to_owned()),
        Some(format!("CC-{}", 100 + n % 40)),
        manager_of(n).map(|it| (FIRST_PERSON + it as i64).to_string()),
        Some(format!("{}-{:02}-15", 2004 + n % 18, 1 + n % 12)),
        (n % 9 == 8).then(|| format!("2023-{:02}-28", 1 + n % 12)),
    ]
}

fn contact(n: u64) -> Vec<Option<String>> {
    vec![
        Some((FIRST_PERSON + n as i64).to_string()),
        Some((FIRST_PERSON + n as i64).to_string()),
        Some(format!("{} {}", forename(n)[0], surname(n))),
        Some(format!("{}.{n}@example.com", forename(n)[2])),
    ]
}

/// Whether another security has this one's symbol, and if so, whether it has its ticker too.
pub(super) fn pair_of(n: u64) -> Option<bool> {
    (n % 40 >= 38).then_some(n % 80 >= 78)
}

/// A security of a pair that shares symbol and ticker, near this one.
pub(super) fn twin(n: u64) -> u64 {
    n - n % 80 + 78
}

/// Writes what the reference schema has in this column for a security; false is null.
pub(super) fn listed(n: u64, column: Col, out: &mut String) -> bool {
    let delisted = n % 61 == 7 && pair_of(n).is_none();
    let first = if pair_of(n).is_some() { n - n % 2 } else { n };
    let written = match column {
        Col::InstSymbol => write!(out, "GEN{first:05}"),
        Col::SecurityDescription if n.is_multiple_of(7) => write!(out, "Crédit Imaginaire {n}, actions"),
        Col::SecurityDescription => write!(out, "Invented Holdings {n} plc"),
        // A security that isn't traded any more has lost its identifiers, to an empty string or to a null.
        Col::Sedol if delisted => Ok(()),
        _ if delisted => return false,
        Col::Isin => write!(out, "XS{n:010}"),
        Col::Sedol => write!(out, "G{n:06}"),
        Col::Bloomberg => write!(out, "G{n} LN Equity"),
        _ => write!(out, "T{}", if pair_of(n) == Some(true) { first } else { n }),
    };
    written.is_ok()
}

fn security(n: u64) -> Vec<Option<String>> {
    let mut cells = vec![Some((FIRST_SECURITY + n as i64).to_string())];
    for column in [Col::InstSymbol, Col::Isin, Col::Sedol, Col::Bloomberg, Col::Ticker, Col::SecurityDescription] {
        let mut text = String::new();
        cells.push(listed(n, column, &mut text).then_some(text));
    }
    cells.push(Some(["EQ", "ETF", "FUT", "OPT"][n as usize % 4].to_owned()));
    cells.push(Some(n.is_multiple_of(97).to_string()));
    cells
}
