//! The migrated requests in shares of as many, each for a session of its own.

use sqlx::{Connection, PgConnection};

use super::Result;

/// Rows of requests whose ids are in a range; the first and the last have an open end, so that no row is in none.
#[derive(Clone)]
pub(super) struct Share {
    after: Option<i64>,
    until: Option<i64>,
}

impl Share {
    /// The condition on a column with the id of a request, which is that of its legacy row.
    pub(super) fn condition(&self, column: &str) -> String {
        let after = self.after.map(|id| format!("{column} > {id}"));
        let until = self.until.map(|id| format!("{column} <= {id}"));
        let conditions: Vec<String> = after.into_iter().chain(until).collect();
        if conditions.is_empty() { "true".to_owned() } else { conditions.join(" and ") }
    }
}

/// So many shares of what is migrated in a database.
pub(super) async fn shares(url: &str, count: usize) -> Result<Vec<Share>> {
    let mut connection = PgConnection::connect(url).await?;
    let fractions: Vec<f64> = (1..count).map(|at| at as f64 / count as f64).collect();
    let sql = "select coalesce(percentile_disc($1) within group (order by id), '{}') from padealing.pad_request";
    let between: Vec<i64> = sqlx::query_scalar(sql).bind(fractions).fetch_one(&mut connection).await?;
    connection.close().await?;
    let ends: Vec<Option<i64>> = between.into_iter().map(Some).collect();
    let starts = std::iter::once(None).chain(ends.clone());
    Ok(starts.zip(ends.iter().copied().chain([None])).map(|(after, until)| Share { after, until }).collect())
}
