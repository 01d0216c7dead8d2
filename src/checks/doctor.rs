//! What the facts of a target mean for a cutover. A file for each group of checks; [`crate::checks::pg::examine`]
//! gathers the facts.

mod excess_privileges;
mod history;
pub(crate) mod legacy_table;
mod privileges;
mod role_privileges;
mod server;
mod subjects;
mod tables;
mod unknown_tables;

use crate::checks::check::Check;
use crate::checks::expectations::Expectations;
use crate::checks::facts::TargetFacts;

/// Every check that the facts allow, in the order of the report.
pub fn checks(facts: &TargetFacts, expected: &Expectations<'_>) -> Vec<Check> {
    let mut all = server::checks(&facts.server, expected);
    all.extend(tables::checks(facts, expected));
    if !expected.source_elsewhere {
        all.push(legacy_table::in_target(facts, expected));
    }
    all.push(unknown_tables::check(facts));
    let subjects = subjects::subjects(facts, expected.roles);
    all.extend([
        privileges::check(facts, expected, &subjects),
        role_privileges::check(facts, expected),
        excess_privileges::check(facts, expected, &subjects),
        server::password(&facts.role),
        history::row_security(facts),
        history::revision(facts, expected),
        history::other_managers(facts),
    ]);
    all
}
