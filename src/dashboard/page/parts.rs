//! What pages are made of. Every text from outside passes [`text`].

use maud::{Markup, html};

use crate::base::escape;
use crate::base::text::thousands;
use crate::dashboard::page::frame::ID;
pub(crate) use crate::dashboard::page::values::text;
use crate::dashboard::page::values::{moment, number};
use crate::dashboard::query::{At, ViewQuery};
use crate::dashboard::rows::{
    Counted, HIDDEN, JSON, Page, People, Reached, Record, Value, is_personal, without_people,
};
use crate::migration::decision::decision;
use crate::report::document::block::{Span, spans};
use crate::report::document::words::capitalised;

/// A text whose lines are kept, each as it is.
fn prose(found: &str) -> Markup {
    html! {
        span.prose {
            @for (at, line) in found.split('\n').enumerate() {
                @if at > 0 { "\n" }
                (text(line.strip_suffix('\r').unwrap_or(line)))
            }
        }
    }
}

/// A sentence in which what stands between backticks is code.
pub(crate) fn sentence(sentence: &str) -> Markup {
    html! {
        @for span in spans(sentence) {
            @match span { Span::Words(words) => (escape::text(words)), Span::Code(words) => code { (escape::text(words)) } }
        }
    }
}

/// Decisions by their numbers, such as `D5, D18`, with their titles; each leads to what was decided.
pub(crate) fn decisions(numbers: &str) -> Markup {
    html! {
        @for (at, number) in numbers.split(", ").filter(|it| !it.is_empty()).enumerate() {
            @if at > 0 { ", " }
            a href={ "/reference#" (number) } {
                (number)
                @if let Some(known) = decision(number) { " " (known.title) }
            }
        }
    }
}

/// What stands where nothing is.
pub(crate) fn nothing() -> Markup {
    html! { span .none .nothing { span aria-hidden="true" { "–" } span.hidden { "none" } } }
}

/// A text, or nothing.
pub(crate) fn maybe(value: Option<&str>) -> Markup {
    match value {
        Some("") => html! { span.none { "empty text" } },
        Some(value) => text(value),
        None => nothing(),
    }
}

/// A number, or nothing.
pub(crate) fn maybe_number(value: Option<&str>) -> Markup {
    value.map_or_else(nothing, number)
}

/// A word of a set, in the colour of what it means.
pub(crate) fn word(word: &str) -> Markup {
    let tone = match word {
        "approved" | "executed" | "success" | "resolved" | "done" | "pass" | "clean" | "finished" => "good",
        "declined" | "rejected" | "blocked" | "failed" | "lost" | "critical" | "high" | "breaking" | "fail" => "bad",
        "pending_manager" | "pending_compliance" | "medium" | "warning" | "warn" | "open" | "interrupted"
        | "running" => "caution",
        _ => "faint",
    };
    html! { span .status .(tone) { (escape::text(&word.replace('_', " "))) } }
}

/// A word, or nothing.
pub(crate) fn maybe_word(value: Option<&str>) -> Markup {
    value.map_or_else(nothing, word)
}

/// A number of rows.
pub(crate) fn counted(count: Counted) -> String {
    format!("{}{}", thousands(count.rows), if count.is_more { "+" } else { "" })
}

/// An employee: the id, which leads to their requests, and who it is if somebody asked.
pub(crate) fn employee(id: Option<i64>, people: &People, is_shown: bool) -> Markup {
    let Some(id) = id else { return nothing() };
    let query = if is_shown { format!("?employee={id}&people=shown") } else { format!("?employee={id}") };
    html! {
        a href={ "/requests" (query) } { (id) }
        @if let Some(person) = people.get(&id) {
            @if let Some(name) = &person.full_name { " " span.who { (text(name)) } }
            @if let Some(email) = &person.email { " " span.faint { (text(email)) } }
        }
    }
}

