//! Takes the evidence of a migration: verifies every row, and writes what was found into a folder.

use std::path;

use crate::migration::accounting::{Accounting, State};
use crate::migration::control_totals::{control_totals, statuses};
use crate::migration::evidence::entry::{Entry, Rejected};
use crate::migration::evidence::folding::{Folded, Folding};
use crate::migration::evidence::manifest::{
    ColumnOf, FORMAT, KIND, Manifest, Place, Roots, RowCounts, RuleCount, SourceOf, TableCount, Verification,
};
use crate::migration::evidence::names::{MANIFEST, SUMS, TEXTS, TIMESTAMP_QUERY};
use crate::migration::evidence::tree::{Hash, Path};
use crate::migration::pg::evidence::error::EvidenceError;
use crate::migration::pg::evidence::files::FolderWriter;
use crate::migration::pg::evidence::proofs::{describe, write_scripts};
use crate::migration::pg::evidence::records::{for_each_rejection, read_revisions, read_runs};
use crate::migration::pg::evidence::rows::{Written, write_rows};
use crate::migration::pg::evidence::spool::Spool;
use crate::migration::pg::legacy::LegacySource;
use crate::migration::pg::stored_page::Rows;
use crate::migration::pg::verify::{VerifyRequest, verify_with_evidence};
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::proof::facts::{Column, REASONS_HASH};
use crate::migration::run::Progress;
use crate::migration::verification::VerifyReport;
use crate::postgres::database::Access;
use crate::postgres::statement::{fetch_value, server_facts};
use crate::postgres::transaction::{Limits, begin_read_only};

/// What a bundle says that its rows don't.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The program with its version and commit.
    pub program: String,
    /// SHA-256 of the live catalog of both schemas.
    pub catalog: Option<String>,
    /// The hash of the plan.
    pub plan: Option<String>,
    /// The names of owner, application and reader.
    pub roles: [Option<String>; 3],
    /// Exceptions that were accepted.
    pub exceptions: Vec<serde_json::Value>,
    /// Where the legacy rows are.
    pub source: SourceOf,
}

