//! Values as people read them. No character of a value is added, left out or moved: what says little is faint, and what
//! would not be seen is marked.
//!
//! Every text from outside passes [`escape::text`], which spells out what isn't shown, and then maud's escaping.

use maud::{Markup, html};

use crate::base::escape;

/// A text on one line. Blanks at its ends are marked.
pub(crate) fn text(found: &str) -> Markup {
    let shown = escape::text(found);
    let inner = shown.trim_matches(' ');
    let begin = shown.len() - shown.trim_start_matches(' ').len();
    let (before, after) =
        if inner.is_empty() { (&*shown, "") } else { (&shown[..begin], &shown[begin + inner.len()..]) };
    html! { (blanks(before)) (inner) (blanks(after)) }
}

fn blanks(blanks: &str) -> Markup {
    html! { @if !blanks.is_empty() { span.blanks title="blanks" { (blanks) } } }
}

/// A number as the database prints it: zeros at the end of its fraction are faint.
pub(crate) fn number(found: &str) -> Markup {
    let is_number = found.bytes().all(|it| it.is_ascii_digit() || matches!(it, b'.' | b'-'));
    match found.split_once('.').filter(|_| is_number) {
        Some((_, fraction)) => faint_end(found, fraction, |it| it.trim_end_matches('0')),
        None => text(found),
    }
}

/// A moment as the database prints it: the fraction of its second is faint, and so is midnight.
pub(crate) fn moment(found: &str) -> Markup {
    match (found.split_once(' '), found.split_once('.')) {
        (Some((_, "00:00:00")), _) => faint_end(found, "00:00:00", |_| ""),
        (_, Some((_, fraction))) if fraction.bytes().all(|it| it.is_ascii_digit()) => {
            faint_end(found, fraction, |_| "")
        }
        _ => text(found),
    }
}

/// A text whose end is faint from where a part of the end says no more; and so is a point before it.
fn faint_end(whole: &str, end: &str, says: impl Fn(&str) -> &str) -> Markup {
    let kept = whole.len() - end.len() + says(end).len();
    let (said, faint) = whole.split_at(kept);
    let said = said.strip_suffix('.').unwrap_or(said);
    let faint = if said.len() < kept { &whole[said.len()..] } else { faint };
    html! { (escape::text(said)) @if !faint.is_empty() { span.zeros { (faint) } } }
}
