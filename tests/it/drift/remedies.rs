//! Remedies, run: each alone and all together, in their order, on a database with rows, grants, comments and dependents.
//! What a remedy is about is no longer found, nothing that was as expected is otherwise, and every row is still there.

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

async fn catalog(connection: &mut Session) -> Catalog {
    introspect::read(connection, &SCHEMAS.map(str::to_owned)).await.expect("the catalog can be read").catalog
}

fn key(finding: &Finding) -> String {
    format!("{} {}.{}", finding.kind(), finding.id.schema, finding.object())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A change, and what it is an example of.
struct Example {
    of: String,
    sql: String,
}

/// Changes that are made of a catalog: every object is dropped, renamed, given to another role, commented, and so on.
fn changes_of(catalog: &Catalog) -> Vec<Example> {
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
        let has = |property| object.contains_key(&property);
        let (all, on): (&[&str], bool) = match id.kind {
            Kind::Table => (
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
                false,
            ),
            Kind::View | Kind::MaterializedView => {
                (&["revoke all on {} from pad_migrate_app, pad_migrate_reader", "grant select on {} to public"], false)
            }
            Kind::Column => (
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
                true,
            ),
            Kind::Constraint if catalog.relation(&id.schema, &id.parent).is_none() => (
                &[
                    "alter domain {table} drop constraint {bare}",
                    "alter domain {table} rename constraint {bare} to other_name",
                ],
                true,
            ),
            Kind::Constraint => (
                &[
                    "alter table {table} drop constraint {bare} cascade",
                    "alter table {table} rename constraint {bare} to other_name",
                    "alter table {table} alter constraint {bare} deferrable",
                    "comment on constraint {bare} on {table} is 'surprise'",
                ],
                true,
            ),
            Kind::Index => (
                &[
                    "drop index {}",
                    "alter index {} rename to other_name",
                    "alter index {} set (fillfactor = 55)",
                    "alter table {table} cluster on {bare}",
                    "comment on index {} is 'surprise'",
                ],
                true,
            ),
            Kind::Trigger | Kind::Rule | Kind::Policy => (
                &[
                    "drop {word} {bare} on {table}",
                    "alter {word} {bare} on {table} rename to other_name",
                    "alter table {table} disable {word} {bare}",
                    "comment on {word} {bare} on {table} is 'surprise'",
                    "alter policy {bare} on {table} to pad_migrate_app using (false)",
                ],
                true,
            ),
            Kind::Sequence => (
                &[
                    "alter sequence {} increment by 7",
                    "alter sequence {} cycle",
                    "alter sequence {} cache 9",
                    "alter sequence {} as integer maxvalue 50000",
                    "alter sequence {} owned by none",
                    "revoke all on sequence {} from pad_migrate_app",
                    "grant usage on sequence {} to pad_migrate_stranger",
                ],
                false,
            ),
            Kind::Enum => (
                &["alter type {} add value 'surprise' before 'approved'", "revoke usage on type {} from public"],
                false,
            ),
            Kind::Domain => (
                &[
                    "alter domain {} drop default",
                    "alter domain {} set default 'other'",
                    "alter domain {} add constraint surprise check (value <> 'surprise')",
                ],
                false,
            ),
            Kind::Composite => (
                &["alter type {} add attribute surprise text cascade", "alter type {} drop attribute currency cascade"],
                false,
            ),
            Kind::Function => (
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
                false,
            ),
            Kind::Procedure => {
                (&["alter procedure {} security definer", "grant execute on {word} {} to public"], false)
            }
            Kind::Aggregate => (&["revoke execute on function {} from public"], false),
            Kind::Statistics => (&["alter statistics {} set statistics 99"], false),
            Kind::Operator
            | Kind::Collation
            | Kind::Range
            | Kind::TextSearchConfiguration
            | Kind::TextSearchDictionary => (&[], false),
            _ => (&[], true),
        };
        let whole = [
            "drop {word} {} cascade",
            "alter {word} {} rename to other_name",
            "alter {word} {} owner to pad_migrate_owner",
            "comment on {word} {} is 'surprise'",
            "comment on {word} {} is null",
        ];
        let is_plain = id.kind == Kind::Sequence && has(Property::Identity);
        let whole = whole.iter().filter(|_| !on && !is_plain);
        for form in all.iter().chain(whole) {
            let text = form.replace("{table}", &table).replace("{bare}", &bare).replace("{word}", &word);
            changes.push(Example { of: format!("{} {form}", id.kind), sql: text.replace("{}", &name) });
        }
    }
    changes
}

