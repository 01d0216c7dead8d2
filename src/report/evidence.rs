//! Evidence, as people and scripts are shown it.

use crate::migration::evidence::manifest::Roots;
use crate::report::page::Page;

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
