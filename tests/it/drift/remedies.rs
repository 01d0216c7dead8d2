//! Remedies, run: each alone and all together, in their order, on a database with rows, grants, comments and
//! dependents. What a remedy is about is no longer found, nothing that was as expected is otherwise, and every row is
//! still there.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use super::cases::{Case, FILES, cases, run};
use crate::harness::{Start, roles, with_db};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::catalog::{Catalog, Id, Kind, Property};
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use pad_migrate::schema::drift::finding::{Change, Finding};
use pad_migrate::schema::pg::introspect;

const DEPENDENTS: &str = include_str!("../../../fixtures/drift/dependents.sql");

/// One more than is compared without a choice: what depends on the application's objects from outside.
const SCHEMAS: [&str; 3] = ["bo_airflow", "padealing", "reporting"];

pub(super) async fn catalog(connection: &mut Session) -> Catalog {
    introspect::read(connection, &SCHEMAS.map(str::to_owned)).await.expect("the catalog can be read").catalog
}

fn key(finding: &Finding) -> String {
    format!("{} {}.{}", finding.kind(), finding.id.schema, finding.object())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A change, and what it is an example of.
pub(super) struct Example {
    of: String,
    sql: String,
}

/// Changes of what belongs to nothing else.
const WHOLE: [&str; 5] = [
    "drop {word} {} cascade",
    "alter {word} {} rename to other_name",
    "alter {word} {} owner to pad_migrate_owner",
    "comment on {word} {} is 'surprise'",
    "comment on {word} {} is null",
];

/// Changes of objects by kind: `{}` is the object, `{table}` what it belongs to, `{bare}` its name without a schema,
/// `{word}` what SQL calls it.
const FORMS: [(Kind, &[&str]); 16] = [
    (
        Kind::Table,
        &[
            "alter table {} enable row level security",
            "alter table {} set unlogged",
            "alter table {} set (fillfactor = 50)",
            "alter table {} replica identity full",
            "alter table {} force row level security",
            "grant all on {} to pad_migrate_stranger with grant option",
            "revoke all on {} from pad_migrate_app, pad_migrate_reader",
            "grant delete on {} to public",
            "alter table {} add column surprise text",
        ],
    ),
    (
        Kind::View,
        &[
            "revoke all on {} from pad_migrate_app, pad_migrate_reader",
            "grant select on {} to public",
            "alter view {} set (security_barrier = true)",
        ],
    ),
    (
        Kind::MaterializedView,
        &[
            "revoke all on {} from pad_migrate_app, pad_migrate_reader",
            "grant select on {} to public",
            "refresh materialized view {} with no data",
        ],
    ),
    (
        Kind::Column,
        &[
            "alter table {table} drop column {bare} cascade",
            "alter table {table} rename column {bare} to other_name",
            "alter table {table} alter column {bare} drop not null",
            "alter table {table} alter column {bare} set not null",
            "alter table {table} alter column {bare} drop default",
            "alter table {table} alter column {bare} set statistics 77",
            "alter table {table} alter column {bare} set storage external",
            "alter table {table} alter column {bare} drop identity",
            "alter table {table} alter column {bare} set generated always",
            "alter table {table} alter column {bare} drop expression",
            "alter table {table} alter column {bare} type text using {bare}::text",
            "alter table {table} alter column {bare} type bigint",
            "alter table {table} alter column {bare} type varchar(60)",
            "comment on column {table}.{bare} is 'surprise'",
            "comment on column {table}.{bare} is null",
            "grant select ({bare}), update ({bare}) on {table} to pad_migrate_stranger",
            "revoke all ({bare}) on {table} from pad_migrate_reader",
        ],
    ),
    (
        Kind::Constraint,
        &[
            "alter table {table} drop constraint {bare} cascade",
            "alter table {table} rename constraint {bare} to other_name",
            "alter table {table} alter constraint {bare} deferrable",
            "comment on constraint {bare} on {table} is 'surprise'",
            "alter domain {table} drop constraint {bare}",
            "alter domain {table} rename constraint {bare} to other_name",
        ],
    ),
    (
        Kind::Index,
        &[
            "drop index {}",
            "alter index {} rename to other_name",
            "alter index {} set (fillfactor = 55)",
            "alter table {table} cluster on {bare}",
            "comment on index {} is 'surprise'",
        ],
    ),
    (Kind::Trigger, &ATTACHED),
    (Kind::Rule, &ATTACHED),
    (
        Kind::Policy,
        &[
            "drop policy {bare} on {table}",
            "alter policy {bare} on {table} rename to other_name",
            "comment on policy {bare} on {table} is 'surprise'",
            "alter policy {bare} on {table} to pad_migrate_app using (false)",
        ],
    ),
    (
        Kind::Sequence,
        &[
            "alter sequence {} increment by 7",
            "alter sequence {} cycle",
            "alter sequence {} cache 9",
            "alter sequence {} as integer maxvalue 50000",
            "alter sequence {} owned by none",
            "revoke all on sequence {} from pad_migrate_app",
            "grant usage on sequence {} to pad_migrate_stranger",
        ],
    ),
    (
        Kind::Enum,
        &[
            "alter type {} add value 'surprise' before 'approved'",
            "alter type {} rename value 'approved' to 'accepted'",
            "revoke usage on type {} from public",
        ],
    ),
    (
        Kind::Domain,
        &[
            "alter domain {} drop default",
            "alter domain {} set default 'other'",
            "alter domain {} add constraint surprise check (value <> 'surprise')",
        ],
    ),
    (
        Kind::Composite,
        &["alter type {} add attribute surprise text cascade", "alter type {} drop attribute currency cascade"],
    ),
    (
        Kind::Function,
        &[
            "alter function {} security definer",
            "alter function {} cost 7",
            "alter function {} strict",
            "alter function {} immutable",
            "alter function {} set search_path = ''",
            "alter function {} reset all",
            "alter function {} parallel safe",
            "grant execute on function {} to pad_migrate_stranger",
            "revoke execute on function {} from public, pad_migrate_app",
            "grant execute on function {} to public",
        ],
    ),
    (Kind::Procedure, &["alter procedure {} security definer", "grant execute on {word} {} to public"]),
    (Kind::Statistics, &["alter statistics {} set statistics 99"]),
];

/// Changes of what is attached to a table.
const ATTACHED: [&str; 4] = [
    "drop {word} {bare} on {table}",
    "alter {word} {bare} on {table} rename to other_name",
    "alter table {table} disable {word} {bare}",
    "comment on {word} {bare} on {table} is 'surprise'",
];

/// Changes that are made of a catalog: every object is dropped, renamed, given to another role, commented, and so on.
pub(super) fn changes_of(catalog: &Catalog) -> Vec<Example> {
    let mut changes = Vec::new();
    for (id, object) in catalog.objects.iter().filter(|(id, _)| id.schema == "padealing") {
        let schema = quoted(&id.schema);
        let name = match id.name.split_once('(') {
            Some((name, arguments)) if id.kind != Kind::Operator => format!("{schema}.{}({arguments}", quoted(name)),
            Some((name, arguments)) => format!("{schema}.{name} ({arguments}"),
            None => format!("{schema}.{}", quoted(&id.name)),
        };
        let (table, bare) = (format!("{schema}.{}", quoted(&id.parent)), quoted(&id.name));
        let word = match id.kind {
            Kind::Enum | Kind::Composite | Kind::Range => "type".to_owned(),
            kind => kind.to_string().replace('_', " "),
        };
        let of_kind = FORMS.iter().filter(|(kind, _)| *kind == id.kind).flat_map(|(_, forms)| *forms);
        // An identity's sequence goes with its column; what is attached has no owner.
        let is_whole = id.parent.is_empty() && !object.contains_key(&Property::Identity) || id.kind == Kind::Statistics;
        for form in of_kind.chain(WHOLE.iter().filter(|_| is_whole && id.kind != Kind::Schema)) {
            let text = form.replace("{table}", &table).replace("{bare}", &bare).replace("{word}", &word);
            changes.push(Example { of: format!("{} {form}", id.kind), sql: text.replace("{}", &name) });
        }
    }
    changes
}

/// Several changes at once, in paragraphs.
const TOGETHER: &str = include_str!("../../../fixtures/drift/several.sql");

/// The SQLSTATE of a failure that a remedy may announce, and the word with which it does.
const ANNOUNCED: [(&str, &str); 12] = [
    ("0A000", "depends"),
    ("22023", "last value"),
    ("42809", "rows"),
    ("23502", "rows"),
    ("23503", "rows"),
    ("23505", "rows"),
    ("23514", "rows"),
    ("23P01", "rows"),
    ("22001", "rows"),
    ("22003", "rows"),
    ("22P02", "rows"),
    ("2BP01", "depends"),
];

/// By table, how many rows there are, and the values of each column.
type Rows = BTreeMap<String, (i64, BTreeMap<String, String>)>;

async fn rows(connection: &mut Session) -> Rows {
    let sql = "select format('select %L, count(*), coalesce(jsonb_agg(to_jsonb(t) order by t::text), ''[]'')::text \
                              from only %I.%I t', \
            format('%s.%s', n.nspname, c.relname), n.nspname, c.relname) \
        from pg_class c join pg_namespace n on n.oid = c.relnamespace \
        where c.relkind = 'r' and n.nspname = any($1) order by 1";
    let each: Vec<String> =
        sqlx::query_scalar(sql).bind(SCHEMAS).fetch_all(&mut *connection).await.expect("tables are listed");
    let all: Vec<(String, i64, String)> = sqlx::query_as(AssertSqlSafe(each.join(" union all ")))
        .fetch_all(&mut *connection)
        .await
        .expect("rows can be read");
    let columns = |text: &str| {
        let rows: Vec<BTreeMap<String, serde_json::Value>> = serde_json::from_str(text).expect("rows are JSON");
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in rows.into_iter().flatten() {
            columns.entry(name).or_default().push(value.to_string());
        }
        let sorted = columns.into_iter().map(|(name, mut values)| {
            values.sort();
            (name, values.join(","))
        });
        sorted.collect()
    };
    all.into_iter().map(|(table, count, text)| (table, (count, columns(&text)))).collect()
}

/// What was as expected, or unexpected and there, and is no longer. What a finding is about may go.
fn harmed(expected: &Catalog, changed: &Catalog, after: &Catalog, findings: &[&Finding]) -> Vec<String> {
    let mut harm = Vec::new();
    for (id, before) in changed.objects.iter().filter(|(id, _)| id.kind != Kind::Unmodelled) {
        let is_about = |it: &&Finding| it.id == *id || it.id.schema == id.schema && it.id.name == id.parent;
        // A partition has its parent's.
        let of_parent = before.contains_key(&Property::Inherited)
            || after.relation(&id.schema, &id.parent).is_some_and(|(_, it)| it.contains_key(&Property::PartitionBound));
        let Some(now) = after.objects.get(id) else {
            if !findings.iter().any(is_about) && !of_parent {
                harm.push(format!("{} {} is gone", id.kind, id.object()));
            }
            continue;
        };
        let wanted = expected.objects.get(id);
        let properties: BTreeSet<&Property> = before.keys().chain(now.keys()).collect();
        let compared = |it: &&&Property| !matches!(**it, Property::Position | Property::Inherited);
        for property in properties.iter().filter(compared) {
            let (was, is) = (before.get(property), now.get(property));
            if was != is && wanted.is_some_and(|wanted| wanted.get(property) == was) {
                harm.push(format!("{} {}: {property} was {was:?}, and is {is:?}", id.kind, id.object()));
            }
        }
    }
    harm
}

/// What is expected, and who mends it.
pub(super) struct Bench {
    pub(super) expectation: Expectation,
    pub(super) context: RoleContext,
    /// What there is before a change.
    pub(super) expected: Catalog,
    /// The role that runs what names no other.
    pub(super) role: Option<&'static str>,
}

impl Bench {
    fn found(&self, live: &Catalog) -> Vec<Finding> {
        compare(self.expectation.clone(), live.clone(), &self.context)
    }
}

struct Trial<'a> {
    bench: &'a Bench,
    changed: &'a Catalog,
    rows: Rows,
}

