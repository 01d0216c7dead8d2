//! Getting to a database, and every way of not getting there: one sentence, exit 2, within the time.

mod urls;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pretty_assertions::assert_eq;
use rstest::rstest;
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::csv::EXPORT;
use crate::harness::certificates::Authority;
use crate::harness::other::{self, Other};
use crate::harness::program::{command, run, stderr, stdout};
use crate::harness::{Role, Start, program, with_db};
use crate::snapshots::Snapshot;
use crate::waiting::accept;

/// Told from a wait that has no end, or one of a minute, on a machine however busy. It is no measurement.
const SOON: Duration = Duration::from_secs(30);

/// The keys for a database of another server.
fn keys<'a>(server: &'a Other, database: &'a str, user: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("DB_HOST", &*server.host),
        ("DB_PORT", &*server.port),
        ("DB_NAME", database),
        ("DB_USER", user),
        ("DB_PASSWORD", password),
        ("APP_ENV", "qa"),
    ]
}

/// The command is refused for the reason that the snapshot shows; the address, which changes, is made fixed first.
#[track_caller]
fn check(snapshot: Snapshot, server: &Other, keys: &[(&str, &str)], arguments: &[&str]) {
    let mut output = run(arguments, keys);
    assert!(!stderr(&output).contains("hunter2"), "a password is never shown");
    let reported = stderr(&output).replace(&format!("{}:{}", server.host, server.port), "SERVER");
    let mut reported = reported.replace(&server.host, "SERVER");
    // The server names the address that it sees us come from.
    if let Some(from) = reported.find("host \"").map(|it| it + "host \"".len()) {
        let to = from + reported[from..].find('"').expect("the quotes end");
        reported.replace_range(from..to, "CLIENT");
    }
    let folder = std::env::temp_dir().display().to_string();
    let words: Vec<&str> = reported.split(' ').map(|it| if it.starts_with(&folder) { "FILE" } else { it }).collect();
    // Before version 14 it has other words for a session without TLS.
    output.stderr = words.join(" ").replace("SSL off", "no encryption").into_bytes();
    snapshot.check_refused(&output);
}

#[tokio::test]
async fn a_server_that_refuses_is_quoted_and_explained() {
    let server = other::start(other::ASK).await;
    let roles = "create role pad_user login password 'hunter2'; create role pad_none login;
         create role pad_expired login password 'hunter2' valid until '2020-01-01';
         create role pad_limited login password 'hunter2' connection limit 0;
         create role pad_barred login password 'hunter2'";
    server.execute("postgres", &[roles, "create database work", "create database private"]).await;
    server.execute("postgres", &["revoke connect on database private from public"]).await;
    server.execute("postgres", &["create database closed allow_connections false"]).await;
    server.execute("postgres", &["create database full_house connection limit 0"]).await;
    for (snapshot, database, user, password) in [
        (Snapshot::error__connect_password, "work", "pad_user", "wrong"),
        (Snapshot::error__connect_password_missing, "work", "pad_user", ""),
        (Snapshot::error__connect_password_expired, "work", "pad_expired", "hunter2"),
        (Snapshot::error__connect_role_unknown, "work", "pad_nobody", "hunter2"),
        (Snapshot::error__connect_role_barred, "work", "pad_barred", "hunter2"),
        (Snapshot::error__connect_role_full, "work", "pad_limited", "hunter2"),
        (Snapshot::error__connect_database_unknown, "nowhere", "pad_user", "hunter2"),
        (Snapshot::error__connect_database_private, "private", "pad_user", "hunter2"),
        (Snapshot::error__connect_database_closed, "closed", "pad_user", "hunter2"),
        (Snapshot::error__connect_database_full, "full_house", "pad_user", "hunter2"),
    ] {
        let keys = [&keys(&server, database, user, password)[..], &[("DB_SSLMODE", "disable")]].concat();
        check(snapshot, &server, &keys, &["verify"]);
    }
    // Every command says the same.
    let wrong = [&keys(&server, "work", "pad_user", "wrong")[..], &[("DB_SSLMODE", "disable")]].concat();
    for arguments in [
        &["gate"] as &[&str],
        &["gate", "--stage", "before"],
        &["integrity"],
        &["report"],
        CLEAN,
        &["rollback", "--yes"],
        &["migrate"],
        &["apply", "--yes"],
        &["backup", "--out", "it.dump"],
    ] {
        let output = run(arguments, &wrong);
        let reported = stderr(&output);
        assert_eq!((output.status.code(), reported.lines().count()), (Some(2), 1), "{arguments:?}: {reported}");
        assert!(reported.contains("password authentication failed"), "{arguments:?}: {reported}");
    }
    // A password that the driver has no way to send: none of its characters is shown.
    server.execute("postgres", &["alter role pad_limited password 'hunter2 🔑' connection limit 5"]).await;
    let keys_of = keys(&server, "work", "pad_limited", "hunter2 🔑");
    let reported = stderr(&run(&["verify"], &[&keys_of[..], &[("DB_SSLMODE", "disable")]].concat()));
    assert!(reported.contains("the password has a character that the driver can't send"), "{reported}");
    assert!(!reported.contains('🔑') && !reported.contains("certificate"), "{reported}");
    // The right one gets further.
    let keys = [&keys(&server, "work", "pad_user", "hunter2")[..], &[("DB_SSLMODE", "disable")]].concat();
    check(Snapshot::error__connect_not_applied, &server, &keys, &["verify"]);
}

