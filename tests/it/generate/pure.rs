//! What generated rows refer to, without a database: for the laws, and for the benchmark of the transform.

use std::collections::HashMap;
use std::sync::LazyLock;

use pad_migrate::harness::generate::reference::REFERENCE;
use pad_migrate::migration::lookups::{Lookups, Security};

/// The generated people and securities.
pub(crate) fn lookups() -> &'static Lookups {
    static LOOKUPS: LazyLock<Lookups> = LazyLock::new(|| {
        let mut lookups = Lookups::default();
        let mut securities: HashMap<String, Vec<Security>> = HashMap::new();
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
                        securities.entry(symbol).or_default().push(Security { id, isin, sedol, bloomberg, ticker });
                    }
                    _ => {}
                }
            }
        }
        lookups.securities = securities.into_iter().map(|(symbol, found)| (symbol.into(), found.into())).collect();
        lookups
    });
    &LOOKUPS
}