impl Trial<'_> {
    /// Runs the remedies of these findings; what is wrong afterwards.
    async fn run(&self, connection: &mut Session, findings: &[&Finding]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut announced = false;
        for finding in findings {
            run(connection, "savepoint one").await.expect("a savepoint");
            let role = self.bench.role.filter(|_| !finding.remedy.advice.contains("superuser"));
            if let Some(role) = role {
                run(connection, &format!("set local role {role}")).await.expect("the role is there");
            }
            match run(connection, &finding.remedy.sql).await {
                Ok(()) if role.is_some() => run(connection, "reset role; release one").await.expect("it is released"),
                Ok(()) => run(connection, "release one").await.expect("it is released"),
                Err(error) => {
                    let state = error.as_database_error().and_then(|it| it.code()).unwrap_or_default().into_owned();
                    // A defect of PostgreSQL 18: no savepoint after a domain has lost a constraint.
                    announced |= state == "XX000" && error.to_string().contains("unprocessed inval messages");
                    let known = ANNOUNCED.iter().find(|(known, _)| *known == state);
                    if known.is_some_and(|(_, word)| finding.remedy.advice.contains(word)) {
                        announced = true;
                    } else if !announced {
                        wrong.push(format!("{}: fails: {error} ({state})", key(finding)));
                    }
                    run(connection, "rollback to one").await.expect("it is rolled back");
                }
            }
        }
        if !wrong.is_empty() || announced {
            return wrong;
        }
        let after = catalog(connection).await;
        let all = self.bench.found(self.changed);
        let before: BTreeSet<String> = all.iter().map(key).collect();
        // What was a consequence may be found now, if that was said.
        let said = |it: &Finding| {
            let name = format!(" {} ", it.id.object());
            let says = |of: &&Finding| {
                of.remedy.advice.contains("drift` again") && of.effects.iter().any(|it| it.contains(&name))
            };
            all.iter().any(|of| says(&of))
        };
        let now = self.bench.found(&after);
        let keys: BTreeSet<String> = now.iter().map(key).collect();
        // A column that was missing comes last.
        let is_order = |it: &&Finding| it.change == Change::Order;
        let renames = |it: &&&Finding| matches!(it.change, Change::Renamed | Change::Moved | Change::Replaced);
        let is_renaming = findings.iter().any(|it| renames(&it));
        // What belongs to it is found under its other name then.
        let is_new = |it: &&Finding| !is_renaming && !is_order(it) && !before.contains(&key(it)) && !said(it);
        if is_renaming && now.len() >= all.len() {
            wrong.push("no less differs".to_owned());
        }
        for it in now.iter().filter(is_new) {
            wrong.push(format!("new: {} {:?} -> {:?}", key(it), it.expected, it.actual));
        }
        for finding in findings.iter().filter(|it| keys.contains(&key(it))) {
            wrong.push(format!("still there: {}", key(finding)));
        }
        if !is_renaming {
            wrong.extend(harmed(&self.bench.expected, self.changed, &after, findings));
        }
        wrong.extend(self.lost_rows(findings, &after, &rows(connection).await));
        wrong
    }

    /// Rows and values that are no longer there.
    fn lost_rows(&self, findings: &[&Finding], after: &Catalog, rows: &Rows) -> Vec<String> {
        let mut wrong = Vec::new();
        // Values of a type that changes, or that are computed otherwise, are others.
        let is_about = |table: &str, column: &str| {
            findings.iter().any(|it| {
                let of_type = matches!(it.id.kind, Kind::Attribute | Kind::Composite);
                of_type || format!("{}.{}", it.id.schema, it.id.parent) == table && it.id.name == column
            })
        };
        let type_of = |catalog: &Catalog, table: &str, column: &str| {
            let (schema, parent) = table.split_once('.')?;
            let (schema, parent, name) = (schema.to_owned(), parent.to_owned(), column.to_owned());
            catalog.objects.get(&Id { schema, parent, kind: Kind::Column, name })?.get(&Property::Type).cloned()
        };
        for (table, (count, columns)) in &self.rows {
            let Some((now, others)) = rows.get(table) else { continue };
            if count != now {
                wrong.push(format!("{table} had {count} rows, and has {now}"));
            }
            for (column, values) in columns {
                let is_same_type = type_of(self.changed, table, column) == type_of(after, table, column);
                if is_same_type && !is_about(table, column) && others.get(column) != Some(values) {
                    wrong.push(format!("{table}.{column} had {values}, and has {:?}", others.get(column)));
                }
            }
        }
        wrong
    }
}

