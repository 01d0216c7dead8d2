//! Where a document begins and ends: where everything was, what is proved, what was not checked, and who signs.

use crate::migration::csv::summary::CsvSummary;
use crate::report::document::block::{Block, Fact, Section};
use crate::report::document::{Making, program};

/// Where rows came from and went to.
pub(crate) fn origin(making: &Making, facts: Vec<Fact>) -> Section {
    let mut section = Section::new("origin", "Who, when, from where to where");
    let mut all = vec![Fact::new("Document made", &making.made_at), Fact::new("Program", program())];
    all.extend(facts);
    section.push(Block::Facts { facts: all });
    section
}

/// A file in place of a database.
pub(crate) fn file(csv: &CsvSummary) -> Vec<Fact> {
    vec![
        Fact::new("Legacy rows from the file", csv.file.replace('`', "'")),
        Fact::new("SHA-256 of the file", &csv.sha256),
    ]
}

/// What the comparison proves, in two sentences.
pub(crate) fn proof(is_verified: bool) -> Section {
    let mut section = Section::new("proof", "What is proved");
    section.text(match is_verified {
        true => {
            "For each row that is counted above as “Migrated, and exactly what the legacy row says”, every column of \
             the legacy row was rebuilt from what the new tables hold, and equals what the legacy table holds, \
             character by character. All rows were compared, not a sample, in both directions, by code of its own, \
             which shares with the code that migrates only how rows are read."
        }
        false => "Nothing is proved by this document: the rows were not compared.",
    });
    section
}

/// What was not checked: what can't be, and what could not be this time.
pub(crate) fn unchecked(this_time: Vec<String>) -> Section {
    let mut section = Section::new("unchecked", "What was not checked");
    if !this_time.is_empty() {
        section.text("This time:");
        section.push(Block::Items { items: this_time });
        section.text("In general:");
    }
    let always = [
        "Whether what the legacy table says is true. It was taken as it is.",
        "Whether the legacy table was complete: rows that were deleted from it before are in neither side.",
        "What is changed after the time of this document, on either side.",
        "The application itself: its screens, messages and permissions.",
        "The reference data (employees, securities): only that what rows refer to exists.",
        "Backups: whether one was taken, and whether it can be restored.",
    ];
    section.push(Block::Items { items: always.map(str::to_owned).to_vec() });
    section
}

/// Who vouches for what.
pub(crate) fn signatures(making: &Making, result: &str, question: &str) -> Section {
    let mut section = Section::new("signatures", "Signatures");
    section.text(result);
    section.push(Block::Signatures {
        caption: format!("{question} This is about the document of {}.", making.made_at),
        fields: ["Name", "Date", "Decision (accepted, or not)", "Signature"].map(str::to_owned).to_vec(),
        people: ["Release manager", "Compliance officer", "Owner of the application"].map(str::to_owned).to_vec(),
    });
    section
}
