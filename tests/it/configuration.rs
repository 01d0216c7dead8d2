//! The configuration: where each value comes from, what is wrong with it, all at once; and passwords, which are never
//! printed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use crate::harness::certificates::Authority;
use crate::harness::program::{run_in, stderr, stdout};
use crate::harness::{Place, Role, Start, with_db};
use crate::snapshots::Snapshot;
use pad_migrate::harness::server::names::url_value;

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(dir.join(name), text).expect("it is written");
        std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
}

/// What a command says of these files, exit 2, nothing printed; a sentence a line.
fn complaints(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a directory is made");
    write(dir.path(), files);
    let output = run_in(dir.path(), &["verify"], variables);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    let reported = stderr(&output);
    reported.lines().map(|it| it.strip_prefix("pad-migrate: ").expect("we say it").to_owned()).collect()
}

const RIGHT: &str = "DB_HOST=db.example.com\nDB_NAME=n\nDB_USER=u\n";

#[rstest]
#[case::unknown_key(
    ".env.local",
    "DB_HOTS=x\n",
    ".env.local sets DB_HOTS, which pad-migrate doesn't know (did you mean DB_HOST?); correct or remove the line"
)]
#[case::unlike_any_key(
    ".env",
    "SLACK_TOKEN=x\n",
    ".env sets SLACK_TOKEN, which pad-migrate doesn't know; correct or remove the line"
)]
#[case::set_twice(
    ".env",
    "DB_PORT=1\nDB_PORT=2\n",
    ".env sets DB_PORT twice, to different values; remove one of the lines"
)]
#[case::other_environment(
    ".env",
    "APP_ENV=qa\n",
    ".env sets APP_ENV to \"qa\", but this run is for local; a file can't choose the environment: use --env or an \
     environment variable, or remove the line"
)]
#[case::port(".env", "DB_PORT=54x2\n", "DB_PORT is \"54x2\" (from .env); it must be a port, a number from 1 to 65535")]
#[case::placeholder(
    ".env",
    "DB_APP_ROLE=<the-role>\n",
    "DB_APP_ROLE is still the template's \"<the-role>\" (from .env); set the real value"
)]
#[case::placeholder_word(
    ".env",
    "DB_OWNER_ROLE=change-me\n",
    "DB_OWNER_ROLE is still the template's \"change-me\" (from .env); set the real value"
)]
#[case::no_certificate(
    ".env",
    "DB_SSLROOTCERT=/nowhere/ca.pem\n",
    "DB_SSLROOTCERT is /nowhere/ca.pem (from .env), which can't be used: the file doesn't exist; name the right file"
)]
#[case::a_certificate_that_is_none(
    ".env",
    "DB_SSLROOTCERT=/dev/null\n",
    "DB_SSLROOTCERT is /dev/null (from .env), which can't be used: it holds no PEM certificate; name the right file"
)]
#[case::an_address_with_a_password(
    ".env.qa",
    "DB_HOST=u:hunter2@db.example.com\n",
    "DB_HOST is \"••••@db.example.com\" (from .env.qa); it must be a host name, an address or a socket's folder; the \
     port goes into DB_PORT"
)]
#[case::a_quotation_mark_that_takes_the_next_line(
    ".env",
    "DB_PORT=x://u\"n:p@h/x\nDB_PASSWORD=hunter2\"\n",
    "DB_PORT is \"••••\" (from .env); it must be a port, a number from 1 to 65535"
)]
#[case::a_path_that_takes_the_next_line(
    ".env",
    "DB_SSLROOTCERT=x\"\nDB_PASSWORD=\"hunter2\n",
    "DB_SSLROOTCERT is •••• (from .env), which can't be used: the file doesn't exist; name the right file"
)]
#[case::no_pair(
    ".env",
    "\n# of the password\nhunter2\n",
    ".env can't be read: line 3 is not KEY=value (column 8); correct or remove the file"
)]
#[case::a_dollar(
    ".env",
    "DB_PASSWORD=hunter2$x\n",
    "DB_PASSWORD in .env has a special character ($ \\ \" ', a leading # or an unusual blank); put the whole value in single quotes"
)]
#[case::a_secret_by_its_name(
    ".env",
    "DB_PASSWORD=hunter2\nDB_NAME=x${DB_PASSWORD}\n",
    ".env can't be read: line 2 has a $, and nothing is put in the place of a name here; write the value itself, in \
     single quotes; correct or remove the file"
)]
#[case::a_hash(
    ".env",
    "DB_PASSWORD=#hunter2\n",
    "DB_PASSWORD in .env has a special character ($ \\ \" ', a leading # or an unusual blank); put the whole value in single quotes"
)]
#[case::a_name_that_takes_the_next_line(
    ".env",
    "DB_USER=${a'\nDB_PASSWORD='}hunter2\n",
    ".env can't be read: line 1 has a $, and nothing is put in the place of a name here; write the value itself, in \
     single quotes; correct or remove the file"
)]
#[case::a_secret_by_its_name_within_a_text_of_several_lines(
    ".env",
    "DB_PASSWORD=hunter2\nDB_NAME=\"\nX='${DB_PASSWORD}'\n\"\n",
    ".env can't be read: line 3 has a $, and nothing is put in the place of a name here; write the value itself, in \
     single quotes; correct or remove the file"
)]
#[case::a_name_of_the_process(
    ".env",
    "DB_HOST=db.example.com # $HOME is one\nDB_NAME=$HOME\n",
    ".env can't be read: line 2 has a $, and nothing is put in the place of a name here; write the value itself, in \
     single quotes; correct or remove the file"
)]
#[case::a_name_behind_an_escaped_backslash(
    ".env",
    "DB_PASSWORD=\"hunter2\\\\$x y\"\n",
    "DB_PASSWORD in .env has a special character ($ \\ \" ', a leading # or an unusual blank); put the whole value in single quotes"
)]
#[case::a_password_in_a_line_of_its_own(
    ".env",
    "DB_NAME=x\nhunter2=\n",
    ".env sets the key in line 2, which pad-migrate doesn't know; correct or remove the line"
)]
#[case::a_password_behind_a_port(
    ".env",
    "DB_PORT='5432 hunter2'\n",
    "DB_PORT is \"••••\" (from .env); it must be a port, a number from 1 to 65535"
)]
#[case::a_password_for_a_word(
    ".env",
    "DB_SSLMODE=hunter2\n",
    "DB_SSLMODE is \"••••\" (from .env); it must be disable, allow, prefer, require, verify-ca or verify-full"
)]
#[case::a_misspelt_word(
    ".env",
    "DATABASE_SCHEMA=pad_dealing\n",
    "DATABASE_SCHEMA is \"pad_dealing\" (from .env); it must be padealing"
)]
#[case::a_password_for_a_table(
    ".env",
    "LEGACY_TABLE=hunter2\n",
    "LEGACY_TABLE is \"••••\" (from .env); it must be a schema and a table, such as public.personal_account_dealing"
)]
#[case::a_password_for_a_file(
    ".env",
    "DB_SSLROOTCERT=hunter2\n",
    "DB_SSLROOTCERT is •••• (from .env), which can't be used: the file doesn't exist; name the right file"
)]
#[case::a_file_with_a_blank(
    ".env",
    "DB_SSLROOTCERT='/no where/ca.pem'\n",
    "DB_SSLROOTCERT is /no where/ca.pem (from .env), which can't be used: the file doesn't exist; name the right file"
)]
#[case::a_user_over_two_lines(
    ".env.qa",
    "DB_USER='u\nhunter2'\n",
    "DB_USER is \"••••\" (from .env.qa); it must be a name by itself; a password goes into DB_PASSWORD, a URL into \
     --database-url"
)]
#[case::a_part_of_a_url(
    ".env",
    "DB_APP_ROLE=u%3Ahunter2\n",
    "DB_APP_ROLE is \"••••\" (from .env); it must be a name by itself; a password goes into DB_PASSWORD, a URL into \
     --database-url"
)]
#[case::a_user_in_marks(
    ".env.qa",
    "DB_USER='`scott:hunter2`'\n",
    "DB_USER is \"`scott:••••\" (from .env.qa); it must be a name by itself; a password goes into DB_PASSWORD, a URL into \
     --database-url"
)]
#[case::a_database_as_oracle_has_it(
    ".env.qa",
    "DB_NAME=scott/hunter2@good\n",
    "DB_NAME is \"••••@good\" (from .env.qa); it must be a name by itself; a password goes into DB_PASSWORD, a URL into \
     --database-url"
)]
#[case::a_url_without_its_scheme(
    ".env.qa",
    "DB_HOST=//u:hunter2@db.example.com\n",
    "DB_HOST is \"••••@db.example.com\" (from .env.qa); it must be a host name, an address or a socket's folder; the port goes \
     into DB_PORT"
)]
#[case::a_host_over_two_lines(
    ".env.qa",
    "DB_HOST='h\nhunter2'\n",
    "DB_HOST is \"••••\" (from .env.qa); it must be a host name, an address or a socket's folder; the port goes into DB_PORT"
)]
#[case::an_unusual_blank(
    ".env",
    "DB_PASSWORD=hunter2\u{a0}\n",
    "DB_PASSWORD in .env has a special character ($ \\ \" ', a leading # or an unusual blank); put the whole value in single \
     quotes"
)]
#[case::an_unusual_blank_and_a_hash(
    ".env",
    "DB_PASSWORD=hunter2\u{a0}#3\n",
    "DB_PASSWORD in .env has a special character ($ \\ \" ', a leading # or an unusual blank); put the whole value in single \
     quotes"
)]
#[case::a_quoted_value_of_two_lines(
    ".env",
    "DB_PASSWORD='hunter2\nx'\n",
    "DB_PASSWORD in .env begins with a single quotation mark and has not just the one other that ends it, in the same line; \
     write a value with ' in double quotes, with a \\ before each $ \\ and \""
)]
#[case::a_blank_without_quotes(
    ".env",
    "# two words\nDB_APP_ROLE=two words\n",
    ".env can't be read: the value in line 2 ends at column 17; one with a blank or a quotation mark needs single quotes, one that \
     ends in a \\ double quotes and \\\\ in its place; correct or remove the file"
)]
#[case::a_password_behind_a_path(
    ".env",
    "DB_SSLROOTCERT='/nowhere/ca.pem hunter2'\n",
    "DB_SSLROOTCERT is /nowhere/ca.pem •••• (from .env), which can't be used: the file doesn't exist; name the right file"
)]
#[case::a_password_with_its_name_behind_a_path(
    ".env",
    "DB_SSLROOTCERT='/nowhere/ca.pem pw=hunter2'\n",
    "DB_SSLROOTCERT is •••• (from .env), which can't be used: the file doesn't exist; name the right file"
)]
#[case::a_password_behind_a_user(
    ".env.qa",
    "DB_USER=postgres/hunter2\n",
    "DB_USER is \"postgres/••••\" (from .env.qa); it must be a name by itself; a password goes into DB_PASSWORD, a URL into \
     --database-url"
)]
fn a_mistake_is_one_sentence(#[case] file: &str, #[case] text: &str, #[case] sentence: &str) {
    let right = if file == ".env" { ".env.local" } else { ".env" };
    let environment = if file == ".env.qa" { "qa" } else { "local" };
    let reported = complaints(&[(file, text), (right, RIGHT)], &[("APP_ENV", environment)]);
    assert_eq!(reported, [sentence]);
}