/// A value of a column by what it is.
pub(crate) fn value(column: &str, value: &Value, people: &People, is_shown: bool) -> Markup {
    let Some(found) = value.text.as_deref() else { return nothing() };
    if is_personal(column) && !is_shown {
        return html! { span.none { (HIDDEN) } };
    }
    match column {
        "employee_id" | "updated_by_id" | "deleted_by_id" | "approver_id" | "recorded_by_id" | "resolved_by_id"
        | "actor_id" => employee(found.parse().ok(), people, is_shown),
        "request_id" => {
            html! { a href={ "/requests/" (found) (ViewQuery { people: is_shown }.print()) } { (text(found)) } }
        }
        "source_id" => legacy_row(found, is_shown),
        "status" | "decision" | "severity" | "action_status" => word(found),
        _ if JSON.contains(&column) => {
            let found = if is_shown { found.to_owned() } else { without_people(found) };
            html! {
                pre { @for (at, line) in found.split('\n').enumerate() { @if at > 0 { "\n" } (escape::text(line)) } }
                (cut(value))
            }
        }
        _ if found.is_empty() => html! { span.none { "empty text" } },
        "timestamp" => moment(found),
        _ if column.ends_with("_at") => moment(found),
        _ if is_number(column) => number(found),
        _ => html! {
            (prose(found))
            (cut(value))
        },
    }
}

/// A legacy row, by its id.
pub(crate) fn legacy_row(id: &str, is_shown: bool) -> Markup {
    let address = format!("/legacy/{id}{}", ViewQuery { people: is_shown }.print());
    html! { a href=(address) { (text(id)) } }
}

fn cut(value: &Value) -> Markup {
    html! { @if let Some(all) = value.cut_of { " " span.none { "… " (thousands(all)) " characters in all" } } }
}

/// The name of a column as people read it: `created_at` is "Created at".
pub(crate) fn label(column: &str) -> String {
    let words = match column {
        "source_id" => "legacy row".to_owned(),
        "action_type" => "action".to_owned(),
        "action_status" => "result".to_owned(),
        "isin" | "sedol" => column.to_ascii_uppercase(),
        _ => column.trim_end_matches("_id").replace('_', " "),
    };
    capitalised(&words)
}

/// Columns with their values; those without one are named at the end.
pub(crate) fn facts(record: &Record, people: &People, is_shown: bool) -> Markup {
    let (set, unset): (Vec<_>, Vec<_>) = record.columns.iter().partition(|(_, value)| value.text.is_some());
    html! {
        dl.facts {
            @for (column, value) in set {
                div { dt { (label(column)) } dd { (self::value(column, value, people, is_shown)) } }
            }
        }
        @if !unset.is_empty() {
            p.faint { "Null: " (unset.iter().map(|(column, _)| *column).collect::<Vec<_>>().join(", ")) }
        }
    }
}

/// Whether a column's values stand to the right.
pub(crate) fn is_number(column: &str) -> bool {
    matches!(column, "quantity" | "estimated_value" | "execution_price" | "execution_quantity" | "source_id")
}

