//! What a reviewer asks first: which locks, how much is rewritten and how long that takes, what can't be undone.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::text::{list, plural};
use crate::report::page::{COLUMN, Page};
use crate::report::plan::Planned;
use crate::schema::plan::step::{Action, Decision, Hazard, HazardKind, LockMode, Size};

/// Bytes that are written or read in a second, for a first idea of how long a step takes: what two cores and a
/// network disk do. It is too rough to schedule a maintenance window by.
const WRITTEN: i64 = 40 << 20;
const READ: i64 = 200 << 20;

/// Objects of one kind of change that are named.
const NAMED: usize = 5;
/// Objects that are named where there is room for few.
const FEW: usize = 3;

/// What is smaller takes no time.
const SMALL: i64 = 1 << 20;

impl Planned<'_> {
    /// The hazards of all steps. A table that the plan itself creates is nobody's yet.
    fn hazards(&self) -> Vec<&Hazard> {
        let is_new = |table: &str| {
            let name = table.split_once('.').map_or(table, |(_, name)| name);
            self.plan().tables.get(name) == Some(&Decision::Create)
        };
        let hazards = self.plan().steps.iter().flat_map(|step| &step.hazards);
        hazards.filter(|hazard| hazard.kind == HazardKind::Overwrite || !is_new(&hazard.table)).collect()
    }

    pub(super) fn effects(&self, page: &mut Page) {
        let hazards = self.hazards();
        self.changes(page);
        locks(page, &hazards);
        self.effort(page, &hazards);
        let undone = hazards.iter().filter(|hazard| hazard.kind == HazardKind::NotUndone);
        let undone: BTreeSet<&str> = undone.map(|hazard| hazard.table.as_str()).collect();
        if !undone.is_empty() {
            page.heading("Revert won't restore old column types in");
            page.labelled(4, "", list(undone));
        }
        let warnings = warnings(hazards.iter().copied());
        if !warnings.is_empty() {
            page.heading("Warnings");
        }
        warnings.iter().for_each(|warning| page.labelled(2, "", warning));
    }

    /// What the steps do, and to which objects, in their order. A revision is named by the method.
    fn actions(&self) -> Vec<(String, Vec<&str>)> {
        let mut actions: Vec<(String, Vec<&str>)> = Vec::new();
        for step in &self.plan().steps {
            let Some(verb) = verb(step.action) else { continue };
            let at = actions.iter().position(|(known, _)| *known == verb).unwrap_or_else(|| {
                actions.push((verb, Vec::new()));
                actions.len() - 1
            });
            let objects = &mut actions[at].1;
            if !objects.contains(&&*step.object) {
                objects.push(&step.object);
            }
        }
        actions
    }

    fn changes(&self, page: &mut Page) {
        let actions = self.actions();
        if !actions.is_empty() {
            page.heading("Changes");
        }
        let column = actions.iter().map(|(verb, _)| verb.len() + 2).max().unwrap_or(0).max(COLUMN);
        for (verb, objects) in actions {
            let named = list(objects.iter().take(NAMED));
            let text = match objects.len().saturating_sub(NAMED) {
                0 => named,
                more => format!("{named}, and {more} more"),
            };
            page.beside(2, column, verb, text);
        }
    }

    /// What is agreed to, on the last lines before the question: where, how much, what it blocks, how long it takes.
    pub fn summary_page(&self) -> Page {
        let mut page = Page::default();
        let hazards = self.hazards();
        page.blank();
        page.address("Target", self.place);
        page.row("Server", format!("PostgreSQL {}, environment {}", self.found.server_version, self.environment));
        let steps = plural(self.plan().steps.len() as u64, "step", "steps");
        let mirror = if self.found.makes_mirror { ", and the reference mirror" } else { "" };
        let changed = self.plan().tables.values().filter(|decision| **decision != Decision::Use).count();
        let tables = plural(changed as u64, "table", "tables");
        let actions = self.actions();
        let few = match &actions[..] {
            [(verb, objects)] if objects.len() <= FEW => format!(" ({verb} {})", list(objects)),
            _ => String::new(),
        };
        page.row("Steps", format!("{steps} on {tables}{few}{mirror}, in one transaction"));
        let mut blocked = Vec::new();
        let strongest = strongest(&hazards);
        for (locks, what) in [
            (&[LockMode::AccessExclusive][..], "reads and writes"),
            (&[LockMode::ShareRowExclusive, LockMode::Share], "writes"),
        ] {
            let held = strongest.iter().filter(|(_, held)| locks.contains(held));
            let held: Vec<&str> = held.map(|(table, _)| *table).collect();
            match held.len() {
                0 => {}
                1..=FEW => blocked.push(format!("{what} of {}", list(held))),
                count => blocked.push(format!("{what} of {}", plural(count as u64, "table", "tables"))),
            }
        }
        page.row("Blocks", if blocked.is_empty() { "nothing".to_owned() } else { blocked.join(", ") });
        page.row("Takes", format!("{}, once it has its locks", self.efforts(&hazards).1));
        let warnings = warnings(hazards.iter().copied());
        warnings.iter().take(FEW).for_each(|warning| page.row("Warning", warning));
        if let more @ 1.. = warnings.len().saturating_sub(FEW) {
            page.row("", format!("and {} above", plural(more as u64, "other warning", "other warnings")));
        }
        page
    }

    fn effort(&self, page: &mut Page, hazards: &[&Hazard]) {
        let (lines, roughly) = self.efforts(hazards);
        if lines.is_empty() {
            return;
        }
        page.heading("Effort");
        for (label, text) in lines {
            page.labelled(2, label, text);
        }
        let text = format!("{roughly}, at {} MiB a second written and {} read", WRITTEN >> 20, READ >> 20);
        page.labelled(2, "roughly", text);
    }

    /// What is written and read, and roughly how long that takes.
    fn efforts(&self, hazards: &[&Hazard]) -> (Vec<(&'static str, String)>, String) {
        let efforts: [(&'static str, HazardKind, i64); 3] = [
            ("rewritten", HazardKind::Rewrite, WRITTEN),
            ("indexed", HazardKind::IndexBuild, READ / 2),
            ("scanned", HazardKind::Scan, READ),
        ];
        let mut lines = Vec::new();
        let mut seconds = 0.0;
        for (label, kind, rate) in efforts {
            let mut times: BTreeMap<&str, usize> = BTreeMap::new();
            for hazard in hazards.iter().filter(|hazard| hazard.kind == kind) {
                *times.entry(&hazard.table).or_default() += 1;
            }
            if times.is_empty() {
                continue;
            }
            let mut each = Vec::new();
            let mut small = 0;
            for (table, times) in times {
                let size: Size = self.found.size(table).unwrap_or_default();
                seconds += times as f64 * size.bytes as f64 / rate as f64;
                match (size.bytes >= SMALL, times) {
                    (false, _) => small += 1,
                    (true, 1) => each.push(format!("{table} ({size})")),
                    (true, _) => each.push(format!("{table} ({times} times; {size})")),
                }
            }
            if small > 0 {
                each.push(format!("{} under 1 MiB", plural(small, "table", "tables")));
            }
            lines.push((label, each.join(", ")));
        }
        let roughly = match seconds {
            seconds if seconds < 1.0 => "less than a second".to_owned(),
            seconds if seconds < 90.0 => format!("{seconds:.0} s"),
            seconds => format!("{:.0} min", seconds / 60.0),
        };
        (lines, roughly)
    }
}

/// What a step does, in words; none for what the plan says elsewhere.
fn verb(action: Action) -> Option<String> {
    Some(match action {
        Action::Revision | Action::Mirror => return None,
        Action::Create(kind) => format!("create {}", kind.words()),
        Action::Alter => "alter".to_owned(),
        Action::Rename => "rename".to_owned(),
        Action::Move => "move".to_owned(),
        Action::Drop => "recreate".to_owned(),
        Action::Reindex => "rebuild".to_owned(),
        Action::Grant => "grant on".to_owned(),
        Action::Revoke => "revoke on".to_owned(),
    })
}

/// The lock of each table: of several, the strongest is the one that counts.
fn strongest<'a>(hazards: &[&'a Hazard]) -> BTreeMap<&'a str, LockMode> {
    let mut strongest: BTreeMap<&str, LockMode> = BTreeMap::new();
    for hazard in hazards {
        if let Some(lock) = hazard.lock {
            let held = strongest.entry(&hazard.table).or_insert(lock);
            *held = lock.max(*held);
        }
    }
    strongest
}

