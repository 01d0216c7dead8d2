//! What is known about a database, and what that means for a cutover (F2). Pure: [`crate::checks::pg::examine`] asks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::base::quote::{quote_identifier, quote_literal};
use crate::base::text::{list, plural, thousands};
use crate::checks::check::{Check, Status};
use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::schema::names::{APPLICATION_TABLES, CRITICAL_REFERENCE_TABLES, MANAGED_TABLES, REFERENCE_TABLES};
use crate::schema::relation::UnknownRelation;

/// Everything that was asked.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The server and the database.
    pub server: Server,
    /// The role that asked.
    pub role: Role,
    /// The relations of both schemas, the legacy table, and what sits in `public` and may be ours.
    pub relations: Vec<Relation>,
    /// What is known of the relations of `padealing` that nobody expects.
    pub strangers: Vec<UnknownRelation>,
    /// What roles may do with the schemas.
    pub schema_rights: Vec<SchemaRights>,
    /// What roles may do with each table.
    pub table_rights: Vec<TableRights>,
    /// Roles that were named and aren't there.
    pub missing_roles: Vec<(&'static str, String)>,
    /// Attributes of the named roles that let them past every check: role, attribute.
    pub attributes: Vec<(String, &'static str)>,
    /// Revisions that are applied; none if the history isn't there or this role has no right to it, and why if it can't be
    /// read for another reason.
    pub revisions: Result<Option<BTreeSet<String>>, String>,
    /// How many revisions `apply` would apply, or why it would not.
    pub apply: Option<Result<usize, String>>,
    /// Tables in which other programs keep the history of a schema: the table, the program, the version it notes.
    pub managers: Vec<(String, &'static str, Option<String>)>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            server: Server::default(),
            role: Role::default(),
            relations: Vec::new(),
            strangers: Vec::new(),
            schema_rights: Vec::new(),
            table_rights: Vec::new(),
            missing_roles: Vec::new(),
            attributes: Vec::new(),
            revisions: Ok(None),
            apply: None,
            managers: Vec::new(),
        }
    }
}

/// The server and the database.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// `server_version`.
    pub version: String,
    /// The major version.
    pub major: u32,
    /// Whether it is a standby.
    pub standby: bool,
    /// Whether new transactions are read-only by configuration.
    pub read_only: bool,
    /// The database's encoding.
    pub encoding: String,
    /// The database's collation.
    pub collation: String,
    /// Collations whose library has another version than when they were last used: name, version noted, version now.
    pub collation_changes: Vec<(String, String, String)>,
    /// `log_timezone`: the zone of the server's clock.
    pub clock_zone: String,
    /// Zones that are set for the database, or for roles in it: for whom, zone.
    pub zones: Vec<(String, String)>,
    /// `max_connections` without those reserved for superusers, and how many are used.
    pub connections: (i64, i64),
    /// The database's own limit, and how many are used; -1 is none.
    pub database_connections: (i64, i64),
    /// The role's own limit, and how many are used; -1 is none.
    pub role_connections: (i64, i64),
}

/// The role that asked.
#[derive(Clone, Debug, Default)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// When its password expires, and in how many days, if it does.
    pub valid_until: Option<(String, f64)>,
    /// Whether it may create schemas in the database.
    pub creates_schemas: bool,
    /// Who owns `padealing`, if there is such a schema.
    pub application_owner: Option<String>,
    /// Whether it is a member of the owner of `padealing`; none if there is no such schema.
    pub owns_application: Option<bool>,
    /// Whether it is a member of the role that DB_OWNER_ROLE names, and whether that one may create schemas in the database;
    /// none if there is no such role.
    pub named_owner: Option<(bool, bool)>,
}

/// How many rows a table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Counted.
    Exact(i64),
    /// What the planner takes it for.
    Estimate(i64),
    /// Nobody has ever analysed it.
    Unknown,
    /// The role may not look.
    Hidden,
    /// It is a view, and has none of its own.
    View,
    /// Counting them failed, and why.
    Failed(String),
}

impl Rows {
    fn cell(&self) -> Value {
        match self {
            Self::Exact(rows) | Self::Estimate(rows) => json!(rows),
            Self::Unknown | Self::Hidden | Self::View | Self::Failed(_) => Value::Null,
        }
    }

    fn how(&self) -> &str {
        match self {
            Self::Exact(_) => "counted",
            Self::Estimate(_) => "estimate",
            Self::Unknown => "never analysed",
            Self::Hidden => "may not be read",
            Self::View => "a view",
            Self::Failed(why) => why,
        }
    }
}

/// A table, view or the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
    /// Table, view and so on.
    pub kind: &'static str,
    /// Its rows.
    pub rows: Rows,
    /// Bytes with indexes and TOAST; none if somebody has it locked.
    pub bytes: Option<i64>,
    /// Its owner.
    pub owner: String,
    /// Whether the role is a member of its owner.
    pub owned: bool,
    /// Whether the role may read it.
    pub readable: bool,
    /// Whether its rows can be counted.
    pub countable: bool,
    /// Whether there is a row.
    pub filled: Filled,
    /// Whether a policy may hide rows from the role.
    pub policed: bool,
}

