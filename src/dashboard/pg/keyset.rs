//! Pages of a list by the key of the row at their edge: page 10,000 costs what page 1 costs.
//!
//! A page is named by a row's id; the key is looked up, so that no value is in an address. Rows without a key come last.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};

use crate::dashboard::query::At;
use crate::dashboard::rows::Page;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// A value that a statement is given; never part of its text.
#[derive(Clone, Debug)]
pub(crate) enum Bind {
    Int(i64),
    Text(String),
}

/// What rows must fulfil.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    sql: Vec<String>,
    binds: Vec<Bind>,
}

impl Conditions {
    /// Adds one in which `?` is the value.
    pub(crate) fn with(&mut self, condition: &str, value: Bind) {
        self.binds.push(value);
        self.sql.push(condition.replace('?', &format!("${}", self.binds.len())));
    }

    /// Adds one without a value.
    pub(crate) fn add(&mut self, condition: &str) {
        self.sql.push(condition.to_owned());
    }

    /// The `where` clause, or nothing.
    pub(crate) fn clause(&self) -> String {
        if self.sql.is_empty() { String::new() } else { format!(" where {}", self.sql.join(" and ")) }
    }

    /// A statement with the values.
    pub(crate) fn query(self, sql: String) -> Query<'static, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(sql));
        self.binds.into_iter().fold(query, |query, bind| match bind {
            Bind::Int(value) => query.bind(value),
            Bind::Text(value) => query.bind(value),
        })
    }
}

/// By what rows are listed. Of equal keys, the id decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// The column, and its type; none if rows are listed by their id alone.
    pub(crate) key: Option<(&'static str, &'static str)>,
    /// Whether it may be null.
    pub(crate) is_nullable: bool,
    pub(crate) is_descending: bool,
}

impl Order {
    /// By id alone, the largest first.
    pub(crate) const LATEST_ID: Self = Self { key: None, is_nullable: false, is_descending: true };
}

/// What is listed. The relation's columns are called by `t`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'c> {
    pub(crate) table: &'static str,
    /// The columns, as the caller reads them; the first is the id.
    pub(crate) columns: &'c str,
    /// What else is joined to a row, so that it stays one.
    pub(crate) joins: &'static str,
    /// For error messages.
    pub(crate) what: &'static str,
    pub(crate) order: Order,
}

/// A stretch of the list.
#[derive(Clone, Debug)]
enum Stretch {
    /// Rows with a key: all, or those beyond a row's.
    Keys(Option<(Option<String>, i64)>),
    /// Rows without one.
    Nulls(Option<i64>),
}

/// The row that a page begins after or ends before is no longer there.
#[derive(Debug)]
pub(crate) struct EdgeGone;

impl Listed<'_> {
    /// A page of so many rows.
    pub(crate) async fn page<T>(
        &self,
        session: &mut Session,
        conditions: &Conditions,
        at: At,
        rows: usize,
        read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Result<Page<T>, EdgeGone>, QueryError> {
        let edge = match at {
            At::Start => None,
            At::After(id) | At::Before(id) => match self.edge(session, id).await? {
                Some(edge) => Some(edge),
                None => return Ok(Err(EdgeGone)),
            },
        };
        let is_backwards = matches!(at, At::Before(_));
        let mut found = Vec::new();
        for stretch in self.stretches(edge, is_backwards) {
            let wanted = rows + 1 - found.len();
            if wanted > 0 {
                let (sql, conditions) = self.statement(&stretch, conditions.clone(), is_backwards, wanted);
                let more = conditions.query(sql).fetch_all(&mut *session).await.attempt(self.what)?;
                found.extend(more.iter().map(&read).collect::<Result<Vec<T>, _>>().attempt(self.what)?);
            }
        }
        let is_more = found.len() > rows;
        found.truncate(rows);
        if is_backwards {
            found.reverse();
        }
        let (has_before, has_after) = if is_backwards { (is_more, true) } else { (at != At::Start, is_more) };
        Ok(Ok(Page { rows: found, has_before, has_after }))
    }

    async fn edge(&self, session: &mut Session, id: i64) -> Result<Option<(Option<String>, i64)>, QueryError> {
        let key = self.order.key.map_or("null", |(column, _)| column);
        let sql = format!("select {key}::text from {} t where t.id = $1", self.table);
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(session).await.attempt(self.what)?;
        row.map(|row| Ok((row.try_get(0).attempt(self.what)?, id))).transpose()
    }

    fn stretches(&self, edge: Option<(Option<String>, i64)>, is_backwards: bool) -> Vec<Stretch> {
        if !self.order.is_nullable {
            return vec![Stretch::Keys(edge)];
        }
        match (edge, is_backwards) {
            (Some((None, id)), false) => vec![Stretch::Nulls(Some(id))],
            (Some((None, id)), true) => vec![Stretch::Nulls(Some(id)), Stretch::Keys(None)],
            (edge, false) => vec![Stretch::Keys(edge), Stretch::Nulls(None)],
            (edge, true) => vec![Stretch::Keys(edge)],
        }
    }

    fn statement(
        &self,
        stretch: &Stretch,
        mut conditions: Conditions,
        is_backwards: bool,
        limit: usize,
    ) -> (String, Conditions) {
        let (comparison, direction) =
            if self.order.is_descending == is_backwards { (">", "asc") } else { ("<", "desc") };
        let key = self.order.key.filter(|_| matches!(stretch, Stretch::Keys(_)));
        match (stretch, self.order.key) {
            (Stretch::Keys(_), Some((column, _))) if self.order.is_nullable => {
                conditions.add(&format!("{column} is not null"));
            }
            (Stretch::Nulls(_), Some((column, _))) => conditions.add(&format!("{column} is null")),
            _ => {}
        }
        match (stretch, key) {
            (Stretch::Keys(Some((Some(value), id))), Some((column, kind))) => {
                conditions.binds.push(Bind::Text(value.clone()));
                let at = conditions.binds.len();
                conditions.with(&format!("({column}, t.id) {comparison} (${at}::{kind}, ?)"), Bind::Int(*id));
            }
            (Stretch::Keys(Some((_, id))) | Stretch::Nulls(Some(id)), _) => {
                conditions.with(&format!("t.id {comparison} ?"), Bind::Int(*id));
            }
            _ => {}
        }
        let by = key.map(|(column, _)| format!("{column} {direction}, ")).unwrap_or_default();
        let Self { table, columns, joins, .. } = self;
        let clause = conditions.clause();
        // What is joined is looked up for the rows of the page only.
        let sql = format!(
            "select {columns} from (select * from {table} t{clause} order by {by}t.id {direction} limit {limit}) t \
             {joins} order by {by}t.id {direction}"
        );
        (sql, conditions)
    }
}
