//! The first reading of a file: of what isn't declared, exactly one reading has to be left over.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::base::text::{list, plural, thousands};
use crate::migration::csv::alarm::{Alarm, AlarmKind, Count, Watch};
use crate::migration::csv::date::DateFormat;
use crate::migration::csv::declared::{Declared, Delimiter, SUM_DIGITS, Total};
use crate::migration::csv::encoding::Encoding;
use crate::migration::csv::error::CsvFault;
use crate::migration::csv::facts::{Facts, Repeated};
use crate::migration::csv::header::CsvColumn;
use crate::migration::csv::layout::{Layout, is_overflow};
use crate::migration::csv::null::{NULL_WORDS, Null};
use crate::migration::csv::number::{NumberFormat, read_identifier};
use crate::migration::csv::race::Race;
use crate::migration::csv::record::Record;
use crate::migration::legacy::{Kind, LegacyColumn};
use crate::migration::value::{Amount, parse_identifier};

/// Ids that are no `bigint` of which the report shows the text.
const EXAMPLES: usize = 3;

/// Looks at every record of a file.
pub struct Prover {
    declared: Declared,
    columns: Vec<CsvColumn>,
    delimiter: Delimiter,
    encoding: Encoding,
    /// What is taken for NULL until the end shows whether it may be.
    nulls: Vec<Null>,
    dates: Race<DateFormat>,
    numbers: Race<NumberFormat>,
    watches: Vec<Watch>,
    /// The first lines with nothing in a column: without and with quotation marks.
    empties: Vec<[Option<u64>; 2]>,
    null_word: Option<(Arc<str>, String, u64)>,
    /// Values that are UTF-8 and not ASCII, in a file that is declared to be something else.
    utf8: Count,
    is_utf8: bool,
    rows: u64,
    ids: RoaringTreemap,
    repeated: BTreeMap<i64, Repeated>,
    without: Count,
    examples: Vec<(Option<String>, u64)>,
    largest: Option<i64>,
    /// The sum of each column of numbers by each format.
    sums: Vec<Sum>,
}

impl Prover {
    /// Before the first row.
    pub fn new(declared: Declared, columns: Vec<CsvColumn>, delimiter: Delimiter, encoding: Encoding) -> Self {
        let nulls = if declared.nulls.is_empty() { vec![Null::Empty] } else { declared.nulls.clone() };
        let formats = declared.numbers.map_or_else(NumberFormat::all, |it| vec![it]);
        let sums = LegacyColumn::ALL.iter().filter(|it| it.kind() == Kind::Number);
        Self {
            nulls,
            dates: Race::new(DateFormat::candidates()),
            numbers: Race::new(formats.clone()),
            watches: columns.iter().map(|it| Watch::new(&it.name, it.known)).collect(),
            empties: vec![[None; 2]; columns.len()],
            null_word: None,
            utf8: Count::default(),
            is_utf8: true,
            rows: 0,
            ids: RoaringTreemap::new(),
            repeated: BTreeMap::new(),
            without: Count::default(),
            examples: Vec::new(),
            largest: None,
            sums: sums.flat_map(|column| formats.iter().map(|format| Sum::new(*column, *format))).collect(),
            declared,
            columns,
            delimiter,
            encoding,
        }
    }

    /// The name of a field's column.
    pub fn name(&self, field: usize) -> Option<Arc<str>> {
        self.columns.get(field.checked_sub(1)?).map(|it| Arc::clone(&it.name))
    }

    /// The format that is declared for a column of dates.
    fn declared_dates(&self, column: LegacyColumn) -> Option<&DateFormat> {
        let own = self.declared.dates.iter().rev().find(|it| it.column == Some(column));
        own.or_else(|| self.declared.dates.iter().rev().find(|it| it.column.is_none())).map(|it| &it.format)
    }

    /// Looks at a record.
    pub fn see(&mut self, record: &Record) -> Result<(), CsvFault> {
        let line = record.start.line;
        if record.len() != self.columns.len() {
            return Err(self.ragged(record));
        }
        self.rows += 1;
        let mut has_id = false;
        for at in 0..record.len() {
            let (bytes, quoted) = record.field(at).unwrap_or_default();
            let text = self.encoding.decode(bytes).map_err(|_| CsvFault::NotText {
                line,
                column: Arc::clone(&self.columns[at].name),
                byte: record.start.byte,
                encoding: self.encoding.name(),
            })?;
            if self.encoding != Encoding::Utf8 && !bytes.is_ascii() {
                self.is_utf8 = self.is_utf8 && std::str::from_utf8(bytes).is_ok();
                self.utf8.add(line);
            }
            if text.is_empty() {
                self.empties[at][usize::from(quoted)].get_or_insert(line);
            }
            if self.declared.nulls.is_empty() && !quoted && self.null_word.is_none() && NULL_WORDS.contains(&&*text) {
                self.null_word = Some((Arc::clone(&self.columns[at].name), text.clone().into_owned(), line));
            }
            if self.nulls.iter().any(|it| it.is(&text, quoted)) {
                continue;
            }
            self.watches[at].see(line, &text);
            if let Some(known) = self.columns[at].known {
                has_id |= known == LegacyColumn::Id;
                self.see_known(known, at, line, &text);
            }
        }
        if !has_id {
            self.see_odd_id(None, line);
        }
        Ok(())
    }

