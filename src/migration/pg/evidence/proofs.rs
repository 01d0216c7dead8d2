//! The scripts of a bundle, made for its source and its claims.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::migration::evidence::folding::Folded;
use crate::migration::evidence::manifest::RowCounts;
use crate::migration::evidence::names::{LEGACY_VIEW, PROOF, PROOF_WITHOUT_TABLE};
use crate::migration::evidence::tree::Hash;
use crate::migration::pg::evidence::error::EvidenceError;
use crate::migration::pg::evidence::files::FolderWriter;
use crate::migration::pg::evidence::rows::Constant;
use crate::migration::pg::legacy::LegacySource;
use crate::migration::pg::source::Source;
use crate::migration::pg::verify::VerifyRequest;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::proof::facts::{Claims, Column, Node, Place, Proof, RUN_HASHES};
use crate::migration::proof::script::proof_sql;
use crate::migration::proof::view::legacy_view;
use crate::postgres::database::Access;
use crate::postgres::query_error::Attempt;
use crate::postgres::session::Session;

/// The view's schema and name.
pub const VIEW: (&str, &str) = ("public", "personal_account_dealing_as_it_was");

/// What the scripts are made of, without claims. `is_beside`: whether the legacy table is in the same database.
pub async fn describe(request: &VerifyRequest<'_>, is_beside: bool) -> Result<Proof, EvidenceError> {
    match request.source {
        LegacySource::Table { database, table } => {
            let mut from = database.connect(Access::Read, "verify source").await?;
            let source = Source::describe(&mut from, table, &database.place()).await.map_err(VerifyError::from)?;
            let mut target = request.target.connect(Access::Read, "verify evidence").await?;
            let source = source.in_zone(database, &mut from, &mut target).await.map_err(VerifyError::from)?;
            let _ = from.close().await;
            let _ = target.close().await;
            let (columns, here) = source.described();
            let place = if is_beside { here } else { Place::Elsewhere(format!("{table} at {}", database.place())) };
            Ok(Proof { columns, place, zone: source.zone.clone(), claims: Claims::default() })
        }
        LegacySource::Csv(csv) => {
            let text = || "text".to_owned();
            let column = |name: &Arc<str>| Column { name: name.to_string(), sql_type: text(), base_type: text() };
            Ok(Proof {
                columns: csv.layout.columns.iter().map(|it| column(&it.name)).collect(),
                place: Place::Elsewhere(format!("the file {}, SHA-256 {}", csv.name(), csv.sha256)),
                zone: None,
                claims: Claims::default(),
            })
        }
    }
}

/// Writes the scripts. Where the legacy table is beside `padealing` there are two proofs: one that reads it, and one for
/// the time when it is gone.
pub(crate) async fn write_scripts(
    proof: Proof,
    (rows, folded): (RowCounts, &Folded),
    constants: &[Constant],
    (program, reasons): (&str, &str),
    target: &mut Session,
    files: &mut FolderWriter,
) -> Result<(), EvidenceError> {
    let runs: Vec<(String, String)> =
        sqlx::query_as(AssertSqlSafe(RUN_HASHES)).fetch_all(target).await.attempt("reading the runs")?;
    let text = |hash: Option<Hash>| hash.map(|it| it.to_string()).unwrap_or_default();
    let nodes = folded.starts.iter().enumerate().map(|(at, first_id)| Node {
        first_id: *first_id,
        hashes: std::array::from_fn(|tree| text(folded.sections[tree].get(at).copied())),
    });
    let claims = |all: bool| Claims {
        roots: folded.roots.map(text),
        source: folded.rows(),
        migrated: folded.migrated,
        rejected: folded.rejected,
        pending: folded.pending,
        outside: rows.without_leaf,
        nodes: nodes.clone().collect(),
        row_hashes: constants.iter().filter(|it| all || it.opaque).map(|it| (it.id, it.row.to_string())).collect(),
        runs: runs.clone(),
        reasons: reasons.to_owned(),
        tool_version: program.trim_start_matches("pad-migrate ").to_owned(),
    };
    files.put(LEGACY_VIEW, legacy_view(&proof.columns, VIEW).as_bytes())?;
    let is_here = matches!(proof.place, Place::Here { .. });
    let proof = Proof { claims: claims(!is_here), ..proof };
    files.put(PROOF, proof_sql(&proof).as_bytes())?;
    if let Place::Here { table: (schema, name), .. } = &proof.place {
        let place = Place::Elsewhere(format!("{schema}.{name}, when it is no longer there"));
        let constants = constants.iter().map(|it| (it.id, it.row.to_string())).collect();
        let claims = Claims { row_hashes: constants, ..proof.claims };
        files.put(PROOF_WITHOUT_TABLE, proof_sql(&Proof { place, claims, ..proof }).as_bytes())?;
    }
    Ok(())
}
