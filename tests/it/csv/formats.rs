//! Dates, numbers, encodings: what each format reads, and what it doesn't.

use pretty_assertions::assert_eq;
use rstest::rstest;

use pad_migrate::migration::csv::date::DateFormat;
use pad_migrate::migration::csv::declared::{DatesOf, Delimiter, Total};
use pad_migrate::migration::csv::encoding::Encoding;
use pad_migrate::migration::csv::number::{NumberFormat, read_identifier};

#[rstest]
#[case::oracles_default("DD-MON-RR", "15-JAN-24", Some("2024-01-15 00:00:00"))]
#[case::small_letters("DD-MON-RR", "15-jan-24", Some("2024-01-15 00:00:00"))]
#[case::rr_from_50_on("DD-MON-RR", "15-JAN-50", Some("1950-01-15 00:00:00"))]
#[case::rr_to_49("DD-MON-RR", "15-JAN-49", Some("2049-01-15 00:00:00"))]
#[case::yy_is_this_century("DD-MON-YY", "15-JAN-99", Some("2099-01-15 00:00:00"))]
#[case::oracles_timestamp(
    "DD-MON-RR HH.MI.SSXFF AM",
    "15-JAN-24 12.05.01.250000000 AM",
    Some("2024-01-15 00:05:01.25")
)]
#[case::noon("DD-MON-RR HH.MI.SSXFF AM", "15-JAN-24 12.05.01 PM", Some("2024-01-15 12:05:01"))]
#[case::thirteen_of_twelve("DD-MON-RR HH.MI.SS AM", "15-JAN-24 13.05.01 PM", None)]
#[case::a_fraction_that_no_timestamp_holds(
    "YYYY-MM-DD HH24:MI:SS.FF9",
    "2024-01-15 01:02:03.123456789",
    Some("2024-01-15 01:02:03.123456789")
)]
#[case::a_comma_before_the_fraction("YYYY-MM-DD HH24:MI:SSXFF", "2024-01-15 01:02:03,5", Some("2024-01-15 01:02:03.5"))]
#[case::one_digit("DD/MM/YYYY", "1/2/2024", Some("2024-02-01 00:00:00"))]
#[case::an_optional_time("DD/MM/YYYY[ HH24:MI[:SS]]", "01/02/2024 13:00", Some("2024-02-01 13:00:00"))]
#[case::a_month_by_its_name("DD MONTH YYYY", "29 February 2024", Some("2024-02-29 00:00:00"))]
#[case::a_t_between("YYYY-MM-DD\"T\"HH24:MI:SS", "2024-02-29T01:02:03", Some("2024-02-29 01:02:03"))]
#[case::no_such_day("DD/MM/YYYY", "30/02/2024", None)]
#[case::a_blank_after("DD/MM/YYYY", "01/02/2024 ", None)]
#[case::more_than_the_format("DD-MON-RR", "15-JAN-2024", None)]
#[case::postgres("iso", "infinity", Some("infinity"))]
#[case::before_christ("iso", "0044-03-15 12:00:00 BC", Some("0044-03-15 12:00:00 BC"))]
#[case::an_offset_of_zero("iso", "2024-01-15 12:00:00+00", Some("2024-01-15 12:00:00"))]
#[case::another_offset("iso", "2024-01-15 12:00:00+01", None)]
#[case::before_christ_without_seconds("iso", "0044-03-15 12:00 BC", Some("0044-03-15 12:00:00 BC"))]
#[case::a_fraction_with_zeros("iso", "2024-01-15 12:00:00.500", Some("2024-01-15 12:00:00.5"))]
#[case::another_format_than_iso("iso", "15/01/2024", None)]
fn dates_are_read_by_their_format(#[case] format: &str, #[case] text: &str, #[case] expected: Option<&str>) {
    let format: DateFormat = format.parse().expect("it is a format");
    assert_eq!(format.read(text).as_deref(), expected);
}

