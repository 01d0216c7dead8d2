//! Pages that say why there is no other.

use maud::{DOCTYPE, Markup, html};

use crate::dashboard::page::frame::{Head, Site, page};
use crate::dashboard::page::parts::text;

/// Why a page isn't shown, to people who may see the dashboard.
pub(crate) fn problem(site: &Site, title: &str, sentence: &str) -> Markup {
    let head = Head { part: None, title, people: None, again: false };
    page(
        site,
        &head,
        &html! { p.problem { (text(sentence)) } p { a href="" { "Try again" } " · " a href="/" { "To the overview" } } },
    )
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
