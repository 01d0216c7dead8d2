//! What a spreadsheet makes of an identifier: 1.23E+11 of 123000000000, 01-Mar of MAR1, #NAME? of -ABC.

/// What a spreadsheet writes for a formula that it can't work out, which a text that begins with = + or - is to it.
const ERRORS: [&str; 7] = ["#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!"];

/// Months as spreadsheets abbreviate them in English, German and French.
const MONTHS: [&str; 29] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mrz", "mär", "mai",
    "okt", "dez", "janv", "févr", "mars", "avr", "juin", "juil", "août", "déc", "june", "july", "april",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Digits(&'t str),
    Letters(&'t str),
    Marks(&'t str),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let kind = |it: char| (it.is_ascii_digit(), it.is_alphabetic());
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|it| kind(it) != kind(first)).unwrap_or(rest.len());
        let run = &rest[..end];
        tokens.push(match kind(first) {
            (true, _) => Token::Digits(run),
            (_, true) => Token::Letters(run),
            _ => Token::Marks(run),
        });
        rest = &rest[end..];
    }
    tokens
}

fn is_month(word: &str) -> bool {
    MONTHS.contains(&word.to_lowercase().as_str())
}

/// Whether a value is what a spreadsheet writes for a formula that it can't work out.
pub(crate) fn is_error(text: &str) -> bool {
    text.starts_with('#') && ERRORS.contains(&text)
}

/// Whether an identifier has a shape that only spreadsheets make, and programs that take digits for numbers.
pub(crate) fn is_damaged(text: &str) -> bool {
    use Token::{Digits, Letters, Marks};
    let bytes = text.as_bytes();
    let is_plain = bytes.len() > 24 || bytes.iter().all(u8::is_ascii_alphanumeric);
    // 01-Mar, or Mar-01, which only a spreadsheet writes with a small letter.
    let begins =
        bytes.first().is_some_and(u8::is_ascii_digit) || bytes.get(1).is_some_and(|it| !it.is_ascii_uppercase());
    if is_plain || !begins {
        return false;
    }
    match tokens(text)[..] {
        [Digits(whole), Marks("." | ","), Digits(_), Letters("E" | "e"), Marks("+" | "-"), Digits(power)]
        | [Digits(whole), Letters("E" | "e"), Marks("+" | "-"), Digits(power)] => {
            whole.len() <= 3 && (2..=3).contains(&power.len())
        }
        [Digits(_), Marks("."), Digits("0")] => true,
        [Digits(day), Marks("-" | "." | ". "), Letters(month)]
        | [Digits(day), Marks("-" | "." | ". "), Letters(month), Marks(".")]
        | [Digits(day), Marks("-" | "." | ". "), Letters(month), Marks("-" | " " | ". " | ".-"), Digits(_)] => {
            day.len() <= 2 && is_month(month)
        }
        [Letters(month), Marks("-" | " " | ". " | ".-"), Digits(year)] => year.len() == 2 && is_month(month),
        [Digits(first), Marks(mark @ ("-" | "/" | ".")), Digits(middle), Marks(again), Digits(last), ref rest @ ..] => {
            let has_year = first.len() == 4 || last.len() == 4 || mark == "/" && first.len() <= 2 && last.len() == 2;
            mark == again && middle.len() <= 2 && has_year && matches!(rest, [] | [Marks(" "), ..])
        }
        _ => false,
    }
}
