//! Endpoints as the driver takes them: URLs, and what is in them.

use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::config::settings::Endpoint;
use crate::postgres::connect_error::ConnectError;

/// The driver's options for an endpoint, TLS not yet decided.
pub(crate) fn parse(endpoint: &Endpoint) -> Result<PgConnectOptions, ConnectError> {
    match endpoint {
        Endpoint::Url(url) => {
            // The driver accepts any scheme, and takes what follows an unencoded / ? or # in a password for a name.
            let is_postgres = ["postgres://", "postgresql://"].iter().any(|it| url.0.starts_with(it));
            let parsed = PgConnectOptions::from_str(&url.0).ok().filter(|_| is_postgres && !url.0.contains('#'));
            let query = url.0.split_once('?').map_or("", |(_, query)| query);
            let names =
                |options: &PgConnectOptions| [options.get_host(), options.get_database().unwrap_or(""), query].concat();
            parsed.filter(|options| !names(options).contains('@')).ok_or(ConnectError::Url)
        }
        Endpoint::Parts { host, port, database, user, password } => {
            // The driver reads ~/.pgpass when it parses a URL, and not for a host that is set afterwards.
            let [host, user, database] =
                [host, user, database].map(|it| utf8_percent_encode(it, NON_ALPHANUMERIC).to_string());
            let url = format!("postgres:///?host={host}&port={port}&user={user}&dbname={database}&sslmode=prefer");
            let options = PgConnectOptions::from_str(&url).map_err(|_| ConnectError::Url)?;
            Ok(password.iter().fold(options, |options, password| options.password(&password.0)))
        }
    }
}

/// The password that the driver has found, in the URL, in ~/.pgpass or in PGPASSWORD: only a URL gives it away.
pub(crate) fn password(options: &PgConnectOptions) -> Option<String> {
    // The driver doesn't encode host and role, and panics on those that need it: any others do here.
    let url = options.clone().host("h").username("u").to_url_lossy();
    url.password().map(|it| percent_decode_str(it).decode_utf8_lossy().into_owned())
}
