//! What the commands print: text for people, JSON for scripts.
//!
//! Pure. The JSON's fields are a contract (`docs/command-line.md`).

mod checks;
pub mod drift;
pub mod plan;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::Environment;
use crate::drift::Severity;
use crate::legacy::{LegacyRow, Text};
use crate::pg::migrate::{self, Counts};
use crate::pg::verify;
use crate::target::{Role, TargetRows};

pub use checks::Doctor;

/// The columns of one target row, by name, as Postgres prints them. Null is `None`.
pub type RoleCells = (Role, Vec<(&'static str, Option<String>)>);

/// The target rows as text, for people and for fixtures: surrogate keys and constants that every row has are left out.
pub fn target_cells(rows: &TargetRows) -> Vec<RoleCells> {
    fn plain(value: Option<impl ToString>) -> Option<String> {
        value.map(|it| it.to_string())
    }
    fn text(value: &Option<Text>) -> Option<String> {
        value.as_ref().map(|it| it.plain().map_or_else(|| it.excerpt(), str::to_owned))
    }
    let request = &rows.request;
    let assessment = (!request.compliance_assessment.is_empty()).then(|| {
        let mut object = Map::new();
        if let Some(holding_period) = request.compliance_assessment.holding_period {
            object.insert("holding_period".to_owned(), json!(holding_period));
        }
        if !request.compliance_assessment.legacy.is_empty() {
            let legacy = &request.compliance_assessment.legacy;
            object
                .insert("legacy".to_owned(), legacy.iter().map(|(name, it)| (name.clone(), json!(text(it)))).collect());
        }
        Value::Object(object).to_string()
    });
    let mut all = vec![(
        Role::Request,
        vec![
            ("id", plain(Some(request.id))),
            ("employee_id", plain(Some(request.employee_id))),
            ("security_id", plain(request.security_id)),
            ("status", plain(Some(request.status))),
            ("direction", plain(request.direction)),
            ("security_name", text(&request.security_name)),
            ("isin", text(&request.isin)),
            ("sedol", text(&request.sedol)),
            ("bloomberg_ticker", text(&request.bloomberg_ticker)),
            ("ticker", text(&request.ticker)),
            ("quantity", plain(request.quantity)),
            ("estimated_value", plain(request.estimated_value)),
            ("currency", text(&request.currency)),
            ("justification", text(&request.justification)),
            ("is_related_party", plain(request.is_related_party)),
            ("existing_position", plain(request.existing_position)),
            ("insider_info_declaration", plain(request.insider_info_declaration)),
            ("is_restricted", plain(request.is_restricted)),
            ("has_conflict", plain(request.has_conflict)),
            ("relation", text(&request.relation)),
            ("compliance_assessment", assessment),
            ("created_at", plain(Some(request.created_at))),
            ("updated_at", plain(request.updated_at)),
            ("conflict_comments", text(&request.conflict_comments)),
            ("other_comments", text(&request.other_comments)),
            ("broker_reporting", plain(request.broker_reporting)),
            ("is_derivative", plain(request.is_derivative)),
            ("is_leveraged", plain(request.is_leveraged)),
            ("related_party_name", text(&request.related_party_name)),
            ("signed_declaration", plain(request.signed_declaration)),
            ("updated_by_id", plain(request.updated_by_id)),
            ("deleted_at", plain(request.deleted_at)),
            ("deleted_by_id", plain(request.deleted_by_id)),
            ("executed_within_two_days", plain(request.executed_within_two_days)),
        ],
    )];
    all.extend(rows.approvals.iter().map(|it| {
        let cells = vec![
            ("approver_id", plain(Some(it.approver_id))),
            ("decision", plain(Some(it.decision))),
            ("comments", text(&it.comments)),
            ("decided_at", plain(Some(it.decided_at))),
            ("restricted_check", plain(it.restricted_check)),
            ("holding_period_check", plain(it.holding_period_check)),
            ("conflict_check", plain(it.conflict_check)),
        ];
        (Role::approval(it.stage), cells)
    }));
    all.extend(rows.execution.iter().map(|it| {
        let cells = vec![
            ("executed_at", plain(Some(it.executed_at))),
            ("execution_price", plain(it.execution_price)),
            ("execution_quantity", plain(it.execution_quantity)),
            ("contract_note_received", plain(it.contract_note_received)),
            ("recorded_by_id", plain(it.recorded_by_id)),
        ];
        (Role::Execution, cells)
    }));
    all.extend(rows.audit.iter().map(|it| {
        let cells = vec![
            ("timestamp", plain(Some(it.timestamp))),
            ("action_status", Some(it.status().to_owned())),
            ("actor_id", plain(Some(it.actor_id))),
            ("decision", plain(it.decision)),
            ("comments", text(&it.comments)),
        ];
        (Role::audit(it.action), cells)
    }));
    all
}

/// One row old and new, for a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The legacy row's id.
    pub source_id: i64,
    /// Its columns that aren't null.
    pub old: Vec<(String, String)>,
    /// What it becomes: `role.column`, and the text.
    pub new: Vec<(String, String)>,
}

impl Sample {
    /// The sample of a row and what it becomes.
    pub fn of(row: &LegacyRow, rows: &TargetRows) -> Self {
        let old = row.columns().filter_map(|(name, text)| Some((name.to_owned(), text?.excerpt()))).collect();
        let mut new = Vec::new();
        for (role, cells) in target_cells(rows) {
            for (column, text) in cells {
                new.extend(text.map(|it| (format!("{role}.{column}"), Text::from(it).excerpt())));
            }
        }
        Self { source_id: rows.source_id, old, new }
    }
}

/// Whether a person must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to look at.
    Clean,
    /// A person must look.
    Attention,
}

