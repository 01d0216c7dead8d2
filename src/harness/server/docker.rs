//! An ephemeral server in a Docker container: the official `postgres` image, or whatever goes by that name here.
//!
//! The container is removed when the server is dropped. It is leased, too: its process ends by itself when nobody has
//! been connected for half an hour, and the engine then removes it, so that not even a SIGKILL leaves one for good. It
//! bears the number of the process it belongs to; a later start removes those whose process is gone.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use testcontainers_modules::postgres::Postgres;
use testcontainers_modules::testcontainers::bollard::Docker;
use testcontainers_modules::testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
};
use testcontainers_modules::testcontainers::core::client::docker_client_instance;
use testcontainers_modules::testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers_modules::testcontainers::runners::AsyncRunner;
use testcontainers_modules::testcontainers::{ContainerAsync, ImageExt, TestcontainersError};

use crate::base::text::sentence;
use crate::base::version::NEWEST;
use crate::harness::pg::databases as admin;
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::harness::server::alive::{Alive, is_alive};
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::{Lease, Started, off_runtime, serve_from_container};
use crate::harness::server::names::{PREFIX, random, token};
use crate::harness::server::request::{Durability, ServerRequest, settings};

/// Runs the image's entrypoint with our arguments, and ends it when for half an hour there was no connection to its
/// port (5432, in hexadecimal 1538; state 01 is an established connection) or to its socket (state 03); see proc(5).
const LEASE: &str = r#"
docker-entrypoint.sh "$@" &
server=$!
idle=0
while kill -0 "$server" 2>/dev/null; do
    sleep 1
    idle=$((idle + 1))
    if grep -qE ':1538 [0-9A-F]+:[0-9A-F]+ 01 ' /proc/net/tcp /proc/net/tcp6 2>/dev/null; then idle=0; fi
    if grep -qE ' 03 +[0-9]+ .*\.s\.PGSQL\.5432$' /proc/net/unix 2>/dev/null; then idle=0; fi
    if [ "$idle" -ge 1800 ]; then kill -INT "$server"; sleep 5; fi
done
"#;
/// Bytes that a container's files in memory may take at most.
const MEMORY: u64 = 2 << 30;
/// An engine that is there answers at once; a forwarded socket may take a moment.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that doesn't answer by then never will.
const STARTING: Duration = Duration::from_secs(60);
/// Seconds after which a container that was created has been started.
const STALE: i64 = 600;
/// The labels of ephemeral containers: the mark, and the process that owns them.
const LABELS: [&str; 2] = ["pad_migrate_ephemeral", "pad_migrate_owner"];
/// Part of the name of a container that was left running on purpose.
const KEPT: &str = "kept_";

/// A running container.
pub(super) struct Container {
    container: Option<Box<ContainerAsync<Postgres>>>,
}

pub(super) fn start(request: &ServerRequest) -> Result<Started, ServerError> {
    let request = request.clone();
    off_runtime(async move {
        let engine = engine().await.map_err(ServerError::NoEngine)?;
        sweep(&engine).await;
        let tag = request.version.clone().unwrap_or_else(|| NEWEST.to_string());
        let failed = |source| ServerError::Docker { tag: tag.clone(), source };
        if engine.inspect_image(&format!("postgres:{tag}")).await.is_err() {
            request.notify(&format!("pulling the image postgres:{tag}, about 150 MB, once"));
            let _ = Postgres::default().with_tag(&tag).pull_image().await.map_err(failed)?;
        }
        let alive = Alive::begin()?;
        run(&tag, &request, alive).await.map_err(failed)
    })
}

/// A client of an engine that answers, or why there is none.
async fn engine() -> Result<Docker, String> {
    let engine = docker_client_instance().await.map_err(|error| sentence(&error))?;
    match tokio::time::timeout(ENGINE_TIMEOUT, engine.ping()).await {
        Ok(Ok(_)) => Ok(engine),
        Ok(Err(error)) => Err(sentence(&error)),
        Err(_) => Err(format!("it took longer than {} s", ENGINE_TIMEOUT.as_secs())),
    }
}

/// A process, on any machine that uses the engine: on Linux numbers are unique since a boot, within a namespace.
fn owner(pid: u32) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{host}/{}/{}:{pid}", boot.trim(), namespace.display())
}

