//! The URL is the whole state of a view: read, checked, and printed again. Pure.
//!
//! What an address holds is never data of a person: filters are ids, words of a fixed set and years, and the place of a
//! page is the id of a row at its edge.

mod pairs;
mod place;

pub(crate) use pairs::is_name;
pub use place::{At, BadQuery, Security};

use crate::dashboard::query::pairs::{Pairs, Printed};
use crate::migration::target::Status;

/// In which order requests are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The latest `created_at` first.
    #[default]
    Newest,
    /// The earliest `created_at` first.
    Oldest,
    /// By `id`.
    Id,
    /// By `employee_id`.
    Employee,
    /// By `security_id`, those without one last.
    Security,
    /// The largest `estimated_value` first, those without one last.
    Value,
}

impl Sort {
    /// Every order, as the page offers them.
    pub const ALL: [Self; 6] = [Self::Newest, Self::Oldest, Self::Id, Self::Employee, Self::Security, Self::Value];

    /// The word in an address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Id => "id",
            Self::Employee => "employee",
            Self::Security => "security",
            Self::Value => "value",
        }
    }
}

/// Who wrote a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A migration, from a legacy row.
    Migration,
    /// The application.
    Application,
}

impl Writer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Migration, Self::Application];

    /// The word in an address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Migration => "migration",
            Self::Application => "application",
        }
    }
}

/// A list of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestsQuery {
    /// Those of one status.
    pub status: Option<Status>,
    /// Those of one employee.
    pub employee: Option<i64>,
    /// Those of one security.
    pub security: Option<Security>,
    /// Those created in a year.
    pub year: Option<u16>,
    /// Those that a migration wrote, or those of the application.
    pub writer: Option<Writer>,
    /// Their order.
    pub sort: Sort,
    /// Which page.
    pub at: At,
    /// Whether names and addresses of people are shown.
    pub people: bool,
}

impl RequestsQuery {
    /// Reads an address.
    pub fn parse(query: &str) -> Result<Self, BadQuery> {
        let mut pairs = Pairs::parse(query)?;
        let found = Self {
            status: pairs.word("status", &words(Status::ALL, Status::as_str))?.and_then(Status::from_word),
            employee: pairs.id("employee")?,
            security: pairs.security()?,
            year: pairs.year()?,
            writer: pairs.word("writer", &words(&Writer::ALL, Writer::word))?.and_then(writer),
            sort: pairs.word("sort", &words(&Sort::ALL, Sort::word))?.and_then(sort).unwrap_or_default(),
            at: pairs.at()?,
            people: pairs.people()?,
        };
        pairs.end()?;
        if found.sort == Sort::Value && !found.is_narrow() {
            return Err(BadQuery(
                "sort=value needs a filter by employee or security: sorting more requests would take too long; add one of \
                 them"
                    .to_owned(),
            ));
        }
        Ok(found)
    }

    /// Whether so few requests are meant that any order is quick.
    pub fn is_narrow(&self) -> bool {
        self.employee.is_some() || matches!(self.security, Some(Security::Id(_)))
    }

    /// Whether any filter is set.
    pub fn is_filtered(&self) -> bool {
        self.status.is_some()
            || self.employee.is_some()
            || self.security.is_some()
            || self.year.is_some()
            || self.writer.is_some()
    }

    /// The address again, from its `?` on; empty for the first page of everything.
    pub fn print(&self) -> String {
        let mut printed = Printed::default();
        printed.word("status", self.status.map(Status::as_str));
        printed.id("employee", self.employee);
        match self.security {
            Some(Security::Id(id)) => printed.id("security", Some(id)),
            Some(Security::None) => printed.word("security", Some("none")),
            None => {}
        }
        printed.id("year", self.year.map(i64::from));
        printed.word("writer", self.writer.map(Writer::word));
        printed.word("sort", (self.sort != Sort::default()).then(|| self.sort.word()));
        printed.at(self.at);
        printed.people(self.people);
        printed.end()
    }

    /// The same list from its first page.
    pub fn from_start(&self) -> Self {
        Self { at: At::Start, ..self.clone() }
    }
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|it| word(*it)).collect()
}

fn writer(word: &str) -> Option<Writer> {
    Writer::ALL.into_iter().find(|it| it.word() == word)
}

fn sort(word: &str) -> Option<Sort> {
    Sort::ALL.into_iter().find(|it| it.word() == word)
}

/// A list of breaches, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BreachesQuery {
    /// Those of one severity.
    pub severity: Option<&'static str>,
    /// Those that are resolved, or those that aren't.
    pub resolved: Option<bool>,
    /// Those of one employee.
    pub employee: Option<i64>,
    /// Which page.
    pub at: At,
    /// Whether names and addresses of people are shown.
    pub people: bool,
}

/// What `pad_breach.severity` may be.
pub const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// What `audit_log.action_status` may be.
pub const RESULTS: [&str; 3] = ["success", "blocked", "failed"];

/// What may be wanted of what is resolved one day.
pub const STATES: [&str; 2] = ["open", "resolved"];

fn state(resolved: Option<bool>) -> Option<&'static str> {
    resolved.map(|it| STATES[usize::from(it)])
}