#[rstest]
#[case("YYYY-MM")]
#[case("DD-MM-YYYY HH:MI")]
#[case("DD-MM-YYYY[ HH24:MI")]
#[case("DD-MM-YYYY HH24:MI TZR")]
#[case("dates")]
fn what_is_no_format_is_refused(#[case] format: &str) {
    assert!(format.parse::<DateFormat>().is_err());
    assert!(format!("requested_date={format}").parse::<DatesOf>().is_err());
}

#[rstest]
#[case(NumberFormat::Point, "1234.50", Some("1234.50"))]
#[case(NumberFormat::Point, ".5", Some("0.5"))]
#[case(NumberFormat::Point, "-.5", Some("-0.5"))]
#[case(NumberFormat::Point, "+007", Some("7"))]
#[case(NumberFormat::Point, "-0.00", Some("0.00"))]
#[case(NumberFormat::Point, "1,234", None)]
#[case(NumberFormat::Point, "1.23E+05", None)]
#[case(NumberFormat::Point, " 5", Some("5"))]
#[case(NumberFormat::Point, "5 ", None)]
#[case(NumberFormat::Point, "5.", None)]
#[case(NumberFormat::Point, "NaN", Some("NaN"))]
#[case(NumberFormat::Comma, "1234,5", Some("1234.5"))]
#[case(NumberFormat::Comma, "1,234", Some("1.234"))]
#[case(NumberFormat::CommaPoint, "1,234", Some("1234"))]
#[case(NumberFormat::CommaPoint, "1,234,567.8", Some("1234567.8"))]
#[case(NumberFormat::CommaPoint, "1,2345", None)]
#[case(NumberFormat::CommaPoint, "1234.5", None)]
#[case(NumberFormat::PointComma, "1.234,5", Some("1234.5"))]
#[case(NumberFormat::BlankComma, "1\u{a0}234,5", Some("1234.5"))]
#[case(NumberFormat::ApostrophePoint, "1'234.5", Some("1234.5"))]
fn numbers_are_read_by_their_format(#[case] format: NumberFormat, #[case] text: &str, #[case] expected: Option<&str>) {
    assert_eq!(format.read(text).as_deref(), expected);
}

#[rstest]
#[case("007", Some("7"))]
#[case("5.0", Some("5"))]
#[case("1.23E+05", None)]
#[case("1,234", None)]
#[case("5.5", None)]
fn identifiers_are_digits(#[case] text: &str, #[case] expected: Option<&str>) {
    assert_eq!(read_identifier(text).ok().as_deref(), expected);
}

#[rstest]
#[case("utf-8", b"\xc3\xa9", Ok("é"))]
#[case("utf-8", b"a\xe9", Err(1))]
#[case("windows-1252", b"\xe9\x80", Ok("é€"))]
#[case("windows-1252", b"a\x81", Err(1))]
#[case("iso-8859-1", b"\xe9\x80", Ok("é\u{80}"))]
#[case("iso-8859-15", b"\xa4", Ok("€"))]
fn bytes_are_text_by_their_encoding(#[case] name: &str, #[case] bytes: &[u8], #[case] expected: Result<&str, usize>) {
    let encoding: Encoding = name.parse().expect("it is an encoding");
    assert_eq!(encoding.decode(bytes).as_deref(), expected.as_ref().copied());
}

#[rstest]
#[case("utf-16le")]
#[case("shift_jis")]
#[case("nonsense")]
fn an_encoding_of_several_bytes_is_refused(#[case] name: &str) {
    assert!(name.parse::<Encoding>().is_err());
}

#[test]
fn flags_are_read_or_refused() {
    assert_eq!("tab".parse(), Ok(Delimiter(b'\t')));
    assert_eq!(";".parse(), Ok(Delimiter(b';')));
    for wrong in ["\"", "x", ",,", "", " ", ".", "\n"] {
        assert!(wrong.parse::<Delimiter>().is_err(), "{wrong:?}");
    }
    assert!("trade_size=12.5".parse::<Total>().is_ok());
    for wrong in ["trade_size", "trade_size=1,5", "name=5"] {
        assert!(wrong.parse::<Total>().is_err(), "{wrong:?}");
    }
}
