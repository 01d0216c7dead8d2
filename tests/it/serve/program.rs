//! The command as its user starts and ends it.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use pretty_assertions::assert_eq;
use rustix::process::{Pid, Signal, kill_process};

use super::client::Browser;
use crate::harness::program::{command, run, stderr, stdout};
use crate::harness::{Role, Start, program, with_db};
use crate::waiting::until_true;

/// The start address is the result; what is said besides is no part of it, and nothing says who was looked at. Ctrl-C
/// is its end, and no failure.
#[tokio::test]
async fn it_prints_its_address_and_ends_when_interrupted() {
    with_db(Start::Migrated, async |db| {
        let before = db.dump(&[]).await;
        for (url, warns) in [(db.url_as(Role::Reader).await, false), (db.url.clone(), true)] {
            let mut serving = command(program());
            serving.args(["--database-url", &url, "serve"]);
            let child = serving.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
            let mut child = child.expect("the program starts");
            let mut lines = BufReader::new(child.stdout.take().expect("it is read"));
            let mut start = String::new();
            lines.read_line(&mut start).expect("it prints a line");
            let is_address = start.starts_with("http://127.0.0.1:") && start.contains("/enter?token=");
            assert!(is_address, "{start}{:?}", child.wait_with_output());
            let browser = Browser::enter(start.trim()).await;
            browser.page("/requests?employee=1003&people=shown").await;
            browser.get("/requests?employee=nobody@example.com").await;
            for page in
                ["/", "/audit", "/rejections", "/requests.csv", "/drift?run=now", "/integrity?run=now", "/reference"]
            {
                browser.get(page).await;
            }
            kill_process(Pid::from_child(&child), Signal::INT).expect("it is our child");
            let output = child.wait_with_output().expect("it ends");
            let mut more = String::new();
            lines.read_line(&mut more).expect("the output ends");
            assert_eq!(more, "", "the address is all");
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(0), "{said}");
            assert_eq!(said.contains("warning: the role may change rows"), warns, "{said}");
            assert!(said.contains("open this address in a browser on this machine, once"), "{said}");
            assert!(!said.contains("1003") && !said.contains("nobody") && !said.contains("token"), "{said}");
            until_true(
                &db,
                "its sessions end",
                "not exists (select from pg_stat_activity where application_name like 'pad-migrate serve%' \
                 and datname = current_database())",
            )
            .await;
        }
        assert_eq!(db.dump(&[]).await, before, "nothing is changed");
    })
    .await;
}

/// What can't be listened on is one sentence, before anything is read.
#[test]
fn where_it_cannot_listen_is_said() {
    for (listen, says) in [
        ("0.0.0.0:0", "the dashboard listens on this machine only; use 127.0.0.1:PORT"),
        ("[::]:80", "ssh -L PORT:127.0.0.1:PORT"),
        (
            "localhost",
            "--listen is not an address and a port; use 127.0.0.1:PORT, or 127.0.0.1:0 for any port that is free",
        ),
        ("example.com:80", "--listen is not an address and a port"),
        ("127.0.0.1:99999", "--listen is not an address and a port"),
        ("", "--listen is not an address and a port"),
    ] {
        let output = run(&["--database-url", "postgres://u@127.0.0.1:1/n", "serve", "--listen", listen], &[]);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{listen}");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
}
