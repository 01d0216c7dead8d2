//! What the text of a legacy column means: numbers, timestamps, flags and codes (D1, D3, D5). A text that isn't of its
//! kind becomes null instead of an error. No subqueries: they would keep the server from working in parallel.

use crate::migration::legacy::{Kind, LegacyColumn as Col};
use crate::migration::proof::facts::Proof;
use crate::migration::proof::text::{fill, literal};

const BLANKS: &str = r"[ \t\n\r\v\f]*";

/// A number, if it fits.
fn number(text: &str, fits: &str, value: &str) -> String {
    const NUMBER: &str = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?";
    let n = format!("{text}::numeric");
    let (fits, value) = (fill(fits, &[("n", &n)]), fill(value, &[("n", &n)]));
    format!("case when {text} ~ '^{BLANKS}{NUMBER}{BLANKS}$' then case when {fits} then {value} end end")
}

/// A timestamp. The pattern lets through what a calendar may refuse, so the day is looked at before the cast.
fn timestamp(text: &str, value: &str) -> String {
    const DAY: &str = "(?!0+-)[0-9]{4,6}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
    const TIME: &str = r"([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{0,6}0*)?)?( ?(Z|[-+]00(:?00)?))?)?";
    let parts = [
        (
            "year",
            format!("case when {text} ~ 'BC' then -1 else 1 end * substring({text} from '([0-9]{{4,6}})-')::int4"),
        ),
        ("month", format!("substring({text} from '[0-9]{{4}}-([0-9]{{2}})-')::int4")),
        ("day", format!("substring({text} from '[0-9]{{4}}-[0-9]{{2}}-([0-9]{{2}})')::int4")),
        ("text", text.to_owned()),
        ("value", value.to_owned()),
        ("pattern", format!("^{BLANKS}{DAY}{TIME}( BC)?{BLANKS}$")),
        ("infinite", format!("^{BLANKS}-?infinity{BLANKS}$")),
    ];
    let parts = parts.each_ref().map(|(name, part)| (*name, part.as_str()));
    fill(
        "case when {{text}} ~* '{{infinite}}' then {{value}} when {{text}} ~ '{{pattern}}' then case \
         when {{year}} between -4713 and 294276 or {{text}} ~ '4714-(11-(2[4-9]|30)|12-[0-9]{2}).*BC' then case \
         when {{day}} <= 28 or {{day}} <= 32 - extract(day from make_date({{year}}, {{month}}, 28) + 4) \
         then {{value}} end end end",
        &parts,
    )
}

impl Proof {
    /// SQL of the value of a known column, from SQL of its text.
    pub(super) fn typed(&self, column: Col, text: &str) -> String {
        let text = &format!("({text})");
        match column.kind() {
            Kind::Identifier => number(
                text,
                "{{n}} = trunc({{n}}) and {{n}} between -9223372036854775808 and 9223372036854775807",
                "{{n}}::int8",
            ),
            Kind::Number => number(text, "{{n}} = trunc({{n}}, 4) and abs({{n}}) < 10000000000000000", "{{n}}"),
            Kind::Timestamp => match &self.zone {
                Some(zone) if self.is_of_type(column, "timestamptz") => {
                    let moment = format!("{text}::timestamptz");
                    timestamp(text, &fill(CLOCK, &[("moment", &moment), ("zone", &literal(zone))]))
                }
                _ => timestamp(text, &format!("{text}::timestamp")),
            },
            Kind::YesNo => format!("nullif({text}, '') = '1'"),
            Kind::Code => format!("nullif(lower(btrim({text}, E' \\t') collate \"C\"), '')"),
            Kind::Text => text.clone(),
        }
    }

    /// Whether a known column of the source is of a type.
    pub(super) fn is_of_type(&self, column: Col, base_type: &str) -> bool {
        self.columns.iter().any(|it| it.known() == Some(column) && it.base_type == base_type)
    }
}

/// What a clock in the source's time zone showed at a moment. At the ends of the range a zone makes no difference that
/// could be stored.
const CLOCK: &str = "{{moment}} at time zone case when isfinite({{moment}}) and {{moment}} > '4713-01-02 BC' \
    and {{moment}} < '294276-12-30' then {{zone}} else 'UTC' end";
