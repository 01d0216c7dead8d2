//! Tables of cases for the pure core: a legacy value, and what must be stored for it. No database.

use std::collections::{BTreeMap, HashMap};

use pretty_assertions::assert_eq;
use rstest::rstest;

use pad_migrate::migration::legacy::Names;
use pad_migrate::migration::legacy::{LegacyColumn, LegacyRow};
use pad_migrate::migration::lookups::{Collision, Ids, Lookups, SecuritiesBySymbol, Security};
use pad_migrate::migration::reconstruct::reconstruct;
use pad_migrate::migration::rejection::Rule;
use pad_migrate::migration::sample::target_cells;
use pad_migrate::migration::target::Role;
use pad_migrate::migration::text::Text;
use pad_migrate::migration::transform::transform;
use pad_migrate::migration::value::{Amount, Price, Timestamp, ValueError, parse_identifier};

const ID: i64 = 77;

/// A row that is fine, with some cells changed; `None` is null.
pub(crate) fn row(cells: &[(&str, Option<&str>)]) -> LegacyRow {
    let mut row = LegacyRow::default();
    let fine = [
        ("id", Some("77")),
        ("employee", Some("1")),
        ("requested_date", Some("2021-03-01 09:30:00")),
        ("status", Some("request")),
        ("is_deleted_yn", Some("N")),
    ];
    for (name, text) in fine.iter().chain(cells) {
        match LegacyColumn::from_name(name) {
            Some(column) => row.set(column, text.map(Text::from)),
            None => {
                row.set_unknown(name, text.map(Text::from));
            }
        }
    }
    row
}

fn security(id: i64, isin: &str, ticker: Option<&str>) -> Security {
    Security { id, isin: Some(isin.to_owned()), ticker: ticker.map(str::to_owned), ..Security::default() }
}

pub(crate) fn lookups() -> Lookups {
    Lookups {
        employees: Ids::from_iter([1, 2, 3]),
        securities: SecuritiesBySymbol::from_iter([
            ("ONE".into(), [security(10, "I1", None)].into()),
            ("TWO".into(), [security(20, "I2", Some("T")), security(21, "I3", Some("T"))].into()),
            ("BARE".into(), [security(30, "", Some("")), security(31, "", None)].into()),
        ]),
        collisions: HashMap::new(),
        missing_security_is_null: false,
    }
}

/// What must be stored in a column of a role; `None` is null, or no such row.
#[track_caller]
fn check_stored(cells: &[(&str, Option<&str>)], role: Role, column: &str, want: Option<&str>) {
    let legacy = row(cells);
    let rows = transform(ID, &legacy, &lookups()).expect("the row is migrated");
    let stored: BTreeMap<Role, BTreeMap<&str, Option<String>>> =
        target_cells(&rows).into_iter().map(|(role, cells)| (role, cells.into_iter().collect())).collect();
    let text = stored.get(&role).and_then(|it| it.get(column)).cloned().flatten();
    assert_eq!(text.as_deref(), want, "{role}.{column} of {cells:?}");
    assert_eq!(reconstruct(&rows, legacy.names()), legacy, "the row comes back");
}

/// The reasons for which a row must be rejected, in order.
#[track_caller]
fn check_rejected(cells: &[(&str, Option<&str>)], want: &[(&str, Rule)]) {
    let rejection = transform(ID, &row(cells), &lookups()).expect_err("the row is rejected");
    let reasons: Vec<(&str, Rule)> = rejection.reasons.iter().map(|it| (it.field.as_str(), it.rule)).collect();
    assert_eq!(reasons, want, "{cells:?}");
    for reason in &rejection.reasons {
        assert!(reason.message.contains(&reason.field), "the sentence names the field: {}", reason.message);
    }
}

