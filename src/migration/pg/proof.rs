//! What `proof.sql` and the legacy view are made of: the columns of the source, read from its catalog.

use crate::config::settings::TableName;
use crate::migration::pg::source::{Source, SourceError};
use crate::migration::proof::{Claims, Place, Proof};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::server_facts;

/// Why the columns can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// No session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The table can't be migrated from, so nothing was.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// The proof of a table beside `padealing`, without claims.
pub async fn read_proof(database: &Database, table: &TableName) -> Result<Proof, ProofError> {
    let mut session = database.connect(Access::Read, "evidence").await?;
    let source = Source::describe(&mut session, table, &database.place()).await?;
    let mut other = database.connect(Access::Read, "evidence").await?;
    let source = source.in_zone(database, &mut session, &mut other).await?;
    Ok(proof_of(&source, None, &mut other).await?)
}

/// The proof of a source that is described, without claims. `elsewhere` names it where it isn't beside `padealing`.
pub(crate) async fn proof_of(
    source: &Source,
    elsewhere: Option<String>,
    target: &mut Session,
) -> Result<Proof, QueryError> {
    let (columns, here) = source.described();
    let encoding = server_facts(target).await?.encoding;
    let place = elsewhere.map_or(here, Place::Elsewhere);
    Ok(Proof { columns, place, zone: source.zone.clone(), encoding, claims: Claims::default() })
}
