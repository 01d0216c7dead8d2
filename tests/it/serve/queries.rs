//! Addresses: what is read is printed again, and what can't be read is said in a sentence.

use pad_migrate::dashboard::query::{
    At, AuditQuery, BreachesQuery, GoQuery, OverviewQuery, RESULTS, RejectionsQuery, RequestsQuery, RunQuery,
    SEVERITIES, Security, Sort, ViewQuery, Writer,
};
use pad_migrate::migration::target::Status;
use pretty_assertions::assert_eq;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;

fn at() -> impl Strategy<Value = At> {
    prop_oneof![
        Just(At::Start),
        any::<i64>().prop_map(At::After),
        any::<i64>().prop_map(At::Before),
        any::<i64>().prop_map(At::Beyond),
        any::<i64>().prop_map(At::Ahead),
    ]
}

fn security() -> impl Strategy<Value = Security> {
    prop_oneof![Just(Security::None), any::<i64>().prop_map(Security::Id)]
}

prop_compose! {
    fn requests()(
        status in option::of(select(Status::ALL)),
        employee in option::of(any::<i64>()),
        security in option::of(security()),
        year in option::of(1_u16..=9999),
        writer in option::of(select(Writer::ALL.to_vec())),
        sort in select(Sort::ALL.to_vec()),
        at in at(),
        people in any::<bool>(),
    ) -> RequestsQuery {
        let query = RequestsQuery { status, employee, security, year, writer, sort, at, people };
        let needs_filter = query.sort == Sort::Value && !query.is_narrow();
        RequestsQuery { sort: if needs_filter { Sort::Newest } else { query.sort }, ..query }
    }
}

/// Any name that an address can have, blanks and characters with a meaning in one included.
fn name() -> impl Strategy<Value = Option<String>> {
    option::of("[ -~äßπ漢]{1,100}")
}

fn query(printed: &str) -> &str {
    printed.strip_prefix('?').unwrap_or(printed)
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(
        requests in requests(),
        severity in option::of(select(SEVERITIES.to_vec())),
        resolved in option::of(any::<bool>()),
        result in option::of(select(RESULTS.to_vec())),
        name in name(),
        id in option::of(any::<i64>()),
        at in at(),
        people in any::<bool>(),
    ) {
        prop_assert_eq!(RequestsQuery::parse(query(&requests.print())), Ok(requests));
        let breaches = BreachesQuery { severity, resolved, employee: id, at, people };
        prop_assert_eq!(BreachesQuery::parse(query(&breaches.print())), Ok(breaches));
        let audit = AuditQuery { action: name.clone(), result, request: id, at, people };
        prop_assert_eq!(AuditQuery::parse(query(&audit.print())), Ok(audit));
        let rejections = RejectionsQuery { rule: name, row: id, resolved, at, people };
        prop_assert_eq!(RejectionsQuery::parse(query(&rejections.print())), Ok(rejections));
        let run = RunQuery { now: people, people };
        prop_assert_eq!(RunQuery::parse(query(&run.print())), Ok(run));
        let overview = OverviewQuery { still: people };
        prop_assert_eq!(OverviewQuery::parse(query(&overview.print())), Ok(overview));
        prop_assert_eq!(ViewQuery::parse(query(&ViewQuery { people }.print())), Ok(ViewQuery { people }));
    }

    /// Whatever somebody types: a view that is printed and read again as the same, or a sentence on one line.
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}", name in "(status|employee|security|year|sort|after|before|people)") {
        for query in [text.clone(), format!("{name}={text}"), format!("{name}=1&{text}")] {
            match RequestsQuery::parse(&query) {
                Ok(read) => prop_assert_eq!(RequestsQuery::parse(read.print().trim_start_matches('?')), Ok(read)),
                Err(refused) => {
                    prop_assert!(!refused.0.contains('\n') && refused.0.len() < 500, "{}", refused.0);
                    prop_assert!(refused.0.contains("; "), "it says what to do: {}", refused.0);
                }
            }
            let _ = (AuditQuery::parse(&query), BreachesQuery::parse(&query), RejectionsQuery::parse(&query));
            let _ = (RunQuery::parse(&query), OverviewQuery::parse(&query), GoQuery::parse(&query));
        }
    }
}

#[rstest]
#[case::of_no_status(
    "status=sold",
    "status=sold is none of pending_manager, pending_compliance, approved, declined, executed, \
    rejected, withdrawn; correct the address"
)]
#[case::of_no_number(
    "employee=amara@example.com",
    "employee=amara@example.com is not an id, which is a whole number; correct it"
)]
#[case::too_large(
    "after=9223372036854775808",
    "after=9223372036854775808 is not an id, which is a whole number; correct it"
)]
#[case::of_no_year("year=20245", "year=20245 is not a year, such as 2024; correct it")]
#[case::twice("year=2024&year=2023", "the address has year twice; leave one out")]
#[case::both_ways("after=1&before=2", "the address has after and before; leave one out")]
#[case::unknown("statu=approved", "this page has no statu; leave it out of the address")]
#[case::characters("year=%1b%5b2J", "year=\\u{1b}[2J is not a year, such as 2024; correct it")]
#[case::slow(
    "sort=value",
    "sort=value needs a filter by employee or security: sorting more requests would take too long; add one of \
    them"
)]
fn what_cannot_be_read_is_said(#[case] query: &str, #[case] sentence: &str) {
    assert_eq!(RequestsQuery::parse(query).expect_err("it is refused").0, sentence);
}

/// What a form sends for what isn't filled in.
#[test]
fn an_empty_field_filters_nothing() {
    let read = RequestsQuery::parse("status=&employee=&year=2024&sort=newest&security=+17+");
    let expected = RequestsQuery { year: Some(2024), security: Some(Security::Id(17)), ..RequestsQuery::default() };
    assert_eq!(read, Ok(expected));
}
