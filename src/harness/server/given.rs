//! A server that PAD_TEST_DATABASE_URL names: a CI service, a team's test server.
//!
//! Nothing is done there but creating and dropping databases (and, by the tests, roles) under the program's own
//! prefix. A run holds advisory locks as long as it lives, so that every run can tell what dead ones have left, and
//! removes it at its start and at its end.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::harness::pg::databases::PrepareError;
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::harness::pg::lease::DatabaseLease;
use crate::harness::server::alive::Alive;
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::{Lease, Started, serve};
use crate::harness::server::names::{database_url, token};
use crate::harness::server::request::{Durability, ServerRequest};

/// Between two statements that keep the session alive.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The thread that holds the lease on the server.
pub(super) struct GivenServer {
    end: Option<oneshot::Sender<Option<String>>>,
    thread: Option<JoinHandle<()>>,
}

pub(super) fn start(request: &ServerRequest) -> Result<Started, ServerError> {
    let url = request.url.clone().ok_or(ServerError::NoUrl)?.0;
    if request.durability == Durability::Full {
        return Err(ServerError::UnknownDurability);
    }
    let alive = Alive::begin()?;
    let (token, address) = (token(), url.clone());
    let own = token.clone();
    let (end, ended) = oneshot::channel();
    let (report, reported) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread starts").block_on(hold_lease(address, own, report, ended));
    });
    let given = GivenServer { end: Some(end), thread: Some(thread) };
    let place = reported.recv().expect("the thread reports whether it has the lease").map_err(ServerError::Given)?;
    Ok(Started {
        connect: format!("psql '{}'", without_password(&database_url(&url, "{}"))),
        serve: serve(&without_password(&database_url(&url, "{}"))),
        url,
        stop: "dropdb --maintenance-db=\"$PAD_TEST_DATABASE_URL\" {}".to_owned(),
        description: format!("the server of PAD_TEST_DATABASE_URL, {place}"),
        token,
        lease: Box::new(given),
        alive,
    })
}

/// Holds a lease until it is asked to end, and reports whether it could be had.
async fn hold_lease(
    url: String,
    token: String,
    report: std::sync::mpsc::Sender<Result<String, PrepareError>>,
    mut ended: oneshot::Receiver<Option<String>>,
) {
    let acquired = async {
        let server = EphemeralDatabase::at(&url)?;
        Ok((server.place(), DatabaseLease::acquire(&server, &token).await?))
    };
    let mut lease = match acquired.await {
        Ok((place, lease)) => {
            let _ = report.send(Ok(place));
            lease
        }
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    // A firewall or a proxy may end an idle session.
    let kept = loop {
        tokio::select! {
            kept = &mut ended => break kept.ok().flatten(),
            () = tokio::time::sleep(KEEP_ALIVE) => lease.keep_alive().await,
        }
    };
    lease.release(kept.as_deref()).await;
}

fn without_password(url: &str) -> String {
    let hidden = |it: &str| it.starts_with("password=");
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let parameters: Vec<&str> = parameters.split('&').filter(|it| !it.is_empty() && !hidden(it)).collect();
    let address = match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        _ => address.to_owned(),
    };
    if parameters.is_empty() { address } else { format!("{address}?{}", parameters.join("&")) }
}

impl GivenServer {
    fn end(&mut self, kept: Option<String>) {
        if let Some(end) = self.end.take() {
            let _ = end.send(kept);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Lease for GivenServer {
    /// Keeps a database. Later runs remove it when it has aged.
    fn keep(mut self: Box<Self>, database: &str) {
        self.end(Some(database.to_owned()));
    }

    fn is_given(&self) -> bool {
        true
    }
}

impl Drop for GivenServer {
    fn drop(&mut self) {
        self.end(None);
    }
}
