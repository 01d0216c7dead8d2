//! Names and values that end a comment, begin a line, or are sequences that a terminal obeys: wherever they stand,
//! what is printed shows them and obeys none.

use std::process::Output;

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqlx::{AssertSqlSafe, Column, Connection, Row};

use crate::harness::program::{run, run_in, stderr, stdout};
use crate::harness::{Db, Start, apply_request, host, with_db};
use pad_migrate::base::escape;
use pad_migrate::base::quote::{quote_identifier, quote_literal};
use pad_migrate::base::sql_text;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::Roles;
use pad_migrate::report::plan::Planned;
use pad_migrate::schema::pg::plan::plan;

/// What psql obeys outside quotes, what CI systems obey at the beginning of a line, what a terminal obeys, and what
/// nobody sees: 59 bytes.
const NAME: &str = "x\n\\no_such_command\r\n::error::a##[b]\u{1b}]0;\u{7}\u{9b}1m\u{202e}\u{a0}\u{e0041}";

fn printable(c: char) -> bool {
    let hidden = matches!(u32::from(c), 0..=0x1f | 0x7f..=0xa0 | 0xad | 0x34f | 0x61c | 0x115f..=0x1160
        | 0x180b..=0x180f | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x2800 | 0x3000 | 0x3164
        | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xe0000..=0xe0fff | 0xe000..=0xf8ff | 0xf_0000..);
    !hidden
}

/// What a terminal and a CI system see: visible characters, and no line that begins with a command.
#[track_caller]
fn check_shown(what: &str, text: &str) {
    for line in text.split('\n') {
        let hidden: Vec<char> = line.chars().filter(|c| !printable(*c)).collect();
        assert!(hidden.is_empty(), "{what} prints {hidden:?} in {line:?}");
        let is_command = line.trim_start().starts_with("::") || line.contains("##[");
        assert!(!is_command, "{what} prints the line {line:?}");
    }
}

/// What psql would see of a script: its backslash commands, and its SQL without comments, quoted texts as `?`.
/// (psql's psqlscan.l; a script of our own has no `:variable`.)
fn psql_sees(script: &str) -> (Vec<String>, String) {
    let (mut commands, mut sql) = (Vec::new(), String::new());
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '-' if rest.starts_with("--") => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '\\' => {
                let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
                commands.push(rest[..end].to_owned());
                end
            }
            '\'' | '"' => {
                let escapes = c == '\'' && sql.ends_with(['e', 'E']);
                let mut at = 1;
                loop {
                    let inner = &rest[at..];
                    assert!(!inner.is_empty(), "a quotation isn't closed: {rest}");
                    let doubled = inner.starts_with(&format!("{c}{c}")) || (escapes && inner.starts_with('\\'));
                    let next = inner.chars().next().expect("it isn't empty");
                    at += next.len_utf8();
                    match (doubled, next == c) {
                        (true, _) => at += rest[at..].chars().next().map_or(0, char::len_utf8),
                        (false, true) => break at,
                        (false, false) => {}
                    }
                }
            }
            '$' if let Some(end) =
                rest[1..].find('$').filter(|end| rest[1..=*end].chars().all(|c| c.is_alphanumeric() || c == '_')) =>
            {
                let tag = &rest[..end + 2];
                let body = &rest[tag.len()..];
                tag.len() * 2 + body.find(tag).expect("a body is closed")
            }
            other => {
                sql.push(other);
                rest = &rest[other.len_utf8()..];
                continue;
            }
        };
        sql.push('?');
        rest = &rest[skipped..];
    }
    (commands, sql)
}

/// A role is the whole server's: its name has the database's in it.
fn role(db: &Db) -> String {
    quote_identifier(&format!("{}\n\\no_such_command", db.place().name))
}