/// Removes ephemeral containers whose process, which was on this machine, is gone.
async fn sweep(engine: &Docker) {
    let filters = HashMap::from([("label", vec![LABELS[0]])]);
    let all = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    for container in engine.list_containers(Some(all)).await.unwrap_or_default() {
        let owned = container.labels.as_ref().and_then(|it| it.get(LABELS[1]));
        let pid = owned.and_then(|owner| owner.rsplit_once(':')).and_then(|(_, pid)| pid.parse().ok());
        let gone = pid.is_some_and(|pid| owned == Some(&owner(pid)) && !is_alive(pid));
        // Asked after the process, which names the container it keeps before it ends; the list is older than that, by
        // as long as it took to remove what comes before in it.
        let Some(id) = container.id else { continue };
        let Ok(now) = engine.inspect_container(&id, None).await else { continue };
        let kept = now.name.is_some_and(|it| it.contains(KEPT));
        // A container that a restarted machine left is stopped; one whose start was cut short never ran.
        let state = now.state.and_then(|it| it.status).map(|it| it.to_string()).unwrap_or_default();
        let age = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |it| it.as_secs() as i64) - container.created.unwrap_or(0);
        let stopped = ["exited", "dead"].contains(&state.as_str()) || state == "created" && age > STALE;
        if gone && !kept || stopped {
            remove(engine, &id).await;
        }
    }
}

/// Removes a container with its volume. One that is being removed already is as good as gone.
async fn remove(engine: &Docker, id: &str) {
    let with_volume = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let _ = engine.remove_container(id, Some(with_volume)).await;
}

async fn run(tag: &str, request: &ServerRequest, alive: Alive) -> Result<Started, TestcontainersError> {
    // The image's entrypoint runs a command that isn't `postgres` as it is; that command then is the entrypoint again.
    let lease = ["sh", "-c", LEASE, "lease", "postgres"].map(str::to_owned);
    let settings = settings(request.durability).into_iter().flat_map(|it| ["-c".to_owned(), it]);
    // The engine may publish the port on every interface, and must where we are in a container ourselves.
    let password = format!("{:016x}{:016x}", random(), random());
    let token = token();
    let mut image = Postgres::default().with_password(&password).with_tag(tag);
    if request.durability == Durability::Memory {
        image = image.with_shm_size(MEMORY).with_env_var("PGDATA", "/dev/shm/postgres");
    }
    let mut container = image
        .with_cmd(lease.into_iter().chain(settings))
        .with_container_name(format!("{PREFIX}{token}"))
        .with_labels([(LABELS[0], "true".to_owned()), (LABELS[1], owner(std::process::id()))])
        .with_mapped_port(0, 5432.tcp())
        .with_host_config_modifier(|config| config.auto_remove = Some(true));
    if let Some(setup) = &request.setup {
        // Where the image looks for scripts that it runs in a new data directory. A standby logs another line when
        // ready.
        let script = format!("(cd \"$PGDATA\"\n{setup}\n)\n").into_bytes();
        container = container
            .with_copy_to("/docker-entrypoint-initdb.d/setup.sh", script)
            .with_ready_conditions(vec![WaitFor::message_on_either_std("PostgreSQL init process complete")]);
    }
    let container = container.start().await?;
    // Within a container the client names the engine's gateway, even where the port is on this machine's loopback.
    let port = container.get_host_port_ipv4(5432).await?;
    let is_here = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1)).is_ok();
    let host = if is_here { "127.0.0.1".to_owned() } else { container.get_host().await?.to_string() };
    let url = format!("postgres://postgres:{password}@{host}:{port}/postgres?sslmode=disable");
    if request.setup.is_some() {
        wait_until_it_answers(&url).await;
    }
    let id = container.id().get(..12).unwrap_or(container.id()).to_owned();
    Ok(Started {
        serve: serve_from_container(&id, &format!("{host}:{port}")),
        url,
        description: format!("Docker image postgres:{tag}"),
        // Within the container no password is asked.
        connect: format!("docker exec -it {id} psql -U postgres {{}}"),
        stop: format!("docker rm -f -v {id}"),
        token,
        lease: Box::new(Container { container: Some(Box::new(container)) }),
        alive,
    })
}

/// Gives a server the time to start; the next connection reports why it didn't.
async fn wait_until_it_answers(url: &str) {
    let Ok(database) = EphemeralDatabase::at(url) else { return };
    let deadline = Instant::now() + STARTING;
    while admin::server_version(&database).await.is_err() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Lease for Container {
    /// Leaves the container running until nobody has been connected for half an hour.
    fn keep(mut self: Box<Self>, _: &str) {
        let container = self.container.take().expect("a lease has its container until it ends");
        let id = container.id().to_owned();
        std::mem::forget(container);
        off_runtime(async move {
            let name = format!("{PREFIX}{KEPT}{}", token());
            let rename = RenameContainerOptionsBuilder::new().name(&name).build();
            if let Ok(engine) = docker_client_instance().await {
                // Under its old name it would be removed too early, which does no harm.
                let _ = engine.rename_container(&id, rename).await;
            }
        });
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(container) = self.container.take() {
            off_runtime(async move {
                let id = container.id().to_owned();
                // The client's own removal waits for nobody; this one has happened when it returns.
                if container.rm().await.is_err()
                    && let Ok(engine) = docker_client_instance().await
                {
                    remove(&engine, &id).await;
                }
            });
        }
    }
}
