//! How long something takes, and how much of it the processors work: the client's processes and the server's, by the
//! kernel's accounts in `/proc`.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use super::measured::Cost;
use super::program;
use super::{Result, fs_text};

/// The unit of the times in `/proc/PID/stat`: user space has 100 ticks a second on every Linux.
const TICKS: f64 = 100.0;

/// A session that ended is gone from the server's list by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sessions on this run's databases, without what the server does there by itself.
const SESSIONS: &str = "select count(*) from pg_stat_activity where pid <> pg_backend_pid() \
    and backend_type in ('client backend', 'parallel worker') and starts_with(datname, $1)";

/// Whose processor time is the client's.
#[derive(Clone, Copy)]
pub(super) enum Client {
    /// Children that this process waits for.
    Program,
    /// This process.
    Bench,
}

impl Client {
    fn seconds(self) -> Option<f64> {
        let stat = Stat::read("self")?;
        Some(match self {
            Self::Program => stat.waited_for,
            Self::Bench => stat.own,
        })
    }
}

/// Times of a process, in seconds.
struct Stat {
    parent: u32,
    own: f64,
    /// Those of its children that ended.
    waited_for: f64,
}

impl Stat {
    fn read(process: &str) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The program's name before it may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        let sum = |at: usize| Some((ticks(at)? + ticks(at + 1)?) / TICKS);
        Some(Self { parent: fields.get(1)?.parse().ok()?, own: sum(11)?, waited_for: sum(13)? })
    }
}

/// What all processes of a server have used since it started.
fn server_seconds(postmaster: u32) -> Option<f64> {
    let name = postmaster.to_string();
    loop {
        let before = Stat::read(&name)?;
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().into_string().ok());
        let stats = numbers.filter(|number| number.parse::<u32>().is_ok()).filter_map(|number| Stat::read(&number));
        let living: f64 = stats.filter(|stat| stat.parent == postmaster).map(|stat| stat.own + stat.waited_for).sum();
        // A child that ended in between would be counted twice, or not at all.
        if Stat::read(&name)?.waited_for == before.waited_for {
            return Some(before.own + before.waited_for + living);
        }
    }
}

/// Measures what is done to one server.
pub(super) struct Meter {
    session: PgConnection,
    /// What the names of this run's databases begin with.
    prefix: String,
    /// Its first process, where it is one of this machine.
    postmaster: Option<u32>,
}

impl Meter {
    pub(super) async fn of(url: &str, prefix: String) -> Result<Self> {
        let mut session = PgConnection::connect(url).await?;
        // Nobody but a superuser may read it.
        let file =
            sqlx::query_scalar::<_, String>("select pg_read_file('postmaster.pid')").fetch_one(&mut session).await;
        let number = file.ok().and_then(|text| text.lines().next()?.trim().parse::<u32>().ok());
        let is_here = |number: &u32| fs_text(&format!("/proc/{number}/comm")).trim() == "postgres";
        Ok(Self { session, prefix, postmaster: number.filter(is_here) })
    }

    /// Does something, from a checkpoint to the end of its last session.
    pub(super) async fn time<T>(&mut self, client: Client, work: impl Future<Output = Result<T>>) -> Result<(Cost, T)> {
        sqlx::query("checkpoint").execute(&mut self.session).await?;
        self.silence().await?;
        let own = client.seconds();
        let server = self.postmaster.and_then(server_seconds);
        let since = Instant::now();
        let result = work.await?;
        let wall = since.elapsed().as_secs_f64();
        let own = used(own, client.seconds());
        self.silence().await?;
        let server = used(server, self.postmaster.and_then(server_seconds));
        Ok((Cost { wall, own, server, peak: None }, result))
    }

    /// Something that this process does itself.
    pub(super) async fn bench(&mut self, work: impl Future<Output = Result<()>>) -> Result<Cost> {
        Ok(self.time(Client::Bench, work).await?.0)
    }

    /// A command of the built program on a database.
    pub(super) async fn program(&mut self, command: &[&str], url: &str, code: i32) -> Result<Cost> {
        let (cost, peak) = self.time(Client::Program, async { program::run(command, url, code) }).await?;
        Ok(Cost { peak: Some(peak), ..cost })
    }

    /// Waits for the end of sessions, whose processes may live for a moment longer than their clients.
    async fn silence(&mut self) -> Result<()> {
        let since = Instant::now();
        loop {
            let sessions: i64 = sqlx::query_scalar(SESSIONS).bind(&self.prefix).fetch_one(&mut self.session).await?;
            if sessions == 0 {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                return Err(format!("{sessions} sessions are still there").into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn used(before: Option<f64>, after: Option<f64>) -> Option<f64> {
    Some(after? - before?)
}
