//! `integrity`: what each check finds, what it excuses, and what the command says of it.
//!
//! - `planted`: a violation for each check, which fires it and no other, and the remedy that clears it (`violations`).
//! - `scenarios`: the ten acceptance scenarios, played as the application plays them.
//! - `plans`: what a plan says about an index.
//! - `source`: rows that are odd in the legacy table already.
//! - `moment`: both sessions see the same rows.
//! - `output`: what is printed, exceptions, roles without rights.

mod moment;
mod output;
mod plans;
mod planted;
mod scenarios;
mod source;
mod violations;

use pad_migrate::checks::check::Status;
use pad_migrate::checks::integrity::outcome::Outcome;
use pad_migrate::checks::integrity::select;
use pad_migrate::checks::pg::integrity::check_session;
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::pg::drift::today;
use sqlx::{AssertSqlSafe, Executor};

use crate::harness::Db;

async fn session(db: &Db) -> Session {
    Session::from(db.connect().await)
}

async fn execute(session: &mut Session, sql: &str) {
    session.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// What a question finds after some statements, of which nothing stays.
async fn in_transaction<T>(session: &mut Session, sql: &str, ask: impl AsyncFnOnce(&mut Session) -> T) -> T {
    execute(session, "begin isolation level repeatable read").await;
    execute(session, sql).await;
    let found = ask(session).await;
    execute(session, "rollback").await;
    found
}

async fn outcomes(session: &mut Session) -> Vec<Outcome> {
    check_session(session, &select(&[]).expect("all"), today()).await.expect("the checks run")
}

/// Status and name of each check that fails or warns, or that could not be made though nothing is in its way.
async fn fired(session: &mut Session) -> Vec<String> {
    let found = outcomes(session).await;
    let is_wrong = |it: &&Outcome| match it.check.status {
        Status::Pass => false,
        Status::Skip => it.definition.header.extension.is_none(),
        Status::Warn | Status::Fail => true,
    };
    found.iter().filter(is_wrong).map(|it| format!("{} {}", it.check.status.as_str(), it.check.name)).collect()
}
