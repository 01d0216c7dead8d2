//! The faults of a column: what they make of its value, by its type.

use crate::base::quote::{quote_identifier, quote_literal};
use crate::harness::plant::fault::{Chosen, Column, Name, Names, Needs, Partner, Place, Stock, Wanted, owned};
use crate::harness::plant::legacy::derived;
use crate::migration::target::{Action, Decision, Direction, Role, SOURCE_TABLE, Stage, Status};

/// Columns about which the verification promises nothing, and why.
const NOT_CHECKED: [(&str, &str, &str); 2] = [
    ("migration_mapping", "id", "it is the number of the line only, to which nothing refers"),
    ("migration_mapping", "migrated_at", "the legacy row doesn't say when it was migrated"),
];

/// Why the verification promises nothing about a column, if so.
pub fn without_promise(table: &str, column: &str) -> Option<&'static str> {
    NOT_CHECKED.iter().find(|it| (it.0, it.1) == (table, column)).map(|it| it.2)
}

/// Each fault of each column of each place.
pub fn faults(stock: &Stock) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for place in Place::all() {
        let columns = stock.columns.get(place.table()).map(Vec::as_slice).unwrap_or_default();
        for (at, column) in columns.iter().enumerate() {
            if without_promise(place.table(), &column.name).is_none() {
                wanted.extend(of_column(place, at, column));
            }
        }
    }
    wanted
}

/// A value that becomes another one: the kind of fault, the row that it needs, and an expression of the column `c`.
type Change = (&'static str, fn(&str) -> bool, String);

fn any(_: &str) -> bool {
    true
}

/// Whether an assessment keeps something of the legacy row.
pub fn has_residual(text: &str) -> bool {
    text.contains("\"legacy\": {")
}

fn of_column(place: Place, at: usize, column: &Column) -> Vec<Wanted> {
    let named = quote_identifier(&column.name);
    let names = Names { first: names(place, column), ..Names::default() };
    let one = |kind: &'static str, needs: Needs, statement: Box<dyn Fn(Chosen) -> String + Send + Sync>| Wanted {
        place,
        column: Some(column.name.clone()),
        kind,
        needs,
        partner: Partner::None,
        statement,
        names: names.clone(),
    };
    let table = place.qualified();
    let set = |expression: String| -> Box<dyn Fn(Chosen) -> String + Send + Sync> {
        let (table, named) = (table.clone(), named.clone());
        Box::new(move |it| {
            let expression = expression.replace("$new", &it.new.to_string());
            format!(
                "update {table} t set {named} = n.c from (select t.id, {expression} as c \
                     from (select id, {named} as c from {table} where id = {}) t) n \
                 where t.id = n.id and t.{named} is distinct from n.c",
                it.id
            )
        })
    };
    let mut wanted = Vec::new();
    for (kind, is, expression) in changes(place, column) {
        wanted.push(one(kind, Needs::Value(at, is), set(expression)));
    }
    wanted.push(one("null instead of a value", Needs::Value(at, any), set(format!("null::{}", column.kind))));
    if let Some(value) = filling(column).filter(|_| column.is_nullable) {
        wanted.push(one("a value instead of null", Needs::Null(at), set(value)));
    }
    if is_exchanged(place, column) {
        let statement = move |it: Chosen| {
            let Chosen { id, other, .. } = it;
            format!(
                "update {table} t set {named} = o.{named} from {table} o \
                 where (t.id, o.id) in (({id}, {other}), ({other}, {id}))"
            )
        };
        let exchanged = one("two rows' values exchanged", Needs::Value(at, any), Box::new(statement));
        let names = Names { other: exchanged.names.first.clone(), ..exchanged.names.clone() };
        wanted.push(Wanted { partner: Partner::OtherValue(at), names, ..exchanged });
    }
    wanted
}

/// Whether two rows can have each other's value: what makes a row another one is a fault of its own.
fn is_exchanged(place: Place, column: &Column) -> bool {
    match place {
        Place::Target(_) => !is_identity(&column.name) && column.kind != "boolean",
        Place::Lineage(_) => column.name == "target_id",
        Place::Legacy => false,
    }
}

/// Columns by which a row is found at all: where one of them is wrong the row is missing, or one too many.
fn is_identity(column: &str) -> bool {
    ["id", "request_id", "approval_type", "action_type"].contains(&column)
}

/// What is named of a column that is wrong.
fn names(place: Place, column: &Column) -> Vec<Name> {
    let name = column.name.as_str();
    match place {
        Place::Legacy => derived(name),
        Place::Lineage(Role::Request) if name == "target_id" => {
            owned(&[("pad_request", "id"), (Role::AuditSubmitted.as_str(), "lineage")])
        }
        // Without it the rest of its lineage belongs to no request.
        Place::Lineage(Role::Request) => owned(&[(Role::AuditSubmitted.as_str(), "lineage")]),
        Place::Lineage(role) => owned(&[(role.as_str(), "lineage")]),
        Place::Target(Role::Request) if name == "compliance_assessment" => {
            owned(&[("pad_request", name), (SOURCE_TABLE, "")])
        }
        Place::Target(role) if is_identity(name) => owned(&[(role.as_str(), "id"), (role.as_str(), "lineage")]),
        Place::Target(role) => owned(&[(role.as_str(), name)]),
    }
}

