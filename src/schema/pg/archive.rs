//! A backup on this machine: its manifest, and what pg_restore finds in it. No database is asked.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::base::file::reason;
use crate::base::hint::BACKUP;
use crate::base::input::read_within;
use crate::base::text::{hex, plural, thousands};
use crate::base::version::major;
use crate::postgres::archive::{Item, ProgramError, Tools};
use crate::postgres::archive_text::{field, sequence_set, statements};
use crate::schema::backup::{Contents, Manifest, ManifestError, Reference, SequenceState, manifest_path};
use crate::schema::guard;
use crate::schema::guard::scope::Scope;

/// More than any manifest has.
const LIMIT: usize = 64 << 20;

/// Why a file is no backup that could be restored.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ArchiveError {
    /// A file can't be read.
    #[error("{path} can't be read: {reason}; check the path")]
    Unreadable { path: String, reason: String },
    /// There is no manifest beside it.
    #[error(
        "{path} has no manifest: {manifest} doesn't exist; a backup is restored with the manifest that \
         `{BACKUP} --out FILE` wrote beside it, so copy both files"
    )]
    NoManifest { path: String, manifest: String },
    /// The manifest can't be read as one.
    #[error("{path}: {source}")]
    Manifest { path: String, source: ManifestError },
    /// The file isn't what the manifest was written for.
    #[error(
        "{path} is not the backup that its manifest describes: {how}; it was changed, cut or mixed up, so use another \
         copy of both files"
    )]
    Changed { path: String, how: String },
    /// pg_restore can't read it.
    #[error("{path} can't be read as a backup: {source}")]
    Program { path: String, source: ProgramError },
    /// It lacks what the manifest says.
    #[error("{path} doesn't hold what its manifest says: {what}; use another backup")]
    Incomplete { path: String, what: String },
}

/// A backup that was read in full, and is what its manifest says.
#[derive(Debug)]
pub struct Archive {
    /// Where it is.
    pub path: PathBuf,
    /// What is known of it.
    pub manifest: Manifest,
    pub(crate) contents: Contents,
    pub(crate) tools: Tools,
}

impl Archive {
    /// What its foreign keys refer to outside it, in the order of the manifest's references.
    pub fn referred(&self) -> &[BTreeSet<Vec<String>>] {
        &self.contents.referred
    }
}

/// The manifest of a backup that can be read and has the size that it says. The backup itself is not read.
pub(crate) async fn described(path: &Path) -> Result<Manifest, ArchiveError> {
    let shown = path.display().to_string();
    let beside = manifest_path(path);
    let beside_shown = beside.display().to_string();
    let own = path.to_owned();
    let read = tokio::task::spawn_blocking(move || (size(&own), read_within(&beside, LIMIT))).await;
    let failed = |error| (Err(std::io::Error::other(error)), Ok(Vec::new()));
    let (bytes, manifest) = read.unwrap_or_else(failed);
    let bytes = bytes.map_err(|error| ArchiveError::Unreadable {
        path: shown.clone(),
        reason: reason(&error, "the file doesn't exist"),
    })?;
    let text = match manifest {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ArchiveError::NoManifest { path: shown, manifest: beside_shown });
        }
        Err(error) => {
            return Err(ArchiveError::Unreadable { path: beside_shown, reason: reason(&error, "it is gone") });
        }
    };
    let read = Manifest::read(&text).and_then(not_from_the_future);
    let manifest = read.map_err(|source| ArchiveError::Manifest { path: beside_shown, source })?;
    if bytes != manifest.bytes {
        let how = format!("it has {}, not {}", plural(bytes, "byte", "bytes"), thousands(manifest.bytes));
        return Err(ArchiveError::Changed { path: shown, how });
    }
    Ok(manifest)
}

/// The size of a file that can be read.
fn size(path: &Path) -> std::io::Result<u64> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    std::fs::File::open(path)?;
    Ok(found.len())
}

/// Reads a backup in full. `phase` is given what is done.
pub async fn open(path: &Path, phase: impl Fn(&str)) -> Result<Archive, ArchiveError> {
    let shown = path.display().to_string();
    phase("checking the backup");
    let manifest = described(path).await?;
    let own = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || sha256(&own)).await;
    let hash = hashed
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| ArchiveError::Unreadable { path: shown.clone(), reason: reason(&error, "it is gone") })?;
    if hash != manifest.sha256 {
        let how = format!("its SHA-256 is {hash}, not {}", manifest.sha256);
        return Err(ArchiveError::Changed { path: shown, how });
    }
    let what = format!("a backup of pg_dump {}", manifest.pg_dump_version);
    let failed = |source| ArchiveError::Program { path: shown.clone(), source };
    let tools = Tools::find(major(&manifest.pg_dump_version), &what).await.map_err(failed)?;
    phase("reading the backup");
    let contents = scan(&tools, path, &manifest.references).await.map_err(failed)?;
    let is_set = manifest.sequences == contents.sequences;
    if let Some(what) = manifest.missing_from(&contents).or((!is_set).then(|| "sequences stand elsewhere".to_owned())) {
        return Err(ArchiveError::Incomplete { path: shown, what });
    }
    Ok(Archive { path: path.to_owned(), manifest, contents, tools })
}

