//! Runs of the tests: one that records what each reaches, and those that look whether a mutant is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::tree::cargo;
use crate::{Fallible, Places};

/// Which tests are asked, part by part. The others are of servers, networks and processes that die, which take long and
/// wait for most of it, or read the sources, which the copy's are not.
const ASKED: [&str; 26] = [
    "transform",
    "laws",
    "fixtures",
    "generate",
    "guard",
    "csv",
    "drift",
    "integrity",
    "evidence",
    "fuzz",
    "plan",
    "permissions",
    "cutover",
    "migrate",
    "verify",
    "plant",
    "report",
    "reference",
    "revisions",
    "rollback",
    "gate",
    "doctor",
    "configuration",
    "help",
    "screens",
    "hostile",
];

/// Tests that take longer are asked last, in seconds.
const LONG: f64 = 20.0;

/// What the recording found.
#[derive(Default, Serialize, Deserialize)]
pub struct Reach {
    /// What was recorded.
    parts: BTreeSet<String>,
    /// Seconds of each test that passes without a mutant.
    pub seconds: BTreeMap<String, f64>,
    /// The tests that reach each mutant.
    pub tests: BTreeMap<usize, Vec<String>>,
}

impl Reach {
    /// The tests that reach a mutant, the shortest first; and those of them that take long.
    pub fn of(&self, number: usize) -> (Vec<&str>, Vec<&str>) {
        let all = self.tests.get(&number).into_iter().flatten();
        let mut timed: Vec<_> = all.filter_map(|test| Some((*self.seconds.get(test)?, test.as_str()))).collect();
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (short, long): (Vec<_>, Vec<_>) = timed.into_iter().partition(|(seconds, _)| *seconds <= LONG);
        let names = |timed: Vec<(f64, _)>| timed.into_iter().map(|(_, test)| test).collect();
        (names(short), names(long))
    }
}

/// How tests are run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// All of them, whatever one says.
    Recording,
    /// Until one notices something.
    Short,
    /// The same, of those that take long.
    Long,
}

/// What a run of tests said of one.
pub struct Said {
    pub test: String,
    /// `PASS`, `FAIL`, `TIMEOUT`, `SIGABRT` and so on.
    pub status: String,
    pub seconds: f64,
}

/// `    PASS [   0.040s] ( 1/10) pad-migrate::it laws::an_amount_prints_as_it_was_read`
fn said(line: &str) -> Option<Said> {
    let (status, rest) = line.trim_start().split_once(" [")?;
    let (seconds, rest) = rest.split_once("s] ")?;
    let (_, test) = rest.split_once("pad-migrate::it ")?;
    let status = status.split_whitespace().last()?.to_owned();
    Some(Said { test: test.trim().to_owned(), status, seconds: seconds.trim_start_matches('>').trim().parse().ok()? })
}

/// Runs tests of the copy with a mutant in force, or with none.
pub fn run(places: &Places, active: &str, filter: &str, how: How) -> Fallible<Vec<Said>> {
    std::fs::write(places.work.join("active"), active)?;
    let config = places.root.join("mutants/nextest.toml");
    let config = config.to_str().ok_or("the repository's path isn't UTF-8")?;
    let end = if how == How::Recording { "--no-fail-fast" } else { "--max-fail=1:immediate" };
    let profile = if how == How::Short { "default" } else { "long" };
    let arguments =
        ["nextest", "run", "--locked", "--config-file", config, "--profile", profile, end, "--no-input-handler"];
    let mut nextest = cargo(places, &arguments);
    nextest.args(["--failure-output=never", "--status-level=all", "--final-status-level=none", "-E", filter]);
    // A mutant that allocates for ever must not take the machine with it.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 8000000; exec \"$@\"", "sh"]).arg(nextest.get_program()).args(nextest.get_args());
    for (name, value) in nextest.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.current_dir(places.tree()).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let all: Vec<Said> = text.lines().filter_map(said).collect();
    // A test is mentioned as slow before it is mentioned with its end.
    let all: Vec<Said> = all.into_iter().filter(|it| it.status != "SLOW" && it.status != "TERMINATING").collect();
    // 4: there are no such tests.
    if all.is_empty() && !output.status.success() && output.status.code() != Some(4) {
        return Err(text.into());
    }
    Ok(all)
}

/// A filter for tests by their names.
pub fn named(tests: &[&str]) -> String {
    tests.iter().map(|test| format!("test(={test})")).collect::<Vec<_>>().join(" + ")
}

/// What each test reaches, recorded once, part by part, so that a later start goes on; `again` looks at the tests that
/// were added since.
pub fn record(places: &Places, again: bool) -> Fallible<()> {
    let mut reach = known(places).unwrap_or_default();
    if again {
        reach.parts.clear();
    }
    for part in ASKED {
        if reach.parts.contains(part) {
            continue;
        }
        let mut filter = format!("test(/^{part}::/) - test(/::killed::/)");
        if again {
            let begin = format!("{part}::");
            let old: Vec<&str> = reach.seconds.keys().filter(|it| it.starts_with(&begin)).map(String::as_str).collect();
            filter = if old.is_empty() { filter } else { format!("{filter} - ({})", named(&old)) };
        }
        record_part(places, &filter, &mut reach)?;
        reach.parts.insert(part.to_owned());
        std::fs::write(places.work.join("reach.json"), serde_json::to_string(&reach)?)?;
        eprintln!("recorded: {part}, {} tests so far", reach.seconds.len());
    }
    Ok(())
}

fn record_part(places: &Places, filter: &str, reach: &mut Reach) -> Fallible<()> {
    let folder = places.work.join("reached");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    for said in run(places, "record", filter, How::Recording)? {
        if said.status == "PASS" {
            reach.seconds.insert(said.test, said.seconds);
        } else {
            eprintln!("not asked, since it doesn't pass without a mutant: {} ({})", said.test, said.status);
        }
    }
    for group in std::fs::read_dir(&folder)?.flatten() {
        let text = std::fs::read_to_string(group.path())?;
        let lines: Vec<(usize, &str)> = text
            .lines()
            .filter_map(|line| line.split_once(' ').and_then(|(number, test)| Some((number.parse().ok()?, test))))
            .collect();
        let Some((_, test)) = lines.iter().find(|(_, test)| *test != "-") else { continue };
        for (number, _) in &lines {
            let tests = reach.tests.entry(*number).or_default();
            if !tests.iter().any(|known| known == test) {
                tests.push((*test).to_owned());
            }
        }
    }
    Ok(())
}

/// What an earlier start recorded.
pub fn known(places: &Places) -> Fallible<Reach> {
    Ok(serde_json::from_slice(&std::fs::read(places.work.join("reach.json"))?)?)
}