impl Verdict {
    /// `Clean` if the condition holds.
    pub fn clean_if(condition: bool) -> Self {
        if condition { Self::Clean } else { Self::Attention }
    }

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Attention => "attention",
        }
    }
}

/// The fields that every command's JSON begins with.
pub fn head(command: &str, environment: Environment, server_version: &str, verdict: Verdict) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("tool".to_owned(), json!("pad-migrate"));
    object.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    object.insert("command".to_owned(), json!(command));
    object.insert("environment".to_owned(), json!(environment.as_str()));
    object.insert("server_version".to_owned(), json!(server_version));
    object.insert("outcome".to_owned(), json!(verdict.as_str()));
    object
}

/// What a command prints as JSON when it could not do its work; the environment as far as the command line names it.
pub fn failed_json(command: &str, environment: Option<Environment>, error: &str) -> Value {
    json!({
        "tool": "pad-migrate",
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "environment": environment.map(Environment::as_str),
        "server_version": null,
        "outcome": "failed",
        "error": error,
    })
}

/// An error with its causes, on one line.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // A transparent variant prints its cause, which then comes again.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text.replace(['\n', '\r'], " ")
}

/// A number with its thousands apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and its noun.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// A line of `label  text`, the text aligned with the other lines' texts.
fn line(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "{label:<12}{text}");
}

fn by_rule(rules: &BTreeMap<&'static str, u64>) -> String {
    rules.iter().map(|(rule, count)| format!("{rule} {}", thousands(*count))).collect::<Vec<_>>().join(", ")
}

fn written(counts: &Counts) -> String {
    let Counts { pad_request, pad_approval, pad_execution, audit_log, migration_mapping, .. } = counts;
    [
        ("pad_request", pad_request),
        ("pad_approval", pad_approval),
        ("pad_execution", pad_execution),
        ("audit_log", audit_log),
        ("migration_mapping", migration_mapping),
    ]
    .map(|(table, count)| format!("{table} {}", thousands(*count)))
    .join(", ")
}

fn rate(rows: u64, elapsed: Duration) -> f64 {
    rows as f64 / elapsed.as_secs_f64().max(1e-9)
}

