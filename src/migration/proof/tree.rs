//! The trees over the rows: their roots, and among which rows a root differs from the bundle's.

use crate::migration::proof::facts::{Claims, Place, Proof};
use crate::migration::proof::text::{fill, lines, sha256, values};

/// Levels of the tree, of which each node has 16 children: enough for 4 billion leaves.
const LEVELS: usize = 8;

/// The leaves' hashes of the three trees: source, target, keys.
const TREES: [&str; 3] = ["s", "t", "k"];

const ROWS: &str = include_str!("rows.sql");
const CHANGED: &str = include_str!("changed.sql");

/// The nodes over what is grouped, in the order of `n`.
fn nodes() -> String {
    let each = TREES.map(|tree| {
        format!(
            "sha256(convert_to('node' || string_agg(' ' || encode({tree}, 'hex'), '' order by n) || E'\\n', 'UTF8')) \
             as {tree}"
        )
    });
    each.join(",\n           ")
}

impl Claims {
    /// The hashes of rows that can't be computed: `id`, `hash`.
    pub(super) fn constants(&self) -> String {
        let rows = self.row_hashes.iter().map(|(id, hash)| format!("({id}::int8, '{hash}')"));
        values(rows, "null::int8, null::text")
    }

    /// The nodes over 256 rows: `no`, `first_id`, `s`, `t`, `k`.
    fn claimed(&self) -> String {
        let rows = self.nodes.iter().enumerate().map(|(at, node)| {
            let [source, target, keys] = &node.hashes;
            format!("({}, {}::int8, '{source}', '{target}', '{keys}')", at + 1, node.first_id)
        });
        values(rows, "null::int4, null::int8, null::text, null::text, null::text")
    }

    /// The first ids of these nodes, an array.
    fn first_ids(&self) -> String {
        let ids: Vec<String> = self.nodes.iter().map(|node| node.first_id.to_string()).collect();
        format!("'{{{}}}'::int8[]", ids.join(","))
    }
}

impl Proof {
    /// The rows as common table expressions, of which `leaf` has a line for each legacy row: `id`, `state`, the hashes
    /// `source` and `target`, the leaves `s`, `t` and `k`, `is_wrong`.
    pub(super) fn rows(&self) -> String {
        let source =
            self.source_rows().unwrap_or_else(|| "    select id, decode(hash, 'hex') as hash from constant".to_owned());
        let (join, id, hash) = match self.place {
            Place::Here { .. } => ("left", "source.id", "source.hash"),
            // The hash of a migrated row is the target's: there is no other here.
            Place::Elsewhere(_) => {
                ("full", "coalesce(source.id, stored.source_id)", "coalesce(source.hash, stored.hash)")
            }
        };
        let rejection: [(&str, String); 7] = ["id", "field", "rule", "value", "message", "first_run_id", "last_run_id"]
            .map(|name| (name, format!("{name}::text")));
        // The first line is part of the leaf, and not of each rejection.
        let each = lines("", &rejection);
        fill(
            ROWS,
            &[
                ("constants", &self.claims.constants()),
                ("source", &source),
                ("stored", &self.stored_rows()),
                ("rejection", &format!("substr({each}, 2)")),
                (
                    "sha256_of_rejected",
                    &sha256("concat(E'rejected\\n3:row=64:', encode(hash, 'hex'), E'\\n', rejections)"),
                ),
                ("join", join),
                ("id", id),
                ("hash", hash),
            ],
        )
    }

    /// The levels of the tree over `leaf`, the last of which is `level_8`.
    pub(super) fn levels(&self) -> String {
        let mut text = "level_0 as (select row_number() over (order by id) - 1 as n, s, t, k from leaf)".to_owned();
        for level in 1..=LEVELS {
            text.push_str(&format!(
                ",\nlevel_{level} as (\n    select n / 16 as n,\n           {}\n    from level_{} group by n / 16)",
                nodes(),
                level - 1
            ));
        }
        text
    }

    /// `changed`: the bundle's nodes over 256 rows, `first`, `last`, and for each tree whether it has changed.
    pub(super) fn changed(&self) -> String {
        fill(
            CHANGED,
            &[("claimed", &self.claims.claimed()), ("first_ids", &self.claims.first_ids()), ("nodes", &nodes())],
        )
    }
}