impl BreachesQuery {
    /// Reads an address.
    pub fn parse(query: &str) -> Result<Self, BadQuery> {
        let mut pairs = Pairs::parse(query)?;
        let found = Self {
            severity: pairs.word("severity", &SEVERITIES)?,
            resolved: pairs.word("state", &STATES)?.map(|it| it == STATES[1]),
            employee: pairs.id("employee")?,
            at: pairs.at()?,
            people: pairs.people()?,
        };
        pairs.end()?;
        Ok(found)
    }

    /// The address again.
    pub fn print(&self) -> String {
        let mut printed = Printed::default();
        printed.word("severity", self.severity);
        printed.word("state", state(self.resolved));
        printed.id("employee", self.employee);
        printed.at(self.at);
        printed.people(self.people);
        printed.end()
    }
}

/// A list of audit entries, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Those of one `action_type`.
    pub action: Option<String>,
    /// Those of one `action_status`.
    pub result: Option<&'static str>,
    /// Those of one request.
    pub request: Option<i64>,
    /// Which page.
    pub at: At,
    /// Whether names and addresses of people are shown.
    pub people: bool,
}

impl AuditQuery {
    /// Reads an address.
    pub fn parse(query: &str) -> Result<Self, BadQuery> {
        let mut pairs = Pairs::parse(query)?;
        let found = Self {
            action: pairs.name("action")?,
            result: pairs.word("result", &RESULTS)?,
            request: pairs.id("request")?,
            at: pairs.at()?,
            people: pairs.people()?,
        };
        pairs.end()?;
        Ok(found)
    }

    /// The address again.
    pub fn print(&self) -> String {
        let mut printed = Printed::default();
        printed.word("action", self.action.as_deref());
        printed.word("result", self.result);
        printed.id("request", self.request);
        printed.at(self.at);
        printed.people(self.people);
        printed.end()
    }
}

/// The way to a request, for people who know its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GoQuery {
    /// The request's id; none leads to the list.
    pub id: Option<i64>,
}

impl GoQuery {
    /// Reads an address.
    pub fn parse(query: &str) -> Result<Self, BadQuery> {
        let mut pairs = Pairs::parse(query)?;
        let found = Self { id: pairs.id("id")? };
        pairs.end()?;
        Ok(found)
    }
}

/// A list of rejections, by legacy row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectionsQuery {
    /// Those of one rule.
    pub rule: Option<String>,
    /// Those of one legacy row.
    pub row: Option<i64>,
    /// Those that are resolved, or those that aren't.
    pub resolved: Option<bool>,
    /// Which page.
    pub at: At,
    /// Whether values are shown that may be a person's.
    pub people: bool,
}

impl RejectionsQuery {
    /// Whether any filter is set.
    pub fn is_filtered(&self) -> bool {
        self.rule.is_some() || self.row.is_some() || self.resolved.is_some()
    }

    /// The same list from its first page.
    pub fn from_start(&self) -> Self {
        Self { at: At::Start, ..self.clone() }
    }

    /// Reads an address.
    pub fn parse(query: &str) -> Result<Self, BadQuery> {
        let mut pairs = Pairs::parse(query)?;
        let found = Self {
            rule: pairs.name("rule")?,
            row: pairs.id("row")?,
            resolved: pairs.word("state", &STATES)?.map(|it| it == STATES[1]),
            at: pairs.at()?,
            people: pairs.people()?,
        };
        pairs.end()?;
        Ok(found)
    }

    /// The address again.
    pub fn print(&self) -> String {
        let mut printed = Printed::default();
        printed.word("rule", self.rule.as_deref());
        printed.id("row", self.row);
        printed.word("state", state(self.resolved));
        printed.at(self.at);
        printed.people(self.people);
        printed.end()
    }
}

/// A page about one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewQuery {
    /// Whether names and addresses of people are shown.
    pub people: bool,
}

impl ViewQuery {
    /// Reads an address.
    pub fn parse(query: &str) -> Result<Self, BadQuery> {
        let mut pairs = Pairs::parse(query)?;
        let found = Self { people: pairs.people()? };
        pairs.end()?;
        Ok(found)
    }

    /// The address again.
    pub fn print(self) -> String {
        let mut printed = Printed::default();
        printed.people(self.people);
        printed.end()
    }
}

/// The overview.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OverviewQuery {
    /// Whether it stays as it is while a run is at work; else the browser loads it again every few seconds.
    pub still: bool,
}

impl OverviewQuery {
    /// Reads an address.
    pub fn parse(query: &str) -> Result<Self, BadQuery> {
        let mut pairs = Pairs::parse(query)?;
        let found = Self { still: pairs.word("reload", &["no"])?.is_some() };
        pairs.end()?;
        Ok(found)
    }

    /// The address again.
    pub fn print(self) -> String {
        let mut printed = Printed::default();
        printed.word("reload", self.still.then_some("no"));
        printed.end()
    }
}

/// A page about something that is looked up when somebody asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// Whether it is looked up now.
    pub now: bool,
    /// Whether names and addresses of people are shown.
    pub people: bool,
}

impl RunQuery {
    /// Reads an address.
    pub fn parse(query: &str) -> Result<Self, BadQuery> {
        let mut pairs = Pairs::parse(query)?;
        let found = Self { now: pairs.word("run", &["now"])?.is_some(), people: pairs.people()? };
        pairs.end()?;
        Ok(found)
    }

    /// The address again.
    pub fn print(self) -> String {
        let mut printed = Printed::default();
        printed.word("run", self.now.then_some("now"));
        printed.people(self.people);
        printed.end()
    }
}
