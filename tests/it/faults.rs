//! Whatever fails, wherever: a write happens whole or not at all.
//!
//! The messages of a run that nothing disturbs are counted once (`ground`); then the same run is disturbed at one of them
//! (`strike`), and the laws are asked what they find (`laws`). The suite takes a sample, which `PAD_SEED` chooses;
//! `scripts/faults` goes on for hours. `subject` has the commands.

mod ground;
mod laws;
mod run;
mod strike;
mod subject;

use std::time::{Duration, Instant};

use rstest::rstest;

use crate::harness::random::{Random, setting};
use ground::{Ground, Prepared};
use strike::{Class, faults, record, strike};
use subject::{SUBJECTS, subject};

/// How long a test goes on: in the suite, until it has seen so many faults.
fn is_over(since: Instant, seen: usize, enough: usize) -> bool {
    match setting("PAD_FAULTS_SECONDS", 0) {
        0 => seen >= enough,
        seconds => since.elapsed() > Duration::from_secs(seconds),
    }
}

#[rstest]
#[case::migrate("migrate")]
#[case::csv("csv")]
#[case::rollback("rollback")]
#[case::backup("backup")]
#[case::restore("restore")]
#[case::apply("apply")]
#[case::revert("revert")]
#[case::evidence("evidence")]
#[case::clean("clean")]
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_at_any_message_leaves_all_or_nothing(#[case] name: &str) {
    let (ground, since) = (Ground::shared(), Instant::now());
    let prepared = Prepared::new(&ground, subject(name)).await;
    let at = SUBJECTS.iter().position(|it| it.name == name).expect("it is one of them");
    let mut wrong = Vec::new();
    for (seen, fault) in faults(&prepared, Class::Ends, &mut Random::new(100 + at as u8)).into_iter().enumerate() {
        if is_over(since, seen, 10) {
            break;
        }
        wrong.extend(record(&prepared, fault, &strike(&ground, &prepared, fault).await));
    }
    prepared.drop(&ground).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
