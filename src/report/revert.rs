//! What `revert` would do or did, as text and as JSON.

use serde::Serialize;

use crate::base::hint::REVERT;
use crate::base::outcome::Verdict;
use crate::base::sql_text;
use crate::base::text::{list, plural};
use crate::config::environment::Environment;
use crate::ledger::revisions::{ALL, NOTHING};
use crate::report::layout::Head;
use crate::report::page::Page;
use crate::schema::plan::outcome::Reversal;

/// What `revert` would do, with its statements if they are wanted.
pub fn planned_reversal(reversal: &Reversal, with_sql: bool) -> Page {
    let mut page = page(reversal, "Roll back", "Would lose");
    if with_sql {
        page.heading("SQL");
        for step in &reversal.steps {
            page.sql(2, sql_text::comment(&step.object));
            page.sql(2, &step.sql);
        }
    } else {
        page.row("SQL", format!("`{REVERT} --to {} --show-sql` shows the statements", below(reversal)));
    }
    page
}

/// What is agreed to, on the last lines before the question: where, how much, what is lost, what it blocks.
pub fn reversal_summary(reversal: &Reversal, environment: Environment, place: &str) -> Page {
    let mut page = Page::default();
    page.blank();
    page.address("Target", place);
    page.row("Server", format!("PostgreSQL {}, environment {environment}", reversal.server_version));
    let steps = plural(reversal.steps.len() as u64, "down migration", "down migrations");
    page.row("Steps", format!("{steps}, in one transaction"));
    let losses = &reversal.losses;
    let lost = match losses.len() {
        0 => "no rows and no values".to_owned(),
        1..=FEW => list(losses),
        all => format!("{}, and {} more, listed above", list(&losses[..FEW]), all - FEW),
    };
    page.row("Would lose", lost);
    page.row(
        "Blocks",
        match &reversal.blocks[..] {
            [] => "nothing".to_owned(),
            tables => format!("reads and writes of {}", list(tables)),
        },
    );
    page
}

/// Losses that the summary repeats.
const FEW: usize = 3;

/// The revision that is gone back to.
fn below(reversal: &Reversal) -> &'static str {
    let lowest = reversal.revisions.last().map_or("", |revision| revision.number);
    ALL.iter().rfind(|revision| revision.number < lowest).map_or(NOTHING, |revision| revision.number)
}

/// What `revert` did.
pub fn done_reversal(reversal: &Reversal) -> Page {
    page(reversal, "Rolled back", "Lost")
}

fn page(reversal: &Reversal, verb: &str, loss_verb: &str) -> Page {
    let mut page = Page::default();
    for revision in &reversal.revisions {
        page.row(verb, format!("{} {}", revision.number, revision.name));
    }
    if let Some(adopted) = adopted(reversal) {
        page.row("Note", adopted);
    }
    for loss in &reversal.losses {
        page.row(loss_verb, loss);
    }
    page
}

fn adopted(reversal: &Reversal) -> Option<String> {
    // Newest first.
    match &reversal.adopted[..] {
        [] => None,
        [only] => Some(format!("{} was adopted; its earlier state can't be restored", only.number)),
        [newest, .., oldest] => {
            Some(format!("{}–{} were adopted; their earlier state can't be restored", oldest.number, newest.number))
        }
    }
}

/// What `revert --format json` prints, and `apply` that went down.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RevertJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role.
    pub place: String,
    /// The down migrations that were run, in order.
    pub steps: Vec<DownStepJson>,
    /// What was lost: tables with rows, columns with values.
    pub losses: Vec<String>,
    /// What is worth knowing.
    pub warnings: Vec<String>,
}

/// A down migration that was run.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct DownStepJson {
    /// The revision's number.
    pub revision: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The statements.
    pub sql: String,
}

impl RevertJson {
    /// What a command has rolled back.
    pub fn new(command: &'static str, reversal: &Reversal, environment: Environment, place: &str) -> Self {
        let steps = reversal.revisions.iter().zip(&reversal.steps);
        Self {
            head: Head::new(command, environment, &reversal.server_version, Verdict::Clean),
            place: place.to_owned(),
            steps: steps
                .map(|(revision, step)| DownStepJson {
                    revision: revision.number,
                    name: revision.name,
                    sql: sql_text::statement(&step.sql),
                })
                .collect(),
            losses: reversal.losses.clone(),
            warnings: adopted(reversal).into_iter().collect(),
        }
    }
}
