//! What else goes on at the server: transactions that hold things up, slots that hold WAL, numbers that run out.

use serde_json::json;
use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::{list, plural, thousands};
use crate::checks::check::{Check, Status};
use crate::checks::gate::Stage;
use crate::config::settings::Roles;

/// What the server says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity {
    /// The connected role.
    pub(crate) role: String,
    /// Sessions of this database whose state is hidden from the connected role, by role.
    pub(crate) hidden: Vec<String>,
    /// Transactions of other sessions that have been open for long.
    pub(crate) long: Vec<LongTransaction>,
    /// Prepared transactions of this database, and since when, in UTC.
    pub(crate) prepared: Vec<(String, String)>,
    /// Replication slots.
    pub(crate) slots: Vec<Slot>,
    /// Transactions since the oldest unfrozen row, and multixacts.
    pub(crate) age: i64,
    /// The same of multixacts.
    pub(crate) multixact_age: i64,
}

/// A transaction that has been open for long.
#[derive(Clone, Debug)]
pub(crate) struct LongTransaction {
    /// The server process.
    pub(crate) process: i32,
    /// Whose it is.
    pub(crate) role: String,
    /// What the session calls itself.
    pub(crate) application: String,
    /// `idle in transaction`, say.
    pub(crate) state: String,
    /// How long it has been open.
    pub(crate) seconds: i64,
}

/// A replication slot.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    /// Whether something reads from it.
    pub(crate) is_active: bool,
    /// `reserved`, `extended`, `unreserved` or `lost` (documentation, pg_replication_slots).
    pub(crate) wal_status: String,
}

/// Where no role is configured, what the application and the readers may do can't be checked afterwards.
pub(crate) fn no_roles(roles: &Roles) -> Option<Check> {
    let text = "no role is configured (DB_OWNER_ROLE, DB_APP_ROLE, DB_READER_ROLE): nobody will know afterwards whether \
                they may work, which closes the gate then; name them, or accept this in the exceptions file";
    let is_named = [&roles.owner, &roles.app, &roles.reader].into_iter().any(Option::is_some);
    (!is_named).then(|| Check::new("role_privileges", Status::Warn, text))
}

/// A transaction that is open for so long, in seconds, is said to be in the way: `apply` waits for its locks.
pub(crate) const LONG: i64 = 60;

/// Of the two billion transactions until a server stops writing, so many may be used up.
const WORRYING: i64 = 1_000_000_000;
const DANGEROUS: i64 = 1_900_000_000;

/// All of them.
pub(crate) fn checks(activity: &Activity, stage: Stage) -> Vec<Check> {
    vec![wraparound(activity), slots(activity), prepared(activity), long(activity, stage)]
}

fn wraparound(activity: &Activity) -> Check {
    const NAME: &str = "wraparound";
    let oldest = activity.age.max(activity.multixact_age);
    let age = thousands(u64::try_from(oldest).unwrap_or_default());
    let vacuum = "run `vacuum (freeze)` as the database's owner, and end what keeps old transactions open";
    match oldest {
        DANGEROUS.. => Check::new(
            NAME,
            Status::Fail,
            format!(
                "{age} of some 2,147,000,000 transaction numbers are used up, and the server stops writing at the end; {vacuum}"
            ),
        ),
        WORRYING.. => Check::new(NAME, Status::Warn, format!("the oldest row is {age} transactions old; {vacuum}")),
        _ => Check::new(NAME, Status::Pass, format!("the oldest row is {age} transactions old")),
    }
}

fn slots(activity: &Activity) -> Check {
    const NAME: &str = "replication_slots";
    let is_bad = |it: &&Slot| !it.is_active || matches!(&*it.wal_status, "unreserved" | "lost");
    let bad: Vec<&Slot> = activity.slots.iter().filter(is_bad).collect();
    let rows = bad.iter().map(|it| vec![json!(it.name), json!(it.is_active), json!(it.wal_status)]);
    let rows: Vec<_> = rows.collect();
    match bad.is_empty() {
        true => {
            let count = plural(activity.slots.len() as u64, "slot is", "slots are");
            let text = if activity.slots.is_empty() { "none".to_owned() } else { format!("{count} read from") };
            Check::new(NAME, Status::Pass, text)
        }
        false => {
            let names = list(bad.iter().map(|it| &it.name));
            let text = format!(
                "nothing reads from {names}, so the server keeps all WAL that the migration writes, until the disk is \
                 full; start what reads from it, or drop it with pg_drop_replication_slot"
            );
            Check::new(NAME, Status::Fail, text).with_table(&["slot", "active", "wal_status"], rows)
        }
    }
}

fn prepared(activity: &Activity) -> Check {
    const NAME: &str = "prepared_transactions";
    match &activity.prepared[..] {
        [] => Check::new(NAME, Status::Pass, "none"),
        some => {
            let count = plural(some.len() as u64, "prepared transaction keeps", "prepared transactions keep");
            let text =
                format!("{count} locks; end each with COMMIT PREPARED or ROLLBACK PREPARED, as its owner decides");
            let rows = some.iter().map(|(name, since)| vec![json!(name), json!(since)]).collect();
            Check::new(NAME, Status::Fail, text).with_table(&["transaction", "since"], rows)
        }
    }
}

fn long(activity: &Activity, stage: Stage) -> Check {
    const NAME: &str = "long_transactions";
    let Activity { role, hidden, long, .. } = activity;
    if !long.is_empty() {
        let count = plural(long.len() as u64, "transaction has", "transactions have");
        let text = format!(
            "{count} been open for more than {LONG} s, and what they lock can't be changed; end them in their programs, \
             or with pg_terminate_backend"
        );
        let rows = long.iter().map(|it| {
            vec![json!(it.process), json!(it.role), json!(it.application), json!(it.state), json!(it.seconds)]
        });
        // Afterwards nothing of ours waits for them any more.
        let status = if stage == Stage::Before { Status::Fail } else { Status::Warn };
        let rows = rows.collect();
        return Check::new(NAME, status, text)
            .with_table(&["process", "role", "application", "state", "seconds"], rows);
    }
    match &hidden[..] {
        [] => Check::new(NAME, Status::Pass, format!("none is open for more than {LONG} s")),
        some => crate::checks::gate::unknown(
            NAME,
            format!(
                "{role} does not see since when the transactions of {} are open; a superuser runs: grant \
                 pg_read_all_stats to {};",
                list(some),
                identifier(role)
            ),
        ),
    }
}
