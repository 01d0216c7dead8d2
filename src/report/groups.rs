//! Rejections and differences in groups: how many of each kind, with a few examples.

use crate::base::text::{plural, thousands};
use crate::migration::causes::{self, DifferenceGroups};
use crate::migration::difference::{ALIKE, is_alike};
use crate::migration::groups::{self, RejectionGroup};
use crate::migration::rejection::Rule;
use crate::migration::run::MigrateReport;
use crate::migration::target::SOURCE_TABLE;
use crate::report::page::Page;

/// Examples that a page shows of all groups together, if there are few groups; of each group it shows one at least.
const SHOWN: usize = 24;

/// Where a command lists every rejection, for those that its page leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AllRejections<'a> {
    /// In the file that `--rejects` has named.
    File(&'a str),
    /// In the table of rejections, and on request in a file.
    Table,
    /// On request in a file.
    OnRequest,
}

impl AllRejections<'_> {
    fn sentence(self) -> String {
        match self {
            Self::File(name) => format!("all of them are in {name}"),
            Self::Table => {
                "all of them are in padealing.migration_reject; --rejects FILE writes them to a file".to_owned()
            }
            Self::OnRequest => "--rejects FILE writes all of them to a file".to_owned(),
        }
    }
}

fn examples(groups: usize, most: usize) -> usize {
    (SHOWN / groups.max(1)).clamp(1, most)
}

/// Adds the rejected rows by rule and field, the most frequent first.
pub(crate) fn rejections(page: &mut Page, report: &MigrateReport, all: AllRejections<'_>) {
    let kinds = report.groups.largest_first();
    if kinds.is_empty() {
        return;
    }
    let without_id = report.counts.without_id;
    let mut rows = plural(report.counts.rejected, "row", "rows");
    if without_id > 0 {
        rows += &format!(", of which {} no id and no reason below", plural(without_id, "has", "have"));
    }
    let reasons: u64 = kinds.iter().map(|group| group.rows).sum();
    page.row(
        "Rejected",
        match reasons + without_id == report.counts.rejected {
            true => format!("{rows}, by rule and field"),
            false => {
                format!(
                    "{rows} for {}, by rule and field; a row can have several",
                    plural(reasons, "reason", "reasons")
                )
            }
        },
    );
    let counts: Vec<String> = kinds.iter().map(|group| thousands(group.rows)).collect();
    let width = counts.iter().map(String::len).max().unwrap_or_default();
    let shown = examples(kinds.len(), groups::EXAMPLES);
    let mut is_whole = true;
    for (group, count) in kinds.iter().zip(counts) {
        page.beside(2, width + 2, format!("{count:>width$}"), format!("{} in {}", group.rule, group.field));
        let lines = examples_of(group, shown);
        is_whole &= lines.len() as u64 == group.rows && lines.iter().all(|it| it.is_one);
        lines.into_iter().for_each(|line| page.paragraph(width + 4, line.text));
    }
    if !is_whole || matches!(all, AllRejections::File(_)) {
        page.paragraph(2, all.sentence());
    }
}

/// A line about rows of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// Whether it is about one row, and names it.
    pub is_one: bool,
}

/// The lines about a group: so many examples, each with the number of rows like it, and how many rows are left. The
/// numbers add up to the group's.
pub fn examples_of(group: &RejectionGroup, most: usize) -> Vec<Line> {
    // What refuses rows is said by the examples only.
    let most = if group.rule == Rule::RefusedByTarget { group.examples.len() } else { most };
    let (mut rest, mut lines) = (group.rows, Vec::new());
    for example in group.examples.iter().take(most) {
        let more = match example.rows {
            1 => String::new(),
            rows => format!(" (and {} like it)", plural(rows - 1, "row", "rows")),
        };
        rest -= example.rows;
        let text = format!("id {}: {}{more}", example.source_id, example.message);
        lines.push(Line { text, is_one: example.rows == 1 });
    }
    if rest > 0 {
        lines.push(Line { text: format!("… and {}", plural(rest, "other row", "other rows")), is_one: false });
    }
    lines
}

/// Adds the differences by target, field and cause, the most frequent first.
pub(crate) fn differences(page: &mut Page, groups: &DifferenceGroups) {
    let groups = groups.largest_first();
    let shown = |text: &Option<String>| text.as_ref().map_or("null".to_owned(), |it| format!("'{it}'"));
    let counts: Vec<String> = groups.iter().map(|group| thousands(group.count)).collect();
    let width = counts.iter().map(String::len).max().unwrap_or_default();
    let most = examples(groups.len(), causes::EXAMPLES);
    for (group, count) in groups.iter().zip(counts) {
        // A legacy column is what padealing gives back for it.
        let given_back = if group.target == SOURCE_TABLE && group.field != "id" { ", given back" } else { "" };
        let what = format!("{}.{}{given_back}: {}", group.target, group.field, group.pattern);
        page.beside(2, width + 2, format!("{count:>width$}"), what);
        for example in group.examples.iter().take(most) {
            let (expected, actual) = (shown(&example.expected), shown(&example.actual));
            let alike =
                if is_alike(&example.expected, &example.actual) { format!(" ({ALIKE})") } else { String::new() };
            page.paragraph(width + 4, format!("id {}: {actual}, expected {expected}{alike}", example.source_id));
        }
        let rest = group.count - group.examples.len().min(most) as u64;
        if rest > 0 {
            page.paragraph(width + 4, format!("… and {} more", thousands(rest)));
        }
    }
}
