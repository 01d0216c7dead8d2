//! How far the rows are, and the file of rejections.

use std::path::{Path, PathBuf};

use crate::base::file::PendingFile;
use crate::commands::context::{beside_result, finish};
use crate::commands::ended::Failure;
use crate::commands::printer::Printer;
use crate::commands::progress::{phase, rows};
use crate::migration::rejection::Rejection;
use crate::migration::run::{Observer, Progress};
use crate::report::rejects;

#[cfg(feature = "harness")]
use crate::harness::rehearse::Watcher;
#[cfg(feature = "harness")]
use crate::harness::server::lease::Server;

/// Shows how far the rows are, and keeps the file of rejections.
pub(crate) struct Screen<'a> {
    printer: &'a Printer,
    rejects: Option<PendingFile>,
}

/// Reads the name of a file of rejections.
pub(crate) fn parse_rejects(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|it| it.to_str()) {
        Some("jsonl" | "csv") => Ok(path),
        _ => Err("the file's name must end in .jsonl or .csv".to_owned()),
    }
}

/// The file of rejections as texts name it.
pub(crate) fn named(file: &Option<PathBuf>) -> Option<String> {
    file.as_ref().map(|it| it.display().to_string())
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}

impl<'a> Screen<'a> {
    pub(crate) fn new(printer: &'a Printer, rejects: Option<&Path>) -> Result<Self, Failure> {
        let mut rejects = beside_result("--rejects", rejects)?;
        if let Some(file) = &mut rejects
            && is_csv(file.path())
        {
            file.write(rejects::REJECTS_CSV_HEAD)?;
        }
        Ok(Self { printer, rejects })
    }

    /// A phase begins.
    pub(crate) fn begin(&mut self, name: &str) {
        self.printer.detail(&format!("{name} …"));
        phase(name);
    }

    /// Puts the file of rejections in its place. Until then an earlier one stays as it was.
    pub(crate) async fn keep_rejects(&mut self) -> Result<(), Failure> {
        match self.rejects.take() {
            Some(file) => finish(file).await,
            None => Ok(()),
        }
    }
}

#[cfg(feature = "harness")]
impl Watcher for Screen<'_> {
    fn server(&mut self, server: &Server, connect: &str) {
        self.printer.detail(&format!("server: {}; connect with {connect}", server.line()));
    }

    fn phase(&mut self, name: &'static str) {
        self.begin(match name {
            "server" => "starting a server",
            "prepare" => "preparing the database",
            "plan" => "planning",
            "apply" => "applying",
            "migrate" => "migrating",
            "verify" => "verifying",
            "drift" => "comparing the schemas",
            "integrity" => "checking the rows",
            "plant" => "planting faults",
            other => other,
        });
    }
}

impl Observer for Screen<'_> {
    fn progress(&mut self, progress: Progress) {
        rows(progress);
    }

    fn rejected(&mut self, rejection: &Rejection) -> std::io::Result<()> {
        let Some(file) = &mut self.rejects else { return Ok(()) };
        let lines =
            if is_csv(file.path()) { rejects::rejects_csv(rejection) } else { rejects::rejects_jsonl(rejection) };
        file.write(&lines)
    }
}
