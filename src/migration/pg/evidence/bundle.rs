//! Reads a bundle: what its files hold, and whether they are what its manifest says. Blocks.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::base::file::reason;
use crate::base::input::read_within;
use crate::base::text::hex;
use crate::migration::accounting::State;
use crate::migration::evidence::changes::WrongFile;
use crate::migration::evidence::entry::{Entry, Rejected};
use crate::migration::evidence::folding::{Folded, Folding};
use crate::migration::evidence::manifest::{FORMAT, FileOf, KIND, LIMIT, Manifest};
use crate::migration::evidence::names::{EACH, MANIFEST, REJECTIONS, ROWS, SIGNATURE, SUMS, TIMESTAMP_QUERY};
use crate::migration::pg::evidence::take::Leading;

/// Why a bundle can't be read at all.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum BundleError {
    #[error("{path} is not a folder of `verify --evidence`: {reason}; name one")]
    NoBundle { path: String, reason: String },
    #[error("{path}, line {line}: {why}")]
    Line { path: String, line: u64, why: String },
    #[error("{path} can't be read: {reason}; check the path")]
    Read { path: String, reason: String },
}

/// The longest line of a bundle: the record of a reason holds 4,000 characters of a value at most.
const LINE: u64 = 1 << 20;

/// The folder of a bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The folder.
    pub folder: PathBuf,
    /// The manifest, or why it can't be understood.
    pub manifest: Result<Manifest, String>,
}

impl Bundle {
    /// Opens a folder.
    pub fn open(folder: &Path) -> Result<Self, BundleError> {
        let no_bundle = |reason: String| BundleError::NoBundle { path: folder.display().to_string(), reason };
        let bytes = read_within(&folder.join(MANIFEST), LIMIT)
            .map_err(|error| no_bundle(format!("{MANIFEST}: {}", reason(&error, "it doesn't exist"))))?;
        Ok(Self { folder: folder.to_owned(), manifest: understood(&bytes) })
    }

    /// The files that aren't what the manifest and the list of sums say, and how many are.
    pub fn wrong_files(&self) -> (Vec<WrongFile>, usize) {
        let (mut wrong, mut right) = (self.faults_of_list(), 0);
        let mut look = |by: &'static str, name: &str, sha256: &str, bytes: Option<u64>| {
            let why = match self.hash(name) {
                Err(error) => Some(reason(&error, "it doesn't exist")),
                Ok((found, _)) if found != sha256 => Some(format!("its SHA-256 is {found}, not {sha256}")),
                Ok((_, length)) if bytes.is_some_and(|it| it != length) => Some("it has another length".to_owned()),
                Ok(_) => None,
            };
            match why {
                Some(why) => wrong.push(WrongFile { name: name.to_owned(), by, why }),
                None => right += 1,
            }
        };
        if let Ok(manifest) = &self.manifest {
            for FileOf { name, bytes, sha256 } in &manifest.files {
                look(MANIFEST, name, sha256, Some(*bytes));
            }
        }
        let sums = read_within(&self.folder.join(SUMS), LIMIT).map(|it| String::from_utf8_lossy(&it).into_owned());
        match sums {
            Ok(sums) => {
                for line in sums.lines() {
                    match line.split_once("  ") {
                        Some((sha256, name)) => look(SUMS, name, sha256, None),
                        None => look(SUMS, line, "", None),
                    }
                }
                if !sums.lines().any(|line| line.ends_with(&format!("  {MANIFEST}"))) {
                    let why = format!("{SUMS} doesn't name it");
                    wrong.push(WrongFile { name: MANIFEST.to_owned(), by: SUMS, why });
                }
            }
            Err(error) => {
                let why = reason(&error, "it doesn't exist");
                wrong.push(WrongFile { name: SUMS.to_owned(), by: MANIFEST, why });
            }
        }
        (wrong, right)
    }

    /// What the manifest doesn't name and should, and what is in the folder and shouldn't be.
    fn faults_of_list(&self) -> Vec<WrongFile> {
        let Ok(manifest) = &self.manifest else { return Vec::new() };
        let fault = |name: &str, why: &str| WrongFile { name: name.to_owned(), by: MANIFEST, why: why.to_owned() };
        let is_named = |name: &str| manifest.files.iter().any(|file| file.name == name);
        let lacking = EACH.into_iter().filter(|name| !is_named(name)).map(|name| fault(name, "it is not named"));
        let beside = self.beside();
        lacking
            .chain(beside.iter().map(|name| fault(name, "it is not a file of the evidence; keep it elsewhere")))
            .collect()
    }

    /// The files that aren't what they are in another bundle.
    pub fn other_than(&self, other: &Self, names: &[&'static str]) -> Vec<&'static str> {
        let hash = |bundle: &Self, name: &str| bundle.hash(name).map(|(sha256, _)| sha256).ok();
        names.iter().copied().filter(|name| hash(self, name) != hash(other, name)).collect()
    }

    /// The files that aren't these texts.
    pub fn other_than_texts(&self, texts: &[(&'static str, &'static [u8])]) -> Vec<&'static str> {
        let differs = |(name, text): &&(&'static str, &'static [u8])| {
            self.hash(name).map(|(sha256, _)| sha256).ok() != Some(hex(&Sha256::digest(text)))
        };
        texts.iter().filter(differs).map(|(name, _)| *name).collect()
    }

    /// Names in the folder that no bundle has. A time stamp is kept beside.
    fn beside(&self) -> Vec<String> {
        let found = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = found.map(|it| it.file_name().to_string_lossy().into_owned());
        let known = |name: &String| {
            let listed = self.manifest.as_ref().is_ok_and(|it| it.files.iter().any(|file| file.name == *name));
            listed || [MANIFEST, SUMS, SIGNATURE, TIMESTAMP_QUERY, "manifest.tsr"].contains(&name.as_str())
        };
        let mut beside: Vec<String> = names.filter(|name| !known(name)).collect();
        beside.sort();
        beside
    }

    /// The SHA-256 of a file of the folder, and its length.
    fn hash(&self, name: &str) -> io::Result<(String, u64)> {
        if name.contains('/') || name.is_empty() || name == ".." {
            return Err(io::Error::other("it is not the name of a file in the folder"));
        }
        let path = self.folder.join(name);
        // A device or a pipe would never end.
        if !std::fs::metadata(&path)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let (mut file, mut digest, mut buffer, mut length) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16], 0);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok((hex(&digest.finalize()), length)),
                read => {
                    digest.update(&buffer[..read]);
                    length += read as u64;
                }
            }
        }
    }

    /// The rows, with the reasons of those that are rejected.
    pub fn rows(&self) -> Result<BundleRows, BundleError> {
        let rows = Lines::open(&self.folder.join(ROWS))?;
        let mut rejections = Lines::open(&self.folder.join(REJECTIONS))?;
        let next = rejections.rejected()?;
        Ok(BundleRows { rows, rejections, next, last: None })
    }

    /// What the rows are folded into, with the path of a row if one is asked for by its place.
    pub(crate) fn fold(&self, place: Option<u64>) -> Result<Folded, BundleError> {
        let mut folding = place.map_or_else(Folding::default, Folding::keeping_path_of);
        let mut rows = self.rows()?;
        while let Some((entry, reasons)) = rows.next()? {
            folding.add(&entry, &reasons).map_err(|_| rows.rows.bad("its id is not larger than the one before"))?;
        }
        Ok(folding.finish())
    }
}

