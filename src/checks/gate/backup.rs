//! Whether the backup is one to fall back on: of this environment, as the database is now, and rehearsed.

use serde_json::json;

use crate::base::hint::{BACKUP, RESTORE};
use crate::base::text::{list, plural};
use crate::checks::check::{Check, Status};
use crate::checks::gate::unknown;
use crate::config::environment::Environment;
use crate::schema::backup::{Manifest, Rehearsed, TableRows};

/// A backup, and the database beside it.
#[derive(Clone, Debug)]
pub(crate) struct BackupFacts {
    /// What it holds; it was read in full.
    pub(crate) manifest: Manifest,
    /// The rows of the managed tables now.
    pub(crate) now: Vec<TableRows>,
    /// The record of the rehearsed restore beside it.
    pub(crate) rehearsed: Option<Rehearsed>,
    /// The file, as the flag names it.
    pub(crate) file: String,
}

pub(crate) const NAME: &str = "backup";

/// Without a flag.
pub(crate) fn missing() -> Check {
    unknown(
        NAME,
        format!(
            "no backup is named; take one with `{BACKUP} --out FILE`, rehearse it with `{RESTORE} \
             --rehearse --from FILE`, and give the gate --backup FILE"
        ),
    )
}

/// Whether it is good.
pub(crate) fn check(facts: &BackupFacts, environment: Environment) -> Check {
    let BackupFacts { manifest, now, rehearsed, file } = facts;
    let fail = |text: String| Check::new(NAME, Status::Fail, text);
    if manifest.environment != environment.as_str() {
        return fail(format!(
            "{file} is a backup of {}, and this is {environment}; name another",
            manifest.environment
        ));
    }
    let key = |it: &TableRows| (it.schema.clone(), it.table.clone());
    let is_same = |it: &&TableRows| manifest.tables.contains(it);
    let mut changed: Vec<&TableRows> = now.iter().filter(|it| !is_same(it)).collect();
    changed.extend(manifest.tables.iter().filter(|it| now.iter().all(|other| key(other) != key(it))));
    if !changed.is_empty() {
        let names = list(changed.iter().map(|it| &it.table));
        let rows = changed.iter().map(|it| vec![json!(it.schema), json!(it.table), json!(it.rows)]).collect();
        let text = format!(
            "{names} changed since {file} was taken at {}; keep the application from writing, and back up again: \
             `{BACKUP} --out FILE`",
            manifest.taken_at
        );
        return fail(text).with_table(&["schema", "table", "rows"], rows);
    }
    match rehearsed.as_ref().filter(|it| it.sha256 == manifest.sha256) {
        None => fail(format!("{file} was not rehearsed; run `{RESTORE} --rehearse --from {file}`")),
        Some(rehearsed) => Check::new(
            NAME,
            Status::Pass,
            format!(
                "{} as they are now, read in full; restoring it was rehearsed at {} and took {:.0} s",
                plural(manifest.rows(), "row", "rows"),
                rehearsed.rehearsed_at,
                rehearsed.seconds
            ),
        ),
    }
}
