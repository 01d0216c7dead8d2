//! `ephemeral`.

use std::path::PathBuf;

use crate::base::outcome::Verdict;
use crate::commands::ended::Ended;
use crate::commands::printer::print_message;
use crate::harness::server;
use crate::harness::server::error::Provider;
use crate::harness::server::host::{self, Shared};
use crate::harness::server::request::{Durability, ServerRequest};

/// Hold an ephemeral Postgres for the tests, until the standard input or a process ends
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What provides the ephemeral server
    #[arg(long, env = "PAD_PROVIDER", hide_env_values = true, default_value = "auto")]
    pub(crate) provider: Provider,
    /// The process whose end ends the server
    #[arg(long, value_name = "PID")]
    pub(crate) process: Option<u32>,
    /// A private directory, in which the server is announced
    pub(crate) folder: PathBuf,
}

/// The server is of no environment, so no configuration is read.
pub(crate) async fn run(args: &Args) -> Ended {
    let shared = Shared::claim(&args.folder)?;
    // Tests have many small databases.
    let wanted =
        ServerRequest { durability: Durability::Memory, ..ServerRequest::new(args.provider, Some(print_message)) };
    let server = tokio::task::spawn_blocking(move || server::start(&wanted)).await??;
    print_message(&server.line());
    if let Some(kept) = host::hold(server, shared, args.process).await? {
        print_message(&format!("server kept running; connect with {}; stop it with: {}", kept.connect, kept.stop));
    }
    Ok(Verdict::Clean)
}
