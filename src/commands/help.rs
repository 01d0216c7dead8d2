//! What `--help` says below the flags: examples, the variables that are read, the exit codes. `-h` stays short.

use std::fmt::Write as _;

use clap::{Command, CommandFactory};

use crate::commands::cli::Cli;
use crate::config::keys::KEYS;

/// What a command's help has beside its flags.
struct Help {
    command: &'static str,
    /// Command lines, each with what it is for.
    examples: &'static [(&'static str, &'static str)],
    /// What an exit code of 1 means, if there is one.
    attention: Option<&'static str>,
    /// Variables besides those of the configuration.
    variables: &'static [&'static str],
}

const SERVER: &[&str] = &["PAD_PROVIDER", "PAD_POSTGRES_VERSION", "PAD_TEST_DATABASE_URL", "PAD_CACHE_DIR"];

const HELP: &[Help] = &[
    Help {
        command: "rehearse",
        examples: &[
            ("rehearse", "the hand-written rows"),
            ("rehearse --rows 100000 --rejects rejects.csv", "generated rows, and every rejection in a file"),
            (
                "--env qa --source-url postgres://pad_reader@db.qa.example.com/backoffice rehearse",
                "real rows, only read",
            ),
        ],
        attention: Some(
            "a row was rejected or migrated otherwise than expected, the schemas have drifted, or an integrity \
             check failed or warned",
        ),
        variables: SERVER,
    },
    Help {
        command: "doctor",
        examples: &[
            ("--env qa doctor", "is QA ready?"),
            ("--env qa doctor --exact --json", "with counted rows, for a script"),
        ],
        attention: Some("a check failed or warned"),
        variables: &[],
    },
    Help {
        command: "seed",
        examples: &[("seed", "the hand-written rows"), ("seed --rows 100000 --seed 7", "generated rows")],
        attention: None,
        variables: &[],
    },
    Help {
        command: "status",
        examples: &[
            ("--env prod status", "where schema and data stand"),
            ("--env prod --json status", "the same for a script"),
        ],
        attention: Some("a revision is pending"),
        variables: &[],
    },
    Help {
        command: "plan",
        examples: &[
            ("--env qa plan --show-sql", "what apply would do, with the statements"),
            ("--env qa plan --check", "1 if there is anything to do"),
            ("--env qa plan --format sql --out plan.sql", "a script for psql"),
        ],
        attention: Some("manual action is required first; with --check, there is something to do"),
        variables: &[],
    },
    Help {
        command: "apply",
        examples: &[
            ("--env qa apply --backup before.dump", "show the plan, ask, back up, apply"),
            ("--env qa --json apply --yes", "for a script"),
            ("--env qa apply --to 3", "only up to revision 0003, or down to it"),
        ],
        attention: Some("applied, and an index is missing or a difference is left that needs attention"),
        variables: &[],
    },
    Help {
        command: "revert",
        examples: &[
            ("--env qa revert --show-sql", "the newest revision: show its statements, and ask"),
            ("--env qa revert --to 3", "everything above revision 0003"),
        ],
        attention: None,
        variables: &[],
    },
    Help {
        command: "migrate",
        examples: &[
            ("--env qa migrate --dry-run", "what would be migrated and rejected"),
            ("--env qa migrate --rejects rejects.csv", "every rejection in a file, too"),
            ("--env qa migrate --limit 1000", "only the next thousand rows"),
        ],
        attention: Some("a row was rejected, or lacks a part of its lineage"),
        variables: &[],
    },
    Help {
        command: "rollback",
        examples: &[
            ("--env qa rollback --dry-run", "what would be rolled back, and what would be kept, and why"),
            ("--env qa rollback --backup before.dump", "count, ask, back up, roll back every migrated row"),
            ("--env qa rollback --source-id 4711 --yes", "one row, for migrate to bring it again"),
        ],
        attention: Some("a row was kept"),
        variables: &[],
    },
    Help {
        command: "clean",
        examples: &[
            ("--env dev clean --employee 1003 1004 --dry-run", "what would be removed, and what would stay"),
            ("--env dev clean --employee 1003", "count, ask, remove"),
        ],
        attention: Some("rows of the employees stay: they came from the legacy table, or others refer to them"),
        variables: &[],
    },
    Help {
        command: "drift",
        examples: &[
            ("--env qa drift", "the live schemas against the revisions"),
            ("--env qa drift --format sarif --fail-on breaking", "for code scanning"),
            ("--env qa drift --expected prod.json", "against a snapshot of another database"),
        ],
        attention: Some("a finding has the severity of --fail-on or a higher one"),
        variables: &[],
    },
    Help {
        command: "snapshot",
        examples: &[("--env prod snapshot --out prod.json", "for drift --expected prod.json elsewhere")],
        attention: None,
        variables: &[],
    },
    Help {
        command: "verify",
        examples: &[
            ("--env qa verify", "every migrated row"),
            ("--env qa --json verify", "for a script"),
            ("--env prod verify --evidence evidence --sign ~/.ssh/id_ed25519", "a signed folder for auditors"),
        ],
        attention: Some("a row differs, is missing, was never tried or lacks its legacy row"),
        variables: &[],
    },
    Help {
        command: "evidence",
        examples: &[
            ("--env prod evidence check evidence", "the files, and the database against them"),
            (
                "evidence check evidence --offline --signers signers --signer officer@example.com",
                "the files, and who signed",
            ),
            ("--env prod evidence show 4711 --from evidence --out 4711.proof", "a row, and its proof in a file"),
            ("evidence check 4711.proof", "such a file"),
            ("--env prod evidence legacy-view", "the legacy table as a view, for psql"),
        ],
        attention: Some("a file, the database or a row is not what it was"),
        variables: &[],
    },
    Help {
        command: "integrity",
        examples: &[
            ("--env qa integrity", "every check"),
            ("--env qa integrity --check self_approval,sequences --json", "two of them, for a script"),
            ("--env qa integrity --exceptions exceptions.toml --format junit", "for CI, without what was agreed to"),
            ("integrity --sql self_approval", "the SQL of one, for psql"),
        ],
        attention: Some("a check failed or warned, or an exception has expired or accepts nothing"),
        variables: &[],
    },
    Help {
        command: "gate",
        examples: &[
            ("--env qa gate --stage before", "may the cutover begin, and what is it to be given?"),
            ("--env qa gate --stage before --backup before.dump --window 45min", "with some of that"),
            ("--env qa gate --stage after", "may the application be opened?"),
            ("--env qa gate --format junit --report gate.xml", "for a CI system"),
        ],
        attention: Some("NO-GO: a check failed, or could not be made"),
        variables: &[],
    },
    Help {
        command: "report",
        examples: &[
            ("--env qa report --out qa.html", "for those who sign it"),
            ("--env qa report --out qa.md --exceptions exceptions.toml", "as Markdown, with what was agreed to"),
            ("--env qa report --json", "for a script"),
        ],
        attention: Some("something in the document needs attention: its known issues say what"),
        variables: &[],
    },
    Help {
        command: "serve",
        examples: &[
            ("--env qa serve", "print a start address, and show QA to the browser that opens it"),
            ("--env prod serve --listen 127.0.0.1:8750", "on a port of your choice, for a tunnel"),
        ],
        attention: None,
        variables: &[],
    },
    Help {
        command: "backup",
        examples: &[
            ("--env qa backup --out qa.dump", "before a change; qa.dump.manifest.json is written, too"),
            ("--env qa --json backup --out qa.dump", "the same for a script"),
        ],
        attention: None,
        variables: &[],
    },
    Help {
        command: "restore",
        examples: &[
            ("restore --from qa.dump --rehearse", "can it be restored, and how long does it take?"),
            ("--env dev restore --from qa.dump", "show what it is, ask, restore, compare"),
        ],
        attention: None,
        variables: SERVER,
    },
];

