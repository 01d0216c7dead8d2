//! Whether the legacy table is frozen: nobody may write to it, and nobody does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::{list, plural};
use crate::checks::check::{Check, Status};
use crate::checks::gate::unknown;
use crate::config::settings::TableName;
use crate::migration::csv::summary::CsvSummary;

/// Who may write to a table, and whether anybody does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writers {
    /// How roles may write that are neither the owner nor superusers.
    pub(crate) ways: Vec<Way>,
    /// Owners of the table, or of what is below it, and who can act as one, that may log in.
    pub(crate) owners: Vec<String>,
    /// Owners that have sessions in this database now.
    pub(crate) owners_here: Vec<String>,
    /// Roles that may not write, and can give themselves the right to.
    pub(crate) grantors: Vec<String>,
    /// Subscriptions that write to it.
    pub(crate) subscriptions: Subscriptions,
    /// Processes whose open transactions have written to it.
    pub(crate) writing: Vec<i32>,
    /// Why writes can't be seen here, if rows come from elsewhere.
    pub(crate) elsewhere: Option<String>,
}

/// A way in which a role may write to the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The role that logs in; `public` for all of them.
    pub(crate) role: String,
    /// As which role it can do so, if it has to run SET ROLE before.
    pub(crate) acting: Option<String>,
    /// What it does: `insert`, `execute`.
    pub(crate) event: String,
    /// With which relation or function, as SQL has it.
    pub(crate) object: String,
    /// Why that writes to the legacy table.
    pub(crate) means: Means,
    /// To whom it was granted, as SQL has it.
    pub(crate) grantee: String,
    /// Whether it is known to write. Of a function only the text is seen.
    pub(crate) writes: bool,
}

/// Why something that a role does writes to the legacy table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// It is the table, or a partition.
    Table,
    /// It is a view of it, or a table that it is a partition or child of.
    View,
    /// A rule of this name writes to it.
    Rule(String),
    /// A foreign key of this name cascades to it.
    ForeignKey(String),
    /// A trigger of this name runs as somebody who may write to it.
    Trigger(String),
    /// It is a function that runs as somebody who may write to it.
    Function,
}

impl Way {
    fn words(&self) -> String {
        let Self { event, object, .. } = self;
        let what = match &self.means {
            Means::Table => event.clone(),
            Means::View => format!("{event} through {object}"),
            Means::Rule(name) => format!("{event} on {object}, by its rule {name}"),
            Means::ForeignKey(name) => format!("{event} on {object}, by the foreign key {name}"),
            Means::Trigger(name) => format!("{event} on {object}, by its trigger {name}"),
            Means::Function => format!("{event} {object}"),
        };
        match &self.acting {
            Some(role) => format!("{what} after set role {role}"),
            None => what,
        }
    }

    /// What a person has to look at.
    fn subject(&self) -> String {
        match &self.means {
            Means::Trigger(name) => format!("the trigger {name} of {}", self.object),
            _ => self.object.clone(),
        }
    }

    /// The statement that ends it, but for the events of a grant.
    fn remedy(&self) -> Remedy {
        let Self { role, object, grantee, .. } = self;
        match &self.means {
            Means::Rule(name) => Remedy::Whole(format!("alter table {object} disable rule {}", identifier(name))),
            Means::Trigger(name) => Remedy::Whole(format!("alter table {object} disable trigger {}", identifier(name))),
            Means::Function => Remedy::Whole(format!("revoke execute on routine {object} from {grantee}")),
            _ if grantee == WRITES_ALL => Remedy::Whole(format!("revoke {WRITES_ALL} from {}", identifier(role))),
            Means::Table | Means::View | Means::ForeignKey(_) => Remedy::Events(format!("on {object} from {grantee}")),
        }
    }
}

/// Its members may write to every table.
const WRITES_ALL: &str = "pg_write_all_data";

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Remedy {
    /// It goes after the events.
    Events(String),
    Whole(String),
}

