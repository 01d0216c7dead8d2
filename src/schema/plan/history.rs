//! Whether the history takes the lines that it is to get: what its constraints, indexes and numbers say. Pure.

use std::collections::BTreeMap;

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::base::text::list;
use crate::config::environment::Environment;
use crate::ledger::history::Record;
use crate::schema::plan::history_table::{
    HistoryCheck, HistoryColumn, HistoryForeignKey, HistorySequence, HistoryTable, HistoryUnique,
};
use crate::schema::plan::route::Recording;
use crate::schema::plan::step::{Left, stop};
use crate::schema::plan::stops::HISTORY_TABLE;

const PLACE: &str = "padealing.schema_revision";

/// The last number of its sequence.
const LAST: &str = "9223372036854775807";

/// Questions about the lines that the history is to get, each with what is left if rows are found. `adopted` is the line
/// that an adoption repeats.
pub(crate) fn questions(
    table: &HistoryTable,
    records: &[Recording],
    adopted: Option<&Record>,
    environment: Environment,
) -> Vec<(String, Left)> {
    let newest = adopted.map(|Record { revision, name, checksum, kind, .. }| {
        [revision.clone(), name.clone(), checksum.clone(), kind.to_string(), String::new()]
    });
    let recorded = records.iter().map(|Recording { revision, kind, sql }| {
        [revision.number.into(), revision.name.into(), revision.checksum(), kind.to_string(), sql.clone()]
    });
    let lines: Vec<[String; 5]> = newest.into_iter().chain(recorded).collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let what = list(lines.iter().map(|it| it[0].clone()));
    let new = table.lines(&lines, environment);
    let mut found = table.not_null(&new, &what);
    found.extend(table.checks(&new, &what));
    found.extend(table.foreign_keys(&new, &what));
    found.extend(table.uniques(&new, &what));
    found.extend(table.numbers(lines.len()));
    found
}

fn left(name: &str, reason: String, sql: String) -> Left {
    stop("history_constraint", format!("{HISTORY_TABLE}.{name}"), reason, Some(sql))
}

fn drop_constraint(name: &str) -> String {
    format!("alter table {PLACE} drop constraint {}", identifier(name))
}

