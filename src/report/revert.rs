//! What `revert` would do or did, as text.

use crate::report::page::Page;
use crate::schema::plan::outcome::Reversal;

/// What `revert` asks about.
pub fn planned_reversal(reversal: &Reversal) -> Page {
    page(reversal, "Roll back", "Would lose")
}

/// What `revert` did.
pub fn done_reversal(reversal: &Reversal) -> Page {
    page(reversal, "Rolled back", "Lost")
}

fn page(reversal: &Reversal, verb: &str, loss_verb: &str) -> Page {
    let mut page = Page::default();
    for revision in &reversal.revisions {
        page.row(verb, format!("{} {}", revision.number, revision.name));
    }
    // Newest first.
    let adopted = match &reversal.adopted[..] {
        [] => None,
        [only] => Some(format!("{} was adopted; its earlier state can't be restored", only.number)),
        [newest, .., oldest] => {
            Some(format!("{}–{} were adopted; their earlier state can't be restored", oldest.number, newest.number))
        }
    };
    if let Some(adopted) = adopted {
        page.row("Note", adopted);
    }
    for loss in &reversal.losses {
        page.row(loss_verb, loss);
    }
    page
}
