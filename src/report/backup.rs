//! What `backup` did, as text and as JSON.

use std::path::Path;

use serde::Serialize;

use crate::base::hint::APPLY;
use crate::base::outcome::Verdict;
use crate::base::text::{list, plural, size, thousands};
use crate::config::environment::Environment;
use crate::report::layout::Head;
use crate::report::page::{Page, Text};
use crate::schema::backup::{BackedUp, Manifest, SequenceState, TableRows, is_placeholder};

/// What is said of a backup that another command took first.
pub fn backed_up_notes(done: &BackedUp, name: &str, has_manifest: bool) -> Vec<String> {
    let rows = plural(done.manifest.rows(), "row", "rows");
    let left_out = match &done.manifest.left_out[..] {
        [] => String::new(),
        names => format!("; not managed by pad-migrate, and not in it: {}", list(names)),
    };
    let mut notes = vec![format!("backed up to {name}, and read back in full: {rows}{left_out}")];
    if !has_manifest {
        notes.push(format!("no manifest is kept, since there is no place beside {name}; restore needs one"));
    }
    notes.extend(self::notes(done));
    notes
}

/// What is worth knowing of a backup.
fn notes(done: &BackedUp) -> Vec<String> {
    let refused = done.refusal.iter().map(|it| {
        format!(
            "restore will refuse this backup: {it}; only pg_restore can restore it as long as that is in the schema"
        )
    });
    let outside = (!done.manifest.whole_schema).then(|| {
        format!("it holds tables outside padealing, from before `{APPLY}` moves them: only pg_restore can restore it")
    });
    let mut needed: Vec<String> = done.manifest.requisites.iter().map(ToString::to_string).collect();
    // For the others there are the target's.
    let roles = done.manifest.policy_roles().into_iter().filter(|(role, _)| !is_placeholder(role));
    needed.extend(roles.map(|(role, policy)| format!("role {role} (for policy {policy})")));
    let needed = (!needed.is_empty())
        .then(|| format!("to restore it, the database must have first, as this one has: {}", list(needed)));
    let absent = done.manifest.absent();
    let revision = done.manifest.revision.as_deref().unwrap_or_default();
    let absent = (!absent.is_empty())
        .then(|| format!("revision {revision} has {}, which the database lacks, and the backup with it", list(absent)));
    refused.chain(outside).chain(needed).chain(absent).collect()
}

/// What is known of a backup, for people.
pub(crate) fn manifest_rows(page: &mut Page, manifest: &Manifest) {
    let Manifest { taken_at, environment, server_version, revision, .. } = manifest;
    let revision = revision.as_ref().map_or("no history".to_owned(), |it| format!("revision {it}"));
    page.row("Taken", format!("{taken_at}, environment {environment}, PostgreSQL {server_version}, {revision}"));
    page.address("Of", &manifest.place);
    page.row("Rows", counts(&manifest.tables));
    page.row("Sequences", thousands(manifest.sequences.len() as u64));
}

/// The rows of each table; those without are a number.
pub(crate) fn counts(tables: &[TableRows]) -> String {
    let filled = tables.iter().filter(|it| it.rows > 0);
    let filled = filled.map(|it| format!("{} {}", it.table, thousands(it.rows))).collect::<Vec<_>>();
    let all: u64 = tables.iter().map(|it| it.rows).sum();
    let of = plural(tables.len() as u64, "table", "tables");
    let each = if filled.is_empty() { String::new() } else { format!(": {}", list(&filled)) };
    format!("{} in {of}{each}", thousands(all))
}

/// What `backup` did.
pub fn backup_page(done: &BackedUp, file: &str, beside: &str) -> Page {
    let BackedUp { manifest, programs, .. } = done;
    let mut page = Page::default();
    let bytes = i64::try_from(manifest.bytes).unwrap_or(i64::MAX);
    page.row("Backup", format!("{file}, {}", size(bytes)));
    page.row("Manifest", beside);
    page.row("SHA-256", &manifest.sha256);
    manifest_rows(&mut page, manifest);
    let (version, folder) = programs;
    page.row("Programs", format!("pg_dump and pg_restore {version} in {}", folder.display()));
    if !manifest.left_out.is_empty() {
        page.row("Not in it", format!("{}: not managed by pad-migrate", list(&manifest.left_out)));
    }
    for note in notes(done) {
        page.row("Note", note);
    }
    page.blank();
    let verdict = "CLEAN: the backup was read back in full, and holds every row that the database held then";
    page.paragraph(0, Text::verdict(verdict));
    page
}

/// What `backup --format json` prints.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct BackupJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role.
    pub place: String,
    /// The backup.
    pub file: String,
    /// Its manifest.
    pub manifest: String,
    /// The size of the backup in bytes.
    pub bytes: u64,
    /// The SHA-256 of the backup.
    pub sha256: String,
    /// When the rows were read, in UTC, by the server's clock.
    pub taken_at: String,
    /// The newest revision that the history names; null if there is no history.
    pub revision: Option<String>,
    /// The version of pg_dump and pg_restore.
    pub programs_version: String,
    /// The folder that holds them.
    pub programs_folder: String,
    /// The tables, with their rows.
    pub tables: Vec<TableRows>,
    /// Where the sequences stand.
    pub sequences: Vec<SequenceState>,
    /// Relations of padealing that are not in it.
    pub left_out: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

impl BackupJson {
    /// What was backed up.
    pub fn new(done: &BackedUp, environment: Environment, file: &Path, beside: &Path) -> Self {
        let BackedUp { manifest, programs: (version, folder), .. } = done.clone();
        Self {
            head: Head::new("backup", environment, &manifest.server_version, Verdict::Clean),
            place: manifest.place,
            file: file.display().to_string(),
            manifest: beside.display().to_string(),
            bytes: manifest.bytes,
            sha256: manifest.sha256,
            taken_at: manifest.taken_at,
            revision: manifest.revision,
            programs_version: version,
            programs_folder: folder.display().to_string(),
            tables: manifest.tables,
            sequences: manifest.sequences,
            left_out: manifest.left_out,
            notes: notes(done),
        }
    }
}
