//! A plan: as text for a terminal, as SQL for psql, as JSON for scripts.

pub(crate) mod effects;
pub mod json;
mod sql;

use std::collections::BTreeMap;

use crate::base::hint::PLAN;
use crate::base::outcome::Verdict;
use crate::base::sql_text;
use crate::base::text::{list, plural};
use crate::config::environment::Environment;
use crate::ledger::history::RecordKind;
use crate::report::drift::count_severities;
use crate::report::page::{Page, Text};
use crate::report::permission::statements_page;
use crate::schema::drift::finding::Severity;
use crate::schema::plan::outcome::Found;
use crate::schema::plan::route::Route;
use crate::schema::plan::step::{Action, Decision, HazardKind, Left, Plan, Step};

/// A plan, and where it is for.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// The environment.
    pub environment: Environment,
    /// Host, port, database and role.
    pub place: &'a str,
    /// The plan, and what it starts from.
    pub found: &'a Found,
    /// Whether anything to do is worth attention.
    pub check: bool,
}

/// Whether a difference that is left is worth attention.
pub(crate) fn matters(left: &Left) -> bool {
    left.severity > Severity::Info
}

/// The differences that are left and worth attention, in numbers: `1 breaking, 2 warnings`. Empty if there are none.
pub(crate) fn counted_left(plan: &Plan) -> String {
    let mut left = plan.left.iter().filter(|left| matters(left)).map(|left| left.severity).peekable();
    if left.peek().is_some() { count_severities(left) } else { String::new() }
}

/// What triggers of others may lock outside padealing.
pub(crate) fn allowed_row(route: &Route) -> String {
    format!("locks that triggers take on {} (--allow-object)", list(&route.allowed))
}

impl Planned<'_> {
    fn plan(&self) -> &Plan {
        &self.found.route.plan
    }

    fn is_empty(&self) -> bool {
        self.found.route.is_empty() && !self.found.makes_mirror
    }

    /// Attention if manual action is required, the role may not apply it, or something breaking is left unchanged; with
    /// `check`, if there is anything to do or to look at.
    pub fn verdict(&self) -> Verdict {
        let (is_breaking, is_open) = (self.leaves(Severity::Breaking), self.leaves(Severity::Warning));
        let is_possible = !is_breaking && self.found.permissions.are_complete();
        Verdict::clean_if(is_possible && !(self.check && (is_open || !self.is_empty())))
    }

    /// Whether a difference of this severity or a higher one is left unchanged.
    fn leaves(&self, severity: Severity) -> bool {
        self.plan().left.iter().any(|left| left.is_blocking || left.severity >= severity)
    }

    /// What is done and recorded, in order.
    fn method(&self) -> String {
        let mut parts = Vec::new();
        if self.found.makes_mirror {
            parts.push("create the reference mirror".to_owned());
        }
        for records in self.found.route.records.chunk_by(|one, next| one.kind == next.kind) {
            let numbers: Vec<&str> = records.iter().map(|record| record.revision.number).collect();
            let revisions = if numbers.len() == 1 { "revision" } else { "revisions" };
            let numbers = numbers.join(", ");
            parts.push(match (records[0].kind, records.iter().all(|record| record.sql.is_empty())) {
                (RecordKind::Baseline, false) => format!("alter what differs, then record {numbers} as the baseline"),
                (RecordKind::Baseline, true) => {
                    format!("record {numbers}, which the schema matches, as the baseline")
                }
                _ => format!("run {revisions} {numbers}"),
            });
        }
        // Privileges that a revision's objects get by default and shall not have, say.
        if parts.is_empty() && !self.plan().steps.is_empty() {
            parts.push("alter what differs".to_owned());
        }
        if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", then ") }
    }

    fn summary(&self) -> String {
        let plan = self.plan();
        let steps = plural(plan.steps.len() as u64, "step", "steps");
        let left = counted_left(plan);
        let rest = if left.is_empty() { String::new() } else { format!("; {left} left unchanged") };
        let word = if self.verdict() == Verdict::Clean { "" } else { "ATTENTION: " };
        match (self.is_empty(), plan.blocking().count()) {
            (_, blocking @ 1..) => {
                let count = plural(blocking as u64, "difference requires", "differences require");
                format!("ATTENTION: {count} manual action before anything can be applied")
            }
            (true, _) if left.is_empty() => "CLEAN: nothing to do".to_owned(),
            (true, _) => format!("{word}nothing to do{rest}"),
            (false, _) if !self.found.permissions.are_complete() => {
                format!("{word}{steps} to apply, which {} may not{rest}", self.found.permissions.role)
            }
            (false, _) => format!("{word}{steps} to apply{rest}"),
        }
    }

    /// What the connected role may not do of it, and what changes that.
    fn permissions(&self, page: &mut Page) {
        let permissions = &self.found.permissions;
        if permissions.are_complete() {
            return;
        }
        page.heading("Permissions");
        page.paragraph(2, format!("{} may not apply this: {}", permissions.role, permissions.words()));
        if let Some(instead) = permissions.instead() {
            page.paragraph(2, instead);
        }
        statements_page(&permissions.lacks, page);
    }

    /// A page for a terminal, with the statements if they are wanted.
    pub fn page(&self, with_sql: bool) -> Page {
        let mut page = Page::default();
        let plan = self.plan();
        page.row("Plan", Text::verdict(&self.summary()));
        page.address("Live", self.place);
        page.row("Server", format!("PostgreSQL {}, environment {}", self.found.server_version, self.environment));
        page.row("Method", self.method());
        page.row("Hash", self.found.hash(self.environment));
        if !self.found.route.allowed.is_empty() {
            page.row("Allowed", allowed_row(&self.found.route));
        }
        for skipped in &self.found.route.skipped {
            page.row("Skipped", skipped.sentence(self.environment));
        }
        let mut decisions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (table, decision) in &plan.tables {
            decisions.entry(decision.to_string()).or_default().push(table);
        }
        page.heading("Tables");
        for decision in [Decision::Create, Decision::Move, Decision::Upgrade, Decision::Use] {
            if let Some(tables) = decisions.get(&decision.to_string()) {
                let label = if decision == Decision::Use { "unchanged".to_owned() } else { decision.to_string() };
                page.labelled(2, label, tables.join(", "));
            }
        }
        if !plan.steps.is_empty() {
            self.effects(&mut page);
        }
        for (title, is_blocking) in [("Manual action required", true), ("Left unchanged", false)] {
            let left: Vec<&Left> = plan.left.iter().filter(|left| left.is_blocking == is_blocking).collect();
            if !left.is_empty() {
                page.heading(title);
                list_left(&mut page, &left);
            }
        }
        let is_something = !plan.steps.is_empty() || self.found.makes_mirror;
        if is_something && !with_sql {
            page.blank();
            page.row(
                "SQL",
                format!("`{PLAN} --show-sql` shows each step's statements, --format sql the whole for psql"),
            );
        }
        if is_something && with_sql {
            page.heading("SQL");
            if self.found.makes_mirror {
                page.sql(2, sql_text::comment("the reference mirror bo_airflow: migrations/reference.sql"));
            }
            for step in &plan.steps {
                show_step(&mut page, step);
            }
        }
        self.permissions(&mut page);
        page
    }
}

