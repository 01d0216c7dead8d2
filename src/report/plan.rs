//! Plans, the history, and what was applied: as text for a terminal, as JSON for scripts, as SQL for psql.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::base::outcome::Verdict;
use crate::base::quote::quote_literal;
use crate::base::style;
use crate::base::text::plural;
use crate::config::environment::Environment;
use crate::ledger::history::RecordKind;
use crate::ledger::revisions::Revision;
use crate::report::drift::labelled;
use crate::report::layout::head;
use crate::schema::drift::finding::Severity;
use crate::schema::plan::outcome::{Applied, Descent, Found, Status};
use crate::schema::plan::route::Route;
use crate::schema::plan::step::{Decision, HazardKind, Left, LockMode, Plan, Size, Step};

/// A plan, and where it is for.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// The environment.
    pub environment: Environment,
    /// Host, port, database and role.
    pub place: &'a str,
    /// The way.
    pub found: &'a Found,
    /// Whether there should be nothing to do.
    pub check: bool,
}

/// Bytes that are written or read in a second, for a first idea of how long a step takes: what two cores and a
/// network disk do. Nobody should plan a night by it.
const WRITTEN: i64 = 40 << 20;
const READ: i64 = 200 << 20;

/// What is smaller takes no time.
const SMALL: i64 = 1 << 20;

/// Left, and worth a look.
fn matters(left: &Left) -> bool {
    left.severity > Severity::Info
}

