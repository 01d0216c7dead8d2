//! A list is whole: forwards and back each row comes once, in the order that it has, on equal keys and without keys.

use pretty_assertions::assert_eq;

use super::client::Browser;
use super::with_dashboard;
use crate::harness::{Db, Start};
use crate::waiting::until;

/// Rows of which many have the same time, the same value, none at all, and dates of which there is no year.
const ROWS: &str = "
    insert into padealing.pad_request (id, employee_id, status, created_at, security_id, estimated_value, deleted_at) \
    select n * 3 - 300, (array[1001, 1002, 1003])[1 + n % 3], (array['approved', 'declined', 'executed'])[1 + n % 3], \
           case when n = 7 then 'infinity' when n = 8 then '-infinity' when n = 9 then '0044-03-15 BC' \
                else timestamp '2023-11-01' + (n / 40) * interval '31 days' end, \
           case when n % 4 = 0 then null else (select id from bo_airflow.oracle_bloomberg order by id limit 1 offset n % 3) end, \
           case when n % 5 = 0 then null else (n % 7) * 12345678901234.5678 end, \
           case when n % 50 = 0 then now() end \
    from generate_series(1, 263) n; \
    insert into padealing.audit_log (action_type, action_status, actor_type, actor_id, \"timestamp\", request_id) \
    select 'viewed', 'success', 'user', 1001, timestamp '2024-01-01' + (n / 30) * interval '1 day', 0 \
    from generate_series(1, 130) n; \
    insert into padealing.pad_breach (employee_id, breach_type, severity, request_id) \
    select 1001, 'late_note', (array['low', 'high'])[1 + n % 2], 0 from generate_series(1, 101) n;";

/// The values between two texts, in the order of the page.
fn between<'p>(page: &'p str, before: &str, after: &str) -> Vec<&'p str> {
    page.split(before).skip(1).filter_map(|it| it.split_once(after)).map(|(found, _)| found).collect()
}

fn ids(page: &str) -> Vec<i64> {
    let body = page.split_once("<tbody>").map_or("", |(_, rest)| rest);
    let cells = between(body, "<th class=\"number\" scope=\"row\" data-label=\"Id\">", "</th>");
    let id = |cell: &str| cell.trim_end_matches("</a>").rsplit('>').next().unwrap_or_default().parse();
    cells.into_iter().map(|cell| id(cell).expect("a row begins with its id")).collect()
}

fn link(page: &str, rel: &str) -> Option<String> {
    let found = between(page, &format!("rel=\"{rel}\" href=\""), "\"");
    found.first().map(|it| it.replace("&amp;", "&"))
}

/// Every page from an address on.
async fn walk(browser: &Browser, first: String, rel: &str) -> (Vec<Vec<i64>>, String) {
    let (mut pages, mut address) = (Vec::new(), first);
    loop {
        let page = browser.page(&address).await;
        pages.push(ids(&page));
        match link(&page, rel) {
            Some(next) => address = next,
            None => return (pages, address),
        }
    }
}

/// A page that has counted: on a busy machine its time for that may be over before.
pub(super) async fn counted(browser: &Browser, address: &str, count: &str) -> String {
    until(count, async || Some(browser.page(address).await).filter(|page| page.contains(count))).await
}

async fn check(browser: &Browser, db: &Db, address: &str, (order, from): (&str, &str)) {
    let sql = format!("select string_agg(id::text, ' ' order by {order}) from padealing.{from}");
    let expected = db.value(&sql).await.unwrap_or_default();
    let expected: Vec<i64> = expected.split_whitespace().map(|it| it.parse().expect("an id")).collect();
    let (pages, last) = walk(browser, address.to_owned(), "next").await;
    assert_eq!(pages.concat(), expected, "{address} forwards");
    assert!(pages.iter().rev().skip(1).all(|it| it.len() == 50), "every page but the last is full");
    let (mut pages, _) = walk(browser, last, "prev").await;
    pages.reverse();
    assert_eq!(pages.concat(), expected, "{address} and back");
}

#[tokio::test]
async fn a_list_is_whole() {
    const CASES: &[(&str, (&str, &str))] = &[
        ("/requests", ("created_at desc, id desc", "pad_request")),
        ("/requests?sort=oldest", ("created_at, id", "pad_request")),
        ("/requests?sort=id", ("id", "pad_request")),
        ("/requests?sort=employee", ("employee_id, id", "pad_request")),
        ("/requests?sort=security", ("security_id nulls last, id", "pad_request")),
        (
            "/requests?sort=value&employee=1002",
            ("estimated_value desc nulls last, id desc", "pad_request where employee_id = 1002"),
        ),
        (
            "/requests?status=executed&sort=security",
            ("security_id nulls last, id", "pad_request where status = 'executed'"),
        ),
        (
            "/requests?year=2024&sort=oldest",
            ("created_at, id", "pad_request where created_at >= '2024-01-01' and created_at < '2025-01-01'"),
        ),
        ("/requests?security=none&sort=security", ("id", "pad_request where security_id is null")),
        ("/audit", ("\"timestamp\" desc, id desc", "audit_log")),
        ("/breaches?severity=high", ("id desc", "pad_breach where severity = 'high'")),
    ];
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(ROWS).await;
        for (address, expected) in CASES {
            check(browser, db, address, *expected).await;
        }
    })
    .await;
}