#[derive(Default)]
struct Tally {
    tried: usize,
    remedies: usize,
    refused: Vec<String>,
    wrong: Vec<String>,
}

/// Makes a change, and runs the remedies of what is found.
async fn try_change(connection: &mut Session, bench: &Bench, sql: &str, tally: &mut Tally) {
    run(connection, "begin").await.expect("a transaction begins");
    let changed = match run(connection, sql).await {
        Ok(()) => run(connection, "set constraints all immediate").await,
        error => error,
    };
    if let Err(error) = changed {
        tally.refused.push(format!("{sql}: {error}"));
        run(connection, "rollback").await.expect("it ends");
        return;
    }
    let changed = catalog(connection).await;
    let all = bench.found(&changed);
    let mut findings: Vec<&Finding> = all.iter().filter(|it| !it.remedy.sql.is_empty()).collect();
    findings.sort_by_key(|it| it.order);
    if !findings.is_empty() {
        tally.tried += 1;
        tally.remedies += findings.len();
        let trial = Trial { bench, changed: &changed, rows: rows(connection).await };
        let mut tries: Vec<(String, Vec<&Finding>)> = vec![("together".to_owned(), findings.clone())];
        if findings.len() > 1 {
            let alone = findings.iter().filter(|it| !it.remedy.advice.contains("after "));
            tries.extend(alone.map(|it| ("alone".to_owned(), vec![*it])));
        }
        for (how, of) in tries {
            run(connection, "savepoint all_of_it").await.expect("a savepoint");
            let wrong = trial.run(connection, &of).await;
            run(connection, "rollback to all_of_it").await.expect("it is rolled back");
            if !wrong.is_empty() {
                let remedies: Vec<String> =
                    of.iter().map(|it| format!("{} {}", it.remedy.advice, it.remedy.sql)).collect();
                let remedies = remedies.join("\n        ");
                tally.wrong.push(format!("{}\n    {how}: {}\n        {remedies}", sql.trim(), wrong.join("\n    ")));
            }
        }
    }
    run(connection, "rollback").await.expect("it ends");
}

