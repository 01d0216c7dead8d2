//! A backup restored on an ephemeral server: whether it can be, and how long it takes.

use crate::base::version::major;
use crate::config::environment::Environment;
use crate::config::settings::Roles;
use crate::harness::pg::databases::{PrepareError, create_database};
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::harness::pg::references::{AllReferred, stand_in, stub_references};
use crate::harness::rehearse::DATABASE;
use crate::harness::server;
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::Server;
use crate::harness::server::request::ServerRequest;
use crate::postgres::connect_error::ConnectError;
use crate::schema::backup::Manifest;
use crate::schema::catalog::{Kind, Property};
use crate::schema::pg::archive::Archive;
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
}

/// Restores a backup on an ephemeral server, with rows in the reference mirror for all that it refers to. Without a
/// version that is asked for, the server has the version of the one that was backed up, or a newer one.
pub async fn rehearse_restore(
    archive: &Archive,
    wanted: ServerRequest,
    phase: impl Fn(&str),
) -> Result<(Restored, Server), RestoreRehearsalError> {
    let server = start(archive, wanted).await?;
    phase("restoring");
    let maintenance = EphemeralDatabase::at(&server.url)?;
    let target = create_database(&maintenance, &server.database_name(DATABASE), None).await?;
    let mut referred = AllReferred::new();
    let catalog = archive.manifest.catalog();
    for (key, values) in archive.manifest.references.iter().zip(archive.referred()) {
        let of = (key.to_schema.clone(), key.to_table.clone(), key.to_columns.clone());
        let type_of = |column: &String| {
            let found =
                catalog.children(&key.schema, &key.table).find(|(id, _)| id.kind == Kind::Column && id.name == *column);
            found.and_then(|(_, object)| object.get(&Property::Type)).map(ToString::to_string)
        };
        let referred = referred.entry(of).or_default();
        referred.types = key.columns.iter().filter_map(type_of).collect();
        referred.values.extend(values.iter().cloned());
    }
    stand_in(&target, &archive.manifest).await?;
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

/// Whether all that a backup depends on can be made on an ephemeral server; for a role the owner stands in.
pub fn has_stand_ins(manifest: &Manifest) -> bool {
    manifest.requisites.iter().all(|it| it.definition.is_some() || it.kind == "role")
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