#[rstest]
#[case::related("related_yn", "is_related_party")]
#[case::broker("broker_reporting_yn", "broker_reporting")]
#[case::derivative("derivative_contract_yn", "is_derivative")]
#[case::leveraged("leveraged_yn", "is_leveraged")]
#[case::existing("existing_pos_yn", "existing_position")]
#[case::signed("signed_yn", "signed_declaration")]
#[case::restricted("restricted_yn", "is_restricted")]
#[case::conflicts("conflicts_yn", "has_conflict")]
#[case::two_days("two_business_days_execution_yn", "executed_within_two_days")]
fn every_flag_is_read_by_d1(#[case] legacy: &str, #[case] target: &str) {
    for (text, want) in [(Some("1"), Some("true")), (Some("2"), Some("false")), (Some(""), None), (None, None)] {
        check_stored(&[(legacy, text)], Role::Request, target, want);
    }
    for text in [" ", "0", "3", "Y", "1 ", "true", "①"] {
        check_rejected(&[(legacy, Some(text))], &[(legacy, Rule::InvalidBoolean)]);
    }
}

#[rstest]
#[case::has_information(Some("1"), Some("false"))]
#[case::has_none(Some("2"), Some("true"))]
#[case::says_nothing(None, None)]
#[case::empty(Some(""), None)]
fn inside_information_is_inverted(#[case] legacy: Option<&str>, #[case] want: Option<&str>) {
    check_stored(&[("inside_info_yn", legacy)], Role::Request, "insider_info_declaration", want);
}

#[rstest]
#[case::yes(Some("1"), Some(r#"{"holding_period":true}"#))]
#[case::no(Some("2"), Some(r#"{"holding_period":false}"#))]
#[case::null(None, None)]
#[case::empty(Some(""), Some(r#"{"legacy":{"holding_period_yn":""}}"#))]
fn the_holding_period_is_a_key(#[case] legacy: Option<&str>, #[case] want: Option<&str>) {
    check_stored(&[("holding_period_yn", legacy)], Role::Request, "compliance_assessment", want);
}

#[rstest]
#[case::buy(Some("B"), Some("BUY"))]
#[case::small(Some("b"), Some("BUY"))]
#[case::padded(Some(" s\t"), Some("SELL"))]
#[case::sell(Some("S"), Some("SELL"))]
#[case::null(None, None)]
#[case::empty(Some(""), None)]
#[case::blank(Some(" "), None)]
fn directions_are_read_by_d3(#[case] legacy: Option<&str>, #[case] want: Option<&str>) {
    check_stored(&[("buysell", legacy)], Role::Request, "direction", want);
}

#[rstest]
#[case::word("buysell", "BUY", Rule::InvalidDirection)]
#[case::line_end_is_no_blank("buysell", "B\n", Rule::InvalidDirection)]
#[case::wide_letter("buysell", "Ｂ", Rule::InvalidDirection)]
#[case::deleted_one("is_deleted_yn", "1", Rule::InvalidDeletedFlag)]
#[case::deleted_yes("is_deleted_yn", "yes", Rule::InvalidDeletedFlag)]
#[case::status("status", "executed", Rule::UnknownStatus)]
#[case::status_blank("status", " ", Rule::UnknownStatus)]
#[case::status_pending_is_a_stages("status", "pending", Rule::UnknownStatus)]
#[case::kelvin_sign_is_no_k("status", "reque\u{212a}t", Rule::UnknownStatus)]
#[case::stage_request("status_manager", "request", Rule::UnknownStatus)]
#[case::stage_unknown("status_compliance", "maybe", Rule::UnknownStatus)]
fn codes_outside_their_set_are_rejected(#[case] column: &str, #[case] text: &str, #[case] rule: Rule) {
    check_rejected(&[(column, Some(text))], &[(column, rule)]);
}

