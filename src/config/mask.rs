//! Passwords are never shown: what is printed goes through here.

use std::fmt;
use std::path::Path;

use percent_encoding::percent_decode_str;

use crate::config::keys::{PARAMETERS, words_of};

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
    // A quotation mark that nobody closed makes the lines after it, and the password of one of them, a part of the value.
    if has_controls(text) {
        return HIDDEN.to_owned();
    }
    let parsed = url::Url::parse(text).ok().filter(|it| it.host_str().is_some() || it.path().starts_with('/'));
    // A bare / ? or # of a password is taken for the end of the address; what follows it would be shown.
    let Some(url) = parsed.filter(|it| !format!("{}{:?}{:?}", it.path(), it.query(), it.fragment()).contains('@'))
    else {
        return text.find("://").map_or_else(|| HIDDEN.to_owned(), |at| format!("{}{HIDDEN}", &text[..at + 3]));
    };
    let mut shown = format!("{}://{}", url.scheme(), mask_part(url.username()));
    shown += &url.password().map(|_| format!(":{HIDDEN}")).unwrap_or_default();
    shown += if shown.ends_with("//") { "" } else { "@" };
    shown += &mask_part(url.host_str().unwrap_or_default());
    shown += &url.port().map(|it| format!(":{it}")).unwrap_or_default();
    shown += &url.path().strip_prefix('/').map(|it| format!("/{}", mask_part(it))).unwrap_or_default();
    match url.query() {
        Some(query) if !query.is_empty() => format!("{shown}?{}", mask_parameters(query)),
        _ => shown,
    }
}

/// A part of a URL, unless a password may have been put behind it, percent-encoded or not.
fn mask_part(part: &str) -> String {
    let decoded = decoded(part);
    let is_number = decoded.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    if decoded.starts_with('/') || is_number {
        return mask_blanks(part);
    }
    if is_joined(&decoded) || has_assignment(&decoded) { HIDDEN.to_owned() } else { part.to_owned() }
}

/// What parts a user from a password in some notation or other.
const PARTING: [char; 6] = [':', '/', ';', ',', '|', '\u{ff1a}'];

/// Whether a value looks like a name with a password behind it. A role may have any character in its name: only what is a
/// plain name before the first of those is taken for a role and its password.
pub(crate) fn is_joined(value: &str) -> bool {
    let is_with_more = |(name, rest): (&str, &str)| is_plain(name) && !rest.is_empty();
    PARTING.into_iter().any(|it| value.split_once(it).is_some_and(is_with_more))
}

fn is_plain(name: &str) -> bool {
    // What was pasted may have quotation marks and blanks around it.
    let name = name.trim_matches(|it: char| it.is_whitespace() || "\"'`«»“”„‘’‚‹›".contains(it));
    name.chars().all(|it| it.is_alphanumeric() || "_.-".contains(it))
}

/// Whether a value is the name of a host, an address, or a socket's folder.
pub(crate) fn is_host(text: &str) -> bool {
    // An address of version 6 may have a zone, the interface that it is reached by (RFC 4007).
    let (address, zone) = text.split_once('%').unwrap_or((text, ""));
    let is_number = zone.chars().all(|it| it.is_alphanumeric() || "._-".contains(it))
        && address.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let is_folder = text.starts_with('/') && !text.starts_with("//") && !text.contains(['@', ':']);
    let is_name = !text.contains(['/', ':', '@', ' ', ',', '=', '%', ';', '|']);
    !has_controls(text) && (is_folder || is_number || is_name)
}

/// Whether a value has a control character, such as the end of a line, as none that is meant so does.
pub(crate) fn has_controls(value: &str) -> bool {
    value.contains(char::is_control)
}

