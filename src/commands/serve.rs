//! `serve`.

use std::net::SocketAddr;

use crate::base::hint::SERVE;
use crate::base::outcome::Verdict;
use crate::commands::context::{AtOnce, Context};
use crate::commands::csv::LegacyRows;
use crate::commands::ended::Ended;
use crate::dashboard::http::server::{Dashboard, Options};
use crate::dashboard::pg::source::Source;

/// Show requests, approvals, breaches and the audit log in a browser on this machine, read-only
///
/// Prints a start address, which lets one browser in, once. Ends when interrupted (Ctrl-C).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen: an address of this machine only, and a port; 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
}

pub(crate) async fn run(args: &Args, context: &Context, interrupted: impl Future<Output = ()>) -> Ended {
    let mut interrupted = std::pin::pin!(interrupted);
    let starting = async {
        // Before the file of legacy rows is read, which may take long.
        if !args.listen.ip().is_loopback() {
            return Err(crate::dashboard::http::server::ServeError::NotLoopback(args.listen).into());
        }
        let (target, rows) = context.target_and_rows(AtOnce::fixed(1, 1)).await?;
        let options = Options {
            target: target.silent(),
            source: match rows {
                LegacyRows::Database(database) => {
                    Source::Table(Box::new(database.silent()), context.config.legacy_table.clone())
                }
                LegacyRows::Csv(csv) => Source::Csv(csv),
            },
            environment: context.config.environment,
            roles: context.config.roles.clone(),
            listen: args.listen,
        };
        Ok::<_, crate::commands::ended::Failure>(Dashboard::bind(options).await?)
    };
    let dashboard = tokio::select! {
        dashboard = starting => dashboard?,
        () = &mut interrupted => return Ok(Verdict::Clean),
    };
    if dashboard.may_write() {
        context.printer.note(
            "warning: the role may change rows of these schemas; the dashboard's transactions are read-only, and a role \
             that may only read (DB_READER_ROLE) is safer",
        );
    }
    context.printer.note(&format!("open this address in a browser on this machine, once; Ctrl-C ends `{SERVE}`"));
    context.printer.document(&format!("{}\n", dashboard.start_address()))?;
    dashboard.run(interrupted).await;
    Ok(Verdict::Clean)
}