/// Whether a table holds a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filled {
    /// It does.
    Yes,
    /// It doesn't.
    No,
    /// Nobody has seen, and why.
    Unseen(String),
}

/// What a role may do with a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRights {
    /// The role.
    pub role: String,
    /// The schema.
    pub schema: String,
    /// Whether it may use what is in there.
    pub usage: bool,
    /// Whether it may create something there.
    pub create: bool,
    /// Sequences it may not draw from, but for those of identities.
    pub closed_sequences: i64,
    /// Sequences that `migrate` could not draw from and look at as this role.
    pub undrawable_sequences: i64,
    /// Sequences that it may change.
    pub open_sequences: i64,
}

/// What a role may do with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRights {
    /// The role.
    pub role: String,
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// SELECT, INSERT and so on, on the whole table.
    pub privileges: Vec<String>,
    /// Whether it may write any of it, be it one column.
    pub writes: bool,
}

impl TableRights {
    /// Whether it is one of the tables that the data model knows.
    fn is_known(&self) -> bool {
        let known: &[&str] = if self.schema == "padealing" { MANAGED_TABLES } else { &REFERENCE_TABLES };
        known.contains(&&*self.table)
    }
}

/// What the checks are made against.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// The environment.
    pub environment: Environment,
    /// The roles that are named.
    pub roles: &'a Roles,
    /// The legacy table.
    pub legacy: &'a TableName,
    /// Whether the legacy table is in another database.
    pub source_elsewhere: bool,
    /// Major versions that are supported.
    pub supported: &'a RangeInclusive<u32>,
    /// The revisions that this program has.
    pub revisions: &'a [&'a str],
}

/// What a comment begins with when somebody has decided to keep a table.
const KEPT: &str = "Kept on purpose";

/// Every check that the facts allow, in the order in which a person wants to read them.
pub fn checks(facts: &Facts, expected: &Expectations<'_>) -> Vec<Check> {
    let mut all = server_checks(&facts.server, expected);
    all.extend(table_checks(facts, expected));
    all.extend(role_checks(facts, expected));
    all.extend([row_security(facts), revision(facts, expected), managers(facts)]);
    all
}

fn server_checks(server: &Server, expected: &Expectations<'_>) -> Vec<Check> {
    let (first, last) = (expected.supported.start(), expected.supported.end());
    let version = &server.version;
    let version = if expected.supported.contains(&server.major) {
        Check::new("server_version", Status::Pass, format!("PostgreSQL {version}; {first} to {last} are supported"))
    } else {
        let text =
            format!("PostgreSQL {version}; only {first} to {last} are supported: use a pad-migrate that knows it");
        Check::new("server_version", Status::Warn, text)
    };
    let role = match (server.standby, server.read_only) {
        (true, _) => {
            let text = "a standby: checks work here, apply and migrate don't; name the primary for the cutover";
            Check::new("server_role", Status::Warn, text)
        }
        (false, true) => {
            let text = "the primary, and transactions are read-only by configuration (default_transaction_read_only)";
            Check::new("server_role", Status::Warn, text)
        }
        (false, false) => Check::new("server_role", Status::Pass, "the primary"),
    };
    let encoding = match &*server.encoding {
        "UTF8" => Check::new("encoding", Status::Pass, "UTF8"),
        other => {
            let text =
                format!("{other}; padealing needs UTF8 to hold every legacy text: create the database anew as UTF8");
            Check::new("encoding", Status::Fail, text)
        }
    };
    let columns = &["collation", "version_noted", "version_now"];
    let collation = if server.collation_changes.is_empty() {
        Check::new("collation", Status::Pass, server.collation.clone())
    } else {
        let text = "the system's library sorts otherwise than when indexes were built; \
                    have them rebuilt (REINDEX), then the version refreshed (ALTER DATABASE or COLLATION … REFRESH VERSION)";
        let rows =
            server.collation_changes.iter().map(|(name, noted, now)| vec![json!(name), json!(noted), json!(now)]);
        Check::new("collation", Status::Warn, text).with_table(columns, rows.collect())
    };
    let zones: Vec<String> = server.zones.iter().map(|(whom, zone)| format!("{zone} for {whom}")).collect();
    let zones = if zones.is_empty() { "none set for the database or its roles".to_owned() } else { list(zones) };
    let time_zone =
        format!("the server's clock is in {}; {zones}. Timestamps are copied as they are", server.clock_zone);
    vec![version, role, encoding, collation, Check::new("time_zone", Status::Pass, time_zone), connections(server)]
}

/// Sessions that a cutover needs at once: one per worker, the reader, the recorder.
const SESSIONS: i64 = 5;

