//! Compares a live database with the expected catalog. Read-only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::task::JoinHandle;

use crate::config::environment::Environment;
use crate::config::settings::Roles;
use crate::ledger::revisions::ALL;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::schema::catalog::{Catalog, Id, Kind};
use crate::schema::drift::compare;
use crate::schema::drift::exceptions::Exceptions;
use crate::schema::drift::expectation::{Expectation, RoleContext};
use crate::schema::drift::finding::{Change, Finding, RelationFacts, Remedy, Severity, sort};
use crate::schema::drift::outcome::{Drift, Name};
use crate::schema::names::{APPLICATION_SCHEMA, schemas_or_both};
use crate::schema::pg::introspect::{CatalogSession, IntrospectError, introspect};
use crate::schema::pg::relations::{in_public, unknown_relations};
use crate::schema::plan::route::twin_reason;
use crate::schema::relation::UnknownRelation;
use crate::schema::snapshot::{Snapshot, SnapshotError};

/// What is expected.
#[derive(Debug)]
pub enum Expected {
    /// What `migrations/` produce.
    Embedded,
    /// What a database was. A large file is read while the live database answers.
    Snapshot {
        /// For sentences.
        name: String,
        /// The file's snapshot, or why it can't be read as one.
        snapshot: JoinHandle<Result<Snapshot, SnapshotError>>,
    },
    /// What another database is.
    Database(Box<Database>),
}

