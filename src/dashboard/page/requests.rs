//! The list of requests.

use maud::{Markup, html};

use crate::base::hint::MIGRATE;
use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{choice, counted, elsewhere, employee, empty, maybe, nothing, pager, text, word};
use crate::dashboard::query::{At, RequestsQuery, Security, Sort};
use crate::dashboard::rows::{Facet, Page, People, RequestRow};

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
            @if self.page.rows.is_empty() { (self.none()) } @else { (self.table()) (self.ends()) }
        };
        page(site, &head, &content)
    }

    fn facets(&self) -> Markup {
        let current = |is: bool| is.then_some("true");
        html! {
            nav.facets aria-label="Status" {
                ul {
                    li {
                        a href=(self.address(|it| it.status = None)) aria-current=[current(self.query.status.is_none())] {
                            "All"
                        }
                    }
                    @for facet in self.facets {
                        @let status = crate::migration::target::Status::from_word(&facet.word);
                        li {
                            a href=(self.address(|it| it.status = status))
                                aria-current=[current(self.query.status == status)] {
                                (facet.word.replace('_', " "))
                                @if let Some(count) = facet.count { " " span.count { (counted(count)) } }
                            }
                        }
                    }
                }
            }
        }
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
                label { span { "Employee id" }
                    input name="employee" inputmode="numeric" autocomplete="off" size="10"
                        value=(query.employee.map(|it| it.to_string()).unwrap_or_default());
                }
                label { span { "Security id, or none" }
                    input name="security" autocomplete="off" size="10" value=(security);
                }
                (choice("year", "Year", Some("Any"), years.into_iter().map(|it| (it.clone(), it)), chosen_year.as_deref()))
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
            div.scroll role="group" tabindex="0" aria-label=(caption) {
                table {
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
                th scope="row" .number { a href={ (PATH) "/" (row.id) (people) } { (row.id) } }
                td.time { (text(&row.created_at)) }
                td {
                    (word(&row.status))
                    @if row.is_deleted { " " span .status .faint { "deleted" } }
                }
                td { (employee(Some(row.employee_id), self.people, self.query.people)) }
                td { (maybe(row.direction.as_deref())) }
                td.security { (self.security(row)) }
                td.number { (maybe(row.quantity.as_deref())) }
                td.number { (maybe(row.estimated_value.as_deref())) }
                td { (maybe(row.currency.as_deref())) }
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
        ];
        words.into_iter().flatten().collect()
    }

    fn address(&self) -> String {
        format!("{PATH}{}", self.print())
    }
}
