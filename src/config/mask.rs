//! Passwords are never shown: what is printed goes through here.

use std::fmt;

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// A database's URL without its password: only what certainly isn't part of it. Of what isn't a URL, the scheme is
/// left.
pub(crate) fn mask_url(text: &str) -> String {
    let parsed = url::Url::parse(text).ok().filter(|it| it.host_str().is_some() || it.path().starts_with('/'));
    // A bare / ? or # of a password is taken for the end of the address; what follows it would be shown.
    let Some(url) = parsed.filter(|it| !format!("{}{:?}{:?}", it.path(), it.query(), it.fragment()).contains('@'))
    else {
        return text.find("://").map_or_else(|| HIDDEN.to_owned(), |at| format!("{}{HIDDEN}", &text[..at + 3]));
    };
    let mut shown = format!("{}://{}", url.scheme(), url.username());
    shown += &url.password().map(|_| format!(":{HIDDEN}")).unwrap_or_default();
    shown += if shown.ends_with("//") { "" } else { "@" };
    shown += url.host_str().unwrap_or_default();
    shown += &url.port().map(|it| format!(":{it}")).unwrap_or_default();
    shown += url.path();
    let parameters: Vec<String> = url
        .query_pairs()
        .map(|(key, value)| if key.contains("pass") { format!("{key}={HIDDEN}") } else { format!("{key}={value}") })
        .collect();
    if parameters.is_empty() { shown } else { format!("{shown}?{}", parameters.join("&")) }
}

/// Whether a URL holds a password.
pub(crate) fn has_password(text: &str) -> bool {
    mask_url(text).contains(HIDDEN)
}

/// A value that isn't secret by its key, but may hold a URL or an address with a password by mistake.
pub(crate) fn mask_value(value: &str) -> String {
    match (value.contains("://"), value.rfind('@')) {
        (true, _) => mask_url(value),
        (false, Some(at)) => format!("{HIDDEN}{}", &value[at..]),
        (false, None) => value.to_owned(),
    }
}

/// What is shown of a password.
pub(crate) const HIDDEN: &str = "••••";

/// A usage error without what may be a password: of a line that repeats a URL with one, the rest of the line goes,
/// since a password may have any character.
pub(crate) fn mask_usage(text: &str) -> String {
    let line = |line: &str| match line.find("://") {
        Some(at) if line[at..].contains(['@', '?']) => format!("{}{HIDDEN}", &line[..at + 3]),
        _ => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// A sentence without the passwords of the URLs in it, such as a proxy's. What users write is mask_urls where it is
/// read.
pub(crate) fn mask_urls(text: &str) -> String {
    let word = |word: &str| {
        let Some(at) = word.find("://").map(|it| it + 3) else { return word.to_owned() };
        let (before, url) = word.split_at(at);
        match (url.find(':'), url.rfind('@')) {
            (Some(colon), Some(host)) if colon < host => format!("{before}{}{HIDDEN}{}", &url[..=colon], &url[host..]),
            _ => word.to_owned(),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