fn hostile(role: &str) -> String {
    let (name, text) = (quote_identifier(NAME), quote_literal(NAME));
    format!(
        "create role {role};
         create schema {name};
         comment on schema padealing is {text};
         comment on table padealing.pad_request is {text};
         comment on column padealing.pad_request.justification is {text};
         alter index padealing.ix_padealing_pad_request_status rename to {name};
         alter table padealing.pad_breach add column {name} int default 7 check ({name} > 1);
         alter table padealing.audit_log add constraint {name} check (entity_type <> {text}) not valid;
         create sequence padealing.{numbers};
         create table padealing.{table} (a int, constraint {key} primary key (a));
         create type padealing.{enumeration} as enum ({text});
         create domain padealing.{domain} as text check (value <> {text});
         create function padealing.{name}() returns trigger language plpgsql as {body};
         create trigger {name} after update on padealing.pad_approval for each row execute function padealing.{name}();
         create policy {name} on padealing.pad_execution for select to {role} using (broker_reference <> {text});
         create rule {name} as on delete to padealing.chatbot_session do also select 1;
         create statistics padealing.{name} (dependencies) on employee_id, status from padealing.pad_request;
         grant select, insert on padealing.pad_request to {role};
         grant usage on schema padealing to {role};
         create publication {name} for table padealing.pad_request;
         insert into public.personal_account_dealing
             (id, employee, requested_date, status, inst_symbol, justification, status_manager)
             values (1, 1003, '2021-03-01', left({text}, 20), left({text}, 50), {text}, left({text}, 20)),
             (2, 1003, '2021-03-01', 'request', null, {text}, '=1+1'), (3, 1003, '2021-03-01', 'request', null, {text}, null);",
        numbers = quote_identifier(&format!("{NAME}s")),
        table = quote_identifier(&format!("{NAME}b")),
        key = quote_identifier(&format!("{NAME}k")),
        enumeration = quote_identifier(&format!("{NAME}t")),
        domain = quote_identifier(&format!("{NAME}d")),
        body = quote_literal(&format!("begin\n  /* {NAME} */\n  return new;\nend")),
    )
}

/// What each command prints in each of its forms, and what a file gets that it writes.
fn check_commands(db: &Db, commands: &[&str]) -> String {
    let mut all = String::new();
    for command in commands {
        let output = run(&[&["--database-url", &db.url], &command.split(' ').collect::<Vec<_>>()[..]].concat(), &[]);
        check_shown(command, &stdout(&output));
        check_shown(command, &stderr(&output));
        all += &stdout(&output);
    }
    all
}

fn check_annotations(db: &Db) {
    let output = run(&["--database-url", &db.url, "drift", "--format", "github"], &[]);
    assert!(stdout(&output).contains("no_such_command"), "{}", stdout(&output));
    for line in stdout(&output).lines() {
        assert!(["::error ", "::warning ", "::notice "].iter().any(|it| line.starts_with(it)), "{line:?}");
        assert!(line.chars().all(printable) && !line.contains("##["), "{line:?}");
    }
}

const SCHEMA: [&str; 15] = [
    "doctor",
    "doctor --format json",
    "status",
    "status --format json",
    "plan",
    "plan --format json",
    "drift",
    "drift --format json",
    "drift --format markdown",
    "drift --format junit",
    "drift --format sarif",
    "drift --format sql",
    "snapshot",
    "backup --out it.dump",
    "backup --out it.dump --format json",
];

const ROWS: [&str; 19] = [
    "clean --dry-run --employee 1003",
    "clean --dry-run --employee 1003 --format json",
    "migrate --dry-run",
    "migrate --dry-run --format json",
    "rollback --dry-run",
    "rollback --dry-run --format json",
    "verify",
    "verify --format json",
    "integrity",
    "integrity --format json",
    "integrity --format junit",
    "gate",
    "gate --format junit",
    "gate --stage before --freeze-seconds 0",
    "gate --stage before --freeze-seconds 0 --format json",
    "report",
    "report --format markdown",
    "report --personal-data",
    "report --personal-data --json",
];