/// Today in UTC, by this machine's clock.
pub fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// What to compare.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct DriftRequest<'a> {
    pub target: &'a Database,
    pub environment: Environment,
    /// The roles that the embedded catalog has placeholders for.
    pub roles: &'a Roles,
    pub expected: Expected,
    /// The schemas to compare; without any, all that are expected.
    pub schemas: &'a [String],
    /// Accepted findings.
    pub exceptions: &'a Exceptions,
    /// The day for which exceptions hold.
    pub today: Date,
}

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum DriftError {
    /// A catalog could not be read.
    #[error(transparent)]
    Introspect(#[from] IntrospectError),
    /// The file is not a snapshot.
    #[error("{name}: {source}")]
    Snapshot { name: String, source: SnapshotError },
    /// A schema that is not expected.
    #[error("{expected} has no schema {schema}, so there is nothing to compare with; name other schemas with --schema")]
    Unexpected {
        /// What the live database is compared with.
        expected: String,
        schema: String,
    },
}

/// Of more unknown relations than these only the names are reported: facts about each would take too long.
const MOST_DESCRIBED: usize = 50;

/// What the live catalog is compared with.
struct Resolved {
    /// For sentences.
    name: String,
    expectation: Expectation,
    /// The schemas to compare.
    schemas: Vec<String>,
}

impl Expected {
    /// The expected catalog, and the schemas of it that are to be compared.
    async fn resolve(self, schemas: &[String]) -> Result<Resolved, DriftError> {
        // A file says which schemas it has; a database that lacks one of the two is the wrong database.
        let is_database = matches!(self, Self::Database(_));
        let (name, expectation) = match self {
            Self::Embedded => {
                let newest = ALL.last().map_or("none", |revision| revision.number);
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
        };
        let schemas = match schemas.is_empty() && !is_database {
            true => expectation.schemas().to_vec(),
            false => schemas_or_both(schemas),
        };
        let missing = match schemas.is_empty() {
            true => Some(APPLICATION_SCHEMA),
            false => schemas.iter().find(|schema| !expectation.schemas().contains(schema)).map(String::as_str),
        };
        match missing {
            Some(schema) => Err(DriftError::Unexpected { expected: name, schema: schema.to_owned() }),
            None => Ok(Resolved { name, expectation: expectation.restricted(&schemas), schemas }),
        }
    }
}

/// Compares.
pub async fn drift(request: DriftRequest<'_>) -> Result<Drift, DriftError> {
    let DriftRequest { target, environment, roles, expected, schemas, exceptions, today } = request;
    let is_embedded = matches!(expected, Expected::Embedded);
    let asked = schemas_or_both(schemas);
    // The live catalog is read while the expected one is.
    let live = async {
        let mut session = CatalogSession::begin(target, Some(environment), "drift").await?;
        let found = session.read(&asked).await;
        Ok::<_, IntrospectError>((session, found))
    };
    let (live, resolved) = tokio::join!(live, expected.resolve(schemas));
    let (mut session, found) = match live {
        Ok(live) => live,
        Err(error) => return Err(resolved.err().unwrap_or(error.into())),
    };
    // What else is asked depends on both.
    let compared = async {
        let (resolved, mut found) = (resolved?, found?);
        if !resolved.schemas.iter().all(|schema| asked.contains(schema)) {
            // A snapshot of schemas other than the two.
            found = session.read(&resolved.schemas).await?;
        }
        let context = match is_embedded {
            true => session.ask(async |connection| role_context(connection, roles).await).await?,
            false => RoleContext::default(),
        };
        let unknown = unknown(&mut session, &found.catalog, &resolved.expectation).await?;
        let twins = match is_embedded && resolved.schemas.iter().any(|it| it == APPLICATION_SCHEMA) {
            true => session.ask(async |connection| in_public(connection, environment).await).await?,
            false => Vec::new(),
        };
        Ok::<_, DriftError>((resolved, found, context, unknown, twins))
    };
    let compared = compared.await;
    session.end().await;
    let (Resolved { name, expectation, schemas }, found, context, unknown, mut twins) = compared?;

    let names = expectation.names();
    twins.retain(|table| found.catalog.relation(APPLICATION_SCHEMA, table).is_some());
    let mut findings = compare(expectation, found.catalog.restricted(&schemas), &context);
    findings.extend(twins.iter().map(|table| twin(table)));
    sort(&mut findings);
    describe(&mut findings, &unknown);
    let excepted = exceptions.apply(&mut findings, today);
    Ok(Drift {
        environment,
        place: target.place(),
        expected: name,
        server_version: found.server_version,
        schemas,
        compared: names,
        findings,
        excepted,
        embedded: is_embedded,
    })
}

/// Who the named roles are, and which roles' privileges they have too.
pub(crate) async fn role_context(connection: &mut Session, roles: &Roles) -> Result<RoleContext, QueryError> {
    let names: Vec<&String> = [&roles.owner, &roles.app, &roles.reader].into_iter().flatten().collect();
    let rows: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select r.rolname::text, \
                array(select o.rolname::text from pg_roles o where o.oid <> r.oid \
                      and pg_has_role(r.oid, o.oid, 'usage')) \
         from pg_roles r where r.rolname = any($1)",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .attempt("asking whose privileges roles have")?;
    let inherits = rows.into_iter().map(|(role, others)| (role, others.into_iter().collect())).collect();
    Ok(RoleContext { roles: roles.clone(), inherits })
}

/// What is known of the relations of the application schema that the expected catalog doesn't have.
async fn unknown(
    session: &mut CatalogSession<'_>,
    live: &Catalog,
    expectation: &Expectation,
) -> Result<Vec<UnknownRelation>, IntrospectError> {
    let names = expectation.names();
    let relations = live.objects.keys().filter(|id| is_application_relation(id));
    let (known, unknown): (Vec<&Id>, Vec<&Id>) = relations.partition(|id| names.contains(&Name::of(id)));
    if unknown.is_empty() || unknown.len() > MOST_DESCRIBED {
        return Ok(Vec::new());
    }
    let known: Vec<&str> = known.into_iter().map(|id| id.name.as_str()).collect();
    session.ask(async |connection| unknown_relations(connection, &known, live.major).await).await
}

fn is_application_relation(id: &Id) -> bool {
    id.kind.is_relation() && id.schema == APPLICATION_SCHEMA
}

/// A table in `public` beside the managed one of the same name.
fn twin(table: &str) -> Finding {
    let id = Id { schema: "public".to_owned(), parent: String::new(), kind: Kind::Table, name: table.to_owned() };
    Finding {
        severity: Severity::Breaking,
        change: Change::Unexpected,
        id,
        role: None,
        expected: None,
        actual: Some("a table".to_owned()),
        remedy: Remedy::advice(twin_reason(table)),
        order: None,
        effects: Vec::new(),
        facts: None,
    }
}

/// Adds what is known of each unexpected relation to its finding.
fn describe(findings: &mut [Finding], relations: &[UnknownRelation]) {
    let by_name: BTreeMap<&str, &UnknownRelation> = relations.iter().map(|it| (it.name.as_str(), it)).collect();
    for finding in findings {
        let is_new = matches!(finding.change, Change::Unexpected | Change::Unmanaged);
        if !is_new || !is_application_relation(&finding.id) {
            continue;
        }
        finding.facts = by_name.get(finding.id.name.as_str()).map(|relation| RelationFacts {
            rows: match relation.estimate {
                Some(rows) => format!("about {rows} (an estimate)"),
                None => "not estimated".to_owned(),
            },
            columns: relation.columns.clone(),
            dependents: relation.dependents(),
            usage: relation.used(),
            comment: relation.comment.clone().unwrap_or_else(|| "none".to_owned()),
        });
    }
}