/// Files of TLS that are right by themselves, and not together.
#[test]
fn certificates_must_agree_with_the_rest() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let ours = Authority::new("ours");
    let client = ours.client("someone");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    write(dir.path(), &[("ca", &ours.root), ("cert", &client.chain), ("key", &client.key), ("locked", encrypted)]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    let reported = |text: &str| complaints(&[(".env", &format!("{RIGHT}{text}"))], &[]);
    let half = reported(&format!("DB_SSLKEY={}\n", path("key")));
    assert_eq!(half, ["DB_SSLKEY is set and DB_SSLCERT is not; a client certificate needs both"]);
    let idle = reported(&format!("DB_SSLMODE=disable\nDB_SSLROOTCERT={}\n", path("ca")));
    assert_eq!(idle, ["DB_SSLMODE is disable, but DB_SSLROOTCERT is set from .env and needs TLS; remove one of them"]);
    let locked = reported(&format!("DB_SSLCERT={}\nDB_SSLKEY={}\n", path("cert"), path("locked")));
    assert!(
        locked.len() == 1 && locked[0].contains("its key is encrypted, and the driver can't decrypt it"),
        "{locked:?}"
    );
    let swapped = reported(&format!("DB_SSLCERT={}\nDB_SSLKEY={}\n", path("key"), path("cert")));
    assert_eq!(swapped.len(), 2, "{swapped:?}");
}

