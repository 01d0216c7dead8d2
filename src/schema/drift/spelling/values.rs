//! Values of settings and options, and locales: one value in several spellings.

/// Settings that are texts: to the letter.
const TEXTS: [&str; 26] = [
    "application_name",
    "backtrace_functions",
    "client_encoding",
    "createrole_self_grant",
    "datestyle",
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "dynamic_library_path",
    "extension_control_path",
    "extension_destdir",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "local_preload_libraries",
    "log_connections",
    "output_plugin_libraries",
    "restrict_nonsystem_relation_kind",
    "role",
    "search_path",
    "session_authorization",
    "session_preload_libraries",
    "temp_tablespaces",
    "timezone",
    "timezone_abbreviations",
];

/// Settings whose numbers count something, in microseconds or bytes each, where no unit is written.
const UNITS: [(f64, &[&str]); 5] = [
    (1e6, &["post_auth_delay", "tcp_keepalives_idle", "tcp_keepalives_interval"]),
    (
        1e3,
        &[
            "client_connection_check_interval",
            "deadlock_timeout",
            "idle_in_transaction_session_timeout",
            "idle_session_timeout",
            "lock_timeout",
            "log_min_duration_sample",
            "log_min_duration_statement",
            "statement_timeout",
            "tcp_user_timeout",
            "transaction_timeout",
            "vacuum_cost_delay",
            "wal_sender_timeout",
        ],
    ),
    (1.0, &["log_parameter_max_length", "log_parameter_max_length_on_error"]),
    (
        1024.0,
        &[
            "gin_pending_list_limit",
            "log_temp_files",
            "logical_decoding_work_mem",
            "maintenance_work_mem",
            "max_stack_depth",
            "temp_file_limit",
            "vacuum_buffer_usage_limit",
            "wal_skip_threshold",
            "work_mem",
        ],
    ),
    (
        8192.0,
        &[
            "backend_flush_after",
            "effective_cache_size",
            "io_combine_limit",
            "min_parallel_index_scan_size",
            "min_parallel_table_scan_size",
            "temp_buffers",
        ],
    ),
];

/// Whether two values of a setting are the same: `60s` and `1min`, `on` and `true`. A setting of an application or an
/// extension is a text.
pub(crate) fn same_setting(name: &str, one: &str, other: &str) -> bool {
    let name = name.to_lowercase();
    if one == other || name.contains('.') || TEXTS.contains(&&*name) {
        return one == other;
    }
    let unit = UNITS.iter().find(|(_, names)| names.contains(&&*name)).map(|(unit, _)| *unit);
    match unit {
        Some(unit) => match (measure(one, unit), measure(other, unit)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        },
        None => plain(one) == plain(other),
    }
}

/// A number with a unit, in microseconds or bytes.
fn measure(text: &str, unit: f64) -> Option<f64> {
    let end = text.find(|sign: char| sign.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, written) = text.split_at(end);
    let number: f64 = number.trim().parse().ok()?;
    // Below zero it is switched off.
    let factor = match written.trim() {
        "" => unit,
        "us" | "B" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "min" => 60e6,
        "h" => 3600e6,
        "d" => 86400e6,
        "kB" => 1024.0,
        "MB" => 1048576.0,
        "GB" => 1073741824.0,
        "TB" => 1099511627776.0,
        _ => return None,
    };
    Some(number * factor)
}

/// Whether two options, `name=value` each, are the same.
pub(crate) fn same_option(one: &str, other: &str) -> bool {
    match (one.split_once('='), other.split_once('=')) {
        (Some((name, one)), Some((other_name, other))) => name == other_name && plain(one) == plain(other),
        _ => one == other,
    }
}

/// Whether an option says what holds without it.
pub(crate) fn is_default_option(option: &str) -> bool {
    let known = option.split_once('=').filter(|(name, _)| matches!(*name, "security_barrier" | "security_invoker"));
    known.is_some_and(|(_, value)| plain(value) == "0")
}

