//! `serve`.

use std::net::SocketAddr;

use crate::base::hint::SERVE;
use crate::base::outcome::Verdict;
use crate::commands::context::{AtOnce, Context};
use crate::commands::csv::LegacyRows;
use crate::commands::ended::{Ended, Failure, UNCHANGED};
use crate::dashboard::http::options::Options;
use crate::dashboard::http::server::{Dashboard, SESSIONS, ServeError};
use crate::dashboard::pg::source::Source;

/// Show requests, approvals, breaches and the audit log in a browser on this machine; changes nothing
///
/// Prints a start address, which lets one browser in, once. Goes on until it is interrupted (Ctrl-C).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen: an address of this machine only, and a port; 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: String,
}

pub(crate) async fn run(args: &Args, context: &Context, interrupted: impl Future<Output = ()>) -> Ended {
    let mut interrupted = std::pin::pin!(interrupted);
    let dashboard = tokio::select! {
        dashboard = begin(args, context) => dashboard?,
        () = &mut interrupted => return Err(UNCHANGED.into()),
    };
    if dashboard.may_write() {
        context.printer.note(
            "warning: the role may change rows of these schemas; the transactions of the dashboard are read-only, and a role \
             that may only read (DB_READER_ROLE) is safer",
        );
    }
    context.printer.note(&format!("open this address in a browser on this machine, once; Ctrl-C ends `{SERVE}`"));
    context.printer.document(&format!("{}\n", dashboard.start_address()))?;
    dashboard.run(interrupted).await;
    Ok(Verdict::Clean)
}

/// An address of this machine; a name would have to be resolved, and only one is known.
fn address(listen: &str) -> Result<SocketAddr, ServeError> {
    let named = listen.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address: SocketAddr = match named.as_deref().unwrap_or(listen).parse() {
        Ok(address) => address,
        Err(_) => return Err(ServeError::NoAddress),
    };
    if address.ip().is_loopback() { Ok(address) } else { Err(ServeError::NotLoopback(address)) }
}

async fn begin(args: &Args, context: &Context) -> Result<Dashboard, Failure> {
    // Before the file of legacy rows is read, which may take long.
    let listen = address(&args.listen)?;
    let (target, rows) = context.target_and_rows(AtOnce::fixed(SESSIONS, 1)).await?;
    let source = match rows {
        LegacyRows::Csv(csv) => Source::Csv(csv),
        LegacyRows::Database(database) => {
            Source::Table(Box::new(database.silent()), context.config.legacy_table.clone())
        }
    };
    let options = Options {
        target: target.silent(),
        source,
        environment: context.config.environment,
        roles: context.config.roles.clone(),
        listen,
    };
    Ok(Dashboard::bind(options).await?)
}
