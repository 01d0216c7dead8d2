//! What the pages show. Values are the texts that the database prints, so that no digit of a number changes. Pure.

use std::collections::BTreeMap;

use crate::migration::standing::{Known, Run, RunEnd, Runs};

/// A page of a list, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether rows come before these.
    pub has_before: bool,
    /// Whether rows come after these.
    pub has_after: bool,
    /// Where looking ended before the page was full, if there are more rows to look at.
    pub reached: Option<Reached>,
}

/// The last of the rows that were looked at for a page, in its direction, where looking at all takes too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its id.
    pub id: i64,
    /// By what it is listed.
    pub key: Option<String>,
    /// How many rows were looked at.
    pub rows: usize,
    /// Whether the page was read towards the first one.
    pub is_backwards: bool,
}

/// Name and address of employees by id, as far as somebody asked for them.
pub type People = BTreeMap<i64, Person>;

/// What oracle_contact says of an employee.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Person {
    pub full_name: Option<String>,
    pub email: Option<String>,
}

/// Parts of the names of columns and keys that say who somebody is (D11: the legacy `name` is the employee's own).
const PERSONAL: [&str; 12] =
    ["name", "mail", "uid", "google", "phone", "mobile", "contact", "person", "user", "login", "initials", "address"];

/// Names that have such a part and say something else, without what is no letter.
const IMPERSONAL: [&str; 6] = ["securityname", "tablename", "filename", "rulename", "columnname", "configname"];

/// Whether values of a column, or of a key in JSON, say who somebody is, by its name.
pub fn is_personal(name: &str) -> bool {
    let letters: String = name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    (PERSONAL.iter().any(|part| letters.contains(part)) || PERSONAL_WORDS.contains(&letters.as_str()))
        && !letters.contains("uuid")
        && !IMPERSONAL.contains(&letters.as_str())
}

/// Words that say it alone, without what is no letter.
const PERSONAL_WORDS: [&str; 15] = [
    "approver",
    "createdby",
    "first",
    "gid",
    "last",
    "modifiedby",
    "owner",
    "requester",
    "requestor",
    "samaccount",
    "staff",
    "trader",
    "updatedby",
    "upn",
    "who",
];

/// Whether a text is JSON, XML, hstore or the like, in which something is called by such a name: with its values it may say who
/// somebody is.
pub fn names_people(text: &str) -> bool {
    let is_structured = text.trim_start().starts_with(['{', '[', '<']) || text.contains("=>");
    let mut names = text.split(|c: char| !(c.is_alphanumeric() || "_-. ".contains(c)));
    // A key may be spelt by its characters' numbers.
    is_structured && (text.contains("\\u") || names.any(|it| is_personal(it.trim())))
}

/// Columns that hold JSON.
pub const JSON: [&str; 3] = ["compliance_assessment", "details", "verification_metadata"];

/// The rest of a line after the quote that begins it: a key, and its value; none for a text in an array.
fn key_and_value(rest: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let end = rest.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })?;
    Some((&rest[..end], rest[end + 1..].strip_prefix(": ")?))
}

/// JSON as PostgreSQL's `jsonb_pretty` prints it, a key a line: what personal keys hold is left out, whole.
pub fn without_people(pretty: &str) -> String {
    let mut out = Vec::new();
    // The spaces before a key whose array or object is left out, up to the line that closes it.
    let mut left_out: Option<usize> = None;
    for line in pretty.split('\n') {
        let spaces = line.len() - line.trim_start().len();
        if let Some(of) = left_out {
            if spaces == of {
                left_out = None;
                if let Some(last) = out.last_mut().filter(|_| line.ends_with(',')) {
                    *last += ",";
                }
            }
            continue;
        }
        let key = line.trim_start().strip_prefix('"').and_then(key_and_value);
        // A text may be JSON of its own.
        let text = key.map_or(line, |(_, value)| value).trim_start();
        let is_personal_text = text.strip_prefix('"').is_some_and(|it| names_people(&it.replace("\\\"", "\"")));
        match key.filter(|(key, _)| is_personal(key) || is_personal_text) {
            None if is_personal_text => {
                let end = if line.ends_with(',') { "," } else { "" };
                out.push(format!("{}{HIDDEN}{end}", " ".repeat(spaces)));
            }
            None => out.push(line.to_owned()),
            Some((key, value)) => {
                let opens = matches!(value, "{" | "[");
                left_out = opens.then_some(spaces);
                let end = if value.ends_with(',') && !opens { "," } else { "" };
                out.push(format!("{}\"{key}\": {HIDDEN}{end}", " ".repeat(spaces)));
            }
        }
    }
    out.join("\n")
}