/// A value, percent-encoded or not, without the encoding.
pub(crate) fn decoded(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// The parameters of a URL, with the values of those that are known to hold no secret.
fn mask_parameters(query: &str) -> String {
    // A password with an & of its own goes on behind it.
    let mut is_hidden = false;
    let mut parameter = |parameter: &str| match parameter.split_once('=') {
        _ if is_hidden => HIDDEN.to_owned(),
        Some((key, _)) if is_secret(key) => {
            is_hidden = true;
            format!("{key}={HIDDEN}")
        }
        Some((key, _)) if !PARAMETERS.contains(&key) => format!("{key}={HIDDEN}"),
        // Any setting may be among them.
        Some(("options", _)) => "options=…".to_owned(),
        Some((key, file)) if key.starts_with("ssl") => format!("{key}={}", mask_blanks(file)),
        Some((key, value)) => format!("{key}={}", mask_part(value)),
        _ => parameter.to_owned(),
    };
    query.split('&').map(&mut parameter).collect::<Vec<_>>().join("&")
}

/// Whether a URL holds a password.
pub(crate) fn has_password(text: &str) -> bool {
    mask_url(text).contains(HIDDEN)
}

/// Whether a value that should be a name looks like an address, which may have a password: a URL, a connection string
/// or `user:password`.
pub(crate) fn is_address(value: &str) -> bool {
    let with_password =
        value.split_once([':', '\u{ff1a}']).is_some_and(|(name, rest)| is_plain(name) && !rest.is_empty());
    let of_oracle = value.split_once('/').is_some_and(|(name, rest)| is_plain(name) && rest.contains('@'));
    with_password || of_oracle || value.contains("://") || has_assignment(value)
}

/// Whether a value has `key=value`, as a connection string.
pub(crate) fn has_assignment(value: &str) -> bool {
    let keys = value.split('=').map(|it| it.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default());
    let is_key = |key: &str| is_secret(key) || PARAMETERS.contains(&key);
    value.contains('=') && keys.into_iter().any(is_key)
}

/// Whether a key is that of a password, misspelt or not.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "pwd", "secret", "token"].iter().any(|it| key.contains(it))
        || key == "pw"
        || strsim::damerau_levenshtein(&key, "password") <= 2
}

/// A value that isn't secret by its key, but may hold a URL or an address with a password by mistake.
pub(crate) fn mask_value(key: &str, value: &str) -> String {
    if value.contains("://") || has_controls(value) {
        return mask_url(value);
    } else if has_assignment(value) {
        return HIDDEN.to_owned();
    } else if let Some(at) = value.rfind('@') {
        return format!("{HIDDEN}{}", &value[at..]);
    }
    if value.starts_with('/') {
        return mask_blanks(value);
    }
    match value.find(|it: char| it.is_whitespace() || PARTING.contains(&it)) {
        // A port, or an address of version 6.
        Some(at) if key == "DB_HOST" && value[at..].chars().all(|it| it.is_ascii_digit() || it == ':') => {
            value.to_owned()
        }
        Some(at) => {
            let parting = value[at..].chars().next().map_or(0, char::len_utf8);
            format!("{}{HIDDEN}", &value[..at + parting])
        }
        None => value.to_owned(),
    }
}

/// A value that its key can't have. Of a key that takes a number or one of some words, only what can't be a password that was
/// pasted there.
pub(crate) fn mask_wrong(key: &str, value: &str) -> String {
    /// No password is so short.
    const SHORT: usize = 4;
    let Some(words) = words_of(key) else {
        // A part of a URL may have a password behind what is encoded.
        return if decoded(value) == value { mask_value(key, value) } else { HIDDEN.to_owned() };
    };
    if value.contains("://") {
        return mask_url(value);
    }
    let length = value.chars().count();
    let is_number = length <= 2 * SHORT && value.chars().all(|it| it.is_ascii_digit() || "+-.".contains(it));
    let is_misspelt = words.iter().any(|it| strsim::damerau_levenshtein(it, &value.to_lowercase()) <= 2);
    // A name, as these keys take them.
    let is_word = !(words.is_empty() && key != "LEGACY_TABLE")
        && value.chars().all(|it| it.is_ascii_lowercase() || "._-".contains(it));
    let is_shown = !has_controls(value) && (length <= SHORT || is_number || is_misspelt || is_word);
    if is_shown { value.to_owned() } else { HIDDEN.to_owned() }
}

/// A path up to a blank, behind which something else may have been put.
pub(crate) fn mask_blanks(path: &str) -> String {
    let at = [" ", "\t", "%20", "%09"].into_iter().filter_map(|blank| path.find(blank)).min();
    at.map_or_else(|| path.to_owned(), |at| format!("{} {HIDDEN}", &path[..at]))
}

/// The file of a certificate or a key, as far as it looks like one.
pub(crate) fn mask_file(path: &Path) -> String {
    let shown = mask_path(path);
    let is_named = ["pem", "crt", "cer", "key"].iter().any(|it| path.extension().is_some_and(|found| found == *it));
    if has_controls(&shown) || !is_named && !shown.starts_with(['/', '.', '~']) {
        return HIDDEN.to_owned();
    }
    if is_named { shown } else { mask_blanks(&shown) }
}

/// What is shown of a password.
pub(crate) const HIDDEN: &str = "••••";

/// A path as it is shown: what is an address instead is masked.
pub(crate) fn mask_path(path: &Path) -> String {
    let path = path.display().to_string();
    match path.rsplit_once('@').filter(|(before, _)| before.contains(':')) {
        // Whatever it was meant to be, what stands there may be a password.
        Some((_, after)) if !is_address(&path) => format!("{HIDDEN}@{after}"),
        _ if is_address(&path) => mask_value("", &path),
        _ => path,
    }
}

