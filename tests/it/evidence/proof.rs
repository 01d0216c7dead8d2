//! `proof.sql` is right about a clean migration, and finds every corruption that the verification finds.
//!
//! What it claims is computed here from the rows: by the format's text, in a few lines that share nothing with either
//! side.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use pretty_assertions::assert_eq;
use rstest::rstest;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;

use crate::generate::with_generated;
use crate::harness::{Db, Seen, Start, try_migrate, with_db};
use pad_migrate::base::quote::quote_identifier;
use pad_migrate::base::text::hex;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::harness::generate::Generator;
use pad_migrate::migration::legacy::LegacyColumn;
use pad_migrate::migration::pg::evidence::proofs::describe;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::verify::VerifyRequest;
use pad_migrate::migration::proof::facts::{Claims, Node, Place, Proof, REASONS_HASH, RUN_HASHES};
use pad_migrate::migration::proof::script::proof_sql;
use pad_migrate::migration::proof::view::legacy_view;
use pad_migrate::migration::run::Options;
use pad_migrate::postgres::database::Database;

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

/// Rows whose id is a whole number that no other row has.
const USABLE: &str = "id::text ~ '^[0-9]+$' and id in (select id from public.personal_account_dealing group by id \
    having count(*) = 1)";

const PIN: &str = "set datestyle = iso; set intervalstyle = postgres; set timezone = 'UTC'; \
    set extra_float_digits = 3; set bytea_output = hex; set lc_monetary = 'C'; set search_path = pg_catalog";

impl Bundle {
    /// Reads the rows, and computes what is claimed of them.
    pub(crate) async fn of(db: &Db, table: &TableName) -> Self {
        Self::of_zoned(db, &db.database, table, &[]).await
    }

