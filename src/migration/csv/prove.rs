//! The first reading of a file: of what isn't declared, exactly one reading has to be left over.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::base::text::plural;
use crate::migration::csv::alarm::{Alarm, AlarmKind, Count};
use crate::migration::csv::date::{DateFormat, why_no_date};
use crate::migration::csv::declared::{Declared, Delimiter, Total};
use crate::migration::csv::encoding::Encoding;
use crate::migration::csv::error::{CsvFault, Encodings};
use crate::migration::csv::facts::{Facts, Repeated};
use crate::migration::csv::header::CsvColumn;
use crate::migration::csv::layout::{Layout, is_overflow};
use crate::migration::csv::nulls::Nulls;
use crate::migration::csv::number::{NumberFormat, read_identifier, why_no_number};
use crate::migration::csv::race::{Race, Seen};
use crate::migration::csv::record::Record;
use crate::migration::csv::sum::{Exact, Sum};
use crate::migration::csv::watch::{self, Watch};
use crate::migration::legacy::{Kind, LegacyColumn, Places};
use crate::migration::value::parse_identifier;

/// Ids that are no `bigint` of which the report shows the text.
const EXAMPLES: usize = 3;

/// Looks at every record of a file.
pub struct Prover {
    declared: Declared,
    columns: Vec<CsvColumn>,
    delimiter: Delimiter,
    encoding: Encoding,
    nulls: Nulls,
    dates: Race<DateFormat>,
    numbers: Race<NumberFormat>,
    watches: Vec<Watch>,
    /// Values that are UTF-8 and not ASCII.
    utf8: Count,
    /// Whether all values are UTF-8.
    is_utf8: bool,
    /// Dates that end in 50 to 99 where a format has two digits for the year: by each such format that may be the
    /// file's, and of columns for which one is declared.
    late: BTreeMap<String, Count>,
    late_declared: Count,
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
        let formats = declared.numbers.map_or_else(NumberFormat::all, |it| vec![it]);
        let sums = LegacyColumn::ALL.iter().filter(|it| it.kind() == Kind::Number);
        Self {
            nulls: Nulls::new(&declared.nulls, &columns),
            dates: Race::new(DateFormat::candidates()),
            numbers: Race::new(formats.clone()),
            watches: columns.iter().map(|it| Watch::new(&it.name, it.known)).collect(),
            utf8: Count::default(),
            is_utf8: true,
            late: BTreeMap::new(),
            late_declared: Count::default(),
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
        if self.is_first_line(record) {
            return Err(CsvFault::FirstLineAgain { line });
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
                encodings: self.encodings(bytes),
            })?;
            if !bytes.is_ascii() {
                if std::str::from_utf8(bytes).is_ok() { self.utf8.add(line) } else { self.is_utf8 = false }
            }
            if self.nulls.see(at, line, &text, quoted) {
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

    /// What the values look like up to one that is not text.
    fn encodings(&self, bytes: &[u8]) -> Encodings {
        match (std::str::from_utf8(bytes).is_ok(), self.is_utf8) {
            (true, true) => Encodings::Utf8,
            (true, false) => Encodings::Several,
            (false, _) if self.utf8.count > 0 => Encodings::Several,
            (false, _) => Encodings::Unknown,
        }
    }

    /// Whether a record has the names of the first line.
    fn is_first_line(&self, record: &Record) -> bool {
        let is = |(at, column): (usize, &CsvColumn)| {
            record.field(at).is_some_and(|(bytes, _)| bytes.eq_ignore_ascii_case(column.name.as_bytes()))
        };
        self.columns.iter().enumerate().all(is)
    }

    fn see_date(&mut self, known: LegacyColumn, at: usize, line: u64, text: &str) {
        if let Some(declared) = self.declared_dates(known) {
            let is_late = declared.has_short_year() && declared.read(text).is_some_and(|it| DateFormat::is_late(&it));
            if is_late {
                self.late_declared.add(line);
            }
            return;
        }
        self.dates.see(line, &self.columns[at].name, text, DateFormat::read);
        for (format, printed) in self.dates.readings() {
            if format.has_short_year() && DateFormat::is_late(printed) {
                self.late.entry(format.to_string()).or_default().add(line);
            }
        }
    }

    fn see_number(&mut self, known: LegacyColumn, at: usize, line: u64, text: &str) {
        let name = &self.columns[at].name;
        let declared = self.declared.numbers.map(|format| format.read(text));
        let is_raced = declared.is_none() && !is_overflow(text);
        if is_raced {
            self.numbers.see(line, name, text, |format, text| format.read(text));
        }
        for sum in self.sums.iter_mut().filter(|it| it.column == known) {
            let raced = || self.numbers.readings().find(|(format, _)| **format == sum.format).map(|(_, text)| text);
            let reading = if is_raced { raced() } else { declared.as_ref().and_then(|it| it.as_deref()) };
            sum.add(reading, || Seen::new(line, name, text));
        }
    }

    fn see_known(&mut self, known: LegacyColumn, at: usize, line: u64, text: &str) {
        match known.kind() {
            Kind::Timestamp if !is_overflow(text) => self.see_date(known, at, line, text),
            Kind::Number => self.see_number(known, at, line, text),
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
        self.nulls.check()?;
        let numbers =
            self.numbers.decide(|it| it.name().to_owned(), |format, text| format.read(text)).map_err(|why| {
                let reason = |it: &str| why_no_number(it).map(str::to_owned);
                CsvFault::undecided("numbers", "--csv-numbers", "1234.5", why, reason)
            })?;
        let race = self.dates.decide(ToString::to_string, DateFormat::read).map_err(|why| {
            let reason = |it: &str| why_no_date(it).map(str::to_owned);
            let fault = CsvFault::undecided("dates", "--csv-dates", "'DD-MON-RR'", why, reason);
            fault.noted(self.short_years())
        })?;
        let dates = LegacyColumn::ALL.iter().filter(|it| it.kind() == Kind::Timestamp);
        let dates: Vec<(LegacyColumn, DateFormat)> =
            dates.map(|it| (*it, self.declared_dates(*it).unwrap_or(&race).clone())).collect();
        let totals = self.sums.iter().filter(|it| it.format == numbers).map(|it| (it.column, it.end()));
        let totals: Vec<(LegacyColumn, Result<Exact, Seen>)> = totals.collect();
        self.check_control(&totals)?;
        let alarms = self.alarms(&dates, is_ended, has_mixed_ends);
        let Self { columns, delimiter, encoding, nulls, rows, ids, repeated, without, examples, largest, .. } = self;
        let places = Places::of(columns.iter().map(|it| &it.name));
        let layout = Layout { columns, places, delimiter, encoding, nulls: nulls.taken, numbers, dates };
        Ok((layout, Facts { rows, ids, repeated, without, examples, largest, totals, alarms }))
    }

    /// What two digits for a year can't say, if dates are read so, and there are values that may be such.
    fn short_years(&self) -> Option<String> {
        let late = self.late.values().max_by_key(|it| it.count).filter(|it| it.count > 0)?;
        Some(late_years(late))
    }

    fn check_control(&self, totals: &[(LegacyColumn, Result<Exact, Seen>)]) -> Result<(), CsvFault> {
        let mut differences = Vec::new();
        if let Some(rows) = self.declared.rows.filter(|rows| *rows != self.rows) {
            differences.push(format!("the file has {} rows, and --csv-rows says {rows}", self.rows));
        }
        for Total { column, sum } in &self.declared.totals {
            match totals.iter().find(|(of, _)| of == column).map(|(_, found)| found) {
                Some(Ok(found)) if found == sum => {}
                Some(Ok(found)) => {
                    differences.push(format!("the sum of {column} is {found} in the file, and --csv-total says {sum}"));
                }
                Some(Err(seen)) => differences.push(format!(
                    "{column} can't be summed, since it is '{}' on line {}, and --csv-total says {sum}",
                    seen.text, seen.line
                )),
                None => {}
            }
        }
        if differences.is_empty() { Ok(()) } else { Err(CsvFault::Control(differences)) }
    }

    fn other_encoding(&self) -> Option<Alarm> {
        let encoding = self.encoding.name();
        let message = match self.is_utf8 {
            true => format!(
                "the whole file is valid UTF-8, and is read as {encoding} because --csv-encoding says so ({}); leave the flag out \
                 if accented letters come out as two characters",
                self.utf8.shown()
            ),
            false => format!(
                "{} valid UTF-8 with letters that aren't ASCII ({}), and are read as {encoding} because --csv-encoding says so; \
                 the rest of the file isn't UTF-8: if accented letters come out as two characters there, the file was put \
                 together from several; export again in one encoding",
                plural(self.utf8.count, "value is", "values are"),
                self.utf8.shown()
            ),
        };
        (self.encoding != Encoding::Utf8 && self.utf8.count > 0)
            .then(|| self.utf8.alarm(AlarmKind::OtherEncoding, None, message))
    }

    fn alarms(&self, dates: &[(LegacyColumn, DateFormat)], is_ended: bool, has_mixed_ends: bool) -> Vec<Alarm> {
        let mut alarms = watch::alarms(&self.watches);
        alarms.extend(self.nulls.alarms(self.rows));
        alarms.extend(self.other_encoding());
        let mut add = |kind, count: &Count, message: &str| alarms.push(count.alarm(kind, None, message.to_owned()));
        let none = Count::default();
        let short = |(column, format): &&(LegacyColumn, DateFormat)| {
            format.has_short_year() && self.watches.iter().any(|it| it.has(*column))
        };
        if dates.iter().any(|it| short(&it)) {
            let raced = dates.iter().filter(short).filter(|(column, _)| self.declared_dates(*column).is_none());
            let raced = raced.take(1).filter_map(|(_, format)| self.late.get(&format.to_string()));
            let late = Count::merged(raced.chain([&self.late_declared]));
            let message = format!(
                "years have two digits and are read by Oracle's rule, 00 to 49 as 2000 to 2049, 50 to 99 as 1950 to 1999, or as \
                 this century where YY is declared; {}",
                late_years(&late)
            );
            add(AlarmKind::ShortYears, &late, &message);
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
        if self.rows == 0 && self.declared.rows != Some(0) {
            add(
                AlarmKind::NoRows,
                &none,
                "the file has a first line and no rows: nothing can be migrated from it; export again",
            );
        }
        if self.declared.rows.is_none() {
            let message = "nothing says how many rows the table had, so a file that lacks rows isn't noticed; give their \
                           number with --csv-rows, and sums with --csv-total";
            add(AlarmKind::NotCounted, &none, message);
        }
        alarms
    }
}

/// What two digits can't say, and how many dates may be such.
fn late_years(late: &Count) -> String {
    let found = match late.count {
        0 => "no date has a year from 50 on".to_owned(),
        count => format!("{} a year from 50 on ({})", plural(count, "date has", "dates have"), late.shown()),
    };
    format!(
        "{found}; a date such as 9999-12-31, before 1950 or after 2049 can't come back from two digits: export with four, in \
         SQL*Plus by `alter session set nls_date_format = 'YYYY-MM-DD HH24:MI:SS'`"
    )
}

/// Whether a line is what SQL*Plus prints after the rows.
pub(crate) fn is_footer(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let rest = text.trim_start_matches(|it: char| it.is_ascii_digit()).trim_start();
    let is_counted = rest.len() < text.len() || text.starts_with("no ");
    is_counted && (rest.contains("rows selected") || rest.contains("row selected"))
}
