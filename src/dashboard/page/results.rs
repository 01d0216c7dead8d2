//! Drift and integrity: looked up when somebody asks, and shown until somebody asks again.

use maud::{Markup, html};
use serde_json::Value;

use crate::base::hint::DRIFT;
use crate::base::text::{plural, thousands};
use crate::checks::check::Status;
use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{empty, maybe, sentence, table_frame, text, word};
use crate::dashboard::query::{RunQuery, ViewQuery};
use crate::dashboard::rows::{HIDDEN, is_personal};
use crate::report::checks::cell_of;
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

/// While it is looked up, the browser looks again after so many seconds.
const AGAIN: u32 = 2;

/// Of longer lists, the first are shown.
const MOST: usize = 500;

/// What is looked up: how that is asked for, and what it is.
struct Question {
    ask: &'static str,
    ask_again: &'static str,
    what: &'static str,
}

fn frame<T>(
    site: &Site,
    head: Head<'_>,
    question: &Question,
    work: &Work<'_, T>,
    show: impl FnOnce(&T) -> Markup,
) -> Markup {
    let (content, again) = match work {
        Work::Never => (empty("Not looked up yet.", html! { (question.what) }), None),
        Work::Runs(seconds) => {
            let since = plural(*seconds, "second", "seconds");
            (html! { p role="status" { "Working for " (since) ". This page reloads by itself." } }, Some(AGAIN))
        }
        Work::Ended(at, Err(reason)) => {
            (html! { p.problem { (text(reason)) } p.faint { "At " span.figure { (text(at)) } " (UTC)." } }, None)
        }
        Work::Ended(at, Ok(found)) => {
            (html! { (show(found)) p.faint { "As it was at " span.figure { (text(at)) } " (UTC)." } }, None)
        }
    };
    let content = html! {
        @if again.is_none() {
            form.filters method="get" action=[head.part.map(Part::path)] {
                button type="submit" name="run" value="now" {
                    (if matches!(work, Work::Never) { question.ask } else { question.ask_again })
                }
            }
        }
        (content)
    };
    page(site, &Head { again, ..head }, &content)
}

/// The comparison of the live schemas with the expected ones.
pub(crate) fn drift(site: &Site, work: &Work<'_, DriftJson>) -> Markup {
    let question = Question {
        ask: "Compare now",
        ask_again: "Compare again",
        what: "Drift is what differs between the schemas that are there and the ones that this program expects: a column \
               that is missing, or of another type, or that nobody knows. The comparison looks at every object of both \
               schemas, and takes a few seconds.",
    };
    frame(site, Head::new(Part::Drift, Part::Drift.title()), &question, work, |found| {
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
    let head = ["Object", "Severity", "Kind", "Expected", "Actual", "What to do"];
    html! {
        h2 { (caption) }
        (table_frame(caption, &head, html! {
            @for finding in findings.iter().take(MOST) {
                tr {
                    th scope="row" { code { (text(&finding.object)) } " " span.faint { (text(&finding.schema)) } }
                    td data-label=(head[1]) { (word(severity(finding.severity))) }
                    td data-label=(head[2]) { (text(&finding.kind.replace('_', " "))) }
                    td data-label=(head[3]) { (maybe(finding.expected.as_deref())) }
                    td data-label=(head[4]) { (maybe(finding.actual.as_deref())) }
                    td data-label=(head[5]) { (sentence(&finding.remedy)) }
                }
            }
        }))
        @if findings.len() > MOST { p.faint { "The first " (MOST) " are shown; " code { (DRIFT) } " prints all." } }
    }
}

/// The named checks of the rows.
pub(crate) fn integrity(site: &Site, work: &Work<'_, IntegrityJson>, query: RunQuery) -> Markup {
    let other = RunQuery { people: !query.people, ..query }.print();
    let part = Part::Integrity;
    let head = Head::new(part, part.title()).with_people(query.people, format!("{}{other}", part.path()));
    let question = Question {
        ask: "Run the checks",
        ask_again: "Run the checks again",
        what: "Each check has a name and says what must hold of the rows, such as that an executed request has an \
               execution. They take a few seconds, on large tables a minute.",
    };
    frame(site, head, &question, work, |found| {
        let good = found.checks.iter().all(|it| it.check.status <= Status::Pass);
        html! {
            p.verdict .good[good] .bad[!good] { (text(&found.verdict)) }
            @let (passed, others): (Vec<_>, Vec<_>) =
                found.checks.iter().partition(|it| it.check.status.as_str() == "pass" && it.check.rows.is_empty());
            @if !others.is_empty() { (checks("Checks", &in_order(&others), query.people)) }
            @if !passed.is_empty() {
                details {
                    summary { (plural(passed.len() as u64, "check", "checks")) " passed" }
                    (checks("Checks that passed", &passed, query.people))
                }
            }
        }
    })
}

fn checks(caption: &str, checks: &[&IntegrityCheckJson], people: bool) -> Markup {
    let head = ["Check", "Result", "Rows", "What was found"];
    table_frame(caption, &head, html! { @for check in checks { (check_row(check, &head, people)) } })
}

/// A value of a row; an address is somebody's, and so is a name.
fn cell((name, value): (&String, &Value), people: bool) -> Markup {
    let shown = cell_of((name, value));
    html! {
        @if (shown.contains('@') || is_personal(name)) && !people { span.none { (HIDDEN) } }
        @else if name == "request_id" && value.is_number() {
            a href={ "/requests/" (shown) (ViewQuery { people }.print()) } { (shown) }
        } @else { (text(&shown)) }
    }
}

/// The checks that found something first, then those that were not made, then the others.
fn in_order<'c>(checks: &[&'c IntegrityCheckJson]) -> Vec<&'c IntegrityCheckJson> {
    let mut checks = checks.to_vec();
    checks.sort_by_key(|it| match it.check.status.as_str() {
        "fail" => 0,
        "warn" => 1,
        "pass" => 3,
        _ => 2,
    });
    checks
}

/// Of more rows of a check, the first are shown.
const ROWS: usize = 20;

/// A check that passed and lists rows has found what was so in the legacy table.
fn result(check: &IntegrityCheckJson) -> Markup {
    match check.check.status.as_str() {
        "pass" if !check.check.rows.is_empty() => html! { span .status .caution { "odd as in the legacy table" } },
        status => word(status),
    }
}

fn check_row(check: &IntegrityCheckJson, head: &[&str; 4], people: bool) -> Markup {
    html! {
        tr {
            th scope="row" { code { (check.check.name) } }
            td data-label=(head[1]) { (result(check)) }
            td.figure data-label=(head[2]) { (thousands(check.total.max(check.as_in_source))) }
            td data-label=(head[3]) {
                (sentence(&check.check.message))
                @if !check.check.rows.is_empty() {
                    details {
                        summary { (plural(check.check.rows.len() as u64, "row", "rows")) }
                        ul {
                            @for row in check.check.rows.iter().take(ROWS) {
                                li {
                                    @for (at, (name, value)) in row.iter().enumerate() {
                                        @if at > 0 { ", " }
                                        span.faint { (text(name)) } " " (cell((name, value), people))
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