/// A file of the named environment that isn't there is worth a word, though the common file names a database.
#[test]
fn the_common_file_is_not_taken_for_an_environments_own_in_silence() {
    let dir = tempfile::tempdir().expect("a directory is made");
    write(dir.path(), &[(".env", "DB_HOST=127.0.0.1\nDB_PORT=1\nDB_NAME=n\nDB_USER=u\n")]);
    let reported = stderr(&run_in(dir.path(), &["--env", "qa", "verify"], &[]));
    let warning = "pad-migrate: warning: .env.qa doesn't exist: environment qa uses the database from .env, as every \
        environment does\n";
    assert!(reported.starts_with(warning), "{reported}");
    let reported = stderr(&run_in(dir.path(), &["verify"], &[]));
    assert!(!reported.contains("warning"), "{reported}");
}

/// What a flag overrules may be a template's still.
#[test]
fn flags_win_over_placeholders() {
    let dir = tempfile::tempdir().expect("a directory is made");
    write(dir.path(), &[(".env", "DB_HOST=<host>\nDB_NAME=<name>\nDB_USER=<user>\nSOURCE_DATABASE_URL=<url>\n")]);
    let url = "postgres://u@127.0.0.1:1/n";
    let reported = stderr(&run_in(dir.path(), &["--database-url", url, "--source-url", url, "verify"], &[]));
    assert!(reported.contains("connecting to 127.0.0.1:1/n as u failed"), "{reported}");
}