/// Rejections that the text shows; the rest is a count.
const SHOWN: usize = 20;

fn rejections(out: &mut String, report: &migrate::Report) {
    for it in report.rejections.iter().take(SHOWN) {
        let _ = writeln!(out, "  row {}: {} ({})", it.source_id, it.reason.message, it.reason.rule);
    }
    if report.rejections.len() > SHOWN {
        let _ = writeln!(out, "  … and more: see --rejects FILE, --format json or padealing.migration_reject");
    }
}

fn incomplete(report: &migrate::Report) -> Option<String> {
    let (count, first) = &report.incomplete;
    (*count > 0).then(|| {
        let ids: Vec<String> = first.iter().map(ToString::to_string).collect();
        format!(
            "{} by an earlier tool lack the lineage of their other rows, among them {}; verify names what is missing",
            plural(*count, "row migrated", "rows migrated"),
            ids.join(", ")
        )
    })
}

impl migrate::Report {
    /// A person must look at rejections, and at rows that an earlier tool has half migrated.
    pub fn verdict(&self) -> Verdict {
        Verdict::clean_if(self.counts.rejected == 0 && self.incomplete.0 == 0)
    }
}

/// What a migration did, as text.
pub fn migrate_text(report: &migrate::Report, dry_run: bool) -> String {
    let mut out = String::new();
    let counts = &report.counts;
    for sample in &report.samples {
        sample_text(&mut out, sample);
    }
    let moved = if dry_run { "to migrate" } else { "migrated" };
    line(
        &mut out,
        "Rows",
        &format!(
            "{} read, {} {moved}, {} migrated before, {} rejected",
            thousands(counts.read),
            thousands(counts.migrated),
            thousands(counts.already_migrated),
            thousands(counts.rejected)
        ),
    );
    line(&mut out, if dry_run { "To write" } else { "Written" }, &written(counts));
    if !report.by_rule.is_empty() {
        line(&mut out, "Rejected", &by_rule(&report.by_rule));
        rejections(&mut out, report);
    }
    if let Some(text) = incomplete(report) {
        line(&mut out, "Incomplete", &text);
    }
    let seconds = report.elapsed.as_secs_f64();
    line(&mut out, "Time", &format!("{seconds:.1} s, {:.0} rows a second", rate(counts.read, report.elapsed)));
    if dry_run {
        line(&mut out, "Dry run", "nothing was written");
    }
    out
}

fn sample_text(out: &mut String, sample: &Sample) {
    let cell = |it: Option<&(String, String)>| {
        it.map_or_else(String::new, |(name, text)| format!("{name} = {}", text.escape_debug()))
    };
    let _ = writeln!(out, "Row {}", sample.source_id);
    for at in 0..sample.old.len().max(sample.new.len()) {
        let (old, new) = (cell(sample.old.get(at)), cell(sample.new.get(at)));
        let mut old: String = old.chars().take(58).collect();
        if old.chars().count() == 58 {
            old.push('…');
        }
        let _ = writeln!(out, "  {}", format!("{old:<60}{new}").trim_end());
    }
    out.push('\n');
}

/// What a migration did, as JSON.
pub fn migrate_json(report: &migrate::Report, environment: Environment, dry_run: bool) -> Value {
    let verdict = report.verdict();
    let mut object = head("migrate", environment, &report.server_version, verdict);
    object.insert("dry_run".to_owned(), json!(dry_run));
    object.insert("counts".to_owned(), json!(report.counts));
    object.insert("rejected_by_rule".to_owned(), json!(report.by_rule));
    object.insert("rejections".to_owned(), json!(report.rejections));
    object.insert("incomplete_lineage".to_owned(), json!(report.incomplete.0));
    if dry_run {
        let pairs = |cells: &[(String, String)]| -> Map<String, Value> {
            cells.iter().map(|(name, text)| (name.clone(), json!(text))).collect()
        };
        let samples: Vec<Value> = report
            .samples
            .iter()
            .map(|it| json!({"source_id": it.source_id, "old": pairs(&it.old), "new": pairs(&it.new)}))
            .collect();
        object.insert("samples".to_owned(), json!(samples));
    }
    object.insert("seconds".to_owned(), json!(report.elapsed.as_secs_f64()));
    object.insert("rows_per_second".to_owned(), json!(rate(report.counts.read, report.elapsed)));
    Value::Object(object)
}

