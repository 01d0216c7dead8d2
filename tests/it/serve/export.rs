//! The CSV file holds what is filtered, in its order, and no cell that a spreadsheet would run.

use pretty_assertions::assert_eq;

use super::with_dashboard;
use crate::harness::Start;

const ROWS: &str = r#"
    insert into padealing.pad_request (id, employee_id, status, created_at, security_name, ticker, quantity,
                                       estimated_value, currency) values
        (1, 1001, 'approved', '2024-01-01 10:00', '=cmd|''/C calc''!A0', '+1', -1.5, 1234567890123456.7891, 'GBP'),
        (2, 1002, 'approved', '2024-01-02', e'two\nlines, and a "quote"', '@SUM(A1)', null, null, null),
        (3, 1003, 'declined', '2024-01-03', 'not filtered', null, null, null, null);
    insert into padealing.pad_request (id, employee_id, status, created_at)
        select n, 1003, 'executed', '2023-01-01' from generate_series(10, 2600) n"#;

#[tokio::test]
async fn the_file_is_what_is_filtered() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(ROWS).await;
        let answer = browser.get("/requests.csv?status=approved&sort=oldest").await;
        let name = &answer.headers["content-disposition"];
        let moment =
            name.strip_prefix("attachment; filename=\"requests-local-").and_then(|it| it.strip_suffix("Z.csv\""));
        assert!(moment.is_some_and(|it| it.len() == 17 && it.contains('T')), "{name}");
        assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
        assert_eq!(
            answer.body,
            "id,created_at,status,employee_id,direction,security_id,security_name,ticker,isin,quantity,estimated_value,\
             currency,is_deleted\r\n\
             1,2024-01-01 10:00:00,approved,1001,,,'=cmd|'/C calc'!A0,+1,,-1.5000,1234567890123456.7891,GBP,false\r\n\
             2,2024-01-02 00:00:00,approved,1002,,,\"two\\nlines, and a \"\"quote\"\"\",'@SUM(A1),,,,,false\r\n"
        );
        let shown = browser.page("/requests.csv?status=approved&people=shown").await;
        assert!(shown.contains("1002,Amara Okafor,amara.okafor@example.com,"), "{shown}");
        // More than one step of the reading.
        let all = browser.get("/requests.csv?sort=id").await;
        assert!(all.is_whole);
        let ids: Vec<&str> = all.body.lines().skip(1).filter_map(|it| it.split(',').next()).collect();
        let expected = db.value("select string_agg(id::text, ' ' order by id) from padealing.pad_request").await;
        assert_eq!(ids.join(" "), expected.expect("ids"));
    })
    .await;
}

/// A file that ended early would look whole.
#[tokio::test]
async fn a_file_of_too_many_rows_is_refused() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(
            "insert into padealing.pad_request (employee_id, status, created_at) \
             select 1001, 'approved', '2024-01-01' from generate_series(1, 100001)",
        )
        .await;
        let refused = browser.get("/requests.csv").await;
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains("More than 100,000 requests match"), "{}", refused.body);
        assert_eq!(browser.get("/requests.csv?year=2023").await.status, 200);
    })
    .await;
}
