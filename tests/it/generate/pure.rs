//! Generated rows and what they refer to, without a database: for the laws, and for the benchmark of the transform.

use std::sync::LazyLock;

use pad_migrate::harness::generate::columns::UNKNOWN;
use pad_migrate::harness::generate::reference::REFERENCE;
use pad_migrate::harness::generate::{GeneratedRow, WIDTH};
use pad_migrate::migration::legacy::{LegacyColumn, LegacyRow};
use pad_migrate::migration::lookups::{Lookups, Security};
use pad_migrate::migration::text::Text;

/// The row as the migration would read it.
pub(crate) fn legacy_row(row: &GeneratedRow<'_>) -> LegacyRow {
    let (mut legacy, mut at) = (LegacyRow::default(), 0);
    row.cells(&mut String::new(), |cell| {
        let text = cell.map(Text::from);
        match LegacyColumn::ALL.get(at) {
            Some(column) => legacy.set(*column, text),
            None => legacy.set_unknown(UNKNOWN[at - LegacyColumn::ALL.len()].name, text),
        }
        at += 1;
    });
    assert_eq!(at, WIDTH);
    legacy
}

/// The generated people and securities.
pub(crate) fn lookups() -> &'static Lookups {
    static LOOKUPS: LazyLock<Lookups> = LazyLock::new(|| {
        let mut lookups = Lookups::default();
        for reference in REFERENCE {
            let names: Vec<&str> = reference.columns.split(", ").collect();
            for row in 0..reference.rows {
                let cells = (reference.cells)(row);
                let cell = |name: &str| {
                    let at = names.iter().position(|it| *it == name).expect("the table has the column");
                    cells[at].clone()
                };
                let id = cell("id").expect("a row has an id").parse().expect("the id is a number");
                match reference.table {
                    "oracle_employee" => {
                        lookups.employees.insert(id);
                    }
                    "oracle_bloomberg" => {
                        let (isin, sedol) = (cell("isin"), cell("sedol"));
                        let (bloomberg, ticker) = (cell("bloomberg"), cell("ticker"));
                        let symbol = cell("inst_symbol").expect("a security has a symbol");
                        lookups.securities.entry(symbol).or_default().push(Security {
                            id,
                            isin,
                            sedol,
                            bloomberg,
                            ticker,
                        });
                    }
                    _ => {}
                }
            }
        }
        lookups
    });
    &LOOKUPS
}
