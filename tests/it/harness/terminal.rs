//! A terminal of a width, and what the program shows on it.

use std::io::{Read, Write};
use std::process::Stdio;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::program;
use super::program::command;
use crate::waiting::LIMIT;

/// Runs the program on a terminal of so many columns; `answers` are typed when a line ends with what stands before
/// each. What was shown, and the exit code.
pub(crate) fn run_on_terminal(
    columns: u16,
    arguments: &[&str],
    variables: &[(&str, &str)],
    answers: &[(&str, &str)],
) -> (String, i32) {
    let dir = tempfile::tempdir().expect("a directory is made");
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let other = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it opens");
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&other, size).expect("a terminal has a size");
    let side = || Stdio::from(other.try_clone().expect("it is ours"));
    let mut command = command(program());
    command.current_dir(dir.path()).args(arguments).envs(variables.iter().copied()).env("TERM", "xterm");
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("the program starts");
    drop((command, other));
    let mut ours = std::fs::File::from(ours);
    let mut typed = ours.try_clone().expect("it is ours");
    let (sender, shown) = std::sync::mpsc::channel::<Vec<u8>>();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Reading fails once the other side is closed.
        while let Ok(count @ 1..) = ours.read(&mut buffer) {
            let _ = sender.send(buffer[..count].to_vec());
        }
    });
    let (mut all, mut answers) = (Vec::new(), answers.iter());
    let mut next = answers.next();
    loop {
        match shown.recv_timeout(LIMIT * 5) {
            Ok(more) => all.extend(more),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&all)),
        }
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((question, answer)) = next
            && text.trim_end().ends_with(question)
        {
            typed.write_all(format!("{answer}\n").as_bytes()).expect("the terminal takes it");
            next = answers.next();
        }
    }
    let status = child.wait().expect("the program ends");
    (String::from_utf8(all).expect("it is UTF-8").replace("\r\n", "\n"), status.code().unwrap_or(-1))
}
