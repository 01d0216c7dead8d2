//! What the program says of itself: help with examples that parse, completions, manual pages, examples for CI.

use std::path::Path;

use clap::Parser;
use pretty_assertions::assert_eq;

use crate::harness::program::{run, stderr, stdout};
use crate::tidy::{files, read, root};
use pad_migrate::commands::cli::Cli;

fn commands() -> Vec<String> {
    let help = stdout(&run(&["-h"], &[]));
    let (_, list) = help.split_once("\nCommands:\n").expect("there is a list of commands");
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The command lines of this program in a text.
fn command_lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches("- ").trim_start_matches("run: "));
    lines.filter_map(|line| line.strip_prefix("pad-migrate ")).filter(|line| !line.starts_with('['))
}

/// Parses as the program would; what a shell takes off is left out.
fn check_parses(line: &str) {
    let line = line.split(['>', '|', '#']).next().unwrap_or_default();
    let parsed = Cli::try_parse_from(["pad-migrate"].into_iter().chain(line.split_whitespace()));
    assert!(parsed.is_ok(), "{line}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
}

/// Every command that works on a database: examples, variables and exit codes below its flags; `-h` has none of them.
#[test]
fn help_has_examples_variables_and_exit_codes() {
    for command in commands().iter().filter(|it| !["completions", "man"].contains(&it.as_str())) {
        let long = stdout(&run(&[command, "--help"], &[]));
        let (_, after) = long.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{command}: {long}"));
        for part in ["DB_HOST", "APP_ENV", "NO_COLOR", "Exit codes:", "  0  ", "  2  "] {
            assert!(after.contains(part), "{command} doesn't say {part}: {after}");
        }
        let examples: Vec<&str> = command_lines(after).collect();
        assert!(!examples.is_empty(), "{command}: {after}");
        examples.into_iter().for_each(check_parses);
        assert!(!stdout(&run(&[command, "-h"], &[])).contains("Examples:"), "{command} -h is short");
    }
}

/// A command that is to be pasted names its environment, or it works on another one's database.
#[test]
fn every_command_with_an_environment_gets_it_in_texts() {
    // Names of sessions and reports, which nobody pastes.
    const NAMES: [&str; 2] = ["\"pad-migrate backup {}\"", "Report::new(\"pad-migrate drift\")"];
    let commands = commands();
    for file in files("src", "rs") {
        if file.ends_with("base/hint.rs") || file.ends_with("commands/help.rs") {
            continue;
        }
        let code: String = read(&file).lines().filter(|it| !it.trim_start().starts_with("//")).map(joined).collect();
        let code = NAMES.iter().fold(code, |code, name| code.replace(name, ""));
        for command in &commands {
            let spelt = format!("pad-migrate {command}");
            assert!(!code.contains(&spelt), "{} spells `{spelt}`: use its constant of base::hint", file.display());
        }
    }
    let known = read(&root().join("src/base/hint.rs"));
    let (_, list) = known.split_once("const OF_EMBEDDED_TEXTS").expect("hint.rs lists them");
    let list: String = list.split(';').take(2).collect();
    let embedded: String = files("src/checks/integrity", "sql").iter().map(|it| read(it)).collect();
    for command in embedded.split("`pad-migrate ").skip(1).filter_map(|it| it.split(['`', ' ']).next()) {
        assert!(list.contains(&command.to_uppercase()), "OF_EMBEDDED_TEXTS in src/base/hint.rs lacks {command}");
    }
}

/// A line as the compiler reads it: a backslash at its end joins it with the next.
fn joined(line: &str) -> String {
    line.trim_start().strip_suffix('\\').map_or_else(|| format!("{line}\n"), str::to_owned)
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let commands = commands();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell], &[]);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
        let script = stdout(&output);
        for word in commands.iter().map(String::as_str).chain(["rejects", "lock-timeout"]) {
            assert!(script.contains(word), "{shell} doesn't complete {word}");
        }
    }
    let page = stdout(&run(&["man"], &[]));
    assert!(page.contains(".TH pad-migrate 1") && commands.iter().all(|it| page.contains(it.as_str())), "{page}");
    for command in &commands {
        let page = stdout(&run(&["man", command], &[]));
        assert!(page.contains(&format!(".TH pad-migrate-{command} 1")), "{command}: {page}");
    }
    let unknown = run(&["man", "nothing"], &[]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("there is no command nothing; there are rehearse"), "{}", stderr(&unknown));
}

#[test]
fn the_commands_of_the_ci_examples_parse() {
    let text = read(Path::new(&root().join("docs/ci.md")));
    let lines: Vec<&str> = command_lines(&text).collect();
    assert!(lines.len() > 15, "{lines:?}");
    lines.into_iter().for_each(check_parses);
    // A misspelt one is seen.
    assert!(Cli::try_parse_from(["pad-migrate", "drift", "--fromat", "json"]).is_err());
}

/// The version is that of the package, and names a commit where one was built.
#[test]
fn the_version_is_said() {
    let version = stdout(&run(&["--version"], &[]));
    let wanted = format!("pad-migrate {}", env!("CARGO_PKG_VERSION"));
    assert!(version.trim_end() == wanted || version.starts_with(&format!("{wanted} (commit ")), "{version}");
    assert_eq!(stdout(&run(&["-V"], &[])).trim_end(), wanted);
}