fn connections(server: &Server) -> Check {
    let limits =
        [("server", server.connections), ("database", server.database_connections), ("role", server.role_connections)];
    let limits = limits.iter().filter(|(_, (limit, _))| *limit >= 0);
    let text = list(limits.clone().map(|(whose, (limit, used))| format!("{used} of {limit} of the {whose}'s in use")));
    let tight: Vec<&str> = limits.filter(|(_, (limit, used))| limit - used < SESSIONS).map(|it| it.0).collect();
    if tight.is_empty() {
        return Check::new("connections", Status::Pass, text);
    }
    let text = format!("{text}; migrate needs {SESSIONS}: have the limit of the {} raised", tight.join(" and the "));
    Check::new("connections", Status::Warn, text)
}

fn size(bytes: i64) -> String {
    match bytes {
        ..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{} kB", bytes / 1024),
        10_485_760..10_737_418_240 => format!("{} MB", bytes / (1 << 20)),
        _ => format!("{} GB", bytes / (1 << 30)),
    }
}

fn table_checks(facts: &Facts, expected: &Expectations<'_>) -> Vec<Check> {
    let of = |schema: &str| -> BTreeMap<&str, &Relation> {
        facts.relations.iter().filter(|it| it.schema == schema).map(|it| (&*it.name, it)).collect()
    };
    let (ours, theirs) = (of("padealing"), of("bo_airflow"));
    let shown: Vec<&Relation> = facts.relations.iter().collect();
    let rows = shown.iter().map(|it| {
        let cells = [json!(it.schema), json!(it.name), json!(it.kind), it.rows.cell(), json!(it.rows.how())];
        cells.into_iter().chain([json!(it.bytes.map(size))]).collect()
    });
    let counts: BTreeMap<&str, usize> = shown.iter().fold(BTreeMap::new(), |mut counts, it| {
        *counts.entry(&it.schema).or_default() += 1;
        counts
    });
    let counts = list(counts.iter().map(|(schema, count)| format!("{count} in {schema}")));
    let counts = if counts.is_empty() { "none".to_owned() } else { counts };
    let tables = Check::new("tables", Status::Pass, counts)
        .with_table(&["schema", "table", "kind", "rows", "row_count_is", "size"], rows.collect());

    let missing: Vec<&&str> = MANAGED_TABLES.iter().filter(|it| !ours.contains_key(**it)).collect();
    let critical = if missing.is_empty() {
        let text = format!("all {} tables of padealing are there", MANAGED_TABLES.len());
        Check::new("critical_tables", Status::Pass, text)
    } else if missing.len() == MANAGED_TABLES.len() {
        Check::new("critical_tables", Status::Fail, "padealing has none of its tables yet; run: pad-migrate apply")
    } else {
        let text = format!("padealing lacks {}; apply creates them, as pad-migrate plan shows", list(missing));
        Check::new("critical_tables", Status::Fail, text)
    };
    let mut all = vec![tables, critical, reference(&theirs, expected)];
    if !expected.source_elsewhere {
        all.push(legacy(of(&expected.legacy.schema).get(&*expected.legacy.name).copied(), expected.legacy, ""));
    }
    all.push(strangers(facts));
    all
}

fn reference(theirs: &BTreeMap<&str, &Relation>, expected: &Expectations<'_>) -> Check {
    const NAME: &str = "reference_tables";
    let missing: Vec<&&str> = REFERENCE_TABLES.iter().filter(|it| !theirs.contains_key(**it)).collect();
    if !missing.is_empty() {
        let what = if missing.len() == REFERENCE_TABLES.len() { "all of its tables".to_owned() } else { list(missing) };
        let remedy = match expected.environment {
            Environment::Local => "pad-migrate apply creates the mirror in a local database",
            _ => "have the mirror's owner load them, or correct the address",
        };
        return Check::new(NAME, Status::Fail, format!("bo_airflow lacks {what}; {remedy}"));
    }
    let critical = CRITICAL_REFERENCE_TABLES.iter().map(|it| theirs[it]);
    let empty: Vec<&str> = critical.clone().filter(|it| it.filled == Filled::No).map(|it| &*it.name).collect();
    let unseen = critical.filter_map(|it| match &it.filled {
        Filled::Unseen(why) => Some(format!("{} ({why})", it.name)),
        _ => None,
    });
    let unseen: Vec<String> = unseen.collect();
    let all = format!("all {} tables of the contract are there", REFERENCE_TABLES.len());
    if !empty.is_empty() {
        let remedy = match expected.environment {
            Environment::Local => "run: pad-migrate seed",
            _ => "have the mirror's owner load them",
        };
        return Check::new(NAME, Status::Fail, format!("{all}, and without rows {}; {remedy}", list(empty)));
    }
    if !unseen.is_empty() {
        let text = format!("{all}; whether they hold rows can't be seen of {}", list(unseen));
        return Check::new(NAME, Status::Warn, text);
    }
    Check::new(
        NAME,
        Status::Pass,
        format!("{all}, and the critical ones hold rows: {}", list(CRITICAL_REFERENCE_TABLES)),
    )
}

