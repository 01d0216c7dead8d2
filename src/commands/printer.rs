//! The only place that writes to the terminal: results to the standard output, everything else to stderr.

use std::io::{IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use crate::commands::ended::Failure;
use crate::commands::global::{Color, Global};

/// Prints results, notes and questions: colours, widths and JSON are decided here once.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    colour: ColorChoice,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let colour = match global.color {
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
            Color::Auto => AutoStream::choice(&std::io::stdout()),
        };
        Self { colour, quiet: global.quiet, verbose: global.verbose > 0 }
    }

    /// The terminal's width, or else COLUMNS, or else what most people have.
    pub(crate) fn width(&self) -> u16 {
        let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|it| it.0.0);
        let columns = || std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
        terminal.or_else(columns).unwrap_or(100)
    }

    /// Prints a result for people, in colours if they are wanted.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        print(AutoStream::new(std::io::stdout().lock(), self.colour), text)
    }

    /// Prints a result as it is.
    pub(crate) fn plain(&self, text: &str) -> Result<(), Failure> {
        print(std::io::stdout().lock(), text)
    }

    /// Prints a result for scripts.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.plain(&json_text(value)?)
    }

    /// Tells the user something on stderr.
    pub(crate) fn note(&self, text: &str) {
        complain(text);
    }

    /// The same, if the user wants to know more.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            complain(text);
        }
    }

    /// Asks on the terminal. Without one, `yes` has to be given.
    pub(crate) async fn confirm(&self, what: &str, question: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(format!("{what} changes the schema and asks first; without a terminal give --yes").into());
        }
        write!(std::io::stderr(), "{question} [y/N] ")?;
        // A thread of its own: the runtime would wait for one of its threads, and nobody may ever press Enter.
        let (said, answer) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut answer = String::new();
            let _ = said.send(stdin.read_line(&mut answer).map(|_| answer));
        });
        match ["y", "yes"].contains(&answer.await??.trim().to_ascii_lowercase().as_str()) {
            true => Ok(()),
            false => Err("not confirmed; nothing was changed".into()),
        }
    }
}

/// JSON as every command prints it.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Tells the user on stderr. Errors writing to stderr are ignored.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "pad-migrate: {text}");
}

/// Prints a result. A closed pipe means that its reader has read enough.
fn print(mut out: impl Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("the result could not be written to the standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
