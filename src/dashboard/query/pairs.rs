//! Names and values of an address.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

use crate::base::escape;
use crate::dashboard::query::place::{At, BadQuery, Security};

/// A longer query is refused before it is read.
const LONGEST: usize = 1000;

/// A longer name is no name of an action or a rule.
const LONGEST_NAME: usize = 100;

/// What is left of an address: each part is read once.
pub(super) struct Pairs(Vec<(String, String)>);

/// Whether an address can have this name: it isn't too long, and nothing of it is invisible.
pub(crate) fn is_name(name: &str) -> bool {
    name.chars().count() <= LONGEST_NAME && matches!(escape::text(name), std::borrow::Cow::Borrowed(_))
}

fn shown(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    escape::text(&cut).into_owned()
}

fn bad<T>(sentence: String) -> Result<T, BadQuery> {
    Err(BadQuery(sentence))
}

impl Pairs {
    pub(super) fn parse(query: &str) -> Result<Self, BadQuery> {
        if query.len() > LONGEST {
            return bad(format!("the address has more than {LONGEST} characters after its ?; leave filters out"));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // A form sends what isn't filled in as an empty text.
            if value.is_empty() {
                continue;
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return bad(format!("the address has {} twice; leave one out", shown(&name)));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// A word of a set.
    pub(super) fn word(&mut self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, BadQuery> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match words.iter().find(|it| **it == value) {
            Some(found) => Ok(Some(found)),
            None => bad(format!("{name}={} is none of {}; correct the address", shown(&value), words.join(", "))),
        }
    }

    /// A name that the database chooses.
    pub(super) fn name(&mut self, name: &str) -> Result<Option<String>, BadQuery> {
        match self.take(name) {
            Some(value) if !is_name(&value) => bad(format!(
                "{name}={} is no name, which has {LONGEST_NAME} characters at most, all of them visible; correct the address",
                shown(&value)
            )),
            value => Ok(value),
        }
    }

    pub(super) fn id(&mut self, name: &str) -> Result<Option<i64>, BadQuery> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.trim().parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => bad(format!("{name}={} is not an id, which is a whole number; correct it", shown(&value))),
        }
    }

    pub(super) fn security(&mut self) -> Result<Option<Security>, BadQuery> {
        if self.0.iter().any(|(name, value)| name == "security" && value == "none") {
            self.take("security");
            return Ok(Some(Security::None));
        }
        Ok(self.id("security")?.map(Security::Id))
    }

    pub(super) fn year(&mut self) -> Result<Option<u16>, BadQuery> {
        let Some(value) = self.take("year") else { return Ok(None) };
        match value.trim().parse() {
            Ok(year @ 1..=9999) => Ok(Some(year)),
            _ => bad(format!("year={} is not a year, such as 2024; correct it", shown(&value))),
        }
    }

    pub(super) fn at(&mut self) -> Result<At, BadQuery> {
        let mut found = At::Start;
        for at in [At::After, At::Before, At::Beyond, At::Ahead] {
            let Some((name, _)) = at(0).printed() else { continue };
            let Some(id) = self.id(name)? else { continue };
            if let Some((other, _)) = found.printed() {
                return bad(format!("the address has {other} and {name}; leave one out"));
            }
            found = at(id);
        }
        Ok(found)
    }

    pub(super) fn people(&mut self) -> Result<bool, BadQuery> {
        Ok(self.word("people", &["shown"])?.is_some())
    }

    /// Nothing may be left that nobody has read: a misspelt filter would show what wasn't asked for.
    pub(super) fn end(self) -> Result<(), BadQuery> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => bad(format!("this page has no {}; leave it out of the address", shown(name))),
        }
    }
}

/// An address that is being written.
#[derive(Default)]
pub(super) struct Printed(String);

impl Printed {
    pub(super) fn word(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            let between = if self.0.is_empty() { '?' } else { '&' };
            let _ = write!(self.0, "{between}{name}={}", utf8_percent_encode(value, WORD));
        }
    }

    pub(super) fn id(&mut self, name: &str, value: Option<i64>) {
        self.word(name, value.map(|it| it.to_string()).as_deref());
    }

    pub(super) fn at(&mut self, at: At) {
        if let Some((name, id)) = at.printed() {
            self.id(name, Some(id));
        }
    }

    pub(super) fn people(&mut self, people: bool) {
        self.word("people", people.then_some("shown"));
    }

    pub(super) fn end(self) -> String {
        self.0
    }
}

/// What stands for itself in an address.
const WORD: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');
