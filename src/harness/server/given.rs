//! A server that somebody gives us by PAD_TEST_DATABASE_URL: a CI service, a team's test server.
//!
//! Nothing is done there but creating and dropping databases (and, by the tests, roles) under our own prefix. A run
//! holds advisory locks as long as it lives, so that every run can tell what dead ones have left, and removes it when it
//! comes and when it goes.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::harness::pg::databases as admin;
use crate::harness::pg::databases::PrepareError;
use crate::harness::server::alive::Alive;
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::{Lease, Started};
use crate::harness::server::names::{database_url, token};
use crate::harness::server::request::{Durability, Request};

/// Between two questions whether the lock is still held.
const PULSE: Duration = Duration::from_secs(60);

/// A run's stay on the server.
pub(super) struct Visit {
    end: Option<oneshot::Sender<Option<String>>>,
    thread: Option<JoinHandle<()>>,
}

pub(super) fn start(request: &Request) -> Result<Started, ServerError> {
    let url = request.url.clone().ok_or(ServerError::NoUrl)?.0;
    if request.durability == Durability::Full {
        return Err(ServerError::NotOurs);
    }
    let alive = Alive::begin()?;
    let (token, address) = (token(), url.clone());
    let own = token.clone();
    let (end, ended) = oneshot::channel();
    let (told, hears) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread starts").block_on(stay(address, own, told, ended));
    });
    let visit = Visit { end: Some(end), thread: Some(thread) };
    let place = hears.recv().expect("the thread tells how it went").map_err(ServerError::Given)?;
    Ok(Started {
        connect: format!("psql '{}'", without_password(&database_url(&url, "{}"))),
        url,
        stop: "dropdb --maintenance-db=\"$PAD_TEST_DATABASE_URL\" {}".to_owned(),
        description: format!("the server of PAD_TEST_DATABASE_URL, {place}"),
        token,
        lease: Box::new(visit),
        alive,
    })
}

async fn stay(
    url: String,
    token: String,
    told: std::sync::mpsc::Sender<Result<String, PrepareError>>,
    mut ended: oneshot::Receiver<Option<String>>,
) {
    let entered = async {
        let server = admin::ephemeral(&url)?;
        Ok((server.place(), admin::Visit::enter(&server, &token).await?))
    };
    let mut visit = match entered.await {
        Ok((place, visit)) => {
            let _ = told.send(Ok(place));
            visit
        }
        Err(error) => {
            let _ = told.send(Err(error));
            return;
        }
    };
    // Something between us and the server may end a session that says nothing.
    let kept = loop {
        tokio::select! {
            kept = &mut ended => break kept.ok().flatten(),
            () = tokio::time::sleep(PULSE) => visit.pulse().await,
        }
    };
    visit.leave(kept.as_deref()).await;
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

impl Visit {
    fn end(&mut self, kept: Option<String>) {
        if let Some(end) = self.end.take() {
            let _ = end.send(kept);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Lease for Visit {
    /// Leaves a database to be looked at. Runs that come later remove it when it has aged.
    fn keep(mut self: Box<Self>, database: &str) {
        self.end(Some(database.to_owned()));
    }

    fn is_given(&self) -> bool {
        true
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.end(None);
    }
}