/// Several changes at once, whose remedies need each other's names, or get in each other's way.
const TOGETHER: [&str; 17] = [
    "alter table padealing.pad_request rename to request; alter table padealing.request alter price set default 5; \
     drop index padealing.pad_request_status_idx; revoke insert on padealing.request from pad_migrate_app; \
     alter table padealing.request drop constraint pad_request_ticket_key; comment on table padealing.request is 'x'",
    "alter table padealing.pad_request rename to request; drop view padealing.open_requests cascade; \
     drop view padealing.prices; drop trigger pad_request_touch on padealing.request",
    "alter table padealing.pad_request rename column price to cost; drop view padealing.prices; \
     alter table padealing.pad_request drop constraint pad_request_price_positive",
    "alter table padealing.pad_approval rename to approval; alter table padealing.approval rename request_id to request; \
     alter table padealing.approval drop constraint pad_approval_request_id_fkey; drop index padealing.pad_approval_request_id_idx",
    "alter function padealing.touch() rename to touched; drop trigger pad_request_touch on padealing.pad_request",
    "drop view padealing.fees; drop function padealing.fee(numeric, numeric); \
     create function padealing.fee(sum numeric, rate numeric default 0.1) returns numeric language sql stable strict \
     parallel safe cost 50 set work_mem = '8MB' as $$ select sum * rate $$",
    "drop procedure padealing.settle(text); create procedure padealing.settle(inout remark text) language sql as 'select remark'",
    "alter table padealing.pad_request drop constraint pad_request_ticket_key; \
     create unique index pad_request_ticket_key on padealing.pad_request (ticket)",
    "alter table padealing.pad_request drop constraint pad_request_ticket_key; \
     create index pad_request_ticket_key on padealing.pad_request (ticket)",
    "alter table padealing.lookalike cluster on lookalike_wide; alter table padealing.pad_approval owner to pad_migrate_owner; \
     grant pad_migrate_owner to current_user; alter table padealing.pad_approval drop column reference; \
     alter table padealing.pad_approval alter decision type varchar(40) using decision::varchar(40)",
    "revoke grant option for select on padealing.twofold from pad_migrate_app; \
     grant select (one) on padealing.twofold to pad_migrate_reader with grant option; \
     grant insert, update on padealing.twofold to pad_migrate_reader with grant option",
    "revoke all on padealing.twofold from current_user; revoke all (one, other) on padealing.twofold from pad_migrate_reader",
    "alter sequence padealing.ticket_number as smallint minvalue 1 maxvalue 900 start with 1 increment by 2 no cycle",
    "drop type padealing.request_status cascade; drop domain padealing.isin cascade; drop sequence padealing.ticket_number cascade; \
     drop function padealing.touch() cascade",
    "alter publication pad_changes set table padealing.pad_approval; alter publication pad_changes set (publish = 'delete')",
    "alter table padealing.pad_approval alter id drop default; drop sequence padealing.pad_approval_id_seq; \
     alter table padealing.ledger_note alter id drop default",
    "drop aggregate padealing.counted(text); drop function padealing.count_final(bigint); \
     drop type padealing.wide_range; drop function padealing.range_distance(numeric, numeric); \
     drop text search configuration padealing.letters; drop text search dictionary padealing.plain",
];

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

