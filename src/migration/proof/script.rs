//! The script that psql runs.

use crate::base::escape;
use crate::migration::proof::facts::{Place, Proof, REASONS_HASH, RUN_HASHES};
use crate::migration::proof::rows::qualified;
use crate::migration::proof::strays::crowded;
use crate::migration::proof::text::{fill, literal, values};

const SCRIPT: &str = include_str!("script.sql");

/// `proof.sql`.
pub fn proof_sql(proof: &Proof) -> String {
    let claims = &proof.claims;
    let number = |count: u64| count.to_string();
    let [source_root, target_root, keys_root] = &claims.roots;
    let pair = |(one, other): (&str, &str)| format!("({}, {})", literal(one), literal(other));
    let runs = claims.runs.iter().map(|(id, hash)| pair((id, hash)));
    let runs = values(runs, "null::text, null::text");
    let columns = proof.columns.iter().map(|it| pair((&it.name, &it.sql_type)));
    let columns = values(columns, "null::text, null::text");
    let (is_here, place) = match &proof.place {
        Place::Here { table: (schema, name), .. } => ("true", format!("{schema}.{name}")),
        Place::Elsewhere(place) => ("false", place.clone()),
    };
    fill(
        SCRIPT,
        &[
            ("version", &escape::text(&claims.tool_version)),
            ("version_literal", &literal(&escape::text(&claims.tool_version))),
            ("place", &literal(&escape::text(&place))),
            ("is_here", is_here),
            ("source_root", &literal(source_root)),
            ("target_root", &literal(target_root)),
            ("keys_root", &literal(keys_root)),
            ("source", &number(claims.source)),
            ("migrated", &number(claims.migrated)),
            ("rejected", &number(claims.rejected)),
            ("pending", &number(claims.pending)),
            ("outside", &number(claims.outside)),
            ("outside_now", &proof.outside()),
            ("columns", &columns),
            ("columns_now", &proof.columns_now()),
            ("crowded", &crowded()),
            ("rows", &proof.rows()),
            ("levels", &proof.levels()),
            ("changed", &proof.changed()),
            ("strays", &proof.strays()),
            ("details", &proof.details()),
            ("claimed_runs", &runs),
            ("run_hashes", RUN_HASHES),
            ("reasons_hash", REASONS_HASH),
            ("claimed_reasons", &literal(&claims.reasons)),
        ],
    )
}

impl Proof {
    /// SQL of how many legacy rows have no id of their own.
    fn outside(&self) -> String {
        match &self.place {
            Place::Here { table, .. } => {
                let (table, condition) = (qualified(table), self.is_in_trees());
                format!("(select count(*) from {table} l where ({condition}) is not true)")
            }
            Place::Elsewhere(_) => self.claims.outside.to_string(),
        }
    }

    /// The columns that the legacy table has: name and type.
    fn columns_now(&self) -> String {
        match &self.place {
            Place::Here { table, .. } => format!(
                "    select attname::text, format_type(atttypid, atttypmod) from pg_attribute\n    \
                 where attrelid = to_regclass({}) and attnum > 0 and not attisdropped",
                literal(&qualified(table))
            ),
            Place::Elsewhere(_) => "    select name, type from known".to_owned(),
        }
    }
}
