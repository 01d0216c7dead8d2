//! What `restore` would do and did, as text and as JSON.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::base::hint::{APPLY, PLAN};
use crate::base::outcome::Verdict;
use crate::base::text::{list, plural};
use crate::config::environment::Environment;
use crate::report::backup::manifest_rows;
use crate::report::layout::Head;
use crate::report::page::{Page, Text};
use crate::schema::backup::{Manifest, SequenceState, TableRows, is_placeholder, role_key};

/// What is agreed to: what is restored, and where.
pub fn planned_restore(
    manifest: &Manifest,
    file: &str,
    place: &str,
    server_version: &str,
    environment: Environment,
) -> Page {
    let mut page = Page::default();
    page.row("Backup", file);
    manifest_rows(&mut page, manifest);
    page.blank();
    page.address("Target", place);
    page.row("Server", format!("PostgreSQL {server_version}, environment {environment}"));
    page.row("Changes", "creates the tables of padealing, which are not there, with their rows, in one transaction");
    let referred: BTreeSet<String> =
        manifest.references.iter().map(|it| format!("{}.{}", it.to_schema, it.to_table)).collect();
    if !referred.is_empty() {
        page.row("Blocks", format!("writes to {} while the foreign keys are checked", list(&referred)));
    }
    page
}

/// What was restored.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Restoration<'a> {
    pub manifest: &'a Manifest,
    pub file: &'a str,
    /// Host, port, database and role; the server's description, if it is ephemeral.
    pub place: &'a str,
    pub server_version: &'a str,
    pub environment: Environment,
    /// When, in UTC by this machine's clock.
    pub restored_at: &'a str,
    /// What took how long.
    pub phases: &'a [(&'static str, Duration)],
    /// Objects whose definition was compared.
    pub compared: usize,
    /// Differences that don't matter.
    pub differences: &'a [String],
    /// Roles of the backup that are not there.
    pub absent: &'a [String],
    pub is_rehearsal: bool,
}

impl Restoration<'_> {
    fn seconds(&self) -> f64 {
        self.phases.iter().map(|(_, elapsed)| elapsed.as_secs_f64()).sum()
    }

    /// Sentences about what is worth knowing.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.is_rehearsal {
            notes.push(
                "who owns it and who may use it was not rehearsed: the ephemeral server lacks those roles".to_owned(),
            );
            notes.extend(self.differences.iter().cloned());
            return notes;
        }
        let absent: Vec<&str> = self.absent.iter().map(String::as_str).filter(|it| !is_placeholder(it)).collect();
        if !absent.is_empty() {
            let names = list(absent);
            notes.push(format!("{names}: no such role is there, so what it may do was not restored"));
        }
        let unnamed: Vec<&str> = self.absent.iter().filter_map(|it| role_key(it)).collect();
        if !unnamed.is_empty() {
            let keys = list(unnamed);
            notes.push(format!("without {keys} nothing was granted to that role; name it, and `{PLAN}` shows how to"));
        }
        notes.extend(self.differences.iter().cloned());
        let other = self.manifest.revision.is_some() && self.manifest.environment != self.environment.as_str();
        if other {
            let of = &self.manifest.environment;
            notes.push(format!(
                "the history still says that this is environment {of}: `{APPLY} --adopt-environment {of}` \
                 makes it {}'s, and other commands refuse it until then",
                self.environment
            ));
        }
        notes
    }

    /// For people.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        page.row("Backup", self.file);
        manifest_rows(&mut page, self.manifest);
        match self.is_rehearsal {
            true => page.row("Rehearsed", format!("on PostgreSQL {}, {}", self.server_version, self.place)),
            false => page.address("Restored", self.place),
        }
        let rows = plural(self.manifest.rows(), "row", "rows");
        let sequences = plural(self.manifest.sequences.len() as u64, "sequence", "sequences");
        let objects = plural(self.compared as u64, "object", "objects");
        page.row("Compared", format!("{rows} by checksum, {sequences}, {objects} of the schema: all as in the backup"));
        let phase = |(name, elapsed): &(&str, Duration)| format!("{name} {:.1} s", elapsed.as_secs_f64());
        let phases = list(self.phases.iter().map(phase));
        page.row("Time", format!("{:.1} s: {phases}", self.seconds()));
        for note in self.notes() {
            page.row("Note", note);
        }
        page.blank();
        page.paragraph(
            0,
            Text::verdict(match self.is_rehearsal {
                true => "CLEAN: the backup can be restored",
                false => "CLEAN: padealing is as it was when the backup was taken",
            }),
        );
        page
    }
}

/// What `restore --format json` prints.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RestoreJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role; with `--rehearse` the server's description.
    pub place: String,
    /// Whether it was done on an ephemeral server.
    pub rehearsal: bool,
    /// The backup.
    pub file: String,
    /// The SHA-256 of the backup.
    pub sha256: String,
    /// When it was taken, in UTC.
    pub taken_at: String,
    /// When it was restored, or that was rehearsed, in UTC by this machine's clock.
    pub restored_at: String,
    /// The environment that it was taken in.
    pub from_environment: String,
    /// Host, port, database and role that it was taken of.
    pub from_place: String,
    /// The newest revision that the history names; null if there is no history.
    pub revision: Option<String>,
    /// The tables, with their rows, which were compared.
    pub tables: Vec<TableRows>,
    /// Where the sequences stand.
    pub sequences: Vec<SequenceState>,
    /// How many objects of the schema were compared.
    pub objects: usize,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
    /// What of it took how long.
    pub phases: Vec<RestorePhaseJson>,
}

/// A part of a restoration.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RestorePhaseJson {
    /// What was done.
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
}

impl RestoreJson {
    /// What was restored.
    pub fn new(done: &Restoration<'_>) -> Self {
        let manifest = done.manifest.clone();
        let phase =
            |(name, elapsed): &(&'static str, Duration)| RestorePhaseJson { name, seconds: elapsed.as_secs_f64() };
        Self {
            head: Head::new("restore", done.environment, done.server_version, Verdict::Clean),
            place: done.place.to_owned(),
            rehearsal: done.is_rehearsal,
            file: done.file.to_owned(),
            sha256: manifest.sha256,
            taken_at: manifest.taken_at,
            restored_at: done.restored_at.to_owned(),
            from_environment: manifest.environment,
            from_place: manifest.place,
            revision: manifest.revision,
            tables: manifest.tables,
            sequences: manifest.sequences,
            objects: done.compared,
            notes: done.notes(),
            seconds: done.seconds(),
            phases: done.phases.iter().map(phase).collect(),
        }
    }
}
