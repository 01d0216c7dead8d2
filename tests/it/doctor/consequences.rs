//! What follows from facts, without a database.

use std::collections::BTreeSet;

use pretty_assertions::assert_eq;
use rstest::rstest;

use crate::harness::roles;
use pad_migrate::base::version::SUPPORTED;
use pad_migrate::checks::check::{Check, Status};
use pad_migrate::checks::doctor::checks;
use pad_migrate::checks::expectations::Expectations;
use pad_migrate::checks::facts::{
    Attribute, CollationChange, Filled, PasswordExpiry, Relation, Role as Connected, Rows, SchemaRights, Server,
    TableRights, TargetFacts, Usage,
};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::report::checks::CheckJson;
use pad_migrate::schema::relation::UnknownRelation;

/// Facts of a database about which there is nothing to say.
fn facts() -> TargetFacts {
    TargetFacts {
        server: Server {
            version: "15.4".to_owned(),
            major: 15,
            encoding: "UTF8".to_owned(),
            collation: "C".to_owned(),
            clock_zone: "UTC".to_owned(),
            connections: Usage { limit: 97, used: 3 },
            database_connections: Usage { limit: -1, used: 3 },
            role_connections: Usage { limit: -1, used: 1 },
            ..Server::default()
        },
        role: Connected { name: "someone".to_owned(), ..Connected::default() },
        ..TargetFacts::default()
    }
}

fn checked(facts: &TargetFacts, environment: Environment) -> Vec<Check> {
    let expected = Expectations {
        environment,
        roles: &roles(),
        legacy: &TableName::legacy(),
        source_elsewhere: false,
        supported: &SUPPORTED,
        revisions: &["0001", "0002"],
    };
    checks(facts, &expected)
}

#[track_caller]
fn check_fact(name: &str, status: Status, says: &str, change: impl FnOnce(&mut TargetFacts)) {
    let mut changed = facts();
    change(&mut changed);
    let all = checked(&changed, Environment::Qa);
    let found = all.iter().find(|it| it.name == name).expect("the check is there");
    assert_eq!(found.status, status, "{}", found.message);
    assert!(found.message.contains(says), "{}", found.message);
}

#[test]
fn facts_about_the_server_have_their_consequences() {
    use Status::{Fail, Pass, Warn};
    check_fact("server_version", Pass, "PostgreSQL 15.4; 13 to 19 are supported", |_| {});
    check_fact("server_version", Warn, "use a newer pad-migrate", |facts| facts.server.major = 20);
    check_fact("server_role", Pass, "the primary", |_| {});
    check_fact("server_role", Warn, "a standby", |it| it.server.standby = true);
    check_fact("server_role", Warn, "read-only by default", |it| it.server.read_only = true);
    check_fact("encoding", Fail, "recreate the database with encoding UTF8", |it| {
        it.server.encoding = "LATIN1".to_owned()
    });
    check_fact("collation", Warn, "REINDEX", |it| {
        it.server.collation_changes.push(CollationChange {
            name: "en_GB".to_owned(),
            recorded: "2.31".to_owned(),
            actual: "2.36".to_owned(),
        });
    });
    check_fact("time_zone", Pass, "Europe/London for this database", |it| {
        it.server.zones.push(("this database".to_owned(), "Europe/London".to_owned()));
    });
    check_fact("connections", Pass, "server: 3 of 97 in use, role: 1 of 11 in use", |it| {
        it.server.role_connections = Usage { limit: 11, used: 1 };
    });
    // Of the 87 in use one is that which asks, and will have ended.
    check_fact("connections", Pass, "server: 87 of 97 in use", |it| {
        it.server.connections = Usage { limit: 97, used: 87 };
    });
    check_fact("connections", Pass, "88 of 97 in use; at once are needed 11 by gate --stage before: raise", |it| {
        it.server.connections = Usage { limit: 97, used: 88 };
    });
    check_fact(
        "connections",
        Warn,
        "93 of 97 in use; at once are needed 6 by rollback, 11 by gate --stage before: raise",
        |it| {
            it.server.connections = Usage { limit: 97, used: 93 };
        },
    );
    check_fact(
        "connections",
        Warn,
        "94 of 97 in use; at once are needed 5 by migrate, 6 by rollback, 11 by gate --stage before: raise the connection limit of the server",
        |it| {
            it.server.connections = Usage { limit: 97, used: 94 };
        },
    );
    check_fact("connections", Warn, "raise the connection limit of the server and the role", |it| {
        it.server.connections = Usage { limit: 97, used: 95 };
        it.server.role_connections = Usage { limit: 2, used: 1 };
    });
}