fn verified(counts: &verify::Counts) -> String {
    let mut text = format!(
        "{} of {} verified",
        thousands(counts.verified),
        plural(counts.source - counts.rejected - counts.pending, "migrated row", "migrated rows")
    );
    for (count, what) in [
        (counts.different, "different"),
        (counts.missing, "missing"),
        (counts.rejected, "rejected"),
        (counts.pending, "never tried"),
        (counts.missing_source, "without a legacy row"),
        (counts.extra, "unexplained by lineage"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", thousands(count));
        }
    }
    text
}

fn differences(out: &mut String, report: &verify::Report) {
    let shown =
        |text: &Option<String>| text.as_ref().map_or("null".to_owned(), |it| format!("'{}'", it.escape_debug()));
    for it in report.differences.iter().take(SHOWN) {
        let (expected, actual) = (shown(&it.expected), shown(&it.actual));
        let _ = writeln!(out, "  row {}: {}.{} is {actual}, expected {expected}", it.source_id, it.target, it.field);
    }
    if report.total_differences > SHOWN as u64 {
        let more = report.total_differences - SHOWN as u64;
        let _ = writeln!(out, "  … and {} more; --format json lists the first {}", thousands(more), migrate::LISTED);
    }
}

/// What a verification found, as text.
pub fn verify_text(report: &verify::Report) -> String {
    let mut out = String::new();
    line(&mut out, "Rows", &format!("{} in the source: {}", thousands(report.counts.source), verified(&report.counts)));
    if report.total_differences > 0 {
        line(&mut out, "Differences", &thousands(report.total_differences));
        differences(&mut out, report);
    }
    let (seconds, rate) = (report.elapsed.as_secs_f64(), rate(report.counts.source, report.elapsed));
    line(&mut out, "Time", &format!("{seconds:.1} s, {rate:.0} rows a second"));
    let verdict = if report.counts.is_clean() {
        "CLEAN: what is stored gives every migrated row back"
    } else {
        "ATTENTION: a person must look at the above"
    };
    line(&mut out, "Verdict", verdict);
    out
}

/// What a verification found, as JSON.
pub fn verify_json(report: &verify::Report, environment: Environment) -> Value {
    let verdict = Verdict::clean_if(report.counts.is_clean());
    let mut object = head("verify", environment, &report.server_version, verdict);
    object.insert("counts".to_owned(), json!(report.counts));
    object.insert("differences".to_owned(), json!(report.differences));
    object.insert("differences_total".to_owned(), json!(report.total_differences));
    object.insert("seconds".to_owned(), json!(report.elapsed.as_secs_f64()));
    object.insert("rows_per_second".to_owned(), json!(rate(report.counts.source, report.elapsed)));
    Value::Object(object)
}

/// One step of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// What it did, in a few words.
    pub text: String,
    /// How long it took; none if it was not run.
    pub elapsed: Option<Duration>,
}

/// How rejections differ from the expected ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unexpected {
    /// The first sentences, [`migrate::LISTED`] of them.
    pub first: Vec<String>,
    /// How many there are.
    pub total: u64,
}

impl Unexpected {
    /// Adds a sentence.
    pub fn add(&mut self, sentence: String) {
        self.total += 1;
        if self.first.len() < migrate::LISTED {
            self.first.push(sentence);
        }
    }
}

