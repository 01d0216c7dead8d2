//! Looks up what a page of legacy rows refers to in the reference schema.
//!
//! Both sets are those of one page; nothing is proportional to the reference tables.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::migration::legacy::LegacyRow;
use crate::migration::lookups::{Ids, SecuritiesBySymbol, Security};
use crate::migration::pg::unreadable::is_unreadable;
use crate::migration::transform::references::{people, symbol};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::server_facts;
use crate::postgres::transaction::savepoint;

/// What pages refer to, remembered from one to the next up to a bound: a run asks once for what its rows have in common.
#[derive(Debug, Default)]
pub(crate) struct References {
    pub(crate) people: People,
    pub(crate) securities: Securities,
}

impl References {
    /// Forgets everything, because it may have changed.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// People who exist, by their ids.
#[derive(Debug, Default)]
pub(crate) struct People {
    known: Ids,
}

impl People {
    /// People who are remembered, at most.
    const BOUND: usize = 50_000;

    /// Which of the people that the rows refer to exist. Who doesn't is asked for again.
    pub(crate) async fn of<'a>(
        &mut self,
        connection: &mut Session,
        rows: impl Iterator<Item = &'a LegacyRow>,
    ) -> Result<Ids, QueryError> {
        let mut people: Ids = rows.flat_map(people).collect();
        let mut missing: Vec<i64> = people.iter().copied().filter(|id| !self.known.contains(id)).collect();
        if missing.is_empty() {
            return Ok(people);
        }
        missing.sort_unstable();
        people.retain(|id| self.known.contains(id));
        let found: Vec<i64> = sqlx::query_scalar("select id::int8 from bo_airflow.oracle_employee where id = any($1)")
            .bind(missing)
            .fetch_all(connection)
            .await
            .attempt("looking up people in bo_airflow.oracle_employee")?;
        if self.known.len() > Self::BOUND {
            self.known.clear();
        }
        self.known.extend(&found);
        people.extend(found);
        Ok(people)
    }
}

/// Securities by symbol: the mirror may have no index on the symbol, and then each question is a scan.
#[derive(Debug, Default)]
pub(crate) struct Securities {
    known: SecuritiesBySymbol,
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
    ) -> Result<SecuritiesBySymbol, QueryError> {
        let mut found = SecuritiesBySymbol::default();
        let mut missing = BTreeSet::new();
        for symbol in rows.filter_map(symbol) {
            match self.known.get_key_value(symbol) {
                Some((symbol, candidates)) if !found.contains_key(symbol) => {
                    found.insert(Arc::clone(symbol), Arc::clone(candidates));
                }
                Some(_) => {}
                None => {
                    missing.insert(symbol);
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let missing: Vec<String> = missing.into_iter().map(str::to_owned).collect();
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
        for (symbol, candidates) in new {
            self.held += 1 + candidates.len();
            let (symbol, candidates): (Arc<str>, Arc<[Security]>) = (symbol.into(), candidates.into());
            self.known.insert(Arc::clone(&symbol), Arc::clone(&candidates));
            found.insert(symbol, candidates);
        }
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
