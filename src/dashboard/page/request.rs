//! One request: what it says, who decided, what happened, where it came from.

use maud::{Markup, html};

use crate::base::hint::VERIFY;
use crate::dashboard::page::frame::{Head, Part, Site, begin, end};
use crate::dashboard::page::legacy::{badge, beside, verified};
use crate::dashboard::page::parts::{
    employee, empty, facts, maybe, maybe_number, maybe_word, nothing, table, text, value, word,
};
use crate::dashboard::page::values::moment;
use crate::dashboard::query::ViewQuery;
use crate::dashboard::rows::{LegacyView, Origin, Record, Request};

/// Everything but what the legacy row says, which may take longer: the page is sent so far. What is known of the proof is
/// said in the summary.
pub(crate) fn first_part(site: &Site, request: &Request, query: ViewQuery, legacy: Option<&LegacyView>) -> Markup {
    let id = request.request.id;
    let title = format!("Request {id}");
    let other = ViewQuery { people: !query.people }.print();
    let head = Head::new(Part::Requests, &title).with_people(query.people, format!("/requests/{id}{other}"));
    let (people, shown) = (&request.people, query.people);
    html! {
        (begin(site, &head))
        (summary(request, shown, legacy))
        @if request.is_more {
            p.problem { "More than 200 rows belong to this request in one table; the first 200 are shown." }
        }
        section aria-labelledby="approvals" {
            h2 #approvals { "Approvals" }
            @if request.approvals.is_empty() { p.faint { "Nobody has decided yet." } }
            @else {
                (table("Approvals", &["approval_type", "decision", "decided_at", "approver_id", "approver_google_uid", "comments",
                    "restricted_check", "holding_period_check", "conflict_check"], &request.approvals, people, shown))
            }
        }
        section aria-labelledby="executions" {
            h2 #executions { "Execution" }
            @if request.executions.is_empty() { p.faint { "Not executed." } }
            @for execution in &request.executions { (facts(execution, people, shown)) }
        }
        section aria-labelledby="breaches" {
            h2 #breaches { "Breaches" }
            @if request.breaches.is_empty() { p.faint { "None." } }
            @else {
                (table("Breaches", &["detected_at", "severity", "breach_type", "employee_id", "description",
                    "resolved_at", "resolved_by_id"], &request.breaches, people, shown))
            }
        }
        section aria-labelledby="audit" {
            h2 #audit { "Audit trail" }
            @if request.audit.is_empty() { p.faint { "No entry of the audit log names this request." } }
            @else { (timeline(request, shown)) }
        }
        details open {
            summary { "All columns of the request" }
            (facts(&request.request, people, shown))
        }
    }
}

fn summary(request: &Request, shown: bool, legacy: Option<&LegacyView>) -> Markup {
    let record = &request.request;
    let get = |column: &str| record.get(column);
    let security = request.security.as_deref().or(get("security_name"));
    html! {
        dl.summary {
            div { dt { "Status" } dd {
                (maybe_word(get("status")))
                @if get("deleted_at").is_some() { " " span .status .faint { "deleted" } }
            } }
            div { dt { "Employee" } dd { (employee(record.id_in("employee_id"), &request.people, shown)) } }
            div { dt { "Security" } dd {
                @match (record.id_in("security_id"), security) {
                    (Some(id), name) => a href={ "/requests?security=" (id) } { (text(name.unwrap_or("unnamed"))) },
                    (None, Some(name)) => (text(name)),
                    (None, None) => (nothing()),
                }
            } }
            div { dt { "Direction" } dd { (maybe(get("direction"))) } }
            div { dt { "Quantity" } dd.figure { (maybe_number(get("quantity"))) } }
            div { dt { "Estimated value" } dd.figure {
                (maybe_number(get("estimated_value"))) " " (text(get("currency").unwrap_or("")))
            } }
            div { dt { "Created" } dd.figure { (get("created_at").map_or_else(nothing, moment)) } }
            div { dt { "Origin" } dd { (origin(&request.origin, legacy)) } }
        }
    }
}

/// Where the request is from, in a word, and the way to the rest.
fn origin(origin: &Origin, legacy: Option<&LegacyView>) -> Markup {
    let (text, tone, word) = match origin {
        Origin::Application => return html! { "the application" },
        Origin::Broken => ("a migration".to_owned(), "bad", "lineage missing"),
        Origin::Unknown => ("a legacy row".to_owned(), "faint", "not verified"),
        Origin::Legacy(lineage) => {
            let (tone, word) = legacy.map_or(("faint", "see below"), |it| badge(&it.state));
            (format!("legacy row {}", lineage.source_id), tone, word)
        }
    };
    html! { a href="#lineage" { (text) } " " span .status .(tone) { (word) } }
}

fn timeline(request: &Request, shown: bool) -> Markup {
    html! {
        ol.timeline { @for entry in &request.audit { li { (event(entry, request, shown)) } } }
    }
}

fn event(entry: &Record, request: &Request, shown: bool) -> Markup {
    let column = |name: &str| entry.columns.iter().find(|(found, _)| *found == name).map(|(_, value)| value);
    html! {
        p.time { time { (moment(entry.get("timestamp").unwrap_or_default())) } }
        p {
            strong { (text(&entry.get("action_type").unwrap_or_default().replace('_', " "))) }
            " " (word(entry.get("action_status").unwrap_or_default()))
            @if let Some(decision) = entry.get("decision") { " " (word(decision)) }
        }
        p.faint {
            (text(entry.get("actor_type").unwrap_or_default()))
            @if entry.get("actor_id").is_some() { " " (employee(entry.id_in("actor_id"), &request.people, shown)) }
            @if let Some(uid) = column("google_uid").filter(|it| it.text.is_some()) {
                " " (value("google_uid", uid, &request.people, shown))
            }
        }
        @if let Some(found) = column("comments").filter(|it| it.text.is_some()) {
            p { (value("comments", found, &request.people, shown)) }
        }
        @if let Some(found) = column("details").filter(|it| it.text.is_some()) {
            details { summary { "Details" } div { (value("details", found, &request.people, shown)) } }
        }
    }
}

/// What the legacy row says, and the end of the page.
pub(crate) fn last_part(origin: &Origin, legacy: Option<&LegacyView>, shown: bool) -> Markup {
    html! {
        section aria-labelledby="lineage" {
            h2 #lineage { "Lineage" }
            @match origin {
                Origin::Application => p.faint { "No lineage: the application wrote this request." },
                Origin::Broken => {
                    (empty(
                        "A migration wrote this request, or a part of it, and its lineage is not there.",
                        html! { code { (VERIFY) } " says what differs." },
                    ))
                }
                Origin::Unknown => {
                    (empty(
                        "Its lineage takes more than a second to find here.",
                        html! { code { (VERIFY) } " proves every row." },
                    ))
                }
                Origin::Legacy(lineage) => {
                    p {
                        "From row "
                        a href={ "/legacy/" (lineage.source_id) (ViewQuery { people: shown }.print()) } {
                            strong { (lineage.source_id) }
                        }
                        " of " code { (text(&lineage.source_table)) }
                        @if let Some(at) = &lineage.migrated_at { ", migrated " span.figure { (text(at)) } }
                        "."
                    }
                    @if let Some(legacy) = legacy { (verified(legacy)) (beside(legacy)) }
                }
            }
        }
        (end())
    }
}
