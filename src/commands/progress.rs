//! What a command is at, on stderr: drawn on a terminal, a plain line now and then elsewhere, so that no wait is
//! silent. There is one screen, and so one state: what prints anything else clears the line first.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::migration::run::Progress;
use crate::report::progress::Seen;

/// Between two looks at the state.
const TICK: Duration = Duration::from_millis(200);

/// What ends before shows nothing.
const UNSHOWN: Duration = Duration::from_millis(400);

/// Nothing is silent for longer, where nothing is drawn either.
const SILENT: Duration = Duration::from_secs(2);

/// Between two plain lines.
const PRINT_EVERY: Duration = Duration::from_secs(5);

/// What the command is at.
struct State {
    phase: String,
    since: Instant,
    rows: Option<Progress>,
    /// What the server waits for, and since when that is known.
    wait: Option<(String, Instant)>,
    /// When something was last said where nothing is drawn.
    said: Instant,
    /// How long silence lasts from then on.
    silence: Duration,
    /// Nothing is shown: a question waits for its answer, or the result is printed.
    is_paused: bool,
    is_terminal: bool,
    bar: Option<ProgressBar>,
    /// Writes a line.
    write: fn(&str),
}

impl State {
    fn show(&mut self) {
        if self.is_paused {
            return;
        }
        let seen = match &self.wait {
            Some((wait, since)) => Seen { phase: wait, elapsed: since.elapsed(), rows: None },
            None => Seen { phase: &self.phase, elapsed: self.since.elapsed(), rows: self.rows },
        };
        if !self.is_terminal {
            if self.said.elapsed() >= self.silence {
                (self.write)(&seen.plain());
                (self.said, self.silence) = (Instant::now(), PRINT_EVERY);
            }
            return;
        }
        if self.bar.is_none() && self.said.elapsed() < UNSHOWN {
            return;
        }
        let width = terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The last column stays free: some terminals go to the next line after it.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(seen.line(width.saturating_sub(3)));
        bar.tick();
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

fn state() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows what a command is at until it is dropped.
pub(crate) struct Shown;

/// Begins to show what a command is at.
pub(crate) fn begin(is_quiet: bool, activity: &str, write: fn(&str)) -> Shown {
    if !is_quiet {
        let now = Instant::now();
        *state() = Some(State {
            phase: activity.to_owned(),
            since: now,
            rows: None,
            wait: None,
            said: now,
            silence: SILENT,
            is_paused: false,
            is_terminal: std::io::stderr().is_terminal(),
            bar: None,
            write,
        });
        std::thread::spawn(|| {
            while tick() {
                std::thread::sleep(TICK);
            }
        });
    }
    Shown
}

/// Shows what there is to show; false when the command has ended.
fn tick() -> bool {
    let mut state = state();
    state.as_mut().map(State::show).is_some()
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(mut state) = state().take() {
            state.clear();
        }
    }
}

/// A phase begins.
pub(crate) fn phase(name: &str) {
    if let Some(state) = &mut *state() {
        if state.phase != name || state.rows.is_some() {
            (state.phase, state.since, state.rows) = (name.to_owned(), Instant::now(), None);
        }
        if state.is_paused {
            (state.is_paused, state.said, state.silence) = (false, Instant::now(), SILENT);
        }
    }
}

/// The server waits for something, or no longer does.
pub(crate) fn wait(what: Option<&str>) {
    if let Some(state) = &mut *state() {
        let since = state.wait.take().map_or_else(Instant::now, |(_, since)| since);
        state.wait = what.map(|it| (it.to_owned(), since));
    }
}

/// Rows are done.
pub(crate) fn rows(progress: Progress) {
    if let Some(state) = &mut *state() {
        state.rows = Some(progress);
    }
}

/// Shows nothing until another phase begins.
pub(crate) fn pause() {
    if let Some(state) = &mut *state() {
        state.clear();
        state.is_paused = true;
    }
}

/// Prints something to stderr beside what is shown.
pub(crate) fn beside(print: impl FnOnce()) {
    // A defect that is reported while the state is locked must not wait for it.
    match STATE.try_lock() {
        Ok(mut state) => {
            if let Some(state) = &mut *state {
                state.clear();
                (state.said, state.silence) = (Instant::now(), PRINT_EVERY);
            }
            print();
        }
        Err(_) => print(),
    }
}
