//! How a run read a file, as it is recorded, beside how the file is read now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::base::hint::shell_word;
use crate::base::text::list;
use crate::migration::csv::summary::CsvSummary;

/// The flags with which a file is read as a run read it; none if it is read so now. What isn't recorded is no difference.
pub(crate) fn flags_to_read_as(recorded: &Value, now: &CsvSummary) -> Vec<String> {
    let now = json!(now);
    let differs = |name: &str| recorded.get(name).is_some_and(|it| *it != now[name]);
    let flag = |flag: &str, value: &str| format!("--csv-{flag} {}", shell_word(value));
    let mut flags = Vec::new();
    for name in ["delimiter", "encoding", "numbers"] {
        if let Some(value) = recorded.get(name).and_then(Value::as_str).filter(|_| differs(name)) {
            flags.push(flag(name, value));
        }
    }
    if differs("nulls") {
        let nulls = recorded["nulls"].as_array().into_iter().flatten().filter_map(Value::as_str);
        flags.extend(nulls.map(|it| flag("null", it)));
    }
    let days = |dates: &Value| -> BTreeMap<String, String> {
        let each = dates.as_object().into_iter().flatten();
        each.filter_map(|(column, it)| Some((column.clone(), day(it.as_str()?)))).collect()
    };
    if recorded.get("dates").is_some_and(|it| days(it) != days(&now["dates"])) {
        flags.extend(date_flags(recorded["dates"].as_object()).into_iter().map(|it| flag("dates", &it)));
    }
    flags
}

/// How a file is read, so far as rows would be others if it were read otherwise.
pub(crate) fn reading(csv: &CsvSummary) -> String {
    let days: BTreeSet<String> = csv.dates.values().map(|it| day(it)).collect();
    let days = match days.len() {
        1 => days.into_iter().collect::<String>(),
        _ => list(csv.dates.iter().map(|(column, format)| format!("{column} {}", day(format)))),
    };
    format!("{}, NULL {}, numbers like {}, dates {days}", csv.encoding, csv.nulls.join(" and "), csv.numbers)
}

/// How a format reads the day: the time of day, which may be left out or written in several ways, has one reading only.
fn day(format: &str) -> String {
    let format = format.to_uppercase();
    if format == "ISO" {
        return "YYYY-MM-DD".to_owned();
    }
    let end = [format.find('['), format.find("HH")].into_iter().flatten().min().unwrap_or(format.len());
    format[..end].trim_end_matches([' ', 'T', '"', '[']).to_owned()
}

/// One format for all columns, or a format for each.
fn date_flags(recorded: Option<&Map<String, Value>>) -> Vec<String> {
    let each = recorded.into_iter().flatten().filter_map(|(column, format)| Some((column, format.as_str()?)));
    let mut each: Vec<(&String, &str)> = each.collect();
    if each.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        each.truncate(1);
        return each.into_iter().map(|(_, format)| format.to_owned()).collect();
    }
    each.into_iter().map(|(column, format)| format!("{column}={format}")).collect()
}
