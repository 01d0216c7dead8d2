//! The reference: each legacy column goes where it is said to go, and the document is what the catalog says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pretty_assertions::assert_eq;
use serde_json::Value;

use pad_migrate::migration::destination::destination;
use pad_migrate::migration::legacy::LegacyColumn as Col;
use pad_migrate::migration::run::Options;
use pad_migrate::schema::names::PHANTOM_COLUMNS;
use pad_migrate::schema::purpose::purpose;

use crate::harness::{Start, with_db};
use crate::tidy::{read, root};

/// A row that makes a row of each kind, and for each column another value that does, too.
const VALUES: &[(Col, &str, &str)] = &[
    (Col::Employee, "1001", "1002"),
    (Col::RequestedDate, "2024-01-02 03:04:05", "2024-01-03 03:04:05"),
    (Col::Name, "Ada Example", "Ben Example"),
    (Col::Related, "1", "2"),
    (Col::Relation, "sister", "brother"),
    (Col::BrokerReporting, "1", "2"),
    (Col::SecurityDescription, "Invented plc", "Imagined plc"),
    (Col::Isin, "XS0000000001", "XS0000000002"),
    (Col::Sedol, "0000001", "0000002"),
    (Col::Bloomberg, "INV LN", "IMA LN"),
    (Col::Ticker, "INV", "IMA"),
    (Col::TradeSize, "100", "200"),
    (Col::Value, "1000", "3000"),
    (Col::Currency, "GBP", "EUR"),
    (Col::DerivativeContract, "1", "2"),
    (Col::Justification, "a house", "a boat"),
    (Col::Leveraged, "1", "2"),
    (Col::BuySell, "B", "S"),
    (Col::InsideInfo, "1", "2"),
    (Col::ExistingPos, "1", "2"),
    (Col::Signed, "1", "2"),
    (Col::Status, "approved", "declined"),
    (Col::Restricted, "1", "2"),
    (Col::HoldingPeriod, "1", "2"),
    (Col::Conflicts, "1", "2"),
    (Col::ConflictComments, "none", "some"),
    (Col::OtherComments, "none", "some"),
    (Col::InstSymbol, "first", "second"),
    (Col::TwoBusinessDaysExecution, "1", "2"),
    (Col::ContractNotesReceived, "1", "2"),
    (Col::LastModifiedBy, "1001", "1002"),
    (Col::LastModifiedDate, "2024-02-02 03:04:05", "2024-02-03 03:04:05"),
    (Col::IsDeleted, "N", "Y"),
    (Col::AuthManager, "1001", "1002"),
    (Col::AuthManagerDate, "2024-01-04 03:04:05", "2024-01-05 03:04:05"),
    (Col::StatusManager, "approved", "declined"),
    (Col::CommentsManager, "yes", "no"),
    (Col::AuthCompliance, "1001", "1002"),
    (Col::AuthComplianceDate, "2024-01-06 03:04:05", "2024-01-07 03:04:05"),
    (Col::StatusCompliance, "approved", "declined"),
    (Col::CommentsCompliance, "yes", "no"),
];

/// What is stored for a request, a line `place=value` for each column: keys and what the audit log repeats aside.
const STORED: &str = "
    select coalesce(string_agg(place || '=' || coalesce(value, 'null'), e'\\n' order by place), '') from ( \
        select 'pad_request.' || key as place, value \
        from jsonb_each_text((select to_jsonb(t) - 'id' - 'compliance_assessment' from padealing.pad_request t where id = {id})) \
        union all \
        select case key when 'legacy' then 'residual' else 'pad_request.compliance_assessment' end, value \
        from padealing.pad_request t, jsonb_each_text(t.compliance_assessment) where id = {id} \
        union all \
        select 'pad_approval.' || key || case t.approval_type when 'manager' then ' of the manager' else ' of compliance' end, value \
        from padealing.pad_approval t, jsonb_each_text(to_jsonb(t) - 'id' - 'request_id') where request_id = {id} \
        union all \
        select 'pad_execution.' || key, value \
        from padealing.pad_execution t, jsonb_each_text(to_jsonb(t) - 'id' - 'request_id') where request_id = {id}) places";

