//! Pages of a list by the key of the row at their edge: page 10,000 costs what page 1 costs.
//!
//! A page is named by a row's id; the key is looked up, so that no value is in an address. Rows without a key come last.

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};

use crate::dashboard::pg::within::within;
use crate::dashboard::query::At;
use crate::dashboard::rows::{Page, Reached};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// A value that a statement is given; never part of its text.
#[derive(Clone, Debug)]
pub(crate) enum Bind {
    Int(i64),
    Ints(Vec<i64>),
    Text(String),
}

/// What rows must fulfil.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    sql: Vec<String>,
    /// Those of them that the order's own index supports.
    within: Vec<String>,
    binds: Vec<Bind>,
}

impl Conditions {
    /// Adds one in which `?` is the value.
    pub(crate) fn with(&mut self, condition: &str, value: Bind) {
        self.binds.push(value);
        self.sql.push(condition.replace('?', &format!("${}", self.binds.len())));
    }

    /// The last one is about the key of the order, so that rows that don't fulfil it needn't be looked at.
    pub(crate) fn of_key(&mut self) {
        self.within.extend(self.sql.last().cloned());
    }

    /// Adds one without a value.
    pub(crate) fn add(&mut self, condition: &str) {
        self.sql.push(condition.to_owned());
    }

    /// The `where` clause, or nothing.
    pub(crate) fn clause(&self) -> String {
        all(&self.sql)
    }

    /// A statement with the values.
    pub(crate) fn query(self, sql: String) -> Query<'static, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(sql));
        self.binds.into_iter().fold(query, |query, bind| match bind {
            Bind::Int(value) => query.bind(value),
            Bind::Ints(values) => query.bind(values),
            Bind::Text(value) => query.bind(value),
        })
    }
}

/// A `where` clause, or nothing.
fn all(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) }
}

/// How long filtered rows are looked for among all, and among how many if that takes longer: an index finds them at once,
/// or there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    limit: Duration,
    rows: usize,
}

impl Search {
    /// For a page that is to be there at once, or for one whose reader wants to look further.
    pub(crate) fn of(at: At) -> Self {
        match at {
            At::Start | At::After(_) | At::Before(_) => Self { limit: Duration::from_millis(50), rows: 10_000 },
            At::Beyond(_) | At::Ahead(_) => Self { limit: Duration::from_millis(700), rows: 200_000 },
        }
    }

