//! Texts from outside in a document: whatever they are, they are shown, the same in both forms, and nothing else.

use pad_migrate::report::document::ReportJson;
use pad_migrate::report::document::block::{
    Bar, Bars, Block, Cell, Change, Column, ColumnKind, DiffLine, Fact, Group, Grouped, Link, Section, Table, Term,
};
use pad_migrate::report::document::html::html;
use pad_migrate::report::document::markdown::markdown;
use pad_migrate::report::layout::Head;
use pretty_assertions::assert_eq;
use proptest::prelude::*;

use super::read;

/// What a browser, a Markdown reader, a terminal or a person's eye would take for something else.
const HOSTILE: [&str; 24] = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"><svg onload=x>",
    "<!-- a -->",
    "&lt;b&gt; &amp; &#65; &copy;",
    "a|b\\|c\\",
    "`x` ``y` |",
    "```\nrm -rf /\n```",
    "# a heading",
    "- an item",
    "+ another",
    "12. a third",
    "> quoted",
    "---",
    "===",
    "[link](http://example.com) ![picture](x.png) <http://example.com>",
    "*b* _c_ ~~d~~ $e$ ^f^ [^1]: note",
    "http://example.com/ www.example.com a@example.com",
    "\u{202e}evil\u{2066}\u{200b}\u{feff}\u{ad}",
    "\u{1b}[31mred\u{7}\r\n\t\u{85}\u{2028}x",
    "::error::a##[b]##vso[c]",
    "12345678901234567890.1234",
    "  two  blanks  ",
    "e\u{301}\u{1f600}中",
];

fn table(texts: &[String]) -> Table {
    let kinds = [ColumnKind::Text, ColumnKind::Code, ColumnKind::Number, ColumnKind::Status];
    let at = |at: usize| texts[at % texts.len()].clone();
    let column = |(position, kind): (usize, &ColumnKind)| Column { title: at(position), kind: *kind };
    let row = |first: usize| (0..4).map(|position| Cell::Text(at(first + position))).collect();
    Table {
        caption: at(1),
        columns: kinds.iter().enumerate().map(column).collect(),
        rows: (0..texts.len()).map(row).chain([vec![Cell::Count(12_345); 4]]).collect(),
        total: 1,
    }
}

fn grouped(texts: &[String]) -> Grouped {
    let Table { caption, columns, mut rows, .. } = table(texts);
    let link = Link { text: texts[0].clone(), to: "decision-d1".to_owned() };
    rows.push(vec![Cell::Link(link.clone()), Cell::Link(link.clone()), 1.into(), Cell::Text(String::new())]);
    let group = |at: usize| Group {
        id: format!("rows-{at}"),
        title: texts[at % texts.len()].clone(),
        text: texts[(at + 1) % texts.len()].clone(),
        decision: (at > 0).then(|| link.clone()),
        rows: rows.clone(),
    };
    Grouped { id: "rows", caption, columns, groups: vec![group(0), group(1)] }
}

/// A document that has every kind of block, with these texts everywhere.
fn document(texts: &[String]) -> ReportJson {
    let at = |at: usize| texts[at % texts.len()].clone();
    let mut blocks: Vec<Block> = texts.iter().map(|text| Block::Text { text: text.clone() }).collect();
    let terms =
        vec![Term { count: 7_000, label: at(0) }, Term { count: 6_999, label: at(1) }, Term { count: 1, label: at(2) }];
    let lines = [Change::Heading, Change::Added, Change::Removed, Change::Same].into_iter().enumerate();
    blocks.extend([
        Block::Verdict { good: false, word: at(0), text: at(1) },
        Block::Items { items: texts.to_vec() },
        Block::Equation { terms },
        Block::Facts {
            facts: vec![
                Fact { label: at(0), value: at(3), id: None },
                Fact { label: at(4), value: at(5), id: Some("decision-d1".to_owned()) },
            ],
        },
        Block::Table(table(texts)),
        Block::Bars(Bars { caption: at(2), bars: vec![Bar { label: at(0), length: 3, text: at(1) }] }),
        Block::Grouped(grouped(texts)),
        Block::Diff {
            caption: at(5),
            lines: lines.map(|(position, change)| DiffLine { change, text: at(position) }).collect(),
        },
        Block::Signatures { caption: at(6), fields: vec![at(0), at(1)], people: vec![at(2), at(3)] },
    ]);
    ReportJson {
        head: Head {
            tool: "pad-migrate",
            version: "0",
            command: "report",
            environment: "qa",
            server_version: None,
            outcome: "attention",
        },
        title: at(0),
        about: at(1),
        made_at: String::new(),
        program: String::new(),
        personal_data: true,
        verdict: at(0),
        accounting: None,
        sections: vec![Section { id: "result", title: at(2), blocks }],
    }
}

/// A document's statements, which must be the same in both forms.
#[track_caller]
fn statements(texts: &[String]) -> Vec<String> {
    let document = document(texts);
    let (page, words) = (html(&document), markdown(&document));
    for text in [&page, &words] {
        let odd = text.chars().find(|it| it.is_control() && *it != '\n' || ('\u{202a}'..='\u{202e}').contains(it));
        assert_eq!(odd, None);
    }
    let found = read::html(&page);
    assert_eq!(found, read::markdown(&words), "{words}");
    found
}

#[test]
fn hostile_texts_are_shown_and_nothing_else() {
    let found = statements(&HOSTILE.map(str::to_owned));
    for text in HOSTILE {
        let shown = read::bare(&pad_migrate::base::escape::text(text));
        assert!(found.iter().any(|it| it.contains(&shown)), "{shown} is nowhere");
    }
    for text in HOSTILE {
        statements(&[text.to_owned()]);
    }
    let long = "<b>&|`*".repeat(15_000);
    assert!(statements(std::slice::from_ref(&long)).iter().any(|it| *it == read::bare(&long)), "it is all there");
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    let signs = "<>&\"'`|\\*_[]()#!~$-+=.:;/0129aAé中🙂 \n\t\u{1b}\u{202e}\u{301}@^{}%?,";
    let piece = prop_oneof![
        6 => proptest::sample::select(signs.chars().collect::<Vec<_>>()).prop_map(|it| it.to_string()),
        1 => proptest::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(|it| it.to_string()),
    ];
    let text = proptest::collection::vec(piece, 1..12).prop_map(|it| it.concat());
    proptest::collection::vec(text, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn both_forms_say_the_same_of_any_texts(texts in texts()) {
        statements(&texts);
    }
}