fn places(stored: &str) -> BTreeMap<&str, &str> {
    stored.lines().filter_map(|line| line.split_once('=')).collect()
}

/// Rows that differ in one column are stored with differences where the declaration says, and in the residual, nowhere else.
#[tokio::test]
async fn each_legacy_column_goes_where_it_is_said_to_go() {
    const FIRST: i64 = 500_000;
    with_db(Start::Applied, async |db| {
        let symbol = |at: u32| format!("(select inst_symbol from bo_airflow.oracle_bloomberg o where (select count(*) \
             from bo_airflow.oracle_bloomberg other where other.inst_symbol = o.inst_symbol) = 1 order by id offset {at} limit 1)");
        let literal = |column: Col, value: &str| match (column, value) {
            (Col::InstSymbol, "first") => symbol(0),
            (Col::InstSymbol, _) => symbol(1),
            _ => format!("'{value}'"),
        };
        let columns: Vec<&str> = VALUES.iter().map(|it| it.0.name()).collect();
        let row = |id: i64, changed: Option<Col>| {
            let value = |(column, value, other): &(Col, &str, &str)| {
                literal(*column, if changed == Some(*column) { other } else { value })
            };
            let values: Vec<String> = VALUES.iter().map(value).collect();
            format!("insert into personal_account_dealing (id, {}) values ({id}, {});", columns.join(", "), values.join(", "))
        };
        let changed = std::iter::once(None).chain(VALUES.iter().map(|it| Some(it.0)));
        let rows: String = (FIRST..).zip(changed).map(|(id, changed)| row(id, changed)).collect();
        db.execute(&format!("delete from personal_account_dealing; {rows}")).await;
        let (report, _) = db.migrate(Options::default()).await;
        assert_eq!(report.counts.migrated, VALUES.len() as u64 + 1, "{:?}", report.rejections);
        let stored = async |id: i64| db.value(&STORED.replace("{id}", &id.to_string())).await.unwrap_or_default();
        let plain = stored(FIRST).await;
        let (mut wanted, mut seen) = (BTreeMap::new(), BTreeMap::new());
        for (id, (column, ..)) in (FIRST + 1..).zip(VALUES) {
            let other = stored(id).await;
            let (plain, other) = (places(&plain), places(&other));
            let all: BTreeSet<&str> = plain.keys().chain(other.keys()).copied().collect();
            let found: BTreeSet<&str> = all.into_iter().filter(|it| plain.get(it) != other.get(it)).collect();
            let declared: Vec<String> = destination(*column).0.iter().map(ToString::to_string).collect();
            let declared: BTreeSet<&str> = declared.iter().map(String::as_str).collect();
            let beside: BTreeSet<&str> = std::iter::once("residual").filter(|it| !declared.contains(it)).collect();
            let owned = |places: BTreeSet<&str>| places.into_iter().map(str::to_owned).collect::<Vec<_>>();
            seen.insert(column.name(), owned(&found - &beside));
            wanted.insert(column.name(), owned(declared));
        }
        assert_eq!(seen, wanted);
        let known: BTreeSet<Col> = VALUES.iter().map(|it| it.0).chain([Col::Id]).collect();
        assert_eq!(known, Col::ALL.iter().copied().collect(), "every column is tried");
    })
    .await;
}

/// Objects of the catalog that `migrations/` produce, of a kind and below a table.
fn objects<'c>(catalog: &'c Value, kind: &str, schema: &str, parent: Option<&str>) -> Vec<&'c Value> {
    let all = catalog["objects"].as_array().expect("a snapshot has objects");
    let is_wanted = |it: &&Value| it["kind"] == kind && it["schema"] == schema && it["parent"].as_str() == parent;
    all.iter().filter(is_wanted).collect()
}

/// Legacy columns by the place that has their values.
fn sources() -> BTreeMap<String, Vec<&'static str>> {
    let mut sources: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for column in Col::ALL {
        for place in destination(*column).0 {
            let place = place.to_string();
            let place = place.split(" of ").next().unwrap_or(&place);
            sources.entry(place.to_owned()).or_default().push(column.name());
        }
    }
    sources
}

