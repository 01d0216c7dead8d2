//! What a command writes is no file that it reads, and no other that it writes: an export would be replaced by its
//! own rejections.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use crate::schema::backup::manifest_path;

/// Flags that name a file to write.
const WRITTEN: [&str; 4] = ["backup", "out", "rejects", "report"];

/// Flags that name a file to read.
const READ: [&str; 5] = ["exceptions", "expected", "from", "rehearsal", "source_csv"];

/// A file that a flag names.
struct Named {
    flag: String,
    path: PathBuf,
}

/// Says which two flags name one file that would be written.
pub(crate) fn check_files(matches: &ArgMatches) -> Result<(), String> {
    let Some((command, given)) = matches.subcommand() else { return Ok(()) };
    // The gate reads the backup that others write.
    let is_written = |id: &&str| WRITTEN.contains(id) && (command, *id) != ("gate", "backup");
    let named = |id: &str| {
        let path = given.try_get_raw(id).ok().flatten()?.next_back()?;
        let flag = format!("--{}", id.replace('_', "-"));
        (path != OsStr::new("-")).then(|| Named { flag, path: PathBuf::from(path) })
    };
    // A backup has its manifest beside it.
    let with_manifest = |it: Named| {
        let is_backup = ["--backup", "--from"].contains(&&*it.flag) || (command, &*it.flag) == ("backup", "--out");
        let manifest = is_backup.then(|| Named { flag: it.flag.clone(), path: manifest_path(&it.path) });
        [Some(it), manifest].into_iter().flatten()
    };
    let of = |is_wanted: &dyn Fn(&&str) -> bool| -> Vec<Named> {
        WRITTEN
            .iter()
            .chain(&READ)
            .copied()
            .filter(|it| is_wanted(it))
            .filter_map(named)
            .flat_map(with_manifest)
            .collect()
    };
    let (written, read) = (of(&is_written), of(&|id| !is_written(id)));
    for (at, file) in written.iter().enumerate() {
        let clash = |other: &&Named| is_same(&file.path, &other.path);
        let (flag, path) = (&file.flag, file.path.display());
        if let Some(Named { flag: other, .. }) = read.iter().find(clash) {
            return Err(format!("{flag} {path} would overwrite the file of {other}; name another file"));
        }
        if let Some(Named { flag: other, .. }) = written[at + 1..].iter().find(clash) {
            return Err(format!("{flag} and {other} name the same file, {path}; name two"));
        }
    }
    Ok(())
}

/// Whether two paths lead to one regular file, or would.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.metadata(), other.metadata()) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => one.file_name() == other.file_name() && folder(one) == folder(other),
        _ => false,
    }
}

fn folder(path: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(path).ok()?.parent()?.to_owned();
    folder.canonicalize().ok().or(Some(folder))
}