/// Whether the legacy table can be migrated from; `place` is where, if it isn't the target.
pub fn legacy(found: Option<&Relation>, table: &TableName, place: &str) -> Check {
    const NAME: &str = "legacy_table";
    match found {
        None => {
            let text = format!("there is no table {table}{place}; correct LEGACY_TABLE, or SOURCE_DATABASE_URL");
            Check::new(NAME, Status::Fail, text)
        }
        Some(it) if !it.readable => {
            let text = format!("{table}{place} may not be read; have the role granted SELECT on it");
            Check::new(NAME, Status::Fail, text)
        }
        Some(it) if it.policed => {
            let text = format!("a policy may hide rows of {table}{place} from this role; use a role with BYPASSRLS");
            Check::new(NAME, Status::Fail, text)
        }
        Some(it) => {
            let rows = match &it.rows {
                Rows::Exact(rows) => format!("{} rows", thousands(rows.unsigned_abs())),
                _ if it.filled == Filled::No => "no rows".to_owned(),
                Rows::Estimate(rows) => format!("about {} rows (an estimate)", thousands(rows.unsigned_abs())),
                Rows::Failed(why) => format!("rows that can't be counted: {why}"),
                Rows::Unknown | Rows::Hidden | Rows::View => {
                    "rows, of which there is no estimate (see --exact)".to_owned()
                }
            };
            Check::new(NAME, Status::Pass, format!("{table}{place} holds {rows}"))
        }
    }
}

fn strangers(facts: &Facts) -> Check {
    const NAME: &str = "unknown_tables";
    let mut rows = Vec::new();
    let mut open = Vec::new();
    for it in &facts.strangers {
        let relation = facts.relations.iter().find(|other| other.schema == "padealing" && other.name == it.name);
        let count = relation.map_or(Rows::Unknown, |it| it.rows.clone());
        let (keep, reason) = recommendation(it, relation, facts.server.standby);
        let name = format!("padealing.{}", quote_identifier(&it.name));
        let said = it.comment.as_deref().map(|it| format!(" ({it})")).unwrap_or_default();
        let sql = match keep {
            true => format!("comment on {} {name} is {}", it.kind, quote_literal(&format!("{KEPT}: …{said}"))),
            false => format!("drop {} {name}", it.kind),
        };
        if !it.comment.as_ref().is_some_and(|it| it.starts_with(KEPT)) {
            open.push(&*it.name);
        }
        rows.push(vec![
            json!(it.name),
            json!(it.kind),
            json!(it.owner),
            json!(it.columns),
            count.cell(),
            json!(count.how()),
            json!(relation.and_then(|it| it.bytes).map(size)),
            json!(it.dependents()),
            json!(it.used()),
            json!(it.comment),
            json!(if keep { "keep" } else { "drop" }),
            json!(reason),
            json!(sql),
        ]);
    }
    let columns = &[
        "table",
        "kind",
        "owner",
        "columns",
        "rows",
        "row_count_is",
        "size",
        "dependents",
        "use",
        "comment",
        "recommendation",
        "reason",
        "sql",
    ];
    let check = if facts.strangers.is_empty() {
        Check::new(NAME, Status::Pass, "padealing holds nothing that isn't known")
    } else if open.is_empty() {
        Check::new(NAME, Status::Pass, "what is unknown in padealing is commented as kept on purpose")
    } else {
        let text = format!(
            "padealing holds {}, which nothing here uses or touches; decide, then run the SQL or say it in a comment",
            list(open)
        );
        Check::new(NAME, Status::Warn, text)
    };
    check.with_table(columns, rows)
}

/// A read this many days ago is a use; not having been used for as long is a reason to go.
const RECENT: f64 = 90.0;

/// Whether to keep a relation that nobody expects, and why. To drop it takes certainty that nobody uses it.
fn recommendation(it: &UnknownRelation, relation: Option<&Relation>, standby: bool) -> (bool, String) {
    let (since, days) = &it.since;
    if !it.dependents.is_empty() {
        return (true, format!("{} would break without it", list(&it.dependents)));
    }
    if let Some(family) = &it.family {
        return (true, format!("{family}: what it holds, and who uses it, is not seen from it alone"));
    }
    if !["table", "materialized view"].contains(&it.kind) {
        return (true, format!("Postgres doesn't count who reads a {}: ask {}, who owns it", it.kind, it.owner));
    }
    if it.writes > 0 {
        return (true, format!("somebody has written to it since {since}: find out who"));
    }
    match &it.last_read {
        Some((when, days)) if *days < RECENT => {
            return (true, format!("somebody read it on {when}; find out who, and whether it was a backup"));
        }
        None if it.reads > 0 => {
            return (true, format!("it was read {} times since {since}; find out whether by a backup", it.reads));
        }
        _ => {}
    }
    if standby {
        return (true, "a standby counts only who reads it there: ask the primary".to_owned());
    }
    if !it.counted || *days < RECENT {
        let why =
            if it.counted { format!("since {since} only") } else { "not at all (track_counts is off)".to_owned() };
        return (true, format!("its use is known {why}, too little to tell: look again later, or ask {}", it.owner));
    }
    let rows = if relation.is_some_and(|it| it.filled == Filled::No) { "it is empty" } else { "back it up first" };
    (false, format!("nothing depends on it, and nobody has read or written it since {since}; {rows}"))
}

