//! The overview while a run is at work.

use std::time::Duration;

use pad_migrate::dashboard::pace::Pace;
use pretty_assertions::assert_eq;

use super::{options, serving};
use crate::harness::program::{run, stdout};
use crate::harness::{Start, with_db};
use crate::waiting::until;

const RUN: &str = "insert into padealing.migration_run (id, command, environment, started_at, database_role, program_version) \
    values (gen_random_uuid(), 'migrate', 'local', '2024-01-01 10:00', 'mover', '0.1.0')";

/// A run that has no end is at work as long as it holds the lock of a migration; the browser looks again by itself, until
/// somebody stops it, and the pace is what came since it looked before.
#[tokio::test]
async fn a_run_is_followed_as_long_as_it_is_at_work() {
    with_db(Start::Applied, async |db| {
        db.execute(RUN).await;
        let mut running = db.connect().await;
        let lock = "select pg_advisory_lock(x'7061646d'::int, 1)";
        sqlx::raw_sql(lock).execute(&mut running).await.expect("the lock of a migration is taken");
        serving(options(&db.database), async |browser| {
            let page = browser.page("/").await;
            for shown in [
                "<strong>migrate is at work</strong> since <span class=\"figure\">2024-01-01 10:00:00</span> (UTC), as mover",
                "By the server's own estimate, 0 requests were there a moment ago. This page loads again every 5 seconds.",
                "<meta http-equiv=\"refresh\" content=\"5\">",
                "<span class=\"status caution\">running</span>",
            ] {
                assert!(page.contains(shown), "{shown} in {page}");
            }
            let still = browser.page("/?reload=no").await;
            assert!(!still.contains("http-equiv=\"refresh\"") && still.contains("Load this page again by itself"));
            db.execute(
                "insert into padealing.pad_request (employee_id, status) select 1001, 'approved' from generate_series(1, 4000)",
            )
            .await;
            until("the server counts them", async || {
                let page = browser.page("/").await;
                (page.contains("estimate, 4,000 requests") && page.contains(" more a second")).then_some(())
            })
            .await;
            drop(running);
            until("the run is lost", async || {
                let page = browser.page("/").await;
                (page.contains(">lost</span>") && !page.contains("at work")).then_some(())
            })
            .await;
        })
        .await;
    })
    .await;
}

/// A run whose record is odd is shown as far as it can be read, and hides no other.
#[tokio::test]
async fn an_odd_run_hides_no_other() {
    with_db(Start::Applied, async |db| {
        db.execute(RUN).await;
        db.execute(
            r#"insert into padealing.migration_run (id, command, environment, started_at, finished_at, database_role,
                                                    program_version, counts, options, outcome) values
                   (gen_random_uuid(), 'migrate', 'local', 'infinity', '-infinity', 'a', '1', '{"read": "NaN", "migrated": -5}', '[]', 'clean'),
                   (gen_random_uuid(), 'migrate', 'local', '4000-01-01 BC', '9999-01-01', 'b', '2', '{"read": 99999999999999999999}', '7', 'clean'),
                   (gen_random_uuid(), 'migrate', 'local', '2024-01-02', null, 'c', '3', '[1.5]', null, 'failed')"#,
        )
        .await;
        serving(options(&db.database), async |browser| {
            let page = browser.page("/").await;
            for role in ["a", "b", "c", "mover"] {
                assert!(page.contains(&format!("data-label=\"Role\">{role}</td>")), "{role} in {page}");
            }
            assert!(page.contains("infinity"), "{page}");
        })
        .await;
        // Nor does it stop what else reads the runs.
        db.execute(
            "insert into padealing.migration_reject (source_table, source_id, field, rule, message, first_run_id, last_run_id) \
             select 'personal_account_dealing', 1, 'status', 'unknown_status', 'odd', id, id from padealing.migration_run \
             where started_at = 'infinity'",
        )
        .await;
        db.verify().await;
        let report = run(&["--database-url", &db.url, "report", "--json"], &[]);
        let report: serde_json::Value = serde_json::from_str(&stdout(&report)).expect("JSON");
        let text = report.to_string();
        assert!(text.contains("unknown_status") || text.contains("Unknown status"), "{text}");
        assert!(!text.contains("could not be read") && !text.contains("22P02"), "{text}");
    })
    .await;
}

/// The numbers change with the runs, and not a minute later.
#[tokio::test]
async fn the_numbers_change_when_a_run_begins_or_ends() {
    with_db(Start::Applied, async |db| {
        serving(options(&db.database), async |browser| {
            assert!(browser.page("/").await.contains("There are no requests yet."));
            db.execute("insert into padealing.pad_request (employee_id, status) values (1001, 'approved')").await;
            assert!(browser.page("/").await.contains("There are no requests yet."), "a minute hasn't passed");
            db.execute(RUN).await;
            assert!(browser.page("/").await.contains("<b>1</b><span>requests</span>"));
            db.execute("insert into padealing.pad_request (employee_id, status) values (1001, 'approved')").await;
            db.execute("update padealing.migration_run set finished_at = now(), outcome = 'clean'").await;
            let page = browser.page("/").await;
            assert!(page.contains("<b>2</b><span>requests</span>") && page.contains(">done</span>"), "{page}");
        })
        .await;
    })
    .await;
}

#[test]
fn a_pace_follows_the_run() {
    let (mut pace, at) = (Pace::default(), Duration::from_secs);
    assert_eq!(pace.rate("a", 100, at(0)), None);
    assert_eq!(pace.rate("a", 600, at(5)), Some(100.0));
    // Then it stalls: the first count is left behind.
    assert_eq!(pace.rate("a", 1100, at(10)), Some(100.0));
    assert_eq!(pace.rate("a", 1100, at(20)), Some(0.0));
    assert_eq!(pace.rate("b", 1100, at(25)), None, "another run");
    assert_eq!(pace.rate("b", 1000, at(30)), Some(-20.0), "a rollback");
}
