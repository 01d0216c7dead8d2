//! Texts as they are printed: nothing in them is obeyed by what shows them, and what can be read back is the same.

use html5gum::{Token, Tokenizer};
use pad_migrate::base::escape;
use pad_migrate::base::quote::{quote_identifier, quote_literal};
use pad_migrate::base::sql_text;
use pad_migrate::report::document::ReportJson;
use pad_migrate::report::document::block::{Block, Cell, Column, ColumnKind, Section, Table};
use pad_migrate::report::document::html::html;
use pad_migrate::report::document::markdown::markdown;
use pad_migrate::report::layout::Head;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::text;

/// What a terminal or a person's eye would obey.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn check_shown(shown: &str, lines: bool) {
    assert_eq!(shown.chars().find(|c| is_odd(*c) && !(lines && *c == '\n')), None, "{shown:?}");
}

/// What Markdown shows: text and code, and no other syntax.
fn shown_by_markdown(document: &str) -> String {
    let mut shown = String::new();
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH;
    for event in Parser::new_ext(document, options) {
        match event {
            Event::Text(text) | Event::Code(text) => shown.push_str(&text),
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
            other => panic!("{other:?} in {document:?}"),
        }
    }
    shown
}

/// Every function of `base::escape`, `base::quote` and `base::sql_text`.
pub(super) fn texts(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let one_line = escape::text(text);
    for shown in [
        &*one_line,
        &escape::github(text),
        &escape::github_property(text),
        &escape::markdown(text),
        &escape::markdown_code(text),
        &sql_text::comment(text),
    ] {
        check_shown(shown, false);
    }
    // What a text is shown as is shown as itself.
    assert_eq!(escape::text(&one_line), one_line);
    check_shown(&escape::lines(text), true);
    check_shown(&escape::json(text), true);
    // In a string a tab is kept, which moves nothing but the cursor.
    check_shown(&sql_text::statement(text).replace('\t', " "), true);
    check_shown(&sql_text::statement_line(text).replace('\t', " "), false);
    assert!(escape::lines(text).lines().all(|it| !it.trim_start().starts_with("::")));
    let cell = escape::cell(text);
    check_shown(&cell, false);
    let formula = |c: char| "=+-@".contains(c);
    assert!(!cell.trim_start_matches(' ').starts_with(formula) || cell.parse::<f64>().is_ok(), "{cell:?}");

    // JSON is the same value.
    let json = serde_json::to_string(text).expect("a text is JSON");
    assert_eq!(serde_json::from_str::<String>(&escape::json(&json)).expect("it is JSON"), text);

    // Behind a word, as a text stands in a sentence.
    let (shown, expected) = (escape::markdown(text), format!("x {one_line}"));
    assert_eq!(shown_by_markdown(&format!("x {shown}")), expected.trim_end());
    // What a code span begins and ends with a blank of loses it; bars stand with a backslash only in tables.
    if !one_line.contains('|') {
        let code = shown_by_markdown(&format!("x {}", escape::markdown_code(text)));
        assert_eq!(code.trim(), expected.trim());
    }
    quoted(text);
}

/// A name and a string as SQL reads them.
fn quoted(text: &str) {
    for (quoted, quote) in [(quote_identifier(text), '"'), (quote_literal(text), '\'')] {
        let inner = quoted.strip_prefix(quote).and_then(|it| it.strip_suffix(quote)).expect("it has quotation marks");
        let doubled = [quote, quote].iter().collect::<String>();
        assert!(!inner.replace(&doubled, "").contains(quote), "{quoted}");
        assert_eq!(inner.replace(&doubled, &quote.to_string()), text);
        if !text.is_empty() && !text.contains('\0') {
            let printed = sql_text::statement(&format!("select {quoted}"));
            assert_eq!(sql_text::statement(&printed), printed, "what is printed is printed as itself");
        }
    }
}

/// A document with these texts, a line each.
pub(super) fn document(data: &[u8]) {
    let Some(text) = text(data).filter(|it| !it.is_empty()) else { return };
    let texts: Vec<String> = text.split('\u{1}').map(str::to_owned).collect();
    let at = |at: usize| texts[at % texts.len()].clone();
    let kinds = [ColumnKind::Text, ColumnKind::Code, ColumnKind::Number, ColumnKind::Status];
    let columns = kinds.iter().map(|kind| Column { title: at(1), kind: *kind }).collect();
    let rows = vec![(0..4).map(|column| Cell::Text(at(column))).collect()];
    let blocks = vec![
        Block::Text { text: at(0) },
        Block::Items { items: texts.clone() },
        Block::Table(Table { caption: at(2), columns, rows, total: 1 }),
    ];
    let head = Head {
        tool: "pad-migrate",
        version: "0",
        command: "report",
        environment: "qa",
        server_version: None,
        outcome: "attention",
    };
    let report = ReportJson {
        head,
        title: at(0),
        about: at(1),
        made_at: String::new(),
        program: String::new(),
        personal_data: true,
        verdict: at(2),
        accounting: None,
        sections: vec![Section { id: "result", title: at(0), blocks }],
    };
    let (page, words) = (html(&report), markdown(&report));
    check_shown(&page, true);
    check_shown(&words, true);
    let mut said = String::new();
    for Ok(token) in Tokenizer::new(&page) {
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                assert!(!["script", "img", "svg", "iframe"].contains(&&*name), "<{name}>");
                let outside = |value: &[u8]| !value.starts_with(b"#");
                assert!(
                    !tag.attributes.iter().any(|(name, value)| name.starts_with(b"href") && outside(value)),
                    "{page}"
                );
                assert!(tag.attributes.keys().all(|it| !it.starts_with(b"on")), "{page}");
            }
            Token::String(words) => said.push_str(&String::from_utf8_lossy(&words)),
            Token::Comment(_) | Token::Error(_) => panic!("{token:?}"),
            Token::EndTag(_) | Token::Doctype(_) => {}
        }
    }
    // Backticks say where code begins.
    let bare = |text: &str| {
        let bare = text.chars().filter(|it| !it.is_whitespace() && *it != '`').collect::<String>();
        with_marks(&bare)
    };
    if text.contains('{') {
        return;
    }
    let said = bare(&said);
    for text in &texts {
        assert!(said.contains(&bare(&escape::text(text))), "{text:?} isn't shown");
    }
}

/// The same, where what combines with the character before it stands as itself: it is spelt out at the beginning of a
/// text, and a code span begins one. No text here has a brace of its own.
fn with_marks(text: &str) -> String {
    let mut pieces = text.split("\\u{");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let spelt = piece.split_once('}').and_then(|(hex, rest)| Some((u32::from_str_radix(hex, 16).ok()?, rest)));
        let (c, rest) = spelt.and_then(|(code, rest)| Some((char::from_u32(code)?, rest))).expect("it is spelt out");
        // What is shown as what it is after another one.
        let is_mark = escape::text(&format!("a{c}")).len() == 1 + c.len_utf8();
        out.push_str(&if is_mark { c.to_string() } else { format!("\\u{{{}", &piece[..piece.len() - rest.len()]) });
        out.push_str(rest);
    }
    out
}
