//! The numbers of an environment, and where the migration stands.

use maud::{Markup, html};

use crate::base::hint::MIGRATE;
use crate::base::text::{plural, thousands};
use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{empty, nothing, table_frame, text, word};
use crate::dashboard::query::{OverviewQuery, RejectionsQuery, is_name};
use crate::dashboard::rows::{Overview, Pulse};
use crate::migration::standing::Run;
use crate::migration::target::Status;

/// While a run is at work the browser looks again after so many seconds.
const AGAIN: u32 = 5;

/// The whole page; old numbers are being counted again.
pub(crate) fn overview(site: &Site, overview: &Overview, is_old: bool, pulse: &Pulse, query: OverviewQuery) -> Markup {
    let at_work = pulse.at_work();
    let content = html! {
        @if let Some(run) = at_work { (working(run, pulse, query)) }
        @else if let Some(rows) = overview.accounting(pulse.runs.as_ref().ok().and_then(|it| it.newest.first())) { (accounting(rows)) }
        @if overview.by_year.is_none() {
            (empty(
                "The requests are not counted.",
                html! { "Counting them takes more than a second here. " a href="/requests" { "The list" } " is there all the same." },
            ))
        } @else if overview.requests() == 0 {
            (empty(
                "There are no requests yet.",
                html! { "Run " code { (MIGRATE) } " to bring the legacy rows here; then reload this page." },
            ))
        } @else {
            (figures(overview))
            @if let Some(migrated) = overview.migrated {
                p {
                    (plural(overview.requests(), "request", "requests")) ": " span.figure { (thousands(migrated)) }
                    " from legacy rows, " span.figure { (thousands(overview.requests().saturating_sub(migrated))) }
                    " without lineage, as the application writes them."
                    @if overview.rejected > 0 {
                        " " a href="/rejections?state=open" { (plural(overview.rejected, "legacy row", "legacy rows")) }
                        (if overview.rejected == 1 { " is rejected." } else { " are rejected." })
                    }
                }
            }
            @if overview.is_by_year { (years(overview)) }
        }
        (migration(overview, pulse))
        p.faint {
            "Counted at " span.figure { (text(&overview.counted_at)) } " (UTC); "
            @if is_old { "being counted again: reload the page in a moment." } @else { "counted again after a minute." }
        }
    };
    let again = at_work.filter(|_| !query.still).map(|_| AGAIN);
    page(site, &Head { again, ..Head::new(Part::Overview, Part::Overview.title()) }, &content)
}

/// What became of the legacy rows.
fn accounting([read, migrated, rejected, left]: [u64; 4]) -> Markup {
    let term = |count: u64, word: &str| html! { b { (thousands(count)) } " " (word) };
    html! {
        p.sum {
            (term(read, "legacy rows")) " = " a href="/requests?writer=migration" { (term(migrated, "migrated")) } " + "
            a href="/rejections?state=open" { (term(rejected, "rejected")) } " + " (term(left, "left"))
        }
    }
}

/// What a run does now.
fn working(run: &Run, pulse: &Pulse, query: OverviewQuery) -> Markup {
    let other = OverviewQuery { still: !query.still }.print();
    html! {
        p .verdict .caution role="status" {
            strong { (text(&run.command)) " is at work" }
            " since " span.figure { (text(&run.started_at)) } " (UTC), as " (text(&run.role)) ". By the server's own estimate, "
            (plural(pulse.requests, "request was", "requests were")) " there a moment ago"
            @if let Some(rate) = pulse.rate {
                ", " span.figure { (thousands(rate.abs().round() as u64)) } (if rate < 0.0 { " fewer" } else { " more" })
                " a second"
            }
            ". "
            @if query.still { a href={ "/" (other) } { "Load this page again by itself" } }
            @else { "This page loads again every " (AGAIN) " seconds. " a href={ "/" (other) } { "Stop that" } }
        }
    }
}

fn figures(overview: &Overview) -> Markup {
    html! {
        ul.figures {
            li { a href="/requests" { b { (thousands(overview.requests())) } span { "requests" } } }
            @for status in Status::ALL {
                @let count = overview.with_status(status.as_str());
                @if count > 0 {
                    li {
                        a href={ "/requests?status=" (status.as_str()) } {
                            b { (thousands(count)) } span { (status.as_str().replace('_', " ")) }
                        }
                    }
                }
            }
        }
    }
}

