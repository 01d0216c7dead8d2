//! The cases of `fixtures/drift/pairs.sql`: what is found between two states, what is to be done about it, and in which
//! order, as drift and plan say it.
//!
//! A case begins with a line `--- NAME`; behind `--- becomes` is what leads from the expected state to the live one.

use super::cases::planned;
use crate::drift::cases::{catalog, run};
use crate::harness::{Start, with_db};
use crate::snapshots::Snapshot;
use crate::tidy::{read, root};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use pad_migrate::schema::drift::finding::Finding;

fn finding(finding: &Finding) -> String {
    let Finding { severity, expected, actual, order, .. } = finding;
    let order = order.map_or(String::new(), |order| format!("{order}. "));
    let remedy = [finding.remedy.sql.as_str(), finding.remedy.advice.as_str()].join(" -- ");
    let sides = [expected, actual].map(|it| it.as_deref().unwrap_or("-").replace('\n', " "));
    format!("{severity} {} {}: {}\n    {order}{remedy}\n", finding.kind(), finding.object(), sides.join(" => "))
}

#[tokio::test]
async fn what_is_between_two_states_is_named_and_planned() {
    let text = read(&root().join("fixtures/drift/pairs.sql"));
    let mut shown = String::new();
    with_db(Start::Drift, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let states = text.split("--- ").skip(1).collect::<Vec<_>>();
        for states in states.chunks(2) {
            let (name, before) = states[0].split_once('\n').expect("a case has SQL");
            let after = states[1].strip_prefix("becomes\n").expect("a case has another state");
            run(&mut connection, "begin").await.expect("a transaction begins");
            run(&mut connection, before).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let expected = Expectation::of(catalog(&mut connection).await);
            run(&mut connection, after).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let live = catalog(&mut connection).await;
            let found = compare(expected.clone(), live.clone(), &RoleContext::default());
            let plan = planned(&mut connection, &expected, &live).await;
            run(&mut connection, "rollback").await.expect("it ends");
            shown.push_str(&format!("{name}\n\n"));
            found.iter().for_each(|it| shown.push_str(&finding(it)));
            plan.steps.iter().for_each(|step| shown.push_str(&format!("  {}\n", step.sql)));
            for left in &plan.left {
                let stops = if left.is_blocking { "stops" } else { "leaves" };
                shown.push_str(&format!("  {stops} {} {}: {}\n", left.kind, left.object, left.reason));
            }
            shown.push('\n');
        }
        connection.close().await.expect("the connection closes");
    })
    .await;
    Snapshot::plan__pairs.check(&shown);
}
