//! A document as one HTML file that needs nothing else: no script, no request, no font, no picture.
//!
//! maud escapes every text; before that [`escape::text`] spells out what isn't shown.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::base::escape;
use crate::base::text::thousands;
use crate::report::document::ReportJson;
use crate::report::document::block::{
    Bars, Block, Cell, Change, Column, ColumnKind, DiffLine, Fact, Grouped, Link, Section, Span, Table, spans,
};

/// Colours, sizes and the printed form.
const STYLE: &str = include_str!("style.css");

/// What a browser may load for the document: nothing, but for the styles that are in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The whole document.
pub fn html(report: &ReportJson) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (escape::text(&report.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#result" { "Skip to the result" }
                header { h1 { (words(&report.title)) } p { (words(&report.about)) } }
                div.columns {
                    nav aria-label="Contents" {
                        ol {
                            @for section in &report.sections {
                                li { a href={ "#" (section.id) } { (words(&section.title)) } }
                            }
                        }
                    }
                    main {
                        @for section in &report.sections { (self::section(section)) }
                    }
                }
            }
        }
    };
    format!("{}\n", page.into_string())
}

/// Words and code.
fn words(text: &str) -> Markup {
    html! {
        @for span in spans(text) {
            @match span {
                Span::Words(words) => (escape::text(words)),
                Span::Code(code) => code { (escape::text(code)) },
            }
        }
    }
}

fn section(section: &Section) -> Markup {
    html! {
        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
            h2 id={ (section.id) "-title" } { (words(&section.title)) }
            @for block in &section.blocks { (self::block(block)) }
        }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Verdict { good, word, text } => html! {
            p.verdict.good[*good].bad[!*good] { strong { (words(word)) } span { (words(text)) } }
        },
        Block::Text { text } => html! { p { (words(text)) } },
        Block::Items { items } => html! { ul { @for item in items { li { (words(item)) } } } },
        Block::Equation { terms } => html! {
            p.equation {
                @for (at, term) in terms.iter().enumerate() {
                    @if at > 0 { span.sign { (if at == 1 { "=" } else { "+" }) } }
                    span.term { b { (thousands(term.count)) } span { (words(&term.label)) } }
                }
            }
        },
        Block::Facts { facts } => html! {
            dl { @for Fact { label, value, id } in facts { div id=[id] { dt { (words(label)) } dd { (words(value)) } } } }
        },
        Block::Table(table) => self::table(table),
        Block::Bars(bars) => self::bars(bars),
        Block::Grouped(table) => grouped(table),
        Block::Diff { caption, lines } => diff(caption, lines),
        Block::Signatures { caption, fields, people } => html! {
            p { (words(caption)) }
            div.scroll {
                table.signatures {
                    caption.hidden { "Signatures" }
                    thead {
                        tr { th scope="col" { "Who" } @for field in fields { th scope="col" { (words(field)) } } }
                    }
                    tbody {
                        @for person in people {
                            tr { th scope="row" { (words(person)) } @for _ in fields { td {} } }
                        }
                    }
                }
            }
        },
    }
}

fn is_number(kind: ColumnKind) -> bool {
    kind == ColumnKind::Number
}

fn table(table: &Table) -> Markup {
    let sums = table.rows.len() - table.total.min(table.rows.len());
    html! {
        div.scroll role="group" tabindex="0" aria-label=(escape::text(&table.caption)) {
            table .narrow[table.columns.len() <= 3] .wide[table.columns.len() >= 6] {
                caption { (words(&table.caption)) }
                (heads(&table.columns))
                tbody {
                    @for (at, row) in table.rows.iter().enumerate() {
                        tr .total[at >= sums] { (cells(&table.columns, row)) }
                    }
                }
            }
        }
    }
}

fn heads(columns: &[Column]) -> Markup {
    html! {
        thead {
            tr {
                @for column in columns {
                    th scope="col" .number[is_number(column.kind)] { (words(&column.title)) }
                }
            }
        }
    }
}

