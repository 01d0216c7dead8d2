//! Functions that a statement calls while it runs.

use squawk_syntax::{SyntaxKind as S, SyntaxNode};

use crate::schema::guard::check::{Calls, Guard};
use crate::schema::guard::kinds::is_standard_function;
use crate::schema::guard::refusal::{Checked, HOLE, refuse};
use crate::schema::guard::tree::{among, first_argument, is_our_name, literal, names};
use crate::schema::names::{APPLICATION_SCHEMA as OURS, CONTRACT_SCHEMA as REFERENCE};

/// Functions of pg_catalog that a statement may call while it runs. None writes anything but our sequences.
const LISTED: &str = "abs age array_agg array_append array_cat array_length array_position array_remove array_to_json \
    array_to_string array_upper avg bool_and bool_or btrim cardinality ceil char_length clock_timestamp coalesce \
    col_description concat concat_ws count current_database current_schema current_schemas current_setting currval \
    date_part date_trunc decode encode every floor format format_type gen_random_uuid generate_series greatest \
    has_schema_privilege has_sequence_privilege has_table_privilege initcap json_agg json_build_object jsonb_agg \
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each \
    jsonb_each_text jsonb_object_agg jsonb_object_keys jsonb_set jsonb_strip_nulls jsonb_typeof justify_interval least \
    left length lower lpad ltrim make_date make_interval make_timestamp max md5 min mod nextval now nullif \
    obj_description octet_length overlay pg_get_constraintdef pg_get_expr pg_get_indexdef pg_get_serial_sequence \
    pg_get_userbyid pg_get_viewdef pg_has_role pg_table_is_visible pg_typeof position power quote_ident quote_literal \
    quote_nullable rank regexp_match regexp_matches regexp_replace regexp_split_to_array repeat replace reverse right \
    round row_number row_to_json rpad rtrim setval sha256 split_part starts_with statement_timestamp string_agg \
    string_to_array strpos substr substring sum timezone to_char to_date to_json to_jsonb to_number to_regclass \
    to_regnamespace to_regproc to_regrole to_regtype to_timestamp transaction_timestamp translate trunc unnest upper \
    version";
/// Beginnings of the names of functions that do things: of pg_catalog's, all volatile ones that are not harmless.
const ACTING: &str = "pg_ lo_ loread lowrite gin_ brin_ binary_upgrade dblink set_config query_to_xml cursor_to_xml \
    table_to_xml schema_to_xml database_to_xml ts_stat ts_rewrite currtid plpgsql_";

impl Guard<'_> {
    pub(super) fn call(self, call: &SyntaxNode) -> Checked {
        let Some(callee) = call.first_child() else { return refuse(call, "it calls something without a name") };
        let is_name = |it: SyntaxNode| matches!(it.kind(), S::NAME_REF | S::FIELD_EXPR);
        let parts = match callee.kind() {
            S::NAME_REF | S::FIELD_EXPR if callee.descendants().all(is_name) => names(&callee),
            // A function in the standard's words: EXTRACT(… FROM …).
            kind if is_standard_function(kind) => return Ok(()),
            _ => return refuse(call, "it calls something without a name"),
        };
        let (schema, name) = match &parts[..] {
            [name] => ("pg_catalog", &**name),
            [schema, name] => (&**schema, &**name),
            _ => return refuse(call, "it calls a function of another database"),
        };
        if among("nextval setval", name) {
            match sequence(call) {
                Some(it) if is_our_name(&it) => {}
                None if self.calls == Calls::Any => {}
                _ => return refuse(call, &format!("{name} is not of a sequence in padealing, or does not say so")),
            }
        }
        let allowed = match self.calls {
            Calls::Any => true,
            Calls::Listed => schema == "pg_catalog" && among(LISTED, name),
            Calls::Harmless => {
                let acts = ACTING.split_whitespace().any(|it| name.starts_with(it)) && !among(LISTED, name);
                schema == OURS || schema != REFERENCE && !acts && !parts.iter().any(|it| it.contains(HOLE))
            }
        };
        if allowed { Ok(()) } else { refuse(call, &format!("function {} is not listed", parts.join("."))) }
    }
}

/// The sequence that is given to `nextval` and the like, or the table whose it is.
fn sequence(call: &SyntaxNode) -> Option<String> {
    let argument = first_argument(call)?;
    match argument.kind() {
        S::CAST_EXPR => literal(&argument.first_child()?),
        S::CALL_EXPR if argument.first_child()?.text() == "pg_get_serial_sequence" => {
            literal(&first_argument(&argument)?)
        }
        _ => literal(&argument),
    }
}
