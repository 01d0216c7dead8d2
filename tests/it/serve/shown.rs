//! What the pages show: what the database holds, escaped, people only when somebody asks, and the proof.

use pad_migrate::dashboard::rows::names_people;
use pretty_assertions::assert_eq;
use rstest::rstest;

use super::{options, serving, with_dashboard};
use crate::harness::program::{run, stdout};
use crate::harness::{Start, with_db};
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

/// What says little is faint, and blanks at the end of a text are marked: no character is added or lost.
#[tokio::test]
async fn values_are_read_at_a_glance() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(
            "insert into padealing.pad_request (id, employee_id, status, created_at, updated_at, quantity, estimated_value, \
                                                justification, relation) values \
                 (81, 1003, 'approved', '2024-02-29 00:00', '2024-02-29 12:30:01.123456', 1500, 0.015, 'ACME  ', ' ')",
        )
        .await;
        let page = browser.page("/requests/81").await + &browser.page("/requests").await;
        for shown in [
            "1500<span class=\"zeros\">.0000</span>",
            "0.015<span class=\"zeros\">0</span>",
            "2024-02-29 12:30:01<span class=\"zeros\">.123456</span>",
            "2024-02-29 <span class=\"zeros\">00:00:00</span>",
            "ACME<span class=\"blanks\" title=\"blanks\">  </span>",
            "<span class=\"blanks\" title=\"blanks\"> </span>",
        ] {
            assert!(page.contains(shown), "{shown} in {page}");
        }
    })
    .await;
}

/// What has keys is hidden as a whole if one of them says that somebody is meant; other texts are not read for names.
#[rstest]
#[case::json(r#"{"a": {"user": 1}}"#, true)]
#[case::of_json(r#"[{"E-Mail": "x"}]"#, true)]
#[case::numbers_of_characters(r#"{"n\u0061me": "x"}"#, true)]
#[case::xml("<row><login>x</login></row>", true)]
#[case::hstore(r#""name"=>"x""#, true)]
#[case::impersonal(r#"{"desk": "Rates", "security_name": "Acme"}"#, false)]
#[case::free("His name is on the form", false)]
fn keys_say_who_is_meant(#[case] text: &str, #[case] is_hidden: bool) {
    assert_eq!(names_people(text), is_hidden);
}

/// Two values that are printed alike are said to differ.
#[tokio::test]
async fn differences_that_look_alike_are_said() {
    with_dashboard(Start::Migrated, async |db, browser| {
        let id = "select min(source_id) from padealing.migration_mapping m join padealing.pad_request r on r.id = m.target_id \
                  where m.target_table = 'pad_request'";
        let id = db.value(id).await.expect("a migrated row");
        for (legacy, stored) in [("repeat('a', 300) || 'b'", "repeat('a', 300) || 'c'"), (r"e'a\nb'", r"'a\nb'")] {
            db.execute(&format!(
                "update personal_account_dealing set other_comments = {legacy} where id = {id}; \
                 update padealing.pad_request set other_comments = {stored} where id = {id}"
            ))
            .await;
            let page = browser.page(&format!("/legacy/{id}")).await;
            assert!(page.contains("<strong>Differs</strong>") && page.contains("another value: it differs"), "{page}");
            let output = run(&["--database-url", &db.url, "evidence", "show", &id], &[]);
            let words = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("another value: it differs where neither is shown"), "{words}");
        }
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
        assert!(page.contains("From row <a href=\"/legacy/4711\"><strong>4711</strong></a>") && !page.contains("Proved"), "{page}");
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

/// Words for a person in columns that nobody knows, in keys of JSON, and in what was rejected, are hidden likewise; and so is
/// the hash of the row that has them, with which they could be guessed.
#[tokio::test]
async fn people_are_hidden_wherever_they_are_named() {
    const HIDDEN: [&str; 11] = [
        "Ada json",
        "Ada xml",
        "ada@",
        "Ada Q",
        "adaq",
        "Ada in",
        "Ada deep",
        "Ada list",
        "uid-ada",
        "B. Castell",
        "SHA-256 of the row",
    ];
    with_dashboard(Start::Migrated, async |db, browser| {
        db.execute(
            r#"alter table personal_account_dealing add "E_Mail" text, add user_name text, add "NAME2" text, add desk text,
            add packet json, add feed text, add gid text;"#,
        )
        .await;
        let id = db
            .value("select min(target_id) from padealing.migration_mapping where target_table = 'pad_request'")
            .await
            .expect("a migrated request");
        db.execute(&format!(
            r#"insert into padealing.audit_log (request_id, action_type, action_status, actor_type, details)
               values ({id}, 'viewed', 'success', 'user', '{{"source": "here", "rule": "a \": b", "security_name": "Shown plc",
                "email": "ada@example.com", "user": {{"a": ["Ada deep", {{}}]}}, "names": ["Ada list"], "x": {{"Full Name": "Ada in"}},
                "googleId": "uid-ada", "n": 12345678901234567890.5}}');
               delete from padealing.migration_reject where id > (select min(id) from padealing.migration_reject);
               update padealing.migration_reject set field = 'last_modified_by', value = 'B. Castell',
                message = 'B. Castell is no id';
               update personal_account_dealing set "E_Mail" = 'ada@example.com', user_name = 'adaq', "NAME2" = 'Ada Q',
                desk = 'Rates', gid = 'uid-ada', packet = '{{"user": ["Ada json"]}}', feed = '<a><who>Ada xml</who></a>' where id = (select source_id from padealing.migration_mapping
                                           where target_table = 'pad_request' and target_id = {id});
               update padealing.pad_request set compliance_assessment = jsonb_set(
                coalesce(compliance_assessment, '{{}}') || '{{"legacy": {{}}}}', '{{legacy}}',
                coalesce(compliance_assessment -> 'legacy', '{{}}') || '{{"E_Mail": "ada@example.com", "user_name": "adaq",
                "NAME2": "Ada Q", "desk": "Rates", "gid": "uid-ada", "packet": "{{\"user\": [\"Ada json\"]}}",
                "feed": "<a><who>Ada xml</who></a>"}}') where id = {id}"#
        ))
        .await;
        let request = format!("/requests/{id}");
        for path in [&*request, "/rejections"] {
            let page = browser.page(path).await;
            let named: Vec<_> = HIDDEN.iter().filter(|it| page.contains(**it)).collect();
            assert_eq!(named, Vec::<&&str>::new(), "{path}: {page}");
        }
        let page = browser.page(&request).await;
        assert!(page.contains("<strong>Proved</strong>"), "{page}");
        for shown in ["Shown plc", "a \\&quot;: b", "12345678901234567890.5", "Rates", "legacy_migration", "here"] {
            assert!(page.contains(shown), "{shown} in {page}");
        }
        let pages = browser.page(&format!("{request}?people=shown")).await + &browser.page("/rejections?people=shown").await;
        for person in HIDDEN {
            assert!(pages.contains(person), "{person}");
        }
        db.execute(&format!(
            "update padealing.audit_log set details = details || '{{\"email\": \"eve@example.com\"}}' \
             where request_id = {id} and details ->> 'source' = 'legacy_migration'"
        ))
        .await;
        let page = browser.page(&request).await;
        assert!(page.contains("<strong>Differs</strong>") && !page.contains("eve@"), "{page}");
    })
    .await;
}

