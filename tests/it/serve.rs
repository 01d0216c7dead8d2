//! The dashboard: who is answered, what is shown, that lists are whole, and what it does to a database.

mod client;
mod export;
mod guarded;
mod limits;
mod lists;
mod live;
mod program;
mod queries;
mod rejected;
mod shown;

use std::net::SocketAddr;

use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::dashboard::http::options::Options;
use pad_migrate::dashboard::http::server::Dashboard;
use pad_migrate::dashboard::pg::source::Source;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::postgres::database::Database;

use crate::harness::{Db, Role, Start, roles, with_db};

use crate::waiting::until;

use client::Browser;

/// What the dashboard gets of a database.
fn options(target: &Database) -> Options {
    Options {
        target: target.clone(),
        source: Source::Table(Box::new(target.clone()), TableName::legacy()),
        environment: Environment::Local,
        roles: roles(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
    }
}

/// Runs `body` with a browser that the dashboard of a fresh database has let in.
async fn with_dashboard(start: Start, body: impl AsyncFnOnce(&Db, &Browser)) {
    with_db(start, async |db| serving(options(&db.database), async |browser| body(&db, browser).await).await).await;
}

async fn serving(options: Options, body: impl AsyncFnOnce(&Browser)) {
    let dashboard = Dashboard::bind(options).await.expect("the dashboard listens");
    let start = dashboard.start_address().to_owned();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(dashboard.run(async {
        let _ = stopped.await;
    }));
    let browser = Browser::enter(&start).await;
    body(&browser).await;
    drop(stop);
    running.await.expect("the dashboard ends");
}

/// The reader's role is enough for every page.
#[tokio::test]
async fn the_reader_sees_every_page() {
    with_db(Start::Migrated, async |db| {
        let grant = "grant select on public.personal_account_dealing to";
        db.execute(&format!("{grant} {}", Role::Reader.name())).await;
        let reader = db.url_as(Role::Reader).await;
        let target = EphemeralDatabase::at(&reader).expect("the URL is right");
        let dashboard = Dashboard::bind(options(&target)).await.expect("the dashboard listens");
        assert!(!dashboard.may_write(), "the reader may write nothing");
        let start = dashboard.start_address().to_owned();
        let running = tokio::spawn(dashboard.run(std::future::pending()));
        let browser = Browser::enter(&start).await;
        let request = db.value("select min(id) from padealing.pad_request").await.expect("there are requests");
        let request = format!("/requests/{request}?people=shown");
        for page in ["/", "/requests?people=shown", &request, "/breaches", "/audit", "/rejections", "/reference"] {
            browser.page(page).await;
        }
        let page = browser.page(&request).await;
        assert!(page.contains("<strong>Proved</strong>"), "the legacy row is verified: {page}");
        for work in ["/drift", "/integrity"] {
            assert_eq!(browser.get(&format!("{work}?run=now")).await.status, 303, "{work}");
            until(work, async || browser.page(work).await.contains("As it was at").then_some(())).await;
        }
        running.abort();
    })
    .await;
}
