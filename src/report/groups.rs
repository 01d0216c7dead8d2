//! Rejections and differences in groups: how many of each kind, with a few examples.

use crate::base::text::{plural, thousands};
use crate::migration::causes::{self, DifferenceGroups};
use crate::migration::groups;
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
    let rows = plural(report.counts.rejected, "row", "rows");
    page.row("Rejected", format!("{rows}, by rule and field; a row with several reasons is counted for each"));
    let counts: Vec<String> = kinds.iter().map(|group| thousands(group.rows)).collect();
    let width = counts.iter().map(String::len).max().unwrap_or_default();
    let shown = examples(kinds.len(), groups::EXAMPLES);
    let (mut reasons, mut printed) = (0, 0);
    for (group, count) in kinds.iter().zip(counts) {
        page.beside(2, width + 2, format!("{count:>width$}"), format!("{} in {}", group.rule, group.field));
        let mut rest = group.rows;
        reasons += rest;
        // What refuses rows is said by the examples only.
        let shown = if group.rule == Rule::RefusedByTarget { group.examples.len() } else { shown };
        for example in group.examples.iter().take(shown) {
            let more = match example.rows {
                1 => String::new(),
                rows => format!(" (and {} like it)", plural(rows - 1, "row", "rows")),
            };
            (rest, printed) = (rest - example.rows, printed + 1);
            page.paragraph(width + 4, format!("id {}: {}{more}", example.source_id, example.message));
        }
        if rest > 0 {
            page.paragraph(width + 4, format!("… and {}", plural(rest, "other row", "other rows")));
        }
    }
    if reasons > printed || matches!(all, AllRejections::File(_)) {
        page.paragraph(2, all.sentence());
    }
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
            page.paragraph(width + 4, format!("id {}: {actual}, expected {expected}", example.source_id));
        }
        if group.count > most as u64 {
            page.paragraph(width + 4, format!("… and {} more", thousands(group.count - most as u64)));
        }
    }
}