#[tokio::test]
async fn tls_is_verified_and_each_failing_check_is_named() {
    let (trusted, foreign) = (Authority::new("trusted"), Authority::new("foreign"));
    let host = "127.0.0.1";
    let client = trusted.client("pad_cert");
    let other_client = foreign.client("pad_cert");
    let mut setup = format!("umask 077\ncat >root.crt <<'PEM'\n{}PEM\n", trusted.root);
    for (name, certificate) in [
        ("right", trusted.server(host, 2999)),
        ("renamed", trusted.server("db.example.com", 2999)),
        ("expired", trusted.server(host, 2020)),
        ("foreign", foreign.server(host, 2999)),
    ] {
        let (chain, key) = (certificate.chain, certificate.key);
        setup.push_str(&format!("cat >{name}.crt <<'PEM'\n{chain}PEM\ncat >{name}.key <<'PEM'\n{key}PEM\n"));
    }
    setup.push_str(
        "{ echo 'host all postgres all trust'; echo 'hostssl all pad_cert all cert'; echo 'hostssl all all all \
         scram-sha-256'
           cat pg_hba.conf; } >hba && sed 's/^host  *all  *all .*//' hba >pg_hba.conf
         cat >>postgresql.conf <<'CONF'
password_encryption = 'scram-sha-256'
ssl = on
ssl_ca_file = 'root.crt'
ssl_cert_file = 'right.crt'
ssl_key_file = 'right.key'
CONF",
    );
    let server = other::start(&setup).await;
    assert_eq!(server.host, host, "the certificates are for this address");
    let roles = "create role pad_user login password 'hunter2'; create role pad_cert login";
    server.execute("postgres", &[roles]).await;
    let dir = tempfile::tempdir().expect("a directory is made");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        path.display().to_string()
    };
    let (root, cert, key) = (write("ca", &trusted.root), write("cert", &client.chain), write("key", &client.key));
    let (false_cert, false_key) = (write("false", &other_client.chain), write("false_key", &other_client.key));
    let with = |user: &'static str, more: &[(&'static str, &str)]| -> Vec<(String, String)> {
        let keys = keys(&server, "postgres", user, "hunter2").into_iter().chain(more.iter().copied());
        keys.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let refused = |snapshot: Snapshot, user: &'static str, more: &[(&'static str, &str)]| {
        let keys = with(user, more);
        let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (&**key, &**value)).collect();
        check(snapshot, &server, &keys, &["verify"]);
    };
    let status = |user: &'static str, more: &[(&'static str, &str)]| -> (String, String) {
        let keys = with(user, more);
        let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (&**key, &**value)).collect();
        let output = run(&["doctor", "--format", "json"], &keys);
        let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
        let checks = report["checks"].as_array().expect("there are checks").clone();
        let of = |name: &str| checks.iter().find(|it| it["name"] == name).expect("the check is there").clone();
        assert_eq!(of("authentication")["status"], "pass", "{}", stderr(&output));
        let tls = of("tls");
        assert!(tls["milliseconds"].is_number(), "TLS is timed by itself");
        let message = tls["message"].as_str().expect("it is a text").to_owned();
        (tls["status"].as_str().expect("it is a text").to_owned(), message)
    };

    // In full by default, as a password over a channel that was verified; SCRAM, without channel binding.
    let (outcome, message) = status("pad_user", &[("DB_SSLROOTCERT", &root)]);
    assert_eq!(outcome, "pass");
    assert!(message.starts_with("TLSv1.3, ") && message.contains("is valid for this host"), "{message}");
    let (outcome, message) = status("pad_user", &[("DB_SSLMODE", "require")]);
    assert_eq!(outcome, "warn");
    assert!(message.contains("the certificate isn't checked"), "{message}");
    // Who shows a certificate needs no password.
    let shown = [("DB_SSLROOTCERT", &*root), ("DB_SSLCERT", &*cert), ("DB_SSLKEY", &*key)];
    assert_eq!(status("pad_cert", &shown).0, "pass");
    refused(Snapshot::error__tls_no_client_certificate, "pad_cert", &[("DB_SSLROOTCERT", &root)]);
    let shown = [("DB_SSLROOTCERT", &*root), ("DB_SSLCERT", &*false_cert), ("DB_SSLKEY", &*false_key)];
    refused(Snapshot::error__tls_false_client_certificate, "pad_cert", &shown);
    refused(Snapshot::error__tls_unknown_authority, "pad_user", &[]);
    check_untrusted(&keys(&server, "postgres", "pad_user", "hunter2"));
    refused(Snapshot::error__tls_declined_by_us, "pad_user", &[("DB_SSLMODE", "disable")]);
    refused(
        Snapshot::error__tls_keys_of_two_certificates,
        "pad_cert",
        &[("DB_SSLROOTCERT", &root), ("DB_SSLCERT", &cert), ("DB_SSLKEY", &false_key)],
    );

    let show = async |name: &str| {
        let (cert, key) = (format!("{name}.crt"), format!("{name}.key"));
        server.set(&[("ssl_cert_file", &cert), ("ssl_key_file", &key)]).await;
    };
    show("renamed").await;
    refused(Snapshot::error__tls_other_host, "pad_user", &[("DB_SSLROOTCERT", &root)]);
    let (outcome, message) = status("pad_user", &[("DB_SSLROOTCERT", &root), ("DB_SSLMODE", "verify-ca")]);
    assert_eq!(outcome, "pass");
    assert!(message.contains("its host name isn't checked"), "{message}");
    show("expired").await;
    refused(Snapshot::error__tls_expired, "pad_user", &[("DB_SSLROOTCERT", &root)]);
    show("foreign").await;
    refused(Snapshot::error__tls_foreign_authority, "pad_user", &[("DB_SSLROOTCERT", &root)]);
    server.set(&[("ssl", "off")]).await;
    refused(Snapshot::error__tls_switched_off, "pad_user", &[("DB_SSLROOTCERT", &root)]);
}

