//! Types of columns: which is at least as wide as which.

/// Whether every value of the expected type fits the actual one, and is read from it alike.
pub(super) fn is_at_least(expected: &str, actual: &str) -> bool {
    if expected == actual {
        return true;
    }
    let (expected, actual) = (Type::of(expected), Type::of(actual));
    if expected.array != actual.array {
        return false;
    }
    const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];
    const FLOATS: [&str; 2] = ["real", "double precision"];
    let rank = |family: &[&str], name: &str| family.iter().position(|it| *it == name);
    for family in [&INTEGERS[..], &FLOATS[..]] {
        if let (Some(one), Some(other)) = (rank(family, &expected.name), rank(family, &actual.name)) {
            return other >= one;
        }
    }
    // No modifier is no limit.
    let is_wider = |at: usize| match (expected.modifiers.get(at), actual.modifiers.get(at)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(one), Some(other)) => other >= one,
    };
    match (&*expected.name, &*actual.name) {
        ("text" | "character varying", "text") => true,
        ("text" | "character varying", "character varying") => is_wider(0),
        ("numeric", "numeric") => match (&expected.modifiers[..], &actual.modifiers[..]) {
            (_, []) => true,
            ([], _) => false,
            ([precision, scale], [more_precision, more_scale]) => {
                more_scale >= scale && more_precision - more_scale >= precision - scale
            }
            _ => false,
        },
        ("inet", "cidr") => true,
        (one, other) if one == other && !matches!(one, "character" | "bit") => is_wider(0),
        _ => false,
    }
}

/// A type as `format_type` prints it.
struct Type {
    name: String,
    modifiers: Vec<i64>,
    array: String,
}

impl Type {
    fn of(text: &str) -> Self {
        let base = text.trim_end_matches("[]");
        let array = text[base.len()..].to_owned();
        let Some((before, rest)) = base.split_once('(') else {
            return Self { name: base.to_owned(), modifiers: Vec::new(), array };
        };
        let (inner, after) = rest.split_once(')').unwrap_or((rest, ""));
        let modifiers = inner.split(',').filter_map(|it| it.trim().parse().ok()).collect();
        Self { name: format!("{before}{after}"), modifiers, array }
    }
}
