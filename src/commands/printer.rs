//! The only place that writes to the terminal: results to the standard output, everything else to stderr.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::commands::ended::Failure;
use crate::commands::global::{Color, Global};

/// Prints results, notes and questions: colours, widths and JSON are decided here once.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    colours: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let colours = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
            }
        };
        Self { colours, quiet: global.quiet, verbose: global.verbose > 0 }
    }

    /// The terminal's width, or else COLUMNS, or else what most people have.
    pub(crate) fn width(&self) -> u16 {
        let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|it| it.0.0);
        let columns = || std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
        terminal.or_else(columns).unwrap_or(100)
    }

    /// Prints a result for people, in colours if they are wanted.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        if self.colours { print(&coloured(text)) } else { print(text) }
    }

    /// Prints a result as it is.
    pub(crate) fn plain(&self, text: &str) -> Result<(), Failure> {
        print(text)
    }

    /// Prints a result for scripts.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        print(&json_text(value)?)
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
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("the result could not be written to the standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// Colours the verdict and the checks' statuses.
fn coloured(text: &str) -> String {
    const WORDS: [(&str, &str); 3] = [("CLEAN", "32"), ("ATTENTION", "31"), ("FAILED", "31")];
    const SEVERITIES: [(&str, &str); 3] = [("Breaking", "31"), ("Warnings", "33"), ("Info", "2")];
    const STATUSES: [(&str, &str); 4] = [("pass", "32"), ("warn", "33"), ("fail", "31"), ("skip", "2")];
    let mut text = text.to_owned();
    for (word, colour) in WORDS {
        text = text.replace(&format!("  {word}:"), &format!("  \x1b[1;{colour}m{word}\x1b[0m:"));
    }
    for (word, colour) in STATUSES {
        text = text.replace(&format!("\n  {word}  "), &format!("\n  \x1b[{colour}m{word}\x1b[0m  "));
    }
    for (word, colour) in SEVERITIES {
        text = text.replace(&format!("\n{word}\n"), &format!("\n\x1b[1;{colour}m{word}\x1b[0m\n"));
    }
    // What differs between expected and actual: lines of a diff, and what points at a part of a line.
    let difference = |line: &str| match line.strip_prefix("      ") {
        Some(rest) if rest.starts_with('-') || rest.trim_start().starts_with('^') => format!("\x1b[31m{line}\x1b[0m\n"),
        Some(rest) if rest.starts_with('+') => format!("\x1b[32m{line}\x1b[0m\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(difference).collect()
}
