//! The list of requests.

use maud::{Markup, html};

use crate::base::hint::MIGRATE;
use crate::base::text::thousands;
use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{
    FacetLink, choice, elsewhere, employee, empty, facets, id_field, maybe, maybe_number, nothing, pager, text, word,
};
use crate::dashboard::page::values::moment;
use crate::dashboard::query::{At, RequestsQuery, Security, Sort, Writer};
use crate::dashboard::rows::{Counted, Facet, Page, People, RequestRow};
use crate::migration::target::Status;

const PATH: &str = "/requests";

/// What the list is made of.
pub(crate) struct Requests<'a> {
    pub(crate) query: &'a RequestsQuery,
    pub(crate) page: &'a Page<RequestRow>,
    pub(crate) people: &'a People,
    pub(crate) facets: &'a [Facet],
    pub(crate) years: &'a [u16],
}

fn sort_words(sort: Sort) -> &'static str {
    match sort {
        Sort::Newest => "Newest first",
        Sort::Oldest => "Oldest first",
        Sort::Id => "By id",
        Sort::Employee => "By employee",
        Sort::Security => "By security",
        Sort::Value => "Largest value first",
    }
}

fn writer_words(writer: Writer) -> &'static str {
    match writer {
        Writer::Migration => "a migration",
        Writer::Application => "the application",
    }
}

