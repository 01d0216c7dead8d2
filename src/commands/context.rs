//! What a command works with: the configuration, its databases, the printer.

use std::path::{Path, PathBuf};

use crate::base::file::{PendingFile, reason};
use crate::base::input::read_within;
use crate::commands::csv::{CsvFlags, LegacyRows};
use crate::commands::ended::Failure;
use crate::commands::printer::{Printer, print_message};
use crate::commands::progress;
use crate::config::mask::mask_path;
use crate::config::settings::{Config, Endpoint};
use crate::migration::csv::summary::CsvSummary;
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::database::Database;
use crate::report::backup::backed_up_notes;
use crate::report::layout::Databases;
use crate::schema::pg::backup::{BackupFiles, BackupRequest, backup};
use crate::schema::pg::request;

/// How many sessions a command has open at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtOnce {
    /// With the target.
    pub(crate) target: usize,
    /// With the database of the legacy rows.
    pub(crate) source: usize,
    /// How many fewer there may be, with fewer --jobs.
    pub(crate) spare: usize,
}

impl AtOnce {
    /// So many, whatever the flags.
    pub(crate) const fn fixed(target: usize, source: usize) -> Self {
        Self { target, source, spare: 0 }
    }
}

/// Sessions of a backup: one that holds the snapshot, pg_dump's, and one that counts.
pub(crate) const BACKUP_AT_ONCE: usize = 3;

/// What a command works with.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) printer: Printer,
    /// The flags about a CSV file.
    pub(crate) csv: CsvFlags,
}

impl Context {
    /// A database as the configuration reaches it.
    pub(crate) fn database(&self, endpoint: &Endpoint) -> Result<Database, Failure> {
        Ok(self.noting(Database::new(endpoint, self.config.environment, &self.config.transport)?))
    }

    /// Says while it waits what it waits for.
    fn noting(&self, database: Database) -> Database {
        if self.printer.quiet { database } else { database.noting(print_message, progress::phase, progress::wait) }
    }

    /// The target.
    pub(crate) fn target(&self) -> Result<Database, Failure> {
        Ok(self.database(self.config.target()?)?.with_roles(&self.config.roles))
    }

    /// The target, and the source: another database, or the same.
    pub(crate) fn databases(&self) -> Result<(Database, Database), Failure> {
        let target = self.target()?;
        let source = self.config.source.as_ref().map_or_else(|| Ok(target.clone()), |it| self.another(it, &target))?;
        Ok((target, source.in_timezone(self.config.source_timezone.clone())))
    }

    /// The target, and the legacy rows: in a database, or in a file, which is read for the first time.
    pub(crate) async fn target_and_rows(&self, at_once: AtOnce) -> Result<(Database, LegacyRows), Failure> {
        if let Some(csv) = self.csv.prove().await? {
            return Ok((self.target()?.for_sessions(at_once.target).with_spare(at_once.spare), LegacyRows::Csv(csv)));
        }
        let (target, source) = self.databases()?;
        let (of_target, of_source) = match self.config.source {
            Some(_) => (at_once.target, at_once.source),
            None => (at_once.target + at_once.source, at_once.target + at_once.source),
        };
        let source = LegacyRows::Database(Box::new(source.for_sessions(of_source).with_spare(at_once.spare)));
        Ok((target.for_sessions(of_target).with_spare(at_once.spare), source))
    }

    /// The target, the source and the legacy table, as reports name them.
    pub(crate) fn between(&self, target: &Database, rows: &LegacyRows) -> Databases {
        let (table, csv) = match rows {
            LegacyRows::Database(_) => (self.config.legacy_table.to_string(), None),
            LegacyRows::Csv(csv) => (SOURCE_TABLE.to_owned(), Some(CsvSummary::from(&**csv))),
        };
        let environment = self.config.environment;
        Databases { target: target.place(), source: rows.place(), table, environment, csv }
    }