/// Everything that is wrong, in one go.
#[test]
fn all_mistakes_are_reported_at_once() {
    let first = "DB_HOTS=a\nDB_PORT=many\nLEGACY_TABLE=<schema.table>\n";
    let reported =
        complaints(&[(".env", first), (".env.qa", "DB_SSLMODE=yes\nDB_HOST=h:5432\n")], &[("APP_ENV", "qa")]);
    let begins = [
        ".env sets DB_HOTS",
        "LEGACY_TABLE is still the template's",
        "DB_SSLMODE is \"yes\"",
        "DB_PORT is \"many\"",
        "DB_HOST is \"h:5432\"",
        "DB_HOST is set and DB_NAME and DB_USER are not",
    ];
    assert_eq!(reported.len(), begins.len(), "{reported:#?}");
    for (reported, begin) in reported.iter().zip(begins) {
        assert!(reported.starts_with(begin), "{reported}");
    }
}

/// The environment's own file, which doesn't exist.
#[test]
fn a_missing_file_is_named_where_it_would_have_been_needed() {
    let reported = complaints(&[(".env", "DB_PORT=5432\n")], &[("APP_ENV", "qa")]);
    assert_eq!(reported.len(), 1);
    assert!(
        reported[0].starts_with("no database is configured for environment qa, and .env.qa doesn't exist; "),
        "{reported:?}"
    );
}

#[rstest]
#[case::single("'a $HOME #b \\ \"c\"'", "a $HOME #b \\ \"c\"")]
#[case::single_and_a_comment("'abc' # of the reader", "abc")]
#[case::double("\"it's\"", "it's")]
#[case::escaped("\"a\\$b\"", "a$b")]
#[case::plain("a#b=c", "a#b=c")]
#[case::plain_and_a_comment("abc # it's the reader's", "abc")]
#[case::double_and_a_comment("\"abc\" # $HOME", "abc")]
#[case::single_and_a_comment_with_a_mark("'pw' #' x", "pw")]
#[case::an_unusual_blank_in_quotes("'\u{a0}a\u{b}#b\u{a0}'", "\u{a0}a\u{b}#b\u{a0}")]
#[case::a_blank_behind("abc \t", "abc")]
fn a_password_is_read_as_it_was_written(#[case] written: &str, #[case] password: &str) {
    let dir = tempfile::tempdir().expect("a directory is made");
    write(dir.path(), &[(".env", &format!("{RIGHT}DB_PASSWORD={written}\n"))]);
    let flags = pad_migrate::config::load::Flags { config_dir: Some(dir.path().to_owned()), ..Default::default() };
    let config = pad_migrate::config::settings::Config::load(flags, |_| None).expect("the configuration is right");
    let Some(pad_migrate::config::settings::Endpoint::Parts { password: Some(found), .. }) = config.target else {
        panic!("there is a target with a password");
    };
    assert_eq!(found.0, password);
}