impl Bundle {
    /// What leads from a row to the root of the legacy rows; none if there is no line of that id.
    pub fn lead_to(&self, id: i64) -> Result<Option<Leading>, BundleError> {
        let (mut rows, mut place) = (self.rows()?, 0);
        while let Some((entry, reasons)) = rows.next()? {
            if entry.id == id {
                let Folded { path, roots, .. } = self.fold(Some(place))?;
                return Ok(path.zip(roots[0]).map(|(path, root)| Leading { entry, reasons, path, root }));
            }
            place += 1;
        }
        Ok(None)
    }
}

fn understood(bytes: &[u8]) -> Result<Manifest, String> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if manifest.kind != KIND {
        return Err(format!("its kind is {:?}, not {KIND:?}", manifest.kind));
    }
    if manifest.format != FORMAT {
        let format = manifest.format;
        return Err(format!("its format is {format}, and this version reads {FORMAT}; use a newer version"));
    }
    if manifest.to_text().as_bytes() != bytes {
        return Err("it is not spelt as this program spells it".to_owned());
    }
    Ok(manifest)
}

/// The lines of a file.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: u64,
    text: String,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, BundleError> {
        let failed = |error: io::Error| BundleError::Read {
            path: path.display().to_string(),
            reason: reason(&error, "it doesn't exist"),
        };
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is not a file")));
        }
        let file = BufReader::new(File::open(path).map_err(failed)?);
        Ok(Self { path: path.to_owned(), file, line: 0, text: String::new() })
    }

    fn bad(&self, why: &str) -> BundleError {
        BundleError::Line { path: self.path.display().to_string(), line: self.line, why: why.to_owned() }
    }

    /// The next line, without its end.
    fn next(&mut self) -> Result<Option<&str>, BundleError> {
        self.text.clear();
        self.line += 1;
        let read = (&mut self.file).take(LINE).read_line(&mut self.text);
        match read {
            Ok(0) => Ok(None),
            Ok(_) => match self.text.strip_suffix('\n') {
                Some(text) => Ok(Some(text)),
                None => Err(self.bad("it has no end, or is longer than any line of such a file")),
            },
            Err(error) => Err(self.bad(&error.to_string())),
        }
    }

    fn rejected(&mut self) -> Result<Option<Rejected>, BundleError> {
        let Some(text) = self.next()? else { return Ok(None) };
        match serde_json::from_str(text) {
            Ok(rejected) => Ok(Some(rejected)),
            Err(error) => {
                let why = error.to_string();
                Err(self.bad(&why))
            }
        }
    }
}

/// The rows of a bundle in the order of their ids.
pub struct BundleRows {
    rows: Lines,
    rejections: Lines,
    /// The reason that was read last.
    next: Option<Rejected>,
    last: Option<i64>,
}

impl BundleRows {
    /// The next row, with its reasons; none after the last.
    #[expect(clippy::should_implement_trait, reason = "an error ends it, which is no item")]
    pub fn next(&mut self) -> Result<Option<(Entry, Vec<Rejected>)>, BundleError> {
        let Some(text) = self.rows.next()? else { return Ok(None) };
        let entry = Entry::parse(text);
        let Some(entry) = entry else { return Err(self.rows.bad("it is not a line of rows.txt")) };
        if self.last.is_some_and(|last| last >= entry.id) {
            return Err(self.rows.bad("its id is not larger than the one before"));
        }
        self.last = Some(entry.id);
        let mut reasons = Vec::new();
        while let Some(reason) = self.next.take_if(|reason| reason.source_id <= entry.id) {
            // What is on record of rows that aren't there is nobody's reason.
            if reason.source_id == entry.id && entry.state() == State::Rejected {
                reasons.push(reason);
            }
            self.next = self.rejections.rejected()?;
        }
        if entry.with_reasons(&reasons) != entry {
            return Err(self.rows.bad("its last hash is not that of its reasons in rejections.jsonl"));
        }
        Ok(Some((entry, reasons)))
    }
}
