//! The change night as a release manager plays it, there and back, with `scripts/cutover`: a QA that Alembic built, with
//! rows of the application, a neighbour's table, TLS, and a role that may only read.

use std::path::Path;
use std::process::Output;

use pretty_assertions::assert_eq;

use crate::harness::certificates::Authority;
use crate::harness::other::{self, Other};
use crate::harness::program::{command, run_in, stderr, stdout};
use crate::harness::{Db, Start, program, with_db};
use crate::snapshots::Snapshot;
use crate::tidy::root;
use crate::waiting;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::migration::legacy::LegacyColumn;

/// The libpq of PostgreSQL 13 finds no address in a certificate.
const HOST: &str = "localhost";

/// A server with TLS, and who may log in.
async fn server(authority: &Authority) -> Other {
    let certificate = authority.server(HOST, 2999);
    let setup = format!(
        "umask 077\ncat >it.crt <<'PEM'\n{}PEM\ncat >it.key <<'PEM'\n{}PEM\n\
         {{ echo 'host all postgres all trust'; echo 'hostssl all all all scram-sha-256'; cat pg_hba.conf; }} >hba\n\
         sed 's/^host  *all  *all .*//' hba >pg_hba.conf\n\
         cat >>postgresql.conf <<'CONF'\npassword_encryption = 'scram-sha-256'\nssl = on\nssl_cert_file = 'it.crt'\n\
         ssl_key_file = 'it.key'\nCONF\n",
        certificate.chain, certificate.key
    );
    other::start(&setup).await
}

/// QA: what Alembic left, three legacy rows of which one can't be migrated, a table of somebody else.
async fn qa(server: &Other) -> Db {
    let at = |name: &str| EphemeralDatabase::at(&server.url(name)).expect("the URL is right");
    admin::create_database(&at("postgres"), "qa", None).await.expect("a database is created");
    let database = at("qa");
    admin::fill_with_fixtures(&database, &[]).await.expect("the fixtures load");
    let alembic = std::fs::read_to_string(root().join("fixtures/alembic/tables.sql")).expect("the fixture is there");
    let more = "
        create role release login password 'release';
        create role pad_app login password 'app';
        create role pad_reader login password 'reader';
        create role neighbour;
        alter database qa owner to release;
        comment on schema bo_airflow is 'mirrored from Oracle';
        grant usage on schema bo_airflow to release, pad_app, pad_reader;
        grant select on all tables in schema bo_airflow to pad_app, pad_reader;
        grant select, references on all tables in schema bo_airflow to release;
        alter schema padealing owner to release;
        do $$ declare it regclass; begin
            for it in select oid from pg_class where relnamespace = 'padealing'::regnamespace and relkind = 'r' loop
                execute format('alter table %s owner to release', it);
            end loop;
        end $$;
        alter table padealing.active_stocks owner to neighbour;
        grant usage on schema padealing to pad_app, pad_reader;
        grant select, insert, update, delete on all tables in schema padealing to pad_app;
        revoke all on padealing.active_stocks from pad_app;
        grant select, update on public.personal_account_dealing to pad_app;
        grant select on public.personal_account_dealing to release, pad_reader;
        insert into public.personal_account_dealing (id, employee, requested_date, status, buysell)
            values (101, 1003, '2019-05-06', 'approved', 'b'), (102, 1003, '2019-05-07', 'request', 's'),
                   (103, 1003, '2019-05-08', 'request', 'x');
        analyze";
    for sql in [&*alembic, more] {
        admin::execute(&database, sql).await.expect("the SQL runs");
    }
    Db { database, url: server.url("qa") }
}

struct Night<'a> {
    folder: &'a Path,
    server: &'a Other,
    authority: &'a str,
}

/// In place of a root.
const ROW_ROOT: &str = "  row root    1f0a…";

