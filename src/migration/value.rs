//! Exact numbers and timestamps, as Postgres stores and prints them.
//!
//! Invariant: nothing here rounds, converts or guesses. A text that is not exactly representable is an error, and
//! the caller decides what that means for the row (D5, D5b).

use std::fmt;

/// Why a text could not become a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The text isn't of this kind at all.
    #[error("cannot be read")]
    Unreadable,
    /// The text is of this kind, but its column would round it or can't hold it.
    #[error("does not fit")]
    OutOfRange,
    /// NaN or an infinity, of a number.
    #[error("is not finite")]
    NotFinite,
}

/// A decimal number with `SCALE` digits after the point, as in `numeric(p, SCALE)`; the field is the number times
/// 10^`SCALE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal<const SCALE: u32>(pub i128);

/// `numeric(20,4)`: money and quantities.
pub type Amount = Decimal<4>;
/// `numeric(24,8)`: the price of an execution.
pub type Price = Decimal<8>;

/// Digits that `numeric(20,4)` holds.
pub(crate) const AMOUNT_DIGITS: u32 = 20;
/// Digits that `numeric(24,8)` holds.
pub(crate) const PRICE_DIGITS: u32 = 24;

impl<const SCALE: u32> Decimal<SCALE> {
    /// Reads what a Postgres number's output function prints, exponents included, if a `numeric(digits, SCALE)`
    /// holds it without rounding.
    pub fn parse(text: &str, digits: u32) -> Result<Self, ValueError> {
        parse_scaled(text, SCALE, digits).map(Self)
    }
}

impl<const SCALE: u32> fmt::Display for Decimal<SCALE> {
    /// Prints as Postgres prints a `numeric` of this scale: every digit after the point, no exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (one, width) = (10u128.pow(SCALE), SCALE as usize);
        let (whole, part) = (self.0.unsigned_abs() / one, self.0.unsigned_abs() % one);
        if SCALE == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{part:0width$}") }
    }
}

impl Price {
    /// `value / size`, rounded half away from zero to 8 decimals; `None` when `size` is zero or the result doesn't
    /// fit `numeric(24,8)` (D18).
    pub fn quotient(value: Amount, size: Amount) -> Option<Self> {
        if size.0 == 0 {
            return None;
        }
        // 20 digits and 8 more stay below the 38 that an i128 holds.
        let dividend = value.0.unsigned_abs() * 10u128.pow(8);
        let divisor = size.0.unsigned_abs();
        let magnitude = dividend / divisor + u128::from(dividend % divisor * 2 >= divisor);
        let magnitude = i128::try_from(magnitude).ok().filter(|it| *it < 10i128.pow(PRICE_DIGITS))?;
        Some(Self(if (value.0 < 0) != (size.0 < 0) { -magnitude } else { magnitude }))
    }
}

/// Reads an identifier: a number without a fraction that a `bigint` holds.
pub fn parse_identifier(text: &str) -> Result<i64, ValueError> {
    // The common case is a plain integer, which the general parser would take apart digit by digit.
    if let Ok(id) = text.parse::<i64>() {
        return Ok(id);
    }
    i64::try_from(parse_scaled(text, 0, 19)?).map_err(|_| ValueError::OutOfRange)
}

fn parse_scaled(text: &str, scale: u32, max_digits: u32) -> Result<i128, ValueError> {
    use ValueError::{OutOfRange, Unreadable};
    // The blanks that Postgres's own numeric input skips.
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if ["nan", "inf", "infinity"].iter().any(|it| unsigned.eq_ignore_ascii_case(it)) {
        return Err(ValueError::NotFinite);
    }
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
                return Err(Unreadable);
            }
            // An exponent beyond i32 moves every digit but zero out of any column's range.
            (number, exponent.parse::<i32>().unwrap_or(if exponent.starts_with('-') { i32::MIN } else { i32::MAX }))
        }
        None => (unsigned, 0),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + part.len() == 0 || !whole.bytes().chain(part.bytes()).all(|it| it.is_ascii_digit()) {
        return Err(Unreadable);
    }
    let digits: Vec<u8> = whole.bytes().chain(part.bytes()).skip_while(|it| *it == b'0').collect();
    let significant = digits.iter().rposition(|it| *it != b'0').map_or(0, |last| last + 1);
    if significant == 0 {
        return Ok(0);
    }
    // The number is 0.d1d2d3… times 10^point, and the scaled integer has `point + scale` digits.
    let point = digits.len() as i64 - part.len() as i64 + i64::from(exponent);
    let length = point + i64::from(scale);
    if length > i64::from(max_digits) || length < significant as i64 {
        return Err(OutOfRange);
    }
    let magnitude = (0..length as usize)
        .map(|index| if index < significant { i128::from(digits[index] - b'0') } else { 0 })
        .fold(0i128, |sum, digit| sum * 10 + digit);
    Ok(if negative { -magnitude } else { magnitude })
}