/// What stands for such a value until somebody asks.
pub const HIDDEN: &str = "hidden";

/// A row of the list of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct RequestRow {
    pub id: i64,
    pub created_at: String,
    pub employee_id: i64,
    pub status: String,
    pub direction: Option<String>,
    pub security_id: Option<i64>,
    pub security_name: Option<String>,
    pub ticker: Option<String>,
    pub isin: Option<String>,
    pub quantity: Option<String>,
    pub estimated_value: Option<String>,
    pub currency: Option<String>,
    /// Whether `deleted_at` is set.
    pub is_deleted: bool,
}

/// A number of rows, counted up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How many, as far as they were counted.
    pub rows: u64,
    /// Whether there are more.
    pub is_more: bool,
}

/// Rules of rejections that are looked up, as people choose from them: the most frequent ones.
pub const MOST_RULES: usize = 50;

/// A word that rows may be filtered by, and how many have it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Facet {
    pub word: String,
    /// None if too many rows would have to be looked at.
    pub count: Option<Counted>,
}

/// A value of a column, which may be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// Its text; none if it is null.
    pub text: Option<String>,
    /// How many characters the whole text has, if it is cut.
    pub cut_of: Option<u64>,
}

/// A row as its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The row's id.
    pub id: i64,
    /// The columns, in the table's order.
    pub columns: Vec<(&'static str, Value)>,
}

impl Record {
    /// A column's text.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.columns.iter().find(|(name, _)| *name == column)?.1.text.as_deref()
    }

    /// A column that names an employee or another row.
    pub fn id_in(&self, column: &str) -> Option<i64> {
        self.get(column)?.parse().ok()
    }
}

/// One request with everything that belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The row of pad_request.
    pub request: Record,
    /// Its security in oracle_bloomberg.
    pub security: Option<String>,
    /// The rows of pad_approval.
    pub approvals: Vec<Record>,
    /// The rows of pad_execution.
    pub executions: Vec<Record>,
    /// The rows of pad_breach.
    pub breaches: Vec<Record>,
    /// The rows of audit_log, the earliest first.
    pub audit: Vec<Record>,
    /// Whether there are more of any of these than are shown.
    pub is_more: bool,
    /// Whether it came from a legacy row.
    pub origin: Origin,
    /// Who is named.
    pub people: People,
}

/// Whether a request came from a legacy row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// No lineage names it, nor anything that belongs to it.
    #[default]
    Application,
    /// A migration wrote it or something that belongs to it, and no lineage names it any more.
    Broken,
    /// Lineage names it.
    Legacy(Lineage),
    /// Finding its lineage takes too long.
    Unknown,
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Lineage {
    pub source_table: String,
    pub source_id: i64,
    pub migrated_at: Option<String>,
}

/// A legacy row, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyView {
    /// Its columns that aren't null; none if there is no row of that id, or several.
    pub columns: Vec<LegacyColumnView>,
    /// Where it stands.
    pub state: LegacyState,
    /// Why it is rejected.
    pub reasons: Vec<ReasonView>,
    /// The decisions that show in what is stored.
    pub decisions: Vec<(&'static str, String)>,
    /// The SHA-256 of the row, unless something of it is hidden: with the rest of the row it would confirm a guess.
    pub row_hash: Option<String>,
}

impl LegacyView {
    /// What couldn't be found out.
    pub fn unknown(reason: String) -> Self {
        let state = LegacyState::Unknown { reason };
        Self { columns: Vec::new(), state, reasons: Vec::new(), decisions: Vec::new(), row_hash: None }
    }
}

/// A reason on record against a legacy row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct ReasonView {
    pub field: String,
    pub rule: String,
    pub value: Option<String>,
    pub message: String,
}

/// A column of a legacy row, beside what is stored for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyColumnView {
    /// Its name.
    pub name: String,
    /// Its text, which may be cut.
    pub text: String,
    /// The places that depend on it, and what they hold.
    pub stored: Vec<(String, Option<String>)>,
    /// What the residual keeps of it.
    pub kept: Option<String>,
    /// By which decisions.
    pub decisions: String,
}