/// A whole rehearsal.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The environment of the run; the server is nobody's.
    pub environment: Environment,
    /// `server_version` of the ephemeral server.
    pub server_version: String,
    /// What ran the server.
    pub provider: String,
    /// Which server was taken, and why not another.
    pub server: String,
    /// Where the legacy rows came from.
    pub source: String,
    /// The revisions that were applied: number and name.
    pub revisions: Vec<(&'static str, &'static str)>,
    /// What the migration did.
    pub migrated: migrate::Report,
    /// What the verification found.
    pub verified: verify::Report,
    /// How the rejections differ from the expected ones; none if nothing was expected.
    pub unexpected: Option<Unexpected>,
    /// How the schemas differ from what they should be, at the end.
    pub drift: crate::pg::drift::Drift,
    /// What was done when.
    pub phases: Vec<Phase>,
}

impl Rehearsal {
    /// Clean if every row is accounted for: migrated and verified, or rejected as expected; and if nothing has drifted.
    pub fn verdict(&self) -> Verdict {
        let rejected = self.migrated.counts.rejected;
        let expected = self.unexpected.as_ref().map_or(rejected == 0, |it| it.total == 0);
        Verdict::clean_if(expected && self.verified.counts.is_clean() && self.drifted() == Verdict::Clean)
    }

    fn drifted(&self) -> Verdict {
        drift::verdict(&self.drift, Severity::Warning)
    }

    fn judgement(&self) -> String {
        let counts = &self.migrated.counts;
        match self.verdict() {
            Verdict::Clean if counts.rejected == 0 => {
                "CLEAN: every legacy row was migrated, and what is stored gives it back".to_owned()
            }
            Verdict::Clean => {
                "CLEAN: every legacy row was migrated and proved, or rejected exactly as expected".to_owned()
            }
            Verdict::Attention => {
                let mut reasons = Vec::new();
                match &self.unexpected {
                    Some(Unexpected { total, .. }) if *total > 0 => {
                        reasons.push(plural(*total, "unexpected outcome", "unexpected outcomes"));
                    }
                    None if counts.rejected > 0 => {
                        reasons.push(format!("{} rejected", plural(counts.rejected, "row was", "rows were")));
                    }
                    _ => {}
                }
                if !self.verified.counts.is_clean() {
                    reasons.push("the verification found differences".to_owned());
                }
                if self.drifted() == Verdict::Attention {
                    reasons.push("the schemas have drifted".to_owned());
                }
                format!("ATTENTION: {}", reasons.join(", and "))
            }
        }
    }

