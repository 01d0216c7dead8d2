//! A dashboard as its user starts it: the built program on a migrated database of an ephemeral server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pad_migrate::harness::pg::databases::{create_database, execute};
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::error::Provider;
use pad_migrate::harness::server::lease::Server;
use pad_migrate::harness::server::names::database_url;
use pad_migrate::harness::server::request::{Durability, ServerRequest};
use pad_migrate::harness::server::start;

/// Rows that a page must show as what they are.
const ODD: &str = include_str!("odd.sql");

/// One for the process; it ends with it.
static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let provider = match std::env::var("PAD_PROVIDER").as_deref() {
        Ok("docker") => Provider::Docker,
        Ok("local") => Provider::Local,
        Ok("url") => Provider::Url,
        _ => Provider::Auto,
    };
    let wanted = ServerRequest { durability: Durability::Memory, ..ServerRequest::new(provider, None) };
    start(&wanted).expect("an ephemeral server starts")
});

/// A dashboard that ends with the test.
pub(crate) struct Site {
    pub(crate) database: EphemeralDatabase,
    program: Child,
    /// Used up by the first browser.
    pub(crate) start: String,
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// The built program, with nothing of the shell's own environment.
fn program(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pad-migrate"));
    command.env_clear().current_dir("/").args(["--env", "local", "--database-url", url]).args(arguments);
    command
}

impl Site {
    pub(crate) async fn open() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = tokio::task::spawn_blocking(|| &*SERVER).await.expect("the server is there");
        let name = server.database_name(&format!("browser_{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let admin = EphemeralDatabase::at(&server.url).expect("the server's URL is right");
        create_database(&admin, &name, None).await.expect("a database is made");
        let url = database_url(&server.url, &name);
        let database = EphemeralDatabase::at(&url).expect("the URL is right");
        for arguments in [&["apply", "--yes"] as &[&str], &["seed"], &["migrate"]] {
            let output = program(&url, arguments).output().expect("the program runs");
            let reported = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {reported}");
        }
        execute(&database, ODD).await.expect("odd rows are inserted");
        let mut serving = program(&url, &["serve"]);
        let mut program = serving.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        let mut start = String::new();
        let printed = program.stdout.take().expect("its output is read");
        BufReader::new(printed).read_line(&mut start).expect("it prints a line");
        let start = start.trim().to_owned();
        let origin = start.split("/enter").next().unwrap_or_default().to_owned();
        assert!(origin.starts_with("http://127.0.0.1:"), "it prints its start address: {start}");
        Self { database, program, start, origin }
    }
}