/// A role that is looked at, and what it is here: connected, owner, app, reader.
type Subject<'a> = (&'a str, Vec<&'static str>);

fn subjects<'a>(facts: &'a Facts, roles: &'a Roles) -> Vec<Subject<'a>> {
    let named = [("owner", &roles.owner), ("app", &roles.app), ("reader", &roles.reader)];
    let named = named.into_iter().filter_map(|(part, name)| Some((part, name.as_deref()?)));
    let mut all: Vec<Subject<'a>> = Vec::new();
    for (part, name) in std::iter::once(("connected", &*facts.role.name)).chain(named) {
        if facts.missing_roles.iter().any(|it| it.1 == name) {
            continue;
        }
        match all.iter_mut().find(|it| it.0 == name) {
            Some(subject) => subject.1.push(part),
            None => all.push((name, vec![part])),
        }
    }
    all
}

impl Facts {
    fn has_ours(&self, table: &str) -> bool {
        self.relations.iter().any(|it| it.schema == "padealing" && it.name == table)
    }

    fn schema(&self, role: &str, schema: &str) -> Option<&SchemaRights> {
        self.schema_rights.iter().find(|it| it.role == role && it.schema == schema)
    }

    /// The tables of a schema, among some of them, on which a role lacks a privilege.
    fn lacking<'a>(&'a self, role: &str, schema: &str, among: &[&str], privilege: &str) -> Vec<&'a str> {
        let rights = self.table_rights.iter().filter(|it| it.role == role && it.schema == schema);
        let lacking =
            rights.filter(|it| among.contains(&&*it.table) && !it.privileges.iter().any(|it| it == privilege));
        lacking.map(|it| &*it.table).collect()
    }

    /// What a role must be granted so that it can read everything, or more; SQL.
    fn grants(&self, role: &str, needs: &[(&str, &[&str], &[&str])]) -> Vec<String> {
        let mut grants = Vec::new();
        let quoted = quote_identifier(role);
        for (schema, among, privileges) in needs {
            let Some(rights) = self.schema(role, schema) else { continue };
            if !rights.usage {
                grants.push(format!("grant usage on schema {schema} to {quoted}"));
            }
            let mut by_tables: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
            for privilege in *privileges {
                by_tables.entry(self.lacking(role, schema, among, privilege)).or_default().push(privilege);
            }
            by_tables.remove(&Vec::new());
            for (tables, privileges) in by_tables {
                // By name: not what else is in the schema, nor what comes.
                let on = list(tables.iter().map(|it| format!("{schema}.{}", quote_identifier(it))));
                grants.push(format!("grant {} on {on} to {quoted}", list(privileges).to_lowercase()));
            }
        }
        grants
    }
}

fn role_checks(facts: &Facts, expected: &Expectations<'_>) -> Vec<Check> {
    let subjects = subjects(facts, expected.roles);
    let mut rows = Vec::new();
    for (role, _) in &subjects {
        for rights in facts.schema_rights.iter().filter(|it| it.role == *role) {
            let tables: Vec<&TableRights> = facts
                .table_rights
                .iter()
                .filter(|it| it.role == *role && it.schema == rights.schema && it.is_known())
                .collect();
            let count = |privilege: &str| {
                let having = tables.iter().filter(|it| it.privileges.iter().any(|it| it == privilege)).count();
                json!(format!("{having}/{}", tables.len()))
            };
            let yes = |it: bool| json!(if it { "yes" } else { "no" });
            let mut row = vec![json!(role), json!(rights.schema), yes(rights.usage), yes(rights.create)];
            row.extend(["SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES"].map(count));
            rows.push(row);
        }
    }
    let columns = &["role", "schema", "usage", "create", "select", "insert", "update", "delete", "references"];
    vec![
        privileges(facts, expected).with_table(columns, rows),
        named_roles(facts, expected, &subjects),
        excess(facts, expected, &subjects),
        password(&facts.role),
    ]
}

