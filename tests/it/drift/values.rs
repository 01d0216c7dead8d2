//! Values that servers and people spell differently: settings, options, locales, a procedure's parameters.

use pad_migrate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use rstest::rstest;

fn with(major: u32, kind: Kind, name: &str, properties: &[(Property, Value)]) -> Catalog {
    let schema = if kind == Kind::Setting { "" } else { "padealing" };
    let id = Id { schema: schema.to_owned(), parent: String::new(), kind, name: name.to_owned() };
    let object: Object = properties.iter().cloned().collect();
    Catalog { major, schemas: vec!["padealing".to_owned()], objects: [(id, object)].into() }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn is_same(expected: Catalog, live: Catalog) -> bool {
    compare(Expectation::of(expected), live, &RoleContext::default()).is_empty()
}

#[rstest]
#[case("statement_timeout", "60s", "1min", true)]
#[case("statement_timeout", "60000", "60s", true)]
#[case("statement_timeout", "60", "60s", false)]
#[case("statement_timeout", "1min", "1h", false)]
#[case("LOCK_TIMEOUT", "0.5min", "30 s", true)]
#[case("tcp_keepalives_idle", "60", "1min", true)]
#[case("work_mem", "64MB", "65536", true)]
#[case("work_mem", "64MB", "64kB", false)]
#[case("temp_buffers", "8MB", "1024", true)]
#[case("log_min_duration_statement", "-1", "0", false)]
#[case("row_security", "on", "true", true)]
#[case("enable_seqscan", "off", "0", true)]
#[case("enable_seqscan", "off", "on", false)]
#[case("random_page_cost", "1.10", "1.1", true)]
#[case("random_page_cost", "1.1", "11", false)]
#[case("default_transaction_isolation", "SERIALIZABLE", "serializable", true)]
// A text is a text, also one that looks like a time or a truth value.
#[case("application_name", "60s", "1min", false)]
#[case("search_path", "on", "true", false)]
#[case("app.patience", "60s", "1min", false)]
#[case("app.flag", "on", "true", false)]
fn a_setting_is_its_value(#[case] name: &str, #[case] one: &str, #[case] other: &str, #[case] same: bool) {
    let of_database = |value: &str| with(18, Kind::Setting, name, &[(Property::Value, text(value))]);
    let of_function = |value: &str| {
        let list = Value::List(vec![format!("{name}={value}")]);
        with(18, Kind::Function, "f()", &[(Property::Configuration, list)])
    };
    assert_eq!(is_same(of_database(one), of_database(other)), same);
    assert_eq!(is_same(of_function(one), of_function(other)), same);
}

#[rstest]
#[case("security_invoker=on", "security_invoker=true", true)]
#[case("security_invoker=YES", "security_invoker=1", true)]
#[case("security_invoker=on", "security_invoker=off", false)]
#[case("security_invoker=on", "security_barrier=on", false)]
#[case("fillfactor=70", "fillfactor=070", true)]
#[case("autovacuum_vacuum_scale_factor=0.10", "autovacuum_vacuum_scale_factor=1e-1", true)]
#[case("autovacuum_vacuum_scale_factor=0.1", "autovacuum_vacuum_scale_factor=0.01", false)]
#[case("check_option=local", "check_option=cascaded", false)]
#[case("vacuum_index_cleanup=on", "vacuum_index_cleanup=auto", false)]
fn an_option_is_its_value(#[case] one: &str, #[case] other: &str, #[case] same: bool) {
    let with = |option: &str| with(18, Kind::View, "v", &[(Property::Options, Value::List(vec![option.to_owned()]))]);
    assert_eq!(is_same(with(one), with(other)), same);
}

#[test]
fn a_view_is_an_invokers_or_not_by_one_option() {
    let with = |options: &[&str]| {
        let list = options.iter().map(|option| (*option).to_owned()).collect();
        with(18, Kind::View, "v", &[(Property::Options, Value::List(list))])
    };
    assert!(is_same(with(&["security_invoker=false"]), with(&[])));
    assert!(!is_same(with(&["security_invoker=true"]), with(&[])));
}

/// As PostgreSQL 13, 15 and 18 print them.
#[rstest]
#[case("i en-US en-US deterministic true", "i en-US deterministic true", true)]
#[case(
    "i de@collation=phonebook de@collation=phonebook deterministic true",
    "i de-u-co-phonebk deterministic true",
    true
)]
#[case("i und-u-ks-level2 und-u-ks-level2 deterministic false", "i @colStrength=secondary deterministic false", true)]
#[case("i en_US en_US deterministic true", "i en-US deterministic true", true)]
#[case(
    "i en-u-kn-true-kf-upper en-u-kn-true-kf-upper deterministic true",
    "i en-u-kf-upper-kn deterministic true",
    true
)]
#[case("i en-u-kn-true deterministic true", "i en-u-kn-false deterministic true", false)]
#[case("i en-US en-US deterministic true", "i en-GB deterministic true", false)]
#[case("i en-US deterministic true", "i en-US deterministic false", false)]
#[case("i de@collation=phonebook deterministic true", "i de deterministic true", false)]
#[case("i en-US deterministic true &a < b", "i en-US deterministic true", false)]
#[case("c en_US.utf8 en_US.utf8 deterministic true", "c en_US.utf8 C deterministic true", false)]
fn a_locale_of_icu_is_its_tag(#[case] one: &str, #[case] other: &str, #[case] same: bool) {
    let with =
        |major, text: &str| with(major, Kind::Collation, "c", &[(Property::Definition, Value::Text(text.to_owned()))]);
    assert_eq!(is_same(with(13, one), with(18, other)), same);
}

