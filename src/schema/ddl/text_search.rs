//! Text search configurations and dictionaries. Pure.

use std::collections::BTreeMap;

use crate::schema::catalog::Property;
use crate::schema::ddl::Ddl;

/// Types of tokens of the default parser, by number (PostgreSQL 12.5).
const TOKENS: [&str; 23] = [
    "asciiword",
    "word",
    "numword",
    "email",
    "url",
    "host",
    "sfloat",
    "version",
    "hword_numpart",
    "hword_part",
    "hword_asciipart",
    "blank",
    "tag",
    "protocol",
    "numhword",
    "asciihword",
    "hword",
    "url_path",
    "file",
    "float",
    "int",
    "uint",
    "entity",
];

impl Ddl<'_> {
    /// `default: 1 1 simple, 2 1 simple`: parser, types of tokens with the places and names of dictionaries.
    pub(super) fn create_configuration(&self) -> Option<String> {
        let definition = self.property(Property::Definition)?;
        let (parser, mappings) = definition.split_once(": ").unwrap_or((&definition, ""));
        if parser != "default" {
            return None;
        }
        let name = self.name();
        let mut text = format!("create text search configuration {name} (parser = \"default\")");
        let mut by_token: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for mapping in mappings.split(", ").filter(|it| !it.is_empty()) {
            let (token, rest) = mapping.split_once(' ')?;
            by_token.entry(token.parse().ok()?).or_default().push(rest.split_once(' ')?.1);
        }
        for (token, dictionaries) in by_token {
            let token = TOKENS.get(token.checked_sub(1)?)?;
            let dictionaries = dictionaries.join(", ");
            text.push_str(&format!(
                ";\nalter text search configuration {name} add mapping for {token} with {dictionaries}"
            ));
        }
        Some(text)
    }

    pub(super) fn create_dictionary(&self) -> Option<String> {
        let definition = self.property(Property::Definition)?;
        let (template, options) = match definition.split_once(' ') {
            Some((template, options)) => (template, format!(", {options}")),
            None => (definition.as_str(), String::new()),
        };
        Some(format!("create text search dictionary {} (template = {template}{options})", self.name()))
    }
}
