//! What a file of exceptions accepts, and what of it accepts nothing.

use std::time::Duration;

use pretty_assertions::assert_eq;
use serde_json::Value;

use super::{Given, LEGACY, status};
use crate::harness::program::{run_in, stderr};
use crate::harness::{Start, with_db};
use pad_migrate::checks::check::Status;
use pad_migrate::checks::gate::Stage;
use pad_migrate::checks::gate::waivers::is_waivable;
use pad_migrate::checks::pg::gate::gate;
use pad_migrate::checks::pg::gate::request::GateRequest;
use pad_migrate::migration::run::Options;
use pad_migrate::schema::drift::exceptions::Exceptions;

fn waiver(name: &str, check: &str, rows: &str, expires: &str) -> String {
    format!("[[exception]]\nname = '{name}'\ncheck = '{check}'\n{rows}\nreason = 'agreed'\nexpires = {expires}\n")
}

#[tokio::test]
async fn what_an_exception_accepts_no_more_is_said() {
    with_db(Start::Applied, async |db| {
        db.execute(LEGACY).await;
        db.execute("insert into public.personal_account_dealing (id, employee, status) values (9, 77, 'request')")
            .await;
        let text = [
            waiver("left", "rejections", "rows = [257, 9, 5]", "2999-12-31"),
            waiver("old", "rejections", "rows = [9]", "2020-01-01"),
            waiver("slots", "replication_slots", "", "2999-12-31"),
            waiver("copy", "rehearsal", "", "2999-12-31"),
            waiver("later", "statistics", "", "2999-12-31"),
        ];
        let exceptions =
            Exceptions::read(&text.concat(), |name| (!is_waivable(name)).then(Vec::new)).expect("it is one");
        let given = Given::new();
        let asked =
            GateRequest { exceptions: Some(&exceptions), freeze: Duration::ZERO, ..given.request(&db, Stage::Before) };
        let found = gate(&asked).await;
        assert_eq!(status(&found, "rejections").0, Status::Pass, "{:?}", status(&found, "rejections"));
        assert_eq!(status(&found, "exceptions").0, Status::Warn);
        let check = found.checks.iter().find(|it| it.name == "exceptions").expect("it is there");
        let states: Vec<_> = check.table.rows.iter().map(|row| (row[0].as_str(), row[2].as_str())).collect();
        let wanted = [("left", "unused for 257, 5"), ("old", "expired"), ("slots", "unused")];
        assert_eq!(states, wanted.map(|(name, state)| (Some(name), Some(state))));
        let none = gate(&GateRequest { exceptions: None, ..asked }).await;
        assert!(none.checks.iter().all(|it| it.name != "exceptions"));
    })
    .await;
}

/// Rows that the record of rejections, which goes by the id, doesn't name count as any: those without an id, and those beyond the
/// first of an id that several have, unless that id is accepted.
#[tokio::test]
async fn rows_that_no_id_names_close_the_gate() {
    with_db(Start::Applied, async |db| {
        db.execute(LEGACY).await;
        db.execute(
            "alter table public.personal_account_dealing drop constraint personal_account_dealing_pkey, alter id drop not null; \
             insert into public.personal_account_dealing (id, employee, requested_date, status) \
                 select id, 1003, '2020-01-01', 'request' from unnest('{7,7,7,8,8,null,null}'::int8[]) id",
        )
        .await;
        db.migrate(Options::default()).await;
        db.execute("analyze").await;
        let given = Given::new();
        let rejections = async |rows: &str| {
            let text = if rows.is_empty() { String::new() } else { waiver("ids", "rejections", rows, "2999-12-31") };
            let exceptions = Exceptions::read(&text, |_| None).expect("it is one");
            let asked = GateRequest { exceptions: Some(&exceptions), ..given.request(&db, Stage::After) };
            status(&gate(&asked).await, "rejections")
        };
        for (rows, open) in [("", "7 rows were"), ("rows = [7]", "4 rows were"), ("rows = [7, 8]", "2 rows were")] {
            let (status, text) = rejections(rows).await;
            assert_eq!(status, Status::Fail, "{text}");
            assert!(text.starts_with(open) && text.ends_with("2 have no id, and can't be waived"), "{text}");
        }
        db.execute("delete from public.personal_account_dealing where id is null").await;
        assert_eq!(rejections("rows = [7, 8]").await.0, Status::Pass);
        // What came since wasn't tried, whatever its id.
        let another = "insert into public.personal_account_dealing (id, employee) values (8, 1003)";
        db.execute(another).await;
        assert_eq!(db.verify().await.counts.pending, 1);
        // Mended, or gone: a run that tries every row closes what is on record of others.
        let mended = "update public.personal_account_dealing set id = 100 + nextval('padealing.pad_request_id_seq') where id = 7";
        db.execute(mended).await;
        db.execute("delete from public.personal_account_dealing where id = 8").await;
        db.migrate(Options::default()).await;
        let (status, text) = rejections("").await;
        assert_eq!(status, Status::Pass, "{text}");
    })
    .await;
}