fn script(db: &Db) -> String {
    let Output { stdout: script, status, stderr } = run(&["--database-url", &db.url, "plan", "--format", "sql"], &[]);
    assert!(matches!(status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&stderr));
    let script = String::from_utf8(script).expect("it is UTF-8");
    check_shown("plan --format sql", &script);
    assert!(!script.lines().any(|line| line.trim_start().starts_with('\\')), "{script}");
    let (commands, _) = psql_sees(&script);
    assert_eq!(commands, Vec::<String>::new(), "psql would run these of {script}");
    script
}

#[tokio::test]
async fn names_and_values_are_shown_and_never_obeyed() {
    with_db(Start::Alembic, async |db| {
        db.execute(&hostile(&role(&db))).await;
        let shown = check_commands(&db, &SCHEMA);
        check_annotations(&db);
        assert!(shown.contains("\\n\\no_such_command\\r\\n::error::a\\u{23}#[b]\\u{1b}]0;"), "{shown}");
        // A view of a column that is to change can't be kept.
        let view = format!("padealing.{}", quote_identifier(&format!("{NAME}v")));
        let name = quote_identifier(NAME);
        db.execute(&format!("create view {view} as select id as {name} from padealing.pad_request")).await;
        let blocked = script(&db);
        assert!(blocked.contains("-- manual action required: ") && blocked.contains("\\n\\no_such"), "{blocked}");
        assert!(psql_sees(&blocked).1.trim_start_matches(['?', '\n', ' ']).starts_with("do"), "{blocked}");
        check_commands(&db, &["plan", "apply --yes"]);
        db.execute(&format!("drop view {view}")).await;

        let script = script(&db);
        assert!(script.contains("U&\"x\\000a\\\\no_such_command"), "the index is renamed: {script}");
        db.psql(&script).await;
        let found = plan(&apply_request(&db.database, &Roles::default())).await.expect("a plan");
        assert!(found.route.plan.steps.is_empty(), "psql did what apply does: {:?}", found.route.plan.steps);

        let dir = tempfile::tempdir().expect("a directory is made");
        let arguments = ["--database-url", &db.url, "migrate", "--rejects"];
        for file in ["rejects.csv", "rejects.jsonl"] {
            let output = run_in(dir.path(), &[&arguments[..], &[file]].concat(), &[]);
            check_shown("migrate", &stdout(&output));
            let written = std::fs::read_to_string(dir.path().join(file)).expect("it was written");
            check_shown(file, &written.replace("\r\n", "\n"));
            assert!(written.contains("no_such_command"), "{written}");
            assert!(!file.ends_with("csv") || written.contains(",\"'=1+1\","), "{written}");
        }
        db.execute(&format!("update padealing.pad_request set justification = {} || '!'", quote_literal(NAME))).await;
        let hostile = quote_literal(NAME);
        db.execute(&format!(
            "insert into bo_airflow.oracle_contact (id, employee_id, email) values (9001, 1003, {hostile}), \
             (9002, 1004, {hostile}); insert into padealing.restricted_security (reason, added_by_id) values ({hostile}, 1002)"
        ))
        .await;
        let after = check_commands(&db, &ROWS);
        assert!(after.contains("email_of_one_employee") && after.contains("restrictions_effective"), "{after}");
        assert!(after.contains("unknown_status") && after.contains("\"field\": \"justification\""), "{after}");
        // A server's words, in the sentence that ends a command.
        db.execute(&format!(
            "create function public.refuse() returns trigger language plpgsql as $$ begin raise exception '%', {}; end $$;
             create trigger refuse before insert on padealing.migration_run execute function public.refuse();",
            quote_literal(NAME)
        ))
        .await;
        let output = run(&["--database-url", &db.url, "migrate"], &[]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("\\no_such_command"), "{}", stderr(&output));
        check_shown("migrate", &stderr(&output));
        db.execute(&format!("drop owned by {0}; drop role {0}", role(&db))).await;
    })
    .await;
}

