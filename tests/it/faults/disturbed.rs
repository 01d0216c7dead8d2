//! Each command, at one message after another.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use rstest::rstest;

use super::ground::{Ground, Prepared};
use super::strike::{Class, Fault, faults, record, strike};
use super::subject::{SUBJECTS, Subject, subject};
use crate::harness::proxy::{Failure, Point};
use crate::harness::random::{Random, setting};

/// Whether it has gone on long enough: in the suite after so many faults; as long as the environment says, if it does.
struct End {
    since: Instant,
    seconds: u64,
    enough: usize,
}

impl End {
    fn after(enough: usize) -> Self {
        Self { since: Instant::now(), seconds: setting("PAD_FAULTS_SECONDS", 0), enough }
    }

    fn is_reached(&self, seen: usize) -> bool {
        match self.seconds {
            0 => seen >= self.enough,
            seconds => self.since.elapsed() > Duration::from_secs(seconds),
        }
    }
}

/// A subject, unless only another one is asked for, and what is to fail.
async fn prepare(ground: &Ground, subject: &'static Subject, class: Class) -> Option<(Prepared, Vec<Fault>)> {
    let only = std::env::var("PAD_FAULTS_ONLY").unwrap_or_default();
    if !only.is_empty() && only != subject.name {
        return None;
    }
    let at = SUBJECTS.iter().position(|it| it.name == subject.name).expect("it is one of them");
    let mut random = Random::new(100 + 10 * class as u8 + at as u8);
    let prepared = Prepared::new(ground, subject).await;
    let all = faults(&prepared, class, &mut random);
    Some((prepared, all))
}

/// Disturbs a command, so often at once.
async fn disturb(ground: &Ground, subject: &'static Subject, class: Class, end: End, at_once: usize) -> Vec<String> {
    let Some((prepared, all)) = prepare(ground, subject, class).await else { return Vec::new() };
    let all = all.into_iter().enumerate().take_while(|(seen, _)| !end.is_reached(*seen)).map(|(_, fault)| {
        let prepared = &prepared;
        async move { record(prepared, fault, &strike(ground, prepared, fault).await) }
    });
    let wrong: Vec<Vec<String>> = stream::iter(all).buffer_unordered(at_once).collect().await;
    prepared.drop(ground).await;
    wrong.concat()
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
    let wrong = disturb(&Ground::shared(), subject(name), Class::Ends, End::after(9), 1).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The last COMMITs of a command, of which nobody hears: what it says of them is true.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_commit_that_nobody_hears_of_is_true() {
    let ground = Ground::shared();
    for name in ["migrate", "csv", "rollback", "restore", "apply", "revert", "clean"] {
        let prepared = Prepared::new(&ground, subject(name)).await;
        for at in prepared.commits - 1..=prepared.commits {
            let fault = (Point::Says("commit\0", at), Failure::Swallow);
            let wrong = record(&prepared, fault, &strike(&ground, &prepared, fault).await);
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
        prepared.drop(&ground).await;
    }
}

/// It would have no hash of the schema, and be taken for complete.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_whose_catalog_is_cut_off_is_none() {
    let ground = Ground::shared();
    let prepared = Prepared::new(&ground, subject("evidence")).await;
    let fault = (Point::Says("as kind", 1), Failure::Cut);
    let wrong = record(&prepared, fault, &strike(&ground, &prepared, fault).await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    prepared.drop(&ground).await;
}

/// All at once: they wait.
#[tokio::test(flavor = "multi_thread")]
async fn what_falls_silent_at_any_message_ends_and_leaves_all_or_nothing() {
    let ground = Ground::shared();
    let each = SUBJECTS.iter().map(|it| disturb(&ground, it, Class::Stalls, End::after(1), 2));
    let wrong = join_all(each).await.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// On a server of its own, one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_recovers_has_all_or_nothing() {
    let (ground, end) = (Ground::own().await, End::after(SUBJECTS.len()));
    let mut prepared = Vec::new();
    for subject in &SUBJECTS {
        prepared.extend(prepare(&ground, subject, Class::Recovers).await);
    }
    let (mut wrong, mut seen) = (Vec::new(), 0);
    let most = prepared.iter().map(|it| it.1.len()).max().unwrap_or_default();
    'all: for round in 0..most {
        for (prepared, all) in &prepared {
            let Some(fault) = all.get(round) else { continue };
            if end.is_reached(seen) {
                break 'all;
            }
            wrong.extend(record(prepared, *fault, &strike(&ground, prepared, *fault).await));
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
