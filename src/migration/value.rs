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

impl<const SCALE: u32> Decimal<SCALE> {
    /// What Postgres prints for a `numeric` of this scale: every digit after the point, no exponent.
    pub(crate) fn digits(self) -> Digits {
        let one = 10u64.pow(SCALE);
        let (magnitude, mut digits) = (self.0.unsigned_abs(), Digits::default());
        // Nearly all fit, and are divided many times as fast.
        let (whole, part) = match u64::try_from(magnitude) {
            Ok(magnitude) => ((magnitude / one).into(), magnitude % one),
            Err(_) => (magnitude / u128::from(one), (magnitude % u128::from(one)) as u64),
        };
        if SCALE > 0 {
            digits.number(part, SCALE as usize);
            digits.put(b'.');
        }
        digits.wide(whole);
        if self.0 < 0 {
            digits.put(b'-');
        }
        digits
    }

    /// Whether it prints exactly this text.
    pub(crate) fn prints(self, text: &str) -> bool {
        self.digits().as_bytes() == text.as_bytes()
    }
}

impl<const SCALE: u32> fmt::Display for Decimal<SCALE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits().as_str())
    }
}

/// A text of digits that grows to the left.
pub(crate) struct Digits {
    bytes: [u8; DIGITS],
    start: usize,
}

/// Bytes of the longest text: the 39 digits of an `i128`, a point, a sign, and some to spare.
const DIGITS: usize = 48;

/// The two digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut at = 0;
    while at < 100 {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
};

impl Default for Digits {
    fn default() -> Self {
        Self { bytes: [b'0'; DIGITS], start: DIGITS }
    }
}

impl Digits {
    /// What an integer prints.
    pub(crate) fn of(value: i64) -> Self {
        let mut digits = Self::default();
        digits.number(value.unsigned_abs(), 1);
        if value < 0 {
            digits.put(b'-');
        }
        digits
    }

    fn put(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    fn text(&mut self, text: &str) {
        self.start -= text.len();
        self.bytes[self.start..self.start + text.len()].copy_from_slice(text.as_bytes());
    }

    /// A number below 100, with a zero before it if it has one digit.
    fn pair(&mut self, value: u64) {
        self.start -= 2;
        self.bytes[self.start..self.start + 2].copy_from_slice(&PAIRS[value as usize]);
    }

    /// A number, with zeros before it up to a width.
    fn number(&mut self, mut value: u64, width: usize) {
        let end = self.start;
        while value >= 10 {
            self.pair(value % 100);
            value /= 100;
        }
        if value > 0 {
            self.put(b'0' + value as u8);
        }
        while end - self.start < width {
            self.put(b'0');
        }
    }

    fn wide(&mut self, mut value: u128) {
        const PART: u128 = 10u128.pow(18);
        while value >= PART {
            self.number((value % PART) as u64, 18);
            value /= PART;
        }
        self.number(value as u64, 1);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
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

/// Reads a number as nearly all are written, without an exponent and not too long; none if it is another or doesn't fit.
fn plain_number(text: &str, scale: u32, max_digits: u32) -> Option<i128> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    // 18 digits and a point.
    if unsigned.is_empty() || unsigned.len() > 19 {
        return None;
    }
    let (mut value, mut after_point, mut digits) = (0u64, None, 0);
    for byte in unsigned.bytes() {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                digits += 1;
                after_point = after_point.map(|it| it + 1);
            }
            b'.' if after_point.is_none() => after_point = Some(0),
            _ => return None,
        }
    }
    let missing = scale.checked_sub(after_point.unwrap_or(0))?;
    if digits == 0 || digits > 18 {
        return None;
    }
    let magnitude = i128::from(value) * i128::from(10u64.pow(missing));
    let signed = if unsigned.len() < text.len() { -magnitude } else { magnitude };
    (magnitude < 10i128.pow(max_digits)).then_some(signed)
}

