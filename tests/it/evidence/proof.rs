//! `proof.sql` is right about a clean migration, and finds every corruption that the verification finds.
//!
//! What it claims is computed here from the rows: by the format's text, in a few lines that share nothing with either side.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use pretty_assertions::assert_eq;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;

use crate::harness::{Db, Start, with_db};
use pad_migrate::base::quote::quote_identifier;
use pad_migrate::base::text::hex;
use pad_migrate::config::settings::TableName;
use pad_migrate::migration::legacy::LegacyColumn;
use pad_migrate::migration::pg::proof::read_proof;
use pad_migrate::migration::proof::{Claims, Node, Proof, RUN_HASHES, proof_sql};
use pad_migrate::migration::run::Options;

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// A line of format 1.
fn line(name: &str, value: Option<&str>) -> String {
    let value = match value {
        None => String::new(),
        Some(text) if text.len() > 262_144 => format!("{}#{}", text.len(), sha256(text)),
        Some(text) => format!("{}:{text}", text.len()),
    };
    format!("{}:{name}={value}\n", name.len())
}

/// The root of a tree, and its level-2 nodes.
fn tree(leaves: &[String]) -> (String, Vec<String>) {
    let (mut level, mut nodes) = (leaves.to_vec(), Vec::new());
    for number in 1..=8 {
        let node = |children: &[String]| {
            sha256(&format!("node{}\n", children.iter().map(|it| format!(" {it}")).collect::<String>()))
        };
        level = level.chunks(16).map(node).collect();
        if number == 2 {
            nodes.clone_from(&level);
        }
    }
    (level.into_iter().next().unwrap_or_else(|| sha256("node\n")), nodes)
}

type Row = Vec<Option<String>>;

/// The rows of a query as COPY prints them.
async fn read(session: &mut PgConnection, query: &str) -> Vec<Row> {
    let copy = format!("copy ({query}) to stdout");
    let stream = session.copy_out_raw(&copy).await.expect("the query runs");
    let pieces: Vec<_> = stream.try_collect().await.expect("the rows are read");
    let text = String::from_utf8(pieces.concat()).expect("the rows are UTF-8");
    text.split_terminator('\n').map(|line| line.split('\t').map(value).collect()).collect()
}

/// A value of COPY's text format.
fn value(escaped: &str) -> Option<String> {
    if escaped == "\\N" {
        return None;
    }
    let (mut text, mut rest) = (String::new(), escaped.chars());
    while let Some(c) = rest.next() {
        text.push(match (c, if c == '\\' { rest.next() } else { None }) {
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('t')) => '\t',
            ('\\', Some('b')) => '\u{8}',
            ('\\', Some('f')) => '\u{c}',
            ('\\', Some('v')) => '\u{b}',
            ('\\', Some(other)) => other,
            (c, _) => c,
        });
    }
    Some(text)
}

/// What a bundle would hold of a database whose migration is clean.
pub(crate) struct Bundle {
    pub(crate) proof: Proof,
    /// rows.txt.
    rows: String,
}

const PIN: &str = "set datestyle = iso; set intervalstyle = postgres; set timezone = 'UTC'; \
    set extra_float_digits = 3; set bytea_output = hex; set lc_monetary = 'C'; set search_path = pg_catalog";

impl Bundle {
    /// Reads the rows, and computes what is claimed of them.
    pub(crate) async fn of(db: &Db, table: &TableName) -> Self {
        let mut proof = read_proof(&db.database, table).await.expect("the columns are read");
        let mut session = db.connect().await;
        sqlx::raw_sql(PIN).execute(&mut session).await.expect("the settings are set");
        let known = LegacyColumn::ALL.iter().map(|it| it.name());
        let others: BTreeSet<&str> = proof.columns.iter().map(|it| it.name.as_str()).collect();
        let others = others.into_iter().filter(|it| LegacyColumn::from_name(it).is_none());
        let names: Vec<&str> = known.chain(others).collect();
        let quoted: Vec<String> = names.iter().map(|it| quote_identifier(it)).collect();
        let (schema, name) = (quote_identifier(&table.schema), quote_identifier(&table.name));
        let query = format!("select id::int8, {} from {schema}.{name} order by id::int8", quoted.join(", "));
        let legacy = read(&mut session, &query).await;
        let lineage = read(
            &mut session,
            "select source_id, target_table, concat(m.id, ' ', target_id, ' ', migrated_at), security_id \
             from padealing.migration_mapping m left join padealing.pad_request r on r.id = target_id \
             where source_table = 'personal_account_dealing'",
        )
        .await;
        let open = read(
            &mut session,
            "select source_id, id, field, rule, value, message, first_run_id, last_run_id from padealing.migration_reject \
             where resolved_run_id is null order by source_id, field collate \"C\", rule collate \"C\"",
        )
        .await;
        let runs: Vec<(String, String)> =
            sqlx::query_as(RUN_HASHES).fetch_all(&mut session).await.expect("the runs are read");
        let (claims, rows) = claims(&names, &legacy, &lineage, &open);
        proof.claims = Claims { runs, tool_version: env!("CARGO_PKG_VERSION").to_owned(), ..claims };
        Self { proof, rows }
    }

