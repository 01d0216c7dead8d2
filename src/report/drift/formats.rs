//! Findings as Markdown, JUnit, SARIF, GitHub annotations, and as the SQL that mends them.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use crate::base::escape;
use crate::base::outcome::Verdict;
use crate::base::sql_text;
use crate::report::drift::{DECLARED, SEVERITIES, by_plan, counted, heading, line, place, verdict};
use crate::schema::drift::exceptions::Excepted;
use crate::schema::drift::finding::{Finding, Remedy, Severity};
use crate::schema::drift::outcome::{Drift, Name};

/// A remedy on one line.
fn remedy(finding: &Finding) -> String {
    let Remedy { advice, sql } = &finding.remedy;
    format!("{advice} {}", sql_text::statement_line(sql)).trim().to_owned()
}

/// A finding in a sentence.
fn sentence(finding: &Finding) -> String {
    let mut text = match (&finding.expected, &finding.actual) {
        (Some(expected), Some(actual)) => format!("expected {expected}; actual {actual}"),
        (Some(expected), None) => format!("expected {expected}; actual none"),
        (None, Some(actual)) => format!("expected none; actual {actual}"),
        (None, None) => finding.kind(),
    };
    text.push_str(&format!("; {}", remedy(finding)));
    if !finding.effects.is_empty() {
        text.push_str(&format!("; consequences: {}", finding.effects.join(", ")));
    }
    text
}

/// The remedies that are SQL, in the order in which they work together; the others as comments.
pub fn sql(drift: &Drift) -> String {
    let comment = |words: String| format!("{}\n", sql_text::comment(&words));
    let mut out = comment(format!("Remedies at {}. Read each before you run it, and what it is for.", drift.place));
    if drift.concerns_plan() {
        out.push_str(&comment(format!("{}.", by_plan()).replace('`', "")));
    }
    let (mut statements, words): (Vec<&Finding>, Vec<&Finding>) =
        drift.findings.iter().partition(|it| it.order.is_some());
    statements.sort_by_key(|it| it.order);
    let mut done: Vec<&String> = Vec::new();
    for it in statements {
        let advice = it.remedy.advice.trim_end_matches(':');
        let advice = if advice.is_empty() { String::new() } else { format!(": {advice}") };
        out.push('\n');
        out.push_str(&comment(format!("{} {} {}{advice}", it.severity, it.kind(), place(it))));
        // What one remedy brings back with something else, another need not bring back again.
        if done.iter().any(|earlier| earlier.contains(&it.remedy.sql)) {
            out.push_str(&comment("The statements above do that, too.".to_owned()));
            continue;
        }
        done.push(&it.remedy.sql);
        out.push_str(&sql_text::statement(&it.remedy.sql));
        out.push('\n');
    }
    if !words.is_empty() {
        out.push('\n');
        out.push_str(&comment("By hand:".to_owned()));
    }
    for it in words {
        out.push_str(&comment(format!("{} {} {}: {}", it.severity, it.kind(), place(it), it.remedy.advice)));
    }
    out
}

/// As Markdown, for a pull request or a wiki.
pub fn markdown(drift: &Drift, fail_on: Severity) -> String {
    use escape::{markdown as cell, markdown_code as code};
    let side = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), code);
    let word = if verdict(drift, fail_on) == Verdict::Clean { "clean" } else { "attention" };
    let mut out = format!(
        "# Drift: {word}, {}\n\nLive: {}, PostgreSQL {}, environment {}. Expected: {}. Schemas: {}.\n",
        counted(drift),
        code(&drift.place),
        cell(&drift.server_version),
        drift.environment,
        cell(&drift.expected),
        cell(&drift.schemas.join(", "))
    );
    for severity in SEVERITIES {
        let of: Vec<&Finding> = drift.findings.iter().filter(|it| it.severity == severity).collect();
        if of.is_empty() {
            continue;
        }
        out.push_str(&format!(
            "\n## {}\n\n| object | kind | expected | actual | remedy |\n| --- | --- | --- | --- | --- |\n",
            heading(severity)
        ));
        for it in of {
            let object = code(&place(it));
            out.push_str(&format!(
                "| {object} | {} | {} | {} | {} |\n",
                it.kind(),
                side(&it.expected),
                side(&it.actual),
                code(&remedy(it))
            ));
        }
    }
    if !drift.excepted.is_empty() {
        out.push_str(
            "\n## Excepted\n\n| object | kind | exception | until | reason |\n| --- | --- | --- | --- | --- |\n",
        );
        for Excepted { finding: it, exception } in &drift.excepted {
            let object = code(&place(it));
            out.push_str(&format!(
                "| {object} | {} | {} | {} | {} |\n",
                it.kind(),
                cell(&exception.name),
                exception.expires,
                cell(&exception.reason)
            ));
        }
    }
    out
}