/// A name that is nearly that of a check of the gate.
#[test]
fn a_misspelt_check_of_the_gate_has_its_near_name() {
    let folder = tempfile::tempdir().expect("a directory is made");
    for (check, near) in [("rejection", "similar: rejections"), ("source-frozen", "similar: source_frozen")] {
        let text = waiver("left", check, "", "2999-12-31");
        std::fs::write(folder.path().join("accepted.toml"), text).expect("it is written");
        let arguments = ["--database-url", "postgres://x@127.0.0.1:1/x", "gate", "--exceptions", "accepted.toml"];
        let output = run_in(folder.path(), &arguments, &[]);
        assert_eq!(output.status.code(), Some(2));
        let text = stderr(&output);
        assert!(text.contains(near) && text.contains("docs/gate.md"), "{text}");
    }
}

/// What Alembic built has the application's rows, and none of the migration's own tables: nothing was migrated yet.
#[tokio::test]
async fn the_applications_rows_are_checked_before_the_first_migration() {
    with_db(Start::Reference, async |db| {
        let alembic = crate::tidy::root().join("fixtures/alembic/tables.sql");
        db.execute(&std::fs::read_to_string(alembic).expect("the fixture is there")).await;
        let given = Given::new();
        let found = gate(&given.request(&db, Stage::Before)).await;
        let check = found.checks.iter().find(|it| it.name == "integrity").expect("it is there");
        assert_eq!(check.status, Status::Fail, "{check:?}");
        let failed = ["approvals_logged", "approved_has_approvals", "decisions_in_order"];
        let rows = |status: &str| -> Vec<&str> {
            let rows = check.table.rows.iter().filter(|row| row[1] == *status);
            rows.filter_map(|row| row[0].as_str()).collect()
        };
        for name in failed {
            assert!(rows("fail").contains(&name), "{name}: {check:?}");
        }
        let row = check.table.rows.iter().find(|row| row[0] == "approved_has_approvals").expect("it is there");
        assert!(row[2].as_str().is_some_and(|why| why.ends_with("; ids: 2")), "{row:?}");
        assert_eq!(rows("skip"), Vec::<&str>::new(), "{check:?}");

        // Columns that the plan adds are as it adds them: what is wrong with that is heard before the window.
        db.execute("update padealing.pad_request set status = 'withdrawn' where id = 2").await;
        let found = gate(&given.request(&db, Stage::Before)).await;
        let check = found.checks.iter().find(|it| it.name == "integrity").expect("it is there");
        let row = check.table.rows.iter().find(|row| row[0] == "withdrawn_is_deleted").expect("it is there");
        let words = "; checked with deleted_at, deleted_by_id as the plan adds them; ids: 2";
        assert!(row[1] == "fail" && row[2].as_str().is_some_and(|why| why.ends_with(words)), "{row:?}");

        // One that may be there under another name has values.
        db.execute("alter table padealing.pad_request add removed_at timestamp").await;
        let found = gate(&given.request(&db, Stage::Before)).await;
        let check = found.checks.iter().find(|it| it.name == "integrity").expect("it is there");
        let row = check.table.rows.iter().find(|row| row[0] == "withdrawn_is_deleted").expect("it is there");
        assert_eq!(row[1], "skip", "{row:?}");

        // What can't be checked on an older schema is said, by name.
        db.execute("alter table padealing.pad_breach rename to breach").await;
        let found = gate(&given.request(&db, Stage::Before)).await;
        let check = found.checks.iter().find(|it| it.name == "integrity").expect("it is there");
        let open: Vec<&Value> = check.table.rows.iter().filter(|row| row[1] == "skip").map(|row| &row[0]).collect();
        assert!(open.iter().any(|it| *it == "breaches_resolved"), "{check:?}");
    })
    .await;
}
