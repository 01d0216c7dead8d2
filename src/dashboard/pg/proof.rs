//! A request's legacy row, verified then and there.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::base::hint::SERVE;
use crate::base::text::sentence;
use crate::dashboard::pg::pool::Pool;
use crate::dashboard::pg::within::within;
use crate::dashboard::rows::{HIDDEN, JSON, Proof, is_personal};
use crate::migration::evidence::decisions::decisions;
use crate::migration::legacy::Text;
use crate::migration::pg::verify::VerifyRequest;
use crate::migration::pg::verify::one::verify_one;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::stored::Stored;
use crate::migration::target::{Role, SOURCE_TABLE};

/// How long other lineage of the same rows is looked for: no index has what lineage names.
const LOOKING: Duration = Duration::from_millis(30);

/// Verifies one row. Values of people are left out unless somebody asked for them.
pub(crate) async fn prove(pool: &Arc<Pool>, request: VerifyRequest<'_>, id: i64, people_shown: bool) -> Proof {
    let one = match verify_one(&request, id).await {
        Ok(one) => one,
        Err(VerifyError::Csv(error)) if error.is_changed() => {
            return Proof::Unknown {
                reason: format!(
                    "The CSV file has changed since the dashboard began. Stop `{SERVE}` and start it again."
                ),
            };
        }
        Err(error) => return Proof::Unknown { reason: sentence(&error) },
    };
    let is_shown = |field: &str| people_shown || !is_personal(field);
    if !one.differences.is_empty() {
        let differences = one.differences.into_iter().map(|it| {
            // JSON may have names, too.
            let is_shown = people_shown || !JSON.contains(&&*it.field) && is_shown(&it.field);
            let shown = |value: Option<String>| value.map(|it| if is_shown { it } else { HIDDEN.to_owned() });
            (format!("{} {}", it.target, it.field), shown(it.expected), shown(it.actual))
        });
        return Proof::Differs { differences: differences.collect() };
    }
    let (Some(row), Some(stored), Some(entry)) = (&one.row, &one.stored, &one.entry) else { return Proof::Gone };
    if stored.lineage_id(Role::Request).is_none() {
        return Proof::Gone;
    }
    let other = match other_claim(pool, stored, id).await {
        Ok(other) => other,
        Err(reason) => return Proof::Unknown { reason },
    };
    if let Some(Some(claim)) = other {
        let differences = vec![("lineage".to_owned(), Some("of this row only".to_owned()), Some(claim))];
        return Proof::Differs { differences };
    }
    let value = |(name, text): (&str, Option<&Text>)| {
        let text = text?;
        Some((name.to_owned(), if is_shown(name) { text.excerpt() } else { HIDDEN.to_owned() }))
    };
    let decisions = decisions(id, row, stored).into_iter().map(|it| (it.decision, it.text));
    Proof::Proved {
        legacy: row.columns().filter_map(value).collect(),
        decisions: decisions.collect(),
        row_hash: people_shown.then(|| entry.source.to_string()),
        is_only_claim: other.is_some(),
    }
}

/// Lineage of another legacy row that names one of the same rows; none if that takes too long to find out.
async fn other_claim(pool: &Arc<Pool>, stored: &Stored, id: i64) -> Result<Option<Option<String>>, String> {
    let named = Role::ALL.iter().filter_map(|role| Some((role.as_str().to_owned(), stored.lineage_id(*role)?)));
    let (roles, ids): (Vec<String>, Vec<i64>) = named.unzip();
    let mut lease = pool.begin().await.map_err(|error| sentence(&error))?;
    let query = sqlx::query(
        "select m.source_table || ' ' || m.source_id || ' has ' || m.target_table || ' ' || m.target_id \
         from padealing.migration_mapping m join unnest($1::text[], $2::bigint[]) as of (role, id) \
             on m.target_table = of.role and m.target_id = of.id \
         where (m.source_table, m.source_id) <> ($3, $4) limit 1",
    );
    let query = query.bind(roles).bind(ids).bind(SOURCE_TABLE).bind(id);
    let found = within(&mut lease, Some(LOOKING), query, "looking for other lineage").await;
    let found = found.map_err(|error| sentence(&error))?;
    lease.done().await.map_err(|error| sentence(&error))?;
    let text = |row: &PgRow| row.try_get::<String, _>(0).map_err(|error| sentence(&error));
    found.map(|rows| rows.first().map(text).transpose()).transpose()
}
