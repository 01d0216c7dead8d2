//! Embeds `migrations/`, `fixtures/` and the SQL of the integrity checks in the program, so that it runs without the repository.

#[path = "src/checks/integrity/header.rs"]
#[expect(unreachable_pub, reason = "it is a part of the library, too")]
mod header;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let commit = commit(&root).map(|it| format!(" (commit {it})")).unwrap_or_default();
    println!("cargo::rustc-env=PAD_MIGRATE_LONG_VERSION={}{commit}", env!("CARGO_PKG_VERSION"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut code = String::new();
    for (constant, folder, ending) in [
        ("MIGRATIONS", "migrations", ""),
        ("LEGACY_CASES", "fixtures/legacy/cases", ""),
        ("INTEGRITY_CHECKS", "src/checks/integrity", ".sql"),
    ] {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Vec::new();
        list(&root.join(folder), &mut files);
        files.retain(|file| file.to_string_lossy().ends_with(ending));
        files.sort();
        if constant == "INTEGRITY_CHECKS" {
            check_headers(&files);
        }
        writeln!(code, "const {constant}: &[(&str, &str)] = &[").expect("a string takes all text");
        for file in files {
            let name = file.strip_prefix(root.join(folder)).expect("the file is below the folder").display();
            writeln!(code, "    ({:?}, include_str!({:?})),", name.to_string(), file).expect("a string takes all text");
        }
        code.push_str("];\n");
        std::fs::write(out.join(format!("{}.rs", constant.to_lowercase())), &code).expect("OUT_DIR is writable");
        code.clear();
    }
}

/// Fails the build if the head of a check's file is wrong.
fn check_headers(files: &[PathBuf]) {
    for file in files {
        let text = std::fs::read_to_string(file).expect("the file is text");
        if let Err(problem) = header::Header::parse(&text) {
            panic!("{}: {problem}", file.display());
        }
    }
}

/// The commit that `--version` shows: what a packager gives, or what is checked out. A development build has none: it
/// would be built again for each commit. No program is run, and a tarball without git has none either.
fn commit(root: &Path) -> Option<String> {
    println!("cargo::rerun-if-env-changed=PAD_MIGRATE_COMMIT");
    let given = std::env::var("PAD_MIGRATE_COMMIT").ok().filter(|commit| !commit.is_empty());
    if given.is_some() || std::env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return given;
    }
    let tracked = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).ok()?;
        println!("cargo::rerun-if-changed={}", file.display());
        Some(text)
    };
    let git = root.join(".git");
    // In a worktree it is a file that names the folder.
    let folder = match std::fs::read_to_string(&git) {
        Ok(text) => root.join(text.strip_prefix("gitdir: ")?.trim()),
        Err(_) => git,
    };
    let common = std::fs::read_to_string(folder.join("commondir"));
    let common = common.map_or_else(|_| folder.clone(), |text| folder.join(text.trim()));
    let head = tracked(folder.join("HEAD"))?;
    let hash = match head.trim().strip_prefix("ref: ") {
        None => head.trim().to_owned(),
        Some(name) => tracked(common.join(name)).or_else(|| {
            let packed = tracked(common.join("packed-refs"))?;
            packed.lines().find_map(|line| line.strip_suffix(name).map(str::to_owned))
        })?,
    };
    Some(hash.trim().chars().take(12).collect())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}
