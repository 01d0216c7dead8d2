//! One row's evidence: the legacy row, what it became, by which decisions, and what leads to the root.

use std::collections::BTreeMap;

use crate::base::outcome::Verdict;
use crate::base::text::visible;
use crate::migration::difference::{ALIKE, Difference, is_alike};
use crate::migration::evidence::decisions::{Decided, decisions};
use crate::migration::evidence::entry::{Entry, Rejected};
use crate::migration::evidence::one_row::OneRow;
use crate::migration::evidence::tree::{Hash, Path};
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::Role;
use crate::migration::text::Text as Value;
use crate::report::layout::{Databases, Head};
use crate::report::page::{Page, Text};

/// A row that is shown.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) id: i64,
    pub(crate) one: &'a OneRow,
    pub(crate) entry: &'a Entry,
    pub(crate) path: &'a Path,
    pub(crate) root: Hash,
    /// What is not what it was when the evidence was written.
    pub(crate) changed: Option<&'static str>,
}

/// A row of the target, by its role.
struct TargetRow<'a> {
    role: String,
    cells: &'a Cells,
}

/// A text of which nobody misses a part.
fn shown(text: Value<'_>) -> String {
    visible(&text.excerpt()).into_owned()
}

/// The rows that lineage names, the request first.
fn target_rows(stored: &Stored) -> Vec<TargetRow<'_>> {
    let of = |role: Role| Some(TargetRow { role: role.as_str().to_owned(), cells: stored.row(role)? });
    Role::ALL.iter().filter_map(|role| of(*role)).collect()
}

impl Shown<'_> {
    fn decisions(&self) -> Vec<Decided> {
        match (&self.one.row, &self.one.stored) {
            (Some(row), Some(stored)) if stored.lineage_id(Role::Request).is_some() => decisions(self.id, row, stored),
            _ => Vec::new(),
        }
    }

    /// What `compliance_assessment` keeps of the legacy row.
    fn kept(&self, role: &str) -> impl Iterator<Item = (&str, Option<Value<'_>>)> {
        let stored = self.one.stored.iter().filter(move |_| role == Role::Request.as_str());
        stored.flat_map(|stored| stored.assessment.legacy.iter())
    }

    fn targets(&self) -> Vec<TargetRow<'_>> {
        self.one.stored.as_ref().map(target_rows).unwrap_or_default()
    }

    fn verdict(&self) -> Verdict {
        Verdict::clean_if(self.one.differences.is_empty() && self.changed.is_none())
    }

    /// The text for people.
    pub(crate) fn page(&self, databases: &Databases) -> Page {
        let mut page = Page::default();
        databases.rows(&mut page, &self.one.server_version);
        page.row("Legacy row", format!("{}, {}", self.id, self.entry.state().as_str()));
        for (name, text) in self.one.row.iter().flat_map(|row| row.columns()) {
            if let Some(text) = text {
                page.beside(2, 34, name.to_owned(), shown(text));
            }
        }
        page.paragraph(2, "every other column is null");
        for TargetRow { role, cells } in self.targets() {
            page.row("Became", role.clone());
            for (name, value) in cells.iter() {
                page.beside(2, 34, name.to_owned(), shown(value));
            }
            for (name, value) in self.kept(&role) {
                page.beside(2, 34, format!("legacy {name}"), value.map_or("null".to_owned(), shown));
            }
        }
        for Rejected { field, rule, message, .. } in &self.one.rejected {
            page.row("Rejected", format!("{rule} in {field}: {}", message.as_deref().unwrap_or_default()));
        }
        for Decided { decision, title, text } in self.decisions() {
            page.row(decision, format!("{title}: {text}"));
        }
        for difference in &self.one.differences {
            let Difference { target, field, expected, actual, .. } = difference;
            let shown =
                |text: &Option<String>| text.as_deref().map_or("null".to_owned(), |it| visible(it).into_owned());
            let alike = if is_alike(expected, actual) { format!(" ({ALIKE})") } else { String::new() };
            let what = format!("{target} {field}: expected {}, found {}{alike}", shown(expected), shown(actual));
            page.row("Differs", what);
        }
        page.row("Row hash", self.entry.source.to_string());
        let levels = self.path.levels.iter().filter(|(children, _)| children.len() > 1);
        let levels: Vec<String> =
            levels.map(|(nodes, place)| format!("hash {} of {}", place + 1, nodes.len())).collect();
        page.row("Path", levels.join(", then "));
        page.row("Row root", self.root.to_string());
        page.row("Verdict", Text::verdict(&self.judgement()));
        page
    }

    fn judgement(&self) -> String {
        match (self.changed, self.one.differences.len()) {
            (Some(what), _) => {
                format!(
                    "ATTENTION: {what} is not what it was when the evidence was written, so nothing leads to the root"
                )
            }
            (None, 0) if self.one.rejected.is_empty() => {
                "CLEAN: the row is one of those under the root, and what is stored is what it gives".to_owned()
            }
            (None, 0) => {
                "CLEAN: the row is one of those under the root, with the reasons for which it is rejected".to_owned()
            }
            (None, _) => "ATTENTION: what is stored is not what the legacy row gives".to_owned(),
        }
    }
}

