//! Whether the legacy table is frozen: nobody may write to it, and nobody does.

use serde_json::json;
use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::{list, plural};
use crate::checks::check::{Check, Status};
use crate::checks::gate::unknown;
use crate::config::settings::TableName;

/// Who may write to a table, and whether anybody does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writers {
    /// Roles that may log in and write, owners and superusers aside: role, privileges.
    pub(crate) may: Vec<(String, String)>,
    /// Owners of the table, or of what is below it, that may log in.
    pub(crate) owners: Vec<String>,
    /// Owners that have sessions in this database now.
    pub(crate) owners_here: Vec<String>,
    /// Processes whose open transactions have written to it.
    pub(crate) writing: Vec<i32>,
    /// Why writes can't be seen here, if rows come from elsewhere.
    pub(crate) elsewhere: Option<String>,
}

/// What writing changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Rows inserted, updated and deleted since the statistics began.
    pub(crate) written: i64,
    /// Rows there are.
    pub(crate) rows: i64,
    /// The greatest id, as text.
    pub(crate) largest: Option<String>,
    /// The newest last_modified_date, as text.
    pub(crate) newest: Option<String>,
}

/// Whether it is frozen, from the last two looks, some seconds apart.
pub(crate) fn check(table: &TableName, writers: &Writers, looks: &[Counters], seconds: u64) -> Check {
    const NAME: &str = "source_frozen";
    let sql_name = format!("{}.{}", identifier(&table.schema), identifier(&table.name));
    if let Some(why) = &writers.elsewhere {
        return unknown(
            NAME,
            format!("{why}, so who writes to {table} is not seen here; freeze it where its rows are"),
        );
    }
    if !writers.writing.is_empty() {
        let count = plural(writers.writing.len() as u64, "open transaction has", "open transactions have");
        let text = format!("{count} written to {table}; wait until they end, then keep everybody from writing");
        let rows = writers.writing.iter().map(|it| vec![json!(it)]).collect();
        return Check::new(NAME, Status::Fail, text).with_table(&["process"], rows);
    }
    if !writers.may.is_empty() {
        let names = list(writers.may.iter().map(|(role, _)| role));
        let roles = list(writers.may.iter().map(|(role, _)| identifier(role).to_string()));
        let text = format!(
            "{names} may still write to {table}; its owner runs: revoke insert, update, delete, truncate on {sql_name} \
             from {roles}; where a membership gives the privilege, from the role that has it"
        );
        let rows = writers.may.iter().map(|(role, may)| vec![json!(role), json!(may)]).collect();
        return Check::new(NAME, Status::Fail, text).with_table(&["role", "may"], rows);
    }
    if !writers.owners_here.is_empty() {
        let names = list(&writers.owners_here);
        let text = format!("{names} owns {table}, may always write to it, and has sessions here; end its programs");
        return Check::new(NAME, Status::Fail, text);
    }
    let Some([first, last]) = looks.last_chunk::<2>() else {
        return unknown(NAME, "whether rows change was not observed; give --freeze-seconds a number above 0");
    };
    if first != last {
        let text = format!(
            "{table} changed within {seconds} s: {} rows, then {}; {} writes; keep everybody from writing to it",
            first.rows,
            last.rows,
            last.written - first.written
        );
        return Check::new(NAME, Status::Fail, text);
    }
    let owner = match &writers.owners[..] {
        [] => "superusers".to_owned(),
        some => format!("{} as owner, and superusers", list(some)),
    };
    let newest = last.newest.as_deref().unwrap_or("none");
    let text = format!("nothing was written within {seconds} s; only {owner} may; newest last_modified_date: {newest}");
    Check::new(NAME, Status::Pass, text)
}