    /// The same, of a database with a time zone for the source, and with rows that can't be read: their hash is one
    /// that only the bundle knows.
    async fn of_zoned(db: &Db, database: &Database, table: &TableName, unreadable: &[i64]) -> Self {
        let source = LegacySource::Table { database, table };
        let request = VerifyRequest { target: database, source, environment: Environment::Local };
        let mut proof = describe(&request, true).await.expect("the columns are read");
        let mut session = db.connect().await;
        sqlx::raw_sql(PIN).execute(&mut session).await.expect("the settings are set");
        let known = LegacyColumn::ALL.iter().map(|it| it.name());
        let others: BTreeSet<&str> = proof.columns.iter().map(|it| it.name.as_str()).collect();
        let others = others.into_iter().filter(|it| LegacyColumn::from_name(it).is_none());
        let names: Vec<&str> = known.chain(others).collect();
        let quoted: Vec<String> = names.iter().map(|it| quote_identifier(it)).collect();
        let (schema, name) = (quote_identifier(&table.schema), quote_identifier(&table.name));
        let query = format!(
            "select id::int8, {} from {schema}.{name} where {USABLE} and \
             id::int8 <> all ('{{{}}}') order by 1",
            quoted.join(", "),
            unreadable.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
        );
        let mut legacy = read(&mut session, &query).await;
        legacy.extend(unreadable.iter().map(|id| vec![Some(id.to_string())]));
        legacy.sort_by_key(id);
        let lineage = read(
            &mut session,
            "select source_id, target_table, concat(m.id, ' ', target_id, ' ', migrated_at), security_id \
             from padealing.migration_mapping m left join padealing.pad_request r on r.id = target_id \
             where source_table = 'personal_account_dealing'",
        )
        .await;
        let open = read(
            &mut session,
            "select source_id, id, field, rule, value, message, first_run_id, last_run_id \
             from padealing.migration_reject \
             where resolved_run_id is null order by source_id, field collate \"C\", rule collate \"C\"",
        )
        .await;
        let runs: Vec<(String, String)> =
            sqlx::query_as(RUN_HASHES).fetch_all(&mut session).await.expect("the runs are read");
        let reasons: String =
            sqlx::query_scalar(REASONS_HASH).fetch_one(&mut session).await.expect("the reasons are read");
        let (claims, rows) = claims(&names, &legacy, &lineage, &open);
        let row_hashes = unreadable.iter().map(|id| (*id, sha256("unreadable"))).collect();
        proof.claims =
            Claims { runs, row_hashes, reasons, tool_version: env!("CARGO_PKG_VERSION").to_owned(), ..claims };
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

fn id(row: &Row) -> i64 {
    row[0].as_deref().and_then(|it| it.parse().ok()).expect("it has an id")
}

/// The roots, nodes and numbers of rows, and rows.txt.
fn claims(names: &[&str], legacy: &[Row], lineage: &[Row], open: &[Row]) -> (Claims, String) {
    let mut entries: BTreeMap<(i64, &str), &Row> = BTreeMap::new();
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
        let hash = match row.len() {
            1 => sha256("unreadable"),
            _ => sha256(&format!("row\n{}", texts.collect::<String>())),
        };
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
        let of_reasons = if state == "rejected" { &leaf } else { "-" };
        rows.push_str(&format!("{id} {state} {hash} - {of_reasons}\n"));
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

/// Generated rows, in eight blocks of 256: a root that has changed leads to the block.
#[tokio::test]
async fn what_has_changed_is_among_these_rows() {
    with_generated(Generator { rows: 2000, seed: 5 }, async |db| {
        db.migrate(Options::default()).await;
        let mut bundle = Bundle::of(&db, &TableName::legacy()).await;
        bundle.check_proved(&db).await;
        let nodes = &bundle.proof.claims.nodes;
        let (first, last) = (nodes[2].first_id, nodes[3].first_id - 1);
        let id = db.value(&format!("select min(id) from padealing.pad_request where id >= {first}")).await;
        let id: i64 = id.and_then(|it| it.parse().ok()).expect("a row of the third block is migrated");
        let among = format!("among the rows with ids from {first} to {last}: ");
        db.execute(&format!("update personal_account_dealing set justification = 'after' where id = {id}")).await;
        bundle.check_found(&db, &[(id, "pad_request", "justification")]).await;
        let (output, _) = bundle.run(&db, "").await;
        assert!(output.contains(&format!("{among}the legacy rows\n")), "{output}");
        assert!(output.contains("justification (near it legacy rows have changed since)"), "{output}");
        let (rows, _) = bundle.run(&db, "-q -A -t -v rows=1").await;
        let changed = rows.lines().zip(bundle.rows.lines()).filter(|(now, then)| now != then);
        let ids: Vec<&str> = changed.filter_map(|(now, _)| now.split(' ').next()).collect();
        assert_eq!(ids, [id.to_string()]);
        // Both sides changed to the same: nothing differs, and it isn't what it was.
        db.execute(&format!("update padealing.pad_request set justification = 'after' where id = {id}")).await;
        let (output, status) = bundle.run(&db, "").await;
        assert!(output.contains(&format!("{among}the legacy rows, what is stored\n")) && status == 3, "{output}");
        assert!(output.contains("Differences: none"), "{output}");
        // Where the source is elsewhere, hashes of rows that weren't migrated are known.
        bundle = Bundle::of(&db, &TableName::legacy()).await;
        let hashes = bundle.rows.lines().filter_map(|row| match row.split(' ').collect::<Vec<_>>()[..] {
            [id, "rejected" | "pending", hash, ..] => Some((id.parse().ok()?, hash.to_owned())),
            _ => None,
        });
        bundle.proof.claims.row_hashes = hashes.collect();
        assert!(!bundle.proof.claims.row_hashes.is_empty());
        bundle.proof.place = Place::Elsewhere("legacy.csv\u{1b}[31m".to_owned());
        db.execute("alter table personal_account_dealing rename to moved").await;
        bundle.check_proved(&db).await;
        db.execute(&format!(
            "update padealing.pad_request set is_leveraged = is_leveraged is not true where id = {id}"
        ))
        .await;
        let (output, status) = bundle.run(&db, "").await;
        assert!(output.contains(&format!("{among}what is stored\n")) && status == 3, "{output}");
    })
    .await;
}

/// The columns of a table, and SQL of another value of each.
const OTHER_VALUES: &str = r#"select attname::text, case typname when 'bool' then format('%1$I is not true', attname)
        when 'jsonb' then quote_literal('{"odd": 1}') || '::jsonb'
        when 'bytea' then format('coalesce(%I, '''') || ''\x01''', attname)
        when 'uuid' then 'gen_random_uuid()' when '_text' then format('array_append(%I, ''x'')', attname)
        when 'interval' then format('coalesce(%I, ''0'') + ''1 second''', attname)
        when 'date' then format('coalesce(%I, ''2021-01-01'') + 1', attname)
        else case typcategory when 'N' then format('coalesce(%I, 0) + 100000', attname)
            when 'D' then format('coalesce(%I, ''2021-01-01'') + interval ''1 microsecond''', attname)
            when 'S' then format('case when %1$I = ''x'' then ''y'' else ''x'' end', attname) end end
    from pg_attribute join pg_type t on t.oid = atttypid
    where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum"#;

/// Changes one value of each column of a table, and checks that it isn't proved any more.
#[rstest]
#[case::pad_request("padealing.pad_request", "id = 1901")]
#[case::pad_approval("padealing.pad_approval", "request_id = 1901 and approval_type = 'manager'")]
#[case::pad_execution("padealing.pad_execution", "request_id = 1901")]
#[case::audit_log("padealing.audit_log", "request_id = 1901 and action_type = 'approval_compliance'")]
#[case::lineage("padealing.migration_mapping", "source_id = 1901 and target_table = 'pad_approval:manager'")]
#[case::rejections("padealing.migration_reject", "id = (select min(id) from padealing.migration_reject)")]
#[case::runs("padealing.migration_run", "true")]
#[case::legacy("public.personal_account_dealing", "id = 1901")]
#[tokio::test]
async fn a_change_of_any_column_is_found(#[case] table: &str, #[case] row: &str) {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let bundle = Bundle::of(&db, &TableName::legacy()).await;
        db.execute(&format!(
            "create table public.kept as table {table}; \
             do $$ declare c record; begin for c in select conname, conrelid::regclass as of from pg_constraint \
             where conrelid = '{table}'::regclass and contype in ('c', 'u') loop \
             execute format('alter table %s drop constraint %I', c.of, c.conname); end loop; end $$"
        ))
        .await;
        let mut session = db.connect().await;
        let columns: Vec<(String, Option<String>)> =
            sqlx::query_as(OTHER_VALUES).bind(table).fetch_all(&mut session).await.expect("the columns are read");
        assert!(columns.len() > 5);
        for (column, changed) in columns {
            let changed = changed.unwrap_or_else(|| panic!("{column} has a type that this test doesn't know"));
            let name = quote_identifier(&column);
            let change =
                format!("set session_replication_role = replica; update {table} set {name} = {changed} where {row}");
            db.execute(&change).await;
            let (output, status) = bundle.run(&db, "").await;
            assert!(output.contains("\nNOT PROVED: ") && status == 3, "{change}\n{status}\n{output}");
            // Of the others nothing says what they must be: only that they are another.
            let table_name = table.rsplit('.').next().unwrap_or_default();
            let is_judged = match table_name {
                "migration_reject" | "migration_run" => false,
                "migration_mapping" => !["id", "migrated_at"].contains(&column.as_str()),
                _ => true,
            };
            assert_eq!(output.contains("\nrow "), is_judged, "{change}\n{output}");
            let restore = format!(
                "set session_replication_role = replica; delete from {table}; \
                 insert into {table} overriding system value table public.kept"
            );
            db.execute(&restore).await;
        }
        bundle.check_proved(&db).await;
    })
    .await;
}

/// Columns with all kinds of names and types, and rows with values that a careless script would obey.
const ALL_KINDS: &str = r#"
    alter table personal_account_dealing alter requested_date type timestamptz using requested_date,
        alter employee type numeric, alter trade_size type text, alter last_modified_date type text,
        alter inst_symbol type char(20), alter isin type char(12), alter status type char(20),
        alter related_yn type char(1), alter signed_yn type int using null;
    create type public."Odd ""type""" as enum ('one', 'two words');
    create domain public.padded as char(7);
    alter table personal_account_dealing
        add "quo""te" text, add "new
line" text, add "{{keys}}" text, add ":'rows' :rows" text, add "back\slash\n" text, add "größe 名 🦀" text,
        add "%s %1$I" text, add c0 text, add r_id int, add residual jsonb, add "source_id" bigint,
        add bytes bytea, add texts text[], add flags boolean[], add js json, add jsb jsonb, add padded public.padded,
        add char3 char(3), add flag boolean, add at timestamptz, add clock timetz, add addr inet, add net cidr,
        add cash money, add "real" float4, add double float8, add bits bit varying(9), add id2 uuid,
        add odd public."Odd ""type""", add span tsrange, add name2 name, add one "char", add xm xml,
        add long interval, add point point;
    insert into personal_account_dealing (id, employee, requested_date, trade_size, value, last_modified_date,
        inst_symbol, isin, status, related_yn, is_deleted_yn, two_business_days_execution_yn, "quo""te", "new
line", "{{keys}}", ":'rows' :rows", "back\slash\n", "größe 名 🦀", "%s %1$I", c0, r_id, residual, "source_id", bytes,
        texts, flags, js, jsb, padded, char3, flag, at, clock, addr, net, cash, "real", double, bits, id2, odd, span,
        name2, one, xm, long, point)
    select id, 1003.0, '2021-07-01 12:00:00.5+02', ' +1e2 ', 7, ' 2021-08-02T03:04 ', 'TWIN', 'XS000000TWN1',
        'request', '1', 'y', '', 'a''b"c', E'line\none', '{{hash}}', ':''rows''', E'\\n\t', 'ß 🦀', '%s', 'c1', 5,
        '{"x": 1}', 77, '\x00ff', array['a,b', null, 'NULL', E'"\\'], '{t,f,null}', '{ "a":  1 }', '{"b": 2}', 'ab',
        'x', id % 2 = 0, '2021-03-28 01:30:00+01', '12:00+05:30', '10.0.0.1', '10.0.0.0/8', '$1,234.50', 0.1,
        1e-300, '10101', '00000000-0000-0000-0000-000000000001', 'two words', '[2020-01-01,)', 'n', 'c',
        '<a>1</a>', '1 year 2 days -03:04:05.6', '(1,2)'
    from generate_series(1, 3) id;
    insert into personal_account_dealing (id, employee, requested_date, status, is_deleted_yn)
    values (4, 1003, 'infinity', 'request', 'N'), (5, 1003, '4713-01-01 00:00:00 BC', 'request', null),
        (6, 1003, '2021-10-31 01:30:00+00', 'request', 'N'), (7, null, null, 'what', '?');
    update personal_account_dealing set justification = repeat('ß', 200000), "%s %1$I" = repeat('ß', 131073),
        texts = array[repeat('x', 300000)] where id in (3, 7)"#;

/// Names and types of all kinds, and a clock in a time zone.
#[tokio::test]
async fn columns_of_all_kinds_are_proved_and_come_back() {
    with_db(Start::Applied, async |db| {
        db.execute(ALL_KINDS).await;
        let zoned = Database::clone(&db.database).in_timezone(Some("Europe/London".to_owned()));
        try_migrate(&zoned, Options::default(), &mut Seen::default()).await.expect("it runs");
        let rejected = "select string_agg(source_id || ' ' || field || ' ' || message, e'\\n') from \
            padealing.migration_reject where source_id <> 7";
        assert_eq!(db.value(rejected).await, None);
        let bundle = Bundle::of_zoned(&db, &zoned, &TableName::legacy(), &[]).await;
        bundle.check_proved(&db).await;
        let script = proof_sql(&bundle.proof);
        assert!(!script.contains(|c: char| c.is_control() && c != '\n'), "a terminal obeys nothing of it");
        db.execute(&legacy_view(&bundle.proof.columns, ("public", "was"))).await;
        let pins = "set timezone = 'UTC'; set extra_float_digits = 3";
        db.execute(&format!("{pins}; create table public.there as select * from public.was")).await;
        for (one, other) in [("personal_account_dealing", "public.there"), ("public.there", "personal_account_dealing")]
        {
            let except = format!(
                "select string_agg(d, e'\\n') from (select l::text from {one} l where id < 7 \
                 except select l::text from {other} l) d(d)"
            );
            assert_eq!(db.value(&except).await, None);
        }
        db.execute("update personal_account_dealing set \"new\nline\" = 'other' where id = 2").await;
        bundle.check_found(&db, &[(2, "personal_account_dealing", "new\\nline")]).await;
    })
    .await;
}

/// Rows without an id of their own are in no tree, and said to be outside.
#[tokio::test]
async fn rows_without_an_id_of_their_own_are_outside() {
    for kind in ["numeric", "text"] {
        with_db(Start::Seeded, async |db| {
            db.execute(&format!(
                "alter table personal_account_dealing drop constraint personal_account_dealing_pkey; \
                 alter table personal_account_dealing alter id type {kind}, alter id drop not null; \
                 insert into personal_account_dealing (id) values (null), ('1.5'), (71), (71)"
            ))
            .await;
            db.migrate(Options::default()).await;
            let mut bundle = Bundle::of(&db, &TableName::legacy()).await;
            bundle.proof.claims.outside = 4;
            bundle.check_proved(&db).await;
            let (output, _) = bundle.run(&db, "").await;
            assert!(output.contains("4 more have no id of their own, and are outside of this proof"), "{output}");
        })
        .await;
    }
}

/// The table of a source that isn't in UTF-8 is in another database: the script says so, and compares nothing.
#[tokio::test]
async fn another_encoding_is_refused() {
    with_db(Start::Applied, async |db| {
        let bundle = Bundle::of(&db, &TableName::legacy()).await;
        let name = format!("{}_latin1", db.place().name);
        db.execute(&format!("create database {name} encoding 'LATIN1' template template0 locale 'C'")).await;
        let other = Db { database: db.database.named(&name), url: db.url.replace(&db.place().name, &name) };
        let (output, status) = bundle.run(&other, "").await;
        db.execute(&format!("drop database {name}")).await;
        assert!(output.contains("This script needs the encoding UTF8") && status == 3, "{output}");
    })
    .await;
}

/// Another column is said; without one of its columns, a table isn't compared.
#[tokio::test]
async fn other_columns_are_not_proved() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let bundle = Bundle::of(&db, &TableName::legacy()).await;
        db.execute("alter table personal_account_dealing add later text").await;
        let (output, status) = bundle.run(&db, "").await;
        let said = "NOT PROVED: the legacy table has columns that the bundle does not know.";
        assert!(output.contains(said) && status == 3, "{output}");
        for change in ["alter later type int using 0", "alter currency type char(3)", "drop desk_code"] {
            db.execute(&format!("alter table personal_account_dealing {change}")).await;
            let (output, status) = bundle.run(&db, "").await;
            let lacks = output.contains("NOT PROVED: the legacy table is gone, or lacks columns");
            assert!(lacks != change.contains("later") && status == 3, "{change}: {output}");
        }
    })
    .await;
}