/// Between single quotes a `$` is one: nothing is put in its place.
#[test]
fn a_secrets_name_is_text_like_any_other_where_nothing_is_put_in_its_place() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let text = "DB_HOST=db.example.com\nDB_USER=u\nDB_PASSWORD=hunter2\nDB_NAME='x$DB_PASSWORD' # as it is\n";
    write(dir.path(), &[(".env", text)]);
    let flags = pad_migrate::config::load::Flags { config_dir: Some(dir.path().to_owned()), ..Default::default() };
    let config = pad_migrate::config::settings::Config::load(flags, |_| None).expect("the configuration is right");
    let Some(pad_migrate::config::settings::Endpoint::Parts { database, .. }) = config.target else {
        panic!("there is a target in parts");
    };
    assert_eq!(database, "x$DB_PASSWORD");
}

/// The templates that are committed hold no value that could be taken for a real one, and no key that is none.
#[rstest]
#[case("local")]
#[case("dev")]
#[case("qa")]
#[case("prod")]
fn a_template_asks_for_what_is_to_be_filled_in(#[case] environment: &str) {
    let dir = tempfile::tempdir().expect("a directory is made");
    for (template, file) in
        [(".env.example", ".env".to_owned()), (&format!(".env.{environment}.example"), format!(".env.{environment}"))]
    {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(template)).expect("it is there");
        write(dir.path(), &[(&file, &text)]);
    }
    let output = run_in(dir.path(), &["--env", environment, "verify"], &[("DB_PORT", "1")]);
    assert_eq!(output.status.code(), Some(2));
    let reported = stderr(&output);
    if environment == "local" {
        // It fits the local server of scripts/local as it is; here is none.
        assert!(reported.contains("connecting to localhost:1/pad_db as pad_owner failed"), "{reported}");
        return;
    }
    let asked: Vec<&str> = reported.lines().filter_map(|it| it.split_whitespace().nth(1)).collect();
    assert_eq!(asked, ["DB_HOST", "DB_NAME", "DB_USER"], "{reported}");
    assert!(reported.lines().all(|it| it.contains(" is still the template's ")), "{reported}");
}

/// Flags win over variables, those over the environment's file, that over the common one; `doctor` says which.
#[tokio::test]
async fn every_value_names_its_origin() {
    with_db(Start::Empty, async |db| {
        let Place { host, port, name, user, password } = db.place();
        let dir = tempfile::tempdir().expect("a directory is made");
        let common = format!("DB_HOST=nowhere.example.com\nDB_PORT={port}\nDB_CONNECT_TIMEOUT=20\n");
        write(
            dir.path(),
            &[(".env", &common), (".env.local", &format!("DB_HOST={host}\nDB_NAME={name}\nDB_USER=nobody\n"))],
        );
        // Where none is asked for, any will do.
        let password = if password.is_empty() { "any".to_owned() } else { password };
        let variables = [("DB_USER", &*user), ("DB_PASSWORD", &*password)];
        let output = run_in(dir.path(), &["--env", "local", "doctor", "--format", "json"], &variables);
        let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
        let rows = report["checks"][0]["rows"].as_array().expect("there are rows");
        let origin = |key: &str| {
            let row = rows.iter().find(|it| it["key"] == key).expect("the key is there");
            (row["value"].as_str().map(str::to_owned), row["origin"].as_str().expect("it is a text").to_owned())
        };
        let some = |value: &str, origin: &str| (Some(value.to_owned()), origin.to_owned());
        assert_eq!(origin("APP_ENV"), some("local", "from --env"));
        assert_eq!(origin("DB_HOST"), some(&host, "from .env.local"));
        assert_eq!(origin("DB_PORT"), some(&port, "from .env"));
        assert_eq!(origin("DB_USER"), some(&user, "from the environment"));
        assert_eq!(origin("DB_CONNECT_TIMEOUT"), some("20", "from .env"));
        assert_eq!(origin("DATABASE_SCHEMA"), some("padealing", "by default"));
        assert_eq!(origin("DB_SSLROOTCERT"), (None, "not set".to_owned()));
        assert_eq!(origin("DB_PASSWORD"), some("••••", "from the environment"));
    })
    .await;
}

