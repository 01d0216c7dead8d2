//! Rows that were rejected: how many by each rule, then the rows themselves, by rule and id.

use std::collections::BTreeMap;

use crate::base::hint::MIGRATE;
use crate::base::text::{plural, thousands, visible};
use crate::migration::groups::RejectionGroup;
use crate::migration::recorded::{ROWS, RecordedGroup, RecordedRejections, RecordedRow};
use crate::migration::run::RejectedField;
use crate::report::document::block::ColumnKind::{Code, Number, Status, Text};
use crate::report::document::block::{Block, Cell, ColumnKind, Group, Grouped, Link, Section, Table, columns, excerpt};
use crate::report::document::sections::decisions::link;
use crate::report::document::words::{QUOTED, rejected, rule_words};

/// Rows that are listed with their values, of all rules together.
const WITH_VALUES: usize = 250;

/// Rules that are listed, and columns of each. The rules and the columns bound them, unless something else writes into
/// the record.
const RULES: usize = 50;

/// What is shown in place of a value.
const HIDDEN: &str = "Values of rejected rows are not shown; `--personal-data` shows them.";

const NONE: &str = "No row was rejected.";

/// The name of the rows in links.
const LISTED: &str = "rejected";

fn new() -> Section {
    Section::new("rejections", "Rows that were rejected")
}

/// The reasons that one rule has given.
#[derive(Default)]
struct Reasons {
    /// By column: how many rows.
    fields: BTreeMap<String, u64>,
    open: u64,
    closed: u64,
    /// Those that are listed, by the row's id.
    rows: Vec<(i64, Vec<Cell>)>,
}

impl Reasons {
    fn count(&self) -> u64 {
        self.open + self.closed
    }

    fn add(&mut self, field: &str, rows: u64, is_open: bool) {
        *self.fields.entry(field.to_owned()).or_default() += rows;
        *(if is_open { &mut self.open } else { &mut self.closed }) += rows;
    }

    /// In which columns, and how many rows in each.
    fn columns(&self) -> String {
        let mut fields: Vec<(&String, &u64)> = self.fields.iter().collect();
        fields.sort_by_key(|(_, rows)| std::cmp::Reverse(**rows));
        let one = |(field, rows): &(&String, &u64)| format!("`{}` {}", plain(&excerpt(field)), thousands(**rows));
        let mut all: Vec<String> = fields.iter().take(RULES).map(one).collect();
        if fields.len() > RULES {
            all.push(format!("and {} more", fields.len() - RULES));
        }
        all.join(", ")
    }
}

/// The reasons by rule, those with the most first.
fn sorted(rules: BTreeMap<String, Reasons>) -> Vec<(String, Reasons)> {
    let mut rules: Vec<(String, Reasons)> = rules.into_iter().collect();
    rules.sort_by_key(|(_, reasons)| std::cmp::Reverse(reasons.count()));
    rules.iter_mut().for_each(|(_, reasons)| reasons.rows.sort_by_key(|(id, _)| *id));
    rules
}

fn place(at: usize) -> String {
    format!("{LISTED}-{}", at + 1)
}

/// Which rules, what each means, how many rows, and what became of them.
fn summary(rules: &[(String, Reasons)], became: impl Fn(&str, &Reasons) -> String) -> Table {
    let heads = [
        ("Rule", Text),
        ("What is wrong", Text),
        ("Rows, by legacy column", Text),
        ("Reasons", Number),
        ("What became of them", Text),
        ("Decision", Text),
    ];
    let mut table = Table::new("Rejected rows by rule, the most frequent first", &heads);
    for (at, (rule, reasons)) in rules.iter().enumerate().take(RULES) {
        table.rows.push(vec![
            Cell::Link(Link { text: title(rule), to: place(at) }),
            rejected(rule).sentence.into(),
            reasons.columns().into(),
            reasons.count().into(),
            became(rule, reasons).into(),
            link(rule).map_or_else(|| "".into(), Cell::Link),
        ]);
    }
    let rest: u64 = rules.iter().skip(RULES).map(|(_, reasons)| reasons.count()).sum();
    if rest > 0 {
        let what = plural((rules.len() - RULES) as u64, "other rule", "other rules");
        table.rows.push(vec![what.into(), "".into(), "".into(), rest.into(), "".into(), "".into()]);
    }
    let all: u64 = rules.iter().map(|(_, reasons)| reasons.count()).sum();
    table.rows.push(vec!["All".into(), "".into(), "".into(), all.into(), "".into(), "".into()]);
    table.total = 1;
    table
}

/// A row for each legacy row and reason that is listed.
fn rows(rules: Vec<(String, Reasons)>, heads: &[(&str, ColumnKind)]) -> Grouped {
    let group = |(at, (rule, reasons)): (usize, (String, Reasons))| {
        let listed = match (reasons.rows.len() as u64, reasons.count()) {
            (shown, of) if shown >= of => plural(of, "reason", "reasons"),
            (shown, of) => format!("{}, of which {} listed", plural(of, "reason", "reasons"), thousands(shown)),
        };
        Group {
            id: place(at),
            title: title(&rule),
            text: format!("{listed}. {}", rejected(&rule).sentence),
            decision: link(&rule),
            rows: reasons.rows.into_iter().map(|(_, cells)| cells).collect(),
        }
    };
    Grouped {
        id: LISTED,
        caption: "Every rejected row, by rule and id".to_owned(),
        columns: columns(heads),
        groups: rules.into_iter().take(RULES).enumerate().map(group).collect(),
    }
}

fn title(rule: &str) -> String {
    plain(&excerpt(&rule_words(rule)))
}

