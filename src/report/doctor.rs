//! Checks, and the configuration they were made with, as text for a width and as JSON.

use serde_json::{Value, json};

use crate::base::outcome::Verdict;
use crate::checks::check::{Check, Status, verdict};
use crate::checks::examination::Examination;
use crate::config::environment::Environment;
use crate::config::mask::mask_urls;
use crate::config::settings::{Config, Origin, Setting};
use crate::report::checks::{CheckJson, checks_page, conclusion, plain};
use crate::report::layout::Head;
use crate::report::page::{Grid, Page, Text};
use crate::report::permission::{StatementJson, statements_json, statements_page};

/// The examination of an environment, and the configuration it was made with.
#[derive(Clone, Debug)]
pub struct Doctor<'a> {
    environment: Environment,
    settings: &'a [Setting],
    warnings: Vec<String>,
    place: &'a str,
    checks: &'a [Check],
    found: &'a Examination,
    server_version: Option<&'a str>,
    failure: Option<String>,
}

impl<'a> Doctor<'a> {
    /// What an examination under this configuration has found.
    pub fn new(config: &'a Config, found: &'a Examination) -> Self {
        Self {
            environment: config.environment,
            settings: &config.settings,
            warnings: [&config.warnings[..], &config.remarks].concat(),
            place: &found.place,
            checks: &found.checks,
            found,
            server_version: found.server_version.as_deref(),
            failure: found.failure.as_deref().map(mask_urls),
        }
    }
}

/// The checks by heading; those of connecting have times.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Connection", &["name", "port", "tls", "authentication", "database", "schemas"]),
    ("Server", &["server_version", "server_role", "encoding", "collation", "time_zone", "connections"]),
    ("Tables", &["tables", "critical_tables", "reference_tables", "legacy_table", "unknown_tables"]),
    ("Privileges", &["privileges", "role_privileges", "excess_privileges", "password_expiry", "row_security"]),
];

/// The check whose particulars come last, since they are long.
const LONG: &str = "tables";

/// The checks whose particulars don't stand below them.
const LEFT_OUT: [&str; 2] = ["configuration", LONG];

/// What `doctor --format json` prints, also when the examination ended early.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct DoctorJson {
    /// The fields that every command's JSON begins with; the outcome is `failed` if the examination ended early.
    #[serde(flatten)]
    pub head: Head,
    /// Why the examination ended early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Host, port, database and role.
    pub place: String,
    /// The configuration first, then the steps of connecting, then all others.
    pub checks: Vec<CheckJson>,
    /// What gives the roles what they lack, in the order in which to run it.
    pub statements: Vec<StatementJson>,
    /// What would let the connected role apply and migrate, too, if that is not its business.
    pub optional_statements: Vec<StatementJson>,
}

