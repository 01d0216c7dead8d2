//! A plan's hash: the same for the same plan, whatever the tables hold, and another for another.

use pretty_assertions::{assert_eq, assert_ne};
use serde_json::Value;

use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Db, Role, Start, with_db};

const ROLES: [(&str, &str); 4] = [
    ("DB_OWNER_ROLE", "pad_migrate_owner"),
    ("DB_APP_ROLE", "pad_migrate_app"),
    ("DB_READER_ROLE", "pad_migrate_reader"),
    ("DB_SSLMODE", "disable"),
];

fn hash(environment: &str, url: &str) -> String {
    let output = run(&["--env", environment, "--database-url", url, "plan", "--format", "json"], &ROLES);
    let plan: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    plan["plan_hash"].as_str().expect("a hash").to_owned()
}

fn apply(db: &Db, hash: &str) -> (Option<i32>, String) {
    let arguments = ["--env", "qa", "--database-url", &db.url, "apply", "--yes", "--plan-hash", hash];
    let output = run(&arguments, &ROLES);
    (output.status.code(), stderr(&output))
}

#[tokio::test]
async fn only_the_plan_that_was_reviewed_is_applied() {
    with_db(Start::Alembic, async |db| {
        let reader = db.url_as(Role::Reader).await;
        let reviewed = hash("qa", &reader);
        assert_eq!(reviewed, hash("qa", &db.url), "it does not depend on who plans, if the owner has a name");
        assert_ne!(reviewed, hash("dev", &db.url), "another environment");
        db.execute("insert into padealing.compliance_config (config_key, config_value) values ('limit', '1')").await;
        assert_eq!(reviewed, hash("qa", &reader), "rows are no part of it");

        db.execute("alter table padealing.pad_breach alter column description type varchar(9)").await;
        let (before, other) = (db.dump(&[]).await, hash("qa", &reader));
        assert_ne!(reviewed, other, "another step");
        let (code, message) = apply(&db, &reviewed);
        assert_eq!(code, Some(2));
        assert!(message.contains(&other) && message.contains(&reviewed), "both are named: {message}");
        assert!(message.contains("pad-migrate --env qa plan"), "{message}");
        assert_eq!(db.dump(&[]).await, before);

        assert_eq!(apply(&db, &other.to_uppercase()).0, Some(0));
        let done = hash("qa", &reader);
        db.execute("create index extra on padealing.pad_breach (description)").await;
        assert_ne!(done, hash("qa", &reader), "what is left unchanged was not reviewed either");
        let (code, message) = apply(&db, "0123");
        assert_eq!(code, Some(2));
        assert!(message.contains("32 hexadecimal digits"), "{message}");
    })
    .await;
}