#[test]
fn facts_about_the_roles_have_their_consequences() {
    use Status::{Fail, Pass, Warn};
    let until = |days| {
        move |facts: &mut TargetFacts| {
            facts.role.password_expiry = Some(PasswordExpiry { date: "2026-12-01".to_owned(), days });
        }
    };
    check_fact("password_expiry", Pass, "doesn't expire", |_| {});
    check_fact("password_expiry", Pass, "expires on 2026-12-01", until(40.0));
    check_fact("password_expiry", Warn, "expires on 2026-12-01", until(3.0));
    check_fact("password_expiry", Warn, "expired on 2026-12-01", until(-3.0));
    check_fact("role_privileges", Fail, "role nobody (DB_APP_ROLE) doesn't exist", |it| {
        it.missing_roles.push(("DB_APP_ROLE", "nobody".to_owned()));
    });
    check_fact("excess_privileges", Pass, "none", |_| {});
    check_fact("excess_privileges", Warn, "someone is a superuser", |it| {
        it.attributes.push(("someone".to_owned(), Attribute::Superuser));
    });
    check_fact("excess_privileges", Warn, "someone has BYPASSRLS", |it| {
        it.attributes.push(("someone".to_owned(), Attribute::BypassRls));
    });
    let may = |role: &str, schema: &str, privilege: &str| TableRights {
        role: role.to_owned(),
        schema: schema.to_owned(),
        table: "any".to_owned(),
        privileges: vec!["SELECT".to_owned(), privilege.to_owned()],
        writes: true,
    };
    for privilege in ["INSERT", "UPDATE", "DELETE", "TRUNCATE"] {
        check_fact("excess_privileges", Warn, "someone can write to any of bo_airflow", |it| {
            it.table_rights.push(may("someone", "bo_airflow", privilege));
        });
        check_fact(
            "excess_privileges",
            Warn,
            "pad_migrate_reader can write to any of padealing, which it doesn't need",
            |it| {
                it.table_rights.push(may("pad_migrate_reader", "padealing", privilege));
            },
        );
    }
    check_fact("excess_privileges", Pass, "none", |it| {
        let right = may("pad_migrate_app", "padealing", "INSERT");
        it.table_rights.push(TableRights { table: "pad_request".to_owned(), ..right });
    });
    check_fact(
        "excess_privileges",
        Warn,
        "pad_migrate_app can write to any of padealing, which it doesn't need",
        |it| {
            it.table_rights.push(may("pad_migrate_app", "padealing", "INSERT"));
        },
    );
    check_fact("excess_privileges", Warn, "someone can change sequences of bo_airflow", |it| {
        it.schema_rights.push(SchemaRights {
            role: "someone".to_owned(),
            schema: "bo_airflow".to_owned(),
            usage: true,
            create: false,
            open_sequences: 1,
        });
    });
    // In local they are ignored.
    let mut local = facts();
    local.attributes.push(("someone".to_owned(), Attribute::Superuser));
    let all = checked(&local, Environment::Local);
    let excess = all.iter().find(|it| it.name == "excess_privileges").expect("the check is there");
    assert_eq!((excess.status, excess.message.contains("superuser")), (Pass, true));
}

#[test]
fn facts_about_the_history_have_their_consequences() {
    use Status::{Fail, Pass, Skip};
    let at = |revisions: &'static [&'static str]| {
        move |it: &mut TargetFacts| {
            it.revisions = Ok(Some(revisions.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>()))
        }
    };
    let has = |name: &'static str| {
        move |it: &mut TargetFacts| {
            it.relations.push(Relation {
                schema: "padealing".to_owned(),
                name: name.to_owned(),
                kind: "table",
                rows: Rows::Hidden,
                bytes: None,
                owner: "someone".to_owned(),
                owned: true,
                readable: false,
                countable: false,
                filled: Filled::Unknown("no SELECT privilege".to_owned()),
                policed: false,
                has_row_security: false,
            });
        }
    };
    check_fact("revision", Fail, "nothing is applied yet", |_| {});
    check_fact("revision", Pass, "at 0002, the newest", at(&["0001", "0002"]));
    check_fact("revision", Fail, "at 0001; pending: 0002", at(&["0001"]));
    check_fact("revision", Fail, "doesn't know 0003", at(&["0001", "0002", "0003"]));
    check_fact("revision", Fail, "another program created them", has("pad_request"));
    check_fact("revision", Skip, "not readable by this role: no SELECT privilege", has("schema_revision"));
    check_fact("row_security", Pass, "no policy", |_| {});
    check_fact("row_security", Fail, "padealing.pad_request", |it| {
        has("pad_request")(it);
        it.relations[0].policed = true;
    });
}

