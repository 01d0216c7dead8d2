//! What `proof.sql` and the legacy view are made of: the columns of the source, read from its catalog.

use crate::config::settings::TableName;
use crate::migration::pg::source::{Source, SourceError};
use crate::migration::proof::facts::{Claims, Place, Proof};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};

/// Why the columns can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// No session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The table can't be migrated from, so nothing was.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The proof of a table beside `padealing`, without claims.
pub async fn read_proof(database: &Database, table: &TableName) -> Result<Proof, ProofError> {
    let mut session = database.connect(Access::Read, "evidence").await?;
    let source = Source::describe(&mut session, table, &database.place()).await?;
    let mut other = database.connect(Access::Read, "evidence").await?;
    let source = source.in_zone(database, &mut session, &mut other).await?;
    Ok(proof_of(&source, None))
}

/// The proof of a source that is described, without claims. `elsewhere` names it where it isn't beside `padealing`.
pub(crate) fn proof_of(source: &Source, elsewhere: Option<String>) -> Proof {
    let (columns, here) = source.described();
    let place = elsewhere.map_or(here, Place::Elsewhere);
    Proof { columns, place, zone: source.zone.clone(), claims: Claims::default() }
}