fn cells(columns: &[Column], row: &[Cell]) -> Markup {
    html! {
        @for (position, (column, cell)) in columns.iter().zip(row).enumerate() {
            @if position == 0 {
                th scope="row" .number[is_number(column.kind)] { (self::cell(column.kind, cell)) }
            } @else {
                td .number[is_number(column.kind)] { (self::cell(column.kind, cell)) }
            }
        }
    }
}

/// The name of a group's place hides the other groups while it is in the address: a choice that needs no script.
fn grouped(table: &Grouped) -> Markup {
    html! {
        details.grouped id=(table.id) open {
            summary { h3 { (words(&table.caption)) } }
            div.all { a href={ "#" (table.id) } { "Show the rows of all rules" } }
            div.scroll role="group" tabindex="0" aria-label=(escape::text(&table.caption)) {
                table aria-label=(escape::text(&table.caption)) {
                    (heads(&table.columns))
                    @for group in &table.groups {
                        tbody id=(group.id) {
                            tr.group {
                                th scope="rowgroup" colspan=(table.columns.len()) {
                                    strong { (words(&group.title)) } ": " (words(&group.text))
                                    @if let Some(decision) = &group.decision { " (" (link(decision)) ")" }
                                }
                            }
                            @for row in &group.rows { tr { (cells(&table.columns, row)) } }
                        }
                    }
                }
            }
        }
    }
}

fn link(link: &Link) -> Markup {
    html! { a href={ "#" (link.to) } { (words(&link.text)) } }
}

fn cell(kind: ColumnKind, cell: &Cell) -> Markup {
    match (cell, kind) {
        (Cell::Count(count), _) => html! { (thousands(*count)) },
        (Cell::Link(link), _) => self::link(link),
        (Cell::Text(text), _) if text.is_empty() => html! {},
        (Cell::Text(text), ColumnKind::Code) => html! { code .long[is_long(text)] { (escape::text(text)) } },
        (Cell::Text(text), ColumnKind::Status) => html! { span .status .(tone(text)) { (words(text)) } },
        (Cell::Text(text), _) => words(text),
    }
}

/// Whether a word would make its column wider than people read.
fn is_long(text: &str) -> bool {
    text.split(' ').any(|word| word.len() > 32)
}

/// The class of a result, by its word; the word says it without a colour, too.
fn tone(word: &str) -> &'static str {
    match word {
        "passed" | "closed" | "done" | "equal" => "good",
        "failed" | "different" | "serious" => "bad",
        "warning" | "open" | "interrupted" | "lost" | "running" => "caution",
        _ => "faint",
    }
}

/// The width of a bar's drawing, in its own units.
const WIDTH: u64 = 1000;

fn bars(bars: &Bars) -> Markup {
    let longest = bars.bars.iter().map(|it| it.length).max().unwrap_or_default().max(1);
    let width =
        |length: u64| (u128::from(length) * u128::from(WIDTH) / u128::from(longest)).max(u128::from(length > 0) * 4);
    html! {
        div.scroll {
            table.bars {
                caption { (words(&bars.caption)) }
                tbody {
                    @for bar in &bars.bars {
                        tr {
                            th scope="row" { (words(&bar.label)) }
                            td.number { (words(&bar.text)) }
                            td.bar {
                                svg viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true"
                                    focusable="false"
                                {
                                    rect width=(width(bar.length)) height="10" {}
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn diff(caption: &str, lines: &[DiffLine]) -> Markup {
    html! {
        figure {
            figcaption { (words(caption)) }
            ol.diff {
                @for DiffLine { change, text } in lines {
                    li .(of_change(*change)) { span.sign { (change.sign()) } span { (escape::text(text)) } }
                }
            }
        }
    }
}

fn of_change(change: Change) -> &'static str {
    match change {
        Change::Heading => "heading",
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Same => "same",
    }
}
