//! An ephemeral server in a Docker container: the official `postgres` image, or whatever goes by that name here.
//!
//! The container is removed when the server is dropped. It is leased, too: its process ends by itself after half an
//! hour, and the engine then removes it, so that not even a SIGKILL or a static leaves one for good.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use testcontainers_modules::postgres::Postgres;
use testcontainers_modules::testcontainers::core::IntoContainerPort;
use testcontainers_modules::testcontainers::runners::SyncRunner;
use testcontainers_modules::testcontainers::{Container, ImageExt, TestcontainersError};

use super::{Durability, Guard, Kept, PREFIX, Server, ServerError, settings};

/// Seconds for which a container may live.
const LEASE: &str = "1800";
/// The image's tag if `PAD_POSTGRES_VERSION` doesn't say another: the newest supported major version.
const NEWEST: &str = "18";

/// A running container.
pub(super) struct Lease {
    container: Option<Box<Container<Postgres>>>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lease").field(&self.container.as_ref().map(|it| it.id())).finish()
    }
}

pub(super) fn start(durability: Durability) -> Result<Server, ServerError> {
    let tag = std::env::var("PAD_POSTGRES_VERSION").ok().filter(|it| !it.is_empty());
    let tag = tag.unwrap_or_else(|| NEWEST.to_owned());
    let shown = tag.clone();
    off_runtime(move || run(&tag, durability)).map_err(|error| ServerError::Docker { tag: shown, source: error })
}

fn run(tag: &str, durability: Durability) -> Result<Server, TestcontainersError> {
    // The image's entrypoint runs a command that isn't `postgres` as it is; that command then is the entrypoint again.
    let lease = ["timeout", "-s", "INT", "-k", "5", LEASE, "docker-entrypoint.sh", "postgres"].map(str::to_owned);
    let settings = settings(durability).into_iter().flat_map(|it| ["-c".to_owned(), it]);
    // The engine may publish the port on every interface, and must where we are in a container ourselves.
    let password = format!("{:016x}{:016x}", random(), random());
    let container = Postgres::default()
        .with_password(&password)
        .with_tag(tag)
        .with_cmd(lease.into_iter().chain(settings))
        .with_label(format!("{PREFIX}ephemeral"), "true")
        .with_mapped_port(0, 5432.tcp())
        .with_host_config_modifier(|config| config.auto_remove = Some(true))
        .start()?;
    // Within a container the client names the engine's gateway, even where the port is on this machine's loopback.
    let port = container.get_host_port_ipv4(5432)?;
    let is_here = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1)).is_ok();
    let host = if is_here { "localhost".to_owned() } else { container.get_host()?.to_string() };
    Ok(Server {
        url: format!("postgres://postgres:{password}@{host}:{port}/postgres?sslmode=disable"),
        description: format!("Docker image postgres:{tag}"),
        guard: Guard::Docker(Lease { container: Some(Box::new(container)) }),
    })
}

/// A number that nobody can guess: the keys of the standard library's hasher come from the system's generator.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The client brings a runtime of its own, which may neither be started nor dropped inside another.
fn off_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(work).join().expect("the Docker client doesn't panic")
}

impl Lease {
    /// How to connect to a database of the kept server, and how to stop it. Within the container no password is asked.
    pub(super) fn keep(mut self, database: &str) -> Kept {
        let container = self.container.take().expect("a lease has its container until it ends");
        let id = container.id().to_owned();
        std::mem::forget(container);
        Kept {
            connect: format!("docker exec -it {id} psql -U postgres {database}"),
            stop: format!("docker rm -f {id}"),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(container) = self.container.take() {
            off_runtime(move || drop(container));
        }
    }
}