/// A status that isn't known hides no other fault: the stages are looked at as far as their own statuses are known.
#[test]
fn a_bad_status_hides_no_fault_of_the_stages() {
    let stages = [
        ("auth_manager", Some("424242")),
        ("status_manager", Some("approved")),
        ("auth_compliance", Some("2")),
        ("status_compliance", Some("declined")),
        ("auth_compliance_date", Some("soon")),
    ];
    let faults = [("auth_compliance_date", Rule::Unreadable), ("auth_manager", Rule::UnknownEmployee)];
    check_rejected(&stages, &faults);
    let row = [&stages[..], &[("status", Some("what"))]].concat();
    check_rejected(&row, &[&faults[..], &[("status", Rule::UnknownStatus)]].concat());
    let row = [&stages[..], &[("status_manager", Some("maybe"))]].concat();
    check_rejected(&row, &[faults[0], ("status_manager", Rule::UnknownStatus)]);
}

/// D8 by brute force: every combination of every spelling, against the four rules in their order.
#[test]
fn every_combination_of_statuses_has_its_status() {
    let stages =
        [None, Some(""), Some("pending"), Some("approved"), Some(" Approved"), Some("declined"), Some("DECLINED ")];
    let mut combinations = 0;
    for status in ["request", "REQUEST", "approved", " Approved ", "declined", "Declined"] {
        for manager in stages {
            for compliance in stages {
                let is = |text: Option<&str>, word: &str| text.is_some_and(|it| it.trim().eq_ignore_ascii_case(word));
                let declined = is(Some(status), "declined") || is(manager, "declined") || is(compliance, "declined");
                let want = if declined {
                    "declined"
                } else if is(Some(status), "request") {
                    "pending_manager"
                } else if is(compliance, "approved") {
                    "approved"
                } else {
                    "pending_compliance"
                };
                let cells = [("status", Some(status)), ("status_manager", manager), ("status_compliance", compliance)];
                check_stored(&cells, Role::Request, "status", Some(want));
                combinations += 1;
            }
        }
    }
    assert_eq!(combinations, 6 * 7 * 7);
}

#[rstest]
#[case::approved("approved", Some("2"), Some("approved"), Some("success"))]
#[case::spelled_otherwise(" APPROVED", Some("2"), Some("approved"), Some("success"))]
#[case::declined("declined", Some("2"), Some("declined"), Some("blocked"))]
#[case::pending("pending", Some("2"), None, None)]
#[case::no_decision("approved", None, None, None)]
fn a_stage_with_both_has_an_approval_and_an_audit_entry(
    #[case] status: &str,
    #[case] approver: Option<&str>,
    #[case] decision: Option<&str>,
    #[case] audited: Option<&str>,
) {
    let manager = [("auth_manager", approver), ("status_manager", Some(status))];
    check_stored(&manager, Role::Manager, "decision", decision);
    check_stored(&manager, Role::AuditManager, "action_status", audited);
    let compliance = [("auth_compliance", approver), ("status_compliance", Some(status))];
    check_stored(&compliance, Role::Compliance, "decision", decision);
    check_stored(&compliance, Role::AuditCompliance, "decision", decision);
}

#[rstest]
#[case::its_own(Some("2021-01-02 00:00:00"), Some("2021-01-03 00:00:00"), "2021-01-02 00:00:00")]
#[case::last_modified(None, Some("2021-01-03 00:00:00"), "2021-01-03 00:00:00")]
#[case::created(None, None, "2021-03-01 09:30:00")]
fn decided_at_falls_back_by_d14(#[case] own: Option<&str>, #[case] modified: Option<&str>, #[case] want: &str) {
    let cells = [
        ("auth_manager", Some("2")),
        ("status_manager", Some("approved")),
        ("auth_manager_date", own),
        ("last_modified_date", modified),
    ];
    check_stored(&cells, Role::Manager, "decided_at", Some(want));
    check_stored(&cells, Role::AuditManager, "timestamp", Some(want));
}

#[rstest]
#[case::compliance(Some("2021-01-02 00:00:00"), Some("2021-01-03 00:00:00"), "2021-01-02 00:00:00")]
#[case::manager(None, Some("2021-01-03 00:00:00"), "2021-01-03 00:00:00")]
#[case::created(None, None, "2021-03-01 09:30:00")]
fn executed_at_falls_back_by_d17(#[case] compliance: Option<&str>, #[case] manager: Option<&str>, #[case] want: &str) {
    let cells = [
        ("contract_notes_received_yn", Some("1")),
        ("auth_compliance_date", compliance),
        ("auth_manager_date", manager),
    ];
    check_stored(&cells, Role::Execution, "executed_at", Some(want));
}

