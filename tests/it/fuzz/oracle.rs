//! PostgreSQL as the oracle of what the corpora hold: names and strings are read back as they were, and spellings that
//! drift calls the same are.

use sqlx::AssertSqlSafe;

use super::corpus;
use super::targets::schema::differing;
use crate::harness::{Start, with_db};
use pad_migrate::base::quote::{quote_identifier, quote_literal};
use pad_migrate::base::sql_text;

/// The texts of a corpus that a database could hold.
fn texts(target: &str) -> Vec<String> {
    let texts = corpus(target).into_iter().filter_map(|it| String::from_utf8(it).ok());
    texts.filter(|it| !it.contains('\0')).collect()
}

/// Quoted, and printed for people, a name and a string are what they were.
#[tokio::test]
async fn quoted_texts_are_read_back() {
    with_db(Start::Empty, async |db| {
        let mut connection = db.connect().await;
        let texts = texts("escape");
        assert!(texts.len() > 5, "{} texts", texts.len());
        for text in &texts {
            // A name has at most 63 bytes, and at least one.
            let mut name = text.as_str();
            while name.len() > 63 {
                name = &name[..name.len() - name.chars().next_back().map_or(1, char::len_utf8)];
            }
            let name = if name.is_empty() { "x" } else { name };
            let plain = format!("select {} as {}", quote_literal(text), quote_identifier(name));
            for sql in [&plain, &sql_text::statement(&plain), &sql_text::statement_line(&plain)] {
                let row = sqlx::query(AssertSqlSafe(sql.clone())).fetch_one(&mut connection).await;
                let row = row.unwrap_or_else(|error| panic!("{sql}: {error}"));
                assert_eq!(sqlx::Row::get::<String, _>(&row, 0), *text, "{sql}");
                assert_eq!(sqlx::Column::name(sqlx::Row::column(&row, 0)), name, "{sql}");
            }
        }
    })
    .await;
}

/// Of two expressions that drift calls the same, both have the same value in every row.
#[tokio::test]
async fn spellings_that_are_the_same_have_the_same_value() {
    with_db(Start::Empty, async |db| {
        let mut connection = db.connect().await;
        db.execute("create table sample (a int, b int, status text, note text, flag boolean, made timestamptz)").await;
        db.execute(
            "insert into sample select nullif(i % 4, 3), i % 3, (array['approved', 'declined', 'a b', null])\
             [1 + i % 4], (array['approved', 'a  b', null])[1 + i % 3], (array[true, false, null])[1 + i / 2 % 3], \
             now() \
             from generate_series(1, 60) i",
        )
        .await;
        let mut asked = 0;
        for text in texts("spelling") {
            let Some((one, other)) = text.split_once('\n').filter(|(one, other)| one != other) else { continue };
            if !differing(one, other).is_empty() {
                continue;
            }
            // In one statement, which has one time. What names another table is no expression here.
            let differ = format!("to_jsonb(({one}\n)) is distinct from to_jsonb(({other}\n))");
            let sql = format!("select count(*) filter (where {differ}) from sample");
            if let Ok(rows) = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql)).fetch_one(&mut connection).await {
                asked += 1;
                assert_eq!(rows, 0, "{text}");
            }
        }
        assert!(asked > 3, "{asked} pairs have values");
    })
    .await;
}
