//! What functions of others do to a plan's steps: event triggers, triggers on the history, functions behind indexes and
//! conditions. Pure.

use crate::base::hint::APPLY;
use crate::base::sql_text::comment;
use crate::base::text::list;
use crate::schema::catalog::{Catalog, Kind, Property};
use crate::schema::ddl::qualified;
use crate::schema::drift::finding::{Remedy, Severity};
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA};
use crate::schema::plan::code::{Code, Occasion, Reading};
use crate::schema::plan::step::{Action, Hazard, HazardKind, Left, Plan, Step};
use crate::schema::plan::surroundings::Surroundings;

/// Begins the line of the history's SQL that names what `--allow-object` allowed.
const ALLOWED: &str = "allowed with --allow-object: ";

/// The table of the history.
pub(super) const HISTORY_TABLE: &str = "schema_revision";

/// Adds what functions of others do: what surely stops a step or the history's line, and warnings of what may.
pub(super) fn foresee_code(plan: &mut Plan, is_recorded: bool, live: &Catalog, surroundings: &Surroundings) {
    for code in &surroundings.code {
        let at = plan.steps.iter().position(|step| fires_on(&code.occasion, step));
        if at.is_none() && !(matches!(code.occasion, Occasion::Record { .. }) && is_recorded) {
            continue;
        }
        let reading = code.read(&surroundings.meanings);
        match stop(code, &reading, surroundings) {
            Some(left) if reading.is_certain => plan.left.push(left),
            _ if matches!(code.occasion, Occasion::Rewrite(..)) => {}
            _ => {
                let (kind, note) = (HazardKind::Trigger, warning(code));
                let hazard = Hazard { kind, lock: None, table: code.caller.clone(), note };
                if let Some(at) = at.or(plan.steps.len().checked_sub(1)) {
                    plan.steps[at].hazards.push(hazard);
                }
            }
        }
    }
    if is_recorded {
        plan.left.extend(history_rules(live));
    }
}

/// The line of the history's SQL that names what may be locked outside padealing.
pub(crate) fn allowed_line(allowed: &[String]) -> Option<String> {
    (!allowed.is_empty()).then(|| format!("\n{}\n", comment(&format!("{ALLOWED}{}", list(allowed)))))
}

/// Whether the server runs something on a step.
fn fires_on(occasion: &Occasion, step: &Step) -> bool {
    match occasion {
        Occasion::Record { .. } => false,
        Occasion::Event { event, tags } => {
            let is_of_event = match event.as_str() {
                "sql_drop" => step.action == Action::Drop || step.sql.contains(" drop "),
                "table_rewrite" => rewrites(step),
                _ => step.action != Action::Alter || !step.sql.starts_with("select "),
            };
            is_of_event && (tags.is_empty() || tags.iter().any(|tag| has_tag(step, tag)))
        }
        Occasion::Rewrite(schema, table) => {
            let table = qualified(schema, table);
            step.hazards.iter().any(|it| it.table == table) && rewrites(step)
        }
    }
}

fn rewrites(step: &Step) -> bool {
    step.hazards.iter().any(|it| it.kind == HazardKind::Rewrite)
}

/// Whether a step has a command of a tag (documentation, Event Trigger Firing Matrix). A revision's blocks may have
/// any.
fn has_tag(step: &Step, tag: &str) -> bool {
    let is_it = |line: &str| {
        let words = line.split_whitespace().map(str::to_ascii_uppercase);
        let words: Vec<String> = words.filter(|it| !matches!(it.as_str(), "UNIQUE" | "OR" | "REPLACE")).collect();
        format!("{} ", words.join(" ")).starts_with(&format!("{tag} "))
    };
    match step.action {
        Action::Revision => step.sql.lines().any(|line| is_it(line) || line.trim_start().starts_with("do ")),
        _ => is_it(&step.sql),
    }
}

fn left(code: &Code, reason: String, sql: Option<String>) -> Left {
    Left {
        kind: match code.occasion {
            Occasion::Event { .. } => "event_trigger",
            Occasion::Record { .. } => "history_trigger",
            Occasion::Rewrite(..) => "function_search_path",
        }
        .to_owned(),
        object: match code.occasion {
            Occasion::Rewrite(..) => code.function.clone(),
            _ => code.name.clone(),
        },
        severity: Severity::Breaking,
        reason,
        query: None,
        remedy: sql.map(Remedy::sql),
        is_blocking: true,
    }
}