/// Runs one example of every third kind of change: another third with each of three versions in a row.
/// All examples of all kinds run with `PAD_REMEDIES=all`.
pub(super) async fn try_all(connection: &mut Session, bench: &Bench, changes: Vec<Example>, at_least: usize) {
    let is_all = std::env::var_os("PAD_REMEDIES").is_some();
    let (mut tally, mut seen) = (Tally::default(), BTreeSet::new());
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    for change in changes {
        let next = numbers.len() as u32;
        let number = *numbers.entry(change.of.clone()).or_insert(next);
        let is_third = (number + bench.expected.major).is_multiple_of(3) || change.of == change.sql;
        let is_turn = is_third && !seen.contains(&change.of);
        let tried = tally.tried;
        if is_all || is_turn {
            try_change(connection, bench, &change.sql, &mut tally).await;
        }
        if tally.tried > tried {
            seen.insert(change.of);
        }
    }
    let Tally { tried, remedies, refused, wrong } = tally;
    assert!(wrong.is_empty(), "{} of {tried} changes, {remedies} remedies:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(remedies > at_least, "{remedies} remedies of {tried} changes; refused: {}", refused.len());
}

#[tokio::test]
async fn a_remedy_mends_what_it_is_about_and_harms_nothing() {
    with_db(Start::Drift, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        run(&mut connection, DEPENDENTS).await.expect("what depends on it is there");
        let expected = catalog(&mut connection).await;
        let all = FILES.iter().flat_map(|it| cases(it));
        let all = all.filter(|it| it.from <= expected.major && !it.findings.is_empty());
        let kinds =
            |case: &Case| case.findings.iter().filter_map(|it| it.split(' ').nth(1)).collect::<Vec<_>>().join(" ");
        let mut changes: Vec<Example> = all.map(|it| Example { of: kinds(&it), sql: it.sql }).collect();
        changes.extend(changes_of(&expected));
        let several = TOGETHER.split("\n\n").map(str::to_owned);
        changes.extend(several.map(|it| Example { of: it.clone(), sql: it }));
        let expectation = Expectation::of(expected.clone());
        let bench = Bench { expectation, context: RoleContext::default(), expected, role: None };
        try_all(&mut connection, &bench, changes, 60).await;
        connection.close().await.expect("the connection closes");
    })
    .await;
}