/// As PostgreSQL 13 and 14 print them.
#[rstest]
#[case("a integer, INOUT b text", "IN a integer, INOUT b text", true)]
#[case("a integer, b numeric", "IN a integer, IN b numeric", true)]
#[case("a integer", "INOUT a integer", false)]
#[case("a integer", "IN b integer", false)]
#[case("a integer", "IN a bigint", false)]
fn a_procedure_has_its_parameters_in_or_not(#[case] before: &str, #[case] after: &str, #[case] same: bool) {
    let with = |major, parameters: &str| {
        let name = format!("settle({parameters})");
        with(major, Kind::Procedure, &name, &[(Property::Arguments, text(parameters)), (Property::Body, text("x"))])
    };
    assert_eq!(is_same(with(13, before), with(14, after)), same);
    assert_eq!(is_same(with(14, after), with(13, before)), same);
}

/// As versions of PostgreSQL print them, and as people write them.
#[rstest]
#[case("SUBSTRING('abc'::text FROM 1 FOR 2)", "\"substring\"('abc'::text, 1, 2)", true)]
#[case("SUBSTRING('abc'::text FROM 1 FOR 2)", "\"substring\"('abc'::text, 1, 3)", false)]
#[case("POSITION(('b'::text) IN ('abc'::text))", "\"position\"('abc'::text, 'b'::text)", true)]
#[case("POSITION(('b'::text) IN ('abc'::text))", "\"position\"('b'::text, 'abc'::text)", false)]
#[case("OVERLAY('abc'::text PLACING 'x'::text FROM 1)", "\"overlay\"('abc'::text, 'x'::text, 1)", true)]
#[case("COLLATION FOR ('a'::text)", "pg_collation_for('a'::text)", true)]
#[case("COLLATION FOR ('a'::text)", "pg_collation_for('b'::text)", false)]
#[case("TRIM(BOTH FROM ' a '::text)", "btrim(' a '::text)", true)]
#[case("TRIM(LEADING FROM ' a '::text)", "ltrim(' a '::text)", true)]
#[case("TRIM(LEADING FROM ' a '::text)", "rtrim(' a '::text)", false)]
#[case("TRIM(TRAILING 'x'::text FROM 'ax'::text)", "rtrim('ax'::text, 'x'::text)", true)]
#[case("CURRENT_TIMESTAMP", "now()", true)]
#[case("CURRENT_TIMESTAMP", "transaction_timestamp()", true)]
#[case("CURRENT_TIMESTAMP", "clock_timestamp()", false)]
#[case("USER", "CURRENT_USER", true)]
#[case("CURRENT_ROLE", "CURRENT_USER", true)]
#[case("SESSION_USER", "CURRENT_USER", false)]
#[case("(now() AT TIME ZONE 'UTC'::text)", "timezone('UTC'::text, now())", true)]
#[case("(now() AT TIME ZONE 'UTC'::text)", "timezone('CET'::text, now())", false)]
#[case("('a'::text IS NFKC NORMALIZED)", "is_normalized('a'::text, 'NFKC'::text)", true)]
#[case("('a'::text IS NFKC NORMALIZED)", "is_normalized('a'::text, 'NFC'::text)", false)]
#[case("NORMALIZE('a'::text, NFD)", "\"normalize\"('a'::text, 'NFD'::text)", true)]
#[case("((1, 2) OVERLAPS (3, 4))", "\"overlaps\"(1, 2, 3, 4)", true)]
#[case("((1, 2) OVERLAPS (3, 4))", "\"overlaps\"(1, 2, 4, 3)", false)]
#[case("XMLSERIALIZE(CONTENT '<a/>'::xml AS text)", "XMLSERIALIZE(CONTENT '<a/>'::xml AS text NO INDENT)", true)]
#[case("XMLSERIALIZE(CONTENT '<a/>'::xml AS text)", "XMLSERIALIZE(CONTENT '<a/>'::xml AS text INDENT)", false)]
#[case("(1 + 2)", "(2 + 1)", false)]
#[case("((1 + 2))", "1 + 2", true)]
fn an_expression_is_what_it_computes(#[case] one: &str, #[case] other: &str, #[case] same: bool) {
    let with = |expression: &str| with(18, Kind::Domain, "d", &[(Property::Default, text(expression))]);
    assert_eq!(is_same(with(one), with(other)), same);
    assert_eq!(is_same(with(other), with(one)), same);
}

/// Servers before 14 had no EXTRACT in a tree.
#[rstest]
#[case(13, "date_part('year'::text, now())", true)]
#[case(13, "date_part('month'::text, now())", false)]
#[case(18, "date_part('year'::text, now())", false)]
#[case(18, "EXTRACT(year FROM now())", true)]
fn a_part_of_a_date_has_two_names_before_14(#[case] major: u32, #[case] live: &str, #[case] same: bool) {
    let with = |major, text: &str| with(major, Kind::Domain, "d", &[(Property::Default, Value::Text(text.to_owned()))]);
    assert_eq!(is_same(with(18, "EXTRACT(year FROM now())"), with(major, live)), same);
}
