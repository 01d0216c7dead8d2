//! The two judgements on a plan: usable, and used at this size.

use pad_migrate::checks::check::Status;
use pad_migrate::checks::integrity::explain::{PlannedTable, Plans, judge};
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::{Value, json};

fn by_index(name: &str) -> Value {
    json!([{ "Plan": { "Node Type": "Bitmap Heap Scan", "Relation Name": "pad_request", "Plan Rows": 7, "Plans": [
        { "Node Type": "Bitmap Index Scan", "Index Name": name, "Plan Rows": 7 }
    ] } }])
}

fn by_scan(rows: u64) -> Value {
    json!([{ "Plan": { "Node Type": "Limit", "Plan Rows": 1, "Plans": [
        { "Node Type": "Seq Scan", "Relation Name": "pad_request", "Plan Rows": rows }
    ] } }])
}

const LARGE: i64 = 100 << 20;

#[rstest]
#[case::used(by_index("by_status"), by_index("by_status"), LARGE, 1e6, Status::Pass, "by by_status")]
#[case::no_index(
    by_scan(7),
    by_scan(7),
    8192,
    10.0,
    Status::Fail,
    "no index of padealing.pad_request that leads with status"
)]
#[case::another_index(by_index("by_day"), by_index("by_day"), LARGE, 1e6, Status::Fail, "no index")]
#[case::small(by_index("by_status"), by_scan(7), 8192, 10.0, Status::Pass, "at this size (8192 B)")]
#[case::small_and_never_analysed(by_index("by_status"), by_scan(7), 8192, -1.0, Status::Pass, "at this size")]
#[case::most_rows(by_index("by_status"), by_scan(300_000), LARGE, 1e6, Status::Pass, "about 30 % of the rows")]
#[case::few_rows(
    by_index("by_status"),
    by_scan(7),
    LARGE,
    1e6,
    Status::Warn,
    "about 7 of 1,000,000 rows; run `analyze "
)]
#[case::never_analysed(by_index("by_status"), by_scan(7), LARGE, -1.0, Status::Warn, "was never analysed")]
#[case::no_plan(json!(null), json!({}), LARGE, 1e6, Status::Fail, "no index")]
fn an_index_is_usable_and_used_where_the_size_asks_for_it(
    #[case] without_scans: Value,
    #[case] usual: Value,
    #[case] bytes: i64,
    #[case] rows: f64,
    #[case] status: Status,
    #[case] words: &str,
) {
    let indexes = [("by_status", "status"), ("by_day", "created_at")];
    let indexes = indexes.map(|(name, column)| (name.to_owned(), column.to_owned())).into();
    let table = PlannedTable { bytes, rows, indexes };
    let (found, text) = judge(&Plans { without_scans, usual }, &table, "padealing.pad_request", "status");
    assert_eq!(found, status, "{text}");
    assert!(text.contains(words), "{text}");
}
