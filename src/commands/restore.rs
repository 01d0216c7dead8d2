//! `restore`.

use std::path::PathBuf;

use crate::base::outcome::Verdict;
use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::global::{Format, Global};
use crate::commands::progress;
use crate::report::restore::{Restoration, RestoreJson, planned_restore};
use crate::schema::pg::archive::{Archive, open};
use crate::schema::pg::restorable::{RestoreRequest, look_first};
use crate::schema::pg::restore::{Restored, restore};

#[cfg(feature = "harness")]
use crate::base::file::PendingFile;
#[cfg(feature = "harness")]
use crate::commands::{
    context::save,
    ended::Failure,
    printer::{json_text, print_message},
};
#[cfg(feature = "harness")]
use crate::harness::restore::{RestoreRehearsalError, has_stand_ins, rehearse_restore};
#[cfg(feature = "harness")]
use crate::harness::server::{error::Provider, request::ServerRequest};
#[cfg(feature = "harness")]
use crate::schema::backup::{Rehearsed, TOOL, rehearsed_path};

/// Restore a backup into an empty padealing, and compare it with what was backed up before it is committed
///
/// In one transaction: tables, rows, sequences, indexes, keys, statistics; owners and privileges by the target's roles.
/// Nothing that is there is replaced.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup; its manifest is FILE.manifest.json beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// Restore without asking; required when standard input is not a terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Restore it on an ephemeral server instead, and say how long it takes; no target is needed
    #[cfg(feature = "harness")]
    #[arg(long)]
    pub(crate) rehearse: bool,
    /// What provides the ephemeral server of --rehearse
    #[cfg(feature = "harness")]
    #[arg(long, env = "PAD_PROVIDER", hide_env_values = true, default_value = "auto")]
    pub(crate) provider: Provider,
    /// Text for people, or JSON for scripts, which is not asked for confirmation and needs --yes
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) async fn run(args: &Args, global: &Global, context: &Context) -> Ended {
    #[cfg(feature = "harness")]
    if args.rehearse {
        return rehearse(args, global, context).await;
    }
    let _ = global;
    let environment = context.config.environment;
    let target = context.target()?;
    let archive = open(&args.from, progress::phase).await?;
    let request = RestoreRequest { database: &target, environment, roles: &context.config.roles, is_rehearsal: false };
    progress::phase("looking at the target");
    let server_version = look_first(&request, &archive).await?;
    let (file, place) = (args.from.display().to_string(), target.place());
    let page = planned_restore(&archive.manifest, &file, &place, &server_version, environment);
    context.printer.confirm("restore", args.format, &page, "Restore?", environment, args.yes).await?;
    progress::phase("restoring");
    let restored = restore(&request, &archive).await?;
    // What no ephemeral server can have is rehearsed where it is.
    #[cfg(feature = "harness")]
    if !has_stand_ins(&archive.manifest) {
        record(args, context, &archive, &restored, &server_version).await;
    }
    show(args, context, &archive, &restored, (&place, &server_version), false)
}

/// Restores on an ephemeral server.
#[cfg(feature = "harness")]
async fn rehearse(args: &Args, global: &Global, context: &Context) -> Ended {
    let archive = open(&args.from, progress::phase).await?;
    progress::phase("starting a server");
    let wanted = ServerRequest::new(args.provider, (!global.quiet).then_some(print_message as fn(&str)));
    let rehearsed = rehearse_restore(&archive, wanted, progress::phase).await;
    let (restored, server) = rehearsed.map_err(|error| match error {
        RestoreRehearsalError::Server(error) => Failure::from(error),
        error => error.into(),
    })?;
    record(args, context, &archive, &restored, &server.version).await;
    show(args, context, &archive, &restored, (&server.description, &server.version), true)
}

/// Keeps on record beside the backup that it can be restored, which the gate asks for.
#[cfg(feature = "harness")]
async fn record(args: &Args, context: &Context, archive: &Archive, restored: &Restored, server_version: &str) {
    let path = rehearsed_path(&args.from);
    let seconds = restored.phases.iter().map(|(_, elapsed)| elapsed.as_secs_f64()).sum();
    let record = Rehearsed {
        tool: TOOL.to_owned(),
        command: "rehearsed".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rehearsed_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        server_version: server_version.to_owned(),
        seconds,
        sha256: archive.manifest.sha256.clone(),
    };
    let kept = async { save(PendingFile::create(&path)?, json_text(&record)?).await };
    let shown = path.display();
    match kept.await {
        Ok(()) => context.printer.note(&format!("recorded in {shown}, which the gate reads")),
        Err(error) => context.printer.note(&format!("the gate will not know of this rehearsal: {error}")),
    }
}

/// Prints what was restored.
fn show(
    args: &Args,
    context: &Context,
    archive: &Archive,
    restored: &Restored,
    (place, server_version): (&str, &str),
    is_rehearsal: bool,
) -> Ended {
    let done = Restoration {
        manifest: &archive.manifest,
        file: &args.from.display().to_string(),
        place,
        server_version,
        environment: context.config.environment,
        restored_at: &restored.at,
        phases: &restored.phases,
        compared: restored.compared,
        differences: &restored.differences,
        absent: &restored.absent,
        is_rehearsal,
    };
    if !is_rehearsal {
        context.printer.committed("the backup was restored, which is committed");
    }
    match args.format {
        Format::Text => context.printer.page(&done.page())?,
        Format::Json => context.printer.json(&RestoreJson::new(&done))?,
    }
    Ok(Verdict::Clean)
}
