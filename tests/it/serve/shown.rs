//! What the pages show: what the database holds, escaped, people only when somebody asks, and the proof.

use pretty_assertions::assert_eq;

use super::with_dashboard;
use crate::harness::Start;
use crate::waiting::until;

/// Texts that a browser would run, that hide what they say, and numbers that a program may round.
const ODD: &str = r#"
    insert into padealing.pad_request (id, employee_id, security_id, status, created_at, security_name, justification,
                                       other_comments, related_party_name, quantity, estimated_value, currency,
                                       compliance_assessment) values
        (77, 1003, 500, 'approved', '2024-02-29 12:00', '<img src=x onerror=alert(1)>',
         '<script>alert("1")</script> & ''2''', e'left \u202e right\x1b[31m', 'Hidden Cousin', 9999999999999999.9999,
         0.0001, '"><', '{"legacy": {"name": "Bruno Castell", "number": 12345678901234567890.123456789}}');
    insert into padealing.pad_request (id, employee_id, status, created_at, justification)
        values (78, 1003, 'approved', '2024-03-01', repeat('long ', 20000));
    insert into padealing.pad_approval (request_id, approval_type, approver_id, approver_google_uid, decision, comments,
                                        decided_at)
        values (77, 'manager', 1001, 'uid-of-tomas', 'approved', '</td><script>x</script>', '2024-03-01');
    insert into padealing.pad_execution (request_id, executed_at, execution_price) values (77, '2024-03-02', 1.00000001);
    insert into padealing.pad_breach (request_id, employee_id, breach_type, severity, description)
        values (77, 1003, 'late_note', 'high', '<i>late</i>');
    insert into padealing.audit_log (request_id, action_type, action_status, actor_type, actor_id, comments, details)
        values (77, 'request<submitted>', 'success', 'user', 1003, 'said "no"', '{"a": "<b>"}');
"#;

#[tokio::test]
async fn every_value_is_escaped_and_no_digit_is_lost() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(ODD).await;
        let mut pages = Vec::new();
        for path in
            ["/requests", "/requests/77", "/requests/77?people=shown", "/audit", "/breaches", "/audit?action=%3Cb%3E"]
        {
            let page = browser.page(path).await;
            for forbidden in ["<script", "<img", "<i>", "<b>", "\u{202e}", "\u{1b}"] {
                assert!(!page.contains(forbidden), "{path} has {forbidden:?}");
            }
            pages.push(page);
        }
        let (list, request) = (&pages[0], &pages[1]);
        assert!(list.contains("9999999999999999.9999") && list.contains("0.0001"), "{list}");
        for shown in [
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; '2'",
            "left \\u{202e} right\\u{1b}[31m",
            "12345678901234567890.123456789",
            "1.00000001",
            "9999999999999999.9999",
            "Acme Industries plc",
        ] {
            assert!(request.contains(shown), "{shown} in {request}");
        }
        let long = browser.page("/requests/78").await;
        assert!(long.contains("… 100,000 characters in all"), "a long text is cut, and that is said");
        assert!(long.len() < 60_000, "{}", long.len());
    })
    .await;
}

/// Names, addresses and other words for a person are shown when somebody asks, and otherwise nowhere on any page.
#[tokio::test]
async fn people_are_shown_when_somebody_asks() {
    const PEOPLE: [&str; 5] = ["Castell", "castell@example.com", "Lindqvist", "Hidden Cousin", "uid-of-tomas"];
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(ODD).await;
        for path in ["/", "/requests", "/requests/77", "/audit", "/breaches", "/rejections", "/requests.csv"] {
            let page = browser.page(path).await;
            let named: Vec<_> = PEOPLE.iter().filter(|it| page.contains(**it)).collect();
            assert_eq!(named, Vec::<&&str>::new(), "{path}");
        }
        let page = browser.page("/requests/77?people=shown").await;
        for person in PEOPLE {
            assert!(page.contains(person), "{person} in {page}");
        }
        assert!(page.contains("href=\"/requests?employee=1003&amp;people=shown\""), "{page}");
    })
    .await;
}