/// What a value can become that isn't null.
fn changes(place: Place, column: &Column) -> Vec<Change> {
    let name = column.name.as_str();
    if name == "id" || matches!(place, Place::Lineage(_)) && ["source_id", "target_id"].contains(&name) {
        // That of a request is changed with all that refers to it: a fault of rows.
        return vec![("another id", any, "$new".to_owned())];
    }
    let mut changes: Vec<Change> = Vec::new();
    let words = if place == Place::Legacy { Vec::new() } else { words(name) };
    if let [first, second, ..] = words[..] {
        let (first, second) = (quote_literal(first), quote_literal(second));
        changes.push(("another code", any, format!("case c when {first} then {second} else {first} end")));
    }
    let is_finite: fn(&str) -> bool = |it| !it.contains("infinity");
    let step = "interval '1 microsecond'";
    let smallest: Option<Change> = match (&*column.kind, &column.references) {
        ("text" | "character varying", _) => {
            let last = "left(c, -1) || case right(c, 1) when 'x' then 'y' else 'x' end";
            Some(("another last character", |it| !it.is_empty(), last.to_owned()))
        }
        ("character", _) => Some(("another value", any, "case c when 'x' then 'y' else 'x' end".to_owned())),
        ("boolean", _) => Some(("the other boolean", any, "not c".to_owned())),
        // Another request is a fault of rows.
        ("bigint", Some(_)) if name == "request_id" => None,
        ("bigint", Some(table)) => {
            Some(("another existing id", any, format!("(select min(r.id) from {table} r where r.id <> c)")))
        }
        ("bigint", None) => Some(("one more", any, "c + 1".to_owned())),
        ("numeric", _) => {
            let nearer = "c - case when c > 0 then 1 else -1 end * ('1e-' || scale(c))::numeric";
            Some(("one less in the last place", |it| it != "NaN", nearer.to_owned()))
        }
        ("timestamp without time zone" | "timestamp with time zone" | "interval", _) => {
            Some(("a microsecond later", is_finite, format!("c + {step}")))
        }
        ("date", _) => Some(("a day later", is_finite, "c + 1".to_owned())),
        ("double precision", _) => {
            Some(("another value", any, "case c when 0.5 then 1.5 else 0.5 end::double precision".to_owned()))
        }
        ("bytea", _) => Some(("a byte more", any, "c || '\\x00'::bytea".to_owned())),
        ("text[]", _) => Some(("another value", |it| it != "{x}", "'{x}'::text[]".to_owned())),
        _ => None,
    };
    changes.extend(smallest);
    if ["text", "character varying"].contains(&&*column.kind) {
        // What is compared after normalisation elsewhere (D3).
        changes.push(("another case", |it| it.bytes().any(|it| it.is_ascii_lowercase()), "upper(c)".to_owned()));
    }
    if column.kind == "jsonb" {
        changes.push(("another JSON type", any, "jsonb_build_array(c)".to_owned()));
        let is_object: fn(&str) -> bool = |it| it.starts_with('{') && it != "{}";
        let outer = |(kind, expression)| (kind, is_object, expression);
        changes.extend(changes_of_json("c", OUTER).map(outer));
        changes.push(("an empty object", is_object, "'{}'::jsonb".to_owned()));
    }
    if name == "compliance_assessment" {
        let nested = |(kind, expression)| {
            (kind, has_residual as fn(&str) -> bool, format!("jsonb_set(c, '{{legacy}}', {expression})"))
        };
        changes.extend(changes_of_json("(c -> 'legacy')", NESTED).map(nested));
        let says_nothing = "jsonb_set(c, '{legacy,planted}', 'null')".to_owned();
        changes.push(("a key without a value more in legacy", has_residual, says_nothing));
    }
    changes
}

/// The kinds of faults of a JSON object, and of the one in `legacy`.
const OUTER: [&str; 4] = ["a key more", "a key less", "a value of the JSON changed", "a value of another JSON type"];
const NESTED: [&str; 4] = [
    "a key more in legacy",
    "a key less in legacy",
    "a value in legacy changed",
    "a value of another JSON type in legacy",
];

fn changes_of_json(object: &str, kinds: [&'static str; 4]) -> impl Iterator<Item = (&'static str, String)> {
    let key = format!("(select min(k) from jsonb_object_keys({object}) k)");
    let expressions = [
        format!("{object} || '{{\"planted\": \"x\"}}'"),
        format!("{object} - {key}"),
        format!("jsonb_set({object}, array[{key}], '\"planted\"')"),
        format!("jsonb_set({object}, array[{key}], '[17]')"),
    ];
    kinds.into_iter().zip(expressions)
}

/// The words of a column, if it has some.
fn words(column: &str) -> Vec<&'static str> {
    match column {
        "status" => Status::ALL.iter().map(|it| it.as_str()).collect(),
        "direction" => Direction::ALL.iter().map(|it| it.as_str()).collect(),
        "approval_type" => Stage::ALL.iter().map(|it| it.as_str()).collect(),
        "decision" => Decision::ALL.iter().map(|it| it.as_str()).collect(),
        "action_type" => Action::ALL.iter().map(|it| it.as_str()).collect(),
        "action_status" => vec!["success", "blocked"],
        "actor_type" => vec!["user", "system"],
        _ => Vec::new(),
    }
}

/// A value for a column that holds null: the one that is nearest to nothing.
fn filling(column: &Column) -> Option<String> {
    if let Some(table) = &column.references {
        return Some(format!("(select min(r.id) from {table} r)"));
    }
    let value = match &*column.kind {
        "text" | "character varying" | "character" => "",
        "boolean" => "false",
        "bigint" | "numeric" | "double precision" => "0",
        "timestamp without time zone" | "timestamp with time zone" | "date" => "2020-01-01",
        "interval" => "0 s",
        "jsonb" | "text[]" => "{}",
        "bytea" => "\\x",
        _ => return None,
    };
    Some(format!("{}::{}", quote_literal(value), column.kind))
}
