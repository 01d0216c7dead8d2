//! What became of the faults that a rehearsal planted on purpose.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::outcome::Verdict;
use crate::base::text::{list, plural, thousands};
use crate::report::layout::SHOWN;
use crate::report::page::Page;

/// Faults that were planted in a database of their own, and how many of them the verification found.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Planted {
    /// The rows that the faults were planted in.
    pub rows: String,
    /// Faults that were planted.
    pub faults: u64,
    /// Columns in which a fault was planted.
    pub columns: u64,
    /// Their tables.
    pub tables: u64,
    /// Faults of which verify named the legacy row, the target and the field.
    pub found_by_verify: u64,
    /// Faults of which `proof.sql` of the evidence named the legacy rows; null if it was not run.
    pub found_by_proof: Option<u64>,
    /// Why `proof.sql` was not run; null if it was.
    pub proof_not_run: Option<String>,
    /// Faults that `proof.sql` did not find.
    pub missed_by_proof: Vec<PlantedFault>,
    /// Legacy rows without a fault that `proof.sql` names.
    pub false_alarms_of_proof: Vec<i64>,
    /// Faults that a constraint or a type of the schema doesn't let in; they are not among those that were planted.
    pub refused_by_schema: u64,
    /// The same by constraint.
    pub refused: Vec<Refused>,
    /// Columns about which verify promises nothing, and why.
    pub not_checked: Vec<NotChecked>,
    /// Faults for which there was no row.
    pub not_planted: Vec<NotPlanted>,
    /// Faults that verify did not find.
    pub missed: Vec<PlantedFault>,
    /// Differences that verify names in rows without a fault.
    pub false_alarms: Vec<FalseAlarm>,
    /// The columns that were counted, by table.
    #[serde(skip)]
    touched: BTreeMap<&'static str, BTreeSet<String>>,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct PlantedFault {
    /// The table.
    pub table: &'static str,
    /// The role of the row, or of the row that a lineage row names; null in the legacy table.
    pub role: Option<&'static str>,
    /// The column; null if it is about a whole row.
    pub column: Option<String>,
    /// What was done.
    pub fault: &'static str,
    /// The legacy row.
    pub source_id: i64,
}

/// A column about which verify promises nothing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct NotChecked {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: String,
    /// Why.
    pub reason: &'static str,
}

/// A fault for which there was no row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct NotPlanted {
    /// The table.
    pub table: &'static str,
    /// The role of the row, or of the row that a lineage row names; null in the legacy table.
    pub role: Option<&'static str>,
    /// The column; null if it is about a whole row.
    pub column: Option<String>,
    /// What would have been done.
    pub fault: &'static str,
    /// What there was no row with.
    pub reason: &'static str,
}

/// Faults that the schema doesn't let in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Refused {
    /// The constraint's name; or `not null`, or `type` for a value that the column's type doesn't hold.
    pub constraint: String,
    /// How many.
    pub faults: u64,
}

/// A difference in a row without a fault.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct FalseAlarm {
    /// The legacy row.
    pub source_id: i64,
    /// The role of the target row, or the legacy table.
    pub target: String,
    /// The column.
    pub field: String,
}

impl Planted {
    /// Before the first fault.
    pub fn new(rows: String, not_planted: Vec<NotPlanted>) -> Self {
        Self { rows, not_planted, ..Self::default() }
    }

    /// Counts the column of a fault that was planted.
    pub fn touch(&mut self, fault: &PlantedFault) {
        self.touched.entry(fault.table).or_default().extend(fault.column.clone());
        self.tables = self.touched.len() as u64;
        self.columns = self.touched.values().map(|it| it.len() as u64).sum();
    }

    /// Whether a fault was planted in a column.
    pub fn is_touched(&self, table: &str, column: &str) -> bool {
        self.touched.get(table).is_some_and(|it| it.contains(column))
    }

    /// Clean if there were faults, all of them were found, and nothing else was named.
    pub fn verdict(&self) -> Verdict {
        let all_found = self.faults > 0 && self.found_by_verify == self.faults && self.missed.is_empty();
        let by_proof = self.missed_by_proof.is_empty() && self.false_alarms_of_proof.is_empty();
        Verdict::clean_if(all_found && self.false_alarms.is_empty() && by_proof)
    }

    /// The rows of a page about them.
    pub fn page(&self, page: &mut Page) {
        let Self { faults, columns, tables, found_by_verify, .. } = self;
        let by_proof = self.found_by_proof.map(|it| format!(", proof.sql {}", thousands(it))).unwrap_or_default();
        page.row(
            "Faults",
            format!(
                "{} planted in {} of {}, verify found {}{by_proof}",
                thousands(*faults),
                plural(*columns, "column", "columns"),
                plural(*tables, "table", "tables"),
                thousands(*found_by_verify)
            ),
        );
        if let Some(why) = &self.proof_not_run {
            page.paragraph(2, format!("proof.sql was not run: {why}"));
        }
        let sentence = |by: &str, it: &PlantedFault| {
            let column = it.column.as_ref().map(|it| format!(".{it}")).unwrap_or_default();
            let role = it.role.filter(|role| *role != it.table).map(|it| format!(" ({it})")).unwrap_or_default();
            format!("not found by {by}: {}{column}{role} of legacy row {}: {}", it.table, it.source_id, it.fault)
        };
        let by_verify = self.missed.iter().map(|it| sentence("verify", it));
        let missed = by_verify.chain(self.missed_by_proof.iter().map(|it| sentence("proof.sql", it)));
        let alarms = self.false_alarms.iter().map(|it| {
            format!(
                "false alarm: {} {} of legacy row {}, in which nothing was planted",
                it.target, it.field, it.source_id
            )
        });
        let of_proof = self.false_alarms_of_proof.iter();
        let alarms = alarms.chain(of_proof.map(|id| format!("false alarm of proof.sql: legacy row {id}")));
        let total =
            self.missed.len() + self.missed_by_proof.len() + self.false_alarms.len() + self.false_alarms_of_proof.len();
        for sentence in missed.chain(alarms).take(SHOWN) {
            page.paragraph(2, sentence);
        }
        if total > SHOWN {
            page.paragraph(2, format!("… and {} more; --format json lists all", thousands((total - SHOWN) as u64)));
        }
        let refused = plural(self.refused_by_schema, "more fault is", "more faults are");
        page.paragraph(2, format!("in a database of their own ({}); {refused} refused by the schema", self.rows));
        if !self.not_checked.is_empty() {
            let columns = list(self.not_checked.iter().map(|it| format!("{}.{}", it.table, it.column)));
            page.paragraph(2, format!("not checked by verify: {columns}"));
        }
    }
}
