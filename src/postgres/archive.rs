//! Archives of pg_dump: made, and read in full by pg_restore.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::base::version::major;
use crate::postgres::archive_text::{CopyHead, END_OF_ROWS, copy_head};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Database;
use crate::postgres::programs::{Programs, programs};

/// Why a program of PostgreSQL's didn't do its work.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ProgramError {
    /// None is installed, or none that is new enough.
    #[error(
        "pg_dump and pg_restore of PostgreSQL {wanted} or newer are needed for {what}, and {}; install the package \
         postgresql-client-{wanted} (Debian, Ubuntu) or postgresql{wanted} (RHEL, from PostgreSQL's own repository)",
        found_text(found)
    )]
    Missing {
        wanted: u32,
        /// What they are needed for.
        what: String,
        /// The versions that there are.
        found: Vec<String>,
    },
    /// One of them failed.
    #[error("{program} {version} failed: {output}")]
    Failed {
        program: &'static str,
        version: String,
        /// Its stderr, on one line.
        output: String,
    },
    /// It says what isn't understood.
    #[error("pg_restore {version} printed what isn't understood: {text}; use another minor version of it")]
    Unreadable { version: String, text: String },
}

/// Why pg_dump doesn't begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DumpError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Program(#[from] ProgramError),
}

fn found_text(found: &[String]) -> String {
    match found {
        [] => "they are neither on the PATH nor where packages install them".to_owned(),
        found => format!("this machine has only those of {}", found.join(", ")),
    }
}

/// A script of what every database can have: names of roles and of places on a disk are another server's.
const SCRIPT: [&str; 7] = [
    "--file=-",
    "--no-owner",
    "--no-privileges",
    "--no-tablespaces",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
];

/// The programs that make and read archives, of one version.
#[derive(Clone, Debug)]
pub struct Tools(Programs);

impl Tools {
    /// The oldest that are this major version's or newer: pg_dump reads servers up to its own version, pg_restore
    /// archives up to its own, and what a much newer one writes an older server may not understand.
    pub(crate) async fn find(wanted: u32, what: &str) -> Result<Self, ProgramError> {
        let search = tokio::task::spawn_blocking(|| programs(["pg_dump", "pg_restore"]));
        Self::choose(search.await.unwrap_or_default(), wanted, what)
    }

    fn choose(found: Vec<Programs>, wanted: u32, what: &str) -> Result<Self, ProgramError> {
        let versions = found.iter().map(|it| it.version.clone()).collect();
        let mut enough = found.into_iter().filter(|it| major(&it.version) >= wanted);
        // The newest minor version of the oldest major one.
        let first = enough.next().ok_or(ProgramError::Missing { wanted, what: what.to_owned(), found: versions })?;
        let best = enough.fold(first, |best, it| if major(&it.version) < major(&best.version) { it } else { best });
        Ok(Self(best))
    }

    /// Their version, such as `18.6`.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// The folder that holds them.
    pub fn folder(&self) -> &Path {
        &self.0.bin
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.0.bin.join(program));
        // In libpq they win over what is given, and lead to another server, or set what we choose.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        // It is killed when the command is interrupted; when this process is killed, it finds that nobody reads.
        command
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts pg_dump with these options; `name` is what `pg_stat_activity` shows of it. The connection is in its
    /// environment: other users can read a process's arguments.
    pub(crate) async fn dump(&self, database: &Database, name: &str, options: &[String]) -> Result<Output, DumpError> {
        let mut command = self.command("pg_dump");
        let variables = database.variables();
        let own = variables.iter().find(|(name, _)| *name == "PGOPTIONS").map(|(_, own)| own.clone());
        command.envs(variables).env("PGAPPNAME", name);
        if database.takes_settings().await? {
            let unheard = database.patience.unheard.as_millis();
            command.env(
                "PGOPTIONS",
                format!(
                    "{} -c tcp_user_timeout={unheard} -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 \
                     -c tcp_keepalives_count=4",
                    own.unwrap_or_default()
                ),
            );
        }
        if database.ssl_mode() == "verify-full" && !database.has_root_cert() && major(self.version()) >= 16 {
            // What our own sessions trust.
            command.env("PGSSLROOTCERT", "system");
        }
        // A network that falls silent ends it.
        command.arg("--dbname=keepalives_idle=15 keepalives_interval=5 keepalives_count=4 tcp_user_timeout=60000");
        command.args(["--format=custom", "--encoding=UTF8", "--no-password", "--lock-wait-timeout=30s"]).args(options);
        Ok(self.start("pg_dump", command)?)
    }

    /// Starts pg_restore, which prints the rows of all tables, and where sequences stand, as a script.
    pub(crate) fn data(&self, archive: &Path) -> Result<Output, ProgramError> {
        let mut command = self.command("pg_restore");
        command.args(SCRIPT).arg("--section=data").arg(archive);
        self.start("pg_restore", command)
    }