fn locks(page: &mut Page, hazards: &[&Hazard]) {
    page.heading("Locks, all held until the transaction ends");
    let strongest = strongest(hazards);
    for lock in
        [LockMode::AccessExclusive, LockMode::ShareRowExclusive, LockMode::Share, LockMode::ShareUpdateExclusive]
    {
        let held: Vec<&str> = strongest.iter().filter(|(_, held)| **held == lock).map(|(table, _)| *table).collect();
        if !held.is_empty() {
            let meaning = match lock {
                LockMode::AccessExclusive => "blocks reads and writes",
                LockMode::ShareRowExclusive | LockMode::Share => "blocks writes",
                LockMode::ShareUpdateExclusive => "blocks neither reads nor writes",
            };
            page.paragraph(2, format!("{lock}: {meaning}"));
            page.labelled(4, "", list(held));
        }
    }
    if strongest.is_empty() {
        page.line(2, "none on existing tables");
    }
}

/// What is worth knowing of steps, a sentence each.
pub(crate) fn warnings<'a>(hazards: impl Iterator<Item = &'a Hazard>) -> Vec<String> {
    use HazardKind::{Move, Overwrite, Rename, Revoke, Trigger, Unverified};
    // What is the same of several is said once.
    let mut notes: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for hazard in hazards.filter(|it| matches!(it.kind, Rename | Move | Revoke | Overwrite | Trigger | Unverified)) {
        notes.entry(hazard.note.replacen(&hazard.table, "{}", 1)).or_default().insert(&hazard.table);
    }
    notes.into_iter().map(|(note, objects)| note.replacen("{}", &list(objects), 1)).collect()
}
