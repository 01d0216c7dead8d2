//! Restores a backup into an empty application schema, in one transaction.
//!
//! The statements are pg_restore's, without owners and privileges, which are the target's: what the catalog of the
//! manifest says of them is planned as any other difference. Nothing is sent that [`crate::schema::guard`] hasn't read,
//! and nothing is committed before the rows' checksums, the sequences and the catalog are those of the manifest.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::base::quote::quote_identifier;
use crate::ledger::history::applied;
use crate::ledger::pg::history::read_history;
use crate::postgres::archive::{Item, ProgramError};
use crate::postgres::archive_text::sequence_set;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{fetch_value, run};
use crate::postgres::transaction::commit;
use crate::schema::backup::{Manifest, SequenceState, restored};
use crate::schema::catalog::{Catalog, Kind};
use crate::schema::drift::compare;
use crate::schema::drift::expectation::{Expectation, RoleContext};
use crate::schema::drift::finding::{Finding, Severity};
use crate::schema::guard;
use crate::schema::guard::refusal::Refusal;
use crate::schema::guard::scope::Scope;
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::pg::archive::{Archive, ArchiveError, entries, section, without_policies};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::introspect;
use crate::schema::pg::locks::{Allowed, Outside};
use crate::schema::pg::request::ChangeRequest;
use crate::schema::pg::restorable::{NotRestorable, RestoreRequest, look, wanted};
use crate::schema::pg::rows::{Stored, measure};
use crate::schema::pg::transaction::{begin, check_held, locked_connection, send};
use crate::schema::plan::planner::plan;
use crate::schema::plan::step::DataFacts;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is not good.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It doesn't fit here.
    #[error(transparent)]
    NotRestorable(#[from] NotRestorable),
    /// The schema can't be changed.
    #[error(transparent)]
    Change(#[from] ApplyError),
    /// pg_restore failed.
    #[error("nothing was restored: {0}")]
    Program(#[from] ProgramError),
    /// A statement of it could change something else.
    #[error(
        "nothing was restored: the backup has a statement that restore doesn't send, since it may change something \
         outside padealing: {0}; take it out of the schema that is backed up, or restore by hand with pg_restore"
    )]
    Statement(Refusal),
    /// What was restored isn't what was backed up.
    #[error("nothing was restored: {0}; the transaction was rolled back")]
    Different(String),
}

impl From<QueryError> for RestoreError {
    fn from(error: QueryError) -> Self {
        Self::Change(error.into())
    }
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// When it was committed, in UTC by this machine's clock.
    pub at: String,
    /// What took how long.
    pub phases: Vec<(&'static str, Duration)>,
    /// Objects whose definition was compared.
    pub compared: usize,
    /// Differences that don't matter, such as the order of columns.
    pub differences: Vec<String>,
    /// Roles of the backup that the target lacks, whose privileges were not restored.
    pub absent: Vec<String>,
}

/// How long the keys wait for who writes to the reference tables: the rows are there by then, and would be restored again.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Measures phases, and says which one it is.
struct Phases<'a> {
    database: &'a Database,
    done: Vec<(&'static str, Duration)>,
    since: Instant,
}

impl Phases<'_> {
    fn begin(&mut self, text: &str) {
        self.database.phase(text);
        self.since = Instant::now();
    }

    fn end(&mut self, name: &'static str) {
        self.done.push((name, self.since.elapsed()));
    }
}

/// Restores. The target was looked at before ([`look`]), and is looked at again in the transaction.
pub async fn restore(request: &RestoreRequest<'_>, archive: &Archive) -> Result<Restored, RestoreError> {
    let change = ChangeRequest::new(request.database, request.environment, request.roles);
    let change = ChangeRequest { lock_timeout: LOCK_TIMEOUT, ..change };
    let mut session = locked_connection(&change, "restore").await?;
    let result = Box::pin(restore_in(&mut session, request, &change, archive)).await;
    // Whatever happened, an open transaction ends with the session.
    let _ = session.close().await;
    result
}

