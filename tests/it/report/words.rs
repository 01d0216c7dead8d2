//! The words of reports: numbers that add up, decisions that are explained, values whose ends are seen.

use std::collections::BTreeSet;

use pad_migrate::base::text::visible;
use pad_migrate::migration::decision::{DECISIONS, decision, of_rule};
use pad_migrate::migration::destination::destination;
use pad_migrate::migration::groups::{RejectionExample, RejectionGroup};
use pad_migrate::migration::legacy::LegacyColumn;
use pad_migrate::migration::rejection::Rule;
use pad_migrate::report::groups::examples_of;
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use rstest::rstest;

/// The number that stands before a word, without its commas; 0 if the word isn't there.
fn number_before(text: &str, words: &[&str]) -> u64 {
    let at = words.iter().find_map(|it| text.find(it));
    let number = |at: usize| text[..at].rsplit([' ', '(']).next().unwrap_or_default().replace(',', "");
    at.map_or(0, |at| number(at).parse().expect("a number stands there"))
}

fn group() -> impl Strategy<Value = RejectionGroup> {
    let examples = proptest::collection::vec(1..5_000u64, 0..25);
    (examples, 0..5_000u64, proptest::sample::select(Rule::ALL.to_vec())).prop_map(|(examples, more, rule)| {
        let rows = examples.iter().sum::<u64>() + more;
        let example = |rows: &u64| RejectionExample {
            source_id: 7,
            value: None,
            message: "the value is wrong".to_owned(),
            rows: *rows,
        };
        let examples = examples.iter().map(example).collect();
        RejectionGroup { rule, field: "status".to_owned(), rows, examples }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Shown, like it and other: the numbers of a group's lines add up to the number before it.
    #[test]
    fn the_lines_of_a_group_add_up_to_its_rows(group in group(), most in 1..25usize) {
        let lines = examples_of(&group, most);
        let named = lines.iter().filter(|it| it.text.starts_with("id ")).count() as u64;
        let like: u64 = lines.iter().map(|it| number_before(&it.text, &[" row like it", " rows like it"])).sum();
        let other: u64 = lines.iter().map(|it| number_before(&it.text, &[" other row"])).sum();
        prop_assert_eq!(named + like + other, group.rows);
        prop_assert_eq!(lines.iter().all(|it| it.is_one), like + other == 0);
    }
}

#[rstest]
#[case::a_word("ACME", "ACME")]
#[case::blanks_within("A  C", "A  C")]
#[case::a_blank_at_the_end("ACME ", "'ACME '")]
#[case::a_blank_at_the_beginning(" ACME", "' ACME'")]
#[case::a_tab("ACME\t", "'ACME\t'")]
#[case::nothing("", "''")]
#[case::the_word_for_none("null", "'null'")]
#[case::quotes_of_its_own("'ACME '", "''ACME ''")]
fn the_ends_of_a_value_are_seen(#[case] value: &str, #[case] wanted: &str) {
    assert_eq!(visible(value), wanted);
}

/// One table has the words of all numbers that a text can name, and the document about them has each, too.
#[test]
fn every_decision_is_explained() {
    let document = include_str!("../../../docs/field-mapping.md");
    for it in &DECISIONS {
        assert!(document.contains(&format!("**{} ", it.number)) || document.contains(&format!("**{}**", it.number)));
        assert!(it.text.ends_with('.') && !it.title.ends_with('.'), "{}", it.number);
    }
    let numbers: BTreeSet<&str> = DECISIONS.iter().map(|it| it.number).collect();
    assert_eq!(numbers.len(), DECISIONS.len(), "no number is there twice");
    let of_columns = LegacyColumn::ALL.iter().flat_map(|it| destination(*it).1.split(", "));
    let named = of_columns.filter(|it| it.starts_with('D')).chain(Rule::ALL.map(of_rule));
    for number in named {
        assert!(decision(number).is_some(), "{number}");
    }
}