/// What the role that asked can do: read, apply, migrate.
fn privileges(facts: &Facts, expected: &Expectations<'_>) -> Check {
    const NAME: &str = "privileges";
    let role = &*facts.role.name;
    // The bookkeeping is none of the application's business.
    let is_app = expected.roles.app.as_deref() == Some(role);
    let ours = if is_app { APPLICATION_TABLES } else { MANAGED_TABLES };
    let everything: [(&str, &[&str], &[&str]); 2] =
        [("padealing", ours, &["SELECT"]), ("bo_airflow", &REFERENCE_TABLES, &["SELECT"])];
    let missing = facts.grants(role, &everything);
    if !missing.is_empty() {
        let text =
            format!("{role} can't read everything that the checks look at; have it granted: {}", missing.join("; "));
        return Check::new(NAME, Status::Fail, text);
    }
    let text = format!(
        "as {role} – checks: {}; apply: {}; migrate: {}",
        if is_app { "yes, but for the migration's own tables" } else { "yes" },
        may_apply(facts, expected.roles.owner.as_deref()),
        may_migrate(facts, expected),
    );
    Check::new(NAME, Status::Pass, text)
}

fn yes_unless(against: &[String]) -> String {
    if against.is_empty() { "yes".to_owned() } else { format!("no ({})", against.join("; ")) }
}

/// What tables that the role doesn't own have against it.
fn of_others<'a>(tables: impl Iterator<Item = &'a Relation>) -> Option<String> {
    let others = tables.filter(|it| !it.owned).count();
    (others > 0).then(|| format!("{} to others", plural(others as u64, "table belongs", "tables belong")))
}

/// Whether the role that asked can apply what is pending.
fn may_apply(facts: &Facts, owner: Option<&str>) -> String {
    let mut against = Vec::new();
    match &facts.apply {
        Some(Ok(0)) => return "nothing is pending".to_owned(),
        Some(Err(why)) => against.push(why.clone()),
        Some(Ok(_)) | None => {}
    }
    if facts.server.standby {
        against.push("this is a standby".to_owned());
    }
    let role = &facts.role;
    match role.owns_application {
        Some(false) => against.push("it isn't the owner of padealing".to_owned()),
        None if !role.creates_schemas => against.push("it may not create schemas here".to_owned()),
        _ => {}
    }
    // ALTER SCHEMA … OWNER asks both for it.
    if let (Some((may_become, creates)), Some(owner)) = (role.named_owner, owner)
        && role.application_owner.as_deref() != Some(owner)
    {
        if !may_become {
            against.push(format!("it isn't a member of {owner}, which is to own padealing"));
        }
        if !creates {
            against.push(format!("{owner}, which is to own padealing, may not create schemas here"));
        }
    }
    let managed = facts.relations.iter().filter(|it| ["padealing", "public"].contains(&&*it.schema));
    against.extend(of_others(managed.filter(|it| MANAGED_TABLES.contains(&&*it.name))));
    let unreferenced = facts.lacking(&role.name, "bo_airflow", &CRITICAL_REFERENCE_TABLES[..2], "REFERENCES");
    if !unreferenced.is_empty() {
        against.push(format!("no REFERENCES on {}", list(unreferenced)));
    }
    yes_unless(&against)
}

/// The tables that `migrate` writes to; the last two it updates, too.
const WRITTEN: &[&str] = &[
    "pad_request",
    "pad_approval",
    "pad_execution",
    "audit_log",
    "migration_mapping",
    "migration_run",
    "migration_reject",
];

/// Whether the role that asked can migrate.
fn may_migrate(facts: &Facts, expected: &Expectations<'_>) -> String {
    if !MANAGED_TABLES.iter().all(|name| facts.has_ours(name)) {
        return "no (padealing isn't complete yet)".to_owned();
    }
    let role = &*facts.role.name;
    let mut against = Vec::new();
    if facts.server.standby {
        against.push("this is a standby".to_owned());
    }
    if facts.server.encoding != "UTF8" {
        against.push("the database isn't UTF8".to_owned());
    }
    for (tables, privilege) in [(MANAGED_TABLES, "SELECT"), (WRITTEN, "INSERT"), (&WRITTEN[5..], "UPDATE")] {
        let lacking = facts.lacking(role, "padealing", tables, privilege);
        if !lacking.is_empty() {
            against.push(format!("no {privilege} on {}", list(lacking)));
        }
    }
    let undrawable = facts.schema(role, "padealing").map_or(0, |it| it.undrawable_sequences);
    if undrawable > 0 {
        against.push(format!("no USAGE and SELECT on {}", plural(undrawable.unsigned_abs(), "sequence", "sequences")));
    }
    // Moving a sequence far takes a lock on it that only its owner, who is the table's, can have.
    let written = facts.relations.iter().filter(|it| it.schema == "padealing" && WRITTEN.contains(&&*it.name));
    against.extend(of_others(written));
    let table = expected.legacy;
    let legacy = facts.relations.iter().find(|it| it.schema == table.schema && it.name == table.name);
    if !expected.source_elsewhere && !legacy.is_some_and(|it| it.readable && !it.policed) {
        against.push(format!("{table} can't be read"));
    }
    yes_unless(&against)
}

