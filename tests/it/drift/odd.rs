//! Remedies where things have odd names, in the places that a name can have.

use crate::harness::program::{run as program, stderr, stdout};
use crate::harness::{Db, Start, with_db};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};

use super::cases::run;
use super::remedies::{Bench, catalog, changes_of, try_all};

const ODD: &str = include_str!("../../../fixtures/drift/odd.sql");

/// Whether the server has what the schema has, such as multiranges and functions that are parsed: since 14.
async fn can_have_it(db: &Db) -> bool {
    db.value("current_setting('server_version_num')::int >= 140000").await.as_deref() == Some("true")
}

/// Names in quotes, with quotes, line breaks, keywords and as long as a name can be, in every place that a name can have.
#[tokio::test]
async fn a_remedy_is_right_whatever_things_are_called() {
    with_db(Start::Empty, async |db| {
        if !can_have_it(&db).await {
            return;
        }
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, ODD).await.expect("the schema is there");
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let expected = catalog(&mut connection).await;
        let changes = changes_of(&expected);
        let expectation = Expectation::of(expected.clone());
        let bench = Bench { expectation, context: RoleContext::default(), expected, role: None };
        try_all(&mut connection, &bench, changes, 30).await;
        connection.close().await.expect("the connection closes");
    })
    .await;
}

/// Odd names as psql takes them: the script of `--format sql` is run as it is.
#[tokio::test]
async fn the_script_of_remedies_runs_in_psql() {
    const CHANGES: &str = r#"
        drop policy "Only Mine" on padealing."Order";
        drop trigger "Touch It" on padealing."Order";
        drop rule "Redirect" on padealing."Order
Line";
        drop index padealing."Order Line By ""Order""";
        drop view padealing."Order View" cascade;
        drop statistics padealing."Stats Of Order";
        drop function padealing."Do It"(integer, integer, text[]);
        drop sequence padealing."Order Number" cascade;
        alter table padealing."Order" rename constraint "Total >= 0" to "\! echo ""x""";
        alter table padealing."Order" alter "user" drop default, drop constraint "Unique Late";
        alter table padealing."Order
Line" rename column "It's" to "\! echo";
        alter table padealing.abcdefghij_abcdefghij_abcdefghij_abcdefghij_abcdefghij_abcdefgh rename to short;
        alter foreign table padealing."Far Table" options (set table_name 'other');
        alter table padealing.animal owner to pad_migrate_owner;
        revoke all on padealing."Order" from pad_migrate_app, pad_migrate_reader;
        revoke all ("user", "Total Sum") on padealing."Order" from pad_migrate_reader;
        comment on table padealing."Order" is null;
        comment on column padealing."Order"."user" is E'a\n\\! echo';
        drop text search configuration padealing."My Search";
        drop operator padealing.<<< (padealing."Positive Int", padealing."Positive Int");"#;
    with_db(Start::Empty, async |db| {
        if !can_have_it(&db).await {
            return;
        }
        db.execute(ODD).await;
        let folder = tempfile::tempdir().expect("a directory is made");
        let file = folder.path().join("expected.json").display().to_string();
        let url = ["--database-url", &db.url];
        let taken = program(&[&url[..], &["snapshot", "--out", &file]].concat(), &[]);
        assert_eq!(taken.status.code(), Some(0), "{}", stderr(&taken));
        db.execute(CHANGES).await;
        let drift = [&url[..], &["drift", "--expected", &file]].concat();
        let script = stdout(&program(&[&drift[..], &["--format", "sql"]].concat(), &[]));
        db.psql(&script).await;
        let after = stdout(&program(&drift, &[]));
        assert!(after.starts_with("Verdict     CLEAN"), "{after}{script}");
    })
    .await;
}
