//! The figures, as Markdown for docs/fuzzing.md.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::hunt::Result;
use crate::sample::{AREAS, Sample};

#[derive(Default)]
struct Row {
    sample: usize,
    unbuilt: usize,
    caught: usize,
    timeout: usize,
    missed: usize,
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.sample += other.sample;
        self.unbuilt += other.unbuilt;
        self.caught += other.caught;
        self.timeout += other.timeout;
        self.missed += other.missed;
    }

    fn print(&self, name: &str, listed: usize, out: &mut String) {
        let noticed = self.caught + self.timeout;
        let judged = noticed + self.missed;
        let share =
            if judged == 0 { "–".to_owned() } else { format!("{:.1} %", 100.0 * noticed as f64 / judged as f64) };
        let left = self.sample - self.unbuilt - judged;
        let Row { sample, unbuilt, caught, timeout, missed } = self;
        let _ = writeln!(
            out,
            "| {name} | {listed} | {sample} | {unbuilt} | {caught} | {timeout} | {missed} | {left} | {share} |"
        );
    }
}

/// By area, and then what was missed.
pub fn table(sample: &Sample, results: &[Result]) -> String {
    let by_name: BTreeMap<&str, &Result> = results.iter().map(|it| (it.name.as_str(), it)).collect();
    let mut out = format!("Seed {}.\n\n", sample.seed);
    out.push_str("| area | mutants | sample | don't compile | caught | by a timeout | missed | to do | caught |\n");
    out.push_str("| --- | --: | --: | --: | --: | --: | --: | --: | --: |\n");
    let (mut total, mut missed) = (Row::default(), String::new());
    for (at, (area, _)) in AREAS.iter().enumerate() {
        let mut row = Row::default();
        for mutant in sample.mutants.iter().filter(|mutant| mutant.area == *area) {
            row.sample += 1;
            row.unbuilt += usize::from(mutant.unbuilt.is_some());
            match by_name.get(mutant.name.as_str()).map(|it| it.outcome.as_str()) {
                Some("caught") => row.caught += 1,
                Some("timeout") => row.timeout += 1,
                Some(outcome) => {
                    row.missed += 1;
                    let unreached = if outcome == "unreached" { " (no test that is asked reaches it)" } else { "" };
                    let _ = writeln!(missed, "- `{}`{unreached}", mutant.name);
                }
                None => {}
            }
        }
        row.print(area, sample.listed[at], &mut out);
        total.add(&row);
    }
    total.print("all", sample.listed.iter().sum(), &mut out);
    let _ = write!(out, "\nMissed:\n\n{}", if missed.is_empty() { "none\n" } else { &missed });
    let seconds: f64 = results.iter().map(|it| it.seconds).sum();
    if !results.is_empty() {
        let _ = writeln!(out, "\n{:.1} s for a mutant on average.", seconds / results.len() as f64);
    }
    out
}
