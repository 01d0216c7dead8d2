//! Servers, and the databases on them that something is done to.

use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::Roles;
use pad_migrate::harness::generate::Generator;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::error::Provider;
use pad_migrate::harness::server::lease::Server;
use pad_migrate::harness::server::request::{Durability, ServerRequest};
use pad_migrate::harness::server::{self, names};
use pad_migrate::postgres::database::Database;
use pad_migrate::schema::pg::{apply, request};

use super::Result;
use super::meter::Meter;

/// A server of our own, of the wanted version or else of the environment's; blocks, as it may take a while.
pub(super) async fn start(durability: Durability, version: Option<&str>) -> Result<Server> {
    let mut wanted = ServerRequest { durability, ..ServerRequest::new(Provider::Auto, None) };
    if let Some(version) = version {
        wanted.version = Some(version.to_owned());
    }
    Ok(tokio::task::spawn_blocking(move || server::start(&wanted)).await??)
}

/// A database with generated legacy rows and the target's tables.
pub(super) async fn prepare(admin: &EphemeralDatabase, name: &str, generator: Generator) -> Result<()> {
    let database = admin::create_database(admin, name, None).await?;
    admin::fill_with_generated(&database, generator, |_| ()).await?;
    apply_all(&database).await
}

pub(super) async fn apply_all(database: &Database) -> Result<()> {
    let roles = Roles::default();
    apply::apply(&request::ChangeRequest::new(database, Environment::Local, &roles), None).await?;
    Ok(())
}

/// A server as durable as production's, and a template of databases with legacy rows that wait for their migration.
pub(super) struct Site {
    pub(super) meter: Meter,
    pub(super) generator: Generator,
    pub(super) server: Server,
    admin: EphemeralDatabase,
}

impl Site {
    pub(super) async fn start(rows: u64, version: Option<&str>) -> Result<Self> {
        let server = start(Durability::Full, version).await?;
        let admin = EphemeralDatabase::at(&server.url)?;
        let generator = Generator { rows, seed: 1 };
        let meter = Meter::of(&server.url, server.database_name("")).await?;
        let site = Self { meter, generator, server, admin };
        prepare(&site.admin, &site.name("template"), generator).await?;
        Ok(site)
    }

    fn name(&self, what: &str) -> String {
        self.server.database_name(what)
    }

    pub(super) fn url(&self, what: &str) -> String {
        names::database_url(&self.server.url, &self.name(what))
    }

    /// The URL of a new database with what the template has.
    pub(super) async fn database(&self, what: &str) -> Result<String> {
        admin::create_database(&self.admin, &self.name(what), Some(&self.name("template"))).await?;
        Ok(self.url(what))
    }

    /// The URL of a new database without anything.
    pub(super) async fn empty(&self, what: &str) -> Result<String> {
        admin::create_database(&self.admin, &self.name(what), None).await?;
        Ok(self.url(what))
    }

    pub(super) async fn drop(&self, what: &str) -> Result<()> {
        Ok(admin::execute(&self.admin, &format!("drop database {}", self.name(what))).await?)
    }
}