impl Planned<'_> {
    fn plan(&self) -> &Plan {
        &self.found.route.plan
    }

    fn is_empty(&self) -> bool {
        self.found.route.is_empty() && !self.found.makes_mirror
    }

    /// Attention if something needs a person first; with `check`, if there is anything to do.
    pub fn verdict(&self) -> Verdict {
        Verdict::clean_if((self.is_empty() || !self.check) && self.plan().blocking().next().is_none())
    }

    fn way(&self) -> String {
        let records = &self.found.route.records;
        let baseline = records.iter().find(|it| it.kind == RecordKind::Baseline).map(|it| it.revision.number);
        let applied: Vec<&str> =
            records.iter().filter(|it| it.kind == RecordKind::Applied).map(|it| it.revision.number).collect();
        let mut parts = Vec::new();
        if self.found.makes_mirror {
            parts.push("the reference mirror".to_owned());
        }
        if !applied.is_empty() {
            parts.push(format!("{} {}", if applied.len() == 1 { "revision" } else { "revisions" }, applied.join(", ")));
        }
        match baseline {
            Some(number) if self.plan().steps.iter().any(|it| !it.object.starts_with("revision ")) => {
                parts.push(format!("the difference, and a baseline of {number}"));
            }
            Some(number) => parts.push(format!("a baseline of {number}, which the schema is")),
            None => {}
        }
        if parts.is_empty() { "nothing to do".to_owned() } else { parts.join("; ") }
    }

    /// For people.
    pub fn text(&self, width: u16) -> String {
        let width = usize::from(width.max(60));
        let mut out = String::new();
        let plan = self.plan();
        let blocking: Vec<&Left> = plan.blocking().collect();
        let steps = plural(plan.steps.len() as u64, "step", "steps");
        let verdict = match (self.is_empty(), blocking.len()) {
            (_, 1..) => {
                let count = plural(blocking.len() as u64, "difference needs", "differences need");
                format!("ATTENTION: {count} a person before anything can be applied")
            }
            (true, _) if plan.left.iter().any(matters) => "nothing to do; what differs is left as it is".to_owned(),
            (true, _) => "CLEAN: nothing to do".to_owned(),
            (false, _) if self.check => format!("ATTENTION: {steps} to apply"),
            (false, _) => format!("{steps} to apply"),
        };
        labelled(&mut out, width, 0, "Plan", &style::verdict(&verdict));
        out.push_str(&format!("{:<12}{}\n", "Live", self.place));
        let server = format!("PostgreSQL {}, environment {}", self.found.server_version, self.environment);
        labelled(&mut out, width, 0, "Server", &server);
        labelled(&mut out, width, 0, "Way", &self.way());
        for (revision, reason) in &self.found.route.skipped {
            let text = format!("{} {} is not for {}: {reason}", revision.number, revision.name, self.environment);
            labelled(&mut out, width, 0, "Skipped", &text);
        }
        let mut decisions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (table, decision) in &plan.tables {
            decisions.entry(decision.to_string()).or_default().push(table);
        }
        out.push_str("\nTables\n");
        for decision in [Decision::Create, Decision::Move, Decision::Upgrade, Decision::Use] {
            if let Some(tables) = decisions.get(&decision.to_string()) {
                labelled(&mut out, width, 2, &decision.to_string(), &tables.join(", "));
            }
        }
        if !plan.steps.is_empty() {
            self.hazards(&mut out, width);
        }
        for (title, is_shown) in [("Needs a person first", true), ("Left as it is", false)] {
            let left: Vec<&Left> = plan.left.iter().filter(|it| it.is_blocking == is_shown).collect();
            if !left.is_empty() {
                out.push_str(&format!("\n{title}\n"));
                self.left(&mut out, width, &left);
            }
        }
        if !plan.steps.is_empty() || self.found.makes_mirror {
            out.push_str("\nSQL\n");
            if self.found.makes_mirror {
                out.push_str("  -- the reference mirror bo_airflow, as fixtures/reference has it\n");
            }
            for step in &plan.steps {
                self.step(&mut out, step);
            }
        }
        out
    }

    /// What a reviewer asks first: which locks, what is written anew, how long roughly, what can't be undone.
    fn hazards(&self, out: &mut String, width: usize) {
        let hazards: Vec<_> = self.plan().steps.iter().flat_map(|it| &it.hazards).collect();
        let list = |it: BTreeSet<&str>| it.into_iter().collect::<Vec<_>>().join(", ");
        out.push_str("\nLocks, all held until the transaction ends\n");
        for lock in
            [LockMode::AccessExclusive, LockMode::ShareRowExclusive, LockMode::Share, LockMode::ShareUpdateExclusive]
        {
            // The strongest of a table's is the one that counts.
            let strongest = |table: &str| hazards.iter().filter(|it| it.table == table).filter_map(|it| it.lock).max();
            let held: BTreeSet<&str> =
                hazards.iter().map(|it| it.table.as_str()).filter(|it| strongest(it) == Some(lock)).collect();
            if !held.is_empty() {
                let meaning = match lock {
                    LockMode::AccessExclusive => "nobody reads or writes",
                    LockMode::ShareRowExclusive | LockMode::Share => "others read, and don't write",
                    LockMode::ShareUpdateExclusive => "others read and write",
                };
                out.push_str(&format!("  {lock}: {meaning}\n"));
                labelled(out, width, 4, "", &list(held));
            }
        }
        if !hazards.iter().any(|it| it.lock.is_some()) {
            out.push_str("  none on anything that is there now\n");
        }
        let effort: [(&str, HazardKind, i64); 3] = [
            ("written anew", HazardKind::Rewrite, WRITTEN),
            ("indexed", HazardKind::IndexBuild, READ / 2),
            ("read", HazardKind::Scan, READ),
        ];
        let mut lines = Vec::new();
        let mut seconds = 0.0;
        for (label, kind, rate) in effort {
            let mut of_kind: BTreeMap<&str, (usize, Size)> = BTreeMap::new();
            for hazard in hazards.iter().filter(|it| it.kind == kind) {
                let size = self.found.size(&hazard.table).unwrap_or_default();
                of_kind.entry(&hazard.table).or_insert((0, size)).0 += 1;
                seconds += size.bytes as f64 / rate as f64;
            }
            if of_kind.is_empty() {
                continue;
            }
            let (large, small): (Vec<_>, Vec<_>) = of_kind.into_iter().partition(|it| it.1.1.bytes >= SMALL);
            let each = large.into_iter().map(|(table, (times, size))| match times {
                1 => format!("{table} ({size})"),
                _ => format!("{table} ({times} times; {size})"),
            });
            let mut each: Vec<String> = each.collect();
            if !small.is_empty() {
                each.push(format!("{} under 1 MiB", plural(small.len() as u64, "table", "tables")));
            }
            lines.push((label, each.join(", ")));
        }
        if !lines.is_empty() {
            out.push_str("\nEffort\n");
            for (label, text) in lines {
                labelled(out, width, 2, label, &text);
            }
            let roughly = match seconds {
                it if it < 1.0 => "less than a second".to_owned(),
                it if it < 90.0 => format!("{it:.0} s"),
                it => format!("{:.0} min", it / 60.0),
            };
            let text = format!("{roughly}, at {} MiB a second written and {} read", WRITTEN >> 20, READ >> 20);
            labelled(out, width, 2, "roughly", &text);
        }
        let undone: BTreeSet<&str> =
            hazards.iter().filter(|it| it.kind == HazardKind::NotUndone).map(|it| it.table.as_str()).collect();
        if !undone.is_empty() {
            out.push_str("\nNot undone by revert: what columns were before, in\n");
            labelled(out, width, 4, "", &list(undone));
        }
        let noted: Vec<_> = hazards
            .iter()
            .filter(|it| {
                matches!(
                    it.kind,
                    HazardKind::Rename
                        | HazardKind::Move
                        | HazardKind::Revoke
                        | HazardKind::Overwrite
                        | HazardKind::Unverified
                )
            })
            .collect();
        if !noted.is_empty() {
            out.push_str("\nTo be known\n");
            // What is the same of several is said once.
            let mut notes: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
            for hazard in noted {
                notes.entry(hazard.note.replacen(&hazard.table, "{}", 1)).or_default().insert(&hazard.table);
            }
            for (note, of) in notes {
                labelled(out, width, 2, "", &note.replacen("{}", &list(of), 1));
            }
        }
    }

    fn left(&self, out: &mut String, width: usize, left: &[&Left]) {
        // What is left for the same reason is told once.
        let mut groups: Vec<(String, &str, Vec<&Left>)> = Vec::new();
        for item in left {
            match groups.iter_mut().find(|it| it.0 == item.kind && it.1 == item.reason) {
                Some(group) => group.2.push(item),
                None => groups.push((item.kind.clone(), &item.reason, vec![item])),
            }
        }
        for (kind, reason, items) in groups {
            let names: Vec<&str> = items.iter().map(|it| it.object.as_str()).collect();
            labelled(out, width, 2, &kind, &names.join(", "));
            labelled(out, width, 4, "", reason);
            let looks = items.iter().filter(|it| matters(it)).filter_map(|it| it.query.as_deref());
            for query in looks.take(if items[0].is_blocking { usize::MAX } else { 3 }) {
                out.push_str(&format!("    look: {query};\n"));
            }
        }
    }

    fn step(&self, out: &mut String, step: &Step) {
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
        out.push_str(&format!("  -- {}\n", step.object));
        for note in notes {
            out.push_str(&format!("  --   {note}\n"));
        }
        // A revision is a file that can be read elsewhere, and is shown whole in --format sql.
        if step.object.starts_with("revision ") {
            let lines = step.sql.lines().count();
            out.push_str(&format!("  --   {lines} lines, verbatim; --format sql shows them\n"));
            return;
        }
        for line in step.sql.lines() {
            out.push_str(&format!("  {line}\n"));
        }
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        let plan = self.plan();
        let mut object = head("plan", self.environment, &self.found.server_version, self.verdict());
        object.insert("place".to_owned(), json!(self.place));
        object.insert("way".to_owned(), json!(self.way()));
        object.insert("tables".to_owned(), tables(plan));
        let mirror = self
            .found
            .makes_mirror
            .then(|| json!({ "sql": self.found.mirror_sql(), "object": "bo_airflow", "hazards": [] }));
        object.insert("steps".to_owned(), mirror.into_iter().chain(plan.steps.iter().map(step)).collect());
        object.insert("left".to_owned(), plan.left.iter().map(left).collect());
        object.insert("records".to_owned(), records(&self.found.route));
        object.insert("skipped".to_owned(), skipped(&self.found.route.skipped));
        Value::Object(object)
    }

    /// What `psql -v ON_ERROR_STOP=1 -f` runs, with the same end as `apply`.
    pub fn sql(&self) -> String {
        let mut out = format!(
            "-- pad-migrate {}: {} (environment {})\n-- {}\n",
            env!("CARGO_PKG_VERSION"),
            self.place,
            self.environment,
            self.way()
        );
        for item in self.plan().blocking() {
            out.push_str(&format!("-- needs a person first: {} {}: {}\n", item.kind, item.object, item.reason));
        }
        if self.is_empty() {
            return out;
        }
        if self.plan().blocking().next().is_some() {
            out.push_str("do $$ begin raise exception 'this plan needs a person first: see the comments'; end $$;\n");
            return out;
        }
        out.push_str("begin read write;\nset local search_path = pg_catalog;\nset local lock_timeout = '5s';\nset local check_function_bodies = off;\n");
        if self.found.makes_mirror {
            out.push_str(&format!("\n{}\n", self.found.mirror_sql()));
        }
        for step in &self.plan().steps {
            out.push_str(&format!("\n-- {}\n", step.object));
            let notes: BTreeSet<&str> = step.hazards.iter().map(|it| it.note.as_str()).collect();
            notes.into_iter().for_each(|it| out.push_str(&format!("--   {it}\n")));
            out.push_str(&format!("{}\n", step.sql.trim_end()));
        }
        for record in &self.found.route.records {
            let revision = record.revision;
            let values = [revision.number, revision.name, &revision.checksum(), &record.kind.to_string(), &record.sql]
                .map(quote_literal);
            out.push_str(&format!(
                "\ninsert into padealing.schema_revision\n    (revision, name, checksum, kind, sql, database_role, program_version, environment)\n\
                 values ({}, current_user, {}, {});\n",
                values.join(", "),
                quote_literal(env!("CARGO_PKG_VERSION")),
                quote_literal(self.environment.as_str())
            ));
        }
        out.push_str("\ncommit;\n");
        out
    }
}

