//! `evidence`.

pub(crate) mod check;
pub(crate) mod legacy_view;
pub(crate) mod show;

use crate::commands::context::Context;
use crate::commands::ended::Ended;
use crate::commands::global::Format;

/// Show a row's evidence, check a folder of `verify --evidence`, print the legacy table as a view
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is wanted of evidence.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Show(show::Args),
    Check(check::Args),
    LegacyView(legacy_view::Args),
}

impl Args {
    /// How the result is printed; none of a command that prints SQL only.
    pub(crate) fn format(&self) -> Option<Format> {
        match &self.command {
            Command::Show(args) => Some(args.format),
            Command::Check(args) => Some(args.format),
            Command::LegacyView(_) => None,
        }
    }

    /// Chooses JSON; false if there is none.
    pub(crate) fn choose_json(&mut self) -> bool {
        match &mut self.command {
            Command::Show(args) => args.format = Format::Json,
            Command::Check(args) => args.format = Format::Json,
            Command::LegacyView(_) => return false,
        }
        true
    }

    /// Whether the configuration must name a target.
    pub(crate) fn needs_target(&self) -> bool {
        match &self.command {
            Command::Show(_) | Command::LegacyView(_) => true,
            Command::Check(_) => false,
        }
    }
}

pub(crate) async fn run(args: &Args, context: &Context) -> Ended {
    match &args.command {
        Command::Show(args) => show::run(args, context).await,
        Command::Check(args) => check::run(args, context).await,
        Command::LegacyView(args) => legacy_view::run(args, context).await,
    }
}
