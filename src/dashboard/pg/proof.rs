//! A request's legacy row, verified then and there.

use std::sync::Arc;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::base::hint::SERVE;
use crate::base::text::sentence;
use crate::dashboard::pg::pool::Pool;
use crate::dashboard::pg::request::is_searched;
use crate::dashboard::pg::within::within;
use crate::dashboard::rows::{
    DifferenceView, HIDDEN, JSON, LegacyColumnView, LegacyState, LegacyView, ReasonView, is_personal, names_people,
};
use crate::migration::accounting::State;
use crate::migration::destination::{Place, destination};
use crate::migration::difference::is_alike;
use crate::migration::evidence::decisions::decisions;
use crate::migration::evidence::entry::Rejected;
use crate::migration::evidence::one_row::OneRow;
use crate::migration::legacy::{Kind, LegacyColumn, LegacyRow};
use crate::migration::pg::verify::VerifyRequest;
use crate::migration::pg::verify::one::verify_one;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::stored::Stored;
use crate::migration::target::{Role, SOURCE_TABLE};
use crate::migration::text::Text;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Verifies one row. Values of people are left out unless somebody asked for them.
pub(crate) async fn prove(pool: &Arc<Pool>, request: VerifyRequest<'_>, id: i64, people_shown: bool) -> LegacyView {
    let one = match verify_one(&request, id).await {
        Ok(one) => one,
        Err(VerifyError::Csv(error)) if error.is_changed() => {
            return LegacyView::unknown(format!(
                "The CSV file has changed since the dashboard began. Stop `{SERVE}` and start it again."
            ));
        }
        Err(error) => return LegacyView::unknown(sentence(&error)),
    };
    let shown = Shown { people: people_shown };
    let state = state(pool, &one, id, shown).await;
    let stored = one.stored.as_ref().filter(|it| it.lineage_id(Role::Request).is_some());
    let decided = one.row.iter().zip(stored).flat_map(|(row, stored)| decisions(id, row, stored));
    LegacyView {
        columns: one.row.iter().flat_map(|row| columns(row, stored, &one.rejected, shown)).collect(),
        state,
        reasons: one.rejected.iter().map(|reason| shown.reason(reason)).collect(),
        decisions: decided.map(|it| (it.decision, it.text)).collect(),
        row_hash: one.entry.as_ref().filter(|_| people_shown).map(|it| it.source.to_string()),
    }
}

/// Whether people are shown.
#[derive(Clone, Copy)]
struct Shown {
    people: bool,
}

impl Shown {
    fn text(self, is_personal: bool, text: String) -> String {
        if is_personal && !self.people { HIDDEN.to_owned() } else { text }
    }

    /// A message quotes the value, which may be anything, a name in place of an id too.
    fn reason(self, reason: &Rejected) -> ReasonView {
        ReasonView {
            field: reason.field.clone(),
            rule: reason.rule.clone(),
            value: reason.value.as_ref().map(|it| self.text(true, Text::from(it.as_str()).excerpt())),
            message: self.text(true, reason.message.clone().unwrap_or_default()),
        }
    }
}

/// The legacy columns that aren't null, beside what is stored for them.
fn columns(row: &LegacyRow, stored: Option<&Stored>, rejected: &[Rejected], shown: Shown) -> Vec<LegacyColumnView> {
    let view = |(name, text): (&str, Option<Text<'_>>)| {
        let text = text?;
        let is_odd =
            name != LegacyColumn::Id.name() && rejected.iter().any(|it| it.field == name) || is_no_id(name, text);
        let is_hidden = |text: Text<'_>| is_personal(name) || names_people(&text.record());
        let text = shown.text(is_hidden(text) || is_odd, text.excerpt());
        let known = LegacyColumn::ALL.iter().find(|it| it.name() == name);
        let (places, decisions) = known.map_or((&[][..], "D20"), |it| destination(*it));
        let held = |place: &Place| {
            let found = held(*place, stored?);
            let is_personal = is_personal(name) || column_of(*place).is_some_and(is_personal);
            let is_hidden = |it: Text<'_>| is_personal || names_people(&it.record());
            let is_flag = known.is_some_and(|it| it.kind() == Kind::YesNo);
            let word = |found: Text<'_>| match found.plain() {
                Some("t") if is_flag => "true".to_owned(),
                Some("f") if is_flag => "false".to_owned(),
                _ => shown.text(is_hidden(found), found.excerpt()),
            };
            Some((place.to_string(), found.map(word)))
        };
        let held = places.iter().filter(|it| **it != Place::Residual).filter_map(held).collect();
        let mut residual = stored.into_iter().flat_map(|stored| stored.assessment.legacy.iter());
        let kept = residual.find(|(kept, _)| *kept == name).and_then(|(_, text)| text);
        let kept = kept.map(|it| shown.text(is_hidden(it), it.excerpt()));
        let decisions = match (&kept, decisions) {
            (None, decisions) => decisions.to_owned(),
            (Some(_), "" | "D20") => "D20".to_owned(),
            (Some(_), decisions) => format!("{decisions}, D20"),
        };
        Some(LegacyColumnView { name: name.to_owned(), text, stored: held, kept, decisions })
    };
    row.columns().filter_map(view).collect()
}

