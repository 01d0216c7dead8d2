//! The head of a check's SQL file. Pure, and without the rest of the program: `build.rs` reads it, too, so that a file
//! with a wrong head doesn't build.
//!
//! Comment lines: first what the check means, in a sentence; then a line for each key; a line that is indented goes on
//! with the one above it.

/// How much it matters that a check fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// What is stored can't be right.
    Fail,
    /// It needs attention, and may be right.
    Warn,
}

/// Which rows a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Those that came from the legacy table.
    Legacy,
    /// Those that the application wrote.
    Application,
    /// All.
    Both,
    /// None: it looks at the catalog.
    Catalog,
}

impl Rows {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Application => "application",
            Self::Both => "both",
            Self::Catalog => "catalog",
        }
    }
}

/// A table and the column that an index must lead with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'t> {
    /// With its schema.
    pub table: &'t str,
    /// The column, or the expression as `pg_get_indexdef` prints it.
    pub column: &'t str,
}

/// What the head of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'t> {
    /// What holds, in a sentence.
    pub meaning: String,
    /// How much it matters if it doesn't.
    pub severity: Severity,
    /// The acceptance scenarios that it is a validation query of.
    pub scenarios: Vec<u8>,
    /// Which rows it looks at.
    pub rows: Rows,
    /// The relations that it reads, with their schemas; a name that ends with `_id_seq` is a sequence.
    pub reads: Vec<&'t str>,
    /// How a row of the legacy table can be odd already. The query then has a column `as_in_source`.
    pub legacy: Option<String>,
    /// What to do about what it finds.
    pub remedy: String,
    /// The extension that it needs, and a function of it that the role must be allowed to execute.
    pub extension: Option<(&'t str, &'t str)>,
    /// The query is EXPLAINed, and must be able to use an index on this.
    pub index: Option<Key<'t>>,
}

const KEYS: [&str; 8] = ["severity", "scenarios", "rows", "reads", "legacy", "remedy", "extension", "index"];

impl<'t> Header<'t> {
    /// Reads the head of a file.
    pub fn parse(text: &'t str) -> Result<Self, String> {
        let lines = text.lines().take_while(|line| line.starts_with("--"));
        let mut entries: Vec<(&str, Vec<&'t str>)> = vec![("", Vec::new())];
        for line in lines.map(|line| line.trim_start_matches("--")) {
            let word = line.split_once(": ").map(|(key, value)| (key.trim_start(), value));
            let key = word.filter(|(key, _)| !line.starts_with("  ") && !key.contains(' '));
            match key {
                Some((key, value)) => entries.push((key, vec![value.trim()])),
                None => entries.last_mut().ok_or("no lines")?.1.push(line.trim()),
            }
        }
        if let Some((key, _)) = entries.iter().skip(1).find(|(key, _)| !KEYS.contains(key)) {
            return Err(format!("the key {key:?} is none of {}", KEYS.join(", ")));
        }
        if let Some(key) = KEYS.iter().find(|key| entries.iter().filter(|(it, _)| it == *key).count() > 1) {
            return Err(format!("{key} is there twice"));
        }
        let optional = |wanted: &str| entries.iter().find(|(key, _)| *key == wanted).map(|(_, lines)| lines);
        let needed = |wanted: &str| optional(wanted).ok_or(format!("{wanted} is missing"));
        let names = |lines: &Vec<&'t str>| -> Vec<&'t str> {
            lines.iter().flat_map(|line| line.split(',')).map(str::trim).filter(|it| !it.is_empty()).collect()
        };
        let sentence = |lines: &Vec<&str>| lines.join(" ").trim().to_owned();
        let header = Self {
            meaning: sentence(needed("")?),
            severity: severity(&sentence(needed("severity")?))?,
            scenarios: optional("scenarios").map_or(Ok(Vec::new()), |lines| scenarios(&names(lines)))?,
            rows: rows(&sentence(needed("rows")?))?,
            reads: optional("reads").map(names).unwrap_or_default(),
            legacy: optional("legacy").map(sentence),
            remedy: sentence(needed("remedy")?),
            extension: optional("extension").map(|lines| extension(lines)).transpose()?,
            index: optional("index").map(|lines| key(lines)).transpose()?,
        };
        header.check(text)?;
        Ok(header)
    }

    /// What the parts must be together.
    fn check(&self, text: &str) -> Result<(), String> {
        if !self.meaning.ends_with('.') || self.remedy.is_empty() || self.remedy.ends_with('.') {
            return Err("the meaning ends with a full stop, and the remedy without one".to_owned());
        }
        if let Some(name) = self.reads.iter().find(|name| name.split('.').count() != 2) {
            return Err(format!("reads names {name}, which has no schema"));
        }
        let body = body(text);
        if let Some(name) = self.reads.iter().find(|name| !body.contains(*name)) {
            return Err(format!("reads names {name}, which the query doesn't"));
        }
        if !body.trim_end().ends_with(';') || body.matches(';').count() != 1 {
            return Err("the query is one statement, with a semicolon at its end".to_owned());
        }
        if self.legacy.is_some() != body.contains("as as_in_source") {
            return Err("a query with a column as_in_source has a line legacy, and no other has".to_owned());
        }
        if self.index.is_some() != body.starts_with("explain\n") {
            return Err("a query that begins with explain has a line index, and no other has".to_owned());
        }
        Ok(())
    }
}

/// A file without its head.
pub fn body(text: &str) -> &str {
    let head: usize = text.split_inclusive('\n').take_while(|line| line.starts_with("--")).map(str::len).sum();
    &text[head..]
}

fn severity(word: &str) -> Result<Severity, String> {
    match word {
        "fail" => Ok(Severity::Fail),
        "warn" => Ok(Severity::Warn),
        other => Err(format!("severity is fail or warn, not {other}")),
    }
}

fn rows(word: &str) -> Result<Rows, String> {
    let all = [Rows::Legacy, Rows::Application, Rows::Both, Rows::Catalog];
    let found = all.into_iter().find(|rows| rows.as_str() == word);
    found.ok_or(format!("rows is legacy, application, both or catalog, not {word}"))
}

fn scenarios(words: &[&str]) -> Result<Vec<u8>, String> {
    let number = |word: &&str| word.parse().ok().filter(|number| (1..=10).contains(number));
    words.iter().map(|word| number(word).ok_or(format!("a scenario is a number from 1 to 10, not {word}"))).collect()
}

fn extension<'t>(lines: &[&'t str]) -> Result<(&'t str, &'t str), String> {
    lines.first().and_then(|line| line.split_once(' ')).ok_or("extension has a name and a function".to_owned())
}

fn key<'t>(lines: &[&'t str]) -> Result<Key<'t>, String> {
    let line = lines.first().ok_or("index is empty")?;
    let parts = line.strip_suffix(')').and_then(|line| line.split_once(" ("));
    let (table, column) = parts.ok_or("index has a table, and a column in parentheses")?;
    Ok(Key { table, column })
}