impl Requests<'_> {
    fn address(&self, change: impl FnOnce(&mut RequestsQuery)) -> String {
        let mut query = self.query.from_start();
        change(&mut query);
        // Without the filters that it needs, this order would be refused.
        if query.sort == Sort::Value && !query.is_narrow() {
            query.sort = Sort::default();
        }
        format!("{PATH}{}", query.print())
    }

    /// The whole page.
    pub(crate) fn html(&self, site: &Site) -> Markup {
        let query = self.query;
        let other = RequestsQuery { people: !query.people, ..query.clone() };
        let head = Head::new(Part::Requests, "Requests")
            .with_filters(query.words())
            .with_people(query.people, format!("{PATH}{}", other.print()));
        let content = html! {
            (self.facets())
            (self.form())
            @if self.page.rows.is_empty() { (self.none()) } @else {
                @if let Some(matching) = self.matching() { p.faint.figure { (matching) " requests" } }
                (self.table())
                (self.ends())
            }
        };
        page(site, &head, &content)
    }

    fn facets(&self) -> Markup {
        let chosen = self.query.status;
        let all = self.address(|it| it.status = None);
        let mut links = vec![FacetLink { word: "all", count: None, address: Some(all), is_chosen: chosen.is_none() }];
        for facet in self.facets {
            let status = Status::from_word(&facet.word);
            let address = Some(self.address(|it| it.status = status));
            links.push(FacetLink { word: &facet.word, count: facet.count, address, is_chosen: chosen == status });
        }
        facets("Status", &links)
    }

    /// How many requests match, as far as the facets say it.
    fn matching(&self) -> Option<String> {
        let of_status = |facet: &&Facet| self.query.status.is_none_or(|it| it.as_str() == facet.word);
        let counts: Option<Vec<Counted>> = self.facets.iter().filter(of_status).map(|it| it.count).collect();
        let counts = counts?;
        let rows: u64 = counts.iter().map(|it| it.rows).sum();
        let more = if counts.iter().any(|it| it.is_more) { "more than " } else { "" };
        Some(format!("{} of {more}{}", thousands(self.page.rows.len() as u64), thousands(rows)))
    }

    fn form(&self) -> Markup {
        let query = self.query;
        let chosen_year = query.year.map(|it| it.to_string());
        let mut years: Vec<String> = self.years.iter().map(u16::to_string).collect();
        years.extend(chosen_year.iter().filter(|it| !self.years.iter().any(|year| year.to_string() == **it)).cloned());
        let security = match query.security {
            Some(Security::Id(id)) => id.to_string(),
            Some(Security::None) => "none".to_owned(),
            None => String::new(),
        };
        let sorts = Sort::ALL.into_iter().filter(|it| *it != Sort::Value || query.is_narrow());
        html! {
            form.filters method="get" action=(PATH) role="search" aria-label="Filter requests" {
                @if let Some(status) = query.status { input type="hidden" name="status" value=(status.as_str()); }
                @if query.people { input type="hidden" name="people" value="shown"; }
                (id_field("employee", "Employee id", query.employee))
                label { span { "Security id, or none" }
                    input name="security" autocomplete="off" size="10" pattern="none|-?[0-9]{1,19}" title="A whole number, or none"
                        value=(security);
                }
                (choice("year", "Year", Some("Any"), years.into_iter().map(|it| (it.clone(), it)), chosen_year.as_deref()))
                (choice("writer", "Written by", Some("Any"),
                    Writer::ALL.map(|it| (it.word().to_owned(), writer_words(it).to_owned())), query.writer.map(Writer::word)))
                (choice("sort", "Order", None, sorts.map(|it| (it.word().to_owned(), sort_words(it).to_owned())),
                    Some(query.sort.word())))
                button type="submit" { "Apply" }
                @if query.is_filtered() {
                    a href=(RequestsQuery { people: query.people, sort: Sort::default(), ..Default::default() }.address()) {
                        "Clear filters"
                    }
                }
            }
        }
    }

    fn to(&self, at: At) -> String {
        format!("{PATH}{}", RequestsQuery { at, ..self.query.clone() }.print())
    }

    fn none(&self) -> Markup {
        if let Some(elsewhere) = elsewhere(self.page, &|at| self.to(at)) {
            return elsewhere;
        }
        if self.query.is_filtered() {
            let all = RequestsQuery { people: self.query.people, ..RequestsQuery::default() }.address();
            return empty(
                "No request matches these filters.",
                html! { "Change one, or " a href=(all) { "show all requests" } "." },
            );
        }
        empty(
            "There are no requests yet.",
            html! { "Run " code { (MIGRATE) } " to bring the legacy rows here; then reload this page." },
        )
    }

    fn table(&self) -> Markup {
        let caption = format!("Requests, {}", sort_words(self.query.sort).to_lowercase());
        html! {
            div.scroll #list role="group" tabindex="0" aria-label=(caption) {
                table.cards {
                    caption.hidden { (caption) }
                    thead { tr {
                        th scope="col" .number { "Id" }
                        th scope="col" { "Created" }
                        th scope="col" { "Status" }
                        th scope="col" { "Employee" }
                        th scope="col" { "Direction" }
                        th scope="col" { "Security" }
                        th scope="col" .number { "Quantity" }
                        th scope="col" .number { "Estimated value" }
                        th scope="col" { "Currency" }
                    } }
                    tbody { @for row in &self.page.rows { (self.row(row)) } }
                }
            }
        }
    }

    fn row(&self, row: &RequestRow) -> Markup {
        let people = if self.query.people { "?people=shown" } else { "" };
        html! {
            tr {
                th scope="row" .number data-label="Id" { a href={ (PATH) "/" (row.id) (people) } { (row.id) } }
                td.time data-label="Created" { (moment(&row.created_at)) }
                td data-label="Status" {
                    (word(&row.status))
                    @if row.is_deleted { " " span .status .faint { "deleted" } }
                }
                td data-label="Employee" { (employee(Some(row.employee_id), self.people, self.query.people)) }
                td data-label="Direction" { (maybe(row.direction.as_deref())) }
                td.security data-label="Security" { (self.security(row)) }
                td.number data-label="Quantity" { (maybe_number(row.quantity.as_deref())) }
                td.number data-label="Estimated value" { (maybe_number(row.estimated_value.as_deref())) }
                td data-label="Currency" { (maybe(row.currency.as_deref())) }
            }
        }
    }

    fn security(&self, row: &RequestRow) -> Markup {
        let names = [&row.security_name, &row.ticker, &row.isin];
        let shown = names.into_iter().flatten().map(String::as_str).find(|it| !it.trim().is_empty());
        let code = row.ticker.as_deref().or(row.isin.as_deref()).filter(|it| Some(*it) != shown);
        html! {
            @match (row.security_id, shown) {
                (Some(id), shown) => {
                    a href=(self.address(|it| it.security = Some(Security::Id(id)))) { (text(shown.unwrap_or("unnamed"))) }
                }
                (None, Some(shown)) => (text(shown)),
                (None, None) => (nothing()),
            }
            @if let Some(code) = code { " " span.faint { (text(code)) } }
        }
    }

    fn ends(&self) -> Markup {
        let rows = &self.page.rows;
        let ends = rows.first().zip(rows.last()).map(|(first, last)| (first.id, last.id));
        html! {
            (pager(self.page, ends, &|at| self.to(at)))
            p.download {
                a href={ "/requests.csv" (self.query.from_start().print()) } download { "Download as CSV" }
                " " span.faint { "exactly what is filtered, in this order" }
            }
        }
    }
}

impl RequestsQuery {
    /// What is filtered, in words.
    fn words(&self) -> Vec<String> {
        let security = self.security.map(|it| match it {
            Security::Id(id) => format!("security {id}"),
            Security::None => "no security".to_owned(),
        });
        let words = [
            self.status.map(|it| it.as_str().replace('_', " ")),
            self.employee.map(|it| format!("employee {it}")),
            security,
            self.year.map(|it| it.to_string()),
            self.writer.map(|it| format!("written by {}", writer_words(it))),
        ];
        words.into_iter().flatten().collect()
    }

    fn address(&self) -> String {
        format!("{PATH}{}", self.print())
    }
}