    fn see_known(&mut self, known: LegacyColumn, at: usize, line: u64, text: &str) {
        match known.kind() {
            Kind::Timestamp if !is_overflow(text) && self.declared_dates(known).is_none() => {
                self.dates.see(line, &self.columns[at].name, text, DateFormat::read);
            }
            Kind::Number => {
                if self.declared.numbers.is_none() && !is_overflow(text) {
                    self.numbers.see(line, &self.columns[at].name, text, |format, text| format.read(text));
                }
                self.sums.iter_mut().filter(|it| it.column == known).for_each(|it| it.add(text));
            }
            Kind::Identifier if known == LegacyColumn::Id => {
                match read_identifier(text).ok().and_then(|it| parse_identifier(&it).ok()) {
                    Some(id) => self.see_id(id, line),
                    None => self.see_odd_id(Some(text), line),
                }
            }
            _ => {}
        }
    }

    fn see_id(&mut self, id: i64, line: u64) {
        if !self.ids.insert(id.cast_unsigned()) {
            let repeated = self.repeated.entry(id).or_insert(Repeated { rows: 1, again: Count::default() });
            repeated.rows += 1;
            repeated.again.add(line);
        }
        if id < i64::MAX {
            self.largest = self.largest.max(Some(id));
        }
    }

    fn see_odd_id(&mut self, text: Option<&str>, line: u64) {
        self.without.add(line);
        let shown = text.map(|it| it.chars().take(40).collect::<String>());
        if let Some((_, rows)) = self.examples.iter_mut().find(|(example, _)| *example == shown) {
            *rows += 1;
        } else if self.examples.len() < EXAMPLES {
            self.examples.push((shown, 1));
        }
    }

    fn ragged(&self, record: &Record) -> CsvFault {
        let texts = record.fields().map(|(bytes, _)| String::from_utf8_lossy(bytes).into_owned());
        let text = texts.collect::<Vec<_>>().join(" ");
        let line = record.start.line;
        match is_footer(&text) {
            true => CsvFault::Footer { line, text: text.chars().take(60).collect() },
            false => CsvFault::Ragged { line, found: record.len(), expected: self.columns.len() },
        }
    }

    /// After the last row: how the file is read, and what it holds. `is_ended` says whether its last line has an end.
    pub fn end(self, is_ended: bool, has_mixed_ends: bool) -> Result<(Layout, Facts), CsvFault> {
        self.check_nulls()?;
        let numbers = self
            .numbers
            .decide(|it| it.name().to_owned(), |format, text| format.read(text))
            .map_err(|why| CsvFault::Undecided { what: "numbers", flag: "--csv-numbers", example: "1234.5", why })?;
        let race = self.dates.decide(ToString::to_string, DateFormat::read).map_err(|why| CsvFault::Undecided {
            what: "dates",
            flag: "--csv-dates",
            example: "'DD-MON-RR'",
            why,
        })?;
        let dates = LegacyColumn::ALL.iter().filter(|it| it.kind() == Kind::Timestamp);
        let dates: Vec<(LegacyColumn, DateFormat)> =
            dates.map(|it| (*it, self.declared_dates(*it).unwrap_or(&race).clone())).collect();
        let totals = self.sums.iter().filter(|it| it.format == numbers).map(|it| (it.column, it.sum));
        let totals: Vec<(LegacyColumn, Option<i128>)> = totals.collect();
        self.check_control(&totals)?;
        let alarms = self.alarms(&dates, is_ended, has_mixed_ends);
        let Self { columns, delimiter, encoding, nulls, rows, ids, repeated, without, examples, largest, .. } = self;
        let layout = Layout { columns, delimiter, encoding, nulls, numbers, dates };
        Ok((layout, Facts { rows, ids, repeated, without, examples, largest, totals, alarms }))
    }

    fn check_nulls(&self) -> Result<(), CsvFault> {
        if !self.declared.nulls.is_empty() {
            return Ok(());
        }
        if let Some((column, word, line)) = self.null_word.clone() {
            return Err(CsvFault::NullWord { column, word, line });
        }
        for (column, empties) in self.columns.iter().zip(&self.empties) {
            if let [Some(bare), Some(quoted)] = *empties {
                return Err(CsvFault::Nulls { column: Arc::clone(&column.name), quoted, bare });
            }
        }
        Ok(())
    }

