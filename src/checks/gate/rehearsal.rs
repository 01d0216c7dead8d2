//! The report of a rehearsal, as `rehearse --format json --report FILE` writes it, and what it foretells.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::base::hint::REHEARSE;
use crate::base::text::{list, plural, thousands};
use crate::base::version::major;
use crate::checks::check::{Check, Status};
use crate::checks::gate::unknown;
use crate::config::environment::Environment;
use crate::ledger::revisions::ALL;
use crate::migration::identity::SourceIdentity;

/// What the gate reads of a rehearsal's report. What is missing is not known, and was not written by this program.
#[derive(Clone, Debug, Deserialize)]
pub struct RehearsalReport {
    command: String,
    version: String,
    environment: Option<String>,
    server_version: Option<String>,
    outcome: String,
    #[serde(default)]
    verdict: String,
    source_identity: Option<SourceIdentity>,
    revisions: Option<Vec<String>>,
    counts: Option<Counts>,
    verify: Option<Verified>,
    drift: Option<Drifted>,
    checks: Option<Vec<Checked>>,
    planted: Option<Planted>,
    #[serde(default)]
    phases: Vec<PhaseTime>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Counts {
    read: u64,
    migrated: u64,
    already_migrated: u64,
    rejected: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Verified {
    verified: u64,
    different: u64,
    missing: u64,
    pending: u64,
    missing_source: u64,
    extra: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Drifted {
    breaking: u64,
    warning: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Checked {
    name: String,
    status: String,
}

/// What became of the faults that were planted on purpose.
#[derive(Clone, Debug, Deserialize)]
struct Planted {
    faults: u64,
    found_by_verify: u64,
    false_alarms: Vec<IgnoredAny>,
}

#[derive(Clone, Debug, Deserialize)]
struct PhaseTime {
    name: String,
    status: String,
    seconds: Option<f64>,
}

/// What a rehearsal of this cutover is one of.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsable<'a> {
    /// What `--env` chose.
    pub environment: Environment,
    /// Where its rows are, if that is known.
    pub source: Option<&'a SourceIdentity>,
    /// The target's version.
    pub server_version: Option<&'a str>,
}

/// Why a file is not a rehearsal's report.
#[derive(Debug, thiserror::Error)]
#[error("{0}; write one with `{REHEARSE} --real-rows --format json --report FILE`")]
pub struct NotARehearsal(String);

/// Phases whose time grows with the rows.
const BY_ROWS: [&str; 3] = ["migrate", "verify", "integrity"];
/// Phases that a cutover has, too.
const OF_CUTOVER: [&str; 3] = ["plan", "apply", "drift"];

/// Of the source's rows, a rehearsal must have had so many for its times to say something: one in so many.
const FEWEST: u64 = 10;

/// All phases of a rehearsal.
const PHASES: [&str; 9] = ["server", "prepare", "plan", "apply", "migrate", "verify", "drift", "integrity", "plant"];

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

    /// The time of phases, or of which phase it is not known.
    fn seconds(&self, names: &[&'static str]) -> Result<f64, &'static str> {
        let of = |name: &'static str| {
            let mut all = self.phases.iter().filter(|it| it.name == name);
            let (Some(phase), None) = (all.next(), all.next()) else { return Err(name) };
            let seconds = phase.seconds.filter(|it| phase.status == "done" && it.is_finite() && *it >= 0.0);
            seconds.ok_or(name)
        };
        names.iter().copied().map(of).sum()
    }

    /// How long a cutover of so many rows takes, in seconds, or of which phase it is not known.
    fn forecast(&self, read: u64, rows: u64) -> Result<f64, &'static str> {
        Ok(self.seconds(&OF_CUTOVER)? + self.seconds(&BY_ROWS)? * rows as f64 / read.max(1) as f64)
    }

    /// Why it isn't known to be a rehearsal of this cutover.
    fn doubt(&self, wanted: Rehearsable<'_>) -> Option<String> {
        let environment = wanted.environment.as_str();
        match &self.environment {
            Some(it) if it == environment => {}
            it => return Some(format!("it was for {}, and this is {environment}", it.as_deref().unwrap_or("nothing"))),
        }
        let Some(source) = wanted.source else {
            return Some("where the legacy rows are could not be asked".to_owned());
        };
        match &self.source_identity {
            None => return Some("its report does not say which rows it had".to_owned()),
            Some(it) if it.is(source) => {}
            Some(it) => return Some(format!("it had {}, and the legacy rows are {}", it.words(), source.words())),
        }
        let ours: Vec<&str> = rehearsed_revisions().collect();
        match &self.revisions {
            Some(it) if *it == ours => {}
            it => {
                let count = |count: usize| plural(count as u64, "revision", "revisions");
                let had = count(it.as_ref().map_or(0, Vec::len));
                return Some(format!("it applied {had}, and these are not the {} of this program", count(ours.len())));
            }
        }
        if let Err(phase) = self.seconds(&PHASES) {
            return Some(format!("its report does not say that {phase} was done, or in what time"));
        }
        let (Some(counts), Some(verify), Some(_), Some(_), Some(_)) =
            (self.counts, self.verify, self.drift, &self.checks, &self.planted)
        else {
            return Some("its report lacks counts, verify, drift, checks or planted".to_owned());
        };
        let sum = counts.migrated + counts.already_migrated + counts.rejected;
        let is_whole = counts.read == sum && (!verify.is_clean() || verify.verified == counts.migrated);
        let is_clean = self.outcome == "clean";
        let is_told = is_clean == (self.faults().is_empty() && self.warned().is_empty() && counts.rejected == 0);
        (!is_whole || !is_told).then(|| "its report contradicts itself".to_owned())
    }

    /// What it found that is no row which is rejected: the dry run judges these, row by row.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.verify.is_some_and(|it| !it.is_clean()) {
            faults.push("rows differ from their source".to_owned());
        }
        if self.drift.is_some_and(|it| it.breaking + it.warning > 0) {
            faults.push("the schemas have drifted".to_owned());
        }
        let failed = self.checked("fail");
        if !failed.is_empty() {
            faults.push(format!("integrity checks fail: {}", list(failed)));
        }
        if self.planted.as_ref().is_some_and(|it| !it.is_clean()) {
            faults.push("verify missed a planted fault, or named a row without one".to_owned());
        }
        faults
    }