    /// What psql prints, without a blank line at an end, and how it ends.
    pub(crate) async fn run(&self, db: &Db, arguments: &str) -> (String, i32) {
        db.psql_output(&proof_sql(&self.proof), arguments).await
    }

    /// Proves it.
    pub(crate) async fn check_proved(&self, db: &Db) {
        let (output, status) = self.run(db, "").await;
        assert!(output.contains("\nPROVED: ") && status == 0, "{status}\n{output}");
        let (rows, status) = self.run(db, "-q -A -t -v rows=1").await;
        assert_eq!((rows.trim_end(), status), (self.rows.trim_end(), 0));
    }

    /// Finds exactly these: source id, target, field.
    pub(crate) async fn check_found(&self, db: &Db, want: &[(i64, &str, &str)]) {
        let (output, status) = self.run(db, "").await;
        assert!(output.contains("\nNOT PROVED: ") && status == 3, "{status}\n{output}");
        let want: BTreeSet<String> =
            want.iter().map(|(id, target, field)| format!("row {id}: {target}, {field}")).collect();
        let named = output.lines().filter(|it| it.starts_with("row "));
        let found = named.map(|it| it.split(" (").next().unwrap_or_default().to_owned());
        assert_eq!(found.collect::<BTreeSet<String>>(), want, "{output}");
    }
}

/// The roots, nodes and numbers of rows, and rows.txt.
fn claims(names: &[&str], legacy: &[Row], lineage: &[Row], open: &[Row]) -> (Claims, String) {
    let mut entries: BTreeMap<(i64, &str), &Row> = BTreeMap::new();
    let id = |row: &Row| row[0].as_deref().and_then(|it| it.parse::<i64>().ok()).expect("it has an id");
    for row in lineage {
        entries.insert((id(row), row[1].as_deref().unwrap_or_default()), row);
    }
    let roles = [
        "pad_request",
        "pad_approval:manager",
        "pad_approval:compliance",
        "pad_execution",
        "audit_log:request_submitted",
        "audit_log:approval_manager",
        "audit_log:approval_compliance",
    ];
    let (mut claims, mut rows) = (Claims::default(), String::new());
    let (mut leaves, mut keys_leaves, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for row in legacy {
        let id = id(row);
        let texts = names.iter().zip(&row[1..]).map(|(name, text)| line(name, text.as_deref()));
        let hash = sha256(&format!("row\n{}", texts.collect::<String>()));
        let reasons: Vec<&Row> = open.iter().filter(|it| it[0].as_deref() == Some(&id.to_string())).collect();
        let row_line = line("row", Some(&hash));
        let (state, leaf) = if let Some(request) = entries.get(&(id, "pad_request")) {
            claims.migrated += 1;
            let each = roles.map(|role| line(role, entries.get(&(id, role)).and_then(|it| it[2].as_deref())));
            let keys = sha256(&format!("keys\n{}{}", line("security_id", request[3].as_deref()), each.concat()));
            rows.push_str(&format!("{id} migrated {hash} = {keys}\n"));
            keys_leaves.push(keys);
            leaves.push(hash);
            ids.push(id);
            continue;
        } else if reasons.is_empty() {
            claims.pending += 1;
            ("pending", sha256(&format!("pending\n{row_line}")))
        } else {
            claims.rejected += 1;
            let columns = ["id", "field", "rule", "value", "message", "first_run_id", "last_run_id"];
            let each = reasons.iter().flat_map(|reason| columns.iter().zip(&reason[1..]));
            let lines: String = each.map(|(name, text)| line(name, text.as_deref())).collect();
            ("rejected", sha256(&format!("rejected\n{row_line}{lines}")))
        };
        rows.push_str(&format!("{id} {state} {hash} - -\n"));
        keys_leaves.push(leaf.clone());
        leaves.push(leaf);
        ids.push(id);
    }
    claims.source = leaves.len() as u64;
    let ((root, nodes), (keys_root, keys_nodes)) = (tree(&leaves), tree(&keys_leaves));
    claims.roots = [root.clone(), root, keys_root];
    let nodes = nodes.into_iter().zip(keys_nodes).enumerate();
    claims.nodes =
        nodes.map(|(at, (node, keys))| Node { first_id: ids[256 * at], hashes: [node.clone(), node, keys] }).collect();
    (claims, rows)
}

/// The fixtures: every decision, every rule, unknown columns.
#[tokio::test]
async fn a_clean_migration_is_proved() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        Bundle::of(&db, &TableName::legacy()).await.check_proved(&db).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_proved_of_nothing() {
    with_db(Start::Applied, async |db| {
        Bundle::of(&db, &TableName::legacy()).await.check_proved(&db).await;
    })
    .await;
}