/// Subscriptions of logical replication that write to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subscriptions {
    /// Their names; those that are not enabled write nothing.
    Known(Vec<(String, bool)>),
    /// There are some, and what they are is hidden from this role, the connected one.
    Hidden(String),
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self::Known(Vec::new())
    }
}

impl Subscriptions {
    fn enabled(&self) -> impl Iterator<Item = &str> {
        let all: &[(String, bool)] = match self {
            Self::Known(all) => all,
            Self::Hidden(_) => &[],
        };
        all.iter().filter(|(_, is_enabled)| *is_enabled).map(|(name, _)| &**name)
    }
}

/// What writing changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Rows inserted, updated and deleted since the statistics began. They arrive late.
    pub(crate) written: i64,
    /// What the rows are at the moment.
    pub(crate) rows: Rows,
}

/// What the rows are at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// How many there are.
    pub(crate) count: i64,
    /// The newest last_modified_date, as text.
    pub(crate) newest: Option<String>,
    /// A digest of the versions of all rows, or of the rows where they have no versions.
    pub(crate) digest: Option<String>,
}

const NAME: &str = "source_frozen";

/// What a file shows that the legacy rows come from: whether it is as counted, and what its export may have lost.
pub(crate) fn file(csv: &CsvSummary) -> Check {
    let rows = plural(csv.rows, "row", "rows");
    match csv.alarms.is_empty() {
        true => Check::new("source_file", Status::Pass, format!("{rows}, as --csv-rows says; nothing looks lost")),
        false => {
            let alarms: Vec<&str> = csv.alarms.iter().map(|it| it.message.as_str()).collect();
            Check::new("source_file", Status::Warn, format!("{rows}; {}", alarms.join("; ")))
        }
    }
}

/// Whether it is frozen, from looks that are some seconds apart.
pub(crate) fn check(table: &TableName, writers: &Writers, looks: &[Counters], seconds: u64) -> Check {
    if let Some(why) = &writers.elsewhere {
        return unknown(
            NAME,
            format!(
                "{why}, so who writes to {table} is not seen here; freeze it where its rows are, export it then, and accept \
                 this with a reason in the exceptions file (check = \"{NAME}\", docs/gate.md)"
            ),
        );
    }
    if !writers.writing.is_empty() {
        let count = plural(writers.writing.len() as u64, "open transaction has", "open transactions have");
        let text = format!("{count} written to {table}; wait until they end, then keep everybody from writing");
        let rows = writers.writing.iter().map(|it| vec![json!(it)]).collect();
        return Check::new(NAME, Status::Fail, text).with_table(&["process"], rows);
    }
    if let Some(check) = allowed(table, writers) {
        return check;
    }
    if !writers.owners_here.is_empty() {
        let names = list(&writers.owners_here);
        let text = format!("{names} owns {table}, may always write to it, and has sessions here; end its programs");
        return Check::new(NAME, Status::Fail, text);
    }
    observed(table, writers, looks, seconds)
}

/// What keeps it from being frozen, of what is allowed.
fn allowed(table: &TableName, writers: &Writers) -> Option<Check> {
    let certain: Vec<&Way> = writers.ways.iter().filter(|it| it.writes).collect();
    let subscriptions: Vec<String> =
        writers.subscriptions.enabled().map(|it| format!("the subscription {it}")).collect();
    if certain.is_empty() && subscriptions.is_empty() {
        let Subscriptions::Hidden(role) = &writers.subscriptions else { return None };
        let text = format!(
            "a subscription is to write to {table}, and {role} does not see whether it is enabled; a superuser runs: grant \
             select (oid, subname, subenabled) on pg_catalog.pg_subscription to {};",
            identifier(role)
        );
        return Some(unknown(NAME, text));
    }
    let names = by_role(&certain).into_keys().map(called).chain(subscriptions.iter().cloned());
    let mut statements = statements(&certain);
    statements
        .extend(writers.subscriptions.enabled().map(|it| format!("alter subscription {} disable", identifier(it))));
    let more = match statements.len().saturating_sub(STATEMENTS) {
        0 => String::new(),
        more => format!(" and {more} more, which are shown when these have been run"),
    };
    statements.truncate(STATEMENTS);
    let text = format!(
        "{} may still write to {table}; the owner of each object runs: {};{more}",
        list(names.collect::<Vec<_>>()),
        statements.join("; ")
    );
    let ways = by_role(&certain).into_iter().map(|(role, ways)| vec![json!(role), json!(ways.join(", "))]);
    let applied = subscriptions.iter().map(|it| vec![json!(it), json!("insert, update, delete, truncate")]);
    Some(Check::new(NAME, Status::Fail, text).with_table(&["role", "may"], ways.chain(applied).collect()))
}