/// Such names go with a backup, and come back.
#[tokio::test]
async fn names_are_backed_up_and_restored() {
    with_db(Start::Alembic, async |db| {
        db.execute(&hostile(&role(&db))).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let file = NAME.replace('/', "");
        let output = run_in(dir.path(), &["--database-url", &db.url, "backup", "--out", &file], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        check_shown("backup", &stdout(&output));
        let manifest = std::fs::read_to_string(dir.path().join(format!("{file}.manifest.json"))).expect("it is there");
        check_shown("the manifest", &manifest);
        with_db(Start::Reference, async |to| {
            let restore = ["--database-url", &to.url, "restore", "--yes", "--from", &file];
            let output = run_in(dir.path(), &restore, &[]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            check_shown("restore", &stdout(&output));
            let index = format!("to_regclass({})", quote_literal(&format!("padealing.{}", quote_identifier(NAME))));
            assert!(to.value(&index).await.is_some(), "the index has its name");
            to.execute(&format!("drop owned by {}", role(&db))).await;
        })
        .await;
        db.execute(&format!("drop owned by {0}; drop role {0}", role(&db))).await;
    })
    .await;
}

/// The names of the place, which the script's first line has; a usage error repeats what was typed.
#[tokio::test]
async fn a_place_and_an_argument_begin_no_line() {
    with_db(Start::Alembic, async |db| {
        let found = plan(&apply_request(&db.database, &Roles::default())).await.expect("a plan");
        let planned = Planned { environment: Environment::Local, place: NAME, found: &found, check: false };
        let (script, page) = (planned.sql(), planned.page(true).render(60, false));
        check_shown("the script", &script);
        check_shown("the page", &page);
        assert_eq!(psql_sees(&script).0, Vec::<String>::new());
        assert!(page.contains("no_such_command"), "{page}");
    })
    .await;
    let dir = tempfile::tempdir().expect("a directory is made");
    for arguments in [
        &["--env", NAME, "plan"][..],
        &[&format!("--env={NAME}"), "plan"],
        &[NAME],
        &["plan", NAME],
        &["migrate", "--rejects", NAME],
        &["--config-dir", NAME, "plan"],
        &["--database-url", "postgres://a@localhost:1/b", "drift", "--expected", NAME],
    ] {
        let output = run_in(dir.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {}", stderr(&output));
        check_shown("an argument", &stderr(&output));
        assert!(stderr(&output).contains("\\no_such_command"), "{arguments:?} {}", stderr(&output));
    }
}

fn texts() -> impl Strategy<Value = String> {
    let special = "'\"\\$&|`:#[]-=+@%\n\r\t \u{1b}\u{9b}\u{a0}\u{202e}\u{301}\u{e0041}é中🙂aUE0";
    let piece = prop_oneof![
        6 => proptest::sample::select(special.chars().collect::<Vec<_>>()),
        1 => any::<char>().prop_filter("not NUL", |c| *c != '\0'),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|it| it.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_destination_shows_only_what_is_visible(text in texts()) {
        let shown = escape::text(&text);
        prop_assert!(shown.chars().all(printable) && !shown.contains("##["), "{shown:?}");
        let is_plain = text.chars().all(|c| printable(c) && c != '\u{301}' && !c.escape_debug().to_string().starts_with("\\u"));
        prop_assert!(!is_plain || text.contains("##") || shown == text, "{shown:?} of {text:?}");
        for line in [sql_text::comment(&text), escape::markdown(&text), escape::markdown_code(&text),
                     escape::github(&text), escape::github_property(&text), escape::cell(&text).into_owned()] {
            prop_assert!(line.chars().all(printable), "{line:?}");
        }
        prop_assert!(sql_text::comment(&text).starts_with("--"));
        check_shown("lines", &escape::lines(&text));
        let json = escape::json(&serde_json::to_string(&text).expect("a text is JSON"));
        prop_assert!(json.chars().all(printable), "{json:?}");
        prop_assert_eq!(serde_json::from_str::<String>(&json).expect("it is JSON"), text.clone());
        // A spreadsheet computes nothing.
        let cell = escape::cell(&text);
        prop_assert!(!cell.starts_with(['=', '@']) && (!cell.starts_with(['+', '-']) || cell.parse::<f64>().is_ok()));
        // A table's row has as many cells as it had.
        let code = escape::markdown_code(&text);
        let splits = code.match_indices('|').filter(|(at, _)| {
            let before = &code[..*at];
            (before.len() - before.trim_end_matches('\\').len()).is_multiple_of(2)
        });
        prop_assert_eq!(splits.count(), 0, "{}", code);
    }
}

/// A statement that is printed means what it meant: the server reads the same strings and names.
#[tokio::test]
async fn a_printed_statement_means_the_same() {
    let mut connection = sqlx::PgConnection::connect(&host().announcement.url).await.expect("a connection");
    let mut runner = TestRunner::deterministic();
    for _ in 0..500 {
        let text = texts().new_tree(&mut runner).expect("a text").current();
        let name: String = format!("n{text}")
            .chars()
            .scan(0, |bytes, c| {
                *bytes += c.len_utf8();
                (*bytes < 64).then_some(c)
            })
            .collect();
        let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
        let sql = format!(
            "select {} as {}, e'{escaped}' as b, -- x\n $a${text}\n\\! x$a$ as c",
            quote_literal(&text),
            quote_identifier(&name)
        );
        if text.contains("$a$") {
            continue;
        }
        let wrapped: Vec<String> = sql_text::words(&sql).into_iter().map(|words| words.join("\n")).collect();
        for printed in [sql_text::statement(&sql), sql_text::statement_line(&sql), wrapped.join("\n")] {
            check_shown("a statement", &printed.replace('\t', " "));
            let row = sqlx::raw_sql(AssertSqlSafe(printed.clone())).fetch_one(&mut connection).await;
            let row = row.unwrap_or_else(|error| panic!("{error}: {printed}"));
            let read = |at: usize| row.try_get_unchecked::<String, _>(at).expect("a text");
            assert_eq!(row.columns()[0].name(), name, "{printed}");
            assert_eq!(
                [read(0), read(1), read(2)],
                [text.clone(), text.clone(), format!("{text}\n\\! x")],
                "{printed}"
            );
        }
        assert!(!sql_text::statement_line(&sql).contains('\n'), "{sql}");
    }
    connection.close().await.expect("the connection closes");
}

/// What a database calls by the name of a command stays what it is, in each format.
#[tokio::test]
async fn names_that_look_like_commands_stay_what_they_are() {
    const NAME: &str = "`pad-migrate rollback` pad-migrate apply";
    with_db(Start::Reference, async |db| {
        let tls = [("DB_SSLMODE", "disable")];
        let global = ["--env", "qa", "--database-url", &db.url];
        let applied = run(&[&global[..], &["apply", "--yes"]].concat(), &tls);
        assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
        let named = format!(
            "create function padealing.nothing() returns trigger language plpgsql as 'begin return old; end'; \
             create trigger \"{NAME}\" before delete on padealing.pad_request for each row \
             execute function padealing.nothing()"
        );
        db.execute(&named).await;
        for command in [
            "drift",
            "drift --format json",
            "drift --format junit",
            "drift --format sarif",
            "drift --format markdown",
            "drift --format sql",
            "rollback --dry-run",
            "rollback --dry-run --json",
        ] {
            let output = run(&[&global[..], &command.split(' ').collect::<Vec<_>>()].concat(), &tls);
            // A page is wrapped, and Markdown has backslashes before backticks.
            let plain = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "");
            assert!(plain.contains(NAME), "{command}: {plain}{}", stderr(&output));
            assert!(!plain.replace(NAME, "").contains("qa rollback` pad-migrate"), "{command}: {plain}");
        }
    })
    .await;
}
