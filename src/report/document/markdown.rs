//! A document as Markdown (GitHub Flavored Markdown). Every text is escaped for where it stands.

use crate::base::escape;
use crate::base::text::thousands;
use crate::report::document::ReportJson;
use crate::report::document::block::{
    Block, Cell, Change, Column, ColumnKind, DiffLine, Grouped, Link, Span, Table, spans,
};

/// The whole document.
pub fn markdown(report: &ReportJson) -> String {
    let mut out = format!("# {}\n\n{}\n", words(&report.title), line(&report.about));
    for section in &report.sections {
        out.push_str(&format!("\n## {}\n", words(&section.title)));
        for block in &section.blocks {
            out.push('\n');
            write(&mut out, block);
        }
    }
    out
}

/// Words and code.
fn words(text: &str) -> String {
    let one = |span: &Span<'_>| match span {
        Span::Words(words) => escape::markdown(words),
        Span::Code(code) => self::code(code),
    };
    spans(text).iter().map(one).collect()
}

/// Code. What has a bar is words: whether it must be escaped there depends on whether it is in a table (GitHub Flavored
/// Markdown, Tables).
fn code(code: &str) -> String {
    if code.contains('|') { escape::markdown(code) } else { escape::markdown_code(code) }
}

/// Words and code at the beginning of a line, where more is syntax: lists, rules, numbers with a point.
fn line(text: &str) -> String {
    let text = words(text);
    let text = text.trim_start_matches(' ');
    let digits = text.len() - text.trim_start_matches(|it: char| it.is_ascii_digit()).len();
    match text.as_bytes().get(digits) {
        Some(b'-' | b'+' | b'>' | b'=' | b':') if digits == 0 => format!("\\{text}"),
        Some(b'.' | b')') if digits > 0 => format!("{}\\{}", &text[..digits], &text[digits..]),
        _ => text.to_owned(),
    }
}

/// Emphasised words. What begins or ends with anything but a letter or a digit would not be read as such (CommonMark,
/// Emphasis and strong emphasis).
fn emphasised(sign: &str, text: &str) -> String {
    match text.starts_with(char::is_alphanumeric) && text.ends_with(char::is_alphanumeric) {
        true => format!("{sign}{}{sign}", words(text)),
        false => line(text),
    }
}

fn write(out: &mut String, block: &Block) {
    match block {
        // Without a word the text begins the line.
        Block::Verdict { word, text, .. } => match emphasised("**", word) {
            word if word.trim().is_empty() => out.push_str(&format!("{}\n", line(text))),
            word => out.push_str(&format!("{word} {}\n", words(text))),
        },
        Block::Text { text } => out.push_str(&format!("{}\n", line(text))),
        Block::Items { items } => items.iter().for_each(|item| out.push_str(&format!("- {}\n", line(item)))),
        Block::Equation { terms } => {
            let one = |(at, count, label): (usize, u64, &str)| {
                let sign = ["", " = ", " + "][at.min(2)];
                format!("{sign}**{}** {}", thousands(count), words(label))
            };
            let all = terms.iter().enumerate().map(|(at, term)| one((at, term.count, &term.label)));
            out.push_str(&format!("{}\n", all.collect::<String>()));
        }
        Block::Facts { facts } => {
            out.push_str("| | |\n| --- | --- |\n");
            for fact in facts {
                out.push_str(&format!("| {} | {} |\n", words(&fact.label), words(&fact.value)));
            }
        }
        Block::Table(table) => write_table(out, table),
        Block::Bars(bars) => {
            out.push_str(&format!("{}\n\n| | |\n| --- | ---: |\n", emphasised("*", &bars.caption)));
            for bar in &bars.bars {
                out.push_str(&format!("| {} | {} |\n", words(&bar.label), words(&bar.text)));
            }
        }
        Block::Grouped(table) => write_grouped(out, table),
        Block::Diff { caption, lines } => write_diff(out, caption, lines),
        Block::Signatures { caption, fields, people } => {
            out.push_str(&format!("{}\n\n*Signatures*\n\n| Who |", line(caption)));
            fields.iter().for_each(|field| out.push_str(&format!(" {} |", words(field))));
            out.push_str(&format!("\n| --- |{}\n", " --- |".repeat(fields.len())));
            for person in people {
                out.push_str(&format!("| {} |{}\n", words(person), "  |".repeat(fields.len())));
            }
        }
    }
}

fn write_table(out: &mut String, table: &Table) {
    out.push_str(&format!("{}\n\n", emphasised("*", &table.caption)));
    write_heads(out, &table.columns);
    write_rows(out, &table.columns, &table.rows);
}

/// A table has no row that spans its columns here: the first cell says what follows.
fn write_grouped(out: &mut String, table: &Grouped) {
    out.push_str(&format!("### {}\n\n", words(&table.caption)));
    write_heads(out, &table.columns);
    for group in &table.groups {
        let decision = group.decision.as_ref().map(|it| format!(" ({})", words(&it.text))).unwrap_or_default();
        // What emphasis could not enclose stands as it is.
        let is_plain = |it: char| it.is_alphanumeric();
        let sign = if group.title.starts_with(is_plain) && group.title.ends_with(is_plain) { "**" } else { "" };
        out.push_str(&format!("| {sign}{}{sign}: {}{decision} |", words(&group.title), words(&group.text)));
        out.push_str(&"  |".repeat(table.columns.len().saturating_sub(1)));
        out.push('\n');
        write_rows(out, &table.columns, &group.rows);
    }
}

fn write_heads(out: &mut String, columns: &[Column]) {
    out.push('|');
    columns.iter().for_each(|column| out.push_str(&format!(" {} |", words(&column.title))));
    out.push_str("\n|");
    for column in columns {
        out.push_str(if column.kind == ColumnKind::Number { " ---: |" } else { " --- |" });
    }
    out.push('\n');
}

fn write_rows(out: &mut String, columns: &[Column], rows: &[Vec<Cell>]) {
    for row in rows {
        out.push('|');
        for (column, cell) in columns.iter().zip(row) {
            let text = match cell {
                Cell::Count(count) => thousands(*count),
                Cell::Link(Link { text, .. }) => words(text),
                Cell::Text(text) if text.is_empty() => String::new(),
                Cell::Text(text) if column.kind == ColumnKind::Code => code(text),
                Cell::Text(text) => words(text),
            };
            out.push_str(&format!(" {text} |"));
        }
        out.push('\n');
    }
}

/// In a block of code no line can end it: each begins with its sign.
fn write_diff(out: &mut String, caption: &str, lines: &[DiffLine]) {
    out.push_str(&format!("{}\n\n```diff\n", emphasised("*", caption)));
    for DiffLine { change, text } in lines {
        let end = if *change == Change::Heading { " @@" } else { "" };
        out.push_str(&format!("{} {}{end}\n", change.sign(), escape::text(text)));
    }
    out.push_str("```\n");
}