/// How many of the reasons are listed.
fn listed(rules: &[(String, Reasons)]) -> String {
    let total: u64 = rules.iter().map(|(_, reasons)| reasons.count()).sum();
    let shown: u64 = rules.iter().take(RULES).map(|(_, reasons)| reasons.rows.len() as u64).sum();
    let shown = match total.saturating_sub(shown) {
        0 => "all are listed by row".to_owned(),
        left => format!("{} of them are listed by row; {} are not", thousands(shown), thousands(left)),
    };
    format!("All {} reasons are counted here, and {shown}.", thousands(total))
}

/// Rejections on record in the database, open and closed.
pub(crate) fn recorded(found: &Result<RecordedRejections, String>, personal: bool) -> Section {
    let mut section = new();
    let found = match found {
        Err(why) => {
            section.text(format!("The record of rejected rows could not be read: {why}."));
            return section;
        }
        Ok(found) => found,
    };
    if found.groups.is_empty() {
        section.text(NONE);
        return section;
    }
    let accepted = match found.accepted {
        0 => String::new(),
        accepted => format!(", {} of them accepted by an exception", thousands(accepted)),
    };
    let closed = match found.closed {
        0 => String::new(),
        closed => format!(" {} rejected by an earlier run and migrated since.", plural(closed, "row was", "rows were")),
    };
    section.text(format!(
        "{} rejected now{accepted}.{closed} A row can have several reasons and then stands under each of them.",
        plural(found.open, "row is", "rows are")
    ));
    let most = if personal { WITH_VALUES } else { ROWS as usize };
    let each = (most / found.groups.len().max(1)).max(3);
    let mut rules = BTreeMap::<String, Reasons>::new();
    for (at, group) in found.groups.iter().enumerate() {
        let reasons = rules.entry(group.rule.clone()).or_default();
        reasons.add(&group.field, group.rows, group.is_open);
        // So many groups that three of each are too many come from elsewhere.
        if at * each <= most {
            let listed = group.first.iter().take(each).map(|row| (row.source_id, recorded_row(group, row, personal)));
            reasons.rows.extend(listed);
        }
    }
    let rules = sorted(rules);
    section.push(Block::Table(summary(&rules, |rule, reasons| {
        let mut became = Vec::new();
        if reasons.open > 0 {
            became.push(format!("{} open. {}", thousands(reasons.open), rejected(rule).remedy));
        }
        if reasons.closed > 0 {
            became.push(format!("{} closed: a later run found the reason gone.", thousands(reasons.closed)));
        }
        became.join(" ")
    })));
    section.text(format!(
        "{} All of them are in the table `padealing.migration_reject`; `{MIGRATE} --dry-run --rejects FILE` writes \
         those that are open to a file. {}",
        listed(&rules),
        if personal { QUOTED } else { HIDDEN }
    ));
    let mut heads = vec![
        ("Legacy row", Number),
        ("Legacy column", Code),
        ("State", Status),
        ("First rejected by the run of", Text),
        ("Last tried, or closed, by the run of", Text),
    ];
    if personal {
        heads.extend([("Value", Code), ("In the words of the run", Text)]);
    }
    section.push(Block::Grouped(rows(rules, &heads)));
    section
}

fn recorded_row(group: &RecordedGroup, row: &RecordedRow, personal: bool) -> Vec<Cell> {
    let RecordedRow { source_id, value, message, first, last, closed } = row;
    let mut cells: Vec<Cell> = vec![
        source_id.to_string().into(),
        excerpt(&group.field).into(),
        if group.is_open { "open" } else { "closed" }.into(),
        first.as_str().into(),
        closed.as_ref().unwrap_or(last).as_str().into(),
    ];
    if personal {
        cells.push(value.as_deref().map_or("null".to_owned(), |it| visible(&excerpt(it)).into_owned()).into());
        cells.push(plain(&excerpt(message)).into());
    }
    cells
}

/// A text from outside in which backticks are no code.
fn plain(text: &str) -> String {
    text.replace('`', "'")
}

/// What a single run has rejected, of a rehearsal.
pub(crate) fn of_run(
    groups: &[RejectionGroup],
    listed_rows: &[RejectedField],
    total: u64,
    is_expected: bool,
) -> Section {
    let mut section = new();
    if groups.is_empty() {
        section.text(NONE);
        return section;
    }
    section.text(format!(
        "{} rejected. A row can have several reasons and then stands under each of them.{}",
        plural(total, "row was", "rows were"),
        if is_expected { " Exactly the rows were rejected that had to be." } else { "" }
    ));
    let mut rules = BTreeMap::<String, Reasons>::new();
    for group in groups {
        rules.entry(group.rule.to_string()).or_default().add(&group.field, group.rows, true);
    }
    let state = if is_expected { "expected" } else { "open" };
    for RejectedField { source_id, reason, .. } in listed_rows {
        let cells = vec![source_id.to_string().into(), excerpt(&reason.field).into(), state.into()];
        rules.entry(reason.rule.to_string()).or_default().rows.push((*source_id, cells));
    }
    let rules = sorted(rules);
    section.push(Block::Table(summary(&rules, |rule, _| {
        let became = if is_expected { "Left out, as expected." } else { "Left out, and open." };
        format!("{became} {}", rejected(rule).remedy)
    })));
    section.text(format!(
        "{} `--rejects FILE` writes all of them to a file, with their values, which are not shown here.",
        listed(&rules)
    ));
    let heads = [("Legacy row", Number), ("Legacy column", Code), ("State", Status)];
    section.push(Block::Grouped(rows(rules, &heads)));
    section
}