fn table(out: &mut String, catalog: &Value, schema: &str, name: &str, sources: &BTreeMap<String, Vec<&'static str>>) {
    let _ = writeln!(out, "\n### {schema}.{name}\n");
    if let Some(purpose) = purpose(schema, name) {
        let _ = writeln!(out, "{purpose}\n");
    }
    let keys = objects(catalog, "constraint", schema, Some(name));
    let refers = |column: &str| {
        let found = keys.iter().find_map(|it| {
            let definition = it["properties"]["definition"].as_str()?;
            definition.strip_prefix(&format!("FOREIGN KEY ({column}) REFERENCES "))
        });
        found.map(|it| it.split(' ').next().unwrap_or(it).split('(').next().unwrap_or(it)).unwrap_or_default()
    };
    let is_ours = schema == "padealing";
    let (head, line) = if is_ours { (" from the legacy columns |", " --- |") } else { ("", "") };
    let _ = writeln!(out, "| column | type | null | refers to |{head}\n| --- | --- | --- | --- |{line}");
    let mut columns = objects(catalog, "column", schema, Some(name));
    columns.sort_by_key(|it| it["properties"]["position"].as_str().and_then(|at| at.parse::<u32>().ok()));
    for column in columns {
        let name_of_column = column["name"].as_str().expect("a name");
        let properties = &column["properties"];
        let null = if properties["not_null"] == "yes" { "no" } else { "yes" };
        let kind = properties["type"].as_str().expect("a type");
        let _ = write!(out, "| {name_of_column} | {kind} | {null} | {} |", refers(name_of_column));
        if is_ours {
            let from = sources.get(&format!("{name}.{name_of_column}")).map(|it| it.join(", ")).unwrap_or_default();
            let _ = write!(out, " {from} |");
        }
        out.push('\n');
    }
}

#[test]
fn the_document_is_what_the_catalog_says() {
    let path = root().join("docs/reference.md");
    let text = read(&path);
    const MARK: &str = "<!-- From here on written by PAD_RECORD=1 cargo test reference -->\n";
    let (head, recorded) = text.split_once(MARK).expect("the document has its mark");
    let catalog: Value = serde_json::from_str(&read(&root().join("migrations/expected.json"))).expect("it is JSON");
    let mut wanted = "\n| never there | read instead |\n| --- | --- |\n".to_owned();
    for (table, column, instead) in PHANTOM_COLUMNS {
        let _ = writeln!(wanted, "| {table}.{column} | {instead} |");
    }
    wanted += "\n## Where the legacy columns went\n\n*residual* is `pad_request.compliance_assessment -> 'legacy'`: what a typed \
               column can't give back, and every column of the legacy table that isn't listed (D20). A column with several places is \
               named with the one that has its value first.\n\n| legacy column | now in | decision |\n| --- | --- | --- |\n";
    for column in Col::ALL {
        let (places, decision) = destination(*column);
        let to = places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let _ = writeln!(wanted, "| {} | {to} | {decision} |", column.name());
    }
    let sources = sources();
    for (schema, title) in
        [("padealing", "Tables of the application"), ("bo_airflow", "Tables of the mirror that the application reads")]
    {
        let _ = writeln!(wanted, "\n## {title}");
        for found in objects(&catalog, "table", schema, None) {
            table(&mut wanted, &catalog, schema, found["name"].as_str().expect("a name"), &sources);
        }
    }
    if std::env::var_os("PAD_RECORD").is_some() {
        std::fs::write(&path, format!("{head}{MARK}{wanted}")).expect("the document is written");
        return;
    }
    assert_eq!(recorded, wanted, "docs/reference.md; PAD_RECORD=1 cargo test reference writes it");
}

/// Each table that the catalog has is explained.
#[test]
fn every_table_has_a_purpose() {
    let catalog: Value = serde_json::from_str(&read(&root().join("migrations/expected.json"))).expect("it is JSON");
    for schema in ["padealing", "bo_airflow"] {
        for table in objects(&catalog, "table", schema, None) {
            let name = table["name"].as_str().expect("a name");
            assert!(purpose(schema, name).is_some(), "{schema}.{name} is for nothing");
        }
    }
}