/// An authority that isn't trusted fails `tls`, and nothing else: what comes after wasn't reached.
fn check_untrusted(keys: &[(&str, &str)]) {
    let output = run(&["doctor", "--format", "json"], keys);
    let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    let checks = report["checks"].as_array().expect("there are checks");
    let of = |status: &str| -> Vec<&str> {
        checks.iter().filter(|it| it["status"] == status).filter_map(|it| it["name"].as_str()).collect()
    };
    assert_eq!(of("fail"), ["tls"], "{report:#}");
    assert_eq!(of("skip"), ["authentication", "database", "schemas"], "{report:#}");
    let named = checks.iter().filter(|it| it["message"].as_str().is_some_and(|text| text.contains("authority")));
    assert_eq!(named.count(), 1, "{report:#}");
    let shown = stdout(&run(&["doctor"], keys));
    assert!(shown.contains("FAILED: tls (above)"), "{shown}");
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert_eq!(words.join(" ").matches("this machine doesn't trust the authority").count(), 1, "{shown}");
}

const CLEAN: &[&str] = &["clean", "--employee", "1003", "--yes"];
const FROM_FILE: &[&str] = &["migrate", "--source-csv", EXPORT];

#[tokio::test]
async fn a_standby_is_examined_and_never_written_to() {
    let server = other::start("touch standby.signal").await;
    let url = server.url("postgres");
    let with_url = |arguments: &[&str]| run(&[&["--database-url", &url], arguments].concat(), &[]);
    let output = with_url(&["doctor", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    let checks = report["checks"].as_array().expect("there are checks");
    let role = checks.iter().find(|it| it["name"] == "server_role").expect("the check is there");
    assert_eq!(role["status"], "warn");
    assert!(role["message"].as_str().expect("a text").starts_with("a standby"), "{role}");
    let commands: [&[&str]; 6] =
        [&["seed"], &["apply", "--yes"], &["migrate"], &["rollback", "--yes"], CLEAN, FROM_FILE];
    for arguments in commands {
        let output = with_url(arguments);
        assert_eq!(output.status.code(), Some(2));
        let reported = stderr(&output);
        assert!(reported.contains(" is a standby, which is read-only; connect to the primary"), "{reported}");
        assert_eq!(reported.lines().count(), 1);
    }
    for stage in ["before", "after"] {
        let output = with_url(&["--json", "gate", "--stage", stage, "--freeze-seconds", "0"]);
        let decision: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
        assert_eq!((output.status.code(), &decision["verdict"]), (Some(1), &Value::from("NO-GO")));
        let reasons = decision["reasons"].as_array().expect("a list");
        assert!(reasons.contains(&Value::from("server_role")), "{decision}");
    }
}

/// A port that accepts connections and says nothing.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port().to_string();
    (listener, port)
}

/// A port whose queue of connections is full, so that no connection is answered: as if there were no machine.
fn deaf() -> (impl AsFd, Vec<std::net::TcpStream>, u16) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket is made");
    let any = std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0);
    rustix::net::bind(&socket, &any).expect("a port is free");
    rustix::net::listen(&socket, 0).expect("it listens");
    let address = rustix::net::getsockname(&socket).expect("it is bound");
    let address = std::net::SocketAddr::try_from(address).expect("it is an address of IPv4");
    let mut queued = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queued.push(stream);
        assert!(queued.len() < 1000, "the queue of this system has an end");
    }
    (socket, queued, address.port())
}

