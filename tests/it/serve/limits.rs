//! However many pages are open, the database has a few sessions; what takes too long is stopped and said.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::send;
use super::{options, with_dashboard};
use crate::harness::{Start, with_db};
use crate::waiting::{LIMIT, until, until_true};
use pad_migrate::dashboard::http::server::Dashboard;

/// A session that is about to close has said so.
const SESSIONS: &str = "select count(*) from pg_stat_activity where application_name = 'pad-migrate serve' \
    and datname = current_database() and query <> 'discard all'";

/// Sixty-four open pages are all answered, by four sessions at most; when nobody looks, there is none.
#[tokio::test]
async fn many_pages_share_a_few_sessions() {
    with_dashboard(Start::Migrated, async |db, browser| {
        let pages = futures_util::future::join_all((0..64).map(|at| {
            let path = ["/requests", "/audit", "/breaches", "/reference"][at % 4];
            browser.get(path)
        }));
        let mut most = 0;
        let mut pages = std::pin::pin!(pages);
        let answers = loop {
            tokio::select! {
                answers = &mut pages => break answers,
                () = tokio::time::sleep(Duration::from_millis(5)) => {
                    let count = db.value(SESSIONS).await.expect("a number").parse::<u32>().expect("a number");
                    most = most.max(count);
                }
            }
        };
        assert!(
            answers.iter().all(|it| it.status == 200),
            "{:?}",
            answers.iter().map(|it| it.status).collect::<Vec<_>>()
        );
        assert!(most <= 4, "{most} sessions at once");
        until_true(db, "idle sessions are closed", &format!("({SESSIONS}) = 0")).await;
        assert_eq!(browser.get("/requests").await.status, 200, "and opened again");
    })
    .await;
}

/// A page that waits for a lock, and one whose statement takes too long, say so; nothing waits behind them.
#[tokio::test]
async fn what_takes_too_long_is_stopped() {
    with_dashboard(Start::Migrated, async |db, browser| {
        let mut other = db.connect().await;
        sqlx::raw_sql("begin; lock table padealing.audit_log").execute(&mut other).await.expect("it is locked");
        let locked = browser.get("/audit").await;
        assert_eq!((locked.status, locked.headers.contains_key("retry-after")), (503, true));
        assert!(locked.body.contains("is locked by another session"), "{}", locked.body);
        sqlx::raw_sql("rollback").execute(&mut other).await.expect("it is free");
        assert_eq!(browser.get("/audit").await.status, 200);
        db.execute(
            "insert into padealing.pad_breach (employee_id, breach_type, severity) values (1001, 'late_note', 'low'); \
             alter table padealing.pad_breach rename to was; \
             create view padealing.pad_breach as select was.* from padealing.was, pg_sleep(30)",
        )
        .await;
        let began = Instant::now();
        let slow = browser.get("/breaches").await;
        assert_eq!(slow.status, 503, "{}", slow.body);
        assert!(slow.body.contains("needed more than a second"), "{}", slow.body);
        assert!(began.elapsed() < Duration::from_secs(15), "it was stopped");
        assert_eq!(browser.get("/requests").await.status, 200);
    })
    .await;
}

/// Pages that would wait too long are turned away with a page that says when to come again, and the next is answered.
#[tokio::test]
async fn pages_beyond_the_queue_are_turned_away() {
    with_dashboard(Start::Migrated, async |db, browser| {
        db.execute(
            "insert into padealing.pad_breach (employee_id, breach_type, severity) values (1001, 'late_note', 'low'); \
             alter table padealing.pad_breach rename to was; \
             create view padealing.pad_breach as select was.* from padealing.was, pg_sleep(0.9)",
        )
        .await;
        let answers = futures_util::future::join_all((0..60).map(|_| browser.get("/breaches"))).await;
        let busy: Vec<_> = answers.iter().filter(|it| it.status == 503).collect();
        assert!(!busy.is_empty() && busy.len() < 60, "some are answered, some are not: {}", busy.len());
        for answer in busy {
            assert_eq!(answer.headers.get("retry-after").map(String::as_str), Some("2"));
        }
        assert_eq!(browser.get("/requests").await.status, 200);
    })
    .await;
}

/// A session that the server ends is replaced.
#[tokio::test]
async fn sessions_that_die_are_replaced() {
    with_dashboard(Start::Migrated, async |db, browser| {
        browser.page("/requests").await;
        db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pad-migrate serve' \
            and datname = current_database()",
        )
        .await;
        browser.page("/requests").await;
    })
    .await;
}

/// What isn't a request, is too long, or never comes.
#[tokio::test]
async fn requests_have_limits() {
    with_dashboard(Start::Applied, async |_, browser| {
        let long = format!("/requests?status={}", "a".repeat(2000));
        assert_eq!(browser.get(&long).await.status, 414);
        let long = format!("/requests?status={}", "a".repeat(1500));
        assert_eq!(browser.get(&long).await.status, 400);
        let header = format!("X-Long: {}\r\n", "a".repeat(64 << 10));
        assert_eq!(send(&browser.host, &browser.request("GET", "/", &header)).await.status, 431);
        let headers = "X-A: b\r\n".repeat(100);
        assert_eq!(send(&browser.host, &browser.request("GET", "/", &headers)).await.status, 431);
        assert_eq!(send(&browser.host, b"\x16\x03\x01 not HTTP\r\n\r\n").await.status, 400);
        // One that begins and doesn't go on is ended.
        let mut slow = TcpStream::connect(&browser.host).await.expect("it listens");
        slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.expect("it is sent");
        let mut bytes = Vec::new();
        let ended = tokio::time::timeout(LIMIT, slow.read_to_end(&mut bytes)).await;
        assert!(ended.is_ok(), "the connection ends");
    })
    .await;
}

/// Nothing is written, and when the dashboard ends, so do its sessions.
#[tokio::test]
async fn it_ends_with_its_sessions() {
    with_db(Start::Migrated, async |db| {
        let dashboard = Dashboard::bind(options(&db.database)).await.expect("it listens");
        let start = dashboard.start_address().to_owned();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(dashboard.run(async {
            let _ = stopped.await;
        }));
        let browser = super::client::Browser::enter(&start).await;
        browser.page("/requests").await;
        drop(stop);
        running.await.expect("it ends");
        until("its sessions end", async || (db.value(SESSIONS).await.as_deref() == Some("0")).then_some(())).await;
        assert!(TcpStream::connect(&browser.host).await.is_err(), "nobody listens any more");
    })
    .await;
}
