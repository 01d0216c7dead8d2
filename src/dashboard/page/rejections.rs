//! Why legacy rows are rejected, row by row.

use maud::{Markup, html};

use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::lists::words;
use crate::dashboard::page::parts::{
    FacetLink, choice, elsewhere, empty, facets, id_field, label, legacy_row, maybe_word, pager, sentence, value,
};
use crate::dashboard::query::{RejectionsQuery, STATES, is_name};
use crate::dashboard::rows::{Facet, MOST_RULES, Page, People, Record};
use crate::report::document::words::rejected;

const PATH: &str = "/rejections";

/// The columns of a reason. What a rejected field holds may be anything, a name in place of an id too, and the message quotes
/// it: until somebody asks, what the rule says stands for both.
fn columns(is_shown: bool) -> &'static [&'static str] {
    if is_shown { &["field", "rule", "value", "message"] } else { &["field", "rule", "wrong"] }
}

/// What the list is made of.
pub(crate) struct Rejections<'a> {
    pub(crate) query: &'a RejectionsQuery,
    pub(crate) page: &'a Page<Record>,
    pub(crate) facets: &'a [Facet],
}

impl Rejections<'_> {
    fn address(&self, change: impl FnOnce(&mut RejectionsQuery)) -> String {
        let mut query = self.query.from_start();
        change(&mut query);
        format!("{PATH}{}", query.print())
    }

    /// The whole page.
    pub(crate) fn html(&self, site: &Site) -> Markup {
        let query = self.query;
        let other = RejectionsQuery { people: !query.people, ..query.clone() };
        let head = Head::new(Part::Rejections, Part::Rejections.title())
            .with_values(query.people, format!("{PATH}{}", other.print()));
        let rows = &self.page.rows;
        let to = |at| format!("{PATH}{}", RejectionsQuery { at, ..query.clone() }.print());
        let ends = rows.first().zip(rows.last()).map(|(first, last)| (first.id, last.id));
        let content = html! {
            (self.rules())
            (self.form())
            @if let Some(rule) = &query.rule {
                p { (sentence(rejected(rule).sentence)) " " (sentence(rejected(rule).remedy)) }
            }
            @if !rows.is_empty() {
                (self.table())
                (pager(self.page, ends, &to))
                p.download {
                    a href={ (PATH) ".csv" (query.from_start().print()) } download { "Download as CSV" }
                    " " span.faint { "exactly what is filtered, in this order" }
                }
            } @else if let Some(elsewhere) = elsewhere(self.page, &to) {
                (elsewhere)
            } @else if query.is_filtered() {
                (empty("Nothing matches these filters.", html! { "Change one, or " a href=(PATH) { "clear them" } "." }))
            } @else {
                (empty("No legacy row was rejected.", html! { "Nothing to do." }))
            }
        };
        page(site, &head, &content)
    }

    /// A name that no address can have is counted, and leads nowhere.
    fn rules(&self) -> Markup {
        let chosen = self.query.rule.as_deref();
        let all = self.address(|it| it.rule = None);
        let mut links = vec![FacetLink { word: "all", count: None, address: Some(all), is_chosen: chosen.is_none() }];
        for facet in self.facets {
            let word = &*facet.word;
            let address = is_name(word).then(|| self.address(|it| it.rule = Some(word.to_owned())));
            links.push(FacetLink { word, count: facet.count, address, is_chosen: chosen == Some(word) });
        }
        if let Some(chosen) = chosen.filter(|it| !self.facets.iter().any(|facet| facet.word == *it)) {
            let address = Some(self.address(|_| {}));
            links.push(FacetLink { word: chosen, count: None, address, is_chosen: true });
        }
        html! {
            (facets("Rule", &links))
            @if self.facets.len() >= MOST_RULES { p.faint { "The " (MOST_RULES) " most frequent rules are listed." } }
        }
    }

    fn form(&self) -> Markup {
        let query = self.query;
        let state = query.resolved.map(|it| STATES[usize::from(it)]);
        html! {
            form.filters method="get" action=(PATH) role="search" aria-label="Filter rejections" {
                @if let Some(rule) = &query.rule { input type="hidden" name="rule" value=(rule); }
                @if query.people { input type="hidden" name="people" value="shown"; }
                (id_field("row", "Legacy row", query.row))
                (choice("state", "State", Some("Any"), words(STATES), state))
                button type="submit" { "Apply" }
                @if query.is_filtered() { a href=(PATH) { "Clear filters" } }
            }
        }
    }

    /// A legacy row has a body of its own, with a line for each reason.
    fn table(&self) -> Markup {
        html! {
            div.scroll role="group" tabindex="0" aria-label="Rejections" {
                table.cards {
                    caption.hidden { "Rejections" }
                    thead { tr {
                        th scope="col" { "Legacy row" }
                        @for column in columns(self.query.people) { th scope="col" { (head(column)) } }
                        th scope="col" { "State" }
                    } }
                    @for reasons in self.page.rows.chunk_by(|one, next| one.get("source_id") == next.get("source_id")) {
                        tbody.group { @for (at, reason) in reasons.iter().enumerate() {
                            tr {
                                @if at == 0 {
                                    th scope="rowgroup" rowspan=(reasons.len()) data-label="Legacy row" {
                                        (legacy_row(reason.get("source_id").unwrap_or_default(), self.query.people))
                                    }
                                }
                                @for column in columns(self.query.people) {
                                    td data-label=(head(column)) { (self.cell(reason, column)) }
                                }
                                td data-label="State" {
                                    @let is_resolved = reason.get("resolved_run_id").is_some();
                                    (maybe_word(Some(STATES[usize::from(is_resolved)])))
                                }
                            }
                        } }
                    }
                }
            }
        }
    }

    fn cell(&self, reason: &Record, column: &str) -> Markup {
        if column == "wrong" {
            return sentence(rejected(reason.get("rule").unwrap_or_default()).sentence);
        }
        let found = reason.columns.iter().find(|(name, _)| *name == column);
        html! { @if let Some((_, found)) = found { (value(column, found, &People::new(), self.query.people)) } }
    }
}

fn head(column: &str) -> String {
    match column {
        "field" => "Column".to_owned(),
        "wrong" => "What is wrong".to_owned(),
        _ => label(column),
    }
}
