//! A legacy row: where it stands, and its columns beside what is stored for them.

use maud::{Markup, html};

use crate::base::hint::{MIGRATE, VERIFY};
use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{decisions, empty, maybe, nothing, sentence, table_frame, text};
use crate::dashboard::query::ViewQuery;
use crate::dashboard::rows::{DifferenceView, LegacyColumnView, LegacyState, LegacyView};
use crate::migration::difference::ALIKE;
use crate::migration::rejection::Rule;
use crate::report::document::words::rejected;

/// The page of a legacy row.
pub(crate) fn legacy(site: &Site, id: i64, view: &LegacyView, query: ViewQuery) -> Markup {
    let title = format!("Legacy row {id}");
    let other = ViewQuery { people: !query.people }.print();
    let part = if matches!(view.state, LegacyState::Rejected) { Part::Rejections } else { Part::Requests };
    let head = Head::new(part, &title).with_values(query.people, format!("/legacy/{id}{other}"));
    let request = match &view.state {
        LegacyState::Proved { request, .. } => Some(*request),
        LegacyState::Differs { request, .. } => *request,
        _ => None,
    };
    let is_collision = view.reasons.iter().any(|it| it.rule == Rule::IdCollision.as_str());
    let address = |request: i64| format!("/requests/{request}{}", query.print());
    let content = html! {
        @if let Some(request) = request {
            p { "It became " a href=(address(request)) { "request " (request) } "." }
        }
        (verified(view))
        @if is_collision { p { a href=(address(id)) { "Request " (id) } " has its id." } }
        (reasons(view))
        @if !view.columns.is_empty() {
            section aria-labelledby="columns" {
                h2 #columns { "Its columns" }
                (beside(view))
            }
        }
    };
    page(site, &head, &content)
}

/// Where a row stands, in the tone and the word of a badge.
pub(crate) fn badge(state: &LegacyState) -> (&'static str, &'static str) {
    match state {
        LegacyState::Proved { .. } => ("good", "proved"),
        LegacyState::Differs { .. } => ("bad", "differs"),
        LegacyState::Rejected => ("bad", "rejected"),
        LegacyState::Pending | LegacyState::Gone | LegacyState::Unknown { .. } => ("caution", "not verified"),
    }
}

/// What the verification found.
pub(crate) fn verified(view: &LegacyView) -> Markup {
    match &view.state {
        LegacyState::Proved { is_only_claim, .. } => html! {
            p.verdict.good {
                strong { "Proved" }
                " Verified against the legacy row just now: what is stored here is what that row gives."
                @if !is_only_claim {
                    " Whether other lineage names it, too, takes too long to find out here: " code { (VERIFY) } " does."
                }
            }
        },
        LegacyState::Differs { differences, .. } => html! {
            p.verdict.bad { strong { "Differs" } " What is stored here is not what the legacy row gives." }
            @if view.columns.is_empty() { p { "There is no legacy row of this id, or several have it." } }
            (self::differences(differences))
        },
        LegacyState::Rejected => html! {
            p.verdict.bad { strong { "Rejected" } " Nothing is stored for this row." }
        },
        LegacyState::Pending => empty(
            "Not migrated yet.",
            html! { "No run has migrated or rejected this row. " code { (MIGRATE) } " does." },
        ),
        LegacyState::Gone => empty(
            "There is no legacy row of this id, or several have it.",
            html! { "Of several rows with one id none is migrated; " code { (VERIFY) } " counts them." },
        ),
        LegacyState::Unknown { reason } => empty("Not verified.", html! { (text(reason)) }),
    }
}

fn differences(differences: &[DifferenceView]) -> Markup {
    let head = ["Column", "From the legacy row", "Stored"];
    table_frame(
        "Differences",
        &head,
        html! {
            @for it in differences {
                tr {
                    th scope="row" data-label=(head[0]) { code { (text(&it.column)) } }
                    td data-label=(head[1]) { (maybe(it.expected.as_deref())) }
                    td data-label=(head[2]) {
                        (maybe(it.actual.as_deref()))
                        @if it.is_alike { " " span.faint { (ALIKE) } }
                    }
                }
            }
        },
    )
}

/// Why a row is rejected.
fn reasons(view: &LegacyView) -> Markup {
    let head = ["Column", "Value when it was rejected", "Rule", "What is wrong", "Message"];
    let is_open = !matches!(view.state, LegacyState::Proved { .. });
    let most = view.reasons.len().min(REASONS);
    html! {
        @if !view.reasons.is_empty() {
            (table_frame("Reasons", &head, html! {
                @for reason in &view.reasons[..most] {
                    @let words = rejected(&reason.rule);
                    tr {
                        th scope="row" data-label=(head[0]) { code { (text(&reason.field)) } }
                        td data-label=(head[1]) { (maybe(reason.value.as_deref())) }
                        td data-label=(head[2]) { (text(&reason.rule)) }
                        td data-label=(head[3]) { (sentence(words.sentence)) @if is_open { " " (sentence(words.remedy)) } }
                        td data-label=(head[4]) { (text(&reason.message)) }
                    }
                }
            }))
            @if view.reasons.len() > most { p.faint { "The first " (most) " of " (view.reasons.len()) " are shown." } }
            @if !is_open { p.faint { "These reasons are still on record as open, though the row is migrated." } }
        }
    }
}

/// Of more reasons the first are shown.
const REASONS: usize = 100;

/// The columns of the legacy row beside what is stored for them, if anything is, and how one became the other.
pub(crate) fn beside(view: &LegacyView) -> Markup {
    let head = ["Legacy column", "Legacy value", "Stored", "Decision"];
    let is_stored = view.columns.iter().any(|it| !it.stored.is_empty() || it.kept.is_some());
    html! {
        @if !is_stored {
            dl.facts {
                @for column in &view.columns {
                    div { dt { code { (text(&column.name)) } } dd { (maybe(Some(&column.text))) } }
                }
            }
        } @else {
            (table_frame("The legacy row", &head, html! {
                @for column in &view.columns {
                    tr {
                        th scope="row" data-label=(head[0]) { code { (text(&column.name)) } }
                        td data-label=(head[1]) { (maybe(Some(&column.text))) }
                        td data-label=(head[2]) { (stored(column)) }
                        td data-label=(head[3]) { (decisions(&column.decisions)) }
                    }
                }
            }))
        }
        @if !view.columns.is_empty() {
            p.faint {
                "Every other column of the legacy row is null."
                @if let Some(hash) = &view.row_hash { " SHA-256 of the row: " code { (hash) } }
            }
        }
        @if !view.decisions.is_empty() {
            details {
                summary { "How it became this request" }
                dl.facts {
                    @for (decision, text) in &view.decisions { div { dt { (decisions(decision)) } dd { (self::text(text)) } } }
                }
            }
        }
    }
}

fn stored(column: &LegacyColumnView) -> Markup {
    html! {
        @for (place, value) in &column.stored {
            div { (maybe(value.as_deref())) " " code.faint { (place) } }
        }
        @if let Some(kept) = &column.kept {
            div { (maybe(Some(kept))) " " span.faint { "kept in the residual" } }
        }
        @if column.stored.is_empty() && column.kept.is_none() { (nothing()) }
    }
}
