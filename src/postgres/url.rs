//! Endpoints as the driver takes them: URLs, and what is in them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::form_urlencoded;

use crate::config::keys::{PARAMETERS, SSL_MODES};
use crate::config::mask::{has_assignment, has_controls, is_address, is_host, is_joined, mask_path};
use crate::config::settings::Endpoint;
use crate::postgres::connect_error::ConnectError;

/// The driver's options for an endpoint, TLS not yet decided, and the mode that the URL asks for.
pub(crate) fn parse(endpoint: &Endpoint) -> Result<(PgConnectOptions, Option<PgSslMode>), ConnectError> {
    check_password_files()?;
    let (options, mode) = match endpoint {
        Endpoint::Url(url) => parse_url(&url.0)?,
        Endpoint::Parts { host, port, database, user, password } => {
            // The driver reads ~/.pgpass when it parses a URL, and not for a host that is set afterwards.
            let [host, user, database] =
                [host, user, database].map(|it| utf8_percent_encode(it, NON_ALPHANUMERIC).to_string());
            let url = format!("postgres:///?host={host}&port={port}&user={user}&dbname={database}&sslmode=prefer");
            let options = PgConnectOptions::from_str(&url).map_err(|_| ConnectError::Url)?;
            (password.iter().fold(options, |options, password| options.password(&password.0)), None)
        }
    };
    // In the first message to the server a zero ends a value, and what follows would be another setting.
    let texts = [options.get_host(), options.get_username(), options.get_database().unwrap_or_default()];
    if texts.concat().contains('\0') {
        return Err(ConnectError::Url);
    } else if options.get_socket().is_none() && options.get_host().contains(',') {
        return Err(ConnectError::Hosts);
    }
    Ok((options, mode))
}

/// The files that the driver reads while it parses a URL. libpq, too, takes only regular ones.
fn check_password_files() -> Result<(), ConnectError> {
    let default = std::env::home_dir().map(|it| it.join(".pgpass"));
    let files = std::env::var_os("PGPASSFILE").map(PathBuf::from).into_iter().chain(default);
    let is_wrong = |it: &PathBuf| it.metadata().is_ok_and(|found| !found.is_file()) && it != Path::new("/dev/null");
    match files.into_iter().find(is_wrong) {
        Some(path) => Err(ConnectError::PasswordFile { path: mask_path(&path) }),
        None => Ok(()),
    }
}

fn parse_url(url: &str) -> Result<(PgConnectOptions, Option<PgSslMode>), ConnectError> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    // What parses URLs drops a tab or the end of a line, and blanks at the ends, though a password may have them.
    if has_controls(url) || url.trim() != url {
        return Err(ConnectError::Url);
    }
    // The driver accepts any scheme, and takes what follows an unencoded / ? or # in a password for a name.
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|it| url.starts_with(it));
    if !is_postgres || url.contains('#') || query.contains('@') {
        return Err(ConnectError::Url);
    }
    let (hosts, path) =
        address.split_once("://").map(|(_, it)| it.split_once('/').unwrap_or((it, ""))).unwrap_or_default();
    // Looked for before dots in the path are resolved, which would remove it.
    if path.contains(['@', '/']) {
        return Err(ConnectError::Url);
    }
    if hosts.rsplit('@').next().unwrap_or_default().contains(',') {
        return Err(ConnectError::Hosts);
    }
    let mut mode = None;
    let is_set = std::env::var_os("PGUSER").is_some_and(|it| !it.is_empty());
    let mut has_user = is_set
        || hosts.is_empty()
        || hosts.split_once('@').is_some_and(|(user, _)| !user.is_empty() && !user.starts_with(':'));
    for part in query.split('&').filter(|it| !it.is_empty()) {
        let Some((key, value)) = form_urlencoded::parse(part.as_bytes()).next().filter(|_| part.contains('=')) else {
            return Err(ConnectError::Url);
        };
        check_parameter(&key, &value)?;
        has_user |= key == "user" && !value.is_empty();
        if ["sslmode", "ssl-mode"].contains(&&*key) {
            mode = PgSslMode::from_str(&value).ok();
        }
    }
    let options = PgConnectOptions::from_str(&with_host(url)).map_err(|_| ConnectError::Url)?;
    let names = [options.get_host(), options.get_database().unwrap_or_default()].concat();
    if names.contains('@') || has_assignment(&names) {
        return Err(ConnectError::Url);
    }
    // The driver would make one up. Without a host that is seen where it connects; what stands in the place of a host may be a
    // user, and what stands in that of its port the password.
    if !has_user {
        return Err(ConnectError::NoUser);
    }
    let user = options.get_username();
    if has_controls(user) {
        return Err(ConnectError::Url);
    } else if is_address(user) || is_joined(user) {
        return Err(ConnectError::User);
    }
    Ok((options, mode))
}