/// What lineage says more, or no longer, is no proof.
#[tokio::test]
async fn lineage_that_is_doubled_or_gone_is_said() {
    with_dashboard(Start::Migrated, async |db, browser| {
        let ids = db
            .value(
                "select string_agg(target_id::text, ' ') from (select target_id from padealing.migration_mapping \
                 where target_table = 'pad_request' order by 1 limit 3) ids",
            )
            .await
            .expect("migrated requests");
        let [first, second, third] = ids.split(' ').collect::<Vec<_>>()[..] else { panic!("{ids}") };
        db.execute(&format!(
            "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
             values ('personal_account_dealing', 999999, 'pad_request', {first}); \
             delete from padealing.migration_mapping where target_table = 'pad_request' and target_id = {second}; \
             update padealing.audit_log set details = null where request_id = {third}; \
             delete from padealing.migration_mapping where target_table = 'pad_request' and target_id = {third}"
        ))
        .await;
        let page = browser.page(&format!("/requests/{first}")).await;
        assert!(page.contains("<strong>Differs</strong>") && page.contains("999999 has pad_request"), "{page}");
        for id in [second, third] {
            let page = browser.page(&format!("/requests/{id}")).await;
            assert!(page.contains("its lineage is not there") && !page.contains("the application wrote"), "{page}");
        }
    })
    .await;
}

/// A name in the database is no part of an address: it unmasks nothing, and what nobody sees is in no attribute.
#[tokio::test]
async fn names_stay_names_in_addresses() {
    // Before the dashboard counts.
    with_db(Start::Applied, async |db| {
        db.execute(
            "insert into padealing.migration_run (id, command, environment, started_at, database_role, program_version, options) \
             values ('00000000-0000-0000-0000-000000000001', 'migrate', 'local', now(), 'r', '0', '{}'); \
             insert into padealing.migration_reject (source_table, source_id, field, rule, message, first_run_id, last_run_id) \
             select 'personal_account_dealing', n, 'f', r, 'm', '00000000-0000-0000-0000-000000000001', \
                    '00000000-0000-0000-0000-000000000001' \
             from unnest(array[e'too_long&people=shown', e'50%+c #1', e'left\u{202e}right', e'a\x01b']) with ordinality r (r, n); \
             insert into padealing.audit_log (action_type, action_status, actor_type) values (e'\x1b[31m', 'success', 'user')",
        )
        .await;
        serving(options(&db.database), async |browser| {
        let overview = browser.page("/").await;
        assert!(overview.contains("/rejections?rule=too_long%26people%3Dshown&amp;state=open"), "{overview}");
        assert!(overview.contains("/rejections?rule=50%25%2Bc%20%231&amp;state=open"), "{overview}");
        assert!(overview.contains("4 legacy rows are rejected, for 4 reasons"), "{overview}");
        for path in ["/", "/rejections", "/audit"] {
            let page = browser.page(path).await;
            assert!(!page.contains(['\u{1}', '\u{1b}', '\u{202e}']), "{path}: {page}");
        }
        let list = browser.page("/rejections?rule=too_long%26people%3Dshown&state=open").await;
        assert!(list.contains("Show values") && list.contains("too_long&amp;people=shown"), "{list}");
        })
        .await;
    })
    .await;
}

