//! Drift and integrity: looked up when somebody asks, and shown until somebody asks again.

use maud::{Markup, html};

use crate::base::hint::DRIFT;
use crate::base::text::plural;
use crate::checks::check::Status;
use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{empty, maybe, text, word};
use crate::dashboard::query::RunQuery;
use crate::dashboard::rows::{HIDDEN, is_personal};
use crate::report::checks::plain;
use crate::report::document::block::{Span, spans};
use crate::report::drift::json::{DriftJson, FindingJson};
use crate::report::integrity::{IntegrityCheckJson, IntegrityJson};
use crate::schema::drift::finding::Severity;

/// Where the work is.
pub(crate) enum Work<'a, T> {
    /// Nobody has asked.
    Never,
    /// For so many seconds.
    Runs(u64),
    /// When it ended, and how.
    Ended(&'a str, &'a Result<T, String>),
}

/// Of longer lists, the first are shown.
const MOST: usize = 500;

fn frame<T>(site: &Site, head: Head<'_>, what: &str, work: &Work<'_, T>, show: impl FnOnce(&T) -> Markup) -> Markup {
    let (content, again) = match work {
        Work::Never => (empty("Not looked up yet.", html! { (what) }), false),
        Work::Runs(seconds) => {
            let since = plural(*seconds, "second", "seconds");
            (html! { p role="status" { "Working for " (since) ". This page reloads by itself." } }, true)
        }
        Work::Ended(at, Err(reason)) => {
            (html! { p.problem { (text(reason)) } p.faint { "At " span.figure { (text(at)) } " (UTC)." } }, false)
        }
        Work::Ended(at, Ok(found)) => {
            (html! { (show(found)) p.faint { "As it was at " span.figure { (text(at)) } " (UTC)." } }, false)
        }
    };
    let content = html! {
        @if !again {
            form.filters method="get" action=[head.part.map(Part::path)] {
                button type="submit" name="run" value="now" {
                    (if matches!(work, Work::Never) { "Look now" } else { "Look again" })
                }
            }
        }
        (content)
    };
    page(site, &Head { again, ..head }, &content)
}

/// The comparison of the live schemas with the expected ones.
pub(crate) fn drift(site: &Site, work: &Work<'_, DriftJson>) -> Markup {
    let what = "It compares every object of both schemas with what the revisions produce, and takes a few seconds.";
    frame(site, Head::new(Part::Drift, Part::Drift.title()), what, work, |found| {
        let counts = &found.counts;
        html! {
            @if found.findings.is_empty() {
                p.verdict.good { strong { "No drift" } " Both schemas are as expected." }
            } @else {
                p.verdict .bad[counts.breaking > 0] .caution[counts.breaking == 0 && counts.warning > 0] {
                    strong { (plural(found.findings.len() as u64, "finding", "findings")) }
                    " " (counts.breaking) " breaking, " (counts.warning) " warning, " (counts.info) " info."
                }
                (findings("Findings", &found.findings))
            }
            @if !found.excepted.is_empty() { (findings("Accepted", &found.excepted)) }
            p.faint { "Compared with " (text(&found.expected)) "." }
        }
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Breaking => "breaking",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn findings(caption: &str, findings: &[FindingJson]) -> Markup {
    html! {
        div.scroll role="group" tabindex="0" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr {
                    th scope="col" { "Object" } th scope="col" { "Severity" } th scope="col" { "Kind" }
                    th scope="col" { "Expected" } th scope="col" { "Actual" } th scope="col" { "What to do" }
                } }
                tbody {
                    @for finding in findings.iter().take(MOST) {
                        tr {
                            th scope="row" { code { (text(&finding.object)) } " " span.faint { (text(&finding.schema)) } }
                            td { (word(severity(finding.severity))) }
                            td { (text(&finding.kind.replace('_', " "))) }
                            td { (maybe(finding.expected.as_deref())) }
                            td { (maybe(finding.actual.as_deref())) }
                            td { (sentence(&finding.remedy)) }
                        }
                    }
                }
            }
        }
        @if findings.len() > MOST { p.faint { "The first " (MOST) " are shown; " code { (DRIFT) } " prints all." } }
    }
}

/// The named checks of the rows.
pub(crate) fn integrity(site: &Site, work: &Work<'_, IntegrityJson>, query: RunQuery) -> Markup {
    let other = RunQuery { people: !query.people, ..query }.print();
    let part = Part::Integrity;
    let head = Head::new(part, part.title()).with_people(query.people, format!("{}{other}", part.path()));
    let what = "It makes the named checks of the live rows, and takes a few seconds, on large tables a minute.";
    frame(site, head, what, work, |found| {
        let good = found.checks.iter().all(|it| it.check.status <= Status::Pass);
        html! {
            p.verdict .good[good] .bad[!good] { (text(&found.verdict)) }
            div.scroll role="group" tabindex="0" aria-label="Checks" {
                table {
                    caption.hidden { "Checks" }
                    thead { tr {
                        th scope="col" { "Check" } th scope="col" { "Result" } th scope="col" .number { "Rows" }
                        th scope="col" { "What was found" }
                    } }
                    tbody { @for check in in_order(&found.checks) { (check_row(check, query.people)) } }
                }
            }
        }
    })
}

/// A sentence in which what stands between backticks is code.
fn sentence(sentence: &str) -> Markup {
    html! {
        @for span in spans(sentence) {
            @match span { Span::Words(words) => (text(words)), Span::Code(words) => code { (text(words)) } }
        }
    }
}

/// A value of a row; an address is somebody's, and so is a name.
fn cell(name: &str, value: &str, people: bool) -> Markup {
    if (value.contains('@') || is_personal(name)) && !people {
        html! { span.none { (HIDDEN) } }
    } else {
        text(value)
    }
}

/// The checks that found something first, then those that were not made, then the others.
fn in_order(checks: &[IntegrityCheckJson]) -> Vec<&IntegrityCheckJson> {
    let mut checks: Vec<_> = checks.iter().collect();
    checks.sort_by_key(|it| match it.check.status.as_str() {
        "fail" => 0,
        "warn" => 1,
        "pass" if it.check.rows.is_empty() => 4,
        "pass" => 3,
        _ => 2,
    });
    checks
}

/// Of more rows of a check, the first are shown.
const ROWS: usize = 20;

fn check_row(check: &IntegrityCheckJson, people: bool) -> Markup {
    html! {
        tr {
            th scope="row" { code { (check.check.name) } }
            td { (word(check.check.status.as_str())) }
            td.number { (check.total) }
            td {
                (sentence(&check.check.message))
                @if !check.check.rows.is_empty() {
                    details {
                        summary { (plural(check.check.rows.len() as u64, "row", "rows")) }
                        ul {
                            @for row in check.check.rows.iter().take(ROWS) {
                                li {
                                    @for (at, (name, value)) in row.iter().enumerate() {
                                        @if at > 0 { ", " }
                                        span.faint { (text(name)) } " " (cell(name, &plain(value), people))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