/// More rows are wrong than are named.
#[tokio::test]
async fn the_first_thousand_differences_are_named() {
    with_generated(Generator { rows: 1500, seed: 3 }, async |db| {
        db.migrate(Options::default()).await;
        let bundle = Bundle::of(&db, &TableName::legacy()).await;
        db.execute("update padealing.pad_request set related_party_name = 'x', deleted_by_id = employee_id").await;
        let (output, status) = bundle.run(&db, "").await;
        assert_eq!((output.matches("\nrow ").count(), status), (1000, 3));
        let migrated = format!("Differences: 1,{}", bundle.proof.claims.migrated - 1000);
        assert!(output.contains(&migrated), "{output}");
    })
    .await;
}

/// A view fails to compute a value of row 2, whose hash only the bundle knows.
#[tokio::test]
async fn a_row_that_a_view_fails_to_compute_is_no_error() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "alter table personal_account_dealing add code text; update personal_account_dealing set code = '7'; \
             update personal_account_dealing set code = 'seven' where id = 101; \
             alter table personal_account_dealing rename to legacy; \
             create view personal_account_dealing as select l.*, code::int as number from legacy l",
        )
        .await;
        db.migrate(Options::default()).await;
        let bundle = Bundle::of_zoned(&db, &db.database, &TableName::legacy(), &[101]).await;
        bundle.check_proved(&db).await;
        db.execute("update legacy set code = '8' where id = 102").await;
        let field = |field| (102, "personal_account_dealing", field);
        bundle.check_found(&db, &[field("code"), field("number")]).await;
    })
    .await;
}
