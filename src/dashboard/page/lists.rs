//! The lists of breaches and audit entries.

use maud::{Markup, html};

use crate::base::hint::MIGRATE;
use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{choice, elsewhere, empty, id_field, pager, table};
use crate::dashboard::query::{At, AuditQuery, BreachesQuery, RESULTS, SEVERITIES, STATES, is_name};
use crate::dashboard::rows::{Page, People, Record};

/// Words of a set as a choice has them.
pub(super) fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> Vec<(String, String)> {
    words.into_iter().map(|it| (it.to_owned(), it.replace('_', " "))).collect()
}

/// What differs between the lists.
struct List<'a> {
    part: Part,
    columns: &'static [&'static str],
    page: &'a Page<Record>,
    people: &'a People,
    is_shown: bool,
    is_filtered: bool,
    form: Markup,
    /// Why there is none at all.
    none: Markup,
    /// The address of a page.
    to: &'a dyn Fn(At) -> String,
    /// The address with people shown, or hidden.
    other: String,
}

impl List<'_> {
    fn html(self, site: &Site) -> Markup {
        let Self { part, columns, page: list, people, is_shown, .. } = self;
        let path = part.path();
        let rows = &list.rows;
        let to = |at| format!("{path}{}", (self.to)(at));
        let ends = rows.first().zip(rows.last()).map(|(first, last)| (first.id, last.id));
        let head = Head::new(part, part.title()).with_people(is_shown, format!("{path}{}", self.other));
        let content = html! {
            form.filters method="get" action=(path) role="search" aria-label={ "Filter " (part.title()) } {
                @if is_shown { input type="hidden" name="people" value="shown"; }
                (self.form)
                button type="submit" { "Apply" }
                @if self.is_filtered { a href=(path) { "Clear filters" } }
            }
            @if !rows.is_empty() {
                (table(part.title(), columns, rows, people, is_shown))
                (pager(list, ends, &to))
            } @else if let Some(elsewhere) = elsewhere(list, &to) {
                (elsewhere)
            } @else if self.is_filtered {
                (empty("Nothing matches these filters.", html! { "Change one, or " a href=(path) { "clear them" } "." }))
            } @else {
                (self.none)
            }
        };
        page(site, &head, &content)
    }
}

/// Breaches.
pub(crate) fn breaches(site: &Site, query: &BreachesQuery, page: &Page<Record>, people: &People) -> Markup {
    let state = query.resolved.map(|it| STATES[usize::from(it)]);
    let form = html! {
        (choice("severity", "Severity", Some("Any"), words(SEVERITIES), query.severity))
        (choice("state", "State", Some("Any"), words(STATES), state))
        (id_field("employee", "Employee id", query.employee))
    };
    let list = List {
        part: Part::Breaches,
        columns: &[
            "detected_at",
            "severity",
            "breach_type",
            "employee_id",
            "request_id",
            "description",
            "resolved_at",
            "resolved_by_id",
        ],
        page,
        people,
        is_shown: query.people,
        is_filtered: query.severity.is_some() || query.resolved.is_some() || query.employee.is_some(),
        form,
        none: empty("There are no breaches.", html! { "Nothing to do." }),
        to: &|at| BreachesQuery { at, ..query.clone() }.print(),
        other: BreachesQuery { people: !query.people, ..query.clone() }.print(),
    };
    list.html(site)
}

/// The audit log.
pub(crate) fn audit(
    site: &Site,
    query: &AuditQuery,
    page: &Page<Record>,
    people: &People,
    actions: &[String],
) -> Markup {
    let mut known: Vec<&str> = actions.iter().map(String::as_str).filter(|it| is_name(it)).collect();
    known.extend(query.action.as_deref().filter(|it| !actions.iter().any(|known| known == it)));
    let form = html! {
        (choice("action", "Action", Some("Any"), words(known), query.action.as_deref()))
        (choice("result", "Result", Some("Any"), words(RESULTS), query.result))
        (id_field("request", "Request id", query.request))
    };
    let list = List {
        part: Part::Audit,
        columns: &[
            "timestamp",
            "action_type",
            "action_status",
            "decision",
            "request_id",
            "actor_type",
            "actor_id",
            "google_uid",
            "comments",
        ],
        page,
        people,
        is_shown: query.people,
        is_filtered: query.action.is_some() || query.result.is_some() || query.request.is_some(),
        form,
        none: empty("The audit log is empty.", html! { "The application and " code { (MIGRATE) } " write to it." }),
        to: &|at| AuditQuery { at, ..query.clone() }.print(),
        other: AuditQuery { people: !query.people, ..query.clone() }.print(),
    };
    list.html(site)
}