async fn restore_in(
    session: &mut Session,
    request: &RestoreRequest<'_>,
    change: &ChangeRequest<'_>,
    archive: &Archive,
) -> Result<Restored, RestoreError> {
    let RestoreRequest { database, roles, .. } = *request;
    let manifest = &archive.manifest;
    let mut phases = Phases { database, done: Vec::new(), since: Instant::now() };
    begin(session, change).await?;
    run(session, "set local statement_timeout = 0", "setting up the transaction").await?;
    let before = look(session, request, archive).await?;
    let outside = Outside::read(session).await?;
    let wanted = wanted(session, manifest, roles).await?;

    phases.begin("restoring the tables");
    if before.schemas.is_empty() {
        run(session, &format!("create schema {APPLICATION_SCHEMA}"), "creating the schema padealing").await?;
    }
    let list = session.while_waiting(entries(&archive.tools, &archive.path)).await??;
    // Policies name roles: they are planned, as the manifest says, with owners and privileges.
    let (list, policies) = without_policies(&list);
    if policies != manifest.policies() {
        let described = manifest.policies();
        let how = format!("the backup has {policies} row security policies, and its manifest {described}");
        return Err(RestoreError::Different(how));
    }
    send_section(session, archive, &list, "pre-data").await?;
    phases.end("tables");

    phases.begin("restoring the rows");
    let sequences = copy_rows(session, archive).await?;
    phases.end("rows");

    phases.begin("comparing the rows with the backup");
    check_rows(session, manifest, &wanted.catalog).await?;
    check_sequences(session, manifest, &sequences).await?;
    check_history(session, manifest).await?;
    phases.end("checksums");

    phases.begin("building indexes and keys");
    send_section(session, archive, &list, "post-data").await?;
    phases.end("indexes and keys");

    phases.begin("gathering statistics");
    for it in wanted.catalog.objects.keys().filter(|it| it.kind == Kind::Table) {
        let sql = format!("analyze {}.{}", quote_identifier(&it.schema), quote_identifier(&it.name));
        run(session, &sql, "gathering statistics").await?;
    }
    phases.end("statistics");

    phases.begin("setting owners, privileges and policies");
    let live = settle(session, &before, &wanted.catalog).await?;
    phases.end("owners and privileges");

    phases.begin("comparing the schema with the backup");
    let compared = wanted.catalog.objects.len();
    let findings = compare(Expectation::of(wanted.catalog), live, &RoleContext::default());
    let (small, large): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(|it| it.severity == Severity::Info);
    if let Some(first) = large.first() {
        let count = large.len();
        return Err(RestoreError::Different(format!(
            "the restored schema differs from the backup's in {count}, such as {}",
            described(first)
        )));
    }
    let references = manifest.references.iter().map(|it| format!("{}.{}", it.to_schema, it.to_table)).collect();
    check_held(session, &outside, &Allowed { references, ..Allowed::default() }).await?;
    phases.end("schema");
    commit(session, database, "committing").await.map_err(ApplyError::from)?;
    Ok(Restored {
        at: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        phases: phases.done,
        compared,
        differences: small.into_iter().map(described).collect(),
        absent: wanted.absent.into_iter().collect(),
    })
}

fn described(finding: &Finding) -> String {
    let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "nothing".to_owned());
    let (expected, actual) = (text(&finding.expected), text(&finding.actual));
    format!("{}: {expected} in the backup, {actual} here", finding.id.object())
}

/// Sends the statements of a section, after the guard has read them.
async fn send_section(session: &mut Session, archive: &Archive, list: &str, name: &str) -> Result<(), RestoreError> {
    let sql = session.while_waiting(section(&archive.tools, &archive.path, list, name)).await??;
    guard::check(&sql, &Scope::default()).map_err(RestoreError::Statement)?;
    let what = format!("restoring the {name} of the backup");
    Ok(run(session, &sql, &what).await?)
}

/// Sends the rows, and sets the sequences, as the archive has them.
async fn copy_rows(session: &mut Session, archive: &Archive) -> Result<Vec<SequenceState>, RestoreError> {
    let mut output = archive.tools.data(&archive.path)?;
    let mut sequences = Vec::new();
    while let Some(item) = session.while_waiting(output.item(false)).await?? {
        let head = match item {
            Item::Begin(head) => head,
            Item::Line(text) => {
                sequences.extend(sequence_set(&text).map(SequenceState::from));
                continue;
            }
            Item::Row | Item::End => continue,
        };
        let (schema, table) = &head.table;
        if schema != APPLICATION_SCHEMA {
            return Err(RestoreError::Different(format!("the backup has rows of {schema}.{table}")));
        }
        let what = format!("restoring the rows of {schema}.{table}");
        let columns = head.columns.iter().map(|it| quote_identifier(it)).collect::<Vec<_>>().join(", ");
        let sql = format!("copy {}.{} ({columns}) from stdin", quote_identifier(schema), quote_identifier(table));
        let mut copy = session.copy_in(&sql).await.attempt(&what)?;
        let mut bytes = Vec::with_capacity(PART);
        loop {
            match output.item(true).await? {
                Some(Item::Row) => bytes.extend_from_slice(output.line()),
                _ => break,
            }
            if bytes.len() >= PART {
                copy.send(std::mem::take(&mut bytes)).await.attempt(&what)?;
            }
        }
        copy.send(bytes).await.attempt(&what)?;
        copy.finish().await.attempt(&what)?;
    }
    output.end().await?;
    for it in &sequences {
        let relation = format!("{}.{}", quote_identifier(&it.schema), quote_identifier(&it.sequence));
        sqlx::query("select setval($1::text::regclass, $2, $3)")
            .bind(relation)
            .bind(it.last_value)
            .bind(it.is_called)
            .execute(&mut *session)
            .await
            .attempt("setting a sequence")?;
    }
    Ok(sequences)
}