    /// The archive's table of contents, a line each.
    pub(crate) async fn list(&self, archive: &Path) -> Result<String, ProgramError> {
        let mut command = self.command("pg_restore");
        command.arg("--list").arg(archive);
        self.start("pg_restore", command)?.text().await
    }

    /// The script of a section, of the entries of a list only.
    pub(crate) async fn section(&self, archive: &Path, section: &str, list: &str) -> Result<String, ProgramError> {
        let mut command = self.command("pg_restore");
        command.args(SCRIPT).arg("--use-list=/dev/stdin").arg(format!("--section={section}")).arg(archive);
        command.stdin(Stdio::piped());
        let mut output = self.start("pg_restore", command)?;
        if let Some(mut stdin) = output.child.stdin.take() {
            let list = list.to_owned();
            tokio::spawn(async move { stdin.write_all(list.as_bytes()).await });
        }
        output.text().await
    }

    fn start(&self, program: &'static str, mut command: Command) -> Result<Output, ProgramError> {
        let version = self.version().to_owned();
        let failed = |error: std::io::Error| ProgramError::Failed {
            program,
            version: version.clone(),
            output: error.to_string(),
        };
        let mut child = command.spawn().map_err(failed)?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed(std::io::Error::other("it has no output")));
        };
        let said = tokio::spawn(async move {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text).await;
            text
        });
        Ok(Output {
            program,
            version,
            child,
            stdout: BufReader::with_capacity(1 << 18, stdout),
            said,
            line: Vec::new(),
        })
    }
}

/// What a program prints while it works.
pub(crate) struct Output {
    program: &'static str,
    version: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: JoinHandle<Vec<u8>>,
    line: Vec<u8>,
}

/// What a script of data holds.
pub(crate) enum Item {
    /// The rows of a table begin.
    Begin(CopyHead),
    /// A row: [`Output::line`].
    Row,
    /// The rows of a table end.
    End,
    /// A line that is neither.
    Line(String),
}

impl Output {
    /// Some bytes; none at the end.
    pub(crate) async fn bytes(&mut self) -> Result<Option<Vec<u8>>, ProgramError> {
        let read = self.stdout.fill_buf().await.map(<[u8]>::to_vec);
        let bytes = read.map_err(|error| self.failed(error.to_string()))?;
        self.stdout.consume(bytes.len());
        Ok(Some(bytes).filter(|it| !it.is_empty()))
    }

    /// All of it.
    pub(crate) async fn text(mut self) -> Result<String, ProgramError> {
        let mut bytes = Vec::new();
        let read = self.stdout.read_to_end(&mut bytes).await;
        read.map_err(|error| self.failed(error.to_string()))?;
        self.end().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The line that was read last, with its end.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The next item of a script of data; none at its end.
    pub(crate) async fn item(&mut self, is_within_rows: bool) -> Result<Option<Item>, ProgramError> {
        self.line.clear();
        if !self.read_line().await? {
            if is_within_rows {
                // Why it ended says more.
                self.end().await?;
                return Err(self.failed("the rows of a table have no end".to_owned()));
            }
            return Ok(None);
        }
        if is_within_rows {
            return Ok(Some(if self.line == END_OF_ROWS { Item::End } else { Item::Row }));
        }
        if !self.line.starts_with(b"COPY ") {
            return Ok(Some(Item::Line(String::from_utf8_lossy(&self.line).into_owned())));
        }
        // A column's name may have a line of its own.
        while !self.line.ends_with(b" FROM stdin;\n") && self.read_line().await? {}
        let text = String::from_utf8_lossy(&self.line);
        let unreadable =
            || ProgramError::Unreadable { version: self.version.clone(), text: text.trim_end().to_owned() };
        copy_head(&text).map(|head| Some(Item::Begin(head))).ok_or_else(unreadable)
    }

    async fn read_line(&mut self) -> Result<bool, ProgramError> {
        let read = self.stdout.read_until(b'\n', &mut self.line).await;
        read.map(|it| it > 0).map_err(|error| self.failed(error.to_string()))
    }

    /// Waits for the program's end, which has to be a success.
    pub(crate) async fn end(&mut self) -> Result<(), ProgramError> {
        let ended = self.child.wait().await;
        let said = (&mut self.said).await.unwrap_or_default();
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                let text = String::from_utf8_lossy(&said);
                // What it asked is no help, and may quote values.
                let lines =
                    text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.contains("detail: Query was"));
                let text = lines.collect::<Vec<_>>().join("; ");
                Err(self.failed(if text.is_empty() { status.to_string() } else { text }))
            }
            Err(error) => Err(self.failed(error.to_string())),
        }
    }

    fn failed(&self, output: String) -> ProgramError {
        ProgramError::Failed { program: self.program, version: self.version.clone(), output }
    }
}
