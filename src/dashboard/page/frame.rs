//! What every page has: where one is, where one may go.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::base::escape;
use crate::config::environment::Environment;

/// What a browser sends as an id.
pub(crate) const ID: &str = r"\s*-?[0-9]{1,19}\s*";

/// The icon of a window, in the colour of the environment.
pub(crate) fn icon(environment: Environment) -> String {
    let colour = match environment {
        Environment::Prod => "#a8201a",
        Environment::Qa => "#b07800",
        Environment::Dev => "#1f5fae",
        Environment::Local => "#17692f",
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"7\" \
         fill=\"{colour}\"/><path d=\"M9 25V7h8a6 6 0 0 1 0 12H9\" fill=\"none\" stroke=\"#fff\" stroke-width=\"4\"/></svg>"
    )
}

/// The styles of every page.
pub(crate) const STYLE: &str = include_str!("style.css");

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Overview,
    Requests,
    Breaches,
    Audit,
    Rejections,
    Drift,
    Integrity,
    Reference,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::Overview,
        Self::Requests,
        Self::Breaches,
        Self::Audit,
        Self::Rejections,
        Self::Drift,
        Self::Integrity,
        Self::Reference,
    ];

    /// Its title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Requests => "Requests",
            Self::Breaches => "Breaches",
            Self::Audit => "Audit log",
            Self::Rejections => "Rejections",
            Self::Drift => "Drift",
            Self::Integrity => "Integrity",
            Self::Reference => "Reference",
        }
    }

    /// Its address.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Requests => "/requests",
            Self::Breaches => "/breaches",
            Self::Audit => "/audit",
            Self::Rejections => "/rejections",
            Self::Drift => "/drift",
            Self::Integrity => "/integrity",
            Self::Reference => "/reference",
        }
    }
}

/// Where the dashboard is.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) environment: Environment,
    /// Host, port, database and role.
    pub(crate) place: String,
}

/// What a page is, beside what it shows.
pub(crate) struct Head<'a> {
    pub(crate) part: Option<Part>,
    pub(crate) title: &'a str,
    /// What the page is filtered by, for the title of the window.
    pub(crate) filtered: String,
    /// The address with people shown, or hidden again, which of them, and what is shown then.
    pub(crate) people: Option<(bool, String, &'static str)>,
    /// After so many seconds the browser looks again by itself.
    pub(crate) again: Option<u32>,
}

impl<'a> Head<'a> {
    pub(crate) fn new(part: Part, title: &'a str) -> Self {
        Self { part: Some(part), title, filtered: String::new(), people: None, again: None }
    }

    /// The same, filtered by these words.
    pub(crate) fn with_filters(self, words: impl IntoIterator<Item = String>) -> Self {
        Self { filtered: words.into_iter().collect::<Vec<_>>().join(", "), ..self }
    }

    /// The same; whether people are shown is chosen there.
    pub(crate) fn with_people(self, shown: bool, other: String) -> Self {
        Self { people: Some((shown, other, "names and emails")), ..self }
    }

    /// The same; whether values are shown that may be somebody's is chosen there.
    pub(crate) fn with_values(self, shown: bool, other: String) -> Self {
        Self { people: Some((shown, other, "values and names")), ..self }
    }
}

/// What a page begins with, up to its heading; the end of it comes from [`end`].
pub(crate) fn begin(site: &Site, head: &Head<'_>) -> Markup {
    let environment = site.environment.as_str();
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if let Some(seconds) = head.again { meta http-equiv="refresh" content=(seconds); }
            title {
                (environment) " · " (escape::text(head.title))
                @if !head.filtered.is_empty() { ": " (escape::text(&head.filtered)) }
                " · PA Dealing"
            }
            link rel="icon" type="image/svg+xml" href="/icon.svg";
            link rel="stylesheet" href="/style.css";
        }
        (PreEscaped("<body>"))
        a.skip href="#content" { "Skip to the content" }
        header {
            div.bar {
                p.brand {
                    a href="/" { "PA Dealing" }
                    " " span .environment .(environment) { (environment) }
                }
                p.place { span.hidden { "Database " } (escape::text(&site.place)) ", read only" }
                form.go method="get" action="/go" role="search" aria-label="Go to a request" {
                    label.hidden for="go" { "Request id" }
                    input #go name="id" inputmode="numeric" autocomplete="off" placeholder="Request id" pattern=(ID)
                        title="A whole number";
                    button type="submit" { "Go" }
                }
            }
            nav aria-label="Pages" {
                ul {
                    @for part in Part::ALL {
                        li {
                            a href=(part.path()) aria-current=[(head.part == Some(part)).then_some("page")] { (part.title()) }
                        }
                    }
                }
            }
        }
        (PreEscaped("<main id=\"content\" tabindex=\"-1\">"))
        div.title {
            h1 { (escape::text(head.title)) }
            @if let Some((shown, other, what)) = &head.people {
                a.people href=(other) { (if *shown { "Hide " } else { "Show " }) (what) }
            }
        }
    }
}

/// What a page ends with.
pub(crate) fn end() -> Markup {
    html! {
        (PreEscaped("</main>"))
        footer { p { "pad-migrate " (env!("CARGO_PKG_VERSION")) ". This page changes nothing." } }
        (PreEscaped("</body></html>"))
    }
}

/// A whole page.
pub(crate) fn page(site: &Site, head: &Head<'_>, content: &Markup) -> Markup {
    html! { (begin(site, head)) (content) (end()) }
}