/// Whether the roles of padealing have what the data model gives them.
fn named_roles(facts: &Facts, expected: &Expectations<'_>, subjects: &[Subject<'_>]) -> Check {
    const NAME: &str = "role_privileges";
    let mut problems: Vec<String> =
        facts.missing_roles.iter().map(|(key, role)| format!("there is no role {role}, which {key} names")).collect();
    let there = facts.schema_rights.iter().any(|it| it.schema == "bo_airflow")
        && MANAGED_TABLES.iter().any(|it| facts.has_ours(it));
    if problems.is_empty() && !there {
        return Check::new(NAME, Status::Skip, "one of the schemas, or its tables, aren't there yet");
    }
    let mut fine = Vec::new();
    let named = subjects.iter().flat_map(|(role, parts)| parts.iter().map(move |part| (role, part)));
    for (role, part) in named.filter(|it| *it.1 != "connected") {
        const WORK: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];
        let reference: (&str, &[&str], &[&str]) = ("bo_airflow", &REFERENCE_TABLES, &["SELECT"]);
        let missing = match *part {
            "app" => facts.grants(role, &[("padealing", APPLICATION_TABLES, WORK), reference]),
            "reader" => facts.grants(role, &[("padealing", MANAGED_TABLES, &["SELECT"]), reference]),
            _ => facts.grants(role, &[("bo_airflow", &CRITICAL_REFERENCE_TABLES[..2], &["SELECT", "REFERENCES"])]),
        };
        let closed = facts.schema(role, "padealing").map_or(0, |it| it.closed_sequences);
        let sequences = (*part == "app" && closed > 0)
            .then(|| format!("grant usage on all sequences in schema padealing to {}", quote_identifier(role)));
        let other = facts.role.application_owner.as_ref().filter(|it| *part == "owner" && it != role);
        if let Some(other) = other {
            problems.push(format!("padealing belongs to {other}, and DB_OWNER_ROLE names {role}"));
        }
        let ours = facts.relations.iter().filter(|it| it.schema == "padealing" && MANAGED_TABLES.contains(&&*it.name));
        let others: Vec<&Relation> = ours.filter(|it| *part == "owner" && it.owner != **role).collect();
        if let Some(first) = others.first() {
            let count = plural(others.len() as u64, "table of padealing belongs", "tables of padealing belong");
            let sql =
                format!("alter table padealing.{} owner to {}", quote_identifier(&first.name), quote_identifier(role));
            problems.push(format!("{count} to others than {role}: {sql}, and so on"));
        }
        let missing: Vec<String> = missing.into_iter().chain(sequences).collect();
        if missing.is_empty() {
            fine.push(format!("{role} ({part})"));
        } else {
            problems.push(format!("{role} ({part}) lacks: {}", missing.join("; ")));
        }
    }
    let unnamed: Vec<&str> = [
        ("DB_OWNER_ROLE", &expected.roles.owner),
        ("DB_APP_ROLE", &expected.roles.app),
        ("DB_READER_ROLE", &expected.roles.reader),
    ]
    .into_iter()
    .filter(|it| it.1.is_none())
    .map(|it| it.0)
    .collect();
    if !problems.is_empty() {
        return Check::new(NAME, Status::Fail, problems.join(". "));
    }
    let unnamed =
        if unnamed.is_empty() { String::new() } else { format!("; not named, so not looked at: {}", list(unnamed)) };
    match fine.is_empty() {
        true => Check::new(NAME, Status::Skip, format!("no role is named{unnamed}")),
        false => Check::new(NAME, Status::Pass, format!("complete for {}{unnamed}", list(fine))),
    }
}

/// What roles may do that they should not.
fn excess(facts: &Facts, expected: &Expectations<'_>, subjects: &[Subject<'_>]) -> Check {
    const NAME: &str = "excess_privileges";
    let mut found = Vec::new();
    for (role, parts) in subjects {
        let attributes: Vec<&str> = facts.attributes.iter().filter(|it| it.0 == *role).map(|it| it.1).collect();
        found.extend(attributes.iter().map(|it| format!("{role} is {it}")));
        // A superuser's rights are all there are, and say nothing.
        if attributes.contains(&"superuser") {
            continue;
        }
        let writing = |schema: &str, none_of: &[&str]| -> Vec<&str> {
            let rights = facts.table_rights.iter().filter(|it| it.role == *role && it.schema == schema && it.writes);
            rights.map(|it| &*it.table).filter(|it| !none_of.contains(it)).collect()
        };
        let creates = |schema: &str| facts.schema(role, schema).is_some_and(|it| it.create);
        let theirs = writing("bo_airflow", &[]);
        if !theirs.is_empty() {
            found.push(format!("{role} may write to {} of bo_airflow, which belongs to somebody else", list(theirs)));
        }
        if facts.schema(role, "bo_airflow").is_some_and(|it| it.open_sequences > 0) {
            found.push(format!("{role} may change sequences of bo_airflow, which belongs to somebody else"));
        }
        if creates("bo_airflow") {
            found.push(format!("{role} may create objects in bo_airflow"));
        }
        let beyond = match (parts.contains(&"reader"), parts.contains(&"app")) {
            (true, _) => writing("padealing", &[]),
            (false, true) => writing("padealing", APPLICATION_TABLES),
            (false, false) => Vec::new(),
        };
        if !beyond.is_empty() {
            found.push(format!("{role} may write to {} of padealing, which is not for it", list(beyond)));
        }
        if parts.iter().any(|it| ["app", "reader"].contains(it)) && creates("padealing") {
            found.push(format!("{role} may create objects in padealing"));
        }
    }
    if found.is_empty() {
        return Check::new(NAME, Status::Pass, "none");
    }
    if expected.environment == Environment::Local {
        return Check::new(NAME, Status::Pass, format!("{}; in a local database nobody minds", found.join("; ")));
    }
    let text = format!("{}; use a role that may do no more than it must, or have these revoked", found.join("; "));
    Check::new(NAME, Status::Warn, text)
}