/// The statement that switches it off.
fn disable(code: &Code) -> Option<String> {
    match code.occasion {
        Occasion::Event { .. } => Some(format!("alter event trigger {} disable", code.name)),
        Occasion::Record { .. } => Some(format!("alter table padealing.{HISTORY_TABLE} disable trigger {}", code.name)),
        Occasion::Rewrite(..) => None,
    }
}

/// Who can switch it off, and with which statement.
pub(crate) fn how_to_disable(code: &Code) -> String {
    let statement = disable(code).map(|sql| format!(" with `{sql}`")).unwrap_or_default();
    format!("ask {}, its owner, who can disable it{statement}", code.owner)
}

fn stop(code: &Code, reading: &Reading, surroundings: &Surroundings) -> Option<Left> {
    let Code { caller, function, .. } = code;
    if let Some((name, schema)) = &reading.unqualified {
        let reason = format!(
            "{caller} calls {function}, which names {name} without its schema {schema}; pad-migrate's steps run with \
             search_path = pg_catalog, where that fails; give the function its search_path first"
        );
        return Some(left(
            code,
            reason,
            Some(format!("alter function {function} set search_path = {}, pg_temp", qualified("", schema))),
        ));
    }
    if matches!(code.occasion, Occasion::Rewrite(..)) {
        return None;
    }
    if let Some(message) = &reading.refusal {
        let reason = format!("{caller} calls {function}, which refuses: {message}; {}", how_to_disable(code));
        return Some(left(code, reason, disable(code)));
    }
    if let Some(what) = &reading.alteration {
        let how = how_to_disable(code);
        let reason = format!("{caller} calls {function}, which gets the history's line and {what}; {how}");
        return Some(left(code, reason, disable(code)));
    }
    let is_inside = |schema: &str| [APPLICATION_SCHEMA, "pg_catalog", "pg_temp"].contains(&schema);
    let outside = reading.written.iter().filter(|(schema, _)| !is_inside(schema));
    let names: Vec<String> = outside.map(|(schema, name)| format!("{schema}.{name}")).collect();
    let refused: Vec<&String> = names.iter().filter(|it| !surroundings.allowed.contains(*it)).collect();
    if refused.is_empty() {
        return None;
    }
    let is_reference = refused.iter().any(|it| it.starts_with(&format!("{CONTRACT_SCHEMA}.")));
    let how = match is_reference {
        true => format!("nothing may write there; {}", how_to_disable(code)),
        false => {
            let flags: Vec<String> = refused.iter().map(|it| format!("--allow-object {it}")).collect();
            format!("to let it, run `{APPLY} {}`", flags.join(" "))
        }
    };
    let reason = format!("{caller} calls {function}, which writes to {}, outside padealing; {how}", list(&refused));
    Some(left(code, reason, None))
}

fn warning(code: &Code) -> String {
    let Code { caller, function, .. } = code;
    format!(
        "{caller} fires on these steps and calls {function}; it may refuse them, or lock tables outside padealing; {}",
        how_to_disable(code)
    )
}

/// Rules that keep the history from getting its line as it is.
fn history_rules(live: &Catalog) -> Vec<Left> {
    let rules = live.children(APPLICATION_SCHEMA, HISTORY_TABLE).filter(|(id, object)| {
        let definition = object.get(&Property::Definition).map(ToString::to_string).unwrap_or_default();
        id.kind == Kind::Rule && definition.to_ascii_uppercase().contains("ON INSERT")
    });
    let stop = |name: &str| Left {
        kind: "history_rule".to_owned(),
        object: format!("{HISTORY_TABLE}.{name}"),
        severity: Severity::Breaking,
        reason: "it changes what the history records; drop it first".to_owned(),
        query: None,
        remedy: Some(Remedy::sql(format!("drop rule {} on padealing.{HISTORY_TABLE}", qualified("", name)))),
        is_blocking: true,
    };
    rules.map(|(id, _)| stop(&id.name)).collect()
}