#[rstest]
#[case::both(Some("1"), Some("2"), true)]
#[case::two_days_only(Some("2"), None, true)]
#[case::notes_only(None, Some("1"), true)]
#[case::empty_counts_as_null(Some(""), Some(""), false)]
#[case::neither(None, None, false)]
fn an_execution_is_there_by_its_flags(#[case] two_days: Option<&str>, #[case] notes: Option<&str>, #[case] want: bool) {
    let cells = [("two_business_days_execution_yn", two_days), ("contract_notes_received_yn", notes)];
    check_stored(&cells, Role::Execution, "executed_at", want.then_some("2021-03-01 09:30:00"));
}

#[rstest]
#[case::requested(Some("2021-01-01 00:00:00"), Some("2022-02-02 00:00:00"), "2021-01-01 00:00:00")]
#[case::modified(None, Some("2022-02-02 00:00:00"), "2022-02-02 00:00:00")]
#[case::forever(Some("infinity"), None, "infinity")]
fn created_at_falls_back_by_d9(#[case] requested: Option<&str>, #[case] modified: Option<&str>, #[case] want: &str) {
    check_stored(
        &[("requested_date", requested), ("last_modified_date", modified)],
        Role::Request,
        "created_at",
        Some(want),
    );
}

#[rstest]
#[case::modified("y", Some("2022-02-02 00:00:00"), Some("2022-02-02 00:00:00"))]
#[case::requested("Y", None, Some("2021-03-01 09:30:00"))]
#[case::not_deleted("n", Some("2022-02-02 00:00:00"), None)]
fn deleted_at_is_never_now(#[case] flag: &str, #[case] modified: Option<&str>, #[case] want: Option<&str>) {
    let cells = [("is_deleted_yn", Some(flag)), ("last_modified_date", modified)];
    check_stored(&cells, Role::Request, "deleted_at", want);
}

#[rstest]
#[case::the_only_one("ONE", None, None, Some("10"))]
#[case::the_one_with_the_isin("TWO", Some("I3"), None, Some("21"))]
#[case::isin_of_one_and_ticker_of_both("TWO", Some("I2"), Some("X"), Some("20"))]
#[case::none_named("", None, None, None)]
fn a_security_is_found_by_d7(
    #[case] symbol: &str,
    #[case] isin: Option<&str>,
    #[case] ticker: Option<&str>,
    #[case] want: Option<&str>,
) {
    let cells = [("inst_symbol", Some(symbol)), ("isin", isin), ("ticker", ticker)];
    check_stored(&cells, Role::Request, "security_id", want);
}

#[rstest]
#[case::unknown("NOSUCH", None, None, Rule::UnknownSecurity)]
#[case::other_case("one", None, None, Rule::UnknownSecurity)]
#[case::blank_at_the_end("ONE ", None, None, Rule::UnknownSecurity)]
#[case::nothing_agrees("TWO", Some("I9"), None, Rule::AmbiguousSecurity)]
#[case::both_agree("TWO", None, Some("T"), Rule::AmbiguousSecurity)]
#[case::each_agrees_by_another("TWO", Some("I2"), Some("T"), Rule::AmbiguousSecurity)]
#[case::empty_never_agrees("BARE", Some(""), Some(""), Rule::AmbiguousSecurity)]
fn a_security_that_is_not_found_is_rejected(
    #[case] symbol: &str,
    #[case] isin: Option<&str>,
    #[case] ticker: Option<&str>,
    #[case] rule: Rule,
) {
    check_rejected(&[("inst_symbol", Some(symbol)), ("isin", isin), ("ticker", ticker)], &[("inst_symbol", rule)]);
}