/// The years that can be chosen are those in which there are requests.
#[tokio::test]
async fn years_are_those_of_requests() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute(
            "insert into padealing.pad_request (employee_id, status, created_at) select 1001, 'approved', y::timestamp \
             from unnest(array['9999-12-31', '2024-02-29', '2024-12-31 23:59:59.999999', '2012-01-01', '0044-03-15 BC', \
             'infinity', '-infinity', '0001-01-01']) y",
        )
        .await;
        let page = browser.page("/requests").await;
        let (_, years) = page.split_once("name=\"year\"").expect("there is a choice");
        let (years, _) = years.split_once("</select>").expect("it ends");
        let years: Vec<&str> = years.split("<option value=\"").skip(2).filter_map(|it| it.split('"').next()).collect();
        assert_eq!(years, ["9999", "2024", "2012", "1"]);
        assert!(browser.page("/requests?year=9999").await.contains("9999-12-31"));
    })
    .await;
}

/// A schema that isn't the expected one is said so, with the command that says more.
#[tokio::test]
async fn another_schema_is_said() {
    with_dashboard(Start::Applied, async |db, browser| {
        db.execute("alter table padealing.pad_request rename isin to isin2; drop table padealing.pad_breach").await;
        for (path, says) in
            [("/requests", "t.isin does not exist"), ("/breaches", "listing padealing.pad_breach failed")]
        {
            let answer = browser.get(path).await;
            assert_eq!(answer.status, 502, "{path}");
            assert!(answer.body.contains(says) && answer.body.contains("pad-migrate drift"), "{}", answer.body);
        }
    })
    .await;
}

/// What an operator asks first is on top: where the requests are from, whether one is proved, why a row is no request.
#[tokio::test]
async fn what_matters_is_on_top() {
    with_db(Start::Migrated, async |db| {
        serving(options(&db.database), async |browser| {
            let overview = browser.page("/").await;
            let count = async |sql: &str| db.value(sql).await.and_then(|it| it.parse::<u64>().ok()).expect("a number");
            let all = count("select count(*) from padealing.pad_request").await;
            let rejected = count("select count(distinct source_id) from padealing.migration_reject").await;
            let migrated =
                count("select count(*) from padealing.migration_mapping where target_table = 'pad_request'").await;
            let figure = |of: u64| format!("<span class=\"figure\">{of}</span>");
            let sum = format!(
                "{all} requests: {} from legacy rows, {} without lineage",
                figure(migrated),
                figure(all - migrated)
            );
            assert!(overview.contains(&sum), "{sum} in {overview}");
            assert!(overview.contains(&format!("{rejected} legacy rows</a> are rejected.")), "{overview}");
            let legacy = count("select count(*) from personal_account_dealing").await;
            let report = count("select (counts ->> 'rejected')::int8 from padealing.migration_run").await;
            let sum = format!(
                "<b>{legacy}</b> legacy rows = <a href=\"/requests?writer=migration\"><b>{migrated}</b> migrated</a> + \
                 <a href=\"/rejections?state=open\"><b>{report}</b> rejected</a> + <b>{}</b> left",
                legacy - migrated - report
            );
            assert!(overview.contains(&sum), "{sum} in {overview}");
            let proved = db
                .value("select min(target_id) from padealing.migration_mapping where target_table = 'pad_request'")
                .await
                .expect("a migrated request");
            let page = browser.page(&format!("/requests/{proved}")).await;
            let (top, _) = page.split_once("Approvals").expect("the approvals come later");
            assert!(
                top.contains("href=\"#lineage\"") && (top.contains(">proved<") || top.contains(">see below<")),
                "{top}"
            );
            let row = "select min(source_id) from padealing.migration_reject j where not exists \
                       (select from padealing.pad_request r where r.id = j.source_id)";
            let row = db.value(row).await.expect("a rejected row");
            let missing = browser.get(&format!("/requests/{row}")).await;
            assert_eq!(missing.status, 404);
            assert!(missing.body.contains(&format!("The legacy row {row} was rejected")), "{}", missing.body);
            let reasons = browser.page(&format!("/rejections?row={row}")).await;
            assert!(reasons.contains("local · Rejections") && reasons.contains(&row), "{reasons}");
            let filtered = browser.page("/requests?status=pending_manager&year=2021").await;
            assert!(
                filtered.contains("<title>local · Requests: pending manager, 2021 · PA Dealing</title>"),
                "{filtered}"
            );
        })
        .await;
    })
    .await;
}