/// A table of records, a column for each that says something, in a frame that scrolls by itself.
pub(crate) fn table(caption: &str, columns: &[&str], records: &[Record], people: &People, is_shown: bool) -> Markup {
    let value_of = |record: &Record, column: &str| {
        let found = record.columns.iter().find(|(name, _)| *name == column);
        found.map_or_else(nothing, |(_, found)| value(column, found, people, is_shown))
    };
    let says = |column: &&str| records.iter().any(|record| record.get(column).is_some());
    let columns: Vec<&str> = columns.iter().copied().filter(says).collect();
    html! {
        div.scroll role="group" tabindex="0" aria-label=(caption) {
            table.cards {
                caption.hidden { (caption) }
                thead { tr {
                    th scope="col" .number { "Id" }
                    @for column in &columns { th scope="col" .number[is_number(column)] { (label(column)) } }
                } }
                tbody {
                    @for record in records {
                        tr {
                            th scope="row" .number data-label="Id" { (record.id) }
                            @for column in &columns {
                                td .number[is_number(column)] data-label=(label(column)) { (value_of(record, column)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A table of texts in a frame that scrolls by itself; on a narrow screen each row is a card, whose lines are named by the
/// `data-label` of its cells.
pub(crate) fn table_frame(caption: &str, head: &[&str], rows: Markup) -> Markup {
    html! {
        div.scroll role="group" tabindex="0" aria-label=(caption) {
            table.cards {
                caption.hidden { (caption) }
                thead { tr { @for title in head { th scope="col" { (title) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// Where no row is: why, and what to do.
pub(crate) fn empty(why: &str, what: Markup) -> Markup {
    html! { div.empty { p { strong { (why) } } p { (what) } } }
}

/// The way to the page before and the one after a page, whose first and last row have these ids.
pub(crate) fn pager<T>(page: &Page<T>, ends: Option<(i64, i64)>, to: &dyn Fn(At) -> String) -> Markup {
    let beyond = page.reached.as_ref();
    let (ahead, back) = (beyond.filter(|it| it.is_backwards), beyond.filter(|it| !it.is_backwards));
    let before = ends.filter(|_| page.has_before && ahead.is_none()).map(|it| to(At::Before(it.0)));
    let after = ends.filter(|_| page.has_after && back.is_none()).map(|it| to(At::After(it.1)));
    html! {
        @if let Some(reached) = beyond { p.faint { (looked_at(reached)) "." } }
        @if page.has_before || beyond.is_some() || after.is_some() {
            nav.pager aria-label="Pages of the list" {
                @if page.has_before || ahead.is_some() { a href=(to(At::Start)) { "First page" } }
                @if let Some(before) = before { a rel="prev" href=(before) { "← Previous page" } }
                @if let Some(reached) = ahead { a rel="prev" href=(to(At::Ahead(reached.id))) { "← Look further" } }
                @if let Some(after) = after { a rel="next" href=(after) { "Next page →" } }
                @if let Some(reached) = back { a rel="next" href=(to(At::Beyond(reached.id))) { "Look further →" } }
            }
        }
    }
}

/// What stands where a page has no rows, and others have, or may have.
pub(crate) fn elsewhere<T>(page: &Page<T>, to: &dyn Fn(At) -> String) -> Option<Markup> {
    if page.reached.is_some() {
        let why = empty("None so far.", html! { "Looking at all rows would take too long." });
        return Some(html! { (why) (pager(page, None, to)) });
    }
    let first = html! { a href=(to(At::Start)) { "Go to the first page" } "." };
    (page.has_before || page.has_after).then(|| empty("There are no more rows.", first))
}

/// How far a page was looked for.
fn looked_at(reached: &Reached) -> Markup {
    html! {
        "Looked at " (thousands(reached.rows as u64)) " rows, "
        @if let Some(key) = &reached.key { "as far as " span.figure { (text(key)) } } @else { "as far as id " (reached.id) }
    }
}

/// A word to filter by, as it is stored.
pub(crate) struct FacetLink<'a> {
    pub(crate) word: &'a str,
    pub(crate) count: Option<Counted>,
    /// What it leads to; none for a name that no address can have.
    pub(crate) address: Option<String>,
    pub(crate) is_chosen: bool,
}

/// Words to filter by.
pub(crate) fn facets(label: &str, links: &[FacetLink<'_>]) -> Markup {
    html! {
        nav.facets aria-label=(label) {
            ul {
                @for link in links {
                    li {
                        a href=[&link.address] aria-current=[link.is_chosen.then_some("true")] {
                            (text(&link.word.replace('_', " ")))
                            @if let Some(count) = link.count { " " span.count { (counted(count)) } }
                        }
                    }
                }
            }
        }
    }
}

/// A field for an id, which the browser doesn't send if it is none.
pub(crate) fn id_field(name: &str, label: &str, value: Option<i64>) -> Markup {
    html! {
        label { span { (label) }
            input name=(name) inputmode="numeric" autocomplete="off" size="10" pattern=(ID) title="A whole number"
                value=(value.map(|it| it.to_string()).unwrap_or_default());
        }
    }
}

/// A choice of one word, or of none.
pub(crate) fn choice(
    name: &str,
    label: &str,
    none: Option<&str>,
    words: impl IntoIterator<Item = (String, String)>,
    chosen: Option<&str>,
) -> Markup {
    html! {
        label { span { (label) }
            select name=(name) {
                @if let Some(none) = none { option value="" { (none) } }
                @for (word, shown) in words {
                    option value=(word) selected[chosen == Some(word.as_str())] { (escape::text(&shown)) }
                }
            }
        }
    }
}
