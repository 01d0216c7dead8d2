//! The statements that make, change and unmake one object, from what a catalog says of it. Pure.
//!
//! Definitions in a catalog are printed with everything qualified but `pg_catalog`, so these statements mean what they
//! say where `search_path` is `pg_catalog`. No statement has CASCADE.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::base::text::list;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::plan::step::ConcurrentBuild;

/// An object, in the catalog that says what it and its neighbours are.
#[derive(Clone, Copy)]
pub(crate) struct Ddl<'a> {
    catalog: &'a Catalog,
    id: &'a Id,
    object: Option<&'a Object>,
}

/// A storage parameter or an option as catalogs have it, `name=value`, as SQL takes it.
fn option(text: &str) -> String {
    match text.split_once('=') {
        Some((name, value)) => format!("{name} = {}", literal(value)),
        None => text.to_owned(),
    }
}

/// An object's name with its schema.
pub(crate) fn qualified(schema: &str, name: &str) -> String {
    if schema.is_empty() { identifier(name) } else { format!("{}.{}", identifier(schema), identifier(name)) }
}

/// How wide the numbers of a sequence are.
fn limit(of_type: &str) -> &'static str {
    match of_type {
        "smallint" => "32767",
        "integer" => "2147483647",
        _ => "9223372036854775807",
    }
}

impl<'a> Ddl<'a> {
    pub(crate) fn new(catalog: &'a Catalog, id: &'a Id) -> Self {
        Self { catalog, id, object: catalog.objects.get(id) }
    }

    pub(crate) fn property(&self, property: Property) -> Option<String> {
        self.object.and_then(|it| it.get(&property)).map(Value::to_string)
    }

