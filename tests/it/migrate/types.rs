//! Source columns of other types: a value is the same whichever way it is read.

use pretty_assertions::assert_eq;

use crate::harness::program::run;
use crate::harness::{Start, with_db};
use pad_migrate::migration::run::Options;

/// Types of the symbol in the legacy table and in the reference schema. The padding of a char(n) is stored, and not
/// compared.
const SYMBOLS: [(&str, &str); 9] = [
    ("varchar(50)", "varchar(50)"),
    ("char(50)", "char(50)"),
    ("char(50)", "varchar(60)"),
    ("text", "char(20)"),
    ("public.symbol", "char(8)"),
    ("name", "text"),
    ("public.listed", "name"),
    ("char(8)", "public.listed"),
    ("bpchar", "public.symbol"),
];

/// Types of a column that the mapping doesn't know, and a value each.
const UNLISTED: [(&str, &str); 20] = [
    ("char(10)", "'a b'"),
    ("bpchar", "'a  '"),
    ("varchar(9)", "' x '"),
    ("name", "'a name'"),
    ("public.symbol", "'ACME'"),
    ("public.listed", "'ACME'"),
    ("bytea", "'\\x00ff'"),
    ("json", "'{\"b\": 1,  \"a\": 2}'"),
    ("jsonb", "'{\"b\": 1,  \"a\": 2}'"),
    ("text[]", "array['a', null, 'NULL', '']"),
    ("char(3)[]", "array['a', 'bc']"),
    ("money", "'-1234.50'"),
    ("float8", "0.1::float8 + 0.2::float8"),
    ("float4", "'1e20'"),
    ("numeric", "1.500"),
    ("interval", "'1 day 2 hours'"),
    ("int4range", "'[1,5)'"),
    ("bit(3)", "'101'"),
    ("point", "'(1,2)'"),
    ("\"char\"", "'x'"),
];

/// Dry run, migration, verification and rehearsal of the same rows agree, whatever the types are.
#[tokio::test]
async fn a_value_is_the_same_by_every_path() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "create domain public.symbol as char(12); create type public.listed as enum ('ACME', 'TWIN', 'NONE'); \
             truncate personal_account_dealing; delete from padealing.audit_log; delete from padealing.pad_execution; \
             delete from padealing.pad_approval; delete from padealing.pad_breach; \
             delete from padealing.compliance_decision_outcome; delete from padealing.pad_request; \
             delete from padealing.restricted_security; \
             insert into personal_account_dealing (id, employee, requested_date, status, is_deleted_yn, inst_symbol, \
                 isin) \
             values (1, 1003, '2021-01-01', 'request', 'N', 'ACME', null), \
                    (2, 1003, '2021-01-01', 'request', 'N', 'TWIN', 'XS000000TWN1'), \
                    (3, 1003, '2021-01-01', 'request', 'N', 'NONE', null), \
                    (4, 1003, '2021-01-01', 'request', 'N', null, null); \
             delete from bo_airflow.oracle_bloomberg where inst_symbol not in ('ACME', 'TWIN')",
        )
        .await;
        for (at, (type_name, value)) in UNLISTED.iter().enumerate() {
            let add = format!("alter table personal_account_dealing add column c{at} {type_name}");
            db.execute(&format!("{add}; update personal_account_dealing set c{at} = {value}")).await;
        }
        for (legacy, reference) in SYMBOLS {
            db.execute(&format!(
                "truncate padealing.pad_request, padealing.migration_mapping, padealing.migration_reject cascade; \
                 alter table personal_account_dealing alter inst_symbol type {legacy} using trim(inst_symbol::text)::{legacy}; \
                 alter table bo_airflow.oracle_bloomberg \
                     alter inst_symbol type {reference} using trim(inst_symbol::text)::{reference}"
            ))
            .await;
            let (dry, foreseen) = db.migrate(Options { dry_run: true, ..Options::default() }).await;
            let (report, seen) = db.migrate(Options::default()).await;
            assert_eq!((dry.counts.migrated, &foreseen.rejections), (3, &seen.rejections), "{legacy} {reference}");
            assert_eq!(report.by_rule.get("unknown_security"), Some(&1), "{legacy} {reference}");
            db.check_clean().await;
            let securities = "select string_agg(security_id::text, ' ' order by id) from padealing.pad_request";
            assert_eq!(db.value(securities).await.as_deref(), Some("500 502"), "{legacy} {reference}");
            if legacy.starts_with("char") {
                let output = run(&["--source-url", &db.url, "rehearse"], &[]);
                let printed = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(printed.contains("4 read, 3 migrated, 1 rejected"), "{legacy} {reference}: {printed}");
            }
        }
    })
    .await;
}
