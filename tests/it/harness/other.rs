//! Servers of their own beside the run's, for what only another configuration shows: TLS, a standby, one that plays QA.
//!
//! They come from Docker, from local programs or from a download, even where the run's server is a given one, whose
//! configuration is not ours to change.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;

use super::host;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server;
use pad_migrate::harness::server::error::Provider;
use pad_migrate::harness::server::lease::Server;
use pad_migrate::harness::server::names::database_url;
use pad_migrate::harness::server::request::{Durability, ServerRequest};

/// A setup: who comes over TCP, and isn't the superuser, needs a password, which is kept as SCRAM wants it (not so by
/// default before version 14).
pub(crate) const ASK: &str = "
{ echo 'host all postgres all trust'; echo 'host all pad_barred all reject'; echo 'host all all all scram-sha-256'
  cat pg_hba.conf; } >hba && mv hba pg_hba.conf
echo 'password_encryption = scram-sha-256' >>postgresql.conf
";

/// A server of a test's own. It ends with the value.
pub(crate) struct Other {
    server: Server,
    /// Where it is reached over TCP.
    pub(crate) host: String,
    pub(crate) port: String,
}

/// Starts one; the script runs in its data directory first.
pub(crate) async fn start(setup: &str) -> Other {
    let asked = std::env::var("PAD_PROVIDER").map_or(Provider::Auto, |it| it.parse().expect("a provider"));
    let provider = if asked == Provider::Url {
        Provider::Auto
    } else {
        // A run that gets no server gets none here, which is found out once.
        host();
        asked
    };
    let request = ServerRequest {
        url: None,
        durability: Durability::Full,
        setup: Some(setup.to_owned()),
        ..ServerRequest::new(provider, None)
    };
    let server = tokio::task::spawn_blocking(move || server::start(&request).expect("a server starts"));
    let server = server.await.expect("it doesn't panic");
    let options: PgConnectOptions = server.url.parse().expect("the URL is right");
    // A local server's URL names its socket; it listens here, too.
    let host = if options.get_socket().is_some() { "127.0.0.1" } else { options.get_host() };
    Other { host: host.to_owned(), port: options.get_port().to_string(), server }
}

impl Other {
    /// The superuser's URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        database_url(&self.server.url, database)
    }

    /// Runs statements as the superuser, one at a time.
    pub(crate) async fn execute(&self, database: &str, statements: &[&str]) {
        let database = EphemeralDatabase::at(&self.url(database)).expect("the URL is right");
        for sql in statements {
            admin::execute(&database, sql).await.expect("the SQL runs");
        }
    }

    /// Changes settings, and waits until new sessions have them.
    pub(crate) async fn set(&self, settings: &[(&str, &str)]) {
        for (name, value) in settings {
            self.execute("postgres", &[&format!("alter system set {name} = '{value}'")]).await;
        }
        self.execute("postgres", &["select pg_reload_conf()"]).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        for (name, value) in settings {
            while self.value("postgres", &format!("current_setting('{name}')")).await.as_deref() != Some(value) {
                assert!(Instant::now() < deadline, "{name} never became {value}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// The one value of a query, as text.
    pub(crate) async fn value(&self, database: &str, sql: &str) -> Option<String> {
        super::value(&self.url(database), sql).await
    }
}