impl HistoryTable {
    /// The new lines as a relation.
    fn lines(&self, lines: &[[String; 5]], environment: Environment) -> String {
        let values = lines.iter().enumerate().map(|(at, line)| {
            let texts: Vec<String> = line.iter().map(|it| format!("{}::text", literal(it))).collect();
            format!("({at}, {})", texts.join(", "))
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let version = literal(env!("CARGO_PKG_VERSION"));
        let environment = literal(environment.as_str());
        let id = match &self.sequence {
            Some(HistorySequence { name, increment }) => format!(
                "(select last_value::numeric + case when is_called then {increment} else 0 end from {name}) \
                 + l.n * {increment}"
            ),
            None => format!("(select coalesce(max(id), 0) + 1 from {PLACE}) + l.n"),
        };
        let known = BTreeMap::from([
            ("id", id.as_str()),
            ("revision", "l.revision"),
            ("name", "l.name"),
            ("checksum", "l.checksum"),
            ("kind", "l.kind"),
            ("sql", "l.sql"),
            ("applied_at", "localtimestamp"),
            ("database_role", "current_user::text"),
            ("program_version", &version),
            ("environment", &environment),
        ]);
        let typed = |it: &HistoryColumn, value: &str| format!("({value})::{}", it.of_type);
        let value = |it: &HistoryColumn| match known.get(it.name.as_str()) {
            // A cast to its type would cut it.
            Some(value) if *value == version || *value == environment => format!("{value}::text"),
            Some(value) => (*value).to_owned(),
            None if it.is_numbered() => typed(it, "null"),
            None => typed(it, it.default.as_deref().unwrap_or("null")),
        };
        let plain = self.columns.iter().filter(|it| it.generated.is_none());
        let plain: Vec<String> = plain.map(|it| format!("{} as {}", value(it), identifier(&it.name))).collect();
        let given =
            format!("select {} from (values {values}) as l (n, revision, name, checksum, kind, sql)", plain.join(", "));
        let all = self.columns.iter().map(|it| match &it.generated {
            Some(expression) => format!("({expression}) as {}", identifier(&it.name)),
            None => identifier(&it.name),
        });
        format!("(select {} from ({given}) {HISTORY_TABLE}) {HISTORY_TABLE}", all.collect::<Vec<_>>().join(", "))
    }

    fn not_null(&self, new: &str, what: &str) -> Vec<(String, Left)> {
        let filled = self.columns.iter().filter(|it| it.is_not_null && !it.is_numbered());
        let question = |it: &HistoryColumn| {
            let column = identifier(&it.name);
            let reason = format!(
                "its column {} must have a value, and the line for {what} has none; give it a default, or take NOT NULL \
                 off",
                it.name
            );
            let sql = format!("alter table {PLACE} alter column {column} drop not null");
            (format!("select from {new} where {column} is null"), left(&it.name, reason, sql))
        };
        filled.filter(|it| !KNOWN.contains(&it.name.as_str())).map(question).collect()
    }

    fn checks(&self, new: &str, what: &str) -> Vec<(String, Left)> {
        let question = |HistoryCheck { name, expression }: &HistoryCheck| {
            let reason = format!("the check refuses the line for {what}: {expression}; drop it first");
            (format!("select from {new} where not ({expression})"), left(name, reason, drop_constraint(name)))
        };
        self.checks.iter().map(question).collect()
    }

    fn foreign_keys(&self, new: &str, what: &str) -> Vec<(String, Left)> {
        let question = |it: &HistoryForeignKey| {
            let given = it.columns.iter().map(|it| format!("{HISTORY_TABLE}.{it} is not null"));
            let same = it.columns.iter().zip(&it.keys).map(|(own, key)| format!("t.{key} = {HISTORY_TABLE}.{own}"));
            let [given, same] = [given.collect::<Vec<_>>(), same.collect()].map(|it| it.join(" and "));
            let HistoryForeignKey { name, target, .. } = it;
            let reason = format!(
                "{target} has no row that the line for {what} would refer to by this foreign key; add the row, or drop \
                 the key"
            );
            let question =
                format!("select from {new} where {given} and not exists (select from {target} t where {same})");
            (question, left(name, reason, drop_constraint(name)))
        };
        self.foreign_keys.iter().map(question).collect()
    }

    fn uniques(&self, new: &str, what: &str) -> Vec<(String, Left)> {
        let columns = list(self.columns.iter().map(|it| identifier(&it.name)));
        let question = |it: &HistoryUnique| {
            let names: Vec<String> = (1..=it.keys.len()).map(|at| format!("k{at}")).collect();
            let keys = it.keys.iter().zip(&names).map(|(key, name)| format!("({key}) as {name}"));
            let condition = it.condition.as_deref().unwrap_or("true");
            let filled = names.iter().filter(|_| it.takes_nulls).map(|it| format!("{it} is not null"));
            let filled: Vec<String> = ["true".to_owned()].into_iter().chain(filled).collect();
            let question = format!(
                "select from (select {} from (select {columns} from {PLACE} union all select {columns} from {new}) \
                 {HISTORY_TABLE} where {condition}) keys where {} group by {} having count(*) > 1",
                list(keys),
                filled.join(" and "),
                names.join(", ")
            );
            (question, self.collision(it, what))
        };
        self.uniques.iter().map(question).collect()
    }

    /// What is left where lines have the same key.
    fn collision(&self, unique: &HistoryUnique, what: &str) -> Left {
        let name = &unique.name;
        if let (Some(sequence), [key]) = (&self.sequence, &unique.keys[..])
            && key == "id"
        {
            let reason = format!("a line has the number that {} gives next; set it after the greatest", sequence.name);
            let sql = format!("select setval({}, (select max(id) from {PLACE}))", literal(&sequence.name));
            return stop("history_sequence", format!("{HISTORY_TABLE}.id"), reason, Some(sql));
        }
        let reason = format!(
            "it allows one line only of the same {}, and the line for {what} is another one; drop it first",
            list(&unique.keys)
        );
        let sql = match unique.is_constraint {
            true => drop_constraint(name),
            false => format!("drop index padealing.{}", identifier(name)),
        };
        left(name, reason, sql)
    }

    /// Whether the sequence has numbers for so many lines.
    fn numbers(&self, count: usize) -> Option<(String, Left)> {
        let HistorySequence { name, increment } = self.sequence.as_ref()?;
        let question = format!(
            "select from {name} where last_value::numeric + {increment}::numeric * ({count} - case when is_called then 0 \
             else 1 end) > {LAST}"
        );
        let reason = format!("{name} has no number left for a line; set it after the greatest that a line has");
        let sql = format!("select setval({}, (select max(id) from {PLACE}))", literal(name));
        Some((question, stop("history_sequence", format!("{HISTORY_TABLE}.id"), reason, Some(sql))))
    }
}

/// The columns that a line fills.
const KNOWN: [&str; 10] = [
    "id",
    "revision",
    "name",
    "checksum",
    "kind",
    "sql",
    "applied_at",
    "database_role",
    "program_version",
    "environment",
];