/// A usage error without what may be a password: of a line that repeats an address, the rest of the value goes, since a
/// password may have any character.
pub(crate) fn mask_usage(text: &str) -> String {
    let line = |line: &str| {
        let Some((before, value)) = line.split_once('\'').filter(|(_, value)| is_address(value)) else {
            return line.to_owned();
        };
        let shown = match (value.find("://"), value.find(['=', ':'])) {
            (Some(at), _) if value[at..].contains(['@', '?']) => at + 3,
            (Some(_), _) => return line.to_owned(),
            (None, at) => at.map_or(0, |at| at + 1),
        };
        let after = value[shown..].rfind("' for '").map_or("", |at| &value[shown + at..]);
        format!("{before}'{}{HIDDEN}{after}", &value[..shown])
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// A sentence without the passwords of the URLs and connection strings in it, such as a proxy's: the last that is done
/// to what a library or a server says. What users write is masked where it is read.
pub(crate) fn mask_urls(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://").map(|it| it + 3) {
        let (before, after) = rest.split_at(at);
        shown += before;
        // A password may have a space, but not what parts a sentence.
        let sentence = after.find("; ").or(after.find("://")).map_or(after, |end| &after[..end]);
        rest = match (sentence.find(':'), sentence.find('@')) {
            (Some(colon), Some(first)) if colon < first => {
                let word = sentence[first..].find(' ').map_or(sentence, |end| &sentence[..first + end]);
                shown += &after[..=colon];
                shown += HIDDEN;
                &after[word.rfind('@').unwrap_or(first)..]
            }
            _ => after,
        };
        let word = rest.find(' ').map_or(rest, |end| &rest[..end]);
        if let Some((address, query)) = word.split_once('?') {
            shown += &format!("{address}?{}", mask_parameters(query));
            rest = &rest[word.len()..];
        }
    }
    mask_assignments(&(shown + rest))
}

/// Whether a function raised an error in its author's words, by the context of the message.
pub(crate) fn is_raised(context: Option<&str>) -> bool {
    let frame = context.unwrap_or_default().lines().find(|it| it.starts_with("PL/pgSQL"));
    frame.is_some_and(|it| ["RAISE", "ASSERT"].iter().any(|statement| it.ends_with(statement)))
}

/// Whether a server's message may quote values of rows, by its SQLSTATE and its context: that of a data exception does,
/// and that of any error in a statement that a function has put together. What a function raises itself are its
/// author's words, and constraints are named without the values that violate them.
pub(crate) fn quotes_values(sqlstate: &str, context: Option<&str>) -> bool {
    // Bytes are no text in an encoding, and a sequence is at its end: that is what is quoted.
    if ["22P05", "22021", "2200H"].contains(&sqlstate) || ["23", "44"].iter().any(|class| sqlstate.starts_with(class)) {
        return false;
    }
    // The innermost function. Its language's and its statement's names are the same in every language of messages.
    let mut lines = context.unwrap_or_default().lines();
    let frame = lines.clone().find(|it| it.starts_with("PL/pgSQL"));
    if is_raised(context) {
        return false;
    }
    let is_dynamic = |it: &str| ["EXECUTE", "OPEN", "RETURN QUERY"].iter().any(|statement| it.contains(statement));
    let in_another_language = lines.any(|it| it.starts_with("PL/") && !it.starts_with("PL/pgSQL"));
    sqlstate.starts_with("22") || frame.is_some_and(is_dynamic) || frame.is_none() && in_another_language
}

/// A message without what it quotes. A quoted value may have quotation marks itself, so that all between the first and
/// the last is left out; other languages have other marks.
pub(crate) fn mask_quoted(text: &str) -> String {
    let is_mark = |it: char| "\"'»«„“”‚‘’‹›「」『』".contains(it);
    match (text.find(is_mark), text.rfind(is_mark)) {
        (Some(first), Some(last)) if first < last => {
            let value = first + text[first..].chars().next().map_or(0, char::len_utf8);
            format!("{}…{}", &text[..value], &text[last..])
        }
        _ => text.to_owned(),
    }
}

/// A text without the values of `password=…`, quoted or not.
fn mask_assignments(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, value)) = rest.split_once('=') {
        shown += before;
        shown.push('=');
        rest = value;
        let key = before.trim_end().rsplit(|it: char| !it.is_alphanumeric() && it != '_').next().unwrap_or_default();
        if key.is_empty() || !is_secret(key) {
            continue;
        }
        let value = value.trim_start();
        let end = match value.chars().next().filter(|it| ['\'', '"'].contains(it)) {
            Some(quote) => value[1..].find(quote).map(|it| it + 2),
            None => value.find(|it: char| it.is_whitespace() || "&;\"'".contains(it)),
        };
        shown += HIDDEN;
        rest = &value[end.unwrap_or(value.len())..];
    }
    shown + rest
}
