//! Rejections by legacy row, as a list and as a file, and the page of a legacy row.

use pretty_assertions::assert_eq;

use super::client::Browser;
use super::lists::counted;
use super::with_dashboard;
use crate::harness::{Db, Start};

/// Reasons of 90 rows more, every third with two; and of another table, which isn't ours.
const REASONS: &str = "
    insert into padealing.migration_reject (source_table, source_id, field, rule, value, message, first_run_id, last_run_id, \
                                            resolved_run_id) \
    select t, 1000000 - n, f, case when n % 2 = 0 then 'too_long' else 'unknown_status' end, 'B. Castell', '=1+1 is wrong', \
           r.id, r.id, case when n % 10 = 0 then r.id end \
    from (select id from padealing.migration_run limit 1) r, generate_series(1, 90) n, \
         (values ('personal_account_dealing', 'status'), ('personal_account_dealing', 'name'), ('elsewhere', 'x')) v (t, f) \
    where f <> 'name' or n % 3 = 0";

const OURS: &str = "padealing.migration_reject where source_table = 'personal_account_dealing'";

async fn numbers(db: &Db, sql: &str) -> Vec<String> {
    db.value(sql).await.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The legacy rows of every page of a list, each with how many reasons it has there.
async fn walk(browser: &Browser, address: &str) -> Vec<(String, usize)> {
    let (mut found, mut next) = (Vec::new(), Some(address.to_owned()));
    while let Some(address) = next {
        let page = browser.page(&address).await;
        for body in page.split("<tbody class=\"group\">").skip(1) {
            let body = body.split("</tbody>").next().unwrap_or_default();
            let row = body.split("href=\"/legacy/").nth(1).and_then(|it| it.split('"').next()).expect("a legacy row");
            found.push((row.to_owned(), body.matches("<tr>").count()));
        }
        let link = page.split("rel=\"next\" href=\"").nth(1).and_then(|it| it.split('"').next());
        next = link.map(|it| it.replace("&amp;", "&"));
    }
    found
}

#[tokio::test]
async fn rejections_are_listed_by_legacy_row() {
    with_dashboard(Start::Migrated, async |db, browser| {
        db.execute(REASONS).await;
        for (query, condition) in [
            ("", "true"),
            ("?state=resolved", "resolved_run_id is not null"),
            ("?rule=too_long&state=open", "rule = 'too_long' and resolved_run_id is null"),
            ("?row=999997", "source_id = 999997"),
        ] {
            let sql =
                format!("select string_agg(source_id::text, ' ' order by source_id, id) from {OURS} and {condition}");
            let found = walk(browser, &format!("/rejections{query}")).await;
            let found: Vec<String> = found.into_iter().flat_map(|(row, reasons)| vec![row; reasons]).collect();
            assert_eq!(found, numbers(db, &sql).await, "{query}");
            let file = browser.page(&format!("/rejections.csv{query}")).await;
            let ids: Vec<String> =
                file.lines().skip(1).filter_map(|it| it.split(',').next()).map(str::to_owned).collect();
            assert_eq!(ids, numbers(db, &sql).await, "{query} as a file");
        }
        let count = format!("select count(*) from {OURS} and rule = 'unknown_status' and resolved_run_id is null");
        let count = db.value(&count).await.expect("a number");
        let facet = format!("unknown status <span class=\"count\">{count}</span>");
        let page = counted(browser, "/rejections?state=open", &facet).await;
        assert!(!page.contains("Castell") && !page.contains("1+1"), "{page}");
        let file = browser.page("/rejections.csv?row=999997&people=shown").await;
        assert_eq!(
            file,
            "source_id,rule,field,value,message,state\r\n\
             999997,unknown_status,status,B. Castell,'=1+1 is wrong,open\r\n\
             999997,unknown_status,name,B. Castell,'=1+1 is wrong,open\r\n"
        );
        let file = browser.page("/rejections.csv?row=999997").await;
        assert_eq!(
            file,
            "source_id,rule,field,state\r\n999997,unknown_status,status,open\r\n999997,unknown_status,name,open\r\n"
        );
    })
    .await;
}

/// A legacy row has a page, wherever it stands; a value that was rejected may be a name.
#[tokio::test]
async fn a_legacy_row_has_a_page() {
    with_dashboard(Start::Migrated, async |db, browser| {
        let rejected = db.value(&format!("select min(source_id) from {OURS}")).await.expect("a rejected row");
        db.execute(&format!(
            "update personal_account_dealing set last_modified_by = 'B. Castell' where id = {rejected}; \
             update padealing.migration_reject set field = 'last_modified_by' where id = (select min(id) from {OURS} and source_id = {rejected}); \
             insert into personal_account_dealing (id, employee, requested_date, status, last_modified_by) \
                 values (900001, 1001, '2024-01-01', 'Approved ', 'D. Okafor')"
        ))
        .await;
        let page = browser.page(&format!("/legacy/{rejected}")).await;
        assert!(page.contains("<strong>Rejected</strong> Nothing is stored for this row."), "{page}");
        assert!(page.contains("last_modified_by") && !page.contains("Castell"), "{page}");
        let shown = browser.page(&format!("/legacy/{rejected}?people=shown")).await;
        assert!(shown.contains("B. Castell"), "{shown}");
        let pending = browser.page("/legacy/900001").await;
        assert!(pending.contains("Not migrated yet.") && !pending.contains("Okafor"), "{pending}");
        assert!(pending.contains("Approved<span class=\"blanks\" title=\"blanks\"> </span>"), "{pending}");
        let none = browser.get("/legacy/900002").await;
        assert!(none.status == 404 && none.body.contains("There is no legacy row of this id"), "{}", none.body);
        assert_eq!(browser.get("/legacy/one").await.status, 404);
        let (request, source) = db
            .value(
                "select min(target_id || ' ' || source_id) from padealing.migration_mapping m where target_table = 'pad_request' \
                 and exists (select from personal_account_dealing l where l.id = source_id and l.restricted_yn = '1')",
            )
            .await
            .and_then(|it| it.split_once(' ').map(|(request, source)| (request.to_owned(), source.to_owned())))
            .expect("a migrated row");
        for address in [format!("/legacy/{source}"), format!("/requests/{request}")] {
            let page = browser.page(&address).await;
            assert!(page.contains("<strong>Proved</strong>"), "{page}");
            let (_, line) = page.split_once("<code>restricted_yn</code>").expect("it has the column");
            let line = line.split("</tr>").next().unwrap_or_default();
            assert!(line.contains(">1<") && line.contains("true <code class=\"faint\">pad_request.is_restricted</code>"), "{line}");
        }
        assert!(browser.page(&format!("/legacy/{source}")).await.contains(&format!("href=\"/requests/{request}\"")));
    })
    .await;
}

/// A request's id leads to it; none to the list.
#[tokio::test]
async fn an_id_leads_to_its_request() {
    with_dashboard(Start::Applied, async |_, browser| {
        for (address, to) in [("/go?id=+17+", "/requests/17"), ("/go?id=-5", "/requests/-5"), ("/go?id=", "/requests")]
        {
            let answer = browser.get(address).await;
            assert_eq!((answer.status, answer.headers["location"].as_str()), (303, to), "{address}");
        }
        let refused = browser.get("/go?id=//example.com").await;
        assert_eq!(refused.status, 400);
        assert!(!refused.body.contains("Try again"), "{}", refused.body);
        let icon = browser.get("/icon.svg").await;
        assert_eq!(icon.headers["content-type"], "image/svg+xml");
        assert!(icon.body.starts_with("<svg "), "{}", icon.body);
    })
    .await;
}