impl Doctor<'_> {
    /// As JSON.
    pub fn json(&self) -> DoctorJson {
        let mut head = Head::new("doctor", self.environment, "", self.verdict());
        head.server_version = self.server_version.map(str::to_owned);
        if self.failure.is_some() {
            head.outcome = "failed";
        }
        let checks = [self.configuration()];
        DoctorJson {
            head,
            error: self.failure.clone(),
            place: self.place.to_owned(),
            checks: checks.iter().chain(self.checks).map(CheckJson::new).collect(),
            statements: statements_json(&self.found.block),
            optional_statements: statements_json(&self.found.optional),
        }
    }

    /// The configuration as a check, the first.
    pub fn configuration(&self) -> Check {
        let origin = |it: &Setting| it.value.as_ref().map_or_else(|| "not set".to_owned(), |_| it.origin.to_string());
        let rows = self.settings.iter().map(|it| vec![json!(it.key), json!(it.value), json!(origin(it))]);
        let check = match &self.warnings[..] {
            [] => Check::new("configuration", Status::Pass, "no unknown keys, contradictions or placeholders"),
            some => Check::new("configuration", Status::Warn, some.join("; ")),
        };
        check.with_table(&["key", "value", "origin"], rows.collect())
    }

    /// Attention if a check, or the configuration, fails or warns.
    pub fn verdict(&self) -> Verdict {
        Verdict::clean_if(self.warnings.is_empty() && verdict(self.checks) == Verdict::Clean)
    }

    /// As a page.
    pub fn page(&self) -> Page {
        let configuration = self.configuration();
        let mut page = Page::default();
        page.labelled(0, format!("{:<LABEL$}", "Environment"), format!("{}, {}", self.environment, self.place));
        page.heading("Configuration");
        let (mut set, mut usual, mut unset) = (Vec::new(), Vec::new(), Vec::new());
        for Setting { key, value, origin } in self.settings {
            match (value, origin) {
                (None, _) => unset.push(*key),
                (Some(value), Origin::Default) => usual.push(format!("{key} {value}")),
                (Some(value), _) => set.push(vec![(*key).to_owned(), value.clone(), origin.to_string()]),
            }
        }
        page.grid(2, Grid { rows: set, gap: 2, ..Grid::default() });
        page.labelled(2, "by default", usual.join(", "));
        if !unset.is_empty() {
            page.labelled(2, "not set", unset.join(", "));
        }
        checks_page(&mut page, &[&configuration], &LEFT_OUT);
        let mut rest: Vec<&Check> = self.checks.iter().collect();
        let mut all = GROUPS.to_vec();
        all.push(("History", &[]));
        for (heading, names) in all {
            let (here, others): (Vec<&Check>, Vec<&Check>) =
                rest.into_iter().partition(|it| names.is_empty() || names.contains(&it.name));
            rest = others;
            if !here.is_empty() {
                page.heading(heading);
                checks_page(&mut page, &here, &LEFT_OUT);
            }
        }
        if let Some(check) = self.checks.iter().find(|it| it.name == LONG) {
            page.heading("Tables by schema");
            tables(&mut page, check);
        }
        if !self.found.block.is_empty() {
            page.heading("SQL");
            statements_page(&self.found.block, &mut page);
        }
        if !self.found.optional.is_empty() {
            page.heading(format!("SQL only if {} is to apply and to migrate", self.found.role));
            statements_page(&self.found.optional, &mut page);
        }
        page.blank();
        page.labelled(0, format!("{:<LABEL$}", "Verdict"), Text::verdict(&self.conclusion(&configuration)));
        page
    }

    fn conclusion(&self, configuration: &Check) -> String {
        // Why is said by the check.
        if self.failure.is_some() {
            let mut failed = self.checks.iter().chain([configuration]).filter(|it| it.status == Status::Fail);
            let which = failed.next_back().map_or("examination", |it| it.name);
            return format!("FAILED: {which} (above); what comes after it was not reached");
        }
        conclusion(self.checks.iter().chain([configuration]))
    }
}

/// The columns of a label, without what follows it.
const LABEL: usize = 12;

/// Tables with rows and size, a list for each schema, which fits a narrow screen.
fn tables(page: &mut Page, check: &Check) {
    let mut rest = &check.table.rows[..];
    while let Some(schema) = rest.first().and_then(|row| row.first()).map(plain) {
        let is_here = |row: &&Vec<Value>| row.first().map(plain).as_deref() == Some(&*schema);
        let here = rest.iter().take_while(is_here).count();
        let (these, others) = rest.split_at(here);
        if rest.len() < check.table.rows.len() {
            page.blank();
        }
        rest = others;
        let rows: Vec<Vec<String>> = these.iter().map(|row| table_row(row)).collect();
        let mut narrow = Page::default();
        for row in &rows {
            narrow.beside(2, NARROW, &*row[0], row[1..].join(", "));
        }
        let header = Some(vec![schema, "rows".to_owned(), "size".to_owned()]);
        page.grid_or(2, Grid { header, rows, numbers: vec![1, 2], gap: 2 }, narrow);
    }
}

/// Where rows and size stand if names are so long that no column fits beside them.
const NARROW: usize = 4;

/// A table's name, with its kind if it isn't a table; its rows, or why they aren't known; its size.
fn table_row(row: &[Value]) -> Vec<String> {
    let cell = |at: usize| row.get(at).map(plain).unwrap_or_default();
    let name = match &*cell(2) {
        "table" | "view" => cell(1),
        kind => format!("{} ({kind})", cell(1)),
    };
    let rows = match (row.get(3), &*cell(4)) {
        (None | Some(Value::Null), why) => why.to_owned(),
        (Some(_), "estimate") => format!("about {}", cell(3)),
        (Some(_), _) => cell(3),
    };
    vec![name, rows, cell(5)]
}