    /// Another database than the target.
    pub(crate) fn another(&self, endpoint: &Endpoint, target: &Database) -> Result<Database, Failure> {
        let database = Database::another(endpoint, self.config.environment, &self.config.transport, Some(target))?;
        Ok(self.noting(database))
    }

    /// What commands that are about the schema's revisions work on.
    pub(crate) fn schema_request<'a>(
        &'a self,
        target: &'a Database,
        to: Option<&'a str>,
    ) -> request::ChangeRequest<'a> {
        let request = request::ChangeRequest::new(target, self.config.environment, &self.config.roles);
        request::ChangeRequest { legacy: Some(&self.config.legacy_table), to, ..request }
    }

    /// The files of `--backup`, if it is given.
    pub(crate) fn backup_files(path: Option<&Path>) -> Result<Option<BackupFiles>, Failure> {
        let Some(path) = path else { return Ok(None) };
        let files = BackupFiles::create(path)?;
        refuse_stdout("--backup", files.archive())?;
        Ok(Some(files))
    }

    /// What a backup is taken of.
    pub(crate) fn backup_request<'a>(&'a self, target: &'a Database) -> BackupRequest<'a> {
        let Config { environment, roles, legacy_table, .. } = &self.config;
        BackupRequest { database: target, environment: *environment, roles, legacy: Some(legacy_table) }
    }

    /// Backs up what is about to change, if that is wanted. Nothing is changed unless it is good. Gives back why none
    /// was taken though it was wanted.
    pub(crate) async fn back_up(
        &self,
        target: &Database,
        files: Option<BackupFiles>,
    ) -> Result<Option<&'static str>, Failure> {
        let Some(files) = files else { return Ok(None) };
        progress::phase("backing up");
        let (name, has_manifest) = (files.archive().path().display().to_string(), files.has_manifest());
        match backup(&self.backup_request(target), files).await? {
            None => {
                self.printer.note(NOTHING_YET);
                return Ok(Some(NOTHING_YET));
            }
            Some(done) => backed_up_notes(&done, &name, has_manifest).iter().for_each(|it| self.printer.note(it)),
        }
        Ok(None)
    }
}

/// Why `--backup` takes none before the first `apply`.
const NOTHING_YET: &str = "there is nothing to back up yet";

/// Starts the file of a flag, if it is given, of a command whose result is printed besides: the two must not mix. Such files
/// have values of rows, or could: they are their owner's only.
pub(crate) fn beside_result(flag: &str, path: Option<&Path>) -> Result<Option<PendingFile>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let file = PendingFile::create(path)?.private();
    refuse_stdout(flag, &file)?;
    Ok(Some(file))
}

fn refuse_stdout(flag: &str, file: &PendingFile) -> Result<(), Failure> {
    if file.is_stdout() {
        let path = file.path().display();
        return Err(format!("{flag} {path} is the standard output, which gets the result; name another file").into());
    }
    Ok(())
}

/// Puts a complete file in its place. The reader of a pipe may take its time: what waits for it can be interrupted.
pub(crate) async fn finish(file: PendingFile) -> Result<(), Failure> {
    Ok(tokio::task::spawn_blocking(|| file.finish()).await??)
}

/// The same for a file of which nothing is written yet.
pub(crate) async fn save(file: PendingFile, text: String) -> Result<(), Failure> {
    Ok(tokio::task::spawn_blocking(move || file.save(&text)).await??)
}

/// More than the catalog of any database has.
const LIMIT: usize = 64 << 20;

/// A file's text, or a sentence that names the file. `-` is the standard input, as elsewhere.
pub(crate) async fn read(path: &Path) -> Result<String, Failure> {
    let file = if path == Path::new("-") { PathBuf::from("/dev/stdin") } else { path.to_owned() };
    let read = tokio::task::spawn_blocking(move || read_within(&file, LIMIT)).await?;
    let bytes = read.map_err(|error| {
        format!("{} can't be read: {}; check the path", mask_path(path), reason(&error, "the file doesn't exist"))
    })?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()).into())
}
