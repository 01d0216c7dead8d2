//! The script that psql runs.

use crate::base::escape;
use crate::migration::proof::facts::{Place, Proof, RUN_HASHES};
use crate::migration::proof::rows::qualified;
use crate::migration::proof::strays::crowded;
use crate::migration::proof::text::{fill, literal};

const SCRIPT: &str = include_str!("script.sql");

/// `proof.sql`.
pub fn proof_sql(proof: &Proof) -> String {
    let claims = &proof.claims;
    let number = |count: u64| count.to_string();
    let [source_root, target_root, keys_root] = &claims.roots;
    let runs: Vec<String> =
        claims.runs.iter().map(|(id, hash)| format!("({}, {})", literal(id), literal(hash))).collect();
    let runs = match runs.is_empty() {
        true => "select null::text, null::text where false".to_owned(),
        false => format!("values {}", runs.join(",\n           ")),
    };
    let (is_here, outside) = match &proof.place {
        Place::Here { table, .. } => {
            (true, format!("(select count(*) from {} l where ({}) is not true)", qualified(table), proof.is_in_trees()))
        }
        Place::Elsewhere(_) => (false, number(claims.outside)),
    };
    let place = match &proof.place {
        Place::Here { table: (schema, name), .. } => format!("{schema}.{name}"),
        Place::Elsewhere(place) => place.clone(),
    };
    fill(
        SCRIPT,
        &[
            ("version", &escape::text(&claims.tool_version)),
            ("version_literal", &literal(&escape::text(&claims.tool_version))),
            ("place", &literal(&escape::text(&place))),
            ("is_here", if is_here { "true" } else { "false" }),
            ("source_root", &literal(source_root)),
            ("target_root", &literal(target_root)),
            ("keys_root", &literal(keys_root)),
            ("source", &number(claims.source)),
            ("migrated", &number(claims.migrated)),
            ("rejected", &number(claims.rejected)),
            ("pending", &number(claims.pending)),
            ("outside", &number(claims.outside)),
            ("outside_now", &outside),
            ("crowded", &crowded()),
            ("rows", &proof.rows()),
            ("levels", &proof.levels()),
            ("changed", &proof.changed()),
            ("strays", &proof.strays()),
            ("details", &proof.details()),
            ("claimed_runs", &runs),
            ("run_hashes", RUN_HASHES),
        ],
    )
}