/// PostgreSQL refuses to give a parameter another name: the function is created again, and is not another one.
#[tokio::test]
async fn renamed_parameters_are_a_rename() {
    with_db(Start::Drift, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let expected = catalog(&mut connection).await;
        let change = "drop procedure padealing.settle(text); \
                      create procedure padealing.settle(inout remark text) language sql as 'select remark'";
        run(&mut connection, change).await.expect("the procedure is another");
        let live = catalog(&mut connection).await;
        let keys: Vec<String> =
            compare(Expectation::of(expected), live, &RoleContext::default()).iter().map(key).collect();
        let (old, new) = ("padealing.settle(INOUT note text)", "padealing.settle(INOUT remark text)");
        assert_eq!(keys, [format!("procedure_renamed {old}"), format!("procedure_body {new}")]);
        connection.close().await.expect("the connection closes");
    })
    .await;
}

/// What the application, or the reader, owns: it uses that as before, once it is the owner's again.
const GIVEN_AWAY: [&str; 3] = [
    "alter table padealing.pad_request owner to pad_migrate_reader",
    "alter table padealing.migration_mapping owner to pad_migrate_app",
    "alter schema padealing owner to pad_migrate_app; \
     do $$ declare it regclass; begin for it in select oid from pg_class \
         where relnamespace = 'padealing'::regnamespace and relkind in ('r', 'v') loop \
         execute format('alter table %s owner to pad_migrate_app', it); end loop; end $$",
];

/// What `migrations/` produce, mended by its owner, who is no superuser.
#[tokio::test]
async fn a_remedy_is_for_the_owner_or_names_another_role() {
    with_db(Start::Migrated, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let expected = catalog(&mut connection).await;
        let context = RoleContext { roles: roles(), ..RoleContext::default() };
        let mut changes = changes_of(&expected);
        changes.extend(GIVEN_AWAY.map(|sql| Example { of: sql.to_owned(), sql: sql.to_owned() }));
        let bench = Bench { expectation: Expectation::embedded(), context, expected, role: Some("pad_migrate_owner") };
        try_all(&mut connection, &bench, changes, 8).await;
        connection.close().await.expect("the connection closes");
    })
    .await;
}
