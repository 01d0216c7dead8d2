//! The command line as a whole: global flags, and the commands.

use clap::{Parser, Subcommand};

use crate::commands::drift::{self, DriftFormat};
use crate::commands::ended::Failure;
use crate::commands::gate::{self, GateFormat};
use crate::commands::global::{Format, Global};
use crate::commands::integrity::{self, IntegrityFormat};
use crate::commands::plan::{self, PlanFormat};
use crate::commands::report::DocumentFormat;
use crate::commands::{
    apply, backup, clean, completions, doctor, evidence, man, migrate, report, restore, revert, rollback, snapshot,
    status, verify,
};
use crate::config::environment::Environment;
use crate::ledger::pg::admission::may_adopt;
use crate::migration::pg::clean::CleanError;

#[cfg(feature = "serve")]
use crate::commands::serve;
#[cfg(feature = "harness")]
use crate::commands::{ephemeral, rehearse, seed};
#[cfg(feature = "harness")]
use crate::ledger::pg::admission::not_local;

/// Moves PA Dealing from the legacy table personal_account_dealing to the padealing schema, and proves that nothing
/// was lost.
///
/// Exit codes: 0 done, 1 done and something needs attention, 2 not done.
#[derive(Debug, Parser)]
#[command(name = "pad-migrate", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order of the help. What each is for, and its flags, are in the file of its name.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[cfg(feature = "harness")]
    Rehearse(rehearse::Args),
    #[cfg(feature = "harness")]
    #[command(hide = true)]
    Ephemeral(ephemeral::Args),
    Doctor(doctor::Args),
    #[cfg(feature = "harness")]
    Seed(seed::Args),
    Status(status::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Revert(revert::Args),
    Migrate(migrate::Args),
    Rollback(rollback::Args),
    Clean(clean::Args),
    Drift(drift::Args),
    Snapshot(snapshot::Args),
    Verify(verify::Args),
    Evidence(evidence::Args),
    Integrity(integrity::Args),
    Gate(gate::Args),
    Report(report::Args),
    #[cfg(feature = "serve")]
    Serve(serve::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// The command's name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            #[cfg(feature = "harness")]
            Self::Rehearse(_) => "rehearse",
            #[cfg(feature = "harness")]
            Self::Ephemeral(_) => "ephemeral",
            Self::Doctor(_) => "doctor",
            #[cfg(feature = "harness")]
            Self::Seed(_) => "seed",
            Self::Status(_) => "status",
            Self::Plan(_) => "plan",
            Self::Apply(_) => "apply",
            Self::Revert(_) => "revert",
            Self::Migrate(_) => "migrate",
            Self::Rollback(_) => "rollback",
            Self::Clean(_) => "clean",
            Self::Drift(_) => "drift",
            Self::Snapshot(_) => "snapshot",
            Self::Verify(_) => "verify",
            Self::Evidence(_) => "evidence",
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Integrity(_) => "integrity",
            Self::Gate(_) => "gate",
            Self::Report(_) => "report",
            #[cfg(feature = "serve")]
            Self::Serve(_) => "serve",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    /// What the command does, for people who wait for it.
    pub(crate) fn activity(&self) -> &'static str {
        match self {
            #[cfg(feature = "harness")]
            Self::Rehearse(_) => "rehearsing",
            #[cfg(feature = "harness")]
            Self::Ephemeral(_) => "holding a server",
            Self::Doctor(_) => "examining the environment",
            #[cfg(feature = "harness")]
            Self::Seed(_) => "seeding",
            Self::Status(_) => "reading history and runs",
            Self::Plan(_) | Self::Apply(_) => "reading the catalog and planning",
            Self::Revert(_) => "reading the catalog and counting what would be lost",
            Self::Migrate(_) | Self::Rollback(_) | Self::Verify(_) | Self::Backup(_) => "connecting",
            Self::Clean(_) => "counting rows",
            Self::Drift(_) => "reading the catalogs and comparing them",
            Self::Evidence(_) => "reading the evidence",
            Self::Snapshot(_) => "reading the catalog",
            Self::Restore(_) => "checking the backup",
            Self::Integrity(_) => "checking rows",
            Self::Gate(_) => "making all checks",
            Self::Report(_) => "reading history and runs",
            #[cfg(feature = "serve")]
            Self::Serve(_) => "connecting",
            Self::Completions(_) | Self::Man(_) => "printing",
        }
    }

    /// Whether the standard output is to be JSON, also when the command fails.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            #[cfg(feature = "harness")]
            Self::Rehearse(args) => args.format == Format::Json,
            Self::Doctor(args) => args.format == Format::Json,
            Self::Status(args) => args.format == Format::Json,
            Self::Migrate(args) => args.format == Format::Json,
            Self::Rollback(args) => args.format == Format::Json,
            Self::Clean(args) => args.format == Format::Json,
            Self::Verify(args) => args.format == Format::Json,
            Self::Evidence(args) => args.format() == Some(Format::Json),
            Self::Backup(args) => args.format == Format::Json,
            Self::Restore(args) => args.format == Format::Json,
            Self::Plan(args) => args.format == PlanFormat::Json && args.out.is_none(),
            Self::Drift(args) => args.format == DriftFormat::Json,
            Self::Snapshot(args) => args.out.is_none(),
            Self::Gate(args) => args.format == GateFormat::Json,
            Self::Report(args) => args.prints_json(),
            Self::Integrity(args) => args.format == IntegrityFormat::Json && !args.is_about_catalogue(),
            Self::Apply(args) => args.format == Format::Json,
            Self::Revert(args) => args.format == Format::Json,
            #[cfg(feature = "harness")]
            Self::Ephemeral(_) | Self::Seed(_) => false,
            #[cfg(feature = "serve")]
            Self::Serve(_) => false,
            Self::Completions(_) | Self::Man(_) => false,
        }
    }

    /// Chooses JSON; false if the command can't print any.
    pub(crate) fn choose_json(&mut self) -> bool {
        match self {
            #[cfg(feature = "harness")]
            Self::Rehearse(args) => args.format = Format::Json,
            Self::Doctor(args) => args.format = Format::Json,
            Self::Status(args) => args.format = Format::Json,
            Self::Migrate(args) => args.format = Format::Json,
            Self::Rollback(args) => args.format = Format::Json,
            Self::Clean(args) => args.format = Format::Json,
            Self::Verify(args) => args.format = Format::Json,
            Self::Evidence(args) => return args.choose_json(),
            Self::Backup(args) => args.format = Format::Json,
            Self::Restore(args) => args.format = Format::Json,
            Self::Apply(args) => args.format = Format::Json,
            Self::Revert(args) => args.format = Format::Json,
            Self::Plan(args) => args.format = PlanFormat::Json,
            Self::Drift(args) => args.format = DriftFormat::Json,
            // It prints nothing else.
            Self::Snapshot(_) => {}
            Self::Gate(args) => args.format = GateFormat::Json,
            Self::Report(args) => args.format = Some(DocumentFormat::Json),
            Self::Integrity(args) => args.format = IntegrityFormat::Json,
            #[cfg(feature = "harness")]
            Self::Ephemeral(_) | Self::Seed(_) => return false,
            #[cfg(feature = "serve")]
            Self::Serve(_) => return false,
            Self::Completions(_) | Self::Man(_) => return false,
        }
        true
    }

    /// Why an environment has no such command, whatever is configured and whatever the database holds.
    pub(crate) fn refusal(&self, environment: Environment) -> Option<Failure> {
        match self {
            Self::Clean(_) if environment == Environment::Prod => Some(CleanError::Prod.into()),
            Self::Apply(args) if args.adopt_environment.is_some() && !may_adopt(environment) => Some(
                format!(
                    "--adopt-environment: only dev and qa adopt a copy of another environment, and this run is for \
                     {environment}; leave it out, or correct --env or APP_ENV"
                )
                .into(),
            ),
            #[cfg(feature = "harness")]
            Self::Seed(_) => Some(not_local("seed", environment)?.into()),
            _ => None,
        }
    }

    /// Whether the command has a target that the configuration must name.
    pub(crate) fn needs_target(&self) -> bool {
        match self {
            #[cfg(feature = "harness")]
            Self::Rehearse(_) => false,
            #[cfg(feature = "harness")]
            Self::Restore(args) => !args.rehearse,
            Self::Completions(_) | Self::Man(_) => false,
            Self::Integrity(args) => !args.is_about_catalogue(),
            Self::Evidence(args) => args.needs_target(),
            _ => true,
        }
    }
}