/// What `evidence show --format json` prints.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct ShownJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// The legacy row's id.
    pub source_id: i64,
    /// `migrated`, `rejected` or `pending`.
    pub state: &'static str,
    /// The legacy row: each column's text, cut after 4,000 characters.
    pub legacy: BTreeMap<String, Option<String>>,
    /// What it became: the rows by their role in lineage, each column as text.
    pub target: BTreeMap<String, BTreeMap<&'static str, Option<String>>>,
    /// Why it is rejected.
    pub rejections: Vec<ReasonJson>,
    /// The decisions that show in it.
    pub decisions: Vec<Decided>,
    /// What the verification finds.
    pub differences: Vec<Difference>,
    /// The hash of the legacy row.
    pub row_hash: String,
    /// From the leaf to the root: the hashes of a node's children, and which of them it is, from 0.
    pub path: Vec<Level>,
    /// The root of the legacy rows.
    pub root: String,
    /// Whether the row is what it was when the evidence was written.
    pub is_under_root: bool,
}

/// A reason for which a row is rejected.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct ReasonJson {
    /// The legacy column.
    pub field: String,
    /// The rule.
    pub rule: String,
    /// The sentence about it.
    pub message: Option<String>,
}

/// A level of a path.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Level {
    /// The hashes of the children.
    pub children: Vec<String>,
    /// Which of them leads to the row, from 0.
    pub place: usize,
}

impl ShownJson {
    /// A row's evidence.
    pub(crate) fn new(shown: &Shown<'_>, databases: &Databases) -> Self {
        let Shown { id, one, entry, path, root, .. } = shown;
        let legacy = one.row.iter().flat_map(|row| row.columns());
        let columns =
            |cells: &Cells| cells.names().iter().map(|name| (*name, cells.get(name).map(Value::record))).collect();
        let reason =
            |it: &Rejected| ReasonJson { field: it.field.clone(), rule: it.rule.clone(), message: it.message.clone() };
        Self {
            head: Head::new("evidence", databases.environment, &one.server_version, shown.verdict()),
            source_id: *id,
            state: entry.state().as_str(),
            legacy: legacy.map(|(name, text)| (name.to_owned(), text.map(Value::record))).collect(),
            target: shown.targets().into_iter().map(|row| (row.role, columns(row.cells))).collect(),
            rejections: one.rejected.iter().map(reason).collect(),
            decisions: shown.decisions(),
            differences: one.differences.clone(),
            row_hash: entry.source.to_string(),
            path: path
                .levels
                .iter()
                .map(|(children, place)| Level {
                    children: children.iter().map(ToString::to_string).collect(),
                    place: *place,
                })
                .collect(),
            root: root.to_string(),
            is_under_root: shown.changed.is_none(),
        }
    }
}