fn tables(plan: &Plan) -> Value {
    plan.tables.iter().map(|it| json!({ "table": it.0, "decision": it.1.to_string() })).collect()
}

fn step(step: &Step) -> Value {
    let hazards = step.hazards.iter().map(|it| {
        json!({
            "kind": it.kind.to_string(),
            "lock": it.lock.map(|it| it.to_string()),
            "table": it.table,
            "note": it.note,
        })
    });
    json!({
        "sql": step.sql,
        "object": step.object,
        "table": step.table,
        "hazards": hazards.collect::<Vec<_>>(),
        "can_be_concurrent": step.can_be_concurrent,
    })
}

fn left(left: &Left) -> Value {
    json!({
        "kind": left.kind,
        "object": left.object,
        "severity": left.severity.to_string(),
        "reason": left.reason,
        "query": left.query,
        "blocking": left.is_blocking,
    })
}

fn records(route: &Route) -> Value {
    let record = |kind: RecordKind, number: &str, name: &str| json!({ "revision": number, "name": name, "kind": kind.to_string() });
    route.records.iter().map(|it| record(it.kind, it.revision.number, it.revision.name)).collect()
}

fn skipped(skipped: &[(Revision, &'static str)]) -> Value {
    skipped.iter().map(|(it, reason)| json!({ "revision": it.number, "name": it.name, "reason": reason })).collect()
}

/// Clean unless something is left that a person must look at.
pub fn applied_verdict(applied: &Applied) -> Verdict {
    Verdict::clean_if(applied.unbuilt.is_empty() && !applied.route.plan.left.iter().any(matters))
}

/// What `apply` did, for people.
pub fn applied_text(applied: &Applied, before: usize, width: u16) -> String {
    let width = usize::from(width.max(60));
    let mut out = String::new();
    if applied.mirror_created {
        out.push_str("Created     the reference mirror bo_airflow\n");
    }
    for record in &applied.route.records {
        let (verb, what) = match record.kind {
            RecordKind::Baseline => ("Baseline", "the schema was brought to it by its difference"),
            _ => ("Applied", ""),
        };
        let text = format!("{} {}", record.revision.number, record.revision.name);
        let text = if what.is_empty() { text } else { format!("{text}: {what}") };
        labelled(&mut out, width, 0, verb, &text);
    }
    if applied.route.is_empty() && !applied.mirror_created {
        out.push_str(&format!("Up to date  {} revisions applied before\n", before));
    } else {
        let count = plural(applied.route.plan.steps.len() as u64, "step", "steps");
        let built = match applied.built {
            0 => String::new(),
            built => format!(", {} built after it", plural(built as u64, "index", "indexes")),
        };
        labelled(
            &mut out,
            width,
            0,
            "Done",
            &format!("{count} in one transaction{built}; the schema was read again and is as expected"),
        );
    }
    for (index, why) in &applied.unbuilt {
        labelled(&mut out, width, 0, "Not built", &format!("{index}: {why}; run apply again"));
    }
    let rest: Vec<&Left> = applied.route.plan.left.iter().filter(|it| matters(it)).collect();
    if !rest.is_empty() {
        let names: Vec<String> = rest.iter().map(|it| format!("{} {}", it.kind, it.object)).collect();
        labelled(
            &mut out,
            width,
            0,
            "Look at",
            &format!("{}; `pad-migrate plan` says why they are left", names.join(", ")),
        );
    }
    out
}

/// What `revert` would do or did, for people.
pub fn descent_text(descent: &Descent, verb: &str, width: u16) -> String {
    let width = usize::from(width.max(60));
    let mut out = String::new();
    for revision in &descent.revisions {
        labelled(&mut out, width, 0, verb, &format!("{} {}", revision.number, revision.name));
    }
    for revision in &descent.adopted {
        let text = format!(
            "{} was found and not run by pad-migrate: what was there before it doesn't come back",
            revision.number
        );
        labelled(&mut out, width, 0, "Note", &text);
    }
    for loss in &descent.losses {
        labelled(&mut out, width, 0, "Lost", loss);
    }
    out
}

impl Status {
    /// Clean if nothing is pending.
    pub fn verdict(&self) -> Verdict {
        Verdict::clean_if(self.pending.is_empty())
    }

    /// For people.
    pub fn text(&self, width: u16) -> String {
        let width = usize::from(width.max(60));
        let mut out = String::new();
        out.push_str(&format!("{:<12}{}\n", "Live", self.place));
        let server = format!("PostgreSQL {}, environment {}", self.server_version, self.environment);
        labelled(&mut out, width, 0, "Server", &server);
        let current = match &self.current {
            Some((number, name)) => format!("{number} {name}"),
            None if self.tables.is_empty() => "none: nothing of ours is there yet; run: pad-migrate apply".to_owned(),
            None => format!(
                "none: there is no history of pad-migrate, and {} of ours; `pad-migrate plan` shows how they are adopted",
                plural(self.tables.len() as u64, "table", "tables")
            ),
        };
        labelled(&mut out, width, 0, "Current", &current);
        let pending: Vec<String> = self.pending.iter().map(|it| format!("{} {}", it.number, it.name)).collect();
        let pending = if pending.is_empty() { "none".to_owned() } else { pending.join(", ") };
        labelled(&mut out, width, 0, "Pending", &pending);
        for (revision, reason) in &self.skipped {
            let text = format!("{} {} is not for {}: {reason}", revision.number, revision.name, self.environment);
            labelled(&mut out, width, 0, "Skipped", &text);
        }
        for (table, program, version) in &self.managers {
            let version = version.as_ref().map(|it| format!(", at {it}")).unwrap_or_default();
            labelled(&mut out, width, 0, "Also there", &format!("{program}: {table}{version}; left alone"));
        }
        if !self.history.is_empty() {
            out.push_str("\nHistory\n");
            for it in &self.history {
                let who = format!("by {} with {} in {}", it.role, it.version, it.environment);
                let what = format!("{} {} {}", it.revision, it.kind, it.name);
                out.push_str(&format!("  {}  {what:<48} {who}\n", it.applied_at));
            }
        }
        out
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        let mut object = head("status", self.environment, &self.server_version, self.verdict());
        object.insert("place".to_owned(), json!(self.place));
        object.insert("current".to_owned(), json!(self.current.as_ref().map(|it| &it.0)));
        let pending = self.pending.iter().map(|it| json!({ "revision": it.number, "name": it.name }));
        object.insert("pending".to_owned(), pending.collect());
        object.insert("skipped".to_owned(), skipped(&self.skipped));
        let history = self.history.iter().map(|it| {
            json!({
                "revision": it.revision,
                "name": it.name,
                "kind": it.kind.to_string(),
                "checksum": it.checksum,
                "applied_at": it.applied_at,
                "role": it.role,
                "version": it.version,
                "environment": it.environment,
            })
        });
        object.insert("history".to_owned(), history.collect());
        let managers = self
            .managers
            .iter()
            .map(|(table, program, version)| json!({ "table": table, "program": program, "version": version }));
        object.insert("managers".to_owned(), managers.collect());
        Value::Object(object)
    }
}