/// Days before its end in which a password is worth a word.
const SOON: f64 = 14.0;

fn password(role: &Role) -> Check {
    match &role.valid_until {
        None => Check::new("password_expiry", Status::Pass, "the role's password doesn't expire"),
        Some((when, days)) => {
            let status = if *days < SOON { Status::Warn } else { Status::Pass };
            let what = if *days < 0.0 { "has expired, so the next login may be refused," } else { "expires" };
            let text = format!("the password of {} {what} on {when}", role.name);
            Check::new("password_expiry", status, text)
        }
    }
}

fn row_security(facts: &Facts) -> Check {
    let policed = facts.relations.iter().filter(|it| it.policed).map(|it| format!("{}.{}", it.schema, it.name));
    let policed: Vec<String> = policed.collect();
    if policed.is_empty() {
        return Check::new("row_security", Status::Pass, "no policy hides rows from this role");
    }
    let text = format!("a policy may hide rows from this role in {}; use a role with BYPASSRLS", list(policed));
    Check::new("row_security", Status::Fail, text)
}

fn revision(facts: &Facts, expected: &Expectations<'_>) -> Check {
    const NAME: &str = "revision";
    let revisions = match &facts.revisions {
        Ok(revisions) => revisions,
        Err(why) => return Check::new(NAME, Status::Skip, format!("the history can't be read: {why}")),
    };
    let Some(applied) = revisions else {
        let managed = MANAGED_TABLES.iter().any(|name| facts.has_ours(name));
        return match (facts.has_ours("schema_revision"), managed) {
            (true, _) => {
                let policed = facts.relations.iter().any(|it| it.name == "schema_revision" && it.policed);
                let why = if policed { "row-level security may hide rows" } else { "SELECT is missing" };
                Check::new(NAME, Status::Skip, format!("padealing.schema_revision can't be seen: {why}"))
            }
            (false, true) => {
                let text = "padealing has tables and no history of pad-migrate: another program has made them, and apply adopts them, as pad-migrate plan shows";
                Check::new(NAME, Status::Fail, text)
            }
            (false, false) => Check::new(NAME, Status::Fail, "nothing is applied yet; run: pad-migrate apply"),
        };
    };
    let pending: Vec<&&str> = expected.revisions.iter().filter(|it| !applied.contains(**it)).collect();
    let newer: Vec<&String> = applied.iter().filter(|it| !expected.revisions.contains(&&***it)).collect();
    let at = applied.last().map_or("none", String::as_str);
    match (pending.is_empty(), newer.is_empty()) {
        (_, false) => {
            let text = format!("at {at}, of which this program doesn't know {}; use a newer pad-migrate", list(newer));
            Check::new(NAME, Status::Fail, text)
        }
        (false, true) => {
            let text = format!("at {at}; pending: {}; run: pad-migrate apply", list(pending));
            Check::new(NAME, Status::Fail, text)
        }
        (true, true) => Check::new(NAME, Status::Pass, format!("at {at}, the newest")),
    }
}

fn managers(facts: &Facts) -> Check {
    const NAME: &str = "other_managers";
    if facts.managers.is_empty() {
        return Check::new(NAME, Status::Pass, "no other program's history of migrations is in this database");
    }
    let rows =
        facts.managers.iter().map(|(table, program, version)| vec![json!(table), json!(program), json!(version)]);
    let text = format!(
        "{} keeps a history here, too; its table is left alone: see that it changes no table of padealing any more",
        list(facts.managers.iter().map(|it| it.1).collect::<BTreeSet<_>>())
    );
    // Known and expected (`alembic_version`): nothing that a person must look at each time.
    Check::new(NAME, Status::Pass, text).with_table(&["table", "program", "version"], rows.collect())
}