/// The command line with everything that its help says.
pub(crate) fn command() -> Command {
    let mut command = Cli::command().long_version(env!("PAD_MIGRATE_LONG_VERSION"));
    // A command that is changed goes to the end of the list: all of them are, so that their order stays.
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    for name in names {
        let help = HELP.iter().find(|help| help.command == name);
        command = command.mut_subcommand(name, |it| match help {
            Some(help) => it.after_long_help(help.text()),
            None => it,
        });
    }
    command.after_long_help(
        "Examples:\n  pad-migrate rehearse\n  pad-migrate --env qa doctor\n  pad-migrate --env qa --json status\n\n\
         `pad-migrate COMMAND --help` has examples, the variables that the command reads, and its exit codes.",
    )
}

impl Help {
    fn text(&self) -> String {
        let mut text = "Examples:\n".to_owned();
        for (line, purpose) in self.examples {
            let _ = writeln!(text, "  pad-migrate {line}\n      {purpose}");
        }
        let keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        let more: Vec<&str> = self.variables.iter().chain(&["NO_COLOR", "COLUMNS"]).copied().collect();
        let _ = write!(
            text,
            "\nVariables of the configuration, also read from .env and .env.<ENV>:\n  {}\n\nOther variables:\n  APP_ENV, {}\n\n\
             Exit codes:\n  0  done\n",
            keys.join(", "),
            more.join(", "),
        );
        if let Some(attention) = self.attention {
            let _ = writeln!(text, "  1  {attention}");
        }
        text.push_str("  2  not done; stderr says in one sentence what failed, where, and what to do");
        text
    }
}
