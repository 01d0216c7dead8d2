//! `.env` files and URLs: no password is in what is printed, whatever stands around it.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use pad_migrate::config::environment::Environment;
use pad_migrate::config::load::Flags;
use pad_migrate::config::mask::Secret;
use pad_migrate::config::settings::{Config, Endpoint, Transport};
use pad_migrate::postgres::database::Database;

use super::text;

/// No part of what is fuzzed may have it by itself.
const PASSWORD: &str = "hunter2";

/// What is printed of something must not have the password.
fn check_hidden(printed: &str, of: &str) {
    assert!(!printed.contains(PASSWORD), "the password is shown: {printed}\nof {of}");
}

/// A folder of the process's own, in memory where there is such a place.
pub(super) fn folder() -> &'static tempfile::TempDir {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        tempfile::tempdir_in(place).expect("a folder is made")
    });
    &FOLDER
}

/// A file in which a line sets a password: the bytes before the first zero stand before it, those to the second around
/// the password, the others after it.
pub(super) fn env_file(data: &[u8]) {
    let Some(text) = text(data).filter(|it| !it.contains(PASSWORD)) else { return };
    let mut parts = text.splitn(4, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (before, left, right, after) = (part(), part(), part(), part());
    // A password of several lines is none, and what follows the first line is another line's.
    if [left, right].concat().contains(['\n', '\r']) {
        return;
    }
    let file = format!("{before}\nDB_PASSWORD={left}{PASSWORD}{right}\n{after}");
    let path = folder().path().join(".env");
    std::fs::write(&path, &file).expect("the file is written");
    let flags = || Flags {
        config_dir: Some(folder().path().to_owned()),
        environment: Some(Environment::Qa),
        needs_target: true,
        ..Flags::default()
    };
    match Config::load(flags(), |_| None) {
        Ok(config) => {
            check_hidden(&format!("{config:?}"), &file);
            let printed = [&config.warnings[..], &config.remarks[..]].concat();
            check_hidden(&printed.join("\n"), &file);
            let again = Config::load(flags(), |_| None).expect("it was read a moment ago");
            assert_eq!(format!("{config:?}"), format!("{again:?}"));
        }
        Err(errors) => {
            check_hidden(&errors.to_string(), &file);
            check_hidden(&format!("{errors:?}"), &file);
        }
    }
}

/// A URL with a password: the bytes before the first line end stand before it, those to the third around the password,
/// the others behind the `@`.
pub(super) fn url(data: &[u8]) {
    // A URL's parser leaves out tabs and ends of lines wherever they are.
    let has_none = |it: &&str| !it.replace(['\t', '\r', '\n'], "").contains(PASSWORD);
    let Some(text) = text(data).filter(has_none) else { return };
    let mut parts = text.splitn(4, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let (user, left, right, rest) = (part(), part(), part(), part());
    let url = format!("postgres://{user}:{left}{PASSWORD}{right}@{rest}");
    let transport =
        Transport { ssl_mode: None, ssl_root_cert: None, client_cert: None, connect_timeout: Duration::from_secs(1) };
    let endpoint = Endpoint::Url(Secret(url.clone()));
    check_hidden(&format!("{endpoint:?}"), &url);
    match Database::new(&endpoint, Environment::Local, &transport) {
        Ok(database) => {
            check_hidden(&database.place(), &url);
            check_hidden(database.ssl_mode(), &url);
        }
        Err(error) => {
            check_hidden(&error.to_string(), &url);
            check_hidden(&format!("{error:?}"), &url);
        }
    }
}