    /// The same, where for each row others have to be looked up.
    pub(crate) fn with_lookups(self) -> Self {
        Self { limit: self.limit / 2, rows: self.rows / 5 }
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
    pub(crate) what: &'c str,
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

/// A stretch as its statements have it.
struct Clauses {
    filters: Conditions,
    /// Where the stretch is, without the filters.
    place: Vec<String>,
    direction: &'static str,
    /// The key, unless rows of the stretch have none.
    key: Option<&'static str>,
}

impl Clauses {
    fn query(&self, sql: String) -> Query<'static, Postgres, PgArguments> {
        self.filters.clone().query(sql)
    }

    fn order(&self) -> String {
        let by = self.key.map(|column| format!("{column} {}, ", self.direction)).unwrap_or_default();
        format!("{by}t.id {}", self.direction)
    }
}

/// The row that a page begins after or ends before is no longer there.
#[derive(Debug)]
pub(crate) struct EdgeGone;

impl Listed<'_> {
    /// A page of so many rows; without a search it has them all, however long that takes.
    pub(crate) async fn page<T>(
        &self,
        session: &mut Session,
        conditions: &Conditions,
        (at, search): (At, Option<Search>),
        rows: usize,
        read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Result<Page<T>, EdgeGone>, QueryError> {
        let edge = match at.row() {
            None => None,
            Some(id) => match self.edge(session, id).await? {
                Some(edge) => Some(edge),
                None => return Ok(Err(EdgeGone)),
            },
        };
        let is_backwards = at.is_backwards();
        let (mut found, mut reached) = (Vec::new(), None);
        for stretch in self.stretches(edge, is_backwards) {
            let wanted = rows + 1 - found.len();
            if wanted == 0 || reached.is_some() {
                break;
            }
            let stretch = self.clauses(&stretch, conditions.clone(), is_backwards);
            let (more, last) = self.stretch(session, &stretch, search, wanted).await?;
            found.extend(more.iter().map(&read).collect::<Result<Vec<T>, _>>().attempt(self.what)?);
            reached = last.map(|(id, key, rows)| Reached { id, key, rows, is_backwards });
        }
        let is_more = found.len() > rows;
        found.truncate(rows);
        if is_backwards {
            found.reverse();
        }
        let (has_before, has_after) = if is_backwards { (is_more, true) } else { (at != At::Start, is_more) };
        Ok(Ok(Page { rows: found, has_before, has_after, reached }))
    }

    /// Rows of a stretch; and the last that was looked at, its key, and how many were, unless that were all.
    async fn stretch(
        &self,
        session: &mut Session,
        stretch: &Clauses,
        search: Option<Search>,
        wanted: usize,
    ) -> Result<(Vec<PgRow>, Option<(i64, Option<String>, usize)>), QueryError> {
        let Clauses { filters, place, .. } = stretch;
        let conditions: Vec<String> = filters.sql.iter().chain(place).cloned().collect();
        let sql = self.rows(&all(&conditions), &stretch.order(), wanted);
        let Some(search) = search.filter(|_| !filters.sql.is_empty()) else {
            return Ok((stretch.query(sql).fetch_all(session).await.attempt(self.what)?, None));
        };
        match within(session, Some(search.limit), stretch.query(sql), self.what).await? {
            Some(rows) => Ok((rows, None)),
            None => self.look(session, stretch, search.rows, wanted).await,
        }
    }

    /// Looks at so many rows of a stretch, in its order.
    async fn look(
        &self,
        session: &mut Session,
        stretch: &Clauses,
        rows: usize,
        wanted: usize,
    ) -> Result<(Vec<PgRow>, Option<(i64, Option<String>, usize)>), QueryError> {
        let Clauses { filters, place, key, .. } = stretch;
        let (key, order) = (key.unwrap_or("null"), stretch.order());
        let among: Vec<String> = filters.within.iter().chain(place).cloned().collect();
        let sql = format!(
            "with looked as materialized ( \
                 select row_number() over (order by {order}) as at, t.id::bigint as id, {key}::text as key, \
                        ({}) is true as is_wanted \
                 from {} t{} order by {order} limit {}) \
             select array(select id from looked where is_wanted and at <= {rows} order by at limit {wanted}), \
                    (select id from looked where at = {rows}), (select key from looked where at = {rows}), \
                    (select count(*) > {rows} from looked)",
            filters.sql.join(" and "),
            self.table,
            all(&among),
            rows + 1
        );
        let row = stretch.query(sql).fetch_one(&mut *session).await.attempt(self.what)?;
        let ids: Vec<i64> = row.try_get(0).attempt(self.what)?;
        let (last, key): (Option<i64>, Option<String>) =
            (row.try_get(1).attempt(self.what)?, row.try_get(2).attempt(self.what)?);
        let is_more: bool = row.try_get(3).attempt(self.what)?;
        let is_full = ids.len() >= wanted;
        let mut of_ids = Conditions::default();
        of_ids.with("t.id = any(?)", Bind::Ints(ids));
        let sql = self.rows(&of_ids.clause(), &order, wanted);
        let found = of_ids.query(sql).fetch_all(session).await.attempt(self.what)?;
        Ok((found, last.filter(|_| is_more && !is_full).map(|id| (id, key, rows))))
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

    fn clauses(&self, stretch: &Stretch, mut filters: Conditions, is_backwards: bool) -> Clauses {
        let (comparison, direction) =
            if self.order.is_descending == is_backwards { (">", "asc") } else { ("<", "desc") };
        let key = self.order.key.filter(|_| matches!(stretch, Stretch::Keys(_)));
        let mut place = Vec::new();
        match (stretch, self.order.key) {
            (Stretch::Keys(_), Some((column, _))) if self.order.is_nullable => {
                place.push(format!("{column} is not null"));
            }
            (Stretch::Nulls(_), Some((column, _))) => place.push(format!("{column} is null")),
            _ => {}
        }
        let bind = |filters: &mut Conditions, value| {
            filters.binds.push(value);
            filters.binds.len()
        };
        match (stretch, key) {
            (Stretch::Keys(Some((Some(value), id))), Some((column, kind))) => {
                let value = bind(&mut filters, Bind::Text(value.clone()));
                let id = bind(&mut filters, Bind::Int(*id));
                place.push(format!("({column}, t.id) {comparison} (${value}::{kind}, ${id})"));
            }
            (Stretch::Keys(Some((_, id))) | Stretch::Nulls(Some(id)), _) => {
                place.push(format!("t.id {comparison} ${}", bind(&mut filters, Bind::Int(*id))));
            }
            _ => {}
        }
        Clauses { filters, place, direction, key: key.map(|(column, _)| column) }
    }

    /// The select of so many rows.
    fn rows(&self, clause: &str, order: &str, limit: usize) -> String {
        let Self { table, columns, joins, .. } = self;
        // What is joined is looked up for the rows of the page only.
        format!(
            "select {columns} from (select * from {table} t{clause} order by {order} limit {limit}) t \
             {joins} order by {order}"
        )
    }
}