/// Refuses what was taken later than now: clocks differ, by less than a day.
fn not_from_the_future(manifest: Manifest) -> Result<Manifest, ManifestError> {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    match manifest.taken_at.parse::<Timestamp>() {
        Ok(taken) if taken.duration_since(Timestamp::now()) > DAY => {
            let taken_at = &manifest.taken_at;
            Err(ManifestError::Malformed(format!("its taken_at, {taken_at:?}, is in the future")))
        }
        _ => Ok(manifest),
    }
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Reads an archive in full: every row of every table. Values that refer to other tables are collected.
pub(crate) async fn scan(tools: &Tools, path: &Path, references: &[Reference]) -> Result<Contents, ProgramError> {
    let mut output = tools.data(path)?;
    let mut contents = Contents { referred: vec![BTreeSet::new(); references.len()], ..Contents::default() };
    let mut table = None;
    // Of the table that is read: the key, and where its columns are.
    let mut keys: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut rows = 0;
    while let Some(item) = output.item(table.is_some()).await? {
        match item {
            Item::Begin(head) => {
                let of_table = references.iter().enumerate().filter(|(_, it)| {
                    (it.schema.as_str(), it.table.as_str()) == (head.table.0.as_str(), head.table.1.as_str())
                });
                let places = |columns: &[String]| -> Option<Vec<usize>> {
                    columns.iter().map(|it| head.columns.iter().position(|column| column == it)).collect()
                };
                keys = of_table.filter_map(|(at, it)| Some((at, places(&it.columns)?))).collect();
                (table, rows) = (Some(head.table), 0);
            }
            Item::Row => {
                rows += 1;
                for (at, places) in &keys {
                    let value = |place: &usize| field(output.line(), *place);
                    // With a null it refers to nothing.
                    let Some(values) = places.iter().map(value).collect::<Option<Vec<String>>>() else { continue };
                    if let Some(referred) = contents.referred.get_mut(*at)
                        && !referred.contains(&values)
                    {
                        referred.insert(values);
                    }
                }
            }
            Item::End => contents.rows.extend(table.take().map(|it| (it, rows))),
            Item::Line(text) => {
                contents.sequences.extend(sequence_set(&text).map(SequenceState::from));
            }
        }
    }
    output.end().await?;
    Ok(contents)
}

/// The entries of an archive that are restored: all but the schema itself, which is there or is created.
pub(crate) async fn entries(tools: &Tools, path: &Path) -> Result<String, ProgramError> {
    let list = tools.list(path).await?;
    let is_schema = |line: &&str| {
        line.starts_with(';') || matches!(entry(line)[..], ["SCHEMA", "-", _] | ["COMMENT", "-", "SCHEMA"])
    };
    Ok(list.lines().filter(|line| !is_schema(line)).fold(String::new(), |all, line| all + line + "\n"))
}

/// What an entry of an archive's list is of: words behind its numbers.
fn entry(line: &str) -> Vec<&str> {
    line.split(' ').skip(3).take(3).collect()
}

/// Entries without row security policies and their comments, and how many policies there are.
pub(crate) fn without_policies(entries: &str) -> (String, usize) {
    let is_policy = |line: &&str| entry(line).first() == Some(&"POLICY");
    let is_kept = |line: &&str| !is_policy(line) && !matches!(entry(line)[..], ["COMMENT", _, "POLICY"]);
    let kept = entries.lines().filter(is_kept).fold(String::new(), |all, line| all + line + "\n");
    (kept, entries.lines().filter(is_policy).count())
}

/// The statements of a section, as one of our sessions takes them.
pub(crate) async fn section(tools: &Tools, path: &Path, entries: &str, name: &str) -> Result<String, ProgramError> {
    Ok(statements(&tools.section(path, name, entries).await?))
}

/// Why restore would refuse to send a statement of an archive.
pub(crate) async fn refusal(tools: &Tools, path: &Path) -> Result<Option<String>, ProgramError> {
    let entries = entries(tools, path).await?;
    for name in ["pre-data", "post-data"] {
        let sql = section(tools, path, &entries, name).await?;
        if let Err(refusal) = guard::check(&sql, &Scope::default()) {
            return Ok(Some(refusal.to_string()));
        }
    }
    Ok(None)
}