#[test]
fn a_file_that_shows_its_password_to_others_is_a_warning() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let text = "DB_HOST=127.0.0.1\nDB_PORT=1\nDB_NAME=n\nDB_USER=u\nDB_PASSWORD=hunter2\n";
    write(dir.path(), &[(".env.local", text), (".env", "SOURCE_DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/n\n")]);
    let reported = |output| {
        let reported = stderr(&output);
        assert!(!reported.contains("hunter2"), "a password is never shown");
        reported.lines().filter(|it| it.contains("warning")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(reported(run_in(dir.path(), &["verify"], &[])), [""; 0]);
    for file in [".env", ".env.local"] {
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(dir.path().join(file), open).expect("it is ours");
    }
    let warning = |file| {
        format!("pad-migrate: warning: {file} holds a password and other users can read it; run: chmod 600 {file}")
    };
    assert_eq!(reported(run_in(dir.path(), &["verify"], &[])), [warning(".env"), warning(".env.local")]);
    // Nobody has to keep what is no secret.
    write(dir.path(), &[(".env.local", "DB_HOST=127.0.0.1\nDB_PORT=1\nDB_NAME=n\nDB_USER=u\n"), (".env", "")]);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(dir.path().join(".env.local"), open).expect("it is ours");
    assert_eq!(reported(run_in(dir.path(), &["verify"], &[])), [""; 0]);
}

/// A password with every character that a URL encodes, in every place that takes one: no output of any command shows
/// it, encoded or not, neither when all is well nor when nothing is.
#[tokio::test]
async fn no_output_ever_shows_a_password() {
    with_db(Start::Migrated, async |db| {
        const PLAIN: &str = "hunter2 /?#@:%&=ü";
        const ENCODED: &str = "hunter2%20%2F%3F%23%40%3A%25%26%3D%C3%BC";
        let dir = tempfile::tempdir().expect("a directory is made");
        let Place { host, port, name, .. } = db.place();
        let role = Role::Owner.name();
        let bad = format!("postgres://{role}:{ENCODED}@127.0.0.1:1/{name}");
        let parameter =
            format!("postgres:///{name}?host={}&port={port}&user={role}&password={ENCODED}", url_value(&host));
        // What the driver takes, too, though it should have been encoded.
        let spaced = format!("postgres://{role}:hunter2 pw@127.0.0.1:1/{name}");
        let quoted = format!("postgres://{role}:hunter2'\"x@127.0.0.1:1/{name}");
        let twice = format!("postgres://{role}@127.0.0.1:1/{name}?sslpassword=z&password=hunter2 x");
        let misspelt = format!("postgres://{role}@127.0.0.1:1/{name}?pasword=hunter2");
        let conninfo = format!("host=127.0.0.1 port=1 user={role} passwd='hunter2 x' dbname={name}");
        let mixed = format!("postgres://{role}@127.0.0.1:1/{name} password=hunter2");
        let pair = format!("{role}:hunter2");
        let disguised = format!("postgres://{role}@127.0.0.1:1/{name}?pass%77ord=hunter2");
        // Reached where the server trusts whom it knows, refused where it asks.
        let keys =
            [("DB_HOST", &*host), ("DB_PORT", &*port), ("DB_NAME", &*name), ("DB_USER", role), ("DB_PASSWORD", PLAIN)];
        let file = format!("DB_HOST={host}\nDB_PORT=x\nDB_NAME={name}\nDB_USER={role}\nDB_PASSWORD='{PLAIN}'\n");
        write(dir.path(), &[(".env.qa", &file)]);
        let mut outputs = Vec::new();
        for command in [
            &["doctor", "-vvv"] as &[&str],
            &["doctor", "--format", "json"],
            &["verify", "-vvv"],
            &["verify", "--format", "json"],
            &["migrate", "--dry-run", "-vvv"],
            &["migrate", "--dry-run", "--format", "json", "--rejects", "rejects.csv"],
            &["apply", "--yes", "-vvv"],
            &["seed", "-vvv"],
        ] {
            outputs.push(run_in(dir.path(), command, &keys));
            outputs.push(run_in(dir.path(), command, &[("APP_ENV", "qa")]));
            // One command for all is enough for what differs in the URL only.
            let urls: &[&String] = match command[0] {
                "doctor" => &[&bad, &parameter, &spaced, &quoted, &twice, &disguised, &misspelt, &conninfo, &mixed],
                _ => &[&bad, &parameter],
            };
            for url in urls {
                outputs.push(run_in(dir.path(), &[&["--database-url", url], command].concat(), &[]));
                outputs.push(run_in(dir.path(), command, &[&keys[..], &[("SOURCE_DATABASE_URL", url)]].concat()));
                let prod = [&["--env", "prod", "--database-url", url, "--source-url", url], command].concat();
                outputs.push(run_in(dir.path(), &prod, &[("DB_SSLMODE", "disable"), ("PGPASSWORD", PLAIN)]));
            }
        }
        outputs.push(run_in(dir.path(), &["rehearse", "-vvv", "--source-url", &bad, "--report", "report.txt"], &[]));
        outputs.push(run_in(dir.path(), &["--env", &bad, "verify"], &[]));
        for url in [&bad, &parameter, &spaced, &quoted, &twice, &disguised, &misspelt, &conninfo, &mixed, &pair] {
            for arguments in [&[&**url] as &[&str], &["--env", url, "verify"], &["apply", "--lock-timeout", url]] {
                outputs.push(run_in(dir.path(), arguments, &[]));
            }
            for flag in ["--config-dir", "--database-url"] {
                outputs.push(run_in(dir.path(), &[flag, url, "doctor"], &[]));
            }
            let in_wrong_places = WRONG_PLACES.map(|key| (key, &**url));
            outputs.push(run_in(dir.path(), &["verify"], &in_wrong_places));
            // One by one, where a command gets further.
            for wrong in in_wrong_places {
                outputs.push(run_in(dir.path(), &["doctor"], &[&keys[..], &[wrong]].concat()));
            }
            outputs.push(run_in(dir.path(), &["drift", "--expected", url], &keys));
        }
        let refused: Vec<_> = outputs.iter().filter(|it| it.status.code() == Some(2)).collect();
        assert!(refused.iter().any(|it| stdout(it).contains("••••")), "that there is a password is shown");
        let files = std::fs::read_dir(dir.path()).expect("the folder is there").flatten();
        let files =
            files.filter(|it| it.file_name() != ".env.qa").map(|it| std::fs::read(it.path()).expect("it is a file"));
        let shown = outputs.into_iter().flat_map(|it| [it.stdout, it.stderr]).chain(files);
        for text in shown {
            let text = String::from_utf8(text).expect("the output is UTF-8");
            assert!(!text.contains("hunter2"), "a password is shown: {text}");
        }
    })
    .await;
}

/// Where a password doesn't belong.
const WRONG_PLACES: [&str; 15] = [
    "APP_ENV",
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_SSLMODE",
    "DB_SSLROOTCERT",
    "DB_CONNECT_TIMEOUT",
    "DB_OWNER_ROLE",
    "DATABASE_SCHEMA",
    "LEGACY_TABLE",
    "PGHOST",
    "PGUSER",
    "PGDATABASE",
    "PGOPTIONS",
];

#[test]
fn help_names_every_key() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/command-line.md"));
    let text = text.expect("the page is there");
    let dir = tempfile::tempdir().expect("a directory is made");
    let flags = pad_migrate::config::load::Flags { config_dir: Some(dir.path().to_owned()), ..Default::default() };
    let config = pad_migrate::config::settings::Config::load(flags, |_| None).expect("there is nothing to be wrong");
    let keys: Vec<&str> = config.settings.iter().map(|it| it.key).collect();
    assert!(keys.len() > 15, "{keys:?}");
    for key in keys {
        assert!(text.contains(&format!("`{key}`")), "docs/command-line.md doesn't name {key}");
    }
    let keys: String = config.settings.iter().map(|it| format!("{}\n", it.key)).collect();
    Snapshot::configuration__keys.check(&keys);
}
