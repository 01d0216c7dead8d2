//! How a CSV file writes dates, in Oracle's words, and what Postgres prints for them.

use std::fmt;
use std::str::FromStr;

use crate::migration::csv::null::undeclared_null;
use crate::migration::value::{Timestamp, ValueError};

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    Year,
    /// Two digits, by Oracle's rule: 00 to 49 are 2000 to 2049, 50 to 99 are 1950 to 1999.
    YearRr,
    /// Two digits of this century.
    YearYy,
    Month,
    MonthShort,
    MonthName,
    Day,
    Hour,
    /// Of twelve.
    HalfHour,
    Minute,
    Second,
    /// `XFF`: a point or a comma and digits, or nothing.
    Fraction,
    Meridiem,
    Literal(char),
    /// What may be left out.
    Optional(Vec<Piece>),
}

/// How dates are written: Oracle's elements, `[…]` around what may be left out, or `iso`: what Postgres prints.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateFormat {
    text: String,
    /// None for `iso`.
    pieces: Option<Vec<Piece>>,
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The words of a format, the longer first.
const ELEMENTS: [(&str, Piece); 18] = [
    ("YYYY", Piece::Year),
    ("RRRR", Piece::Year),
    ("MONTH", Piece::MonthName),
    ("HH24", Piece::Hour),
    ("HH12", Piece::HalfHour),
    ("XFF", Piece::Fraction),
    (".FF", Piece::Fraction),
    ("MON", Piece::MonthShort),
    ("RR", Piece::YearRr),
    ("YY", Piece::YearYy),
    ("MM", Piece::Month),
    ("DD", Piece::Day),
    ("HH", Piece::HalfHour),
    ("MI", Piece::Minute),
    ("SS", Piece::Second),
    ("AM", Piece::Meridiem),
    ("A.M.", Piece::Meridiem),
    ("P.M.", Piece::Meridiem),
];

/// Why a text is no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write iso, or Oracle's elements, such as DD-MON-RR or \"YYYY-MM-DD HH24:MI:SS\"; those are YYYY, RR, YY, MM, MON, \
     MONTH, DD, HH24, HH, MI, SS, XFF and AM, with [ and ] around what may be left out; a year, a month and a day are needed"
)]
pub struct NoFormat;

impl FromStr for DateFormat {
    type Err = NoFormat;

    fn from_str(text: &str) -> Result<Self, NoFormat> {
        if text.eq_ignore_ascii_case("iso") {
            return Ok(Self { text: "iso".to_owned(), pieces: None });
        }
        let mut rest = text;
        let pieces = parse(&mut rest, false)?;
        let has = |wanted: &[Piece]| pieces.iter().filter(|it| wanted.contains(it)).count() == 1;
        let is_whole = has(&[Piece::Year, Piece::YearRr, Piece::YearYy])
            && has(&[Piece::Month, Piece::MonthShort, Piece::MonthName])
            && has(&[Piece::Day]);
        let all = flat(&pieces);
        let has_half = all.contains(&&Piece::HalfHour);
        let is_clear = has_half == all.contains(&&Piece::Meridiem);
        if is_whole && is_clear { Ok(Self { text: text.to_owned(), pieces: Some(pieces) }) } else { Err(NoFormat) }
    }
}

fn flat<'p>(pieces: &'p [Piece]) -> Vec<&'p Piece> {
    let each = |piece: &'p Piece| match piece {
        Piece::Optional(inner) => flat(inner),
        other => vec![other],
    };
    pieces.iter().flat_map(each).collect()
}

fn parse(rest: &mut &str, is_inner: bool) -> Result<Vec<Piece>, NoFormat> {
    let mut pieces = Vec::new();
    while let Some(first) = rest.chars().next() {
        let starts = |word: &str| rest.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
        if let Some((word, piece)) = ELEMENTS.iter().find(|(word, _)| starts(word)) {
            pieces.push(piece.clone());
            *rest = &rest[word.len()..];
            // FF3 is FF.
            if *piece == Piece::Fraction {
                *rest = rest.strip_prefix(|it: char| it.is_ascii_digit()).unwrap_or(rest);
            }
            continue;
        }
        if starts("PM") {
            pieces.push(Piece::Meridiem);
            *rest = &rest[2..];
            continue;
        }
        *rest = &rest[first.len_utf8()..];
        match first {
            '[' => pieces.push(Piece::Optional(parse(rest, true)?)),
            ']' if is_inner => return Ok(pieces),
            'T' | 't' | '-' | '/' | '.' | ',' | ':' | ' ' => pieces.push(Piece::Literal(first)),
            // Oracle's quotation marks around a literal, as in "T".
            '"' => {}
            _ => return Err(NoFormat),
        }
    }
    if is_inner { Err(NoFormat) } else { Ok(pieces) }
}