    fn check_control(&self, totals: &[(LegacyColumn, Option<i128>)]) -> Result<(), CsvFault> {
        let mut differences = Vec::new();
        if let Some(rows) = self.declared.rows.filter(|rows| *rows != self.rows) {
            differences.push(format!("the file has {} rows, and --csv-rows says {rows}", self.rows));
        }
        for Total { column, sum } in &self.declared.totals {
            let found = totals.iter().find(|(of, _)| of == column).and_then(|(_, sum)| *sum);
            match found {
                Some(found) if found == sum.0 => {}
                Some(found) => {
                    let (found, sum) = (shown(found), shown(sum.0));
                    differences.push(format!("the sum of {column} is {found} in the file, and --csv-total says {sum}"));
                }
                None => differences
                    .push(format!("{column} has values that can't be summed, and --csv-total says {}", shown(sum.0))),
            }
        }
        if differences.is_empty() { Ok(()) } else { Err(CsvFault::Control(differences)) }
    }

    fn lost_characters(&self) -> Option<Alarm> {
        let found: Vec<&Watch> = self.watches.iter().filter(|it| it.replaced.count > 0).collect();
        let mut lines: Vec<u64> = found.iter().flat_map(|it| it.replaced.lines.iter().copied()).collect();
        lines.sort_unstable();
        lines.truncate(Count::LINES);
        let all = Count { count: found.iter().map(|it| it.replaced.count).sum(), lines };
        let columns = list(found.iter().map(|it| format!("{} {}", it.name, thousands(it.replaced.count))));
        let message = format!(
            "{} with a character that stands for a lost one, U+FFFD or an inverted question mark after a letter ({columns}; \
             {}); export with NLS_LANG=.AL32UTF8",
            plural(all.count, "value", "values"),
            all.shown()
        );
        (all.count > 0).then(|| all.alarm(AlarmKind::LostCharacters, None, message))
    }

    fn alarms(&self, dates: &[(LegacyColumn, DateFormat)], is_ended: bool, has_mixed_ends: bool) -> Vec<Alarm> {
        let mut alarms: Vec<Alarm> = self.watches.iter().flat_map(Watch::alarms).collect();
        alarms.extend(self.lost_characters());
        let mut add = |kind, count: &Count, message: &str| alarms.push(count.alarm(kind, None, message.to_owned()));
        let none = Count::default();
        let has_dates = self.watches.iter().any(|it| it.without_time.count > 0);
        if has_dates && self.watches.iter().all(|it| it.with_time == 0) {
            let count = Count { count: self.watches.iter().map(|it| it.without_time.count).sum(), lines: Vec::new() };
            let message = "no date has a time of day: if the table has them, the export has lost them; export with \
                           NLS_DATE_FORMAT='YYYY-MM-DD HH24:MI:SS'";
            add(AlarmKind::LostTime, &count, message);
        }
        let is_read = |column: LegacyColumn| {
            self.watches.iter().any(|it| it.known == Some(column) && it.with_time + it.without_time.count > 0)
        };
        if dates.iter().any(|(column, format)| format.has_short_year() && is_read(*column)) {
            let message = "years have two digits and are read by Oracle's rule, 00 to 49 as 2000 to 2049, 50 to 99 as 1950 \
                           to 1999, or as this century where YY is declared";
            add(AlarmKind::ShortYears, &none, message);
        }
        if self.is_utf8 && self.utf8.count > 0 {
            let message = format!(
                "the whole file is valid UTF-8, and is read as {} because --csv-encoding says so ({}); leave the flag out if \
                 accented letters come out as two characters",
                self.encoding.name(),
                self.utf8.shown()
            );
            add(AlarmKind::OtherEncoding, &self.utf8, &message);
        }
        if has_mixed_ends {
            add(
                AlarmKind::MixedLineEnds,
                &none,
                "some lines end in LF and some in CRLF: the file was put together or edited",
            );
        }
        if !is_ended {
            add(AlarmKind::NoLastLineEnd, &none, "the last line has no end: the file may have been cut off");
        }
        if self.declared.rows.is_none() {
            let message = "nothing says how many rows the table had, so a file that lacks rows isn't noticed; give their \
                           number with --csv-rows, and sums with --csv-total";
            add(AlarmKind::NotCounted, &none, message);
        }
        alarms
    }
}

/// The sum of a column, if its numbers are of a format.
struct Sum {
    column: LegacyColumn,
    format: NumberFormat,
    /// Times 10,000; none from the first value on that isn't a number of the format, or too large.
    sum: Option<i128>,
}

impl Sum {
    fn new(column: LegacyColumn, format: NumberFormat) -> Self {
        Self { column, format, sum: Some(0) }
    }

    fn add(&mut self, text: &str) {
        let Some(sum) = self.sum else { return };
        // Of a value that the target can't hold the row is rejected; the table's sum has it nevertheless.
        let amount = self.format.read(text).and_then(|it| Amount::parse(&it, SUM_DIGITS).ok());
        self.sum = amount.and_then(|amount| sum.checked_add(amount.0));
    }
}

/// A sum, times 10,000.
pub(crate) fn shown(sum: i128) -> String {
    Amount::to_string(&crate::migration::value::Decimal(sum))
}

/// Whether a line is what SQL*Plus prints after the rows.
pub(crate) fn is_footer(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let rest = text.trim_start_matches(|it: char| it.is_ascii_digit()).trim_start();
    let is_counted = rest.len() < text.len() || text.starts_with("no ");
    is_counted && (rest.contains("rows selected") || rest.contains("row selected"))
}