/// A difference as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferenceView {
    /// The column, with its table.
    pub column: String,
    /// What must be there.
    pub expected: Option<String>,
    /// What is.
    pub actual: Option<String>,
    /// Whether both are shown, and look alike.
    pub is_alike: bool,
}

/// Where a legacy row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegacyState {
    /// What is stored is what the row gives.
    Proved {
        /// Its request.
        request: i64,
        /// Whether it was looked for other lineage of the same rows, which takes too long where there is much.
        is_only_claim: bool,
    },
    /// It isn't.
    Differs {
        /// Its request, if lineage names one.
        request: Option<i64>,
        /// Each of them.
        differences: Vec<DifferenceView>,
    },
    /// It was rejected.
    Rejected,
    /// No run has migrated or rejected it.
    Pending,
    /// There is no legacy row of that id, or several.
    Gone,
    /// It couldn't be found out.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// The numbers of the overview.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Requests by year, the latest first and those of no year last, and status; none if counting them takes too long.
    pub by_year: Option<Vec<Year>>,
    /// Whether requests are counted by year; where that takes too long, they are all under none.
    pub is_by_year: bool,
    /// About how many rows other tables have.
    pub tables: Vec<(String, u64)>,
    /// Rejections that no later run has resolved, by rule.
    pub rejections: Vec<(String, u64)>,
    /// Legacy rows that are rejected for these.
    pub rejected: u64,
    /// Requests that lineage names; none if counting them takes too long.
    pub migrated: Option<u64>,
    /// Rows of the legacy table; none if it is elsewhere, not readable, or large.
    pub legacy: Option<u64>,
    /// When it was counted.
    pub counted_at: String,
}

impl Overview {
    /// How many requests there are.
    pub fn requests(&self) -> u64 {
        self.by_year.iter().flatten().flat_map(|(_, by_status)| by_status.values()).sum()
    }

    /// Legacy rows by where they stand: read, migrated, rejected and left; none unless all are known, and add up. A run that
    /// tried every row has counted rejected rows without an id of their own, too, which no record can name.
    pub fn accounting(&self, newest: Option<&Run>) -> Option<[u64; 4]> {
        let is_whole = |run: &&Run| {
            let options = run.options.as_deref().and_then(|it| serde_json::from_str::<serde_json::Value>(it).ok());
            run.command == "migrate" && options.is_none_or(|it| it["limit"].is_null())
        };
        let counted = newest.filter(is_whole).and_then(|it| it.counts);
        let rejected = counted.map_or(self.rejected, |it| it.rejected.unsigned_abs());
        let (legacy, migrated) = (self.legacy?, self.migrated?);
        Some([legacy, migrated, rejected, legacy.checked_sub(migrated.checked_add(rejected)?)?])
    }

    /// How many requests have a status.
    pub fn with_status(&self, status: &str) -> u64 {
        self.by_year.iter().flatten().filter_map(|(_, by_status)| by_status.get(status)).sum()
    }
}

/// A year, none for what has no date, and its requests by status.
pub type Year = (Option<i32>, BTreeMap<String, u64>);

/// What is at work, which is looked up for every view of the overview.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulse {
    /// Runs of the migration, the latest first.
    pub runs: Known<Runs>,
    /// About how many requests there are, as the server's statistics have it.
    pub requests: u64,
    /// How many more a second, or fewer; none if that isn't known yet.
    pub rate: Option<f64>,
}

/// The newest run, and where it is.
pub type RunState = (String, RunEnd);

impl Pulse {
    /// The newest run: the numbers of the overview change with it.
    pub fn newest(&self) -> Option<RunState> {
        self.runs.as_ref().ok()?.newest.first().map(|it| (it.id.clone(), it.end))
    }

    /// The run that is at work.
    pub fn at_work(&self) -> Option<&Run> {
        self.runs.as_ref().ok()?.newest.first().filter(|it| it.end == RunEnd::Running)
    }
}

/// A table as the catalog describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct TableReference {
    pub schema: String,
    pub name: String,
    pub comment: Option<String>,
    pub columns: Vec<ColumnReference>,
}

/// A column as the catalog describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct ColumnReference {
    pub name: String,
    pub data_type: String,
    pub is_required: bool,
    pub comment: Option<String>,
    /// What it refers to, such as `bo_airflow.oracle_employee`.
    pub refers_to: Option<String>,
}