/// As JUnit: a suite for each schema, a case for each object that was compared, also if nothing differs.
pub fn junit(drift: &Drift, fail_on: Severity) -> Result<String, quick_junit::SerializeError> {
    let mut cases: BTreeMap<Name, Vec<&Finding>> =
        drift.compared.iter().map(|name| (name.clone(), Vec::new())).collect();
    for it in &drift.findings {
        let name = match it.id.top() {
            "" if it.id.schema.is_empty() => it.object(),
            "" => it.id.schema.clone(),
            name => name.to_owned(),
        };
        cases.entry(Name { schema: it.id.schema.clone(), name }).or_default().push(it);
    }
    let mut suites: BTreeMap<String, Vec<TestCase>> = BTreeMap::new();
    for (Name { schema, name }, findings) in cases {
        let lines = |all: &[&&Finding]| {
            let line = |it: &&&Finding| format!("{}: {} {}: {}", it.severity, it.kind(), it.object(), sentence(it));
            all.iter().map(line).map(|it| escape::text(&it).into_owned()).collect::<Vec<_>>().join("\n")
        };
        let (failing, others): (Vec<&&Finding>, Vec<&&Finding>) =
            findings.iter().partition(|it| it.severity >= fail_on);
        let status = match failing.first() {
            None => TestCaseStatus::success(),
            Some(first) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status
                    .set_type(first.kind())
                    .set_message(escape::text(&sentence(first)))
                    .set_description(lines(&failing));
                status
            }
        };
        let mut case = TestCase::new(escape::text(&name).into_owned(), status);
        case.set_classname(escape::text(if schema.is_empty() { "database" } else { &schema }).into_owned());
        if !others.is_empty() {
            case.set_system_out(lines(&others));
        }
        suites.entry(schema).or_default().push(case);
    }
    let mut report = Report::new("pad-migrate drift");
    for (schema, cases) in suites {
        let mut suite = TestSuite::new(escape::text(if schema.is_empty() { "database" } else { &schema }).into_owned());
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    report.to_string()
}

/// As SARIF 2.1.0, for code scanning. Accepted findings are there, and suppressed.
pub fn sarif(drift: &Drift) -> Value {
    let accepted = || drift.excepted.iter().map(|Excepted { finding, exception }| (finding, Some(exception)));
    let all = || drift.findings.iter().map(|finding| (finding, None)).chain(accepted());
    let mut kinds: Vec<String> = all().map(|(finding, _)| finding.kind()).collect();
    kinds.sort();
    kinds.dedup();
    let rules: Vec<Value> =
        kinds.iter().map(|it| json!({ "id": it, "shortDescription": { "text": it.replace('_', " ") } })).collect();
    let results = all().map(|(it, exception)| {
        let mut result = json!({
            "ruleId": it.kind(),
            "ruleIndex": kinds.binary_search(&it.kind()).unwrap_or_default(),
            "level": level(it.severity, ["error", "warning", "note"]),
            "message": { "text": format!("{}: {}", place(it), sentence(it)) },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": DECLARED },
                    "region": { "startLine": line(it).unwrap_or(1) },
                },
                "logicalLocations": [{
                    "name": it.object(),
                    "fullyQualifiedName": place(it),
                    "kind": it.id.kind.to_string(),
                }],
            }],
            "partialFingerprints": { "finding/v1": format!("{} {}", it.kind(), place(it)) },
        });
        if let Some(exception) = exception {
            result["suppressions"] = json!([{ "kind": "external", "justification": exception.reason }]);
        }
        result
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "pad-migrate", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn level(severity: Severity, [breaking, warning, info]: [&'static str; 3]) -> &'static str {
    match severity {
        Severity::Breaking => breaking,
        Severity::Warning => warning,
        Severity::Info => info,
    }
}

/// As GitHub's workflow commands, which become annotations.
pub fn github(drift: &Drift) -> String {
    let mut out = String::new();
    for it in &drift.findings {
        let command = level(it.severity, ["error", "warning", "notice"]);
        let at = line(it).map(|line| format!("file={DECLARED},line={line},")).unwrap_or_default();
        let title = escape::github_property(&format!("{} {}", it.kind(), place(it)));
        out.push_str(&format!("::{command} {at}title={title}::{}\n", escape::github(&sentence(it))));
    }
    out
}
