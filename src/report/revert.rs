//! What `revert` would do or did, as text.

use crate::report::drift::labelled;
use crate::schema::plan::outcome::Reversal;

/// What `revert` asks about.
pub fn planned_reversal(reversal: &Reversal, width: u16) -> String {
    text(reversal, "Roll back", "Would lose", width)
}

/// What `revert` did.
pub fn done_reversal(reversal: &Reversal, width: u16) -> String {
    text(reversal, "Rolled back", "Lost", width)
}

fn text(reversal: &Reversal, verb: &str, loss_verb: &str, width: u16) -> String {
    let width = usize::from(width.max(60));
    let mut out = String::new();
    for revision in &reversal.revisions {
        labelled(&mut out, width, 0, verb, &format!("{} {}", revision.number, revision.name));
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
        labelled(&mut out, width, 0, "Note", &adopted);
    }
    for loss in &reversal.losses {
        labelled(&mut out, width, 0, loss_verb, loss);
    }
    out
}