    fn parts(&self, property: Property) -> &'a [String] {
        self.object.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default()
    }

    fn has(&self, property: Property) -> bool {
        self.object.is_some_and(|it| it.contains_key(&property))
    }

    /// What it is called where its schema need not be named.
    pub(crate) fn bare(&self) -> String {
        match (self.id.kind, self.id.name.split_once('(')) {
            (Kind::Function | Kind::Procedure | Kind::Aggregate, Some((name, _))) => identifier(name),
            _ => identifier(&self.id.name),
        }
    }

    /// The name in SQL: with the schema, and with a function's arguments.
    pub(crate) fn name(&self) -> String {
        let arguments = match (self.id.kind, self.id.name.split_once('(')) {
            (Kind::Function | Kind::Procedure | Kind::Aggregate, Some((_, arguments))) => format!("({arguments}"),
            _ => String::new(),
        };
        match self.id.kind {
            Kind::Schema => identifier(&self.id.schema),
            _ if self.id.schema.is_empty() => self.bare() + &arguments,
            _ => format!("{}.{}{arguments}", identifier(&self.id.schema), self.bare()),
        }
    }

    /// What SQL calls its kind.
    pub(crate) fn keyword(&self) -> String {
        match self.id.kind {
            Kind::Enum | Kind::Composite | Kind::Range | Kind::BaseType => "type".to_owned(),
            Kind::Statistics => "statistics".to_owned(),
            Kind::ForeignServer => "server".to_owned(),
            kind => kind.words(),
        }
    }

    /// The table, or whatever else a column, a constraint and the like belong to.
    pub(crate) fn table(&self) -> String {
        qualified(&self.id.schema, &self.id.parent)
    }

    fn of_kind(&self, kind: Kind) -> bool {
        let parent = Id { parent: String::new(), kind, name: self.id.parent.clone(), ..self.id.clone() };
        self.catalog.objects.contains_key(&parent)
    }

    /// `table padealing.pad_request`, with the word for what a constraint or a column belongs to.
    pub(crate) fn owner(&self) -> String {
        let word = match () {
            () if self.of_kind(Kind::Domain) => "domain",
            () if self.of_kind(Kind::Composite) => "type",
            () if self.of_kind(Kind::View) => "view",
            () if self.of_kind(Kind::MaterializedView) => "materialized view",
            () if self.of_kind(Kind::ForeignTable) => "foreign table",
            () => "table",
        };
        format!("{word} {}", self.table())
    }

    /// What a column is declared as, after its name.
    fn column(&self) -> String {
        let mut text = self.property(Property::Type).unwrap_or_default();
        if let Some(collation) = self.property(Property::Collation) {
            text.push_str(&format!(" collate {collation}"));
        }
        if let Some(default) = self.property(Property::Default) {
            text.push_str(&format!(" default {default}"));
        }
        if let Some(identity) = self.property(Property::Identity) {
            text.push_str(&format!(" generated {identity} as identity{}", self.identity_options()));
        }
        if let Some((when, expression)) =
            self.property(Property::Generated).as_deref().and_then(|it| it.split_once(' '))
        {
            text.push_str(&format!(" generated always as ({expression}) {when}"));
        }
        if self.has(Property::NotNull) {
            text.push_str(" not null");
        }
        text
    }

    /// The options of a column's own sequence, if Postgres would choose others.
    fn identity_options(&self) -> String {
        let owner = format!("{}.{}", self.id.parent, self.id.name);
        let mut sequences = self.catalog.objects.iter().filter(|(id, object)| {
            id.kind == Kind::Sequence
                && id.schema == self.id.schema
                && object.get(&Property::OwnedBy).is_some_and(|it| it.to_string() == owner)
        });
        let Some((id, object)) = sequences.next() else { return String::new() };
        let sequence = Ddl { id, object: Some(object), ..*self };
        let mut options = sequence.sequence_options(&self.property(Property::Type).unwrap_or_default());
        if id.name != format!("{}_{}_seq", self.id.parent, self.id.name) {
            options.insert(0, format!("sequence name {}", sequence.name()));
        }
        if options.is_empty() { String::new() } else { format!(" ({})", options.join(" ")) }
    }

    /// Whether a sequence ends where its type does.
    pub(crate) fn has_usual_limit(&self, property: Property) -> bool {
        let word = if property == Property::Minimum { "minvalue" } else { "maxvalue" };
        let options = self.sequence_options(&self.property(Property::Type).unwrap_or_default());
        !options.iter().any(|it| it.starts_with(word))
    }

    /// What of a sequence isn't as Postgres has it for a type.
    fn sequence_options(&self, of_type: &str) -> Vec<String> {
        let value = |property, default: &str| self.property(property).filter(|it| it != default);
        let downwards = self.property(Property::Increment).is_some_and(|it| it.starts_with('-'));
        let (minimum, maximum) = match downwards {
            true => (format!("-{}", limit(of_type)), "-1"),
            false => ("1".to_owned(), limit(of_type)),
        };
        let first = self.property(if downwards { Property::Maximum } else { Property::Minimum }).unwrap_or_default();
        let options = [
            ("increment by", value(Property::Increment, "1")),
            ("minvalue", value(Property::Minimum, &minimum)),
            ("maxvalue", value(Property::Maximum, maximum)),
            ("start with", value(Property::Start, &first)),
            ("cache", value(Property::Cache, "1")),
        ];
        let mut options: Vec<String> =
            options.into_iter().filter_map(|(word, value)| Some(format!("{word} {}", value?))).collect();
        if self.has(Property::Cycle) {
            options.push("cycle".to_owned());
        }
        options
    }

    /// A constraint's definition, with what has properties of its own.
    pub(crate) fn constraint(&self, is_valid: bool) -> Option<String> {
        let mut definition = self.property(Property::Definition)?;
        if let Some(deferrable) = self.property(Property::Deferrable)
            && !definition.contains(" DEFERRABLE")
        {
            definition.push_str(&format!(" deferrable {deferrable}"));
        }
        let (open, not_valid) = (" NOT ENFORCED", " NOT VALID");
        if self.has(Property::Enforced) {
            if !definition.ends_with(open) {
                definition.push_str(" not enforced");
            }
        } else if (self.has(Property::Validated) || !is_valid) && !definition.ends_with(not_valid) {
            definition.push_str(" not valid");
        }
        Some(definition)
    }

    /// Whether a constraint stands in the statement that creates its table.
    pub(crate) fn is_inline(&self) -> bool {
        let kind = self.property(Property::Type).unwrap_or_default();
        let later = [Property::Validated, Property::Enforced, Property::Inherited];
        self.id.kind == Kind::Constraint && kind != "foreign key" && !later.iter().any(|it| self.has(*it))
    }

    fn children(&self, kind: Kind) -> impl Iterator<Item = Ddl<'a>> {
        let all = self.catalog.children(&self.id.schema, &self.id.name);
        let catalog = self.catalog;
        all.filter(move |it| it.0.kind == kind).map(move |(id, object)| Ddl { catalog, id, object: Some(object) })
    }

    /// Columns or attributes, in their order.
    pub(crate) fn columns(&self, kind: Kind) -> Vec<Ddl<'a>> {
        let mut columns: Vec<Ddl<'a>> = self.children(kind).collect();
        columns.sort_by_key(|it| it.property(Property::Position).and_then(|it| it.parse::<u32>().ok()));
        columns
    }

    fn create_table(&self) -> Option<String> {
        let is_foreign = self.id.kind == Kind::ForeignTable;
        let word = if is_foreign { "foreign table" } else { "table" };
        let unlogged =
            if self.property(Property::Persistence).as_deref() == Some("unlogged") { "unlogged " } else { "" };
        let mut text = format!("create {unlogged}{word} {}", self.name());
        let bound = self.property(Property::PartitionBound);
        let parents = self.property(Property::Inherits);
        if let (Some(bound), Some(parent)) = (&bound, &parents) {
            text.push_str(&format!(" partition of {parent} {bound}"));
        } else {
            let columns = self.columns(Kind::Column).into_iter().filter(|it| !it.has(Property::Inherited));
            let columns = columns.map(|it| format!("    {} {}", it.bare(), it.column()));
            let constraints = self.children(Kind::Constraint).filter(Ddl::is_inline);
            let constraints =
                constraints.filter_map(|it| Some(format!("    constraint {} {}", it.bare(), it.constraint(true)?)));
            let lines: Vec<String> = columns.chain(constraints).collect();
            text.push_str(&if lines.is_empty() { " ()".to_owned() } else { format!(" (\n{}\n)", lines.join(",\n")) });
            if let Some(parents) = &parents {
                text.push_str(&format!(" inherits ({parents})"));
            }
        }
        if let Some(key) = self.property(Property::PartitionKey) {
            text.push_str(&format!(" partition by {key}"));
        }
        if let Some(method) = self.property(Property::AccessMethod) {
            text.push_str(&format!(" using {}", identifier(&method)));
        }
        let toast = self.parts(Property::ToastOptions).iter().map(|it| format!("toast.{}", option(it)));
        let options: Vec<String> = self.parts(Property::Options).iter().map(|it| option(it)).chain(toast).collect();
        if !options.is_empty() {
            text.push_str(&format!(" with ({})", options.join(", ")));
        }
        if is_foreign {
            text.push_str(&format!(" server {}", identifier(&self.property(Property::Server)?)));
            text.push_str(&self.foreign_options(None));
        }
        Some(text)
    }

    /// `options (…)` of a foreign table or column: all of them, or what makes them these.
    fn foreign_options(&self, live: Option<&Object>) -> String {
        let split = |it: &String| it.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let wanted: Vec<(String, String)> = self.parts(Property::ServerOptions).iter().filter_map(split).collect();
        let there = live.and_then(|it| it.get(&Property::ServerOptions)).map(Value::parts).unwrap_or_default();
        let there: Vec<(String, String)> = there.iter().filter_map(split).collect();
        let is_there = |name: &String| there.iter().any(|it| it.0 == *name);
        let set = wanted.iter().filter(|it| !there.contains(it)).map(|(name, value)| {
            let verb = match live {
                None => "",
                Some(_) if is_there(name) => "set ",
                Some(_) => "add ",
            };
            format!("{verb}{} {}", identifier(name), literal(value))
        });
        let gone = there.iter().filter(|it| !wanted.iter().any(|wanted| wanted.0 == it.0));
        let all: Vec<String> = set.chain(gone.map(|it| format!("drop {}", identifier(&it.0)))).collect();
        if all.is_empty() { String::new() } else { format!(" options ({})", all.join(", ")) }
    }

    fn create_function(&self) -> Option<String> {
        let word = if self.id.kind == Kind::Procedure { "procedure" } else { "function" };
        let schema = identifier(&self.id.schema);
        let arguments = self.property(Property::Arguments).unwrap_or_default();
        let language = self.property(Property::Language)?;
        let mut text = format!("create or replace {word} {schema}.{}({arguments})", self.bare());
        if let Some(returns) = self.property(Property::Returns) {
            text.push_str(&format!(" returns {returns}"));
        }
        text.push_str(&format!(" language {}", identifier(&language)));
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
        for setting in self.parts(Property::Configuration) {
            let (name, value) = setting.split_once('=')?;
            // A list of names is printed as one, each quoted where it must be.
            let value = if name == "search_path" { value.to_owned() } else { literal(value) };
            text.push_str(&format!(" set {name} to {value}"));
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

    /// `sum numeric initial '0'`: what makes numbers of it, and of what type; nothing more unusual.
    fn create_aggregate(&self) -> Option<String> {
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
        let schema = identifier(&self.id.schema);
        Some(format!(
            "create or replace aggregate {schema}.{}({arguments}) (sfunc = {function}, stype = {of_type}{initial})",
            self.bare()
        ))
    }

    /// `int8eq restrict - join - commutator … merges false hashes false`.
    fn create_operator(&self) -> Option<String> {
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

    /// `default: 1 1 simple, 2 1 simple`: parser, types of tokens with the places and names of dictionaries.
    fn create_configuration(&self) -> Option<String> {
        let definition = self.property(Property::Definition)?;
        let (parser, mappings) = definition.split_once(": ").unwrap_or((&definition, ""));
        if parser != "default" {
            return None;
        }
        let name = self.name();
        let mut text = format!("create text search configuration {name} (parser = \"default\")");
        let mut by_token: std::collections::BTreeMap<usize, Vec<&str>> = std::collections::BTreeMap::new();
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

    /// The statement that creates an index; concurrently, it lets others write meanwhile.
    pub(crate) fn create_index(&self, concurrently: bool) -> Option<String> {
        let unique = if self.has(Property::Unique) { "unique " } else { "" };
        let concurrently = if concurrently { "concurrently " } else { "" };
        let definition = self.property(Property::Definition)?;
        Some(format!("create {unique}index {concurrently}{} on {} using {definition}", self.bare(), self.table()))
    }

    fn reindex(&self, concurrently: bool) -> String {
        format!("reindex index {}{}", if concurrently { "concurrently " } else { "" }, self.name())
    }

    /// The rebuild of an invalid index that lets others write meanwhile. PostgreSQL builds the new one under a name of
    /// its own.
    pub(crate) fn reindex_concurrently(&self) -> ConcurrentBuild {
        let leftover = qualified(&self.id.schema, &format!("{}_ccnew", self.id.name));
        ConcurrentBuild { sql: self.reindex(true), leftover }
    }

    /// The statement that makes it, without what is said in statements of its own. A constraint on a table with rows is
    /// made not valid. None, if this program makes no such objects.
    pub(crate) fn create(&self) -> Option<String> {
        let bare = self.bare();
        let definition = || self.property(Property::Definition);
        let options = || match self.parts(Property::Options) {
            [] => String::new(),
            some => format!(" with ({})", list(some.iter().map(|it| option(it)))),
        };
        Some(match self.id.kind {
            Kind::Schema => format!("create schema {}", self.name()),
            Kind::Table | Kind::ForeignTable => self.create_table()?,
            Kind::Column => format!("alter {} add column {bare} {}", self.owner(), self.column()),
            Kind::Attribute => format!("alter {} add attribute {bare} {}", self.owner(), self.column()),
            Kind::Constraint => {
                let of_table = !self.of_kind(Kind::Domain);
                let scans = matches!(self.property(Property::Type).as_deref(), Some("check" | "foreign key"));
                let partitioned = self.catalog.relation(&self.id.schema, &self.id.parent);
                let partitioned = partitioned.is_some_and(|it| it.1.contains_key(&Property::PartitionKey));
                // A partitioned table takes no foreign key that isn't valid.
                let is_valid = !(of_table && scans) || partitioned;
                format!("alter {} add constraint {bare} {}", self.owner(), self.constraint(is_valid)?)
            }
            Kind::Index => self.create_index(false)?,
            Kind::Trigger => {
                let definition = definition()?;
                // Only a constraint trigger says whether it can be deferred.
                let constraint = if definition.contains(" DEFERRABLE ") { "constraint " } else { "" };
                format!("create {constraint}trigger {bare} {definition}")
            }
            Kind::Rule => format!("create or replace rule {bare} as {}", definition()?.trim_end_matches(';').trim()),
            Kind::View => {
                let query = definition()?;
                format!(
                    "create or replace view {}{} as\n{}",
                    self.name(),
                    options(),
                    query.trim().trim_end_matches(';')
                )
            }
            Kind::MaterializedView => {
                let query = definition()?;
                let data = if self.has(Property::Populated) { " with no data" } else { "" };
                let query = query.trim().trim_end_matches(';');
                format!("create materialized view {}{} as\n{query}{data}", self.name(), options())
            }
            Kind::Statistics => format!("create statistics {} {}", self.name(), definition()?),
            Kind::Policy => {
                let clause = |word: &str, property| {
                    self.property(property).map(|it| format!(" {word} ({it})")).unwrap_or_default()
                };
                let roles = self.parts(Property::Roles).iter();
                let roles = list(roles.map(|it| if it == "PUBLIC" { "public".to_owned() } else { identifier(it) }));
                format!(
                    "create policy {bare} on {} as {} for {} to {roles}{}{}",
                    self.table(),
                    self.property(Property::Type)?,
                    self.property(Property::Command)?,
                    clause("using", Property::Using),
                    clause("with check", Property::WithCheck),
                )
            }
            Kind::Sequence => {
                let of_type = self.property(Property::Type)?;
                let mut text = format!("create sequence {}", self.name());
                if of_type != "bigint" {
                    text.push_str(&format!(" as {of_type}"));
                }
                for option in self.sequence_options(&of_type) {
                    text.push_str(&format!(" {option}"));
                }
                text
            }
            Kind::Enum => {
                let labels = list(self.parts(Property::Labels).iter().map(|it| literal(it)));
                format!("create type {} as enum ({labels})", self.name())
            }
            Kind::Domain => {
                let constraints = self.children(Kind::Constraint);
                let constraints = constraints
                    .filter_map(|it| Some(format!(" constraint {} {}", it.bare(), it.property(Property::Definition)?)));
                format!("create domain {} as {}{}", self.name(), self.column(), constraints.collect::<String>())
            }
            Kind::Composite => {
                let columns = self.columns(Kind::Attribute);
                let columns = columns.iter().map(|it| format!("{} {}", it.bare(), it.column()));
                format!("create type {} as ({})", self.name(), list(columns))
            }
            Kind::Range => {
                let definition = definition()?;
                let words: Vec<&str> = definition.split(' ').collect();
                let own = ["opclass", "collation", "multirange", "canonical", "subtype_diff"];
                let at = words.iter().position(|it| own.contains(it)).unwrap_or(words.len());
                if at < words.len() {
                    return None;
                }
                format!("create type {} as range (subtype = {})", self.name(), words[..at].join(" "))
            }
            Kind::Function | Kind::Procedure => self.create_function()?,
            Kind::Aggregate => self.create_aggregate()?,
            Kind::Operator => self.create_operator()?,
            // `c en_GB.UTF-8 en_GB.UTF-8 deterministic true`
            Kind::Collation => {
                let definition = definition()?;
                let words: Vec<&str> = definition.split(' ').collect();
                let ["c", collate, ctype, "deterministic", "true"] = words[..] else { return None };
                let (collate, ctype) = (literal(collate), literal(ctype));
                format!(
                    "create collation {} (provider = libc, lc_collate = {collate}, lc_ctype = {ctype})",
                    self.name()
                )
            }
            Kind::TextSearchConfiguration => self.create_configuration()?,
            Kind::TextSearchDictionary => {
                let definition = definition()?;
                let (template, options) = match definition.split_once(' ') {
                    Some((template, options)) => (template, format!(", {options}")),
                    None => (definition.as_str(), String::new()),
                };
                format!("create text search dictionary {} (template = {template}{options})", self.name())
            }
            _ => return None,
        })
    }

    /// The statement that unmakes it. None for whatever has rows, numbers or values in it: that is never dropped.
    pub(crate) fn drop(&self) -> Option<String> {
        let bare = self.bare();
        Some(match self.id.kind {
            Kind::View
            | Kind::MaterializedView
            | Kind::Statistics
            | Kind::Function
            | Kind::Procedure
            | Kind::Aggregate
            | Kind::Range
            | Kind::Collation
            | Kind::TextSearchConfiguration
            | Kind::TextSearchDictionary => {
                format!("drop {} {}", self.keyword(), self.name())
            }
            Kind::Index => format!("drop index {}", self.name()),
            Kind::Constraint => format!("alter {} drop constraint {bare}", self.owner()),
            Kind::Trigger | Kind::Rule | Kind::Policy => format!("drop {} {bare} on {}", self.keyword(), self.table()),
            Kind::Operator => {
                let (name, arguments) = self.id.name.split_once('(')?;
                format!("drop operator {}.{name} ({arguments}", identifier(&self.id.schema))
            }
            _ => return None,
        })
    }

    /// The statement that gives it this name, after `from`, in the same schema and of the same parent.
    pub(crate) fn rename(&self, from: &Id) -> Option<String> {
        let old = Ddl { id: from, ..*self };
        let bare = self.bare();
        Some(match self.id.kind {
            Kind::Column => format!("alter {} rename column {} to {bare}", self.owner(), old.bare()),
            Kind::Attribute => format!("alter {} rename attribute {} to {bare}", self.owner(), old.bare()),
            Kind::Constraint => format!("alter {} rename constraint {} to {bare}", self.owner(), old.bare()),
            Kind::Trigger | Kind::Policy | Kind::Rule => {
                format!("alter {} {} on {} rename to {bare}", self.keyword(), old.bare(), self.table())
            }
            Kind::Operator | Kind::OperatorClass | Kind::OperatorFamily | Kind::Cast => return None,
            _ => format!("alter {} {} rename to {bare}", self.keyword(), old.name()),
        })
    }

    /// The statement that moves it here.
    pub(crate) fn set_schema(&self, from: &Id) -> String {
        let old = Ddl { id: from, ..*self };
        format!("alter {} {} set schema {}", self.keyword(), old.name(), identifier(&self.id.schema))
    }

    /// What a comment or a privilege is on.
    fn on(&self) -> String {
        match self.id.kind {
            Kind::Column | Kind::Attribute => format!("column {}.{}", self.table(), self.bare()),
            Kind::Constraint if self.of_kind(Kind::Domain) => {
                format!("constraint {} on domain {}", self.bare(), self.table())
            }
            Kind::Constraint | Kind::Trigger | Kind::Policy | Kind::Rule => {
                format!("{} {} on {}", self.keyword(), self.bare(), self.table())
            }
            Kind::Operator => match self.id.name.split_once('(') {
                Some((name, arguments)) => {
                    format!("operator {}.{name} ({arguments}", identifier(&self.id.schema))
                }
                None => self.name(),
            },
            _ => format!("{} {}", self.keyword(), self.name()),
        }
    }

    /// The statement that gives a role privileges, or takes them. A privilege may say `with grant option`; a list of
    /// them may begin with `grant option for`.
    pub(crate) fn privileges(&self, role: &str, is_grant: bool, privileges: &str) -> Option<String> {
        let role = if role == "PUBLIC" { "public".to_owned() } else { identifier(role) };
        let (only_option, privileges) = match privileges.strip_prefix("grant option for ") {
            Some(plain) => (true, plain),
            None => (false, privileges),
        };
        let with_option = privileges.contains(" with grant option") || only_option;
        let privileges = privileges.replace(" with grant option", "");
        let (on, prefix) = match self.id.kind {
            Kind::DefaultPrivileges => {
                let (what, owner) = self.id.name.split_once(" of ")?;
                let schema = match self.id.schema.as_str() {
                    "" => String::new(),
                    schema => format!(" in schema {}", identifier(schema)),
                };
                (what.to_owned(), format!("alter default privileges for role {}{schema} ", identifier(owner)))
            }
            Kind::Column => {
                let columns = privileges.split(", ").map(|it| format!("{it} ({})", self.bare()));
                let (verb, to) = if is_grant { ("grant", "to") } else { ("revoke", "from") };
                let option = if is_grant && with_option { " with grant option" } else { "" };
                return Some(format!("{verb} {} on {} {to} {role}{option}", list(columns), self.table()));
            }
            Kind::Database => return None,
            Kind::ForeignServer => (format!("foreign server {}", self.bare()), String::new()),
            kind if kind.is_relation() => (self.name(), String::new()),
            _ => (format!("{} {}", self.keyword(), self.name()), String::new()),
        };
        Some(match (is_grant, only_option) {
            (true, _) if with_option => format!("{prefix}grant {privileges} on {on} to {role} with grant option"),
            (true, _) => format!("{prefix}grant {privileges} on {on} to {role}"),
            (false, false) => format!("{prefix}revoke {privileges} on {on} from {role}"),
            (false, true) => format!("{prefix}revoke grant option for {privileges} on {on} from {role}"),
        })
    }

    /// `set (…)` and `reset (…)` that make options these.
    fn options(&self, property: Property, live: Option<&Object>, prefix: &str) -> Vec<String> {
        let wanted = self.parts(property);
        let there = live.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default();
        let name = |it: &String| it.split('=').next().unwrap_or_default().to_owned();
        let set: Vec<String> =
            wanted.iter().filter(|it| !there.contains(it)).map(|it| format!("{prefix}{}", option(it))).collect();
        let gone = there.iter().map(name).filter(|it| !wanted.iter().any(|wanted| name(wanted) == *it));
        let gone: Vec<String> = gone.map(|it| format!("{prefix}{it}")).collect();
        let verbs = [("set", set), ("reset", gone)];
        verbs
            .into_iter()
            .filter(|it| !it.1.is_empty())
            .map(|(verb, it)| format!("{verb} ({})", it.join(", ")))
            .collect()
    }

    /// The statements that make a property what the catalog says, where the object has another; `live` has the others.
    /// None, if no statement does, or only one that makes the object anew.
    pub(crate) fn alter(&self, property: Property, live: Option<&Object>) -> Option<Vec<String>> {
        let bare = self.bare();
        let wanted = self.property(property);
        let is_there = |property| live.is_some_and(|it| it.contains_key(&property));
        let me = || format!("alter {} {}", self.keyword(), self.name());
        let one = |text: String| Some(vec![text]);
        let mine = |what: String| one(format!("{} {what}", me()));
        let column = |what: String| one(format!("alter {} alter column {bare} {what}", self.owner()));
        match (self.id.kind, property) {
            (Kind::Database, _) => None,
            (_, Property::Comment) => {
                let text = wanted.as_deref().map_or_else(|| "null".to_owned(), literal);
                one(format!("comment on {} is {text}", self.on()))
            }
            (Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Constraint | Kind::Index, Property::Owner) => None,
            (Kind::Operator, Property::Owner) => one(format!("alter {} owner to {}", self.on(), identifier(&wanted?))),
            // It goes with its table.
            (Kind::Sequence, Property::Owner | Property::Persistence) if self.has(Property::OwnedBy) => {
                Some(Vec::new())
            }
            (_, Property::Owner) => mine(format!("owner to {}", identifier(&wanted?))),
            (Kind::Column, Property::NotNull) => {
                column(if wanted.is_some() { "set not null" } else { "drop not null" }.to_owned())
            }
            (Kind::Column, Property::Default) => {
                column(wanted.map_or_else(|| "drop default".to_owned(), |it| format!("set default {it}")))
            }
            (Kind::Column, Property::Identity) => match wanted {
                // A sequence that it takes numbers from goes on doing that.
                Some(_) if is_there(Property::Default) => None,
                Some(wanted) if is_there(Property::Identity) => column(format!("set generated {wanted}")),
                Some(wanted) => column(format!("add generated {wanted} as identity{}", self.identity_options())),
                None => None,
            },
            (Kind::Column, Property::Storage) => {
                let usual = match self.property(Property::Type)?.as_str() {
                    it if it.starts_with("numeric") => "main",
                    it if it.ends_with("[]") => "extended",
                    "integer" | "bigint" | "smallint" | "boolean" | "uuid" | "date" => "plain",
                    it if it.starts_with("time") || it.starts_with("double") => "plain",
                    _ => "extended",
                };
                column(format!("set storage {}", wanted.as_deref().unwrap_or(usual)))
            }
            (Kind::Column, Property::Compression) => {
                column(format!("set compression {}", wanted.as_deref().unwrap_or("default")))
            }
            (Kind::Column, Property::Statistics) => {
                column(format!("set statistics {}", wanted.as_deref().unwrap_or("-1")))
            }
            (Kind::Column, Property::Options) => {
                let options = self.options(property, live, "").into_iter();
                Some(options.map(|it| format!("alter {} alter column {bare} {it}", self.owner())).collect())
            }
            (Kind::Column, Property::ServerOptions) => column(self.foreign_options(live).trim_start().to_owned()),
            (Kind::ForeignTable, Property::ServerOptions) => mine(self.foreign_options(live).trim_start().to_owned()),
            (Kind::Table, Property::RowSecurity) => {
                mine(format!("{} row level security", if wanted.is_some() { "enable" } else { "disable" }))
            }
            (Kind::Table, Property::RowSecurityForced) => {
                mine(format!("{}force row level security", if wanted.is_some() { "" } else { "no " }))
            }
            (Kind::Table | Kind::Sequence, Property::Persistence) => {
                mine(format!("set {}", wanted.as_deref().unwrap_or("logged")))
            }
            (Kind::Table, Property::ReplicaIdentity) => match wanted.as_deref() {
                Some("index") => {
                    let index = self.children(Kind::Index).find(|it| it.has(Property::ReplicaIdentity))?;
                    mine(format!("replica identity using index {}", index.bare()))
                }
                wanted => mine(format!("replica identity {}", wanted.unwrap_or("default"))),
            },
            (Kind::Index, Property::ReplicaIdentity) => Some(Vec::new()),
            (Kind::Table, Property::OfType) => mine(match wanted {
                Some(of_type) => format!("of {of_type}"),
                None => "not of".to_owned(),
            }),
            (Kind::Table | Kind::MaterializedView | Kind::View | Kind::Index, Property::Options) => {
                Some(self.options(property, live, "").into_iter().map(|it| format!("{} {it}", me())).collect())
            }
            (Kind::Table | Kind::MaterializedView, Property::ToastOptions) => {
                Some(self.options(property, live, "toast.").into_iter().map(|it| format!("{} {it}", me())).collect())
            }
            (Kind::Table, Property::Inherits) => {
                let there = live.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default();
                let was_partition = is_there(Property::PartitionBound);
                let bound = self.property(Property::PartitionBound);
                let wanted = self.parts(property);
                let leave = there.iter().filter(|it| !wanted.contains(it)).map(|it| match was_partition {
                    true => format!("alter table {it} detach partition {}", self.name()),
                    false => format!("{} no inherit {it}", me()),
                });
                let join = wanted.iter().filter(|it| !there.contains(it)).map(|it| match &bound {
                    Some(bound) => format!("alter table {it} attach partition {} {bound}", self.name()),
                    None => format!("{} inherit {it}", me()),
                });
                Some(leave.chain(join).collect())
            }
            (Kind::Table, Property::PartitionBound) => {
                // Who leaves or joins does it with the parent.
                let (wanted, [parent]) = (wanted?, self.parts(Property::Inherits)) else { return Some(Vec::new()) };
                if !is_there(property) {
                    return Some(Vec::new());
                }
                Some(vec![
                    format!("alter table {parent} detach partition {}", self.name()),
                    format!("alter table {parent} attach partition {} {wanted}", self.name()),
                ])
            }
            (Kind::Constraint, Property::Validated) if wanted.is_none() => {
                one(format!("alter {} validate constraint {bare}", self.owner()))
            }
            (Kind::Constraint, Property::Deferrable) if self.property(Property::Type)? == "foreign key" => {
                let how = wanted.map_or_else(|| "not deferrable".to_owned(), |it| format!("deferrable {it}"));
                one(format!("alter {} alter constraint {bare} {how}", self.owner()))
            }
            (Kind::Constraint, Property::Enforced) if self.property(Property::Type)? == "foreign key" => {
                let how = if wanted.is_some() { "not enforced" } else { "enforced" };
                one(format!("alter {} alter constraint {bare} {how}", self.owner()))
            }
            (Kind::Index, Property::Valid) if wanted.is_none() => one(self.reindex(false)),
            (Kind::Index, Property::Clustered) => one(match wanted {
                Some(_) => format!("alter {} cluster on {bare}", self.owner()),
                None => format!("alter {} set without cluster", self.owner()),
            }),
            (Kind::Index, Property::Statistics) => {
                let there = live.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default();
                let split =
                    |it: &String| it.split_once(": ").map(|(column, target)| (column.to_owned(), target.to_owned()));
                let wanted: Vec<(String, String)> = self.parts(property).iter().filter_map(split).collect();
                let gone = there.iter().filter_map(split).filter(|it| !wanted.iter().any(|wanted| wanted.0 == it.0));
                let all: Vec<_> = wanted.iter().cloned().chain(gone.map(|it| (it.0, "-1".to_owned()))).collect();
                let alter = |(column, target)| format!("{} alter column {column} set statistics {target}", me());
                Some(all.into_iter().map(alter).collect())
            }
            (Kind::Trigger | Kind::Rule, Property::Enabled) => {
                let verb = match wanted.as_deref() {
                    Some("disabled") => "disable",
                    Some("always") => "enable always",
                    Some("for replicas") => "enable replica",
                    _ => "enable",
                };
                one(format!("alter {} {verb} {} {bare}", self.owner(), self.keyword()))
            }
            (Kind::MaterializedView, Property::Populated) => {
                let data = if wanted.is_some() { " with no data" } else { "" };
                one(format!("refresh materialized view {}{data}", self.name()))
            }
            (Kind::Statistics, Property::Target) => {
                mine(format!("set statistics {}", wanted.as_deref().unwrap_or("-1")))
            }
            (Kind::Sequence, Property::Increment) => mine(format!("increment by {}", wanted?)),
            (Kind::Sequence, Property::Minimum) => mine(format!("minvalue {}", wanted?)),
            (Kind::Sequence, Property::Maximum) => mine(format!("maxvalue {}", wanted?)),
            (Kind::Sequence, Property::Start) => mine(format!("start with {}", wanted?)),
            (Kind::Sequence, Property::Cache) => mine(format!("cache {}", wanted?)),
            (Kind::Sequence, Property::Cycle) => mine(if wanted.is_some() { "cycle" } else { "no cycle" }.to_owned()),
            (Kind::Sequence, Property::Type) => mine(format!("as {}", wanted?)),
            (Kind::Sequence, Property::OwnedBy) => mine(match wanted.as_deref().and_then(|it| it.rsplit_once('.')) {
                Some((table, column)) => {
                    format!("owned by {}.{}", qualified(&self.id.schema, table), identifier(column))
                }
                None => "owned by none".to_owned(),
            }),
            (Kind::Enum, Property::Labels) => {
                let there = live.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default();
                let wanted = self.parts(property);
                // What is there must be wanted, in this order: labels are never taken away.
                let mut kept = wanted.iter().filter(|it| there.contains(it));
                if !there.iter().all(|it| kept.next() == Some(it)) {
                    return None;
                }
                let mut last: Option<&String> = None;
                let mut statements = Vec::new();
                for (at, label) in wanted.iter().enumerate() {
                    if !there.contains(label) {
                        let place = match (last, wanted[at..].iter().find(|it| there.contains(it))) {
                            (Some(last), _) => format!(" after {}", literal(last)),
                            (None, Some(next)) => format!(" before {}", literal(next)),
                            (None, None) => String::new(),
                        };
                        statements.push(format!("{} add value {}{place}", me(), literal(label)));
                    }
                    last = Some(label);
                }
                Some(statements)
            }
            (Kind::Domain, Property::Default) => {
                mine(wanted.map_or_else(|| "drop default".to_owned(), |it| format!("set default {it}")))
            }
            (Kind::Domain, Property::NotNull) => {
                mine(if wanted.is_some() { "set not null" } else { "drop not null" }.to_owned())
            }
            (
                Kind::Function | Kind::Procedure,
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
                | Property::Support,
            ) => one(self.create()?),
            (Kind::Rule, Property::Definition) => one(self.create()?),
            (Kind::Policy, Property::Using | Property::WithCheck) if wanted.is_some() => {
                let word = if property == Property::Using { "using" } else { "with check" };
                one(format!("alter policy {bare} on {} {word} ({})", self.table(), wanted?))
            }
            _ => None,
        }
    }
}

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
