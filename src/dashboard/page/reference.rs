//! What each table is for, which joins stand for columns that were never there, and where legacy columns went.

use maud::{Markup, html};

use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{decisions, nothing, sentence, text};
use crate::dashboard::rows::TableReference;
use crate::migration::decision::DECISIONS;
use crate::migration::destination::destination;
use crate::migration::legacy::LegacyColumn as Col;
use crate::schema::names::{CONTRACT_SCHEMA, PHANTOM_COLUMNS};
use crate::schema::purpose::purpose;

/// The whole page.
pub(crate) fn reference(site: &Site, tables: &[TableReference]) -> Markup {
    let content = html! {
        section aria-labelledby="joins" {
            h2 #joins { "Columns that were never there" }
            p {
                "Some models of the application use columns that " code { (CONTRACT_SCHEMA) } " doesn't have. What to read "
                "instead:"
            }
            dl.facts {
                @for (table, column, instead) in PHANTOM_COLUMNS {
                    div { dt { code { (table) "." (column) } } dd { (instead) } }
                }
            }
        }
        section aria-labelledby="legacy" {
            h2 #legacy { "Where the legacy columns went" }
            div.scroll role="group" tabindex="0" aria-label="Legacy columns" {
                table.narrow {
                    caption.hidden { "Legacy columns" }
                    thead { tr {
                        th scope="col" { "Legacy column" } th scope="col" { "Now" } th scope="col" { "Decision" }
                    } }
                    tbody {
                        @for column in Col::ALL {
                            @let (places, decision) = destination(*column);
                            tr {
                                th scope="row" { code { (column.name()) } }
                                td { @for (at, place) in places.iter().enumerate() { @if at > 0 { ", " } (place) } }
                                td { (decisions(decision)) }
                            }
                        }
                    }
                }
            }
            p.faint { "A column that isn't listed, and what a typed column can't give back, is kept in the residual: "
                code { "pad_request.compliance_assessment -> 'legacy'" } "." }
        }
        section aria-labelledby="decisions" {
            h2 #decisions { "Decisions" }
            p.faint { "How legacy rows became what is stored here. Pages name them by their numbers." }
            dl.facts {
                @for decision in &DECISIONS {
                    div #(decision.number) { dt { (decision.number) " " (decision.title) } dd { (sentence(decision.text)) } }
                }
            }
        }
        section aria-labelledby="words" {
            h2 #words { "Words of these pages" }
            dl.facts {
                @for (word, meaning) in WORDS { div { dt { (word) } dd { (meaning) } } }
            }
        }
        section aria-labelledby="tables" {
            h2 #tables { "Tables" }
            @for table in tables { (self::table(table)) }
        }
    };
    page(site, &Head::new(Part::Reference, "Reference"), &content)
}

/// What pages say without explaining it, as docs/glossary.md has it.
const WORDS: [(&str, &str); 9] = [
    ("legacy row", "a row of the legacy table, from which the migration took what is stored here"),
    ("proved", "verified just now: what is stored is what the legacy row gives, and gives it back"),
    ("lineage", "which row here came from which legacy row"),
    ("rejected", "of a legacy row: it is not migrated, for reasons that are on record; of a request: it was refused"),
    ("open, resolved", "of a rejection: the row is still not migrated, or a later run has migrated it"),
    ("residual", "what typed columns can't hold of a legacy row, kept as JSON so that nothing is lost"),
    (
        "done, failed, interrupted, lost, running",
        "how a run ended: by itself, with an error, by Ctrl-C, without a trace since it was killed; or it is at work. What it had \
         committed stays",
    ),
    ("drift", "what differs between the schemas that are there and the ones that this program expects"),
    (
        "breaking, warning, info",
        "how bad a difference is: the application or the migration would fail; it works today; it is cosmetic",
    ),
];

fn table(table: &TableReference) -> Markup {
    let name = format!("{}.{}", table.schema, table.name);
    html! {
        details {
            summary {
                h3 { code { (text(&name)) } }
                " " span.faint {
                    @match (table.comment.as_deref(), purpose(&table.schema, &table.name)) {
                        (Some(comment), _) => (text(comment)),
                        (None, Some(purpose)) => (purpose),
                        (None, None) => "",
                    }
                }
            }
            div.scroll role="group" tabindex="0" aria-label={ "Columns of " (text(&name)) } {
                table {
                    caption.hidden { "Columns of " (text(&name)) }
                    thead { tr {
                        th scope="col" { "Column" } th scope="col" { "Type" } th scope="col" { "Null" }
                        th scope="col" { "Refers to" } th scope="col" { "Comment" }
                    } }
                    tbody {
                        @for column in &table.columns {
                            tr {
                                th scope="row" { code { (text(&column.name)) } }
                                td { (text(&column.data_type)) }
                                td { (if column.is_required { "not null" } else { "null" }) }
                                td { @match &column.refers_to { Some(to) => code { (text(to)) }, None => (nothing()) } }
                                td { @match &column.comment { Some(comment) => (text(comment)), None => (nothing()) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