fn list_left(page: &mut Page, left: &[&Left]) {
    // What is left for the same reason is listed once.
    let mut groups: Vec<Vec<&Left>> = Vec::new();
    for item in left {
        match groups.iter_mut().find(|group| group[0].kind == item.kind && group[0].reason == item.reason) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    for items in groups {
        let names: Vec<&str> = items.iter().map(|item| item.object.as_str()).collect();
        page.labelled(2, format!("{}, {}", items[0].severity, items[0].kind), names.join(", "));
        page.labelled(4, "", &items[0].reason);
        let queries = items.iter().filter(|item| matters(item)).filter_map(|item| item.query.as_deref());
        for query in queries.take(if items[0].is_blocking { usize::MAX } else { 3 }) {
            page.sql(4, format!("query: {query};"));
        }
        for remedy in items.iter().filter_map(|item| item.remedy.as_ref()) {
            page.sql(4, format!("{};", remedy.sql));
        }
    }
}

fn show_step(page: &mut Page, step: &Step) {
    let mut notes: Vec<String> = Vec::new();
    for hazard in &step.hazards {
        let note = match (hazard.kind, hazard.lock) {
            (HazardKind::Lock, Some(lock)) => format!("{lock} on {}", hazard.table),
            (_, Some(lock)) => format!("{lock} on {}: {}", hazard.table, hazard.note),
            (_, None) => hazard.note.clone(),
        };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    page.sql(2, sql_text::comment(&step.object));
    for note in notes {
        page.sql(2, sql_text::comment(&format!("  {note}")));
    }
    // A revision is a file that can be read elsewhere, and is shown whole in --format sql.
    if step.action == Action::Revision {
        let lines = step.sql.lines().count();
        page.sql(2, sql_text::comment(&format!("  {lines} lines, verbatim; --format sql shows them")));
        return;
    }
    page.sql(2, &step.sql);
}
