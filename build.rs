//! Embeds `migrations/` and `fixtures/` in the program, so that it runs without the repository.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut code = String::new();
    for (constant, folder) in [("MIGRATIONS", "migrations"), ("LEGACY_CASES", "fixtures/legacy/cases")] {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Vec::new();
        list(&root.join(folder), &mut files);
        files.sort();
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

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}
