//! One fault: a database as it was before, the command, what fails, and what the laws say.

use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use rustix::process::Signal;
use sqlx::Connection;

use super::ground::{Ground, Prepared};
use super::laws::{backup, claims, files, nothing_stays, picture, sentence, whole};
use super::run::{Run, TURNS, run};
use crate::harness::Db;
use crate::harness::proxy::{Failure, NewOnes, Point, Proxy};
use crate::harness::random::Random;
use crate::plan::accepts_again;

pub(super) type Fault = (Point, Failure);

/// What fails together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A connection, the program or a session ends.
    Ends,
    /// Nothing is heard any more, which takes a minute.
    Stalls,
    /// The server recovers.
    Recovers,
}

impl Class {
    fn failures(self) -> &'static [Failure] {
        match self {
            Self::Ends => &[
                Failure::Cut,
                Failure::Reset,
                Failure::Swallow,
                Failure::Backend,
                Failure::Program(Signal::KILL),
                Failure::Program(Signal::TERM),
                Failure::Program(Signal::INT),
            ],
            Self::Stalls => &[Failure::Stall(NewOnes::AreSilent), Failure::Stall(NewOnes::Work)],
            Self::Recovers => &[Failure::Server],
        }
    }
}

/// A fault as the log and the flag `--fault` have it.
pub(super) fn spelt((point, failure): Fault) -> String {
    match point {
        Point::Message(at) => format!("{}@{at}", name(failure)),
        Point::Says(text, at) => format!("{}@{}{at}", name(failure), text.trim_end_matches('\0')),
    }
}

fn name(failure: Failure) -> &'static str {
    match failure {
        Failure::Cut => "cut",
        Failure::Reset => "reset",
        Failure::Swallow => "swallow",
        Failure::Backend => "backend",
        Failure::Server => "server",
        Failure::Stall(NewOnes::AreSilent) => "silence",
        Failure::Stall(NewOnes::Work) => "stall",
        Failure::Program(Signal::KILL) => "kill",
        Failure::Program(Signal::TERM) => "term",
        Failure::Program(_) => "int",
    }
}

/// Every fault of a class, in the order of the seed; those at a COMMIT come oftener at first.
pub(super) fn faults(prepared: &Prepared, class: Class, random: &mut Random) -> Vec<Fault> {
    let is_asked = |only: &str, given: &str| only.is_empty() || only == given;
    let only = std::env::var("PAD_FAULT").unwrap_or_default();
    let of = |points: Vec<Point>, random: &mut Random| {
        let all = points.iter().flat_map(|point| class.failures().iter().map(|failure| (*point, *failure)));
        let mut all: Vec<Fault> = all.filter(|it| is_asked(&only, &spelt(*it))).collect();
        for at in (1..all.len()).rev() {
            all.swap(at, random.below(at + 1));
        }
        all
    };
    let commits = (1..=prepared.commits).map(|at| Point::Says("commit\0", at)).collect();
    let mut commits = of(commits, random).into_iter();
    let messages = of((1..=prepared.messages).map(Point::Message).collect(), random);
    let mixed = messages.into_iter().enumerate();
    mixed.flat_map(|(at, fault)| [Some(fault), commits.next().filter(|_| at % 3 == 0)]).flatten().collect()
}

/// What came of a fault.
pub(super) struct Struck {
    run: Run,
    at: Option<String>,
    wrong: Vec<String>,
}