/// What was read of a value so far.
#[derive(Clone, Default)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    half_hour: Option<i64>,
    is_pm: bool,
    minute: i64,
    second: i64,
    fraction: String,
}

impl DateFormat {
    /// What a file may be written in, in the order in which one is taken where several read every value alike.
    pub fn candidates() -> Vec<Self> {
        let days = [
            "YYYY-MM-DD",
            "YYYY/MM/DD",
            "DD-MON-RR",
            "DD-MON-YY",
            "DD-MON-YYYY",
            "DD/MM/YYYY",
            "MM/DD/YYYY",
            "DD-MM-YYYY",
            "MM-DD-YYYY",
            "DD.MM.YYYY",
            "DD-MM-RR",
            "MM-DD-RR",
            "RR-MM-DD",
            "DD/MM/RR",
            "MM/DD/RR",
            "RR/MM/DD",
            "DD.MM.RR",
            "DD-MM-YY",
            "MM-DD-YY",
            "YY-MM-DD",
            "DD/MM/YY",
            "MM/DD/YY",
            "YY/MM/DD",
            "DD.MM.YY",
            "DD MON YYYY",
        ];
        let times = [
            "[ HH24:MI[:SSXFF]]",
            "[ HH.MI[.SSXFF] AM]",
            "[ HH:MI[:SSXFF] AM]",
            "[ HH24.MI[.SSXFF]]",
            "[THH24:MI:SSXFF]",
        ];
        let each = days.iter().flat_map(|day| times.iter().map(move |time| format!("{day}{time}")));
        let iso = ["iso".to_owned()].into_iter();
        iso.chain(each).filter_map(|text| text.parse().ok()).collect()
    }

    /// Whether a year has two digits in it.
    pub fn has_short_year(&self) -> bool {
        self.pieces.iter().flatten().any(|it| matches!(it, Piece::YearRr | Piece::YearYy))
    }

    /// Whether a date that was read with two digits for the year has 50 to 99 there.
    pub(crate) fn is_late(printed: &str) -> bool {
        printed.as_bytes().get(2).is_some_and(|it| (b'5'..=b'9').contains(it))
    }

    /// The timestamp as Postgres prints it; one that it can't hold as it would be printed. None for a text that isn't of
    /// this format, or is no date.
    pub fn read(&self, text: &str) -> Option<String> {
        let Some(pieces) = &self.pieces else {
            if text.trim() != text {
                return None;
            }
            // By decision D5b an offset of zero is read, and no other.
            return match Timestamp::parse(text) {
                Ok(_) if is_as_printed(text) => Some(text.to_owned()),
                Ok(timestamp) => Some(timestamp.to_string()),
                Err(ValueError::OutOfRange) => Some(text.to_owned()),
                Err(_) => None,
            };
        };
        let (parts, rest) = matched(pieces, text, Parts::default())?;
        if !rest.is_empty() {
            return None;
        }
        let hour = match parts.half_hour {
            Some(hour) => hour % 12 + if parts.is_pm { 12 } else { 0 },
            None => parts.hour,
        };
        let Parts { year, month, day, minute, second, fraction, .. } = parts;
        let fraction = fraction.trim_end_matches('0');
        let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
        let printed = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}");
        match Timestamp::parse(&printed) {
            Ok(_) | Err(ValueError::OutOfRange) => Some(printed),
            Err(_) => None,
        }
    }
}

/// Whether a timestamp of four digits for the year is spelled as Postgres prints it; most are, and printing takes longer
/// than reading.
fn is_as_printed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_whole = bytes.len() == 19
        || bytes.len() > 20 && bytes[19] == b'.' && bytes.last().is_some_and(|it| (b'1'..=b'9').contains(it));
    is_whole && bytes[4] == b'-' && bytes[10] == b' ' && bytes[16] == b':'
}

