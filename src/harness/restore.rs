//! A backup restored on an ephemeral server: whether it can be, and how long it takes.

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_identifier;
use crate::base::text::list;
use crate::base::version::major;
use crate::config::environment::Environment;
use crate::config::settings::Roles;
use crate::harness::pg::databases::{PrepareError, create_database};
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::harness::pg::references::{AllReferred, stub_references};
use crate::harness::rehearse::DATABASE;
use crate::harness::server;
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::Server;
use crate::harness::server::request::ServerRequest;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Access;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_writing};
use crate::schema::catalog::{Kind, Property};
use crate::schema::backup::{Manifest, Requisite};
use crate::schema::pg::archive::Archive;
use crate::schema::pg::requisites::lacking;
use crate::schema::pg::restorable::RestoreRequest;
use crate::schema::pg::restore::{RestoreError, Restored, restore};

/// Why a backup could not be restored on an ephemeral server.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is what its error is about")]
pub enum RestoreRehearsalError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(
        "the backup can't be rehearsed: it needs {lacking}, for which an ephemeral server can have no stand-in; restore it \
         into a test database that has this, with `pad-migrate restore --from FILE`, which the gate takes instead"
    )]
    NoStandIn { lacking: String },
    #[error(
        "the backup can't be rehearsed: it needs {requisite}, and a stand-in for it could not be made on the ephemeral \
         server; restore it into a test database that has this, with `pad-migrate restore --from FILE`, which the gate \
         takes instead"
    )]
    StandIn { requisite: String, source: QueryError },
}

/// Restores a backup on an ephemeral server, with rows in the reference mirror for all that it refers to. Without a
/// version that is asked for, the server has the version of the one that was backed up, or a newer one.
pub async fn rehearse_restore(
    archive: &Archive,
    wanted: ServerRequest,
    phase: impl Fn(&str),
) -> Result<(Restored, Server), RestoreRehearsalError> {
    let requisites = &archive.manifest.requisites;
    let server = start(archive, wanted).await?;
    phase("restoring");
    let maintenance = EphemeralDatabase::at(&server.url)?;
    let target = create_database(&maintenance, &server.database_name(DATABASE), None).await?;
    let mut referred = AllReferred::new();
    let catalog = archive.manifest.catalog();
    for (key, values) in archive.manifest.references.iter().zip(archive.referred()) {
        let of = (key.to_schema.clone(), key.to_table.clone(), key.to_columns.clone());
        let type_of = |column: &String| {
            let found = catalog.children(&key.schema, &key.table).find(|(id, _)| id.kind == Kind::Column && id.name == *column);
            found.and_then(|(_, object)| object.get(&Property::Type)).map(ToString::to_string)
        };
        let referred = referred.entry(of).or_default();
        referred.types = key.columns.iter().filter_map(type_of).collect();
        referred.values.extend(values.iter().cloned());
    }
    stand_in(&target, requisites).await?;
    stub_references(&target, &referred).await?;
    let request = RestoreRequest {
        database: &target,
        environment: Environment::Local,
        roles: &Roles::default(),
        is_rehearsal: true,
    };
    let restored = restore(&request, archive).await?;
    Ok((restored, server))
}

/// Whether all that a backup depends on can be made on an ephemeral server.
pub fn has_stand_ins(manifest: &Manifest) -> bool {
    manifest.requisites.iter().all(|it| it.definition.is_some())
}

/// Makes what a backup depends on, and the server lacks.
async fn stand_in(target: &EphemeralDatabase, requisites: &[Requisite]) -> Result<(), RestoreRehearsalError> {
    let mut session = target.connect(Access::Write, "restore").await?;
    begin_writing(&mut session, Limits::default()).await.map_err(RestoreError::from)?;
    let lacking = lacking(&mut session, requisites).await.map_err(RestoreError::from)?;
    let without: Vec<&&Requisite> = lacking.iter().filter(|it| it.definition.is_none()).collect();
    if !without.is_empty() {
        let lacking = list(without.into_iter().map(ToString::to_string));
        return Err(RestoreRehearsalError::NoStandIn { lacking });
    }
    for it in lacking {
        let failed = |source| RestoreRehearsalError::StandIn { requisite: it.to_string(), source };
        let schema = format!("create schema if not exists {}", quote_identifier(&it.schema));
        let settings = ["set local check_function_bodies = off".to_owned(), schema];
        for sql in settings.into_iter().chain(it.definition.clone()) {
            // A prepared statement is one: nothing can come behind it.
            let made = sqlx::query(AssertSqlSafe(sql)).execute(&mut session).await.map(|_| ());
            made.attempt("making a stand-in").map_err(failed)?;
        }
    }
    run(&mut session, "commit", "making stand-ins").await.map_err(RestoreError::from)?;
    let _ = session.close().await;
    Ok(())
}

async fn start(archive: &Archive, mut wanted: ServerRequest) -> Result<Server, ServerError> {
    let own = major(&archive.manifest.server_version).to_string();
    let of = |wanted: ServerRequest| tokio::task::spawn_blocking(move || server::start(&wanted));
    if wanted.version.is_none() {
        let same = ServerRequest { version: Some(own), ..wanted.clone() };
        if let Ok(Ok(server)) = of(same).await {
            return Ok(server);
        }
        wanted.version = None;
    }
    match of(wanted).await {
        Ok(started) => started,
        Err(error) => {
            Err(ServerError::Io { what: "starting a server".to_owned(), source: std::io::Error::other(error) })
        }
    }
}
