//! The cases of `fixtures/drift`, removed: each change is made, planned away and gone, in a transaction that is rolled
//! back.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use crate::drift::cases::{FILES, cases, catalog, run};
use crate::harness::{Start, with_db};
use crate::snapshots::Snapshot;
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::catalog::{Catalog, Kind};
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use pad_migrate::schema::drift::finding::{Change, Finding};
use pad_migrate::schema::guard;
use pad_migrate::schema::guard::scope::Scope;
use pad_migrate::schema::names::APPLICATION_SCHEMA;
use pad_migrate::schema::plan::planner::plan;
use pad_migrate::schema::plan::step::{Answer, DataFacts, Left, LockMode, Plan, Step};

/// The plan, with its questions answered.
pub(super) async fn planned(connection: &mut Session, expected: &Expectation, live: &Catalog) -> Plan {
    let mut facts = DataFacts::default();
    let first = plan(expected.clone(), live.clone(), &RoleContext::default(), &facts);
    for question in first.questions {
        let sql = format!("select exists ({question})");
        let found: bool = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await
            .unwrap_or_else(|error| panic!("{question}: {error}"));
        facts.answers.insert(question, if found { Answer::Found } else { Answer::Clear });
    }
    plan(expected.clone(), live.clone(), &RoleContext::default(), &facts)
}

/// What differs within the application schema.
fn differing(expected: &Expectation, live: &Catalog) -> Vec<Finding> {
    let mut findings = compare(expected.clone(), live.clone(), &RoleContext::default());
    findings.retain(|it| it.id.schema == APPLICATION_SCHEMA);
    findings
}

/// How a case ends.
pub(super) enum End {
    /// Nothing differs any more, after these steps.
    Removed(Vec<Step>),
    /// Nothing differs but what the plan lists as left.
    Partly(Vec<Left>),
    /// Nothing was done, and the plan says why.
    Blocked(Vec<Left>),
}

/// Plans, runs the plan, and sees that it leads there. None, if nothing differed.
pub(super) async fn remove(connection: &mut Session, expected: &Expectation) -> Result<Option<End>, String> {
    let live = catalog(connection).await;
    if differing(expected, &live).is_empty() {
        return Ok(None);
    }
    let plan = planned(connection, expected, &live).await;
    if plan.blocking().next().is_some() {
        return Ok(Some(End::Blocked(plan.left)));
    }
    run(connection, "set constraints all immediate; set constraints all deferred; set check_function_bodies = off")
        .await
        .expect("nothing is deferred");
    let scope = Scope { moves_from: vec!["public".to_owned()], ..Scope::default() };
    for step in &plan.steps {
        guard::check(&step.sql, &scope).map_err(|error| error.to_string())?;
        run(connection, &step.sql).await.map_err(|error| format!("{}: {error}\n{plan:#?}", step.sql))?;
    }
    let live = catalog(connection).await;
    let again = planned(connection, expected, &live).await;
    if !again.steps.is_empty() {
        return Err(format!("a second plan has steps: {:#?}\nafter {:#?}", again.steps, plan.steps));
    }
    let mut left = differing(expected, &live);
    // A column that was gone comes back as the last one. What is known not to be ours stays.
    left.retain(|it| it.change != Change::Order || plan.left.iter().any(|reported| reported.kind == it.kind()));
    left.retain(|it| it.change != Change::Unmanaged);
    if left.is_empty() {
        return Ok(Some(End::Removed(plan.steps)));
    }
    let is_reported = |it: &Finding| {
        // A partition's triggers are those of what it is a partition of.
        let of_parent = |object: &str| it.id.kind == Kind::Trigger && object.ends_with(&format!(".{}", it.id.name));
        // Of columns that are out of order, which ones are is a choice, and those that come back last change it.
        let of_order = |object: &str| it.change == Change::Order && object.starts_with(&format!("{}.", it.id.parent));
        plan.left.iter().any(|reported| {
            let is_it = reported.object == it.object() || of_parent(&reported.object) || of_order(&reported.object);
            reported.kind == it.kind() && is_it
        })
    };
    left.retain(|it| !is_reported(it));
    match left.is_empty() {
        true => Ok(Some(End::Partly(plan.left))),
        false => Err(format!("it still differs, and the plan doesn't list it: {left:#?}\nafter {:#?}", plan.steps)),
    }
}

