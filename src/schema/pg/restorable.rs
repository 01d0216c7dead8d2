//! Whether a backup can be restored into a database: all that can be known before anything is written. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::ValueEnum;
use sqlx::AssertSqlSafe;

use crate::base::hint::{APPLY, REVERT};
use crate::base::quote::quote_identifier;
use crate::base::text::{list, plural};
use crate::base::version::major;
use crate::config::environment::Environment;
use crate::config::settings::Roles;
use crate::ledger::permission::{Need, Right};
use crate::ledger::pg::admission::{
    RefusedError, SessionError, check_encoding, check_permitted, from_session_error, may_adopt,
};
use crate::ledger::pg::permission::current_role;
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{fetch_value, run, server_facts};
use crate::postgres::transaction::{Limits, begin_read_only};
use crate::schema::backup::{Manifest, Wanted, role_key, taken};
use crate::schema::catalog::Catalog;
use crate::schema::ddl::qualified;
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::pg::archive::Archive;
use crate::schema::pg::introspect;
use crate::schema::pg::requisites::lacking;

/// What to restore into.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct RestoreRequest<'a> {
    pub database: &'a Database,
    pub environment: Environment,
    /// The roles of padealing there.
    pub roles: &'a Roles,
    /// Whether the database is ephemeral: it belongs to no environment.
    pub is_rehearsal: bool,
}

/// Why a backup can't be restored here. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum NotRestorable {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Tables outside padealing.
    #[error(
        "the backup was taken before its tables were moved to padealing: it holds {tables}; restore writes to padealing \
         only, so restore it with pg_restore --no-owner --no-privileges, and run `{APPLY}` then"
    )]
    Elsewhere { tables: String },
    /// Another environment's.
    #[error(
        "the backup is of environment {of}, and this run is for {environment}; only dev and qa take a backup of another \
         environment: correct --env or APP_ENV, or the file"
    )]
    OtherEnvironment { of: String, environment: Environment },
    /// An older server.
    #[error(
        "the backup was taken from PostgreSQL {from}, and the server at {place} is {to}: an older server may not \
         understand it; restore into PostgreSQL {} or newer",
        major(from)
    )]
    OlderServer { from: String, to: String, place: String },
    /// It isn't empty.
    #[error(
        "padealing at {place} is not empty: {found}; restore never replaces anything, so restore into another database, \
         or remove them there first (`{REVERT} --to 0000` drops what `apply` created)"
    )]
    NotEmpty { place: String, found: String },
    /// What it depends on is missing.
    #[error(
        "the backup needs what {place} lacks: {lacking}; nothing was changed; create that there first, as it was where \
         the backup was taken"
    )]
    NoRequisite { place: String, lacking: String },
    /// Reference tables or rows are missing.
    #[error(
        "the backup refers to reference rows that {place} lacks: {missing}; nothing was changed; load them there first, \
         or restore where they are"
    )]
    NoReference { place: String, missing: String },
}

from_session_error!(NotRestorable: ConnectError, RefusedError, QueryError);

/// How long a table may be locked.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks at a target before anybody is asked; the server's version.
pub async fn look_first(request: &RestoreRequest<'_>, archive: &Archive) -> Result<String, NotRestorable> {
    check_manifest(request, &archive.manifest)?;
    let mut session = request.database.connect(Access::Read, "restore").await?;
    let looked = async {
        begin_read_only(&mut session, Limits { lock: Some(LOCK_TIMEOUT), statement: None }).await?;
        run(&mut session, "set local statement_timeout = 0", "setting up the transaction").await?;
        if fetch_value(&mut session, "select pg_is_in_recovery()", "asking whether it is a standby").await? {
            return Err(ConnectError::Standby { place: request.database.place() }.into());
        }
        look(&mut session, request, archive).await?;
        Ok(server_facts(&mut session).await?.version)
    };
    let looked = looked.await;
    let _ = session.close().await;
    looked
}