impl Night<'_> {
    fn variables(&self, user: &'static str, password: &'static str) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("DB_HOST", HOST.to_owned()),
            ("DB_PORT", self.server.port.clone()),
            ("DB_SSLROOTCERT", self.authority.to_owned()),
        ];
        let fixed = [("DB_NAME", "qa"), ("DB_USER", user), ("DB_PASSWORD", password)];
        let roles = [("DB_OWNER_ROLE", "release"), ("DB_APP_ROLE", "pad_app"), ("DB_READER_ROLE", "pad_reader")];
        all.extend(fixed.into_iter().chain(roles).map(|(key, value)| (key, value.to_owned())));
        all
    }

    fn run(&self, user: &'static str, password: &'static str, arguments: &[&str]) -> Output {
        let variables = self.variables(user, password);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(key, value)| (*key, &**value)).collect();
        run_in(self.folder, &[&["--env", "qa"], arguments].concat(), &variables)
    }

    /// The script, as the role that owns padealing.
    fn cutover(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = command(root().join("scripts/cutover"));
        command.args(["--env", "qa", "--window", "45min", "--dir", "night", "--freeze-seconds", "1"]).args(arguments);
        command.current_dir(self.folder).env("COLUMNS", "100").env("PAD_MIGRATE", program());
        command.envs(self.variables("release", "release"));
        let output = waiting::output(&mut command);
        (output.status.code(), stdout(&output), stderr(&output))
    }

    /// Without what differs from run to run, and from one version of PostgreSQL to another.
    fn normalized(&self, text: &str) -> String {
        let text = text.replace(&format!("{HOST}:{}", self.server.port), "db.qa.example.com:5432");
        let is_varying = |it: &&str| {
            let words = [
                "SHA-256",
                "Took",
                "Time",
                "Programs",
                "Server",
                "Rehearsed",
                "Taken",
                "Compared",
                "Backup",
                "  warn  rehearsal",
                "  catalog ",
                "  plan  ",
            ];
            words.iter().any(|word| it.starts_with(word))
        };
        let (mut is_passed, mut is_left_out) = (false, false);
        let mut normalized = String::new();
        for line in text.lines() {
            // With what goes on from it.
            is_left_out = is_varying(&line) || is_left_out && line.starts_with("            ");
            if is_left_out {
                continue;
            }
            // The runs on record are in it.
            let line = if line.starts_with("  row root    ") && !line.ends_with("none") { ROW_ROOT } else { line };
            is_passed = line == "Passed" || is_passed && !line.is_empty();
            if is_passed {
                continue;
            }
            let words: Vec<&str> = line.split(' ').collect();
            let words = words.iter().enumerate().map(|(at, word)| match word {
                _ if is_moment(word.trim_end_matches(',')) => "2026-11-28T20:00:00Z",
                _ if word.len() == 32 && word.bytes().all(|it| it.is_ascii_hexdigit()) => "HASH",
                _ if at > 1 && words[at - 2..at] == ["sure", "of"] => "128",
                _ => word,
            });
            normalized.push_str(&words.collect::<Vec<_>>().join(" "));
            normalized.push('\n');
        }
        normalized
    }
}

/// To the second, in UTC.
fn is_moment(word: &str) -> bool {
    word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T'
}