/// At least eighty of a hundred are resolved; each of the others is listed, with the reason.
#[tokio::test]
#[expect(clippy::print_stderr, reason = "the share is to be read")]
async fn a_change_is_removed_or_reported() {
    let mut wrong = String::new();
    let (mut removed, mut all) = (0, 0);
    let mut forms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut reported: BTreeMap<String, String> = BTreeMap::new();
    with_db(Start::Drift, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let before = catalog(&mut connection).await;
        let expected = Expectation::of(before.clone());
        for case in FILES.iter().flat_map(|it| cases(it)) {
            let ours = case.findings.iter().any(|it| it.split(' ').nth(2) == Some(APPLICATION_SCHEMA));
            if !ours || case.from > before.major {
                continue;
            }
            run(&mut connection, "begin").await.expect("a transaction begins");
            let end = match run(&mut connection, &case.sql).await {
                Ok(()) => remove(&mut connection, &expected).await,
                Err(error) => Err(error.to_string()),
            };
            run(&mut connection, "rollback").await.expect("it ends");
            match end {
                Ok(None) => wrong.push_str(&format!("{}: nothing differs after {}", case.place, case.sql)),
                Ok(Some(End::Removed(steps))) => {
                    // What only a newer version knows is shown by the cases above.
                    if case.from == 0 {
                        for step in &steps {
                            forms.entry(form(&step.sql)).or_default().insert(hazards(step));
                        }
                    }
                    removed += 1;
                    all += 1;
                }
                Ok(Some(End::Partly(left) | End::Blocked(left))) => {
                    all += 1;
                    let texts = left.iter().map(|it| format!("{} {}: {}", it.kind, it.object, it.reason));
                    reported.insert(case.place.clone(), texts.collect::<Vec<_>>().join("; "));
                }
                Err(error) => {
                    all += 1;
                    wrong.push_str(&format!("{}: {}    {error}\n\n", case.place, case.sql));
                }
            }
        }
        connection.close().await.expect("the connection closes");
    })
    .await;
    for (place, reasons) in &reported {
        eprintln!("{place}: {reasons}");
    }
    eprintln!("removed: {removed} of {all}, {} %; the others are reported", removed * 100 / all);
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(removed * 100 > all * 80, "{removed} of {all}");
    let line = |(form, hazards): (String, BTreeSet<String>)| {
        format!("{form:<70} {}\n", hazards.into_iter().collect::<Vec<_>>().join(" | "))
    };
    Snapshot::plan__steps.check(&forms.into_iter().map(line).collect::<String>());
}

/// What a step may hurt, and the lock that it takes for that.
fn hazards(step: &Step) -> String {
    let lock = |it: Option<LockMode>| it.map(|it| format!(" {it}")).unwrap_or_default();
    let hazards: BTreeSet<String> = step.hazards.iter().map(|it| format!("{}{}", it.kind, lock(it.lock))).collect();
    match hazards.is_empty() {
        true => "-".to_owned(),
        false => hazards.into_iter().collect::<Vec<_>>().join(", "),
    }
}

/// The words of a statement that say what it does, without names, values and what is in parentheses.
fn form(sql: &str) -> String {
    const WORDS: &str = "add aggregate all alter always attach attribute by cache check collate collation column \
         comment \
         compression concurrently configuration constraint create cycle dictionary default deferrable deferred detach \
         disable domain drop enable exclude execute extended external for force foreign from function generated grant \
         identity immediate in increment index inherit initially is key level link logged main mapping materialized \
         maxvalue minvalue no not null of on operator option options or owned owner partition plain policy primary \
         privileges procedure refresh reindex rename replace replica reset restart revoke role row rule schema search \
         security select sequence set start statistics storage table tables text to trigger type unique unlogged using \
         valid validate values view with without cluster";
    let (mut words, mut depth, mut quote): (Vec<&str>, u32, Option<char>) = (Vec::new(), 0, None);
    let separators = |it: char| it.is_whitespace() || "();'\",$".contains(it);
    for token in sql.split_inclusive(separators) {
        let (word, end) = match token.char_indices().next_back().filter(|it| separators(it.1)) {
            Some((at, end)) => (&token[..at], Some(end)),
            None => (token, None),
        };
        if depth == 0 && quote.is_none() && !(word.is_empty() && end.is_none_or(char::is_whitespace)) {
            let known = WORDS.split_whitespace().find(|it| it.eq_ignore_ascii_case(word));
            match (known, words.as_slice()) {
                (None, ["create" | "drop" | "comment", ..]) => break,
                (None, [.., "…"]) => {}
                (known, _) => words.push(known.unwrap_or("…")),
            }
        }
        match (end, quote) {
            (Some(end), Some(open)) if end == open => quote = None,
            (Some(end @ ('\'' | '"' | '$')), None) => quote = Some(end),
            (Some('('), None) => depth += 1,
            (Some(')'), None) => depth = depth.saturating_sub(1),
            (Some(';'), None) if depth == 0 => break,
            _ => {}
        }
    }
    words.join(" ")
}
