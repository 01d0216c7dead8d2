//! PostgreSQL's programs on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A set of PostgreSQL programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    /// The folder that holds them.
    pub(crate) bin: PathBuf,
    /// The version as they print it, such as `15.18`.
    pub(crate) version: String,
}

/// Every set of these PostgreSQL programs on this machine, the highest version first.
pub(crate) fn programs(wanted: [&str; 2]) -> Vec<Programs> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, below) in [
        ("/usr/lib/postgresql", "bin"),                          // Debian, Ubuntu
        ("/usr", "bin"),                                         // RPM packages named by version: /usr/pgsql-17/bin
        ("/opt/homebrew/opt", "bin"),                            // Homebrew on Apple silicon
        ("/usr/local/opt", "bin"),                               // Homebrew on Intel
        ("/home/linuxbrew/.linuxbrew/opt", "bin"),               // Homebrew on Linux
        ("/Applications/Postgres.app/Contents/Versions", "bin"), // Postgres.app
        ("/usr/local/pgsql", ""),                                // built from source
    ] {
        let Ok(entries) = std::fs::read_dir(parent) else {
            continue;
        };
        folders.extend(entries.flatten().map(|entry| entry.path().join(below)));
    }
    programs_in(folders, wanted)
}

/// The sets of programs in these folders, the highest version first.
pub(crate) fn programs_in(folders: impl IntoIterator<Item = PathBuf>, wanted: [&str; 2]) -> Vec<Programs> {
    let mut found: Vec<Programs> = Vec::new();
    for folder in folders {
        let real = |program: &str| folder.join(program).canonicalize().ok().filter(|it| it.is_file());
        let [Some(first), Some(_)] = wanted.map(real) else {
            continue;
        };
        // A link on PATH leads to the folder where the other programs and the libraries are.
        let Some(bin) = first.parent().map(Path::to_owned) else {
            continue;
        };
        if found.iter().any(|it| it.bin == bin) {
            continue;
        }
        let Ok(output) = Command::new(bin.join(wanted[1])).arg("--version").output() else {
            continue;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        if let Some(version) = text.split_whitespace().find(|it| it.starts_with(|c: char| c.is_ascii_digit())) {
            found.push(Programs { bin, version: version.to_owned() });
        }
    }
    // 19rc1 comes before 19.0 and after 18.6.
    let digits = |part: &str| part.split(|it: char| !it.is_ascii_digit()).next().and_then(|it| it.parse().ok());
    let numbers = |it: &Programs| it.version.split('.').map(|it| digits(it).unwrap_or(0)).collect::<Vec<u32>>();
    found.sort_by_key(|it| std::cmp::Reverse(numbers(it)));
    found
}