/// Who wrote a request is found row by row, where its id was kept and where it wasn't.
#[tokio::test]
async fn requests_of_a_migration_and_of_the_application_are_told_apart() {
    const MIGRATED: &str =
        "id in (select target_id from padealing.migration_mapping where target_table = 'pad_request')";
    with_dashboard(Start::Migrated, async |db, browser| {
        db.execute(
            r#"insert into padealing.pad_request (id, employee_id, status, created_at)
                   select n, 1001, 'approved', '2024-01-01' from generate_series(700001, 700070) n;
               insert into padealing.audit_log (request_id, action_type, action_status, actor_type, details)
                   values (700001, 'request_submitted', 'success', 'user', '{"source": "legacy_migration"}'),
                          (700002, 'request_submitted', 'success', 'user', '{"source": "somewhere"}');
               insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
                   values ('personal_account_dealing', 4711, 'pad_request', 700001)"#,
        )
        .await;
        let order = "created_at desc, id desc";
        for (word, not) in [("migration", ""), ("application", "not ")] {
            let from = format!("pad_request where {not}{MIGRATED}");
            check(browser, db, &format!("/requests?writer={word}"), (order, &from)).await;
            let count = db.value(&format!("select count(*) from padealing.{from} and status = 'approved'")).await;
            let count = format!("of {} requests", count.expect("a number"));
            counted(browser, &format!("/requests?writer={word}&status=approved"), &count).await;
        }
    })
    .await;
}

/// A page whose edge was removed says so, and a page after the last row is empty.
#[tokio::test]
async fn the_edge_of_a_page_may_go() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(ROWS).await;
        let gone = browser.get("/requests?after=999999").await;
        assert_eq!(gone.status, 404);
        assert!(gone.body.contains("no longer there"), "{}", gone.body);
        let last = db.value("select max(id) from padealing.pad_request").await.expect("an id");
        let page = browser.page(&format!("/requests?sort=id&after={last}")).await;
        assert!(page.contains("There are no more rows."), "{page}");
    })
    .await;
}

/// What each status leaves is counted under the other filters, as far as it is counted.
#[tokio::test]
async fn facets_count_what_they_lead_to() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(ROWS).await;
        let count = db.value("select count(*) from padealing.pad_request where employee_id = 1002").await;
        let facet = format!("declined <span class=\"count\">{}</span>", count.expect("a number"));
        let page = counted(browser, "/requests?employee=1002&sort=oldest", &facet).await;
        assert!(page.contains("href=\"/requests?status=declined&amp;employee=1002&amp;sort=oldest\""), "{page}");
        db.execute(
            "insert into padealing.pad_request (id, employee_id, status) select n, 1001, 'withdrawn' from generate_series(5000, 6000) n",
        )
        .await;
        let page = browser.page("/requests").await;
        assert!(page.contains("withdrawn <span class=\"count\">1,000+</span>"), "{page}");
    })
    .await;
}

/// Where looking at every row would take too long, a page looks at some, says as far as which, and goes on from there. In
/// a view each row is slow to look at, so that 12,000 are too many for a page, and 10,000 are not too many for a statement.
#[tokio::test]
async fn what_no_index_finds_is_looked_for_by_pieces() {
    const SLOW: &str = "
        insert into padealing.audit_log (action_type, action_status, actor_type, \"timestamp\") \
        select 'viewed', case when n in (5, 11990) then 'failed' else 'success' end, 'system', \
               timestamp '2024-01-01' + n * interval '1 minute' from generate_series(1, 12000) n; \
        analyze padealing.audit_log; \
        alter table padealing.audit_log rename to entries; \
        create view padealing.audit_log as \
        select id, \"timestamp\", action_type, actor_type, actor_id, google_uid, entity_type, entity_id, request_id, decision, \
               comments, details, case when sha256(convert_to(repeat(id::text, 2000), 'UTF8')) is not null \
               then action_status end as action_status from padealing.entries";
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(SLOW).await;
        let id = async |n: u32| {
            let at = format!("select id::text from padealing.audit_log where \"timestamp\" = timestamp '2024-01-01' + interval '{n} minutes'");
            db.value(&at).await.expect("an entry").parse::<i64>().expect("an id")
        };
        let first = browser.page("/audit?result=failed").await;
        assert_eq!(ids(&first), [id(11990).await], "{first}");
        assert!(first.contains("Looked at 10,000 rows, as far as <span class=\"figure\">2024-01-02 09:21:00"), "{first}");
        let further = link(&first, "next").expect("there is more to look at");
        assert_eq!(further, format!("/audit?result=failed&beyond={}", id(2001).await));
        let last = browser.page(&further).await;
        assert_eq!(ids(&last), [id(5).await], "{last}");
        assert_eq!(link(&last, "next"), None, "all was looked at: {last}");
        let back = browser.page(&link(&last, "prev").expect("there are entries before")).await;
        assert!(ids(&back).is_empty() && back.contains("None so far."), "{back}");
        let further = link(&back, "prev").expect("there is more to look at");
        assert_eq!(further, format!("/audit?result=failed&ahead={}", id(10005).await));
        let back = browser.page(&further).await;
        assert_eq!(ids(&back), [id(11990).await], "{back}");
        let nobody = browser.page("/audit?result=blocked").await;
        assert!(nobody.contains("None so far.") && link(&nobody, "next").is_some(), "{nobody}");
        let nobody = browser.page(&link(&nobody, "next").expect("a link")).await;
        assert!(nobody.contains("There are no more rows."), "{nobody}");
    })
    .await;
}