#[rstest]
#[case::verify(&["verify"])]
#[case::doctor(&["doctor"])]
#[case::backup(&["backup", "--out", "it.dump"])]
fn a_silent_port_is_distinguished_from_a_closed_one(#[case] arguments: &[&str]) {
    let (_listener, silent) = silent();
    let (_socket, _queued, deaf) = deaf();
    for (port, what) in [
        (silent, "the port accepts connections but PostgreSQL doesn't answer"),
        (deaf.to_string(), "no answer; check the host, the port, the VPN and firewalls"),
    ] {
        for mode in ["disable", "verify-full"] {
            let since = Instant::now();
            let output = run(
                arguments,
                &[
                    ("DB_HOST", "127.0.0.1"),
                    ("DB_PORT", &port),
                    ("DB_NAME", "n"),
                    ("DB_USER", "u"),
                    ("DB_PASSWORD", "hunter2"),
                    ("DB_CONNECT_TIMEOUT", "1"),
                    ("DB_SSLMODE", mode),
                ],
            );
            assert_eq!(output.status.code(), Some(2));
            let reported = stderr(&output);
            assert_eq!(reported.lines().count(), 1, "{reported}");
            assert!(reported.contains("timed out after 1 s") && reported.contains(what), "{reported}");
            assert!(since.elapsed() < SOON, "it took {:?}", since.elapsed());
            assert!(!reported.contains("hunter2") && !stdout(&output).contains("hunter2"), "a password is never shown");
        }
    }
}

