//! The report of a rehearsal, as `rehearse --format json --report FILE` writes it, and what it foretells.

use std::time::Duration;

use serde::Deserialize;

use crate::base::text::{plural, thousands};
use crate::base::version::major;
use crate::checks::check::{Check, Status};
use crate::checks::gate::unknown;

/// What the gate reads of a rehearsal's report.
#[derive(Clone, Debug, Deserialize)]
pub struct RehearsalReport {
    command: String,
    version: String,
    server_version: Option<String>,
    outcome: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    counts: Counts,
    #[serde(default)]
    phases: Vec<PhaseTime>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Counts {
    read: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct PhaseTime {
    name: String,
    seconds: Option<f64>,
}

/// Why a file is not a rehearsal's report.
#[derive(Debug, thiserror::Error)]
#[error("{0}; write one with `pad-migrate rehearse --source-url URL --format json --report FILE`")]
pub struct NotARehearsal(String);

/// Phases whose time grows with the rows.
const BY_ROWS: [&str; 3] = ["migrate", "verify", "integrity"];
/// Phases that a cutover has, too.
const OF_CUTOVER: [&str; 3] = ["plan", "apply", "drift"];

/// Of the source's rows, a rehearsal must have had so many for its times to say something: one in so many.
const FEWEST: u64 = 10;

impl RehearsalReport {
    /// Reads a file's text.
    pub fn read(text: &str) -> Result<Self, NotARehearsal> {
        let report: Self = serde_json::from_str(text)
            .map_err(|error| NotARehearsal(format!("the file is not the JSON report of a rehearsal ({error})")))?;
        match &*report.command {
            "rehearse" => Ok(report),
            other => Err(NotARehearsal(format!("the file is the output of `pad-migrate {other}`, not of a rehearsal"))),
        }
    }

    /// How long a cutover of so many rows takes, in seconds.
    fn forecast(&self, rows: u64) -> f64 {
        let seconds = |names: &[&str]| -> f64 {
            self.phases.iter().filter(|it| names.contains(&&*it.name)).filter_map(|it| it.seconds).sum()
        };
        seconds(&OF_CUTOVER) + seconds(&BY_ROWS) * rows as f64 / self.counts.read.max(1) as f64
    }
}

/// Whether it was rehearsed, with this program, to a clean end.
pub(crate) fn rehearsed(report: Option<&RehearsalReport>, server_version: Option<&str>) -> Check {
    const NAME: &str = "rehearsal";
    let Some(report) = report else {
        return unknown(
            NAME,
            "no rehearsal is named; run `pad-migrate rehearse --format json --report FILE`, and give the gate \
             --rehearsal FILE",
        );
    };
    let ours = env!("CARGO_PKG_VERSION");
    let majors = (report.server_version.as_deref().map(major), server_version.map(major));
    match (&*report.outcome, &report.version) {
        _ if report.version != ours => Check::new(
            NAME,
            Status::Fail,
            format!("it was rehearsed with pad-migrate {}, and this is {ours}; rehearse again", report.version),
        ),
        ("failed", _) => Check::new(NAME, Status::Fail, "the rehearsal failed; mend what it says, and rehearse again"),
        // Rejections are judged by the dry run, row by row.
        ("clean", _) if majors.0 == majors.1 => Check::new(NAME, Status::Pass, report.words()),
        (outcome, _) => {
            let text = match outcome {
                "clean" => format!("{}; on another major version of PostgreSQL", report.words()),
                _ => format!("{}; its verdict was: {}", report.words(), report.verdict),
            };
            Check::new(NAME, Status::Warn, text)
        }
    }
}

impl RehearsalReport {
    fn words(&self) -> String {
        let server = self.server_version.as_deref().unwrap_or("of an unknown version");
        format!("{} on PostgreSQL {server}", plural(self.counts.read, "row was rehearsed", "rows were rehearsed"))
    }
}

/// Whether a cutover of so many rows fits the window.
pub(crate) fn fits(report: Option<&RehearsalReport>, window: Option<Duration>, rows: Option<u64>) -> Check {
    const NAME: &str = "window";
    let Some(report) = report else { return unknown(NAME, "without --rehearsal FILE there is no forecast") };
    let Some(rows) = rows else { return unknown(NAME, "how many rows the source has is not known") };
    if report.counts.read == 0 || report.counts.read < rows / FEWEST {
        let text = format!(
            "the rehearsal had {} rows and the source has {}, too few to say how long it takes; rehearse with its rows: \
             `pad-migrate rehearse --source-url URL`",
            thousands(report.counts.read),
            thousands(rows)
        );
        return unknown(NAME, text);
    }
    let forecast = report.forecast(rows);
    let forecast_words = format!("{} rows take some {}", thousands(rows), words(forecast));
    let Some(window) = window else {
        return unknown(NAME, format!("{forecast_words}; give the gate --window D, the time that there is"));
    };
    let there_is = words(window.as_secs_f64());
    match forecast / window.as_secs_f64() {
        share if share > 1.0 => Check::new(
            NAME,
            Status::Fail,
            format!("{forecast_words}, and the window is {there_is}; ask for a longer one, or make the server faster"),
        ),
        // A machine that others use may be half as fast as it was.
        share if share > 0.5 => {
            Check::new(NAME, Status::Warn, format!("{forecast_words}, more than half of the window of {there_is}"))
        }
        _ => Check::new(NAME, Status::Pass, format!("{forecast_words}; the window is {there_is}")),
    }
}

/// Seconds in the unit that suits them.
fn words(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}
