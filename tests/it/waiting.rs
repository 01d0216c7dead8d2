//! Waits that end: what doesn't happen in time fails the test, which says what it waited for.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::harness::Db;
use crate::harness::program::command;

/// Long enough on a machine however busy, and short enough to tell a wait from a hang. It is no measurement.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A program that does all its work in this time, a rehearsal on a busy machine included.
const PROGRAM_LIMIT: Duration = Duration::from_secs(300);

/// Between two questions. Others need the processor too.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(LIMIT, what, ask).await
}

async fn within<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "it did not happen within {patience:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks the database until a condition holds.
pub(crate) async fn until_true(db: &Db, what: &str, condition: &str) {
    until(what, async || (db.value(condition).await.as_deref() == Some("true")).then_some(())).await;
}

/// The next connection to a port, from which reads end in time, too.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("the listener is ours");
    let deadline = Instant::now() + LIMIT;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("the stream is ours");
                stream.set_read_timeout(Some(LIMIT)).expect("the stream is ours");
                return stream;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                assert!(Instant::now() < deadline, "nobody connected within {LIMIT:?}");
                std::thread::sleep(PAUSE);
            }
            Err(error) => panic!("no connection can be accepted: {error}"),
        }
    }
}

/// A program that runs. What it prints on its standard error is shown when the test fails.
#[expect(clippy::print_stderr, reason = "shown only when the test fails")]
pub(crate) fn start(command: &mut Command) -> Child {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let printed = BufReader::new(child.stderr.take().expect("stderr is piped"));
    std::thread::spawn(move || printed.lines().map_while(Result::ok).for_each(|line| eprintln!("{line}")));
    child
}

/// What a program prints until it ends, without input.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> Output {
    output_within(PROGRAM_LIMIT, command)
}

#[track_caller]
#[expect(clippy::print_stderr, reason = "shown only when the test fails")]
fn output_within(limit: Duration, command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the program starts");
    let pid = rustix::process::Pid::from_child(&child);
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match ended.recv_timeout(limit) {
        Ok(output) => {
            let output = output.expect("the program's output is read");
            let printed = String::from_utf8_lossy(&output.stderr);
            if !printed.is_empty() {
                eprintln!("{} ended with {}, and printed:\n{printed}", command.get_program().display(), output.status);
            }
            output
        }
        Err(_) => {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            // A given server's URL has a password.
            let arguments: Vec<_> = command.get_args().map(|it| it.display().to_string()).collect();
            let words: Vec<_> = arguments.iter().filter(|it| !it.contains("://")).collect();
            panic!("it did not end within {limit:?}: {} {words:?}", command.get_program().display());
        }
    }
}

#[test]
#[should_panic(expected = "it did not end within 50ms: sleep [\"60\"]")]
fn a_program_that_does_not_end_fails() {
    output_within(Duration::from_millis(50), command("sleep").arg("60"));
}

#[tokio::test]
#[should_panic(expected = "it did not happen within 50ms: nothing at all")]
async fn a_wait_for_what_never_happens_fails() {
    within(Duration::from_millis(50), "nothing at all", async || None::<()>).await;
}