/// What a check found may be an address.
#[tokio::test]
async fn addresses_that_a_check_found_are_hidden() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(
            "insert into bo_airflow.oracle_contact (id, employee_id, email) values (9001, 1001, 'amara.okafor@example.com')",
        )
        .await;
        assert_eq!(browser.get("/integrity?run=now").await.status, 303);
        until("it ends", async || browser.page("/integrity").await.contains("As it was at").then_some(())).await;
        let hidden = browser.page("/integrity").await;
        assert!(hidden.contains("email_of_one_employee") && !hidden.contains("amara"), "{hidden}");
        assert!(browser.page("/integrity?people=shown").await.contains("amara.okafor@example.com"));
    })
    .await;
}

/// A request whose id was reassigned is found by the other way, which only a request with the legacy mark is worth.
#[tokio::test]
async fn lineage_is_found_under_another_id() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(
            r#"insert into padealing.pad_request (id, employee_id, status) values (5, 1001, 'approved'), (6, 1001, 'approved');
            insert into padealing.audit_log (request_id, action_type, action_status, actor_type, details)
                values (5, 'request_submitted', 'success', 'user', '{"source": "legacy_migration"}');
            insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
                values ('personal_account_dealing', 4711, 'pad_request', 5), ('personal_account_dealing', 6, 'audit_log', 6);"#,
        )
        .await;
        let page = browser.page("/requests/5").await;
        assert!(page.contains("From row <strong>4711</strong>") && !page.contains("Proved"), "{page}");
        assert!(browser.page("/requests/6").await.contains("No lineage: the application wrote this request."));
    })
    .await;
}

/// The legacy row is verified then and there: a change of it, or of what is stored, shows.
#[tokio::test]
async fn the_badge_is_the_verification() {
    with_dashboard(Start::Migrated, async |db, browser| {
        let id = db
            .value(
                "select min(r.id) from padealing.pad_request r join padealing.migration_mapping m \
                on m.target_table = 'pad_request' and m.target_id = r.id and r.justification is not null",
            )
            .await
            .expect("a migrated request");
        let path = format!("/requests/{id}");
        assert!(browser.page(&path).await.contains("<strong>Proved</strong>"));
        db.execute(&format!("update padealing.pad_request set justification = justification || '!' where id = {id}"))
            .await;
        let page = browser.page(&path).await;
        assert!(page.contains("<strong>Differs</strong>") && page.contains("justification"), "{page}");
        let source = db
            .value(&format!(
                "select source_id from padealing.migration_mapping where target_table = 'pad_request' \
            and target_id = {id}"
            ))
            .await
            .expect("it has lineage");
        db.execute(&format!("delete from public.personal_account_dealing where id = {source}")).await;
        let page = browser.page(&path).await;
        assert!(!page.contains("<strong>Proved</strong>"), "{page}");
        db.execute("insert into padealing.pad_request (id, employee_id, status) values (-5, 1001, 'approved')").await;
        assert!(browser.page("/requests/-5").await.contains("No lineage: the application wrote this request."));
    })
    .await;
}

/// An empty database has pages that say what to do; what isn't there is a page, too.
#[tokio::test]
async fn empty_pages_say_what_to_do() {
    with_dashboard(Start::Applied, async |_, browser| {
        for (path, says) in [
            ("/", "pad-migrate migrate"),
            ("/requests", "pad-migrate migrate"),
            ("/requests?year=2024", "show all requests"),
            ("/breaches", "There are no breaches."),
            ("/audit", "The audit log is empty."),
            ("/rejections", "No legacy row was rejected."),
            ("/rejections?rule=x", "clear them"),
            ("/drift", "Not looked up yet."),
            ("/integrity", "Not looked up yet."),
            ("/reference", "read its email"),
        ] {
            let page = browser.page(path).await;
            assert!(page.contains(says), "{path}: {page}");
        }
        for path in ["/nothing", "/requests/1", "/requests/one", "/requests/1/2", "/style.css/"] {
            assert_eq!(browser.get(path).await.status, 404, "{path}");
        }
        assert_eq!(browser.get("/requests?status=sold").await.status, 400);
    })
    .await;
}