#[rstest]
#[case::nobody_uses_it("drop", "nothing depends on it", |_: &mut UnknownRelation| {})]
#[case::something_depends_on_it("keep", "view x would break", |it: &mut UnknownRelation| it.dependents.push("view x".to_owned()))]
#[case::somebody_writes_it("keep", "it was written to since 2026-01-02", |it: &mut UnknownRelation| it.writes = 1)]
#[case::somebody_reads_it("keep", "it was read 7 times since 2026-01-02", |it: &mut UnknownRelation| it.reads = 7)]
#[case::read_lately("keep", "it was last read on 2026-11-01", |it: &mut UnknownRelation| {
    (it.reads, it.last_read) = (7, Some(("2026-11-01".to_owned(), 20.0)));
})]
#[case::it_is_a_view("keep", "no statistics on reads of a view: ask its owner, postgres", |it: &mut UnknownRelation| {
    it.kind = "view";
})]
#[case::it_has_partitions("keep", "it is partitioned: its own statistics", |it: &mut UnknownRelation| {
    it.family = Some("it is partitioned".to_owned());
})]
#[case::nobody_counts("keep", "doesn't track its use (track_counts is off)", |it: &mut UnknownRelation| it.counted = false)]
#[case::known_for_days("keep", "statistics go back to 2026-01-02 only", |it: &mut UnknownRelation| it.since.1 = 12.0)]
#[case::not_known_long_enough("keep", "statistics go back to 2026-01-02 only", |it: &mut UnknownRelation| it.since.1 = 89.9)]
#[case::known_long_enough("drop", "nothing depends on it", |it: &mut UnknownRelation| it.since.1 = 90.0)]
#[case::not_read_long_enough_ago("keep", "it was last read on 2026-08-01", |it: &mut UnknownRelation| {
    (it.reads, it.last_read) = (7, Some(("2026-08-01".to_owned(), 89.9)));
})]
#[case::read_long_ago("drop", "nothing depends on it", |it: &mut UnknownRelation| {
    (it.reads, it.last_read) = (7, Some(("2024-11-01".to_owned(), 700.0)));
})]
fn an_unknown_table_is_recommended_to_be(
    #[case] recommendation: &str,
    #[case] reason: &str,
    #[case] change: impl FnOnce(&mut UnknownRelation),
) {
    let mut stranger = UnknownRelation {
        name: "active_stocks".to_owned(),
        kind: "table",
        owner: "postgres".to_owned(),
        since: ("2026-01-02".to_owned(), 300.0),
        counted: true,
        ..UnknownRelation::default()
    };
    change(&mut stranger);
    let facts = TargetFacts { unknown: vec![stranger], ..facts() };
    let all = checked(&facts, Environment::Qa);
    let found = CheckJson::new(all.iter().find(|it| it.name == "unknown_tables").expect("the check is there"));
    assert_eq!(found.rows[0]["recommendation"], recommendation);
    let found_reason = found.rows[0]["reason"].as_str().expect("it is a text");
    assert!(found_reason.contains(reason), "{found_reason}");
}

/// A standby doesn't know who reads on the primary.
#[test]
fn nothing_is_recommended_to_be_dropped_on_a_standby() {
    let stranger = UnknownRelation {
        name: "active_stocks".to_owned(),
        kind: "table",
        since: ("2026-01-02".to_owned(), 300.0),
        counted: true,
        ..UnknownRelation::default()
    };
    for (standby, recommendation) in [(false, "drop"), (true, "keep")] {
        let mut facts = TargetFacts { unknown: vec![stranger.clone()], ..facts() };
        facts.server.standby = standby;
        let all = checked(&facts, Environment::Qa);
        let found = CheckJson::new(all.iter().find(|it| it.name == "unknown_tables").expect("the check is there"));
        let found = serde_json::to_value(&found).expect("it is JSON");
        assert_eq!(found["rows"][0]["recommendation"], recommendation);
    }
}
