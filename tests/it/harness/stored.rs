//! What is stored in `padealing` for each legacy row, read with SQL that shares nothing with the program.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Column, Connection, Row, TypeInfo, ValueRef};

use super::Db;
use pad_migrate::harness::fixtures::Outcome;

/// Columns that say nothing about the legacy row: surrogate keys, and what every migrated row has.
const LEFT_OUT: [&str; 9] = [
    "request_id",
    "approval_type",
    "contract_note_verified",
    "action_type",
    "actor_type",
    "entity_type",
    "entity_id",
    "details",
    "migrated_at",
];

/// Every migrated row, by legacy id, in the form of a fixture's expectation.
pub(crate) async fn outcomes(db: &Db) -> BTreeMap<i64, Outcome> {
    let mut roles: BTreeMap<i64, BTreeMap<String, BTreeMap<String, String>>> = BTreeMap::new();
    let mut connection = db.connect().await;
    for table in ["pad_request", "pad_approval", "pad_execution", "audit_log"] {
        let sql = format!(
            "set datestyle = 'ISO'; select m.source_id as \"source\", m.target_table as \"role\", t.* \
             from padealing.migration_mapping m join padealing.{table} t on t.id = m.target_id \
             where split_part(m.target_table, ':', 1) = '{table}'"
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("the rows are read");
        for row in rows {
            let mut cells = BTreeMap::new();
            let mut key = (0, String::new());
            for (at, column) in row.columns().iter().enumerate() {
                let value = row.try_get_raw(at).expect("the column is there");
                if value.is_null() {
                    continue;
                }
                let text = value.as_str().expect("the value is text");
                match (column.name(), column.type_info().name()) {
                    ("source", _) => key.0 = text.parse().expect("the id is a number"),
                    ("role", _) => key.1 = text.to_owned(),
                    ("id", _) if table != "pad_request" => {}
                    (name, _) if LEFT_OUT.contains(&name) => {}
                    (name, "BOOL") => {
                        cells.insert(name.to_owned(), if text == "t" { "true" } else { "false" }.to_owned());
                    }
                    (name, "JSONB") => {
                        let value: BTreeMap<String, serde_json::Value> =
                            serde_json::from_str(text).expect("the value is a JSON object");
                        cells.insert(name.to_owned(), serde_json::to_string(&value).expect("JSON prints"));
                    }
                    (name, _) => {
                        cells.insert(name.to_owned(), text.to_owned());
                    }
                }
            }
            let before = roles.entry(key.0).or_default().insert(key.1.clone(), cells);
            assert!(before.is_none(), "row {} has two rows as {}", key.0, key.1);
        }
    }
    connection.close().await.expect("the connection closes");
    roles.into_iter().map(|(id, cells)| (id, Outcome::Migrated(cells))).collect()
}
