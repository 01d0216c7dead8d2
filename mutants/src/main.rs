//! `scripts/mutants`: how many of a sample of mutants the tests catch.
//!
//! A build for each mutant would take minutes. All of them are therefore compiled at once into a copy of the tree
//! (`schemata`), where the file `active` says at run time which is in force; one run of the tests records which
//! mutants each of them reaches (`tests`), and each mutant then costs only the tests that reach it (`hunt`).
//!
//! - `sample`: the list of cargo-mutants, and the seeded choice from it.
//! - `schemata`: the text of a file with its mutants in it. `tree`: the copy, and its build.
//! - `tests`: runs of the tests. `hunt`: mutant by mutant. `table`: what is printed.

mod hunt;
mod sample;
mod schemata;
mod table;
mod tests;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

/// What went wrong, in a sentence.
type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Where things are.
pub struct Places {
    /// The repository.
    root: PathBuf,
    /// `target/mutants`: results, the copy and its build.
    work: PathBuf,
}

impl Places {
    fn tree(&self) -> PathBuf {
        self.work.join("tree")
    }

    fn build(&self) -> PathBuf {
        self.work.join("build")
    }
}

struct Options {
    sample: usize,
    seed: u64,
    resume: bool,
    missed: bool,
    table: bool,
    minutes: u64,
}

fn options() -> Fallible<Options> {
    let mut options = Options { sample: 360, seed: 14, resume: false, missed: false, table: false, minutes: 24 * 60 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> Fallible<u64> { Ok(arguments.next().ok_or("a number is missing")?.parse()?) };
        match argument.as_str() {
            "--sample" => options.sample = usize::try_from(number()?)?,
            "--seed" => options.seed = number()?,
            "--minutes" => options.minutes = number()?,
            "--resume" => options.resume = true,
            "--missed" => options.missed = true,
            "--table" => options.table = true,
            other => return Err(format!("{other} is unknown; the head of scripts/mutants lists the options").into()),
        }
    }
    Ok(options)
}

fn run() -> Fallible<()> {
    let options = options()?;
    let root = std::env::current_dir()?;
    let places = Places { work: root.join("target/mutants"), root };
    std::fs::create_dir_all(&places.work)?;
    if options.table {
        let (sample, results) = (sample::kept(&places)?, hunt::results(&places)?);
        print!("{}", table::table(&sample, &results));
        return Ok(());
    }
    let sample = if options.resume || options.missed {
        sample::kept(&places)?
    } else {
        hunt::forget(&places)?;
        sample::choose(&places, options.sample, options.seed)?
    };
    let sample = tree::build(&places, sample)?;
    tests::record(&places, options.missed)?;
    if options.missed {
        hunt::forget_missed(&places)?;
    }
    hunt::all(&places, &sample, options.minutes)?;
    print!("{}", table::table(&sample, &hunt::results(&places)?));
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::from(2)
        }
    }
}
