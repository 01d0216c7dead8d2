//! Rows that were rejected: all of them by rule and field, the first of each by id.

use crate::base::hint::MIGRATE;
use crate::base::text::{plural, thousands};
use crate::migration::groups::RejectionGroup;
use crate::migration::recorded::{ROWS, RecordedGroup, RecordedRejections, RecordedRow};
use crate::migration::rejection::Rule;
use crate::migration::run::RejectedField;
use crate::report::document::block::ColumnKind::{Code, Number, Status, Text};
use crate::report::document::block::{Bar, Bars, Block, Group, Section, Table, excerpt};
use crate::report::document::words::{rejected, rows, rule_title};

/// Rows that are listed with their values, of all groups together.
const WITH_VALUES: usize = 250;

/// Groups that are listed. The rules and the columns bound them, unless something else writes into the record.
const GROUPS: usize = 100;

/// What is shown in place of a value.
const HIDDEN: &str = "Values of rejected rows are not shown; `--personal-data` shows them.";

const NONE: &str = "No row was rejected.";

fn new() -> Section {
    Section::new("rejections", "Rows that were rejected")
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
    let bars =
        found.groups.iter().filter(|it| it.is_open).take(GROUPS).map(|it| (rule_title(&it.rule, &it.field), it.rows));
    push_bars(&mut section, bars.collect());
    let most = if personal { WITH_VALUES } else { ROWS as usize };
    let each = (most / found.groups.len().max(1)).max(3);
    let groups: Vec<Group> =
        found.groups.iter().take(GROUPS).map(|group| recorded_group(group, personal, each)).collect();
    let listed: usize = groups.iter().map(|it| it.table.rows.len()).sum();
    let total: u64 = found.groups.iter().map(|it| it.rows).sum();
    section.text(format!(
        "All {} reasons are counted here, and {} listed by row. All of them are in the table \
         `padealing.migration_reject`; `{MIGRATE} --dry-run --rejects FILE` writes those that are open to a file.{}",
        thousands(total),
        match total - (listed as u64).min(total) {
            0 => "all are".to_owned(),
            left => format!("{} of them are; {} are not", thousands(listed as u64), thousands(left)),
        },
        if personal { String::new() } else { format!(" {HIDDEN}") }
    ));
    section.push(Block::Groups { groups });
    if found.groups.len() > GROUPS {
        let more = found.groups.iter().skip(GROUPS).map(|it| it.rows).sum();
        section.text(format!("{} for other reasons not listed.", plural(more, "row is", "rows are")));
    }
    section
}

fn push_bars(section: &mut Section, groups: Vec<(String, u64)>) {
    if groups.len() > 1 {
        let bar = |(label, count): (String, u64)| Bar { label, length: count, text: thousands(count) };
        let caption = "Rejected rows by reason".to_owned();
        section.push(Block::Bars(Bars { caption, bars: groups.into_iter().map(bar).collect() }));
    }
}

fn state(is_open: bool) -> &'static str {
    if is_open { "open" } else { "closed" }
}

fn recorded_group(group: &RecordedGroup, personal: bool, most: usize) -> Group {
    let words = rejected(&group.rule);
    let became = match group.is_open {
        true => format!("What resolves it: {}", words.remedy),
        false => "What became of them: a later run found the reason gone.".to_owned(),
    };
    let mut columns = vec![
        ("Legacy row", Number),
        ("State", Status),
        ("First rejected by the run of", Text),
        ("Last tried, or closed, by the run of", Text),
    ];
    if personal {
        columns.extend([("Value", Code), ("In the words of the run", Text)]);
    }
    let mut table = Table::new(&listed(group.first.len().min(most) as u64, group.rows), &columns);
    for RecordedRow { source_id, value, message, first, last, closed } in group.first.iter().take(most) {
        let until = closed.as_ref().unwrap_or(last);
        let mut row = vec![
            source_id.to_string().into(),
            state(group.is_open).into(),
            first.as_str().into(),
            until.as_str().into(),
        ];
        if personal {
            row.push(value.as_deref().map_or("null".to_owned(), excerpt).into());
            row.push(plain(&excerpt(message)).into());
        }
        table.rows.push(row);
    }
    let mut texts = vec![format!("{} {became}", words.sentence)];
    if personal {
        texts.extend(refusals(&group.rule, group.first.iter().map(|it| &*it.message)));
    }
    Group {
        title: rule_title(&group.rule, &group.field),
        count: format!("{}, {}", rows(group.rows), state(group.is_open)),
        texts,
        table,
    }
}

/// What refused rows is only in the message. A trigger's author may have put values of the row into it.
fn refusals<'m>(rule: &str, messages: impl Iterator<Item = &'m str>) -> Vec<String> {
    if rule != Rule::RefusedByTarget.as_str() {
        return Vec::new();
    }
    let mut distinct: Vec<String> = Vec::new();
    for message in messages.map(|it| plain(&excerpt(it))) {
        if distinct.len() < 20 && !distinct.contains(&message) {
            distinct.push(message);
        }
    }
    distinct
}

/// A text from outside in which backticks are no code.
fn plain(text: &str) -> String {
    text.replace('`', "'")
}

fn listed(shown: u64, of: u64) -> String {
    match shown {
        _ if shown >= of => "All of them, by id".to_owned(),
        _ => format!("The first {} of {}, by id", thousands(shown), thousands(of)),
    }
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
        "{} rejected. A row can have several reasons and then stands under each of them. `--rejects FILE` writes all \
         of them to a file, with their values, which are not shown here.{}",
        plural(total, "row was", "rows were"),
        if is_expected { " Exactly the rows were rejected that had to be." } else { "" }
    ));
    push_bars(&mut section, groups.iter().map(|it| (rule_title(it.rule.as_str(), &it.field), it.rows)).collect());
    let state = if is_expected { "expected" } else { "open" };
    let group = |group: &RejectionGroup| {
        let of = |it: &&RejectedField| it.reason.rule == group.rule && it.reason.field == group.field;
        let ids: Vec<i64> = listed_rows.iter().filter(of).map(|it| it.source_id).collect();
        let mut table = Table::new(&listed(ids.len() as u64, group.rows), &[("Legacy row", Number), ("State", Status)]);
        table.rows = ids.iter().map(|id| vec![id.to_string().into(), state.into()]).collect();
        let words = rejected(group.rule.as_str());
        let texts = vec![format!("{} What resolves it: {}", words.sentence, words.remedy)];
        Group { title: rule_title(group.rule.as_str(), &group.field), count: rows(group.rows), texts, table }
    };
    section.push(Block::Groups { groups: groups.iter().map(group).collect() });
    section
}
