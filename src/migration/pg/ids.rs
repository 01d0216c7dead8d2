//! The ids of the legacy table: how they are read, and which rows they don't identify.

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_identifier;
use crate::config::settings::TableName;
use crate::migration::ids::OddIds;
use crate::migration::legacy::LegacyColumn;
use crate::migration::proof::facts::IdSql;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "checking the ids of the legacy table";

/// Ids, or rows, that a message names.
const SHOWN: usize = 5;

/// A text that numeric's input function takes for a number. It is looked at before the cast, which would fail.
const NUMBER: &str = r"^[ \t\n\r\v\f]*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?[ \t\n\r\v\f]*$";

/// How the ids of a legacy table are read.
#[derive(Clone, Debug)]
pub(crate) struct LegacyId {
    /// SQL of the id as a number, as cheap to order by as the type allows; null where it is none.
    pub(crate) sql: String,
    /// SQL that is true of an id that a bigint holds; none where every id is one.
    pub(crate) usable: Option<String>,
    /// Whether several rows may have an id.
    may_repeat: bool,
}

impl LegacyId {
    /// Of an id of this type, and with a unique key or none that makes it sure.
    pub(crate) fn new(type_name: &str, is_unique: bool) -> Self {
        // Qualified, because ORDER BY takes a bare name for a column of the select list.
        let name = format!("l.{}", quote_identifier(LegacyColumn::Id.name()));
        let in_range = |id: &str| format!("{id} between {} and {} and {id} = trunc({id})", i64::MIN, i64::MAX);
        if ["int2", "int4", "int8"].contains(&type_name) {
            // The index on the id serves the pages if the id is compared as it is.
            let usable = (!is_unique).then(|| format!("{name} is not null"));
            return Self { sql: name, usable, may_repeat: !is_unique };
        }
        if type_name == "numeric" {
            return Self { usable: Some(in_range(&name)), sql: name, may_repeat: !is_unique };
        }
        // 1 and 01 are two texts and one number.
        let sql = format!("(case when {name}::text ~ '{NUMBER}' then ({name}::text)::numeric end)");
        Self { usable: Some(in_range(&sql)), sql, may_repeat: true }
    }

    /// SQL that is true of rows that can be read by their id, but for those whose id others have, too.
    pub(crate) fn condition(&self) -> &str {
        self.usable.as_deref().unwrap_or("true")
    }

    /// How they are read, for SQL that is written.
    pub(crate) fn described(&self) -> IdSql {
        IdSql { sql: self.sql.clone(), usable: self.usable.clone(), may_repeat: self.may_repeat }
    }

    /// The rows whose ids don't identify them. A table whose key makes it sure isn't looked at; others are read once
    /// or twice.
    pub(crate) async fn find_odd(&self, session: &mut Session, table: &TableName) -> Result<OddIds, QueryError> {
        let mut odd = OddIds::default();
        let from = format!("{}.{} l", quote_identifier(&table.schema), quote_identifier(&table.name));
        if let Some(usable) = &self.usable {
            let name = format!("l.{}", quote_identifier(LegacyColumn::Id.name()));
            // Bytes that can't be read would fail on their way here.
            let sql = format!(
                "select shown, count(*), (sum(count(*)) over ())::int8 from (\
                     select left(regexp_replace({name}::text, '[^ -~]', '?', 'g'), 40) as shown \
                     from {from} where ({usable}) is not true) odd \
                 group by shown order by 2 desc, 1 limit {SHOWN}"
            );
            let rows: Vec<(Option<String>, i64, i64)> =
                sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *session).await.attempt(WHAT)?;
            odd.without = rows.first().map_or(0, |row| row.2.unsigned_abs());
            odd.examples = rows.into_iter().map(|(shown, count, _)| (shown, count.unsigned_abs())).collect();
        }
        if self.may_repeat {
            let sql = format!(
                "select count(*), coalesce(sum(rows), 0)::int8, (array_agg(id order by id))[1:{SHOWN}] \
                 from ({}) repeated",
                self.repeated(table)
            );
            let (ids, rows, first): (i64, i64, Option<Vec<i64>>) =
                sqlx::query_as(AssertSqlSafe(sql)).fetch_one(session).await.attempt(WHAT)?;
            (odd.repeated, odd.repeating) = (ids.unsigned_abs(), rows.unsigned_abs());
            odd.first = first.unwrap_or_default();
        }
        Ok(odd)
    }

    /// The select of the ids that several rows have, and how many have each.
    pub(crate) fn repeated(&self, table: &TableName) -> String {
        let from = format!("{}.{} l", quote_identifier(&table.schema), quote_identifier(&table.name));
        let (id, usable) = (&self.sql, self.condition());
        format!(
            "select {id}::int8 as id, count(*) as rows from {from} where {usable} group by {id} having count(*) > 1"
        )
    }
}