#[rstest]
#[case::unknown_host(Snapshot::error__connect_unknown_host, &[("DB_HOST", "db.qa.example.invalid")])]
#[case::wrong_port(Snapshot::error__connect_wrong_port, &[("DB_HOST", "127.0.0.1"), ("DB_PORT", "1")])]
fn a_host_that_is_not_there_is_named(#[case] snapshot: Snapshot, #[case] more: &[(&str, &str)]) {
    let keys = [more, &[("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PASSWORD", "hunter2"), ("APP_ENV", "qa")]].concat();
    let mut output = run(&["verify"], &keys);
    // The system's words for it differ.
    let reported = stderr(&output);
    if let (Some(from), Some(to)) = (reported.find(" ("), reported.find(");")) {
        output.stderr = format!("{} (WHY{}", &reported[..from], &reported[to..]).into_bytes();
    }
    snapshot.check_refused(&output);
}

/// A port whose other end answers the first message with these bytes, for what no real server can be made to say here.
fn playing(answer: Vec<u8>) -> (std::thread::JoinHandle<()>, String) {
    let (listener, port) = silent();
    let other = std::thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("a message comes");
        let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
        stream.read_exact(&mut rest).expect("the message is whole");
        stream.write_all(&answer).expect("it is answered");
        stream.shutdown(std::net::Shutdown::Write).expect("it hears that this is all");
        // Until the program has had enough.
        let _ = stream.read(&mut [0; 4096]);
    });
    (other, port)
}

/// A message of the server (documentation, Message Formats).
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

#[rstest]
#[case::not_postgres(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "check that PostgreSQL listens on this port")]
#[case::kerberos(message(b'R', &7u32.to_be_bytes()), "an authentication method that this program doesn't support")]
#[case::another_method(message(b'R', &[&10u32.to_be_bytes()[..], b"OAUTHBEARER\0\0"].concat()), "an authentication method that this program doesn't support")]
#[case::too_old(
    [
        message(b'R', &0u32.to_be_bytes()),
        message(b'S', b"server_version\x0012.22\0"),
        message(b'K', &[0; 8]),
        message(b'Z', b"I"),
    ].concat(),
    "runs PostgreSQL 12.22; versions 13 to 19 are supported: connect to another server"
)]
#[case::starting(
    message(b'E', b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"),
    "wait until the server is ready"
)]
fn what_the_other_end_says_is_understood(#[case] answer: Vec<u8>, #[case] says: &str) {
    let (other, port) = playing(answer);
    let keys = [("DB_HOST", "127.0.0.1"), ("DB_PORT", &*port), ("DB_NAME", "n"), ("DB_USER", "a b/@:c")];
    let output = run(&["verify"], &[&keys[..], &[("DB_SSLMODE", "disable")]].concat());
    other.join().expect("it was connected to");
    assert_eq!(output.status.code(), Some(2));
    let reported = stderr(&output);
    assert!(reported.contains(says) && reported.lines().count() == 1, "{reported}");
}