/// Rows by table, with the values of columns whose types are these.
async fn rows(connection: &mut Session) -> BTreeMap<String, (i64, BTreeMap<String, String>)> {
    let sql = "select format('select %L, count(*), coalesce(jsonb_agg(to_jsonb(t) order by t::text), ''[]'')::text from only %I.%I t', \
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
struct Bench {
    expectation: Expectation,
    context: RoleContext,
    /// What there is before a change.
    expected: Catalog,
    /// The role that runs what names no other.
    role: Option<&'static str>,
}

impl Bench {
    fn found(&self, live: &Catalog) -> Vec<Finding> {
        compare(self.expectation.clone(), live.clone(), &self.context)
    }
}

struct Trial<'a> {
    bench: &'a Bench,
    changed: &'a Catalog,
    rows: BTreeMap<String, (i64, BTreeMap<String, String>)>,
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
            let words = format!("{} {} ", it.id.kind.to_string().replace('_', " "), it.id.object());
            let says = |of: &&Finding| {
                of.remedy.advice.contains("drift` again") && of.effects.iter().any(|it| it.starts_with(&words))
            };
            all.iter().any(|of| says(&of))
        };
        let now = self.bench.found(&after);
        let keys: BTreeSet<String> = now.iter().map(key).collect();
        // A column that was missing comes last.
        let is_order = |it: &&Finding| it.change == Change::Order;
        for it in now.iter().filter(|it| !is_order(it) && !before.contains(&key(it)) && !said(it)) {
            wrong.push(format!("new: {} {:?} -> {:?}", key(it), it.expected, it.actual));
        }
        for finding in findings.iter().filter(|it| keys.contains(&key(it))) {
            wrong.push(format!("still there: {}", key(finding)));
        }
        let renames = |it: &&&Finding| matches!(it.change, Change::Renamed | Change::Moved | Change::Replaced);
        if findings.iter().find(renames).is_none() {
            wrong.extend(harmed(&self.bench.expected, self.changed, &after, findings));
        }
        // Values of a type that changes, or that are computed otherwise, are others.
        let is_about = |table: &str, column: &str| {
            findings.iter().any(|it| {
                let of_type = matches!(it.id.kind, Kind::Attribute | Kind::Composite);
                of_type || format!("{}.{}", it.id.schema, it.id.parent) == table && it.id.name == column
            })
        };
        let rows = rows(connection).await;
        for (table, (count, columns)) in &self.rows {
            let Some((now, others)) = rows.get(table) else { continue };
            if count != now {
                wrong.push(format!("{table} had {count} rows, and has {now}"));
            }
            for (column, values) in columns {
                let of = |catalog: &Catalog| {
                    let (schema, parent) = table.split_once('.')?;
                    let id = Id {
                        schema: schema.to_owned(),
                        parent: parent.to_owned(),
                        kind: Kind::Column,
                        name: column.clone(),
                    };
                    catalog.objects.get(&id)?.get(&Property::Type).cloned()
                };
                let is_other = others.get(column) != Some(values) && !is_about(table, column);
                if is_other && of(self.changed) == of(&after) {
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

/// Runs one example of each kind of change, or rather of every third: another third with each of three versions in a row.
/// All examples of all kinds run with `PAD_REMEDIES=all`.
async fn try_all(connection: &mut Session, bench: &Bench, changes: Vec<Example>, at_least: usize) {
    let is_all = std::env::var_os("PAD_REMEDIES").is_some();
    let (mut tally, mut seen) = (Tally::default(), BTreeSet::new());
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    for change in changes {
        let next = numbers.len() as u32;
        let number = *numbers.entry(change.of.clone()).or_insert(next);
        let is_turn = (number + bench.expected.major).is_multiple_of(3) && !seen.contains(&change.of);
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
        changes.extend(TOGETHER.map(|it| Example { of: it.to_owned(), sql: it.to_owned() }));
        let expectation = Expectation::of(expected.clone());
        let bench = Bench { expectation, context: RoleContext::default(), expected, role: None };
        try_all(&mut connection, &bench, changes, 60).await;
        connection.close().await.expect("the connection closes");
    })
    .await;
}

/// What `migrations/` produce, mended by its owner, who is no superuser.
#[tokio::test]
async fn a_remedy_is_for_the_owner_or_names_another_role() {
    with_db(Start::Migrated, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let expected = catalog(&mut connection).await;
        let context = RoleContext { roles: roles(), ..RoleContext::default() };
        let changes = changes_of(&expected);
        let bench = Bench { expectation: Expectation::embedded(), context, expected, role: Some("pad_migrate_owner") };
        try_all(&mut connection, &bench, changes, 12).await;
        connection.close().await.expect("the connection closes");
    })
    .await;
}