#[tokio::test]
async fn the_change_night_goes_there_and_back() {
    let authority = Authority::new("qa");
    let server = server(&authority).await;
    let db = qa(&server).await;
    let folder = tempfile::tempdir().expect("a directory is made");
    let certificate = folder.path().join("root.crt");
    std::fs::write(&certificate, &authority.root).expect("it is written");
    let certificate = certificate.display().to_string();
    let night = Night { folder: folder.path(), server: &server, authority: &certificate };
    let first = db.dump(&[]).await;

    // From a jump host, as a role that may only read: NO-GO, and why.
    let output = night.run("pad_reader", "reader", &["gate", "--stage", "before", "--freeze-seconds", "1", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let decision: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
    let open = ["privileges", "plan", "source_frozen", "rejections", "backup", "rehearsal", "window"];
    assert_eq!(decision["reasons"], serde_json::json!(open), "{}", stdout(&output));

    // The plan has to be read by a person.
    let (code, shown, errors) = night.cutover(&[]);
    assert_eq!(code, Some(1), "{shown}{errors}");
    let hash = shown.rsplit_once("give --plan-hash ").expect("the hash is named").1[..32].to_owned();
    let (code, shown, errors) = night.cutover(&["--plan-hash", "0123456789abcdef0123456789abcdef"]);
    assert!(code == Some(1) && shown.contains("the plan is not the one that was reviewed"), "{shown}{errors}");

    // It stops where it is told to, also when that is done already.
    for _ in 0..2 {
        let (code, shown, errors) = night.cutover(&["--plan-hash", &hash, "--until", "plan"]);
        assert!(code == Some(0) && shown.contains("stopped after plan"), "{shown}{errors}");
    }

    // A row can't be migrated, and the application may still write.
    let (code, shown, errors) = night.cutover(&["--plan-hash", &hash]);
    assert_eq!(code, Some(1), "{shown}{errors}");
    assert!(shown.contains("Verdict     NO-GO: the cutover may not begin; 3 reasons"), "{shown}");
    assert_eq!(db.dump(&[]).await, first, "nothing was changed");

    // Frozen and waived: GO, and everything else.
    db.execute("revoke update on public.personal_account_dealing from pad_app").await;
    let mut waiver = "[[exception]]\nname = \"row 103\"\ncheck = \"rejections\"\nrows = [103]\n\
                  reason = \"neither bought nor sold; accepted by compliance\"\nexpires = 2999-12-31\n"
        .to_owned();
    for check in ["approvals_logged", "approved_has_approvals", "decisions_in_order"] {
        waiver.push_str(&format!(
            "[[exception]]\nname = \"{check} in QA\"\ncheck = \"{check}\"\nreason = \"test data\"\nexpires = 2999-12-31\n"
        ));
    }
    std::fs::write(folder.path().join("accepted.toml"), waiver).expect("it is written");
    let frozen = db.dump(&[]).await;
    let (code, shown, errors) = night.cutover(&["--plan-hash", &hash, "--exceptions", "accepted.toml"]);
    assert_eq!(code, Some(0), "{shown}{errors}");
    assert!(shown.trim_end().ends_with("night/gate-after.txt"), "{shown}");
    Snapshot::cutover__night.check(&night.normalized(&shown));
    // Started again, it only asks whether all is still well.
    let (code, again, errors) = night.cutover(&["--exceptions", "accepted.toml"]);
    assert!(code == Some(0) && !again.contains("migrate: the rows"), "{again}{errors}");

    // And back: the rows, the schema, and what was there before it.
    for arguments in [
        &["rollback", "--yes"][..],
        &["revert", "--to", "0", "--yes", "--allow-data-loss"],
        &["restore", "--from", "night/before.dump", "--yes"],
    ] {
        let output = night.run("release", "release", arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    }
    assert_eq!(db.dump(&[]).await, frozen);
}

/// What is wrong with what it is given, files too: all of it before the first step, and before anything is made.
#[test]
fn what_the_script_is_not_given_is_said() {
    let files = tempfile::tempdir().expect("a directory is made");
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        path.display().to_string()
    };
    let (bad, folder) = (file("bad.toml", "[[exception]]\nname = 5\n"), files.path().display().to_string());
    let (json, empty) = (file("bad.json", "{}"), file("empty.csv", ""));
    let (under, given) = (format!("{bad}/night"), ["--env", "qa", "--window", "1min"]);
    let more = [
        (&["--exceptions", "none.toml"][..], "none.toml can't be read: the file doesn't exist"),
        (&["--exceptions", &folder], "can't be read: it is a folder"),
        (&["--exceptions", &bad], "bad.toml: "),
        (&["--rehearsal", &folder], "can't be read: it is a folder"),
        (&["--rehearsal", &json], "bad.json: "),
        (&["--", "--source-csv", &empty], "empty.csv: the file is empty"),
        (&["--", "--source-csv", "none.csv"], "none.csv: the file can't be read: it doesn't exist"),
        (&["--", "--csv-rows", "5"], "name the file with it"),
        (
            &["--freeze-seconds", "700", "--timeout", "10min"],
            "--freeze-seconds 700 and --timeout 600s contradict each other",
        ),
        (
            &["--freeze-seconds", "20", "--timeout", "25s"],
            "--freeze-seconds 20 and --timeout 25s contradict each other",
        ),
        (&["--dir", &under], "can't be made; name another with --dir"),
        (&["--dir", "/proc/self"], "can't be written; name another folder with --dir"),
    ];
    let more = more.map(|(arguments, why)| ([&given, arguments].concat(), why));
    let folder = tempfile::tempdir().expect("a directory is made");
    let plain = [
        (&["--window", "1min"][..], "--env is missing"),
        (&["--env", "qa"], "--window is missing"),
        (&["--env", "qa", "--window", "1min", "--until", "dawn"], "there is no such step"),
        (&["--env", "nope", "--window", "1min"], "--env nope: there is no such environment"),
        (&["--env", "qa", "--window", "99"], "--window 99: write a number and its unit, such as 45min or 2h"),
        (&["--env", "qa", "--window", "0min"], "--window 0min: write a number and its unit"),
        (&["--env", "qa", "--window", "2 fortnights"], "--window 2 fortnights: write a number and its unit"),
        (
            &["--env", "qa", "--window", "1h 30min", "--plan-hash", "deadbeef"],
            "write the 32 hexadecimal digits that plan",
        ),
        (
            &["--env", "qa", "--window", "1min", "--freeze-seconds", "1m"],
            "--freeze-seconds 1m: write a number of seconds",
        ),
        (&["--env", "qa", "--window", "1min", "--freeze-seconds", "3601"], "a number of seconds up to 3600"),
        (&["--env"], "--env needs a value"),
        (&["--fast"], "there is no flag --fast"),
    ];
    for (arguments, why) in plain.map(|(arguments, why)| (arguments.to_vec(), why)).into_iter().chain(more) {
        let mut command = command(root().join("scripts/cutover"));
        command.args(&arguments).current_dir(folder.path()).env("PAD_MIGRATE", program());
        command.envs([("DB_HOST", "localhost"), ("DB_NAME", "none"), ("DB_USER", "nobody"), ("DB_SSLMODE", "disable")]);
        let output = waiting::output(&mut command);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{arguments:?}");
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }
    assert_eq!(folder.path().read_dir().expect("it is a directory").count(), 0, "nothing was made");
}

/// The file that the gate has decided about is the one that is migrated.
#[tokio::test]
async fn another_file_after_the_gate_is_not_migrated() {
    with_db(Start::Reference, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let write = |name: &str| {
            let columns: Vec<&str> = LegacyColumn::ALL.iter().map(|it| it.name()).collect();
            let row = [("id", "1"), ("employee", "1003"), ("status", "request"), ("requested_date", "2024-01-15")];
            let cell = |column: &&str| row.iter().find(|it| it.0 == *column).map_or("", |it| it.1);
            let mut cells: Vec<&str> = columns.iter().map(cell).collect();
            let at = columns.iter().position(|it| *it == "name").expect("there is one");
            cells[at] = name;
            let text = format!("{}\n{}\n", columns.join(","), cells.join(","));
            std::fs::write(folder.path().join("export.csv"), text).expect("it is written");
        };
        let accepted =
            "[[exception]]\nname = \"frozen\"\ncheck = \"source_frozen\"\nreason = \"a test\"\nexpires = 2999-12-31\n";
        std::fs::write(folder.path().join("accepted.toml"), accepted).expect("it is written");
        let go = |arguments: &[&str]| {
            let mut command = command(root().join("scripts/cutover"));
            command.args(["--env", "local", "--window", "45min", "--freeze-seconds", "1", "--yes"]);
            command.args(["--exceptions", "accepted.toml"]).args(arguments);
            command.args(["--", "--database-url", &db.url, "--source-csv", "export.csv"]);
            command.current_dir(folder.path()).env("PAD_MIGRATE", program()).env("DB_SSLMODE", "disable");
            let output = waiting::output(&mut command);
            (output.status.code(), stdout(&output) + &stderr(&output))
        };
        write("Ana Silva");
        let (code, printed) = go(&["--allow-object", "public.nothing"]);
        assert!(code == Some(2) && printed.contains("there is no table public.nothing at "), "{printed}");
        assert!(!printed.contains("rehearse: the whole"), "{printed}");
        let (_, asked) = go(&[]);
        let (_, rest) = asked.split_once("give --plan-hash ").unwrap_or_else(|| panic!("{asked}"));
        let hash = &rest[..32];
        let (code, printed) = go(&["--plan-hash", hash, "--until", "apply"]);
        assert_eq!(code, Some(0), "{printed}");
        write("Ana Souza");
        let (code, printed) = go(&["--plan-hash", hash]);
        assert!(code == Some(2) && printed.contains("and --csv-sha256 says"), "{printed}");
        write("Ana Silva");
        let (_, printed) = go(&["--plan-hash", hash, "--until", "verify"]);
        assert!(printed.contains("1 of 1 migrated row"), "{printed}");
    })
    .await;
}
