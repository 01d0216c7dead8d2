//! The copy of the tree that has all mutants of the sample in it, and its build.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::sample::{Mutant, Sample, keep};
use crate::schemata::with_mutants;
use crate::{Fallible, Places};

/// Where each mutant's text is, by file.
type Regions = BTreeMap<String, Vec<(usize, Range<usize>)>>;

/// Written only where it differs, so that cargo builds only what changed.
fn write(path: &Path, bytes: &[u8]) -> Fallible<()> {
    if std::fs::read(path).is_ok_and(|is| is == bytes) {
        return Ok(());
    }
    std::fs::create_dir_all(path.parent().ok_or("a file has a folder")?)?;
    std::fs::write(path, bytes)?;
    // A script stays one.
    if bytes.starts_with(b"#!") {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Copies what git knows, with the mutants that are still thought to compile.
fn copy(places: &Places, sample: &mut Sample) -> Fallible<Regions> {
    let list = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&places.root)
        .output()?;
    let mut regions = Regions::new();
    let names = String::from_utf8(list.stdout)?;
    // The places of mutants are those of the sources from which they were chosen; tests may be new.
    let is_kept = |name: &str| sample.is_compiled && (name.starts_with("src/") || name == "build.rs");
    let names: Vec<&str> = names.split('\0').filter(|name| !name.is_empty() && !is_kept(name)).collect();
    for name in names {
        let Ok(bytes) = std::fs::read(places.root.join(name)) else { continue };
        let to = places.tree().join(name);
        let mutants: Vec<(usize, &Mutant)> = sample
            .mutants
            .iter()
            .enumerate()
            .filter(|(_, mutant)| mutant.file == name && mutant.unbuilt.is_none())
            .collect();
        let changed = with_mutants_of(&bytes, &mutants)?;
        match changed {
            None if name == "src/lib.rs" => {
                let text = [&bytes[..], b"\n#[doc(hidden)]\npub mod mutant;\n"].concat();
                write(&to, &text)?;
            }
            None => write(&to, &bytes)?,
            Some(changed) => {
                write(&to, changed.text.as_bytes())?;
                regions.insert(name.to_owned(), changed.regions);
                for number in changed.refused {
                    sample.mutants[number].unbuilt = Some("its place wasn't found".to_owned());
                }
            }
        }
    }
    if sample.is_compiled {
        return Ok(regions);
    }
    let text = include_str!("mutant.rs").replace("NUMBER", &sample.mutants.len().to_string());
    write(&places.tree().join("src/mutant.rs"), text.as_bytes())?;
    Ok(regions)
}

fn with_mutants_of(bytes: &[u8], mutants: &[(usize, &Mutant)]) -> Fallible<Option<crate::schemata::Changed>> {
    if mutants.is_empty() {
        return Ok(None);
    }
    Ok(Some(with_mutants(std::str::from_utf8(bytes)?, mutants)?))
}

/// Cargo in the copy, with a build of its own.
pub fn cargo(places: &Places, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(places.tree()).env("CARGO_TARGET_DIR", places.build());
    command.env("CARGO_TERM_COLOR", "never");
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

/// The mutants that errors of the compiler are about: of the regions that hold the error the smallest; else the
/// nearest.
fn to_blame(output: &str, regions: &Regions) -> (BTreeMap<usize, String>, Vec<String>) {
    let (mut blamed, mut others) = (BTreeMap::new(), Vec::new());
    for line in output.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        let message = &message["message"];
        if message["level"] != "error" {
            continue;
        }
        let said = message["message"].as_str().unwrap_or_default().to_owned();
        let spans = message["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = spans.iter().filter(|span| span["is_primary"] == true).find_map(|span| {
            let all = regions.get(span["file_name"].as_str()?)?;
            let at = usize::try_from(span["byte_start"].as_u64()?).ok()?;
            let within = all.iter().filter(|(_, region)| region.contains(&at)).min_by_key(|(_, region)| region.len());
            let away = |region: &Range<usize>| region.start.abs_diff(at).min(region.end.abs_diff(at));
            let nearest = || all.iter().min_by_key(|(_, region)| away(region));
            within.or_else(nearest).map(|(number, _)| *number)
        });
        match found {
            Some(number) => {
                blamed.insert(number, said);
            }
            None => others.push(said),
        }
    }
    (blamed, others)
}

/// Copies and builds until everything compiles: a mutant that doesn't is left out.
pub fn build(places: &Places, mut sample: Sample) -> Fallible<Sample> {
    let mut tried = BTreeSet::new();
    loop {
        let regions = copy(places, &mut sample)?;
        keep(places, &sample)?;
        let check = cargo(places, &["check", "--locked", "--lib", "--message-format=json"]).output()?;
        if check.status.success() {
            sample.is_compiled = true;
            keep(places, &sample)?;
            break;
        }
        let (blamed, others) = to_blame(&String::from_utf8_lossy(&check.stdout), &regions);
        eprintln!("{} mutants don't compile", blamed.len());
        if blamed.keys().all(|number| tried.contains(number)) {
            let said = String::from_utf8_lossy(&check.stderr).into_owned();
            return Err(format!("the copy doesn't compile: {others:?}\n{said}").into());
        }
        for (number, said) in blamed {
            tried.insert(number);
            sample.mutants[number].unbuilt = Some(said);
        }
    }
    let built = cargo(places, &["build", "--locked", "--tests", "--bins"]).status()?;
    if built.success() { Ok(sample) } else { Err("the tests don't build".into()) }
}