fn matched<'t>(pieces: &[Piece], text: &'t str, parts: Parts) -> Option<(Parts, &'t str)> {
    let (mut parts, mut rest) = (parts, text);
    for piece in pieces {
        if let Piece::Optional(inner) = piece {
            if let Some((more, after)) = matched(inner, rest, parts.clone()) {
                (parts, rest) = (more, after);
            }
            continue;
        }
        rest = step(piece, rest, &mut parts)?;
    }
    Some((parts, rest))
}

fn step<'t>(piece: &Piece, rest: &'t str, parts: &mut Parts) -> Option<&'t str> {
    let (number, after) = match piece {
        Piece::Year => digits(rest, 4, 4)?,
        Piece::YearRr | Piece::YearYy | Piece::Minute | Piece::Second => digits(rest, 2, 2)?,
        Piece::Month | Piece::Day | Piece::Hour | Piece::HalfHour => digits(rest, 1, 2)?,
        _ => (0, rest),
    };
    match piece {
        Piece::Year => parts.year = number,
        Piece::YearRr => parts.year = if number < 50 { 2000 + number } else { 1900 + number },
        Piece::YearYy => parts.year = 2000 + number,
        Piece::Month => parts.month = number,
        Piece::Day => parts.day = number,
        Piece::Hour => parts.hour = number,
        Piece::HalfHour if !(1..=12).contains(&number) => return None,
        Piece::HalfHour => parts.half_hour = Some(number),
        Piece::Minute => parts.minute = number,
        Piece::Second => parts.second = number,
        Piece::MonthShort | Piece::MonthName => {
            let length = |month: &&str| if *piece == Piece::MonthShort { 3 } else { month.len() };
            let is = |month: &&&str| {
                rest.get(..length(month)).is_some_and(|it| it.eq_ignore_ascii_case(&month[..length(month)]))
            };
            let month = MONTHS.iter().position(|month| is(&month))?;
            parts.month = month as i64 + 1;
            return rest.get(length(&MONTHS[month])..);
        }
        Piece::Fraction => {
            let Some(fraction) = rest.strip_prefix(['.', ',']) else { return Some(rest) };
            let end = fraction.find(|it: char| !it.is_ascii_digit()).unwrap_or(fraction.len());
            fraction[..end].clone_into(&mut parts.fraction);
            return (end > 0).then_some(&fraction[end..]);
        }
        Piece::Meridiem => {
            let words = [("am", false), ("pm", true), ("a.m.", false), ("p.m.", true)];
            let is = |word: &str| rest.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
            let (word, is_pm) = words.into_iter().find(|(word, _)| is(word))?;
            parts.is_pm = is_pm;
            return rest.get(word.len()..);
        }
        Piece::Literal(literal) => return rest.strip_prefix(*literal),
        Piece::Optional(_) => {}
    }
    Some(after)
}

fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let found = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (found >= least).then(|| (text[..found].parse().unwrap_or(0), &text[found..]))
}

/// What is wrong with a value that no format of dates reads, if it can be said.
pub(crate) fn why_no_date(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let words = || lower.split(|it: char| !it.is_alphabetic()).filter(|it| it.chars().count() > 2 || !it.is_ascii());
    let is_english = |word: &str| MONTHS.iter().any(|it| *it == word || it[..3] == *word || word == "sept");
    let is_zone = |word: &str| ["utc", "gmt", "cet", "cest", "bst", "est", "edt"].contains(&word);
    let has_digits = text.contains(|it: char| it.is_ascii_digit());
    let has_offset = lower.find(':').is_some_and(|at| lower[at..].contains(['+', '-']));
    match text {
        _ if undeclared_null(text).is_some() => undeclared_null(text),
        _ if words().any(is_zone) || has_offset => Some(
            "only iso has an offset, and only zero (+00, +0000, +00:00 or Z): export what the clock showed, by cast(… as timestamp)",
        ),
        _ if has_digits && words().any(|it| !is_english(it)) && !words().any(is_english) => {
            Some("names of months have to be English: export with NLS_DATE_LANGUAGE=ENGLISH")
        }
        _ if lower.contains(" 24:") || lower.contains("t24:") || lower.contains(" 24.") => {
            Some("hours go from 00 to 23: 24:00 is 00:00 of the next day")
        }
        _ if text.trim() != text => Some("there are blanks around it: export without padding"),
        _ => None,
    }
}