/// libpq lets the host be left out behind a user, as for a socket; the driver takes such a user as a parameter.
fn with_host(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Cow::Borrowed(url) };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let Some(user) = rest[..end].strip_suffix('@').filter(|it| !it.is_empty() && !it.contains('@')) else {
        return Cow::Borrowed(url);
    };
    let (path, query) = rest[end..].split_once('?').unwrap_or((&rest[end..], ""));
    let (user, password) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));
    let literal = |text: &str| text.replace('+', "%2B").replace('&', "%26");
    let password = password.map(|it| format!("&password={}", literal(it))).unwrap_or_default();
    Cow::Owned(format!("{scheme}:///{}?user={}{password}&{query}", path.trim_start_matches('/'), literal(user)))
}

/// Refuses what the driver would drop without a word: a connection with less than what was asked for is none.
fn check_parameter(key: &str, value: &str) -> Result<(), ConnectError> {
    let refused = |advice: &str| Err(ConnectError::Parameter { name: key.to_owned(), advice: advice.to_owned() });
    match key {
        "sslmode" | "ssl-mode" if !SSL_MODES.contains(&value) => {
            refused(&format!("it must be {}", SSL_MODES.join(", ")))
        }
        "port" if value.parse().is_ok_and(|it: u16| it > 0) => Ok(()),
        "port" => refused("it must be a number from 1 to 65535"),
        "host" if !value.contains(',') && !is_host(value) => {
            refused("it must be a host name, an address or a socket's folder; the port goes into the parameter port")
        }
        "hostaddr" if value.parse::<std::net::IpAddr>().is_err() => refused("it must be an address"),
        "options" if !value.trim_start().starts_with('-') || value.contains('\0') => refused("write -c NAME=VALUE"),
        "password" => Ok(()),
        known if PARAMETERS.contains(&known) => Ok(()),
        known if known.starts_with("options[") && known.ends_with(']') && !value.contains('\0') => Ok(()),
        // What is asked for is what is done anyway.
        "fallback_application_name" => Ok(()),
        "target_session_attrs" if value == "any" => Ok(()),
        "channel_binding" | "gssencmode" if ["disable", "prefer"].contains(&value) => Ok(()),
        "sslnegotiation" if value == "postgres" => Ok(()),
        "client_encoding" if ["utf8", "utf-8", "auto"].contains(&&*value.to_ascii_lowercase()) => Ok(()),
        "load_balance_hosts" if value == "disable" => Ok(()),
        "connect_timeout" => refused("set DB_CONNECT_TIMEOUT instead"),
        "passfile" => refused("set PGPASSFILE instead"),
        "service" | "servicefile" => refused("write the host, the database and the role into the URL instead"),
        "target_session_attrs" => refused("name the server that is meant, and remove the parameter"),
        "channel_binding" => {
            refused("the driver has no channel binding; sslmode=verify-full proves the server instead")
        }
        unknown => {
            // It may be a part of a password with a bare question mark, so only what is a known name's like is shown.
            let distance = |it: &&str| strsim::damerau_levenshtein(it, unknown);
            let known = PARAMETERS.into_iter().chain(["password"]).chain(OTHERS);
            match known.min_by_key(distance).filter(|it| distance(it) <= 2) {
                Some(like) if like == unknown => refused("the driver doesn't have it; remove it"),
                Some(like) => refused(&format!("did you mean {like}?")),
                None => Err(ConnectError::UnknownParameter),
            }
        }
    }
}

/// libpq's other parameters (documentation, libpq, Parameter Key Words).
const OTHERS: [&str; 27] = [
    "require_auth",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "replication",
    "gssencmode",
    "requiressl",
    "sslnegotiation",
    "sslcompression",
    "sslpassword",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "requirepeer",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
    "load_balance_hosts",
    "client_encoding",
    "min_protocol_version",
    "max_protocol_version",
    "channel_binding",
];

/// The password that the driver has found, in the URL, in ~/.pgpass or in PGPASSWORD: only a URL gives it away.
pub(crate) fn password(options: &PgConnectOptions) -> Option<String> {
    // The driver doesn't encode host and role, and panics on those that need it: any others do here.
    let url = options.clone().host("h").username("u").to_url_lossy();
    url.password().map(|it| percent_decode_str(it).decode_utf8_lossy().into_owned())
}
