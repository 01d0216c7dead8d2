//! What a command works with: the configuration, its databases, the printer.

use std::path::Path;

use crate::base::file::reason;
use crate::commands::ended::Failure;
use crate::commands::printer::{Printer, print_message};
use crate::config::settings::{Config, Endpoint};
use crate::postgres::backup;
use crate::postgres::database::Database;
use crate::schema::pg::request;
use crate::schema::plan::outcome::Found;

/// What a command works with.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) printer: Printer,
}

impl Context {
    /// A database as the configuration reaches it.
    pub(crate) fn database(&self, endpoint: &Endpoint) -> Result<Database, Failure> {
        let database = Database::new(endpoint, self.config.environment, &self.config.transport)?;
        Ok(if self.printer.quiet { database } else { database.noting(print_message) })
    }

    /// The target.
    pub(crate) fn target(&self) -> Result<Database, Failure> {
        self.database(self.config.target()?)
    }

    /// The target, and the source: another database, or the same.
    pub(crate) fn databases(&self) -> Result<(Database, Database), Failure> {
        let target = self.target()?;
        let source = self.config.source.as_ref().map_or_else(|| Ok(target.clone()), |it| self.database(it))?;
        Ok((target, source))
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

    /// Backs up what is about to change, if that is wanted.
    pub(crate) async fn back_up(&self, target: &Database, found: &Found, path: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = path else { return Ok(()) };
        match &found.backup_patterns()[..] {
            [] => self.printer.note("there is nothing to back up yet"),
            patterns => {
                backup::backup(target, patterns, path).await?;
                self.printer.note(&format!("backed up to {}", path.display()));
            }
        }
        Ok(())
    }
}

/// A file's text, or a sentence that names the file.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        format!("{} can't be read: {}; check the path", path.display(), reason(error.kind(), "the file doesn't exist"))
    };
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()).into())
}