/// Verifies every row, and writes the evidence into a folder. Gives back what was found, and what is claimed of it.
pub async fn take(
    request: &VerifyRequest<'_>,
    facts: Facts,
    folder: &path::Path,
    progress: impl FnMut(Progress),
) -> Result<(VerifyReport, Manifest), EvidenceError> {
    let mut spool = Spool::create().map_err(VerifyError::Spool)?;
    let report = gather(request, &mut spool, progress).await?;
    let is_table = matches!(request.source, LegacySource::Table { .. });
    request.target.phase("writing the evidence");
    let proof = describe(request, facts.source.is_beside).await?;
    let mut target = request.target.connect(Access::Read, "verify evidence").await?;
    begin_read_only(&mut target, Limits::default()).await?;
    let server = server_facts(&mut target).await?;
    let mut files = FolderWriter::new(folder);
    let Written { folded, constants } =
        write_rows(&mut target, &mut spool, Some(&mut files), Folding::default()).await?;
    let accounting = report.accounting.clone().unwrap_or_default();
    let rows = row_counts(&report, &folded)?;
    let column = |it: &Column| ColumnOf { name: it.name.clone(), r#type: is_table.then(|| it.sql_type.clone()) };
    let columns = proof.columns.iter().map(column).collect();
    let facts = Facts { source: SourceOf { columns, timezone: proof.zone.clone(), ..facts.source }, ..facts };
    let reasons: String = fetch_value(&mut target, REASONS_HASH, "reading the reasons on record").await?;
    let said = (facts.program.as_str(), reasons.as_str());
    write_scripts(proof, (rows, &folded), &constants, said, &mut target, &mut files).await?;
    let place = Place {
        place: request.target.place(),
        server_version: server.version.clone(),
        encoding: server.encoding.clone(),
    };
    let mut manifest = Manifest {
        target: place,
        reasons_sha256: reasons,
        revisions: read_revisions(&mut target).await?,
        runs: read_runs(&mut target).await?,
        ..claims(request, facts, &report, &accounting, rows, &folded)
    };
    let _ = target.close().await;
    for (name, text) in TEXTS {
        files.put(name, text)?;
    }
    manifest.files = files.files();
    let text = manifest.to_text();
    files.put(MANIFEST, text.as_bytes())?;
    files.put(TIMESTAMP_QUERY, &timestamp_query(&Hash::of(text.as_bytes())))?;
    let sums = files.files().iter().map(|it| format!("{}  {}\n", it.sha256, it.name)).collect::<String>();
    files.put(SUMS, sums.as_bytes())?;
    Ok((report, manifest))
}

/// The question for a time stamp of a SHA-256 (RFC 3161, TimeStampReq, in DER): version 1, the algorithm and the hash, and
/// that the answer is to hold the certificate.
fn timestamp_query(hash: &Hash) -> Vec<u8> {
    let before = [
        0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
        0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
    ];
    [&before[..], &hash.0, &[0x01, 0x01, 0xff]].concat()
}

/// Verifies every row, and keeps its line of evidence.
pub(crate) async fn gather(
    request: &VerifyRequest<'_>,
    spool: &mut Spool,
    progress: impl FnMut(Progress),
) -> Result<VerifyReport, EvidenceError> {
    let report = verify_with_evidence(request, spool, true, progress).await?;
    if report.moved { Err(EvidenceError::Moved) } else { Ok(report) }
}

/// Verifies every row, and folds it: what was found, and the roots, unless rows were written meanwhile.
pub async fn fold(
    request: &VerifyRequest<'_>,
    progress: impl FnMut(Progress),
) -> Result<(VerifyReport, Option<Roots>), EvidenceError> {
    let mut spool = Spool::create().map_err(VerifyError::Spool)?;
    let report = verify_with_evidence(request, &mut spool, false, progress).await?;
    if report.moved {
        return Ok((report, None));
    }
    let mut target = request.target.connect(Access::Read, "verify evidence").await?;
    begin_read_only(&mut target, Limits::default()).await?;
    let written = write_rows(&mut target, &mut spool, None, Folding::default()).await;
    let _ = target.close().await;
    match written {
        Ok(written) => Ok((report, Some(Roots::from(&written.folded)))),
        Err(EvidenceError::Moved) => Ok((report, None)),
        Err(error) => Err(error),
    }
}

/// The counts of a verification, if those of the lines agree with them.
fn row_counts(report: &VerifyReport, folded: &Folded) -> Result<RowCounts, EvidenceError> {
    let counts = &report.counts;
    let rows = RowCounts {
        read: counts.source,
        migrated: counts.verified + counts.different + counts.missing,
        rejected: counts.rejected,
        pending: counts.pending,
        without_leaf: counts.source.saturating_sub(folded.rows()),
    };
    let others = (rows.rejected + rows.pending + report.shared, folded.rejected + folded.pending + rows.without_leaf);
    if rows.migrated == folded.migrated + report.shared && others.0 == others.1 {
        Ok(rows)
    } else {
        Err(EvidenceError::Moved)
    }
}

/// What follows from the rows.
fn claims(
    request: &VerifyRequest<'_>,
    facts: Facts,
    report: &VerifyReport,
    accounting: &Accounting,
    rows: RowCounts,
    folded: &Folded,
) -> Manifest {
    let Facts { program, catalog, plan, roles, exceptions, source } = facts;
    let counts = &report.counts;
    let rule = |(rule, reasons): (&String, &u64)| RuleCount { rule: rule.clone(), reasons: *reasons };
    let table = |(table, rows): (&&'static str, &u64)| TableCount { table: (*table).to_owned(), rows: *rows };
    Manifest {
        kind: KIND.to_owned(),
        format: FORMAT,
        program,
        environment: request.environment.as_str().to_owned(),
        outcome: if counts.is_clean() { "clean" } else { "attention" }.to_owned(),
        target: Place::default(),
        source,
        catalog_sha256: catalog,
        plan_hash: plan,
        roles,
        revisions: Vec::new(),
        runs: Vec::new(),
        rows,
        verification: Verification {
            verified: counts.verified,
            different: counts.different,
            missing: counts.missing,
            missing_source: counts.missing_source,
            extra: counts.extra,
        },
        roots: Roots::from(folded),
        rejections: folded.rules.iter().map(rule).collect(),
        reasons_sha256: String::new(),
        control_totals: control_totals(accounting),
        statuses_before: statuses(&[&accounting.migrated]),
        statuses_after: statuses(&[&accounting.stored]),
        tables: accounting.tables.iter().map(table).collect(),
        exceptions,
        files: Vec::new(),
    }
}

/// What leads from a row to the root of the legacy rows.
#[derive(Clone, Debug)]
pub struct Leading {
    /// The row's line of evidence.
    pub entry: Entry,
    /// Why it is rejected.
    pub reasons: Vec<Rejected>,
    /// The path.
    pub path: Path,
    /// The root.
    pub root: Hash,
}

/// Verifies every row, and folds it for the path of one; none if there is no leaf of that id.
pub async fn lead_to(
    request: &VerifyRequest<'_>,
    id: i64,
    progress: impl FnMut(Progress),
) -> Result<Option<Leading>, EvidenceError> {
    let mut spool = Spool::create().map_err(VerifyError::Spool)?;
    gather(request, &mut spool, progress).await?;
    let Some((place, entry)) = spool.find(id).map_err(VerifyError::Spool)? else { return Ok(None) };
    let mut target = request.target.connect(Access::Read, "verify evidence").await?;
    begin_read_only(&mut target, Limits::default()).await?;
    let mut reasons = Vec::new();
    if entry.state() == State::Rejected {
        for_each_rejection(&mut target, &Rows::Only(vec![id]), |reason| {
            reasons.push(reason);
            Ok(())
        })
        .await?;
    }
    let folding = Folding::keeping_path_of(place);
    let Folded { path, roots, .. } = write_rows(&mut target, &mut spool, None, folding).await?.folded;
    let _ = target.close().await;
    Ok(path.zip(roots[0]).map(|(path, root)| Leading { entry, reasons, path, root }))
}
