//! Reads a document back, as a browser and as a Markdown reader do: what it says, statement by statement.

use std::collections::BTreeSet;

use html5gum::{HtmlString, Token, Tokenizer};
use pretty_assertions::assert_eq;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

/// Elements whose text is a statement of its own.
const STATEMENTS: [&str; 13] =
    ["h1", "h2", "h3", "p", "li", "dt", "dd", "th", "td", "caption", "figcaption", "title", "nothing"];

/// Elements without an end.
const VOID: [&str; 3] = ["meta", "br", "rect"];

/// What the statements of both have in common: no blanks, and no sign of where code begins.
pub(super) fn bare(text: &str) -> String {
    text.chars().filter(|it| !it.is_whitespace() && *it != '`').collect()
}

fn text(name: &HtmlString) -> String {
    String::from_utf8(name.to_vec()).expect("the document is UTF-8")
}

/// The statements of a page, which must be well formed and self-contained.
#[track_caller]
pub(super) fn html(page: &str) -> Vec<String> {
    let (mut open, mut found, mut said) = (Vec::<String>::new(), Vec::new(), Vec::<String>::new());
    let (mut ids, mut links, mut level) = (BTreeSet::new(), Vec::new(), 0);
    for Ok(token) in Tokenizer::new(page) {
        match token {
            Token::StartTag(tag) => {
                let name = text(&tag.name);
                assert!(!["script", "img", "link", "iframe", "object", "form", "base"].contains(&&*name), "<{name}>");
                for (attribute, value) in &tag.attributes {
                    let (attribute, value) = (text(attribute), String::from_utf8_lossy(value).into_owned());
                    assert!(!attribute.starts_with("on") && attribute != "style" && attribute != "src", "{attribute}");
                    match &*attribute {
                        "href" => {
                            links.push(value.strip_prefix('#').expect("a link leads to the page itself").to_owned())
                        }
                        "aria-labelledby" => links.push(value),
                        "id" => assert!(ids.insert(value.clone()), "the id {value} is there twice"),
                        _ => {}
                    }
                }
                if let Some(heading) = name.strip_prefix('h').and_then(|it| it.parse::<u32>().ok()) {
                    assert!(heading <= level + 1, "<{name}> follows a heading of level {level}");
                    level = heading;
                }
                if STATEMENTS.contains(&&*name) {
                    said.push(String::new());
                }
                if !VOID.contains(&&*name) && !tag.self_closing {
                    open.push(name);
                }
            }
            Token::EndTag(tag) => {
                let name = text(&tag.name);
                if VOID.contains(&&*name) {
                    continue;
                }
                let is_in_nav = open.iter().any(|it| it == "nav");
                assert_eq!(open.pop().as_ref(), Some(&name), "elements are nested");
                if STATEMENTS.contains(&&*name) {
                    let statement = said.pop().expect("it was begun");
                    if !is_in_nav && name != "title" {
                        found.push(statement);
                    }
                }
            }
            Token::String(words) => {
                if let Some(statement) = said.last_mut() {
                    statement.push_str(&String::from_utf8_lossy(&words));
                }
            }
            Token::Doctype(_) => assert!(open.is_empty()),
            Token::Comment(_) => panic!("a comment"),
            Token::Error(error) => panic!("not well formed: {error:?}"),
        }
    }
    assert_eq!(open, Vec::<String>::new(), "every element ends");
    for link in links {
        assert!(ids.contains(&link), "#{link} is nowhere");
    }
    found.iter().map(|it| bare(it)).filter(|it| !it.is_empty()).collect()
}

/// The statements of a Markdown document, in which nothing is HTML, a link or a picture.
#[track_caller]
pub(super) fn markdown(document: &str) -> Vec<String> {
    let (mut found, mut said) = (Vec::new(), String::new());
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH;
    let mut is_code = false;
    for event in Parser::new_ext(document, options) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => is_code = true,
            Event::End(TagEnd::CodeBlock) => is_code = false,
            // A line each.
            Event::Text(text) if is_code => {
                // The end of a heading's sign; any other line may end so by itself.
                let end = |line: &str| if line.starts_with("@@ ") { " @@" } else { "" };
                found.extend(text.lines().map(|line| line.strip_suffix(end(line)).unwrap_or(line).to_owned()));
            }
            Event::Text(text) | Event::Code(text) => said.push_str(&text),
            Event::SoftBreak | Event::HardBreak => said.push(' '),
            Event::Html(html) | Event::InlineHtml(html) => panic!("HTML: {html}"),
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("a link in {said}"),
            Event::Start(Tag::BlockQuote(_) | Tag::Strikethrough) | Event::Rule => panic!("syntax after {said}"),
            Event::InlineMath(math) | Event::DisplayMath(math) => panic!("mathematics: {math}"),
            Event::End(TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => {
                found.push(std::mem::take(&mut said));
            }
            _ => {}
        }
    }
    found.iter().map(|it| bare(it)).filter(|it| !it.is_empty()).collect()
}

/// Every text and number that the JSON has for people.
pub(super) fn json(report: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for text in ["title", "about"] {
        found.push(report[text].as_str().expect("a text").to_owned());
    }
    collect(&report["sections"], &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(all) => all.iter().for_each(|it| collect(it, found)),
        Value::Object(fields) => {
            // What says how something is laid out is no text.
            let is_layout = |name: &str| ["kind", "id", "change", "length", "total", "good", "to"].contains(&name);
            fields.iter().filter(|(name, _)| !is_layout(name)).for_each(|(_, it)| collect(it, found));
        }
        Value::Bool(_) | Value::Null => {}
    }
}