fn parse_scaled(text: &str, scale: u32, max_digits: u32) -> Result<i128, ValueError> {
    use ValueError::{OutOfRange, Unreadable};
    if let Some(number) = plain_number(text, scale, max_digits) {
        return Ok(number);
    }
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
    let digits = || whole.bytes().chain(part.bytes());
    let zeros = digits().take_while(|it| *it == b'0').count();
    let count = whole.len() + part.len() - zeros;
    let significant = count - digits().rev().take(count).take_while(|it| *it == b'0').count();
    if significant == 0 {
        return Ok(0);
    }
    // The number is 0.d1d2d3… times 10^point, and the scaled integer has `point + scale` digits.
    let point = count as i64 - part.len() as i64 + i64::from(exponent);
    let length = point + i64::from(scale);
    if length > i64::from(max_digits) || length < significant as i64 {
        return Err(OutOfRange);
    }
    let magnitude = digits()
        .skip(zeros)
        .take(significant)
        .map(|digit| i128::from(digit - b'0'))
        .chain(std::iter::repeat_n(0, length as usize - significant))
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
        if let Some(timestamp) = plain_timestamp(text.as_bytes()) {
            return Ok(timestamp);
        }
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
        let (year, month, day) = (field(4..=7)?, field(2..=2)?, field(2..=2)?);
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

impl Timestamp {
    /// The year in the proleptic Gregorian calendar, in which 0 is 1 BC; none of an infinity.
    pub(crate) fn year(self) -> Option<i64> {
        let is_finite = (Self::MIN..=Self::MAX).contains(&self);
        is_finite.then(|| civil_from_days(self.0.div_euclid(DAY) + EPOCH_2000).0)
    }

    /// Whether Postgres prints exactly this text for it.
    pub fn prints(self, text: &str) -> bool {
        let bytes = text.as_bytes();
        // Of the spellings that are read at once, the one with a blank and no zeros at its end is what is printed.
        match plain_timestamp(bytes) {
            Some(read) if bytes[10] == b' ' && (bytes.len() == 19 || !bytes.ends_with(b"0")) => read == self,
            _ => self.digits().as_bytes() == bytes,
        }
    }

    /// What Postgres prints for it under `DateStyle ISO`.
    pub(crate) fn digits(self) -> Digits {
        let mut text = Digits::default();
        if self == Self::INFINITY || self == Self::NEG_INFINITY {
            text.text(if self == Self::INFINITY { "infinity" } else { "-infinity" });
            return text;
        }
        let days = self.0.div_euclid(DAY);
        let (year, month, day) = civil_from_days(days + EPOCH_2000);
        let micros = (self.0 - days * DAY).unsigned_abs();
        let (seconds, mut fraction) = (micros / 1_000_000, micros % 1_000_000);
        if year <= 0 {
            text.text(" BC");
        }
        if fraction != 0 {
            let mut width = 6;
            while fraction % 10 == 0 {
                (fraction, width) = (fraction / 10, width - 1);
            }
            text.number(fraction, width);
            text.put(b'.');
        }
        let (month, day) = (month.unsigned_abs(), day.unsigned_abs());
        for (value, before) in
            [(seconds % 60, b':'), (seconds / 60 % 60, b':'), (seconds / 3600, b' '), (day, b'-'), (month, b'-')]
        {
            text.pair(value);
            text.put(before);
        }
        text.number(if year > 0 { year } else { 1 - year }.unsigned_abs(), 4);
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits().as_str())
    }
}

/// Reads `2026-11-26 20:04:05`, with a fraction or not, which is how nearly all are written; none if it is another.
fn plain_timestamp(text: &[u8]) -> Option<Timestamp> {
    let (plain, fraction) = text.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b' ' | b'T', h1, h2, b':', i1, i2, b':', s1, s2] = plain else {
        return None;
    };
    let pair = |tens: &u8, ones: &u8| {
        let are_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        are_digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (year, month, day) = (pair(y1, y2)? * 100 + pair(y3, y4)?, pair(m1, m2)?, pair(d1, d2)?);
    let (hour, minute, second) = (pair(h1, h2)?, pair(i1, i2)?, pair(s1, s2)?);
    // A day that every month has: others are left to who knows the calendar.
    let is_plain = year > 0 && (1..=12).contains(&month) && (1..=28).contains(&day);
    if !is_plain || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) => {
            let number = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            number * 10i64.pow(6 - digits.len() as u32)
        }
        _ => return None,
    };
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(Timestamp((days_from_civil(year, month, day) - EPOCH_2000) * DAY + seconds * 1_000_000 + fraction))
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
    let micros = kept.bytes().chain(std::iter::repeat(b'0')).take(6).fold(0, |sum, it| sum * 10 + i64::from(it - b'0'));
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
