//! What a run that comes to a given server removes there.

use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, PgConnection};

use super::wanted;
use crate::waiting::until;
use pad_migrate::config::mask::Secret;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::pg::lease::keep_statement;
use pad_migrate::harness::server;
use pad_migrate::harness::server::error::Provider;
use pad_migrate::harness::server::lease::Server;
use pad_migrate::harness::server::names::PREFIX;
use pad_migrate::harness::server::request::ServerRequest;

async fn start(wanted: ServerRequest) -> Server {
    let server = tokio::task::spawn_blocking(move || server::start(&wanted).expect("a server starts"));
    server.await.expect("it doesn't panic")
}

/// What a run wants that is given a server which is there.
fn visitor(own: &Server) -> ServerRequest {
    ServerRequest { url: Some(Secret(own.url.clone())), ..ServerRequest::new(Provider::Url, None) }
}

async fn is_there(own: &Server, name: &str) -> bool {
    let mut connection = PgConnection::connect(&own.url).await.expect("the server answers");
    let found = sqlx::query_scalar("select exists (select from pg_database where datname = $1)").bind(name);
    found.fetch_one(&mut connection).await.expect("the query runs")
}

/// On a given server a dead run's databases go at the next visit, those of a living one stay, and what is only named
/// like ours is somebody's.
#[tokio::test]
async fn a_visit_removes_what_dead_runs_have_left_and_nothing_else() {
    let own = start(wanted()).await;
    let given = async || start(visitor(&own)).await;
    let visit = given().await;
    let admin = EphemeralDatabase::at(&own.url).expect("the URL is right");
    let number = std::process::id();
    let foreign = ["dev", "template_of_the_team", "0123456789ab"].map(|it| format!("{PREFIX}{it}{number}"));
    let (living, dead) = (visit.database_name("living"), format!("{PREFIX}0123456789ab_{number}"));
    let (kept, aged) = (format!("{dead}_kept"), format!("{dead}_aged"));
    for name in foreign.iter().chain([&living, &dead]) {
        admin::create_database(&admin, name, None).await.expect("a database is created");
    }
    let long_ago = format!("comment on database {aged} is 'kept by pad-migrate at 1600000000'");
    let deadline = Instant::now() + Duration::from_secs(60);
    for name in [&kept, &aged] {
        // Another run's visit may come between a database and its mark, and take it for what a dead run has left.
        loop {
            admin::create_database(&admin, name, None).await.expect("a database is created");
            let marked = match name == &kept {
                true => admin::execute(&admin, &keep_statement(name)).await.is_ok(),
                false => admin::execute(&admin, &long_ago).await.is_ok(),
            };
            if marked {
                break;
            }
            assert!(Instant::now() < deadline, "{name} could not be marked");
        }
    }
    drop(given().await);
    let is_there = async |name: &str| is_there(&own, name).await;
    // Another run's visit may have been at the dead run's databases just then, and have known fewer of them. What is
    // left goes at the next visit.
    let deadline = Instant::now() + Duration::from_secs(60);
    for name in [&dead, &aged] {
        while is_there(name).await {
            assert!(Instant::now() < deadline, "{name} is of a run that doesn't live");
            drop(given().await);
        }
    }
    for name in foreign.iter().chain([&living, &kept]) {
        assert!(is_there(name).await, "{name} was dropped");
    }
    drop(visit);
    assert!(!is_there(&living).await, "{living} goes with its run");
    for name in foreign.into_iter().chain([kept]) {
        admin::execute(&admin, &format!("drop database {name}")).await.expect("it is dropped");
    }
}

/// A run keeps a database, and ends, while a visit is busy with what comes before in its list.
#[tokio::test]
async fn what_is_kept_during_a_visit_stays() {
    let own = start(wanted()).await;
    let admin = EphemeralDatabase::at(&own.url).expect("the URL is right");
    let keeper = start(visitor(&own)).await;
    let kept = keeper.database_name("kept");
    // A dead run's, and first in the list.
    let dead = format!("{PREFIX}{:012x}_first", std::process::id());
    admin::create_database(&admin, &kept, None).await.expect("a database is created");
    // Nobody drops a database that is being commented on. Another run's visit may come before the comment.
    let mut other = PgConnection::connect(&own.url).await.expect("the server answers");
    until("the dead run's database is held", async || {
        admin::create_database(&admin, &dead, None).await.expect("a database is created");
        let comment = format!("begin; comment on database {dead} is 'being looked at'");
        let held = other.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(comment))).await;
        if held.is_err() {
            other.execute("rollback").await.expect("the session is there");
        }
        held.ok()
    })
    .await;
    let visit = tokio::spawn(start(visitor(&own)));
    until("the visit waits", async || {
        let mut connection = PgConnection::connect(&own.url).await.expect("the server answers");
        let waits = "select exists (select from pg_locks join pg_database d on d.oid = objid \
                     where datname = $1 and locktype = 'object' and not granted)";
        let waits = sqlx::query_scalar(waits).bind(&dead);
        let waits: bool = waits.fetch_one(&mut connection).await.expect("the query runs");
        waits.then_some(())
    })
    .await;
    keeper.keep(&kept);
    other.execute("rollback").await.expect("the session is there");
    drop(visit.await.expect("it doesn't panic"));
    assert!(is_there(&own, &kept).await, "{kept} was dropped");
    for name in [kept, dead] {
        admin::execute(&admin, &format!("drop database if exists {name}")).await.expect("it is dropped");
    }
}
