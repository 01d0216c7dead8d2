//! Mutant by mutant: is it noticed?

use std::io::Write;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::sample::Sample;
use crate::tests::How;
use crate::{Fallible, Places, tests};

/// What became of a mutant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Result {
    pub name: String,
    /// `caught`, `timeout`, `missed`, `unreached`.
    pub outcome: String,
    /// The test that noticed it.
    pub by: Option<String>,
    pub seconds: f64,
}

fn file(places: &Places) -> std::path::PathBuf {
    places.work.join("results.jsonl")
}

/// What is known, a line each.
pub fn results(places: &Places) -> Fallible<Vec<Result>> {
    let text = std::fs::read_to_string(file(places)).unwrap_or_default();
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Forgets what is known of an earlier sample.
pub fn forget(places: &Places) -> Fallible<()> {
    for name in ["results.jsonl", "reach.json", "sample.json"] {
        match std::fs::remove_file(places.work.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Forgets what nothing noticed, since tests were written for it.
pub fn forget_missed(places: &Places) -> Fallible<()> {
    let kept = results(places)?.into_iter().filter(|it| it.outcome == "caught" || it.outcome == "timeout");
    let lines: Fallible<Vec<String>> = kept.map(|it| Ok(serde_json::to_string(&it)? + "\n")).collect();
    Ok(std::fs::write(file(places), lines?.concat())?)
}

/// How many tests are asked first, and how many then: a mutant that they don't notice has all that reach it, and last those
/// that take long.
const STAGES: [usize; 3] = [40, 150, 600];

fn hunt(places: &Places, reach: &tests::Reach, number: usize) -> Fallible<(&'static str, Option<String>)> {
    let (short, long) = reach.of(number);
    let mut rest = &short[..];
    let mut stages = Vec::new();
    for stage in STAGES {
        let (asked, later) = rest.split_at(stage.min(rest.len()));
        rest = later;
        stages.push((asked, How::Short));
    }
    stages.push((&long[..], How::Long));
    for (asked, how) in stages.into_iter().filter(|(asked, _)| !asked.is_empty()) {
        let said = tests::run(places, &number.to_string(), &tests::named(asked), how)?;
        if let Some(failed) =
            said.iter().find(|it| !["PASS", "SIGTERM", "SIGKILL", "ABORT"].contains(&it.status.as_str()))
        {
            let outcome = if failed.status == "TIMEOUT" { "timeout" } else { "caught" };
            return Ok((outcome, Some(failed.test.clone())));
        }
    }
    Ok((if short.is_empty() && long.is_empty() { "unreached" } else { "missed" }, None))
}

/// Every mutant of the sample that nothing is known of, the areas in turn.
pub fn all(places: &Places, sample: &Sample, minutes: u64) -> Fallible<()> {
    let reach = tests::known(places)?;
    let done: std::collections::BTreeSet<String> = results(places)?.into_iter().map(|it| it.name).collect();
    let mut left: Vec<usize> = (0..sample.mutants.len())
        .filter(|number| sample.mutants[*number].unbuilt.is_none() && !done.contains(&sample.mutants[*number].name))
        .collect();
    let each = sample.mutants.len() / crate::sample::AREAS.len();
    left.sort_by_key(|number| (number % each.max(1), *number));
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    for (at, number) in left.iter().enumerate() {
        if Instant::now() > until {
            eprintln!("{} mutants are left; scripts/mutants --resume goes on", left.len() - at);
            break;
        }
        let (name, begun) = (sample.mutants[*number].name.clone(), Instant::now());
        let (outcome, by) = hunt(places, &reach, *number)?;
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("{}/{} {outcome:9} {seconds:5.1} s  {name}", at + 1, left.len());
        let line = serde_json::to_string(&Result { name, outcome: outcome.to_owned(), by, seconds })? + "\n";
        std::fs::OpenOptions::new().create(true).append(true).open(file(places))?.write_all(line.as_bytes())?;
    }
    Ok(())
}
