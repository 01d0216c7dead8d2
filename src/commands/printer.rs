//! The only place that writes to the terminal: results to the standard output, everything else to stderr.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use crate::base::escape;
use crate::base::hint::STATUS;
use crate::commands::ended::Failure;
use crate::commands::global::{Color, Format, Global};
use crate::commands::progress;
use crate::config::environment::Environment;
use crate::report::page::Page;

/// Prints results, notes and questions: colours, widths and JSON are decided here once.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    color: Color,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    asking: Arc<AtomicBool>,
    done: Arc<OnceLock<String>>,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let asking = Arc::new(AtomicBool::new(false));
        Self { color: global.color, quiet: global.quiet, verbose: global.verbose > 0, asking, done: Arc::default() }
    }

    /// Whether styles are wanted on this stream.
    fn is_coloured(&self, out: &impl IsTerminal) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    /// Whether a question waits for its answer.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed)
    }

    /// Says that a command has changed what it was to change, and how that can be seen. What fails then is only what comes
    /// after: the result that can't be printed.
    pub(crate) fn done(&self, what: String) {
        let _ = self.done.set(what);
    }

    /// The same of what the database has a record of.
    pub(crate) fn committed(&self, what: &str) {
        self.done(format!("{what}; `{STATUS}` shows it"));
    }

    /// Why a command failed, after what it has done.
    pub(crate) fn after_what_is_done(&self, failure: String) -> String {
        match self.done.get() {
            Some(done) => format!("{done}; after that, {failure}"),
            None => failure,
        }
    }

    /// The terminal's width, or else COLUMNS, or else 100.
    fn width() -> u16 {
        let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0);
        let columns = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        terminal.or_else(columns).unwrap_or(FILE_WIDTH)
    }

    /// Prints a result for people, in colours if they are wanted.
    pub(crate) fn page(&self, page: &Page) -> Result<(), Failure> {
        print(&page.render(Self::width(), self.is_coloured(&std::io::stdout())))
    }

    /// Prints a result for programs: JSON, SQL and the like, each escaped where it was written.
    pub(crate) fn document(&self, text: &str) -> Result<(), Failure> {
        print(text)
    }

    /// Prints a result for scripts.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.document(&json_text(value)?)
    }

    /// Prints a line to stderr.
    pub(crate) fn note(&self, text: &str) {
        print_message(text);
    }

    /// The same, with --verbose.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            print_message(text);
        }
    }

    /// Asks on the terminal. Without one, `yes` has to be given. For prod, its name has to be typed: a `y` may be meant
    /// for another window.
    pub(crate) async fn confirm(
        &self,
        what: &str,
        format: Format,
        page: &Page,
        question: &str,
        environment: Environment,
        yes: bool,
    ) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if format == Format::Json {
            return Err(format!("{what} changes the database, and with JSON nothing is asked; add --yes").into());
        }
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(
                format!("{what} changes the database and asks for confirmation; without a terminal use --yes").into()
            );
        }
        progress::pause();
        let page = page.render(Self::width(), self.is_coloured(&std::io::stderr()));
        let (expected, choice): (&[&str], &str) = match environment {
            Environment::Prod => (&["prod"], "type prod to go on:"),
            _ => (&["y", "yes"], "[y/N]"),
        };
        write!(std::io::stderr(), "{page}{question} {choice} ")?;
        self.asking.store(true, Ordering::Relaxed);
        // A thread of its own: the runtime would wait for one of its own to end, and so for Enter.
        let (sender, answer) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut answer = String::new();
            let _ = sender.send(stdin.read_line(&mut answer).map(|_| answer));
        });
        let answer = answer.await;
        self.asking.store(false, Ordering::Relaxed);
        match expected.contains(&answer??.trim().to_ascii_lowercase().as_str()) {
            true => Ok(()),
            false => Err("not confirmed. Nothing was changed.".into()),
        }
    }
}

/// The width of a page in a file.
pub(crate) const FILE_WIDTH: u16 = 100;

/// JSON as every command prints it.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    Ok(format!("{}\n", escape::json(&serde_json::to_string_pretty(value)?)))
}

/// Prints a line to stderr, beside what is shown of the command's progress.
pub(crate) fn print_message(text: &str) {
    progress::beside(|| write_message(text));
}

/// Writes a line to stderr. Errors writing to stderr are ignored.
pub(crate) fn write_message(text: &str) {
    let _ = writeln!(std::io::stderr(), "pad-migrate: {}", escape::text(text));
}

/// The same for a text of several lines.
pub(crate) fn print_lines(text: &str) {
    progress::beside(|| {
        let _ = writeln!(std::io::stderr(), "pad-migrate: {}", escape::lines(text));
    });
}

/// Prints a result. A closed pipe is no error: `head` closes it.
fn print(text: &str) -> Result<(), Failure> {
    progress::pause();
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("the result could not be written to the standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