/// A server that agrees to TLS and then says a byte at a time doesn't hold anybody up for longer than it may.
#[test]
fn a_handshake_that_drips_ends_in_time() {
    let (listener, port) = silent();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut stream = stream;
                stream.read_exact(&mut [0; 8]).expect("TLS is asked for");
                for byte in b"S\x16\x03\x03\x40\x00".iter().chain(std::iter::repeat(&0)) {
                    if stream.write_all(&[*byte]).is_err() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(200));
                }
            });
        }
    });
    for arguments in [&["doctor"] as &[&str], &["verify"]] {
        let since = Instant::now();
        let keys = [("DB_HOST", "127.0.0.1"), ("DB_PORT", &*port), ("DB_NAME", "n"), ("DB_USER", "u")];
        let output = run(arguments, &[&keys[..], &[("DB_SSLMODE", "require"), ("DB_CONNECT_TIMEOUT", "1")]].concat());
        assert!(since.elapsed() < SOON, "it took {:?}", since.elapsed());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("timed out after 1 s"), "{}", stderr(&output));
    }
}

/// Ctrl-C during an attempt to connect ends the program at once.
#[rstest]
#[case(&["doctor"])]
#[case(&["verify"])]
#[case(&["integrity"])]
#[case(&["report"])]
#[case(&["gate"])]
#[case(&["gate", "--stage", "before"])]
#[case(&["serve"])]
#[case(&["migrate"])]
#[case(FROM_FILE)]
#[case(&["migrate", "--dry-run"])]
#[case(&["backup", "--out", "it.dump"])]
#[case(&["rollback"])]
#[case(&["rollback", "--dry-run"])]
#[case(&["clean", "--employee", "1003"])]
#[case(&["apply", "--yes"])]
#[case(&["seed"])]
fn an_interrupted_attempt_ends_at_once(#[case] arguments: &[&str]) {
    let (listener, port) = silent();
    let mut command = command(program());
    let keys =
        [("DB_HOST", "127.0.0.1"), ("DB_PORT", &*port), ("DB_NAME", "n"), ("DB_USER", "u"), ("APP_ENV", "local")];
    let dir = tempfile::tempdir().expect("a directory is made");
    command.args(arguments).envs(keys).env("DB_CONNECT_TIMEOUT", "60").current_dir(dir.path());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let connected = accept(&listener);
    let since = Instant::now();
    kill_process(Pid::from_child(&child), Signal::INT).expect("it is our child");
    let output = child.wait_with_output().expect("it ends");
    drop(connected);
    assert!(since.elapsed() < SOON, "it took {:?}", since.elapsed());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).starts_with("pad-migrate: interrupted"), "{}", stderr(&output));
}

/// Every command says in one sentence that the role may not, and what it may not.
#[tokio::test]
async fn a_role_without_privileges_is_named() {
    with_db(Start::Applied, async |db| {
        let url = db.url_as(Role::Stranger).await;
        for arguments in [
            &["verify"] as &[&str],
            &["integrity"],
            &["serve"],
            &["migrate", "--dry-run"],
            &["migrate"],
            FROM_FILE,
            &["verify", "--source-csv", EXPORT],
            &["backup", "--out", "it.dump"],
            &["rollback", "--dry-run"],
            &["rollback"],
            &["clean", "--employee", "1003"],
            &["apply", "--yes"],
            &["seed"],
        ] {
            let output = run(&[&["--database-url", &url], arguments].concat(), &[]);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            let reported = stderr(&output);
            assert_eq!(reported.lines().count(), 1, "{arguments:?}: {reported}");
            assert!(
                reported.contains("pad_migrate_stranger may not ") && reported.contains("pad-migrate doctor"),
                "{arguments:?}: {reported}"
            );
        }
    })
    .await;
}

/// The driver's sockets wait for more to send; the program's don't.
#[cfg(target_os = "linux")]
#[test]
fn small_messages_are_sent_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let stream = std::net::TcpStream::connect(address).expect("it accepts");
    assert!(!stream.nodelay().expect("it can be asked"), "the system's default");
    pad_migrate::postgres::undelayed::send_at_once();
    assert!(stream.nodelay().expect("it can be asked"));
}