/// The name of a place's column; the residual has the legacy column's own.
fn column_of(place: Place) -> Option<&'static str> {
    match place {
        Place::Request(column) | Place::Manager(column) | Place::Compliance(column) | Place::Execution(column) => {
            Some(column)
        }
        Place::Residual => None,
    }
}

/// What is stored in a place for a legacy row that was migrated. What the residual keeps is found by legacy columns.
fn held(place: Place, stored: &Stored) -> Option<Text<'_>> {
    let role = match place {
        Place::Request("compliance_assessment") => {
            return stored.assessment.holding_period.map(|it| Text::from(if it { "true" } else { "false" }));
        }
        Place::Request(_) => Role::Request,
        Place::Manager(_) => Role::Manager,
        Place::Compliance(_) => Role::Compliance,
        Place::Execution(_) => Role::Execution,
        Place::Residual => return None,
    };
    stored.row(role)?.get(column_of(place)?)
}

/// A column that names an employee by the id, and holds something else: perhaps a name.
fn is_no_id(name: &str, text: Text<'_>) -> bool {
    use LegacyColumn::{AuthCompliance, AuthManager, Employee, LastModifiedBy};
    let is_id = [Employee, LastModifiedBy, AuthManager, AuthCompliance].iter().any(|it| it.name() == name);
    is_id && text.plain().is_none_or(|it| !it.bytes().all(|it| it.is_ascii_digit()))
}

async fn state(pool: &Arc<Pool>, one: &OneRow, id: i64, shown: Shown) -> LegacyState {
    let request = one.stored.as_ref().and_then(|it| it.lineage_id(Role::Request));
    if !one.differences.is_empty() {
        let differences = one.differences.iter().map(|it| {
            // JSON may have names, too.
            let is_personal = JSON.contains(&&*it.field) || is_personal(&it.field);
            let value =
                |value: &Option<String>| value.clone().map(|it| shown.text(is_personal || names_people(&it), it));
            DifferenceView {
                column: format!("{} {}", it.target, it.field),
                expected: value(&it.expected),
                actual: value(&it.actual),
                is_alike: is_alike(&it.expected, &it.actual) && (shown.people || !is_personal),
            }
        });
        return LegacyState::Differs { request, differences: differences.collect() };
    }
    let (Some(_), Some(entry)) = (&one.row, &one.entry) else { return LegacyState::Gone };
    let (Some(request), Some(stored)) = (request, &one.stored) else {
        return if entry.state() == State::Rejected { LegacyState::Rejected } else { LegacyState::Pending };
    };
    let other = match other_claim(pool, stored, id).await {
        Ok(other) => other,
        Err(reason) => return LegacyState::Unknown { reason },
    };
    if let Some(Some(claim)) = other {
        let difference = DifferenceView {
            column: "lineage".to_owned(),
            expected: Some("of this row only".to_owned()),
            actual: Some(claim),
            is_alike: false,
        };
        return LegacyState::Differs { request: Some(request), differences: vec![difference] };
    }
    LegacyState::Proved { request, is_only_claim: other.is_some() }
}

/// Lineage of another legacy row that names one of the same rows; none if that takes too long to find out.
async fn other_claim(pool: &Arc<Pool>, stored: &Stored, id: i64) -> Result<Option<Option<String>>, String> {
    let named = Role::ALL.iter().filter_map(|role| Some((role.as_str().to_owned(), stored.lineage_id(*role)?)));
    let (roles, ids): (Vec<String>, Vec<i64>) = named.unzip();
    let mut lease = pool.begin().await.map_err(|error| sentence(&error))?;
    let found = match is_searched(&mut lease).await.map_err(|error| sentence(&error))? {
        true => search(&mut lease, roles, ids, id).await.map_err(|error| sentence(&error))?,
        false => None,
    };
    lease.done().await.map_err(|error| sentence(&error))?;
    Ok(found)
}

const WHAT: &str = "looking for other lineage";

async fn search(
    session: &mut Session,
    roles: Vec<String>,
    ids: Vec<i64>,
    id: i64,
) -> Result<Option<Option<String>>, QueryError> {
    let query = sqlx::query(
        "select m.source_table || ' ' || m.source_id || ' has ' || m.target_table || ' ' || m.target_id \
         from padealing.migration_mapping m join unnest($1::text[], $2::bigint[]) as of (role, id) \
             on m.target_table = of.role and m.target_id = of.id \
         where m.source_table = $3 and m.source_id <> $4 limit 1",
    );
    let query = query.bind(roles).bind(ids).bind(SOURCE_TABLE).bind(id);
    let found = within(session, None, query, WHAT).await?;
    let text = |row: &PgRow| row.try_get::<String, _>(0).attempt(WHAT);
    found.map(|rows| rows.first().map(text).transpose()).transpose()
}
