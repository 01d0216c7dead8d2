//! What a role may not do, and the statements that change that: in plan and in doctor alike.

use serde::Serialize;

use crate::base::sql_text::{comment, statement};
use crate::ledger::permission::{Lack, Permissions, RunAs, statements};
use crate::report::page::Page;

/// What the connected role may not do.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct PermissionsJson {
    /// The connected role.
    pub role: String,
    /// Whether it may do everything.
    pub complete: bool,
    /// What it, or a role that the work depends on, lacks.
    pub missing: Vec<MissingJson>,
    /// The statements that give what is lacking, in the order in which to run them.
    pub statements: Vec<StatementJson>,
}

/// Something that a role lacks.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct MissingJson {
    /// The role.
    pub role: String,
    /// What it lacks, in words.
    pub what: String,
}

/// A statement, and who runs it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct StatementJson {
    /// The role that can run it; null if only a superuser can.
    pub run_as: Option<String>,
    /// The statement.
    pub sql: String,
}

impl From<&Permissions> for PermissionsJson {
    fn from(permissions: &Permissions) -> Self {
        let missing = |it: &Lack| MissingJson { role: it.role.clone(), what: it.what.clone() };
        Self {
            role: permissions.role.clone(),
            complete: permissions.are_complete(),
            missing: permissions.lacks.iter().map(missing).collect(),
            statements: statements_json(&permissions.lacks),
        }
    }
}

/// The statements, each once, in the order in which to run them.
pub(crate) fn statements_json(lacks: &[Lack]) -> Vec<StatementJson> {
    let by_role = statements(lacks).into_iter();
    let with_role = by_role.flat_map(|(run_as, all)| all.into_iter().map(move |sql| (run_as.clone(), sql)));
    let json = |(run_as, sql): (RunAs, String)| StatementJson {
        run_as: match run_as {
            RunAs::Role(role) => Some(role),
            RunAs::Superuser => None,
        },
        sql: statement(&format!("{sql};")),
    };
    with_role.map(json).collect()
}

/// The statements as one block to paste, by who runs them.
pub(crate) fn statements_page(lacks: &[Lack], page: &mut Page) {
    for (run_as, all) in statements(lacks) {
        page.wrapped_sql(2, comment(&format!("as {run_as}")));
        for sql in all {
            page.wrapped_sql(2, format!("{sql};"));
        }
    }
}