    /// The summary for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let counts = &self.migrated.counts;
        line(&mut out, "Server", &self.server);
        line(&mut out, "Source", &self.source);
        let names: Vec<String> = self.revisions.iter().map(|(number, name)| format!("{number} {name}")).collect();
        line(&mut out, "Revisions", &format!("{} applied", names.len()));
        for name in names {
            let _ = writeln!(out, "  {name}");
        }
        let rejected = match &self.unexpected {
            Some(Unexpected { total: 0, .. }) => " (exactly those expected)",
            _ => "",
        };
        line(
            &mut out,
            "Rows",
            &format!(
                "{} read, {} migrated, {} rejected{rejected}",
                thousands(counts.read),
                thousands(counts.migrated),
                thousands(counts.rejected)
            ),
        );
        if !self.migrated.by_rule.is_empty() {
            line(&mut out, "Rejected", "a row with several reasons counts under each rule");
            for (rule, count) in &self.migrated.by_rule {
                let _ = writeln!(out, "  {rule:<24}{:>10}", thousands(*count));
            }
        }
        match &self.unexpected {
            Some(unexpected) => {
                for sentence in unexpected.first.iter().take(SHOWN) {
                    let _ = writeln!(out, "  unexpected: {sentence}");
                }
                if unexpected.total > SHOWN as u64 {
                    let more = unexpected.total - SHOWN as u64;
                    let _ = writeln!(
                        out,
                        "  … and {} more; --format json lists the first {}",
                        thousands(more),
                        migrate::LISTED
                    );
                }
            }
            None => rejections(&mut out, &self.migrated),
        }
        line(&mut out, "Written", "rows by target table");
        let tables = [
            ("pad_request", counts.pad_request),
            ("pad_approval", counts.pad_approval),
            ("pad_execution", counts.pad_execution),
            ("audit_log", counts.audit_log),
            ("migration_mapping", counts.migration_mapping),
        ];
        for (table, count) in tables {
            let _ = writeln!(out, "  {table:<24}{:>10}", thousands(count));
        }
        line(&mut out, "Verified", &verified(&self.verified.counts));
        differences(&mut out, &self.verified);
        line(&mut out, "Drift", &format!("{} from {}", drift::counted(&self.drift), self.drift.expected));
        for it in self.drift.findings.iter().filter(|it| it.severity >= Severity::Warning).take(SHOWN) {
            let _ = writeln!(out, "  {} {} {}: {}", it.severity, it.kind(), it.object(), it.remedy);
        }
        line(&mut out, "Phases", "");
        for phase in &self.phases {
            let time = phase.elapsed.map_or("not checked".to_owned(), |it| format!("{:.2} s", it.as_secs_f64()));
            let _ = writeln!(out, "{}", format!("  {:<12}{time:>12}  {}", phase.name, phase.text).trim_end());
        }
        line(&mut out, "Verdict", &self.judgement());
        out
    }

    /// The summary for scripts.
    pub fn json(&self) -> Value {
        let mut object = head("rehearse", self.environment, &self.server_version, self.verdict());
        object.insert("provider".to_owned(), json!(self.provider));
        object.insert("server".to_owned(), json!(self.server));
        object.insert("source".to_owned(), json!(self.source));
        object.insert("revisions".to_owned(), json!(self.revisions.iter().map(|it| it.0).collect::<Vec<_>>()));
        object.insert("counts".to_owned(), json!(self.migrated.counts));
        object.insert("rejected_by_rule".to_owned(), json!(self.migrated.by_rule));
        object.insert("rejections".to_owned(), json!(self.migrated.rejections));
        object.insert("unexpected".to_owned(), json!(self.unexpected.as_ref().map(|it| &it.first)));
        object.insert("unexpected_total".to_owned(), json!(self.unexpected.as_ref().map(|it| it.total)));
        object.insert("verify".to_owned(), json!(self.verified.counts));
        object.insert("differences".to_owned(), json!(self.verified.differences));
        object.insert("drift".to_owned(), drift::counts(&self.drift));
        object.insert("findings".to_owned(), drift::findings(&self.drift));
        let phases: Vec<Value> = self
            .phases
            .iter()
            .map(|it| {
                let status = if it.elapsed.is_some() { "done" } else { "not checked" };
                json!({"name": it.name, "status": status, "seconds": it.elapsed.map(|it| it.as_secs_f64())})
            })
            .collect();
        object.insert("phases".to_owned(), json!(phases));
        object.insert("verdict".to_owned(), json!(self.judgement()));
        Value::Object(object)
    }
}

/// The lines of a rejection in a `.jsonl` file: one object a reason.
pub fn rejects_jsonl(rejection: &crate::transform::Rejection) -> String {
    let mut out = String::new();
    for reason in &rejection.reasons {
        let rejected = migrate::RejectedField { source_id: rejection.source_id, reason: reason.clone() };
        let _ = writeln!(out, "{}", json!(rejected));
    }
    out
}

/// The first line of a `.csv` file of rejections.
pub const REJECTS_CSV_HEAD: &str = "source_id,field,rule,value,message\r\n";

/// The lines of a rejection in a `.csv` file (RFC 4180); a null value is empty and not quoted.
pub fn rejects_csv(rejection: &crate::transform::Rejection) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut out = String::new();
    for it in &rejection.reasons {
        let value = it.value.as_deref().map(quoted).unwrap_or_default();
        let _ = write!(
            out,
            "{},{},{},{value},{}\r\n",
            rejection.source_id,
            quoted(&it.field),
            it.rule,
            quoted(&it.message)
        );
    }
    out
}
