//! Checks of the server, the database and the connected role's login.

use serde_json::json;

use crate::base::text::list;
use crate::checks::check::{Check, Status};
use crate::checks::expectations::Expectations;
use crate::checks::facts::{PasswordExpiry, Role, Server, Usage};

pub(crate) fn checks(server: &Server, expected: &Expectations<'_>) -> Vec<Check> {
    vec![
        version(server, expected),
        role(server),
        encoding(server),
        collation(server),
        time_zone(server),
        connections(server),
    ]
}

fn version(server: &Server, expected: &Expectations<'_>) -> Check {
    const NAME: &str = "server_version";
    let (first, last) = (expected.supported.start(), expected.supported.end());
    let version = &server.version;
    if expected.supported.contains(&server.major) {
        return Check::new(NAME, Status::Pass, format!("PostgreSQL {version}; {first} to {last} are supported"));
    }
    let text = format!("PostgreSQL {version}; only {first} to {last} are supported: use a newer pad-migrate");
    Check::new(NAME, Status::Warn, text)
}

fn role(server: &Server) -> Check {
    const NAME: &str = "server_role";
    match (server.standby, server.read_only) {
        (true, _) => {
            let text = "a standby: checks work here, apply and migrate don't; connect to the primary for the cutover";
            Check::new(NAME, Status::Warn, text)
        }
        (false, true) => {
            let text = "the primary, but transactions are read-only by default (default_transaction_read_only)";
            Check::new(NAME, Status::Warn, text)
        }
        (false, false) => Check::new(NAME, Status::Pass, "the primary"),
    }
}

fn encoding(server: &Server) -> Check {
    const NAME: &str = "encoding";
    match &*server.encoding {
        "UTF8" => Check::new(NAME, Status::Pass, "UTF8"),
        other => {
            let text = format!(
                "{other}; padealing needs UTF8 to store every legacy text: recreate the database with encoding UTF8"
            );
            Check::new(NAME, Status::Fail, text)
        }
    }
}

fn collation(server: &Server) -> Check {
    const NAME: &str = "collation";
    if server.collation_changes.is_empty() {
        return Check::new(NAME, Status::Pass, &*server.collation);
    }
    let text = "the collation library has changed since indexes were built; rebuild them (REINDEX), then refresh the \
                recorded version (ALTER DATABASE or ALTER COLLATION … REFRESH VERSION)";
    let rows = server.collation_changes.iter();
    let rows = rows.map(|change| vec![json!(change.name), json!(change.recorded), json!(change.actual)]);
    Check::new(NAME, Status::Warn, text).with_table(&["collation", "version_noted", "version_now"], rows.collect())
}

fn time_zone(server: &Server) -> Check {
    let zones: Vec<String> = server.zones.iter().map(|(scope, zone)| format!("{zone} for {scope}")).collect();
    let zones = if zones.is_empty() { "none is set for the database or its roles".to_owned() } else { list(zones) };
    let text = format!("the server's time zone is {}; {zones}. Timestamps are copied unchanged", server.clock_zone);
    Check::new("time_zone", Status::Pass, text)
}

/// Commands that write, by the sessions that they need at once. Of `migrate` one for each of two workers, one that holds the lock,
/// one that reads, and one for large texts; a pool has to have one more.
const WRITING: [(&str, i64); 2] = [("migrate", 5), ("rollback", 6)];

/// The most that a command needs that only reads: `gate --stage before`.
const READING: (&str, i64) = ("gate --stage before", 11);

fn connections(server: &Server) -> Check {
    const NAME: &str = "connections";
    let limits =
        [("server", server.connections), ("database", server.database_connections), ("role", server.role_connections)];
    let limits = limits.iter().filter(|(_, usage)| usage.limit >= 0);
    let text = list(limits.clone().map(|(of, usage)| format!("{of}: {} of {} in use", usage.used, usage.limit)));
    // The one that asks is in use, and will have ended.
    let left = |usage: &Usage| usage.limit - usage.used + 1;
    let least = limits.clone().map(|(_, usage)| left(usage)).min().unwrap_or(i64::MAX);
    let lacking: Vec<(&str, i64)> =
        WRITING.into_iter().chain([READING]).filter(|(_, needed)| least < *needed).collect();
    let Some((_, most)) = lacking.last() else { return Check::new(NAME, Status::Pass, text) };
    let tight: Vec<&str> = limits.filter(|(_, usage)| left(usage) < *most).map(|(of, _)| *of).collect();
    let text = format!(
        "{text}; at once are needed {}: raise the connection limit of the {}",
        list(lacking.iter().map(|(command, needed)| format!("{needed} by {command}"))),
        tight.join(" and the ")
    );
    // The gate, which makes this check, too, says itself what it lacks.
    let status = if lacking[0] == READING { Status::Pass } else { Status::Warn };
    Check::new(NAME, status, text)
}

/// Days before its expiry from which a password is a warning.
const SOON: f64 = 14.0;

pub(crate) fn password(role: &Role) -> Check {
    const NAME: &str = "password_expiry";
    let name = &role.name;
    match &role.password_expiry {
        None => Check::new(NAME, Status::Pass, "the role's password doesn't expire"),
        Some(PasswordExpiry { date, days }) if *days < 0.0 => {
            let text = format!("the password of {name} expired on {date}; the next login may be refused: renew it");
            Check::new(NAME, Status::Warn, text)
        }
        Some(PasswordExpiry { date, days }) if *days < SOON => {
            Check::new(NAME, Status::Warn, format!("the password of {name} expires on {date}; renew it"))
        }
        Some(PasswordExpiry { date, .. }) => {
            Check::new(NAME, Status::Pass, format!("the password of {name} expires on {date}"))
        }
    }
}