pub(super) async fn strike(ground: &Ground, prepared: &Prepared, fault: Fault) -> Struck {
    // Those that fall silent only wait.
    let is_silent = matches!(fault.1, Failure::Stall(_));
    let turn = if is_silent { None } else { TURNS.acquire().await.ok() };
    let (subject, input) = (prepared.subject, prepared.folder.path());
    let db = ground.create(Some(&prepared.template)).await;
    let dir = tempfile::tempdir().expect("a directory is made");
    let proxy = Proxy::start(&db, Some(fault));
    // Sees the server go down.
    let witness = if ground.is_own() { Some(db.connect().await) } else { None };
    let mut first = run(&db, Some(&proxy), subject.arguments, input, dir.path()).await;
    let at = proxy.failed_at().map(str::to_owned);
    let mut wrong = std::mem::take(&mut first.wrong);
    match (witness, &at) {
        (Some(witness), Some(_)) => accepts_again(&db, witness).await,
        (Some(witness), None) => witness.close().await.expect("it closes"),
        (None, _) => {}
    }
    let is_done = first.code == Some(prepared.code);
    match (first.code, first.signal) {
        (Some(2), _) => wrong.extend(sentence(&first.printed)),
        (None, Some(9)) if fault.1 == Failure::Program(Signal::KILL) => {}
        _ if is_done => {}
        (code, signal) => wrong.push(format!("it ended with {code:?}, signal {signal:?}: {}", first.printed)),
    }
    wrong.extend(nothing_stays(&db, is_silent).await);
    drop(proxy);
    let _turn = if is_silent { TURNS.acquire().await.ok() } else { turn };
    let found = picture(&db).await;
    wrong.extend(whole(subject.effect, &prepared.before, &prepared.after, &found, is_done));
    wrong.extend(claims(&first.printed, &prepared.before, &found));
    wrong.extend(files(dir.path(), subject.files, is_done, first.signal.is_some()));
    wrong.extend(backup(dir.path()));
    if !subject.checked.is_empty() && dir.path().join(subject.files[0]).exists() {
        wrong.extend(proved(&db, input, &[subject.checked], dir.path()).await);
    }
    wrong.extend(again(&db, prepared, fault.0, is_done).await);
    ground.drop(&db).await;
    Struck { run: first, at, wrong }
}

/// The same command comes to its end now, and what is there is what is there when nothing fails.
///
/// What verify and drift say of that is known (`ground`); they are asked after every fourth fault nevertheless.
async fn again(db: &Db, prepared: &Prepared, point: Point, is_done: bool) -> Vec<String> {
    let subject = prepared.subject;
    let dir = tempfile::tempdir().expect("a directory is made");
    let again = run(db, None, subject.arguments, prepared.folder.path(), dir.path()).await;
    let mut wrong = again.wrong;
    let found = picture(db).await;
    let is_after = found == prepared.after;
    // What restores into an empty schema is refused where it has done so.
    let is_refused = again.code == Some(2) && is_after;
    if !matches!(again.code, Some(0 | 1)) && !is_refused {
        wrong.push(format!("the same command again ended with {:?}: {}", again.code, again.printed));
        return wrong;
    }
    wrong.extend(whole(subject.effect, &prepared.after, &prepared.after, &found, true));
    if !is_refused && !is_done {
        wrong.extend(files(dir.path(), subject.files, true, false));
    }
    let (Point::Message(at) | Point::Says(_, at)) = point;
    if at % 4 == 0 {
        wrong.extend(proved(db, prepared.folder.path(), subject.proofs, dir.path()).await);
    }
    wrong
}

/// Commands that must succeed.
pub(super) async fn proved(db: &Db, input: &Path, proofs: &[&[&str]], dir: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for proof in proofs {
        let done = run(db, None, proof, input, dir).await;
        wrong.extend(done.wrong);
        let is_good = match proof {
            // Rows that are rejected are to be looked at.
            ["migrate", ..] => matches!(done.code, Some(0 | 1)),
            _ => done.code == Some(0),
        };
        if !is_good {
            wrong.push(format!("{proof:?} ended with {:?}: {}", done.code, done.printed));
        }
    }
    wrong
}

/// Prints a fault and what came of it, a line in the file that `PAD_FAULTS_LOG` names; what is wrong, with how to see it
/// again.
#[expect(clippy::print_stderr, reason = "the figures are for people who run scripts/faults")]
pub(super) fn record(prepared: &Prepared, fault: Fault, struck: &Struck) -> Vec<String> {
    static LOG: Mutex<()> = Mutex::new(());
    let _one = LOG.lock();
    let subject = prepared.subject.name;
    let at = struck.at.as_deref().unwrap_or("it ended before");
    let said = struck.run.printed.trim_end().lines().last().unwrap_or_default();
    let ended = struck.run.code.map_or_else(|| "signal".to_owned(), |it| it.to_string());
    let verdict = if struck.wrong.is_empty() { "ok" } else { "VIOLATION" };
    let line =
        format!("{subject}\t{}\t{verdict}\t{ended}\t{:.1}\t{at}\t{said}", spelt(fault), struck.run.took.as_secs_f64());
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("PAD_FAULTS_LOG") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        writeln!(file.expect("the log can be opened"), "{line}").expect("the log is written");
    }
    let again = format!("scripts/faults --only {subject} --fault {}", spelt(fault));
    let wrong: Vec<String> = struck.wrong.iter().map(|it| format!("{again}: {it} ({at})")).collect();
    // At once, since a long run may be ended before its end.
    wrong.iter().for_each(|it| eprintln!("{it}"));
    wrong
}