/// So many statements are shown at once.
const STATEMENTS: usize = 8;

fn called(role: &str) -> String {
    if role == "public" { "every role".to_owned() } else { role.to_owned() }
}

/// The ways of each role, in words.
fn by_role<'a>(ways: &[&'a Way]) -> BTreeMap<&'a str, Vec<String>> {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for way in ways {
        all.entry(&way.role).or_default().push(way.words());
    }
    all
}

/// What ends the ways, each statement once.
fn statements(ways: &[&Way]) -> Vec<String> {
    let mut all: BTreeMap<Remedy, BTreeSet<&str>> = BTreeMap::new();
    for way in ways {
        all.entry(way.remedy()).or_default().insert(&way.event);
    }
    let statement = |(remedy, events): (Remedy, BTreeSet<&str>)| match remedy {
        Remedy::Whole(statement) => statement,
        Remedy::Events(rest) => format!("revoke {} {rest}", events.into_iter().collect::<Vec<_>>().join(", ")),
    };
    all.into_iter().map(statement).collect()
}

/// Whether anything was written while it was watched.
fn observed(table: &TableName, writers: &Writers, looks: &[Counters], seconds: u64) -> Check {
    let Some([before, last]) = looks.last_chunk::<2>() else {
        return unknown(NAME, "whether rows change was not observed; give --freeze-seconds a number above 0");
    };
    let first = &looks[0];
    // The rows are seen as they are. Counters arrive late, so that only the end of the watch counts.
    if looks.iter().any(|it| it.rows != first.rows) || before != last {
        let written = match last.written - first.written {
            1.. => format!("; {} writes are counted", last.written - first.written),
            _ => String::new(),
        };
        let text = format!(
            "{table} changed within {seconds} s: {} rows, then {}{written}; keep everybody from writing to it, and end \
             jobs that still run",
            first.rows.count, last.rows.count
        );
        return Check::new(NAME, Status::Fail, text);
    }
    let owner = match &writers.owners[..] {
        [] => "superusers".to_owned(),
        some => format!("{} as owner, and superusers", list(some)),
    };
    let newest = last.rows.newest.as_deref().unwrap_or("none");
    let mut text =
        format!("nothing was written within {seconds} s; only {owner} may; newest last_modified_date: {newest}");
    let possible: Vec<&Way> = writers.ways.iter().filter(|it| !it.writes).collect();
    if writers.grantors.is_empty() && possible.is_empty() {
        return Check::new(NAME, Status::Pass, text);
    }
    if !writers.grantors.is_empty() {
        text += &format!("; {} can take the right by GRANT or SET ROLE", list(&writers.grantors));
    }
    let objects: BTreeSet<String> = possible.iter().map(|it| it.subject()).collect();
    if !objects.is_empty() {
        text += &format!(
            "; {} may write to it, too: it runs as a role that may, and its text names the table, runs SQL that it makes \
             itself, or can't be read; see what it does",
            list(objects)
        );
    }
    let rows = by_role(&possible).into_iter().map(|(role, ways)| vec![json!(role), json!(ways.join(", "))]);
    let grantors = writers.grantors.iter().map(|it| vec![json!(it), json!("grant or set role")]);
    Check::new(NAME, Status::Warn, text).with_table(&["role", "may"], rows.chain(grantors).collect())
}