fn years(overview: &Overview) -> Markup {
    let statuses: Vec<&str> =
        Status::ALL.iter().map(|it| it.as_str()).filter(|it| overview.with_status(it) > 0).collect();
    html! {
        section aria-labelledby="years" {
            h2 #years { "Requests by year and status" }
            div.scroll role="group" tabindex="0" aria-label="Requests by year and status" {
                table {
                    caption.hidden { "Requests by year and status" }
                    thead { tr {
                        th scope="col" { "Year" }
                        @for status in &statuses { th scope="col" .number { (status.replace('_', " ")) } }
                        th scope="col" .number { "All" }
                    } }
                    tbody {
                        @for (year, by_status) in overview.by_year.iter().flatten() {
                            @let link = year.filter(|it| (1..=9999).contains(it));
                            tr {
                                th scope="row" {
                                    @match (link, year) {
                                        (Some(year), _) => a href={ "/requests?year=" (year) } { (year) },
                                        (None, Some(year)) if *year < 0 => { (-year) " BC" }
                                        (None, Some(year)) => (year),
                                        (None, None) => "no date",
                                    }
                                }
                                @for status in &statuses {
                                    @let count = by_status.get(*status).copied().unwrap_or_default();
                                    td.number {
                                        @match (count, link) {
                                            (0, _) => span.none { "0" },
                                            (_, Some(year)) => {
                                                a href={ "/requests?status=" (status) "&year=" (year) } { (thousands(count)) }
                                            }
                                            _ => (thousands(count)),
                                        }
                                    }
                                }
                                td.number { (thousands(by_status.values().sum())) }
                            }
                        }
                    }
                }
            }
            p.faint {
                "Other tables, about: "
                @for (at, (table, count)) in overview.tables.iter().enumerate() {
                    @if at > 0 { ", " }
                    code { (text(table)) } " " span.figure { (thousands(*count)) }
                }
            }
        }
    }
}

fn migration(overview: &Overview, pulse: &Pulse) -> Markup {
    let open: u64 = overview.rejections.iter().map(|(_, count)| count).sum();
    html! {
        section aria-labelledby="migration" {
            h2 #migration { "Migration" }
            @if open > 0 {
                p {
                    (plural(overview.rejected, "legacy row is rejected", "legacy rows are rejected"))
                    ", for " (plural(open, "reason", "reasons")) ":"
                }
                ul {
                    @for (rule, count) in &overview.rejections {
                        li {
                            (rule_link(rule))
                            " " span.figure { (thousands(*count)) }
                        }
                    }
                }
            } @else { p.faint { "No rejection is open." } }
            @match &pulse.runs {
                Ok(found) if found.newest.is_empty() => p.faint { "No run is recorded." },
                Ok(found) => (runs(&found.newest)),
                Err(reason) => p.faint { "Its runs are not known: " (text(reason)) "." },
            }
        }
    }
}

/// A rule, and the list of what it has rejected; a name that no address can have is shown only.
fn rule_link(rule: &str) -> Markup {
    let query = RejectionsQuery { rule: Some(rule.to_owned()), resolved: Some(false), ..RejectionsQuery::default() };
    html! {
        @if is_name(rule) { a href={ "/rejections" (query.print()) } { (text(rule)) } } @else { (text(rule)) }
    }
}

fn runs(runs: &[Run]) -> Markup {
    let head = ["Started (UTC)", "Command", "End", "Role", "Program", "Rows"];
    table_frame(
        "The latest runs",
        &head,
        html! {
            @for run in runs {
                tr {
                    th scope="row" .time data-label=(head[0]) { (text(&run.started_at)) }
                    td data-label=(head[1]) { (text(&run.command)) }
                    td data-label=(head[2]) { (word(&run.end.to_string())) }
                    td data-label=(head[3]) { (text(&run.role)) }
                    td data-label=(head[4]) { (text(&run.version)) }
                    td.counts data-label=(head[5]) { (done(run)) }
                }
            }
        },
    )
}

/// What a run did with rows, or why it failed.
fn done(run: &Run) -> Markup {
    let count = |count: i64, what: &str| html! { span.figure { (thousands(count.unsigned_abs())) } " " (what) };
    html! {
        @match (run.counts, run.rolled_back, &run.reason) {
            (Some(counts), ..) => {
                (count(counts.read, "read")) ", " (count(counts.migrated, "migrated")) ", " (count(counts.rejected, "rejected"))
            }
            (_, Some(counts), _) => { (count(counts.rolled_back, "rolled back")) ", " (count(counts.kept, "kept")) }
            (_, _, Some(reason)) => (text(reason)),
            _ => (nothing()),
        }
    }
}