/// Looks at the target in the transaction that the session is in; what padealing holds before.
pub(crate) async fn look(
    session: &mut Session,
    request: &RestoreRequest<'_>,
    archive: &Archive,
) -> Result<Catalog, NotRestorable> {
    let (database, manifest) = (request.database, &archive.manifest);
    check_manifest(request, manifest)?;
    let facts = server_facts(session).await?;
    if major(&facts.version) < major(&manifest.server_version) {
        let (from, to) = (manifest.server_version.clone(), facts.version);
        return Err(NotRestorable::OlderServer { from, to, place: database.place() });
    }
    check_encoding(database, &facts)?;
    let before = introspect::read(session, &[APPLICATION_SCHEMA.to_owned()]).await?.catalog;
    let managed = before.objects.keys().filter(|id| id.kind.is_relation() && MANAGED_TABLES.contains(&&*id.name));
    let mut found: Vec<String> = managed.map(|id| format!("{} {}", id.kind.words(), id.name)).collect();
    if found.is_empty() {
        found = taken(&manifest.catalog(), &before);
    }
    if !found.is_empty() {
        let more = found.len().saturating_sub(FEW);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let found = format!("{}{more}", list(found.iter().take(FEW)));
        return Err(NotRestorable::NotEmpty { place: database.place(), found });
    }
    let needs = needs(session, request, manifest, &before).await?;
    check_permitted(session, database, &needs, "restore padealing").await?;
    let lacking = lacking(session, &manifest.requisites, &manifest.server_version).await?;
    let mut lacking: Vec<String> = lacking.iter().map(ToString::to_string).collect();
    // Where it is rehearsed, the owner stands in for the roles.
    if !request.is_rehearsal {
        let unruled = wanted(session, manifest, request.roles).await?.unruled;
        lacking.extend(unruled.into_iter().map(|(role, policy)| lacking_role(&role, &policy)));
    }
    if !lacking.is_empty() {
        return Err(NotRestorable::NoRequisite { place: database.place(), lacking: list(lacking) });
    }
    check_references(session, database, archive).await?;
    Ok(before)
}

/// Names that a sentence lists.
const FEW: usize = 5;

/// What needs no database.
fn check_manifest(request: &RestoreRequest<'_>, manifest: &Manifest) -> Result<(), NotRestorable> {
    let outside = manifest.outside();
    if !manifest.whole_schema || !outside.is_empty() {
        return Err(NotRestorable::Elsewhere { tables: list(&outside) });
    }
    let of = Environment::from_str(&manifest.environment, false).ok();
    if request.is_rehearsal || of == Some(request.environment) || may_adopt(request.environment) {
        return Ok(());
    }
    Err(NotRestorable::OtherEnvironment { of: manifest.environment.clone(), environment: request.environment })
}

/// What the connected role needs to restore.
async fn needs(
    session: &mut Session,
    request: &RestoreRequest<'_>,
    manifest: &Manifest,
    before: &Catalog,
) -> Result<Vec<Need>, QueryError> {
    let role = current_role(session).await?;
    let mut needs = match before.schemas.is_empty() {
        true => vec![Need { role: role.clone(), right: Right::Database }],
        false => {
            vec![Need::schema(&role, APPLICATION_SCHEMA, "USAGE"), Need::schema(&role, APPLICATION_SCHEMA, "CREATE")]
        }
    };
    if let Some(owner) = request.roles.owner.as_ref().filter(|it| **it != role) {
        needs.push(Need { role: owner.clone(), right: Right::Existence });
        needs.push(Need { role: role.clone(), right: Right::Become { role: owner.clone() } });
    }
    let referred: BTreeSet<(&str, &str)> =
        manifest.references.iter().map(|it| (&*it.to_schema, &*it.to_table)).collect();
    let schemas: BTreeSet<&str> =
        manifest.requisites.iter().map(|it| &*it.schema).filter(|it| !it.is_empty()).collect();
    needs.extend(schemas.into_iter().map(|it| Need::schema(&role, it, "USAGE")));
    for (schema, table) in referred {
        needs.push(Need::schema(&role, schema, "USAGE"));
        needs.push(Need::table(&role, schema, table, "REFERENCES"));
        needs.push(Need::table(&role, schema, table, "SELECT"));
    }
    needs.dedup();
    Ok(needs)
}

/// What the restored schema is to be here.
pub(crate) async fn wanted(session: &mut Session, manifest: &Manifest, roles: &Roles) -> Result<Wanted, QueryError> {
    let owner = match &roles.owner {
        Some(owner) => owner.clone(),
        None => current_role(session).await?,
    };
    Ok(manifest.wanted(roles, &owner, &existing_roles(session).await?))
}

/// A role that a policy is for, and that isn't there, in words.
fn lacking_role(role: &str, policy: &str) -> String {
    match role_key(role) {
        Some(key) => format!("the role that {key} is to name, which is not set (for policy {policy})"),
        None => format!("role {role} (for policy {policy})"),
    }
}

