//! Values of a template that were never replaced.

/// Whether a value is still a template's. `words` is whether plain words such as `changeme` count: a password may be
/// one.
pub(crate) fn is_placeholder(value: &str, words: bool) -> bool {
    const WORDS: [&str; 5] = ["changeme", "todo", "tbd", "fixme", "placeholder"];
    let bracketed =
        [("<", ">"), ("{{", "}}"), ("${", "}")].iter().any(|(a, b)| value.starts_with(a) && value.ends_with(b));
    let plain = value.to_ascii_lowercase().replace(['-', '_', ' '], "");
    let repeated = plain.len() >= 3 && plain.bytes().all(|it| it == b'x');
    let yours = ["your-", "your_", "your "].iter().any(|it| value.to_ascii_lowercase().starts_with(it));
    bracketed || words && (WORDS.contains(&plain.as_str()) || repeated || yours)
}
