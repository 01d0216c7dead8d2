//! Compares a live database with what is expected of it. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;

use crate::config::environment::Environment;
use crate::config::settings::Roles;
use crate::ledger::revisions::ALL;
use crate::postgres::connect::Database;
use crate::postgres::session::{Attempt, QueryError};
use crate::schema::catalog::Catalog;
use crate::schema::drift::compare;
use crate::schema::drift::exceptions::{Date, Exceptions};
use crate::schema::drift::expectation::{Expectation, Parties};
use crate::schema::drift::finding::{Change, Finding};
use crate::schema::drift::outcome::Drift;
use crate::schema::names::{APPLICATION_SCHEMA, schemas_or_both};
use crate::schema::pg::introspect::{IntrospectError, Introspection, introspect, introspect_with};
use crate::schema::pg::relations::strangers;
use crate::schema::relation::Stranger;
use crate::schema::snapshot::{Snapshot, SnapshotError};

/// What is expected.
#[derive(Debug)]
pub enum Expected {
    /// What `migrations/` produce.
    Embedded,
    /// What a database was. A large file is read while the live database answers.
    Snapshot {
        /// What to call it.
        name: String,
        /// The file's snapshot, or why it is none.
        snapshot: JoinHandle<Result<Snapshot, SnapshotError>>,
    },
    /// What another database is.
    Database(Box<Database>),
}

/// This day in UTC, by this machine's clock.
pub fn today() -> Date {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Date::of_days((since.as_secs() / 86_400) as u32)
}

/// What to compare.
#[derive(Debug)]
pub struct Request<'a> {
    /// The live database.
    pub target: &'a Database,
    /// Its environment.
    pub environment: Environment,
    /// The roles that the embedded catalog speaks of.
    pub roles: &'a Roles,
    /// What is expected.
    pub expected: Expected,
    /// The schemas to compare; all that are expected, if none is named.
    pub schemas: &'a [String],
    /// Findings that are agreed upon.
    pub exceptions: &'a Exceptions,
    /// The day for which exceptions hold.
    pub today: Date,
}

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// A catalog could not be read.
    #[error(transparent)]
    Introspect(#[from] IntrospectError),
    /// The file is no snapshot.
    #[error("{name}: {source}")]
    Snapshot {
        /// What to call it.
        name: String,
        /// Why.
        source: SnapshotError,
    },
    /// Nothing is expected of a schema.
    #[error("{expected} has no schema {schema}, so there is nothing to compare with; name others with --schema")]
    Unexpected {
        /// What is expected, in words.
        expected: String,
        /// The schema.
        schema: String,
    },
}

/// More strangers than these are described by their names alone.
const STRANGERS: usize = 50;

impl Expected {
    /// What is expected, and what to call it.
    async fn settled(self, schemas: &[String]) -> Result<(String, Expectation), DriftError> {
        Ok(match self {
            Self::Embedded => {
                let newest = ALL.last().map_or("none", |it| it.number);
                (format!("migrations/ up to {newest}"), Expectation::embedded())
            }
            Self::Snapshot { name, snapshot } => match snapshot.await.expect("reading a snapshot doesn't panic") {
                Ok(snapshot) => {
                    (format!("{name}, a snapshot of {}", snapshot.environment), Expectation::of(snapshot.catalog))
                }
                Err(source) => return Err(DriftError::Snapshot { name, source }),
            },
            Self::Database(database) => {
                let found = introspect(&database, None, &schemas_or_both(schemas), "drift, expected").await?;
                (database.place(), Expectation::of(found.catalog))
            }
        })
    }
}

