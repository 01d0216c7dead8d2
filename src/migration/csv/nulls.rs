//! What stands for NULL in a file, seen value by value: what is declared must occur, and of what isn't declared one reading
//! must be left over.

use std::sync::Arc;

use crate::base::text::{list, plural};
use crate::migration::csv::alarm::{Alarm, AlarmKind, Count};
use crate::migration::csv::error::CsvFault;
use crate::migration::csv::header::CsvColumn;
use crate::migration::csv::null::{Null, NullWord, null_word};

/// Values that are words for NULL, and are read as texts; the first of them.
#[derive(Default)]
struct Words {
    count: Count,
    first: Option<(Arc<str>, String, u64)>,
}

impl Words {
    fn add(&mut self, line: u64, text: &str, column: &Arc<str>) {
        self.count.add(line);
        if self.first.is_none() {
            self.first = Some((Arc::clone(column), text.to_owned(), line));
        }
    }
}

/// What was seen of NULLs so far.
pub(crate) struct Nulls {
    is_declared: bool,
    /// What is taken for NULL until the end shows whether it may be.
    pub(crate) taken: Vec<Null>,
    /// Whether each of them occurred.
    occurred: Vec<bool>,
    /// The first lines with nothing in a column: without and with quotation marks.
    empties: Vec<[Option<u64>; 2]>,
    names: Vec<Arc<str>>,
    /// Values without anything that aren't NULL.
    texts: Count,
    /// Words that few people write: without and with quotation marks.
    markers: [Words; 2],
    /// Words that texts have too: likewise.
    ordinary: [Words; 2],
    /// Whether a value has no quotation marks.
    has_bare: bool,
}

impl Nulls {
    pub(crate) fn new(declared: &[Null], columns: &[CsvColumn]) -> Self {
        let taken = if declared.is_empty() { vec![Null::Empty] } else { declared.to_vec() };
        Self {
            is_declared: !declared.is_empty(),
            occurred: vec![false; taken.len()],
            taken,
            empties: vec![[None; 2]; columns.len()],
            names: columns.iter().map(|it| Arc::clone(&it.name)).collect(),
            texts: Count::default(),
            markers: Default::default(),
            ordinary: Default::default(),
            has_bare: false,
        }
    }

    /// Looks at a value: whether it is NULL.
    pub(crate) fn see(&mut self, at: usize, line: u64, text: &str, quoted: bool) -> bool {
        if text.is_empty() {
            self.empties[at][usize::from(quoted)].get_or_insert(line);
        } else {
            self.has_bare |= !quoted;
        }
        if let Some(null) = self.taken.iter().position(|it| it.is(text, quoted)) {
            self.occurred[null] = true;
            return true;
        }
        if text.is_empty() {
            self.texts.add(line);
        }
        let words = match null_word(text) {
            None => return false,
            Some(NullWord::Marker) => &mut self.markers,
            Some(NullWord::Ordinary) => &mut self.ordinary,
        };
        words[usize::from(quoted)].add(line, text, &self.names[at]);
        false
    }

    /// Whether it is said of values without anything what they are.
    fn has_empties_declared(&self) -> bool {
        self.is_declared && self.taken.iter().any(|it| matches!(it, Null::Empty | Null::Unquoted))
    }

    fn unused(&self) -> impl Iterator<Item = &Null> {
        let unused = self.taken.iter().zip(&self.occurred).filter(|(_, occurred)| !**occurred).map(|(null, _)| null);
        unused.filter(|it| matches!(it, Null::Word(_) | Null::Quoted(_)))
    }

    /// Why there are two readings.
    pub(crate) fn check(&self) -> Result<(), CsvFault> {
        let columns = || self.names.iter().zip(&self.empties);
        if self.is_declared {
            let empty = columns().find_map(|(name, [bare, quoted])| Some((name, bare.or(*quoted)?)));
            return match empty {
                Some((column, line)) if self.unused().count() == self.taken.len() => {
                    let declared = list(self.taken.iter().map(Null::name));
                    Err(CsvFault::NullUnused { declared, column: Arc::clone(column), line })
                }
                _ => Ok(()),
            };
        }
        let first = |words: &[Words; 2]| words[0].first.clone();
        let words = [first(&self.markers), first(&self.ordinary)];
        if let Some((column, word, line)) = words.into_iter().flatten().min_by_key(|(_, _, line)| *line) {
            return Err(CsvFault::NullWord { column, word, line });
        }
        for (column, empties) in columns() {
            if let [Some(bare), Some(quoted)] = *empties {
                return Err(CsvFault::Nulls { column: Arc::clone(column), quoted, bare });
            }
        }
        Ok(())
    }

    /// What to be alarmed at.
    pub(crate) fn alarms(&self, rows: u64) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        // That a word is a text is answered by saying what is NULL, for words that texts have; markers are none in either case.
        let is_answered = self.has_empties_declared();
        let all_quoted = !self.has_bare;
        let shown = [
            (&self.markers[0], true),
            (&self.ordinary[0], !is_answered),
            (&self.markers[1], true),
            (&self.ordinary[1], all_quoted && !is_answered),
        ];
        for (at, (words, _)) in shown.iter().enumerate().filter(|(_, (_, is_shown))| *is_shown) {
            let Some((column, word, _)) = &words.first else { continue };
            let is_quoted = at >= 2;
            // A program that writes NULL without quotation marks puts them around a text of the same word.
            if is_quoted && self.taken.iter().any(|it| matches!(it, Null::Word(null) if null == word)) {
                continue;
            }
            let (marks, flag) =
                if is_quoted { ("within", format!("'\"{word}\"'")) } else { ("without", format!("'{word}'")) };
            let message = format!(
                "{} such as '{word}' in {column} {marks} quotation marks, which programs write for NULL, and {} read as text \
                 ({}); say --csv-null {flag} too if it stands for NULL",
                plural(words.count.count, "value", "values"),
                if words.count.count == 1 { "is" } else { "are" },
                words.count.shown()
            );
            alarms.push(words.count.alarm(AlarmKind::NullWords, None, message));
        }
        if rows > 0 {
            let unused = self.unused().map(|it| {
                let message = format!(
                    "--csv-null says {}, which occurs nowhere in the file, or not so with regard to quotation marks and case; \
                     leave it out, or correct it",
                    it.name()
                );
                Count::default().alarm(AlarmKind::NullWordUnused, None, message)
            });
            alarms.extend(unused);
        }
        if self.is_declared && !is_answered && self.texts.count > 0 {
            let message = format!(
                "{} without anything, read as an empty text, which Oracle doesn't have ({}): --csv-null names words only; say \
                 --csv-null empty too if such values are NULL",
                plural(self.texts.count, "value", "values"),
                self.texts.shown()
            );
            alarms.push(self.texts.alarm(AlarmKind::EmptyTexts, None, message));
        }
        alarms
    }
}
