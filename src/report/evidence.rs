//! Evidence, as people and scripts are shown it.

pub mod show;

use crate::checks::check::{Check, verdict};
use crate::config::environment::Environment;
use crate::migration::evidence::manifest::{Manifest, Roots};
use crate::report::checks::{CheckJson, checks_page, conclusion};
use crate::report::layout::Head;
use crate::report::page::{Page, Text};

/// A bundle that was written.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Written {
    /// The folder.
    pub folder: String,
    /// The key that signed the manifest; left out if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_with: Option<String>,
    /// The roots of the rows.
    pub roots: Roots,
}

impl Written {
    pub(crate) fn rows(&self, page: &mut Page) {
        let signed = self.signed_with.as_ref().map(|key| format!(", signed with {key}")).unwrap_or_default();
        page.row("Evidence", format!("{}{signed}", self.folder));
        page.row("Row root", &self.roots.source);
        if self.roots.target != self.roots.source {
            page.row("", format!("{} is what the target gives back", self.roots.target));
        }
    }
}

/// What a folder is worth, as text.
pub(crate) fn check_page(folder: &str, manifest: Option<&Manifest>, checks: &[Check]) -> Page {
    let mut page = Page::default();
    page.row("Evidence", folder);
    if let Some(manifest) = manifest {
        page.row("Written by", format!("{}, environment {}", manifest.program, manifest.environment));
        page.row("Target", format!("{}, PostgreSQL {}", manifest.target.place, manifest.target.server_version));
        let table = manifest.source.table.as_deref().unwrap_or("a CSV file");
        page.row("Source", format!("{table} at {}", manifest.source.place));
    }
    page.row("Checks", "");
    checks_page(&mut page, &checks.iter().collect::<Vec<_>>(), &[]);
    page.row("Verdict", Text::verdict(&conclusion(checks.iter())));
    page
}

/// What `evidence check --format json` prints.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct EvidenceCheckJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// The folder, or the file of a row's proof.
    pub folder: String,
    /// The roots that the manifest claims; null if there is none that can be understood.
    pub roots: Option<Roots>,
    /// Each check with its result.
    pub checks: Vec<CheckJson>,
}

impl EvidenceCheckJson {
    /// What a folder is worth.
    pub fn new(folder: &str, environment: Environment, manifest: Option<&Manifest>, checks: &[Check]) -> Self {
        let head = Head::new("evidence", environment, "", verdict(checks));
        Self {
            head: Head { server_version: manifest.map(|it| it.target.server_version.clone()), ..head },
            folder: folder.to_owned(),
            roots: manifest.map(|it| it.roots.clone()),
            checks: checks.iter().map(CheckJson::new).collect(),
        }
    }
}