/// Bytes of rows that are sent at once.
const PART: usize = 1 << 18;

/// Compares how many rows there are, and their checksums.
async fn check_rows(session: &mut Session, manifest: &Manifest, wanted: &Catalog) -> Result<(), RestoreError> {
    for it in &manifest.tables {
        let columns = wanted.children(&it.schema, &it.table);
        let columns = columns.filter(|(id, _)| id.kind == Kind::Column);
        let mut columns: Vec<String> = columns.map(|(id, _)| id.name.clone()).collect();
        columns.sort();
        let stored = Stored { schema: it.schema.clone(), table: it.table.clone(), columns };
        let found = measure(session, &stored).await?;
        if found != *it {
            let table = format!("{}.{}", it.schema, it.table);
            let how = match found.rows == it.rows {
                true => format!("the rows of {table} have another checksum than in the backup"),
                false => format!("{table} has {} rows, and {} in the backup", found.rows, it.rows),
            };
            return Err(RestoreError::Different(how));
        }
    }
    Ok(())
}

/// Compares what the manifest says of the environment and the revision with the history that is restored.
async fn check_history(session: &mut Session, manifest: &Manifest) -> Result<(), RestoreError> {
    let history = read_history(session).await?;
    let revision = applied(&history).keys().next_back().cloned();
    let environment = history.last().map(|it| it.environment.clone());
    let differs = |what: &str, manifest: &str, found: &str| {
        let how = format!("the manifest says {what} {manifest}, and the history in the backup {found}");
        Err(RestoreError::Different(format!("{how}; the manifest was changed, so use another copy of both files")))
    };
    match environment {
        Some(environment) if environment != manifest.environment => {
            differs("environment", &manifest.environment, &environment)
        }
        _ if revision != manifest.revision => {
            let word = |it: &Option<String>| it.clone().unwrap_or_else(|| "none".to_owned());
            differs("revision", &word(&manifest.revision), &word(&revision))
        }
        _ => Ok(()),
    }
}

/// Asks the sequences where they stand now.
async fn check_sequences(
    session: &mut Session,
    manifest: &Manifest,
    set: &[SequenceState],
) -> Result<(), RestoreError> {
    let different =
        |name: &str| RestoreError::Different(format!("the sequence {name} stands elsewhere than in the backup"));
    if set.len() != manifest.sequences.len() {
        return Err(RestoreError::Different("the backup has other sequences than its manifest".to_owned()));
    }
    for it in &manifest.sequences {
        let relation = format!("{}.{}", quote_identifier(&it.schema), quote_identifier(&it.sequence));
        let sql = format!("select last_value = {} and is_called = {} from {relation}", it.last_value, it.is_called);
        if !fetch_value::<bool>(session, &sql, "asking a sequence where it stands").await? {
            return Err(different(&it.sequence));
        }
    }
    Ok(())
}

/// Gives what was restored its owner and its privileges; the catalog that there is then.
async fn settle(session: &mut Session, before: &Catalog, wanted: &Catalog) -> Result<Catalog, RestoreError> {
    let live = live(session, before, wanted).await?;
    let steps = plan(Expectation::of(wanted.clone()), live, &RoleContext::default(), &DataFacts::default()).steps;
    for step in &steps {
        send(session, step, &Scope::default()).await?;
    }
    Ok(self::live(session, before, wanted).await?)
}

async fn live(session: &mut Session, before: &Catalog, wanted: &Catalog) -> Result<Catalog, QueryError> {
    let found = introspect::read(session, &[APPLICATION_SCHEMA.to_owned()]).await?;
    Ok(restored(found.catalog, before, wanted))
}
