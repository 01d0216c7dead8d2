//! Pages that say why there is no other.

use maud::{DOCTYPE, Markup, html};

use crate::base::text::plural;
use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::text;

/// Why a page isn't shown, to people who may see the dashboard, and where they can go from there: to the same page, if it may
/// be there the next time.
pub(crate) fn problem(site: &Site, title: &str, sentence: &str, may_pass: bool) -> Markup {
    let head = Head { part: None, title, filtered: String::new(), people: None, again: None };
    page(
        site,
        &head,
        &html! { p.problem { (text(sentence)) }
            p {
                @if may_pass { a href="" { "Try again" } " · " }
                a href="/requests" { "To the requests" } " · " a href="/" { "To the overview" }
            }
        },
    )
}

/// There is no such request; a legacy row of that id may have been rejected.
pub(crate) fn no_request(site: &Site, id: i64, reasons: u64) -> Markup {
    let head =
        Head { part: Some(Part::Requests), title: "Not found", filtered: String::new(), people: None, again: None };
    let content = html! {
        p.problem { "There is no request " (id) "." }
        @if reasons > 0 {
            p {
                "The legacy row " (id) " was rejected, for "
                a href={ "/legacy/" (id) } { (plural(reasons, "reason", "reasons")) } "."
            }
        }
        p { a href="/requests" { "To the requests" } }
    };
    page(site, &head, &content)
}

/// The same to those who may not: nothing of the environment is in it, and nothing is loaded for it.
pub(crate) fn refusal(title: &str, sentence: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
            }
            body { main { h1 { (title) } p { (text(sentence)) } } }
        }
    }
}

/// The page after the start address: the browser goes on by itself, so that the cookie counts as the site's own.
pub(crate) fn entered() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content="0; url=/";
                title { "PA Dealing" }
            }
            body { main { h1 { "PA Dealing" } p { a href="/" { "Open the dashboard" } } } }
        }
    }
}