#[test]
fn a_missing_security_may_be_null_and_an_ambiguous_one_may_not() {
    let lenient = Lookups { missing_security_is_null: true, ..lookups() };
    let unknown = row(&[("inst_symbol", Some("NOSUCH"))]);
    let rows = transform(ID, &unknown, &lenient).expect("the row is migrated");
    assert_eq!(rows.request.security_id, None);
    let rejection = transform(ID, &row(&[("inst_symbol", Some("TWO"))]), &lenient).expect_err("the row is rejected");
    assert_eq!(rejection.reasons[0].rule, Rule::AmbiguousSecurity);
}

#[rstest]
#[case::employee(&[("employee", Some("9"))], "employee")]
#[case::null(&[("employee", None)], "employee")]
#[case::modifier(&[("last_modified_by", Some("9"))], "last_modified_by")]
#[case::manager(&[("auth_manager", Some("9")), ("status_manager", Some("approved"))], "auth_manager")]
#[case::compliance(&[("auth_compliance", Some("9")), ("status_compliance", Some("declined"))], "auth_compliance")]
#[case::recorder(&[("auth_compliance", Some("9")), ("contract_notes_received_yn", Some("2"))], "auth_compliance")]
#[case::approver_and_recorder(
    &[("auth_compliance", Some("9")), ("status_compliance", Some("approved")), ("contract_notes_received_yn", Some("1"))],
    "auth_compliance"
)]
fn people_who_would_be_written_must_exist(#[case] cells: &[(&str, Option<&str>)], #[case] field: &str) {
    check_rejected(cells, &[(field, Rule::UnknownEmployee)]);
}

#[test]
fn people_who_would_not_be_written_need_not_exist() {
    let cells = [("auth_manager", Some("9")), ("status_manager", Some("pending")), ("auth_compliance", Some("8"))];
    let kept = r#"{"legacy":{"auth_compliance":"8","auth_manager":"9","status_manager":"pending"}}"#;
    check_stored(&cells, Role::Request, "compliance_assessment", Some(kept));
}

#[test]
fn a_collision_is_rejected_or_reassigned() {
    let with = |collision| Lookups { collisions: HashMap::from([(ID, collision)]), ..lookups() };
    let rejection = transform(ID, &row(&[]), &with(Collision::Reject)).expect_err("the row is rejected");
    assert_eq!(rejection.reasons[0].rule, Rule::IdCollision);
    let legacy = row(&[]);
    let rows = transform(ID, &legacy, &with(Collision::Reassign(5000))).expect("the row is migrated");
    assert_eq!((rows.request.id, rows.source_id), (5000, ID));
    assert_eq!(reconstruct(&rows, &Names::default()), legacy, "the legacy id comes from lineage");
}

#[rstest]
#[case::a_text_for_an_id("last_modified_by", "Ada", Rule::Unreadable)]
#[case::an_empty_text_for_an_id("last_modified_by", "", Rule::Unreadable)]
#[case::a_fraction_in_an_id("last_modified_by", "1.5", Rule::OutOfRange)]
#[case::an_id_of_65_bits("employee", "9223372036854775808", Rule::OutOfRange)]
#[case::a_fifth_decimal("value", "0.00001", Rule::OutOfRange)]
#[case::too_many_digits("trade_size", "12345678901234567", Rule::OutOfRange)]
#[case::not_a_number("trade_size", "NaN", Rule::OutOfRange)]
#[case::infinite("value", "-Infinity", Rule::OutOfRange)]
#[case::two_points("value", "1.2.3", Rule::Unreadable)]
#[case::a_comma("value", "1,5", Rule::Unreadable)]
#[case::a_date_for_a_number("value", "2021-01-01", Rule::Unreadable)]
#[case::a_word_for_a_date("last_modified_date", "yesterday", Rule::Unreadable)]
#[case::the_30th_of_february("last_modified_date", "2021-02-30 00:00:00", Rule::Unreadable)]
#[case::another_zone("last_modified_date", "2021-02-03 00:00:00+02", Rule::Unreadable)]
#[case::nanoseconds("last_modified_date", "2021-02-03 00:00:00.0000001", Rule::OutOfRange)]
#[case::after_the_end_of_time("last_modified_date", "294277-01-01 00:00:00", Rule::OutOfRange)]
fn values_that_do_not_fit_are_rejected(#[case] column: &str, #[case] text: &str, #[case] rule: Rule) {
    check_rejected(&[(column, Some(text))], &[(column, rule)]);
}