/// Compares.
pub async fn drift(request: Request<'_>) -> Result<Drift, DriftError> {
    let Request { target, environment, roles, expected, schemas, exceptions, today } = request;
    let is_embedded = matches!(expected, Expected::Embedded);
    // A file says which schemas it is about; a database that lacks one of ours is the wrong one.
    let is_database = matches!(expected, Expected::Database(_));
    let (tell, told) = tokio::sync::oneshot::channel::<BTreeSet<(String, String)>>();
    let more = async |connection: &mut PgConnection, found: Introspection| {
        let parties = if is_embedded { parties(connection, roles).await? } else { Parties::default() };
        // If nothing can be expected, nobody will ask.
        let compared = told.await.unwrap_or_default();
        let (known, unknown): (Vec<&str>, Vec<&str>) =
            ours(&found.catalog).partition(|it| compared.contains(&(APPLICATION_SCHEMA.to_owned(), (*it).to_owned())));
        let strangers = match unknown.len() {
            1..=STRANGERS => strangers(connection, &known, found.catalog.major).await?,
            _ => Vec::new(),
        };
        Ok((found, parties, strangers))
    };
    let wanted = schemas_or_both(schemas);
    let live = introspect_with(target, Some(environment), &wanted, "drift", more);
    let settling = async {
        let settled = expected.settled(schemas).await;
        if let Ok((_, expectation)) = &settled {
            let _ = tell.send(expectation.names());
        }
        settled
    };
    let (live, settled) = tokio::join!(live, settling);
    let (expected, expectation) = settled?;
    let nothing = |schema: &str| DriftError::Unexpected { expected: expected.clone(), schema: schema.to_owned() };
    let wanted = if schemas.is_empty() && !is_database { expectation.schemas().to_vec() } else { wanted };
    if let Some(schema) = wanted.iter().find(|it| !expectation.schemas().contains(it)) {
        return Err(nothing(schema));
    }
    if wanted.is_empty() {
        return Err(nothing(APPLICATION_SCHEMA));
    }
    let (mut live, parties, strangers) = live?;
    if !wanted.iter().all(|it| schemas_or_both(schemas).contains(it)) {
        // A snapshot of other schemas than those that this is about.
        live = introspect(target, Some(environment), &wanted, "drift").await?;
    }
    let expectation = expectation.restricted(&wanted);
    let compared = expectation.names();
    let mut findings = compare(expectation, live.catalog.restricted(&wanted), &parties);
    describe(&mut findings, &strangers);
    let excepted = exceptions.apply(&mut findings, today);
    Ok(Drift {
        environment,
        place: target.place(),
        expected,
        server_version: live.server_version,
        schemas: wanted,
        compared,
        findings,
        excepted,
    })
}

/// Who the named roles are, and whose privileges they have too.
pub(crate) async fn parties(connection: &mut PgConnection, roles: &Roles) -> Result<Parties, QueryError> {
    let names: Vec<&String> = [&roles.owner, &roles.app, &roles.reader].into_iter().flatten().collect();
    let rows: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select r.rolname::text, \
                array(select o.rolname::text from pg_roles o where o.oid <> r.oid and pg_has_role(r.oid, o.oid, 'usage')) \
         from pg_roles r where r.rolname = any($1)",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .attempt("asking whose privileges roles have")?;
    let inherits = rows.into_iter().map(|(role, others)| (role, others.into_iter().collect())).collect();
    Ok(Parties { roles: roles.clone(), inherits })
}

/// The relations of the application schema.
fn ours(catalog: &Catalog) -> impl Iterator<Item = &str> {
    let ours = catalog.objects.keys().filter(|it| it.kind.is_relation() && it.schema == APPLICATION_SCHEMA);
    ours.map(|it| it.name.as_str())
}

/// Adds to each relation that nobody expects what is known of it.
fn describe(findings: &mut [Finding], strangers: &[Stranger]) {
    let by_name: BTreeMap<&str, &Stranger> = strangers.iter().map(|it| (it.name.as_str(), it)).collect();
    for finding in findings {
        let is_new = matches!(finding.change, Change::Unexpected | Change::Unmanaged);
        let ours = finding.id.schema == APPLICATION_SCHEMA && finding.id.kind.is_relation();
        let Some(stranger) = by_name.get(finding.id.name.as_str()).filter(|_| is_new && ours) else { continue };
        let rows = stranger.estimate.map(|it| format!("about {it} (an estimate)"));
        let facts = [
            ("rows", rows.unwrap_or_else(|| "not estimated".to_owned())),
            ("columns", stranger.columns.clone()),
            ("dependents", stranger.dependents()),
            ("use", stranger.used()),
            ("comment", stranger.comment.clone().unwrap_or_else(|| "none".to_owned())),
        ];
        finding.facts = facts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    }
}
