//! Looks up what a page of legacy rows refers to in the reference schema.
//!
//! Both sets are those of one page; nothing is proportional to the reference tables.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::migration::legacy::LegacyRow;
use crate::migration::lookups::Security;
use crate::migration::transform::references::{people, symbol};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Which of the people that the rows refer to exist.
pub(crate) async fn employees<'a>(
    connection: &mut Session,
    rows: impl Iterator<Item = &'a LegacyRow>,
) -> Result<HashSet<i64>, QueryError> {
    let wanted: BTreeSet<i64> = rows.flat_map(people).collect();
    let wanted: Vec<i64> = wanted.into_iter().collect();
    let found: Vec<i64> = sqlx::query_scalar("select id::int8 from bo_airflow.oracle_employee where id = any($1)")
        .bind(wanted)
        .fetch_all(connection)
        .await
        .attempt("looking up people in bo_airflow.oracle_employee")?;
    Ok(found.into_iter().collect())
}

/// Securities by symbol, remembered from page to page up to a bound: the mirror may have no index on the symbol, and
/// then each question is a scan.
#[derive(Debug, Default)]
pub(crate) struct Securities {
    known: HashMap<String, Vec<Security>>,
    held: usize,
}

type SecurityRow = (i64, String, Option<String>, Option<String>, Option<String>, Option<String>);

impl Securities {
    /// Securities that are remembered, at most.
    const BOUND: usize = 50_000;

    /// The securities with the symbols that the rows name.
    pub(crate) async fn of<'a>(
        &mut self,
        connection: &mut Session,
        rows: impl Iterator<Item = &'a LegacyRow>,
    ) -> Result<HashMap<String, Vec<Security>>, QueryError> {
        let wanted: BTreeSet<&str> = rows.filter_map(symbol).collect();
        let missing: Vec<String> = wanted
            .iter()
            .filter(|symbol| !self.known.contains_key(**symbol))
            .map(|symbol| (*symbol).to_owned())
            .collect();
        let mut found: HashMap<String, Vec<Security>> =
            wanted.iter().filter_map(|it| Some(((*it).to_owned(), self.known.get(*it)?.clone()))).collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let rows: Vec<SecurityRow> = sqlx::query_as(
            "select id::int8, inst_symbol::text, isin::text, sedol::text, bloomberg::text, ticker::text \
             from bo_airflow.oracle_bloomberg where inst_symbol = any($1) order by id",
        )
        .bind(&missing)
        .fetch_all(connection)
        .await
        .attempt("looking up securities in bo_airflow.oracle_bloomberg")?;
        let mut new: HashMap<String, Vec<Security>> = missing.into_iter().map(|it| (it, Vec::new())).collect();
        for (id, symbol, isin, sedol, bloomberg, ticker) in rows {
            // Equal under a collation that ignores case or accents is not equal to the byte: such a row finds no place.
            if let Some(candidates) = new.get_mut(&symbol) {
                candidates.push(Security { id, isin, sedol, bloomberg, ticker });
            }
        }
        if self.held > Self::BOUND {
            self.known.clear();
            self.held = 0;
        }
        self.held += new.values().map(|it| 1 + it.len()).sum::<usize>();
        self.known.extend(new.iter().map(|(symbol, candidates)| (symbol.clone(), candidates.clone())));
        found.extend(new);
        Ok(found)
    }

    /// Forgets everything, because it may have changed.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}
