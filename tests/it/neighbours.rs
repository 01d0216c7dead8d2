//! Objects of `padealing` that pad-migrate doesn't manage and that belong to somebody else: everything works beside them,
//! and nothing touches them.

use pretty_assertions::assert_eq;

use crate::harness::program::{run_in, stderr};
use crate::harness::{Db, Role, Start, with_db};

/// A table with a sequence that is behind its rows, a foreign table, a grant of the owner's own.
fn neighbours() -> String {
    format!(
        "create table padealing.active_stocks (id serial primary key, ticker text);
         insert into padealing.active_stocks values (500, 'ALPH');
         create foreign data wrapper nothing;
         create server nowhere foreign data wrapper nothing;
         create foreign table padealing.elsewhere (a int) server nowhere;
         create view padealing.stocks as select ticker from padealing.active_stocks;
         alter table padealing.active_stocks owner to {stranger};
         alter foreign table padealing.elsewhere owner to {stranger};
         alter view padealing.stocks owner to {stranger};
         revoke all on padealing.active_stocks, padealing.elsewhere, padealing.stocks from {reader}, {app}, {owner};
         revoke all on sequence padealing.active_stocks_id_seq from {reader}, {app}, {owner};
         grant usage on schema padealing to {stranger};
         set role {stranger};
         grant select on padealing.stocks to {reader};
         reset role;
         grant select on public.personal_account_dealing to {owner};",
        stranger = Role::Stranger.name(),
        reader = Role::Reader.name(),
        app = Role::App.name(),
        owner = Role::Owner.name(),
    )
}

async fn state(db: &Db) -> Option<String> {
    db.value(
        "select string_agg(concat_ws(' ', relname, relkind, relowner::regrole, relacl), '; ' order by relname) || \
         (select format('; %s %s', last_value, is_called) from padealing.active_stocks_id_seq) \
         from pg_class where relnamespace = 'padealing'::regnamespace \
         and relname in ('active_stocks', 'active_stocks_id_seq', 'elsewhere', 'stocks')",
    )
    .await
}

#[tokio::test]
async fn what_is_not_managed_is_worked_around_and_left_alone() {
    with_db(Start::Seeded, async |db| {
        db.execute(&neighbours()).await;
        let before = state(&db).await;
        let url = db.url_as(Role::Owner).await;
        let roles = [
            ("DB_OWNER_ROLE", Role::Owner.name()),
            ("DB_APP_ROLE", Role::App.name()),
            ("DB_READER_ROLE", Role::Reader.name()),
        ];
        let dir = tempfile::tempdir().expect("a directory is made");
        for arguments in [
            &["migrate", "--dry-run"][..],
            &["migrate"],
            &["verify"],
            &["revert", "--yes"],
            &["apply", "--yes", "--backup", "before.dump"],
        ] {
            let output = run_in(dir.path(), &[&["--database-url", &url], arguments].concat(), &roles);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {}", stderr(&output));
            assert_eq!(state(&db).await, before, "{arguments:?}");
            if arguments.contains(&"--backup") {
                let said = stderr(&output);
                assert!(said.contains("not managed by pad-migrate, and not in it: active_stocks"), "{said}");
            }
        }
        // A database that has applied the text that granted on everything is where this one leads.
        let earlier = "d0bd38ccbf85df66eeb5d84c542f1f020d0e22c183550bcd9d737a1e50663c76";
        db.execute(&format!("update padealing.schema_revision set checksum = '{earlier}' where revision = '0007'"))
            .await;
        let output = run_in(dir.path(), &["--database-url", &url, "status"], &roles);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    })
    .await;
}