/// The roles that there are.
async fn existing_roles(session: &mut Session) -> Result<BTreeSet<String>, QueryError> {
    let names: Vec<String> = sqlx::query_scalar("select rolname::text from pg_roles")
        .fetch_all(session)
        .await
        .attempt("asking which roles there are")?;
    Ok(names.into_iter().collect())
}

/// Which columns refer to the same columns of the same table, and with which values.
type Referring<'a> = Vec<(String, &'a BTreeSet<Vec<String>>)>;

/// Looks for every row that the backup refers to.
async fn check_references(session: &mut Session, database: &Database, archive: &Archive) -> Result<(), NotRestorable> {
    let mut referred: BTreeMap<(&str, &str, &[String]), Referring<'_>> = BTreeMap::new();
    for (key, values) in archive.manifest.references.iter().zip(archive.referred()) {
        let by = referred.entry((&key.to_schema, &key.to_table, &key.to_columns)).or_default();
        // A key that was never checked isn't checked when it is restored either.
        if key.is_validated {
            by.push((format!("{}.{}", key.table, list(&key.columns)), values));
        }
    }
    let mut missing = Vec::new();
    for ((schema, table, columns), by) in referred {
        let name = format!("{schema}.{table}");
        if let Some(lacking) = not_referable(session, schema, table, columns).await? {
            missing.push(lacking);
            continue;
        }
        let values: BTreeSet<&Vec<String>> = by.iter().flat_map(|(_, values)| values.iter()).collect();
        let absent = absent(session, schema, table, columns, &values).await?;
        if !absent.is_empty() {
            let some = list(absent.iter().take(FEW).map(|it| it.join(" ")));
            let more = if absent.len() > FEW { ", …" } else { "" };
            let rows = plural(absent.len() as u64, "row", "rows");
            let refers = by.iter().filter(|(_, values)| absent.iter().any(|it| values.contains(it)));
            let by = list(refers.map(|(of, _)| of));
            missing.push(format!("{rows} of {name} ({} {some}{more}; for {by})", list(columns)));
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(NotRestorable::NoReference { place: database.place(), missing: list(&missing) }),
    }
}

/// What a table lacks so that a foreign key can refer to these columns, in words.
async fn not_referable(
    session: &mut Session,
    schema: &str,
    table: &str,
    columns: &[String],
) -> Result<Option<String>, QueryError> {
    let found: Option<(bool, bool)> = sqlx::query_as(
        "select $3::text[] <@ array(select attname::text from pg_attribute \
                where attrelid = c.oid and attnum > 0 and not attisdropped), \
                exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indimmediate \
                    and i.indisvalid and i.indpred is null and i.indexprs is null \
                    and array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality k (number, at) \
                        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number \
                        where k.at <= i.indnkeyatts order by 1) = array(select unnest($3::text[]) order by 1)) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2",
    )
    .bind(schema)
    .bind(table)
    .bind(columns)
    .fetch_optional(session)
    .await
    .attempt("looking for the reference tables")?;
    Ok(match found {
        None => Some(format!("the table {schema}.{table}")),
        Some((false, _)) => Some(format!("the columns {} of {schema}.{table}", list(columns))),
        Some((true, false)) => Some(format!("a primary or unique key of {schema}.{table} ({})", list(columns))),
        Some((true, true)) => None,
    })
}

/// Those of these values that no row of a table has. Values are compared as they are printed.
async fn absent(
    session: &mut Session,
    schema: &str,
    table: &str,
    columns: &[String],
    values: &BTreeSet<&Vec<String>>,
) -> Result<Vec<Vec<String>>, QueryError> {
    let what = format!("looking for the rows of {schema}.{table} that the backup refers to");
    let number = |at: usize| format!("${}::text[]", at + 1);
    let places: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
    let same = columns.iter().zip(&places).map(|(it, place)| format!("t.{}::text = v.{place}", quote_identifier(it)));
    let sql = format!(
        "select array[{}] from unnest({}) v ({}) where not exists (select from {} t where {}) order by 1",
        places.iter().map(|it| format!("v.{it}")).collect::<Vec<_>>().join(", "),
        (0..columns.len()).map(number).collect::<Vec<_>>().join(", "),
        places.join(", "),
        qualified(schema, table),
        same.collect::<Vec<_>>().join(" and "),
    );
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
    for at in 0..columns.len() {
        query = query.bind(values.iter().filter_map(|it| it.get(at).cloned()).collect::<Vec<String>>());
    }
    query.fetch_all(session).await.attempt(&what)
}