/// A `timestamp without time zone`: microseconds since 2000-01-01 00:00:00, with the two ends of the range standing
/// for -infinity and infinity, as Postgres stores it (documentation, Date/Time Types).
///
/// Our own, because no date library holds all that a Postgres timestamp can: years from 4714 BC to AD 294276, and both
/// infinities. jiff and chrono would reject or clip what must come back to the microsecond (D5b, D20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

const DAY: i64 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_2000: i64 = 10_957;

impl Timestamp {
    /// `infinity`.
    pub(crate) const INFINITY: Self = Self(i64::MAX);
    /// `-infinity`.
    pub(crate) const NEG_INFINITY: Self = Self(i64::MIN);
    /// 4714-11-24 00:00:00 BC, the earliest finite timestamp.
    pub const MIN: Self = Self(-211_813_488_000_000_000);
    /// 294276-12-31 23:59:59.999999, the latest finite timestamp.
    pub const MAX: Self = Self(9_223_371_331_199_999_999);

    /// Reads what Postgres prints for a timestamp, a date or a timestamptz under `DateStyle ISO` and `TimeZone UTC`.
    ///
    /// An offset other than zero is unreadable: Postgres would ignore it in silence, and so move the moment.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        use ValueError::{OutOfRange, Unreadable};
        let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        if text.eq_ignore_ascii_case("infinity") {
            return Ok(Self::INFINITY);
        }
        if text.eq_ignore_ascii_case("-infinity") {
            return Ok(Self::NEG_INFINITY);
        }
        let (text, before_christ) = match text.strip_suffix(" BC") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
        let mut fields = date.splitn(3, '-');
        let mut field = |widths: std::ops::RangeInclusive<usize>| number(fields.next().unwrap_or(""), widths);
        let (year, month, day) = (field(4..=6)?, field(2..=2)?, field(2..=2)?);
        if year == 0 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(Unreadable);
        }
        let year = if before_christ { 1 - year } else { year };
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return Err(Unreadable);
        }
        // ISO's basic form, and Oracle's blank before an offset.
        let zero =
            ["+00:00", "-00:00", "+0000", "-0000", "+00", "-00", "Z"].iter().find_map(|it| time.strip_suffix(it));
        let time = zero.map_or(time, |it| it.strip_suffix(' ').unwrap_or(it));
        let micros = if time.is_empty() && text.len() == date.len() { 0 } else { time_of_day(time)? };
        let micros = (i128::from(days - EPOCH_2000)) * i128::from(DAY) + i128::from(micros);
        let value = Self(i64::try_from(micros).map_err(|_| OutOfRange)?);
        if (Self::MIN..=Self::MAX).contains(&value) { Ok(value) } else { Err(OutOfRange) }
    }
}

impl fmt::Display for Timestamp {
    /// Prints as Postgres does under `DateStyle ISO`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::INFINITY => return f.write_str("infinity"),
            Self::NEG_INFINITY => return f.write_str("-infinity"),
            _ => {}
        }
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY) + EPOCH_2000);
        let micros = self.0.rem_euclid(DAY);
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let (shown, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
        write!(f, "{shown:04}-{month:02}-{day:02} ")?;
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if fraction != 0 {
            write!(f, ".{}", format!("{fraction:06}").trim_end_matches('0'))?;
        }
        f.write_str(era)
    }
}

fn number(digits: &str, widths: std::ops::RangeInclusive<usize>) -> Result<i64, ValueError> {
    if !widths.contains(&digits.len()) || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(ValueError::Unreadable);
    }
    digits.parse().map_err(|_| ValueError::Unreadable)
}

fn time_of_day(text: &str) -> Result<i64, ValueError> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut fields = clock.splitn(3, ':');
    let (hour, minute) = (number(fields.next().unwrap_or(""), 2..=2)?, number(fields.next().unwrap_or(""), 2..=2)?);
    let second = match fields.next() {
        Some(second) => number(second, 2..=2)?,
        // Postgres takes 12:00.5 for minutes and seconds.
        None if fraction.is_empty() => 0,
        None => return Err(ValueError::Unreadable),
    };
    if hour > 23 || minute > 59 || second > 59 || !fraction.bytes().all(|it| it.is_ascii_digit()) {
        return Err(ValueError::Unreadable);
    }
    let (kept, lost) = fraction.split_at(fraction.len().min(6));
    if lost.bytes().any(|it| it != b'0') {
        return Err(ValueError::OutOfRange);
    }
    let micros = format!("{kept:0<6}").parse::<i64>().map_err(|_| ValueError::Unreadable)?;
    Ok(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; year 0 is 1 BC. The era arithmetic is Howard Hinnant's
/// (chrono-Compatible Low-Level Date Algorithms).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}
