//! `man`.

use clap_mangen::Man;

use crate::base::outcome::Verdict;
use crate::commands::ended::Ended;
use crate::commands::printer::Printer;

/// Print a manual page in roff: the program's, or a command's
///
/// To read it: pad-migrate man apply | man -l -
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command [default: the program as a whole]
    pub(crate) command: Option<String>,
}

pub(crate) fn run(args: &Args, mut program: clap::Command, printer: &Printer) -> Ended {
    // Built, the pages of commands have the global flags and the program's name.
    program.build();
    let of = |name: &str| {
        let commands: Vec<&str> = program
            .get_subcommands()
            .filter(|it| !it.is_hide_set() && it.get_name() != "help")
            .map(clap::Command::get_name)
            .collect();
        match program.find_subcommand(name).filter(|_| commands.contains(&name)) {
            Some(found) => Ok(found.clone()),
            None => Err(format!("there is no command {name}; there are {}", commands.join(", "))),
        }
    };
    let page = match args.command.as_deref() {
        None => program.clone(),
        Some(name) => of(name)?,
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text)?;
    printer.document(&String::from_utf8(text)?)?;
    Ok(Verdict::Clean)
}