    fn warned(&self) -> Vec<&str> {
        self.checked("warn")
    }

    fn checked(&self, status: &str) -> Vec<&str> {
        let checks = self.checks.iter().flatten();
        checks.filter(|it| it.status == status).map(|it| &*it.name).collect()
    }

    fn words(&self) -> String {
        let server = self.server_version.as_deref().unwrap_or("of an unknown version");
        let rows = self.counts.map_or(0, |it| it.read);
        format!("{} on PostgreSQL {server}", plural(rows, "row was rehearsed", "rows were rehearsed"))
    }
}

impl Verified {
    fn is_clean(self) -> bool {
        self.different + self.missing + self.pending + self.missing_source + self.extra == 0
    }
}

impl Planted {
    fn is_clean(&self) -> bool {
        self.faults > 0 && self.found_by_verify == self.faults && self.false_alarms.is_empty()
    }
}

/// A rehearsal's server is of no environment, and takes what a developer's own takes.
fn rehearsed_revisions() -> impl Iterator<Item = &'static str> {
    ALL.iter().filter(|it| it.not_for(Environment::Local).is_none()).map(|it| it.number)
}

fn rehearse_again() -> String {
    format!("rehearse these: `{REHEARSE} --real-rows --format json --report FILE`")
}

/// Whether it was rehearsed, with this program and these rows, to a clean end.
pub fn rehearsed(report: Option<&RehearsalReport>, wanted: Rehearsable<'_>) -> Check {
    const NAME: &str = "rehearsal";
    let Some(report) = report else {
        return unknown(
            NAME,
            format!(
                "no rehearsal is named; run `{REHEARSE} --real-rows --format json --report FILE`, and give the gate \
                 --rehearsal FILE"
            ),
        );
    };
    let (ours, again) = (env!("CARGO_PKG_VERSION"), rehearse_again());
    if report.version != ours {
        let text = format!("it was rehearsed with pad-migrate {}, and this is {ours}; {again}", report.version);
        return Check::new(NAME, Status::Fail, text);
    }
    if report.outcome == "failed" {
        return Check::new(NAME, Status::Fail, format!("the rehearsal failed; mend what it says, and {again}"));
    }
    if let Some(doubt) = report.doubt(wanted) {
        return unknown(NAME, format!("{doubt}; {again}"));
    }
    let faults = report.faults();
    if !faults.is_empty() {
        let text = format!("in the rehearsal {}; mend what its report shows, and {again}", faults.join(", and "));
        return Check::new(NAME, Status::Fail, text);
    }
    let majors = (report.server_version.as_deref().map(major), wanted.server_version.map(major));
    match &*report.outcome {
        "clean" if majors.0 == majors.1 => Check::new(NAME, Status::Pass, report.words()),
        "clean" => {
            Check::new(NAME, Status::Warn, format!("{}; on another major version of PostgreSQL", report.words()))
        }
        _ => Check::new(NAME, Status::Warn, format!("{}; its verdict was: {}", report.words(), report.verdict)),
    }
}

/// Whether a cutover of so many rows fits the window.
pub fn fits(report: Option<&RehearsalReport>, window: Option<Duration>, rows: Option<u64>) -> Check {
    const NAME: &str = "window";
    let Some(report) = report else { return unknown(NAME, "without --rehearsal FILE there is no forecast") };
    let Some(rows) = rows else { return unknown(NAME, "how many rows the source has is not known") };
    let again = rehearse_again();
    let read = report.counts.map_or(0, |it| it.read);
    if read == 0 || read < rows / FEWEST {
        let text = format!(
            "the rehearsal had {} rows and the source has {}, too few to say how long it takes; {again}",
            thousands(read),
            thousands(rows)
        );
        return unknown(NAME, text);
    }
    let forecast = match report.forecast(read, rows) {
        Ok(forecast) => forecast,
        Err(phase) => {
            return unknown(NAME, format!("the rehearsal's report does not say how long {phase} took; {again}"));
        }
    };
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
