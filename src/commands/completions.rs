//! `completions`.

use clap_complete::Shell;

use crate::base::outcome::Verdict;
use crate::commands::ended::Ended;
use crate::commands::printer::Printer;

/// Print a script that completes this program's commands and flags in a shell
///
/// For bash: pad-migrate completions bash > /etc/bash_completion.d/pad-migrate
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    pub(crate) shell: Shell,
}

pub(crate) fn run(args: &Args, mut program: clap::Command, printer: &Printer) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "pad-migrate", &mut script);
    printer.document(&String::from_utf8(script)?)?;
    Ok(Verdict::Clean)
}