/// A truth value or a number in its shortest form; another text in lower case. An option that is true or false takes
/// `1`, and one that is a number takes no `on`, so that one form does for both.
pub(super) fn plain(value: &str) -> String {
    let folded = value.trim().to_lowercase();
    let begins = |word: &str, least: usize| folded.len() >= least && word.starts_with(&*folded);
    match () {
        () if begins("true", 1) || begins("yes", 1) || folded == "on" => "1".to_owned(),
        () if begins("false", 1) || begins("no", 1) || begins("off", 2) => "0".to_owned(),
        () => match folded.parse::<f64>() {
            Ok(number) if number.is_finite() && number.abs() < 1e15 => number.to_string(),
            _ => folded,
        },
    }
}

/// A collation's definition. An ICU locale is listed twice before version 15, and since 16 it is a language tag.
pub(super) fn collation(definition: &str) -> String {
    let words: Vec<&str> = definition.split(' ').collect();
    match &words[..] {
        ["i", locale, again, "deterministic", rest @ ..] if locale == again => icu(locale, rest),
        ["i", locale, "deterministic", rest @ ..] => icu(locale, rest),
        _ => definition.to_owned(),
    }
}

fn icu(locale: &str, rest: &[&str]) -> String {
    format!("i {} deterministic {}", language_tag(locale), rest.join(" "))
}

/// `de_DE@collation=phonebook` as `de-de-u-co-phonebk`.
fn language_tag(locale: &str) -> String {
    let (language, keywords) = locale.split_once('@').unwrap_or((locale, ""));
    let folded = language.to_lowercase().replace('_', "-");
    let (language, written) = folded.split_once("-u-").unwrap_or((&folded, ""));
    let mut tag = language.to_owned();
    if matches!(&*tag, "" | "root") {
        tag = "und".to_owned();
    }
    let mut pairs: Vec<String> = keywords
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| {
            let (key, value) = (key.to_lowercase(), value.to_lowercase());
            let key = match &*key {
                "collation" => "co",
                "colalternate" => "ka",
                "colbackwards" => "kb",
                "colcaselevel" => "kc",
                "colcasefirst" => "kf",
                "colnormalization" => "kk",
                "colnumeric" => "kn",
                "colreorder" => "kr",
                "colstrength" => "ks",
                other => other,
            };
            match (key, &*value) {
                ("co", "phonebook") => "co-phonebk".to_owned(),
                ("co", "dictionary") => "co-dict".to_owned(),
                ("co", "traditional") => "co-trad".to_owned(),
                ("co", "gb2312han") => "co-gb2312".to_owned(),
                ("ka", "non-ignorable") => "ka-noignore".to_owned(),
                ("ks", "primary") => "ks-level1".to_owned(),
                ("ks", "secondary") => "ks-level2".to_owned(),
                ("ks", "tertiary") => "ks-level3".to_owned(),
                ("ks", "quaternary") => "ks-level4".to_owned(),
                ("ks", "identical") => "ks-identic".to_owned(),
                (key, "yes" | "true") => key.to_owned(),
                (key, "no") => format!("{key}-false"),
                (key, value) => format!("{key}-{value}"),
            }
        })
        .collect();
    pairs.extend(keywords_of_tag(written));
    pairs.sort();
    if !pairs.is_empty() {
        tag.push_str("-u-");
        tag.push_str(&pairs.join("-"));
    }
    tag
}

/// The keywords of a language tag, each with its value: a key has two letters. `true` is what a key says without a value.
fn keywords_of_tag(text: &str) -> Vec<String> {
    let mut pairs: Vec<String> = Vec::new();
    for word in text.split('-').filter(|word| !word.is_empty()) {
        match pairs.last_mut() {
            _ if word.len() == 2 => pairs.push(word.to_owned()),
            _ if word == "true" => {}
            Some(pair) => {
                pair.push('-');
                pair.push_str(word);
            }
            None => pairs.push(word.to_owned()),
        }
    }
    pairs
}
