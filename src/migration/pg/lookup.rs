//! Looks up what a page of legacy rows refers to in the reference schema.
//!
//! Both sets are those of one page; nothing is proportional to the reference tables.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::AssertSqlSafe;

use crate::migration::legacy::LegacyRow;
use crate::migration::lookups::Security;
use crate::migration::pg::unreadable::is_unreadable;
use crate::migration::transform::references::{people, symbol};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::server_facts;
use crate::postgres::transaction::savepoint;

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
    /// Whether a text may be unreadable: known when it was asked for.
    is_odd: Option<bool>,
}

const WHAT: &str = "looking up securities in bo_airflow.oracle_bloomberg";

/// Compared and read as text, which has no padding where the column is a char(n).
const SYMBOL: &str = "inst_symbol::text";

/// What singles a security out of several, in the order of [`Security`].
const IDENTIFIERS: [&str; 4] = ["isin::text", "sedol::text", "bloomberg::text", "ticker::text"];

/// A security with its symbol.
type Found = (String, Security);

impl Securities {
    /// Securities that are remembered, at most.
    const BOUND: usize = 50_000;

    /// The securities with the symbols that the rows name, in an open transaction.
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
        let rows = self.candidates(connection, &missing).await?;
        let mut new: HashMap<String, Vec<Security>> = missing.into_iter().map(|it| (it, Vec::new())).collect();
        for (symbol, security) in rows {
            // Equal under a collation that ignores case or accents is not equal to the byte: such a row finds no place.
            if let Some(candidates) = new.get_mut(&symbol) {
                candidates.push(security);
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

    /// The securities with some symbols. A text that can't be read is one that nothing is equal to: it stops nobody.
    async fn candidates(&mut self, connection: &mut Session, symbols: &[String]) -> Result<Vec<Found>, QueryError> {
        if self.is_odd.is_none() {
            self.is_odd = Some(server_facts(connection).await?.encoding != "UTF8");
        }
        if self.is_odd == Some(false) {
            return read_securities(connection, symbols).await;
        }
        let read = savepoint(connection, async |session| read_securities(session, symbols).await).await?;
        match read {
            Err(error) if is_unreadable(&error) => {}
            read => return read,
        }
        let mut found = Vec::new();
        for symbol in symbols {
            let one = std::slice::from_ref(symbol);
            match savepoint(connection, async |session| read_securities(session, one).await).await? {
                Err(error) if is_unreadable(&error) => found.extend(read_one_by_one(connection, symbol).await?),
                read => found.extend(read?),
            }
        }
        Ok(found)
    }

    /// Forgets everything, because it may have changed.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

async fn read_securities(connection: &mut Session, symbols: &[String]) -> Result<Vec<Found>, QueryError> {
    type Row = (i64, String, Option<String>, Option<String>, Option<String>, Option<String>);
    let sql = format!(
        "select id::int8, {SYMBOL}, {} from bo_airflow.oracle_bloomberg where {SYMBOL} = any($1) order by id",
        IDENTIFIERS.join(", ")
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql)).bind(symbols).fetch_all(connection).await.attempt(WHAT)?;
    let found =
        |(id, symbol, isin, sedol, bloomberg, ticker)| (symbol, Security { id, isin, sedol, bloomberg, ticker });
    Ok(rows.into_iter().map(found).collect())
}

/// The securities with a symbol of which not every text can be read: those texts are left out.
async fn read_one_by_one(connection: &mut Session, symbol: &str) -> Result<Vec<Found>, QueryError> {
    let ids = format!("select id::int8 from bo_airflow.oracle_bloomberg where {SYMBOL} = $1 order by id");
    let ids = savepoint(connection, async |session| {
        sqlx::query_scalar::<_, i64>(AssertSqlSafe(ids)).bind(symbol).fetch_all(session).await.attempt(WHAT)
    });
    let ids = match ids.await? {
        // The database's encoding doesn't have the symbol's characters, and so no security has it.
        Err(error) if is_unreadable(&error) => return Ok(Vec::new()),
        ids => ids?,
    };
    let mut found = Vec::new();
    for id in ids {
        let mut texts = [const { None }; 5];
        for (text, column) in texts.iter_mut().zip([SYMBOL].iter().chain(&IDENTIFIERS)) {
            let sql = format!("select {column} from bo_airflow.oracle_bloomberg where id = $1");
            let read = savepoint(connection, async |session| {
                sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(sql))
                    .bind(id)
                    .fetch_one(session)
                    .await
                    .attempt(WHAT)
            });
            *text = match read.await? {
                Err(error) if is_unreadable(&error) => None,
                read => read?,
            };
        }
        let [own, isin, sedol, bloomberg, ticker] = texts;
        found.extend(own.map(|own| (own, Security { id, isin, sedol, bloomberg, ticker })));
    }
    Ok(found)
}