#[rstest]
#[case::relation("relation", 100)]
#[case::security_description("security_description", 500)]
#[case::isin("isin", 12)]
#[case::sedol("sedol", 7)]
#[case::bloomberg("bloomberg", 50)]
#[case::ticker("ticker", 50)]
#[case::currency("currency", 3)]
fn characters_are_counted_not_bytes(#[case] column: &str, #[case] limit: usize) {
    for letter in ["x", "ü", "語", "🙂"] {
        let fits = row(&[(column, Some(&letter.repeat(limit)))]);
        let rows = transform(ID, &fits, &lookups()).expect("a text of the limit's length fits");
        assert_eq!(reconstruct(&rows, &Names::default()), fits, "it is kept whole");
        check_rejected(&[(column, Some(&letter.repeat(limit + 1)))], &[(column, Rule::TooLong)]);
    }
    // Postgres would cut blanks at the end in silence (documentation, Character Types).
    check_rejected(&[(column, Some(&" ".repeat(limit + 1)))], &[(column, Rule::TooLong)]);
}

#[rstest]
#[case::another_scale("value", "12.5", Some("12.5"))]
#[case::a_float("trade_size", "1.5e+03", Some("1.5e+03"))]
#[case::minus_zero("value", "-0", Some("-0"))]
#[case::the_same("value", "12.5000", None)]
fn a_number_of_another_text_is_kept(#[case] column: &str, #[case] text: &str, #[case] kept: Option<&str>) {
    let kept = kept.map(|it| format!(r#"{{"legacy":{{"{column}":"{it}"}}}}"#));
    check_stored(&[(column, Some(text))], Role::Request, "compliance_assessment", kept.as_deref());
}

#[rstest]
#[case("0", Ok(0))]
#[case("-0.0000", Ok(0))]
#[case("12.5", Ok(125_000))]
#[case("1.5e3", Ok(15_000_000))]
#[case("25e-4", Ok(25))]
#[case("1e-4", Ok(1))]
#[case("1.00000000000000", Ok(10_000))]
#[case("+.5", Ok(5_000))]
#[case(" 7. ", Ok(70_000))]
#[case("9999999999999999.9999", Ok(99_999_999_999_999_999_999))]
#[case("10000000000000000", Err(ValueError::OutOfRange))]
#[case("1e-5", Err(ValueError::OutOfRange))]
#[case("1e999999999999", Err(ValueError::OutOfRange))]
#[case("0e999999999999", Ok(0))]
#[case("1e-999999999999", Err(ValueError::OutOfRange))]
#[case("NaN", Err(ValueError::NotFinite))]
#[case("-Infinity", Err(ValueError::NotFinite))]
#[case("", Err(ValueError::Unreadable))]
#[case(".", Err(ValueError::Unreadable))]
#[case("e5", Err(ValueError::Unreadable))]
#[case("0x1F", Err(ValueError::Unreadable))]
#[case("1e", Err(ValueError::Unreadable))]
#[case("--1", Err(ValueError::Unreadable))]
#[case("١", Err(ValueError::Unreadable))]
fn amounts_are_exact(#[case] text: &str, #[case] want: Result<i128, ValueError>) {
    assert_eq!(Amount::parse(text, 20).map(|it| it.0), want);
}

#[rstest]
#[case("5", Ok(5))]
#[case("-9223372036854775808", Ok(i64::MIN))]
#[case("9223372036854775808", Err(ValueError::OutOfRange))]
#[case("5.000", Ok(5))]
#[case("5.1", Err(ValueError::OutOfRange))]
#[case("1e3", Ok(1000))]
#[case("5 6", Err(ValueError::Unreadable))]
fn identifiers_are_whole(#[case] text: &str, #[case] want: Result<i64, ValueError>) {
    assert_eq!(parse_identifier(text), want);
}

#[rstest]
#[case::two_thirds("2", "3", Some("0.66666667"))]
#[case::half_goes_away_from_zero("0.0005", "100000", Some("0.00000001"))]
#[case::below_half("0.0004", "100000", Some("0.00000000"))]
#[case::negative_half("-0.0005", "100000", Some("-0.00000001"))]
#[case::both_negative("-1", "-4", Some("0.25000000"))]
#[case::by_zero("1", "0", None)]
#[case::as_large_as_it_gets("9999999999999999.9999", "1", Some("9999999999999999.99990000"))]
#[case::too_large("1000000000000", "0.0001", None)]
fn prices_are_exact_quotients(#[case] value: &str, #[case] size: &str, #[case] want: Option<&str>) {
    let amount = |text| Amount::parse(text, 20).expect("the amount is right");
    assert_eq!(Price::quotient(amount(value), amount(size)).map(|it| it.to_string()).as_deref(), want);
}

#[rstest]
#[case("2000-01-01 00:00:00", 0)]
#[case("1999-12-31 23:59:59.999999", -1)]
#[case("2021-03-01 09:30:00.1", 667_906_200_100_000)]
#[case("2000-02-29 00:00:00", 59 * 86_400_000_000)]
#[case("infinity", i64::MAX)]
#[case("-infinity", i64::MIN)]
#[case("4714-11-24 00:00:00 BC", -211_813_488_000_000_000)]
#[case("294276-12-31 23:59:59.999999", 9_223_371_331_199_999_999)]
#[case("0001-01-01 00:00:00", -63_082_281_600_000_000)]
#[case("0001-12-31 00:00:00 BC", -63_082_368_000_000_000)]
fn timestamps_are_what_postgres_stores(#[case] text: &str, #[case] micros: i64) {
    assert_eq!(Timestamp::parse(text), Ok(Timestamp(micros)));
    assert_eq!(Timestamp(micros).to_string(), text);
}

#[rstest]
#[case::a_date("2021-03-01", "2021-03-01 00:00:00")]
#[case::a_timestamptz("2021-03-01 09:30:00.25+00", "2021-03-01 09:30:00.25")]
#[case::iso_8601("2021-03-01T09:30:00Z", "2021-03-01 09:30:00")]
#[case::minutes("2021-03-01 09:30", "2021-03-01 09:30:00")]
#[case::blanks_around(" 2021-03-01 ", "2021-03-01 00:00:00")]
#[case::zeros("2021-03-01 09:30:00.120000000", "2021-03-01 09:30:00.12")]
fn other_spellings_of_a_timestamp_are_read(#[case] text: &str, #[case] want: &str) {
    assert_eq!(Timestamp::parse(text).map(|it| it.to_string()).as_deref(), Ok(want));
}

/// Dates have more years than timestamps.
#[rstest]
#[case("294277-01-01")]
#[case("5874897-12-31")]
#[case("4715-01-01 BC")]
fn dates_that_no_timestamp_is_are_out_of_range(#[case] text: &str) {
    assert_eq!(Timestamp::parse(text), Err(ValueError::OutOfRange));
}

#[rstest]
#[case("2021-13-01 00:00:00")]
#[case("2021-02-29 00:00:00")]
#[case("0000-01-01 00:00:00")]
#[case("2021-03-01 24:00:00")]
#[case("2021-03-01 09:30:60")]
#[case("2021-03-01 09:30.5")]
#[case("21-03-01 09:30:00")]
#[case("2021-03-01 09:30:00 AD")]
#[case("2021-03-01 09:30:00,5")]
#[case("12345678-01-01")]
#[case("")]
fn texts_that_are_no_timestamps_are_unreadable(#[case] text: &str) {
    assert_eq!(Timestamp::parse(text), Err(ValueError::Unreadable));
}
