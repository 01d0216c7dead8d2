//! Functions, procedures, aggregates and operators. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Kind, Property};
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
    pub(super) fn create_function(&self) -> Option<String> {
        let word = if self.id.kind == Kind::Procedure { "procedure" } else { "function" };
        let schema = identifier(&self.id.schema);
        let arguments = self.property(Property::Arguments).unwrap_or_default();
        let language = self.property(Property::Language)?;
        let mut text = format!("create or replace {word} {schema}.{}({arguments})", self.bare());
        if let Some(returns) = self.property(Property::Returns) {
            text.push_str(&format!(" returns {returns}"));
        }
        text.push_str(&format!(" language {}", identifier(&language)));
        text.push_str(&self.function_clauses());
        for setting in self.parts(Property::Configuration) {
            let (name, value) = setting.split_once('=')?;
            text.push_str(&format!(" set {name} to {}", setting_value(name, value)));
        }
        let body = self.property(Property::Body)?;
        if language == "sql" && ["BEGIN ATOMIC", "RETURN "].iter().any(|it| body.trim_start().starts_with(it)) {
            text.push_str(&format!("\n{}", body.trim()));
        } else if language == "c" {
            return None;
        } else {
            text.push_str(&format!(" as {}", dollar_quoted(&body)));
        }
        Some(text)
    }

    /// Volatility, cost and the like, where they are not what PostgreSQL takes by itself.
    fn function_clauses(&self) -> String {
        let mut text = String::new();
        let is_function = self.id.kind == Kind::Function;
        for (property, usual, is_always) in [
            (Property::Volatility, "volatile", false),
            (Property::Parallel, "unsafe", false),
            (Property::Security, "invoker", true),
        ] {
            let value = self.property(property).unwrap_or_default();
            let word = match property {
                Property::Parallel => "parallel ",
                Property::Security => "security ",
                _ => "",
            };
            if (is_always || is_function) && value != usual && !value.is_empty() {
                text.push_str(&format!(" {word}{value}"));
            }
        }
        for (property, clause) in
            [(Property::Strict, " strict"), (Property::Leakproof, " leakproof"), (Property::Window, " window")]
        {
            if self.has(property) {
                text.push_str(clause);
            }
        }
        let costs = [(Property::Cost, "cost"), (Property::Rows, "rows"), (Property::Support, "support")];
        for (property, word) in costs.into_iter().filter(|_| is_function) {
            if let Some(value) = self.property(property) {
                text.push_str(&format!(" {word} {value}"));
            }
        }
        text
    }

    /// `sum numeric initial '0'`: what makes numbers of it, and of what type; nothing more unusual.
    pub(super) fn create_aggregate(&self) -> Option<String> {
        let body = self.property(Property::Body)?;
        let arguments = self.id.name.split_once('(')?.1.strip_suffix(')')?;
        let (function, rest) = body.split_once(' ')?;
        let (of_type, initial) = match rest.split_once(" initial ") {
            Some((of_type, initial)) => (of_type, Some(initial)),
            None => (rest, None),
        };
        let more = ["final", "combine", "serial", "deserial", "space", "moving", "sort", "kind"];
        let is_plain = |text: &str| !text.split(' ').any(|it| more.contains(&it));
        if !is_plain(of_type) || initial.is_some_and(|it| !it.ends_with('\'')) {
            return None;
        }
        let initial = initial.map(|it| format!(", initcond = {it}")).unwrap_or_default();
        let parallel = self.property(Property::Parallel).filter(|it| it != "unsafe");
        let parallel = parallel.map(|it| format!(", parallel = {it}")).unwrap_or_default();
        let schema = identifier(&self.id.schema);
        Some(format!(
            "create or replace aggregate {schema}.{}({arguments}) (sfunc = {function}, stype = {of_type}{initial}{parallel})",
            self.bare()
        ))
    }

    /// `int8eq restrict - join - commutator … merges false hashes false`.
    pub(super) fn create_operator(&self) -> Option<String> {
        let definition = self.property(Property::Definition)?;
        let (name, arguments) = self.id.name.split_once('(')?;
        let (left, right) = arguments.strip_suffix(')')?.split_once(", ")?;
        let words: Vec<&str> = definition.split(' ').collect();
        let after = |word: &str| words.iter().position(|it| *it == word).and_then(|at| words.get(at + 1)).copied();
        let mut options = vec![format!("function = {}", words.first()?)];
        if left != "-" && !left.is_empty() {
            options.insert(0, format!("leftarg = {left}"));
        }
        options.insert(1, format!("rightarg = {right}"));
        for word in ["restrict", "join"] {
            if let Some(value) = after(word).filter(|it| *it != "-") {
                options.push(format!("{word} = {value}"));
            }
        }
        for word in ["commutator", "negator"] {
            // `padealing.===(bigint,bigint)`
            if let Some(value) = after(word) {
                options.push(format!("{word} = operator({})", value.split('(').next()?));
            }
        }
        for word in ["merges", "hashes"] {
            if after(word) == Some("true") {
                options.push(word.to_owned());
            }
        }
        Some(format!("create operator {}.{name} ({})", identifier(&self.id.schema), options.join(", ")))
    }

    /// It is replaced as a whole.
    pub(super) fn alter_function(&self, property: Property) -> Option<Vec<String>> {
        match property {
            Property::Body
            | Property::Language
            | Property::Volatility
            | Property::Strict
            | Property::Security
            | Property::Leakproof
            | Property::Parallel
            | Property::Configuration
            | Property::Cost
            | Property::Rows
            | Property::Support => Some(vec![self.create()?]),
            _ => None,
        }
    }
}

/// Settings that are lists of names.
const LISTS: [&str; 5] = [
    "search_path",
    "temp_tablespaces",
    "local_preload_libraries",
    "session_preload_libraries",
    "unix_socket_directories",
];

/// The value of a setting in SQL. A list of names is printed as one, each quoted where it must be.
pub(crate) fn setting_value(name: &str, value: &str) -> String {
    match value {
        // An empty name is none in SQL.
        "" | "\"\"" => "''".to_owned(),
        list if LISTS.contains(&name) => list.to_owned(),
        other => literal(other),
    }
}

/// A body between dollars, with a tag that isn't in it.
fn dollar_quoted(body: &str) -> String {
    let mut tag = String::new();
    while body.contains(&format!("${tag}$")) {
        tag.push('_');
    }
    // A body that ends in a dollar would take the closing one's first.
    if tag.is_empty() && body.ends_with('$') {
        tag.push('_');
    }
    format!("${tag}${body}${tag}$")
}
