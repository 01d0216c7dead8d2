//! Commands that are disturbed: what each begins with, and what has to be true of it afterwards.

/// What is in the database before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Legacy rows, some of them to be rejected, and rows of the application in the schema at its newest revision.
    Legacy,
    /// The same, migrated.
    Migrated,
    /// The reference rows and the legacy rows; a backup of `Migrated` beside it.
    Bare,
    /// What Alembic left in QA, with rows.
    Alembic,
    /// The newest revision, with rows of the application.
    Applied,
}

/// What a command changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Legacy row by legacy row: each as before, or as after.
    Rows,
    /// Everything at once, or nothing.
    Whole,
    /// Nothing in the database.
    Nothing,
}

pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) stage: Stage,
    /// `{in}` is the folder of what it reads.
    pub(super) arguments: &'static [&'static str],
    pub(super) effect: Effect,
    /// The files that it writes, all of them or none.
    pub(super) files: &'static [&'static str],
    /// What says of its files that they are good.
    pub(super) checked: &'static [&'static str],
    /// What must succeed when the same command has come to its end.
    pub(super) proofs: &'static [&'static [&'static str]],
}

const CSV: &[&str] = &["--source-csv", "{in}/rows.csv", "--csv-null", "unquoted"];

pub(super) const SUBJECTS: [Subject; 9] = [
    Subject {
        name: "migrate",
        stage: Stage::Legacy,
        arguments: &["migrate", "--batch-size", "100", "--jobs", "2", "--rejects", "rejects.jsonl"],
        effect: Effect::Rows,
        files: &["rejects.jsonl"],
        checked: &[],
        proofs: &[&["verify"], &["drift"]],
    },
    Subject {
        name: "csv",
        stage: Stage::Legacy,
        arguments: &[CSV[0], CSV[1], CSV[2], CSV[3], "migrate", "--batch-size", "100", "--jobs", "2"],
        effect: Effect::Rows,
        files: &[],
        checked: &[],
        proofs: &[&[CSV[0], CSV[1], CSV[2], CSV[3], "verify"], &["drift"]],
    },
    Subject {
        name: "rollback",
        stage: Stage::Migrated,
        arguments: &["rollback", "--yes"],
        effect: Effect::Rows,
        files: &[],
        checked: &[],
        proofs: &[&["drift"], &["migrate"], &["verify"]],
    },
    Subject {
        name: "backup",
        stage: Stage::Migrated,
        arguments: &["backup", "--out", "it.dump"],
        effect: Effect::Nothing,
        files: &["it.dump", "it.dump.manifest.json"],
        checked: &[],
        proofs: &[],
    },
    Subject {
        name: "restore",
        stage: Stage::Bare,
        arguments: &["restore", "--from", "{in}/it.dump", "--yes"],
        effect: Effect::Whole,
        files: &[],
        checked: &[],
        proofs: &[&["verify"], &["drift"]],
    },
    Subject {
        name: "apply",
        stage: Stage::Alembic,
        arguments: &["apply", "--yes"],
        effect: Effect::Whole,
        files: &[],
        checked: &[],
        proofs: &[&["drift"]],
    },
    Subject {
        name: "revert",
        stage: Stage::Applied,
        arguments: &["revert", "--to", "0003", "--yes", "--allow-data-loss"],
        effect: Effect::Whole,
        files: &[],
        checked: &[],
        proofs: &[&["apply", "--yes"], &["drift"]],
    },
    Subject {
        name: "evidence",
        stage: Stage::Migrated,
        arguments: &["verify", "--evidence", "evidence"],
        effect: Effect::Nothing,
        files: &["evidence"],
        checked: &["evidence", "check", "evidence"],
        proofs: &[&["evidence", "check", "evidence"]],
    },
    Subject {
        name: "clean",
        stage: Stage::Migrated,
        arguments: &["clean", "--employee", "20001", "--yes"],
        effect: Effect::Whole,
        files: &[],
        checked: &[],
        proofs: &[&["verify"], &["drift"]],
    },
];

pub(super) fn subject(name: &str) -> &'static Subject {
    SUBJECTS.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("no subject is called {name}"))
}
