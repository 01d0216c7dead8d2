//! How far a command is, in a line that fits.

use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use crate::base::escape;
use crate::base::text::thousands;
use crate::migration::run::Progress;

/// What a command is at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What it does, such as `migrating`.
    pub phase: &'a str,
    /// For how long.
    pub elapsed: Duration,
    /// How many rows are done, where rows are counted.
    pub rows: Option<Progress>,
}

/// What has begun a moment ago has no time to show.
const SHORT: Duration = Duration::from_secs(1);

/// Columns of the bar.
const BAR: u64 = 20;

impl Seen<'_> {
    /// The line for a terminal: as much of it as fits into the columns, what matters most first.
    pub fn line(&self, width: usize) -> String {
        let phase = escape::text(self.phase);
        let Some(Progress { done, total, rejected }) = self.rows else {
            let seconds = format!(" {}", length(self.elapsed));
            return format!("{}{seconds}", cut(&phase, width.saturating_sub(seconds.width())));
        };
        let share = |of: u64| {
            if total == 0 {
                0
            } else {
                u64::try_from(u128::from(done) * u128::from(of) / u128::from(total)).unwrap_or(of)
            }
        };
        let filled = usize::try_from(share(BAR)).unwrap_or_default();
        let bar = format!("[{:-<1$}]", "#".repeat(filled), BAR as usize);
        let (rate, rest) = (thousands(self.rate() as u64), self.rest());
        let (done, total) = (thousands(done), thousands(total));
        let rejected = match rejected {
            0 => String::new(),
            some => format!(", {} rejected", thousands(some)),
        };
        let lines = [
            format!("{phase} {bar} {done} of {total} rows{rejected}, {rate} rows a second, {rest} left"),
            format!("{phase} {done} of {total} rows{rejected}, {rate} rows a second, {rest} left"),
            format!("{phase} {done} of {total}{rejected}, {rate}/s, {rest} left"),
            format!("{phase} {done} of {total}, {rest} left"),
            format!("{phase} {} %, {rest} left", share(100)),
        ];
        let fits = lines.iter().find(|line| line.width() <= width);
        cut(fits.unwrap_or(&lines[lines.len() - 1]), width)
    }

    /// The line for a file or a pipe.
    pub fn plain(&self) -> String {
        match self.rows {
            None if self.elapsed < SHORT => format!("still {}", self.phase),
            None => format!("still {}, {}", self.phase, length(self.elapsed)),
            Some(Progress { done, total, rejected }) => format!(
                "{}: {} of {} rows, {} rows a second, {} left, {} rejected",
                self.phase,
                thousands(done),
                thousands(total),
                thousands(self.rate() as u64),
                self.rest(),
                thousands(rejected)
            ),
        }
    }

    /// Rows a second.
    fn rate(&self) -> f64 {
        self.rows.map_or(0.0, |rows| rows.done as f64) / self.elapsed.as_secs_f64().max(1e-3)
    }

    /// How long the rest takes at this rate.
    fn rest(&self) -> String {
        let Some(Progress { done: done @ 1.., total, .. }) = self.rows else { return "?".to_owned() };
        length(Duration::try_from_secs_f64(total.saturating_sub(done) as f64 / self.rate()).unwrap_or(Duration::MAX))
    }
}

/// A duration in the two largest units that matter.
fn length(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// As much of a text as goes into the columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        let longer = format!("{out}{c}");
        if longer.width() >= width {
            break;
        }
        out = longer;
    }
    format!("{out}…")
}
